"""What must be true at the end of the warehouses' story, judged by what reached the other sides."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select

from gateway.cli.story.verdict import Check, Verdict, documents_in
from gateway.cli.story.warehouse_cast import HOWS, INVENTED, MUGS, THIRD_PARTIES, TRAYS, Cast, ThirdParty, each_order
from gateway.store.schema import event, event_key


def judge(cast: Cast) -> Verdict:
    """Compare what was sent with what arrived, in the raw logs of the other sides."""
    lost: list[str] = []
    doubled: list[str] = []
    for one in THIRD_PARTIES:
        taken = Counter(_taken(cast, one))
        for how in HOWS:
            what = f"warehouse order for {one.order(how)} at {one.partner}"
            _count(what, taken[one.order(how)], lost, doubled, 2 if how == "short" else 1)  # a backorder is one more
    notices = Counter(_notices(cast))
    posts = Counter(_posts(cast))
    for number in _advices(cast):
        _count(f"856 for shipment {number}", notices[number], lost, doubled)
        _count(f"shipment {number} in the ERP", posts[number], lost, doubled)
    advices = len(list(_advices(cast)))
    same, differs = _same_events(cast)
    shipped = _shipped(cast)
    whole = {(one.order(how), line): n for one, how in each_order() for line, n in (("1", MUGS), ("2", TRAYS))}
    checks = (
        Check(not lost, f"Lost: {len(lost)}. 12 warehouse orders, {advices} shipping advices.", "; ".join(lost[:5])),
        Check(not doubled, f"Doubled: {len(doubled)}.", "; ".join(doubled[:5])),
        Check(shipped == whole, "The 856s of each order add up to what was ordered.", f"{shipped}"),
        Check(same, "The canonical events are the same whoever shipped, but for numbers and times.", differs),
        Check(len(set(_ssccs(cast))) == len(_ssccs(cast)) > 0, "Every carton has an SSCC, and no two are the same."),
        Check(INVENTED not in json.dumps(cast.erp.arrivals()), "Nothing of the unknown order was posted."),
    )
    return Verdict(checks, len(lost), len(doubled), 0)


def _count(what: str, count: int, lost: list[str], doubled: list[str], wanted: int = 1) -> None:
    if count < wanted:
        lost.append(f"{what}: {count} of {wanted}")
    elif count > wanted:
        doubled.append(f"{what}: {count} instead of {wanted}")


def _taken(cast: Cast, one: ThirdParty) -> Iterator[str]:
    """The customer order of every warehouse order that reached a 3PL, from its raw log."""
    for line in cast.warehouses[one.partner].arrivals():
        text = line["body"]
        if one.speaks == "json" and line.get("path") == "/orders":
            said = json.loads(text)
            yield from (order["purchaseOrder"] for order in (said if isinstance(said, list) else [said]))
        elif one.speaks == "csv" and "file" in line:
            rows = csv.DictReader(io.StringIO(text))
            yield from dict.fromkeys(row["CUSTOMER_PO"] for row in rows)
        elif one.speaks == "x12" and "file" in line:
            yield from (paper.row("W05")[3] for paper in documents_in(text) if paper.set_id == "940")


def _advices(cast: Cast) -> Iterator[str]:
    """The number of every advice a 3PL gave, the invented one left out."""
    for simulator in cast.warehouses.values():
        yield from (one["number"] for one in simulator.holds()["advices"] if one["warehouse_order"] != INVENTED)


def _papers(cast: Cast) -> Iterator[Any]:
    for line in cast.retailer.arrivals():
        if line.get("path") == "/edi":
            yield from (paper for paper in documents_in(line["body"]) if paper.set_id == "856")


def _notices(cast: Cast) -> Iterator[str]:
    return (paper.row("BSN")[2] for paper in _papers(cast))


def _ssccs(cast: Cast) -> list[str]:
    return [row[2] for paper in _papers(cast) for row in paper.rows if row[0] == "MAN"]


def _shipped(cast: Cast) -> dict[tuple[str, str], int]:
    """(customer order, line) -> pieces, over every 856 that reached the retailer."""
    total: Counter[tuple[str, str]] = Counter()
    for paper in _papers(cast):
        line = ""
        for row in paper.rows:
            if row[0] == "LIN":
                line = row[1]
            elif row[0] == "SN1":
                total[paper.order, line] += int(row[2])
    return dict(total)


def _posts(cast: Cast) -> Iterator[str]:
    for line in cast.erp.arrivals():
        if (line["method"], line["path"]) == ("POST", "/v1/shipments"):
            yield json.loads(line["body"])["shipment"]


ALIKE = ("lines", "statuses", "reasons", "packages", "scac", "line", "quantity", "decision", "items", "identifiers")


def _same_events(cast: Cast) -> tuple[bool, str]:
    """The events of each kind of order, 3PL by 3PL, without numbers and times."""
    for how in HOWS:
        told = {one.partner: _events(cast, one.order(how)) for one in THIRD_PARTIES}
        first = told[THIRD_PARTIES[0].partner]
        for partner, events in told.items():
            if events != first:
                return False, f"{how}: {THIRD_PARTIES[0].partner} {first}; {partner} {events}"
    return True, ""


def _events(cast: Cast, number: str) -> list[str]:
    touched = (
        select(event.c.type, event.c.data)
        .join(event_key, event_key.c.event_id == event.c.id)
        .where(event_key.c.kind == "order", event_key.c.key == f"harbor-pine/{number}")
        .where(event.c.type != "document.confirmed")  # 997s; JSON and CSV have none
    )
    with cast.store.read() as view:
        rows = view.all(touched)
    return sorted(f"{row.type} {json.dumps(_alike(json.loads(row.data)), sort_keys=True)}" for row in rows)


def _alike(data: dict[str, Any]) -> dict[str, Any]:
    kept = {name: data[name] for name in ALIKE if name in data}
    if "packages" in kept:
        kept["packages"] = [package["lines"] for package in kept["packages"]]
    return kept
