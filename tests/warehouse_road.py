"""Orders that Blue Ridge ships for Northwind, over the road under a test's own hand."""

from __future__ import annotations

import json
from typing import Any

from pipeline_road import Road
from road_documents import interchange, order

from gateway.pipeline.route import Fact, happen, order_key
from gateway.store import canonical_documents, schema

ORDER = order_key("harbor-pine", "HP-1001")


def tell(road: Road, event: str, data: dict[str, Any], number: str = "HP-1001") -> None:
    key = order_key("harbor-pine", number)
    with road.store.begin() as tx:
        fact = Fact(event, "production", "harbor-pine", (key,), {"system": "erp", **data}, correlation_id="D-1")
        happen(tx, road.house, [fact])
    road.work()


def released(road: Road, order_number: str = "HP-1001", **more: Any) -> None:
    """An order of two lines of 24, accepted and released to Roanoke."""
    n = int(order_number[-1])
    road.receive(interchange([order(order_number)], number=n, group=n))
    road.work()
    tell(road, "order.submitted", {"ref": f"SO-100{n}"}, order_number)
    tell(road, "order.accepted", {}, order_number)
    tell(road, "order.released", {"number": f"WO-{n}", "site": "roanoke", **more}, order_number)


def advice(number: str, packages: list[list[str]], *, release: str = "WO-1") -> list[str]:
    """One 945; each package is its segments after LX."""
    body = [f"W06*N*{release}*20261120*{number}**HP-1001", "N1*WH*Blue Ridge Logistics"]
    for n, segments in enumerate(packages, 1):
        body += [f"LX*{n}", *segments]
    return ["ST*945*0001", *body, f"SE*{len(body) + 2}*0001"]


def shipped(line: int, status: str, ordered: int, left: int) -> list[str]:
    short = ordered - left or ""
    return [f"W12*{status}*{ordered}*{left}*{short}*EA**VN*THROW-{line}", f"N9*LI*{line}"]


def from_blue_ridge(road: Road, *sets: list[str], number: int = 1) -> None:
    body = interchange(sets, number=number, sender="BLUERIDGE", functional_id="SW", group=number)
    road.receive(body, connection="blue-ridge", name=f"945-{number}")
    road.work()


def made(road: Road, kind: str) -> list[Any]:
    rows = road.rows(schema.document, direction="out", kind=kind)
    with road.store.read() as view:
        found = canonical_documents.load(view, [row.id for row in rows])
    return [found[row.id] for row in rows]


def codes(road: Road) -> list[str]:
    found = road.rows(schema.work_item, status="open")
    for row in found:
        assert "(not known)" not in " ".join((row.title, row.why, row.who, row.what_to_do))
    return [row.code for row in found]


def calls(road: Road, operation: str) -> list[dict[str, Any]]:
    bodies = [json.loads(row.body) for row in road.rows(schema.delivery, kind="call")]
    return [body for body in bodies if body["operation"] == operation]


def state(road: Road, key: str) -> dict[str, Any]:
    (row,) = [row for row in road.flows() if row.key == key]
    found: dict[str, Any] = json.loads(row.state)
    return found
