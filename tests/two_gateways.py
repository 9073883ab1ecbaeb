"""A retailer's gateway and a supplier's, each `gateway run` in a home of its own; proxies stand between them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import yaml
from as2_pair import new_certificate
from cryptography.hazmat.primitives import serialization
from cutting_proxy import Proxy, proxy
from pipeline_road import ROOT
from road_documents import order

from gateway.access.keys import issue
from gateway.access.scopes import Scope
from gateway.cli.story.parties import Gateway, free_port
from gateway.partners.book import Book
from gateway.pipeline import publishing
from gateway.settings import Settings
from gateway.store import ids, keys, payloads, schema
from gateway.store.engine import Record, Store

RETAILER, SUPPLIER = "harbor-pine", "northwind"
X12 = {RETAILER: "HARBORPINE", SUPPLIER: "NORTHWIND"}
AS2 = {RETAILER: "Harbor & Pine", SUPPLIER: "NORTHWIND"}
PATIENCE_S = 150.0
CERTIFICATES = {"old": (-30, 300), "new": (-1, 400), "over": (-30, -1)}
"""Days from and until each is valid, counted from today."""


@dataclass
class Side:
    """One of the two, its process and its database."""

    name: str
    home: Path
    port: int
    store: Store
    gateway: Gateway
    in_front: Proxy
    token: str = ""
    uses: dict[str, list[str]] = field(default_factory=dict)  # ours | theirs -> which certificates

    @property
    def other(self) -> str:
        return SUPPLIER if self.name == RETAILER else RETAILER

    def pids(self, part: str) -> list[int]:
        """Every process of this part there was, the present one last."""
        said = self.gateway.log.read_text(errors="replace")
        return [int(pid) for pid in re.findall(rf"the {part} process runs, pid (\d+)", said)]

    def kill(self, part: str = "web") -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pids(part)[-1], signal.SIGKILL)

    def rows(self, table: Any, **where: Any) -> list[Record]:
        query = table.select().order_by(*table.primary_key.columns)
        for name, value in where.items():
            query = query.where(table.c[name] == value)
        with self.store.read() as view:
            return list(view.all(query))

    def publish(self) -> None:
        """What `gateway apply` does, with the certificates of `uses`."""
        book = Book.load(self.home / "partners", ROOT / "maps")
        with self.store.begin() as tx:
            publishing.publish(tx, book, by="test")

    def tell(self, path: str, **body: Any) -> None:
        """A system of ours says something; until the web process is up again it is said once more."""
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": f"{path} {json.dumps(body)}"}
        until(lambda: _told(f"http://127.0.0.1:{self.port}/v1/{path}", headers, body), f"{path} {body} is told")


def _told(url: str, headers: dict[str, str], body: dict[str, Any]) -> bool:
    try:
        return httpx.post(url, headers=headers, json=body, timeout=60).raise_for_status().status_code == 202
    except httpx.TransportError:
        return False


def until(happened: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + patience_s
    while not happened():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.1)


@contextmanager
def two_gateways(folder: Path, make_database: Callable[[str], str], key: str) -> Iterator[tuple[Side, Side]]:
    """Retailer and supplier, up and talking through a proxy in front of each."""
    certificates = folder / "certificates"
    certificates.mkdir()
    for name in (RETAILER, SUPPLIER):
        for which, (first, last) in CERTIFICATES.items():
            _write_certificate(certificates, name, which, first, last)
    with contextlib.ExitStack() as open_ones:
        sides = []
        for name in (RETAILER, SUPPLIER):
            port = free_port()
            in_front = open_ones.enter_context(proxy(port))
            sides.append(_side(name, folder, port, make_database(name), key, in_front))
            open_ones.callback(sides[-1].store.close)
        for one, other in (sides, sides[::-1]):
            _profile(one, other, certificates, ours=["old"], theirs=["old"])
            one.publish()
            one.in_front.kill = one.kill
            open_ones.callback(one.gateway.stop)
            one.gateway.start()
        for one in sides:
            until(one.gateway.ready, f"{one.name} answers")
        yield sides[0], sides[1]


def _write_certificate(folder: Path, name: str, which: str, first: int, last: int) -> None:
    now = datetime.now(UTC)
    start, end = now + timedelta(days=first), now + timedelta(days=last)
    made = new_certificate(AS2[name], serial=1 + list(CERTIFICATES).index(which), start=start, end=end)
    (folder / f"{name}-{which}.pem").write_bytes(made.pem())
    plain = serialization.NoEncryption()
    private = made.private_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / f"{name}-{which}.key").write_bytes(private)


def _side(name: str, folder: Path, port: int, database: str, key: str, in_front: Proxy) -> Side:
    home = folder / name
    home.mkdir()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")},
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "GATEWAY_HOME": str(home),
        "GATEWAY_DATABASE_URL": database,
        "GATEWAY_PAYLOAD_KEY": "env:STORY_KEY",
        "STORY_KEY": key,
        "GATEWAY_HTTP_BIND": f"127.0.0.1:{port}",
        "GATEWAY_LEASE_SECONDS": "3",
        "GATEWAY_DRAIN_SECONDS": "2",
    }
    store = Store.open(database, Settings.load(environment).keys(environment))
    gateway = Gateway(home, home / "log", f"http://127.0.0.1:{port}", environment)
    side = Side(name, home, port, store, gateway, in_front)
    made = issue("test", frozenset({Scope.INTERNAL_READ, Scope.INTERNAL_WRITE}), "production")
    side.token = made.token
    with store.begin() as tx:
        keys.add(tx, [made.key])
    return side


def _profile(side: Side, other: Side, certificates: Path, *, ours: Sequence[str], theirs: Sequence[str]) -> None:
    """The files of one side. The supplier wants its receipts posted, the retailer has them in the answer."""
    us, them, partners = side.name, other.name, side.home / "partners"
    say = {us: {"company.yaml": {"name": us, "ids": {"x12": [f"ZZ:{X12[us]}"]}, "zone": "America/New_York"}}, them: {}}
    common = {"our": us, "lane": "production", "connection": them}
    if us == SUPPLIER:
        agreements = {
            "orders": {**common, "receive": "x12/004010/850", "map": "harbor-pine-850-order"},
            "answers": {**common, "send": "x12/004010/855", "map": "x12-855-order-response"},
            "notices": {**common, "send": "x12/004010/856", "map": "x12-856-shipment"},
        }
    else:
        agreements = {
            "orders": {**common, "send": "x12/004010/850", "map": "harbor-pine-850-order"},
            "answers": {**common, "receive": "x12/004010/855", "map": "x12-855-order-response"},
            "notices": {**common, "receive": "x12/004010/856", "map": "x12-856-shipment"},
        }
    say[them]["partner.yaml"] = {"name": them, "ids": {"x12": [f"ZZ:{X12[them]}"]}, "agreements": agreements}
    wire = {
        "kind": "as2",
        "lane": "production",
        "url": other.in_front.url,
        "our_as2_name": AS2[us],
        "their_as2_name": AS2[them],
        "timeout": "30s",
        "receipt_within": "2s",
        "receipt_tries": 8,
        "our_certificates": [_certificate(certificates, us, which, key=True) for which in ours],
        "their_certificates": [_certificate(certificates, them, which) for which in theirs],
        "their_receipt_urls": [other.in_front.url],
    }
    if us == SUPPLIER:
        wire |= {"receipt": "async", "receipt_url": side.in_front.url}
    say[them]["connections.yaml"] = {them: wire}
    for owner, files in say.items():
        (partners / owner).mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            (partners / owner / file).write_text(yaml.safe_dump(content))
    side.uses = {"ours": list(ours), "theirs": list(theirs)}


def _certificate(folder: Path, name: str, which: str, *, key: bool = False) -> dict[str, str]:
    files = {"certificate": f"file:{folder}/{name}-{which}.pem"}
    return files | {"key": f"file:{folder}/{name}-{which}.key"} if key else files


def certificates(side: Side, other: Side, *, ours: Sequence[str], theirs: Sequence[str]) -> None:
    """A new profile with these certificates, published to a gateway that runs."""
    _profile(side, other, side.home.parent / "certificates", ours=ours, theirs=theirs)
    side.publish()


def buy(retailer: Side, numbers: Sequence[str]) -> None:
    """Orders that are owed to the supplier, as a system of the retailer's would leave them."""
    with retailer.store.begin() as tx:
        rows = []
        for number, document_id in zip(numbers, ids.take(tx, "document", len(numbers)), strict=True):
            body = [segment.split("*") for segment in order(number)[1:-1]]
            stored = payloads.store_segments(tx, body, owner=SUPPLIER, lane="production")
            rows.append(
                {
                    "id": document_id,
                    "direction": "out",
                    "lane": "production",
                    "company": RETAILER,
                    "partner": SUPPLIER,
                    "agreement": f"{SUPPLIER}/orders",
                    "standard": "x12",
                    "set_id": "850",
                    "version": "004010",
                    "payload_id": stored.id,
                    "offset": 0,
                    "size": stored.size,
                    "status": "ready",
                    "released": True,
                    "kind": "order",
                    "business_key": number,
                    "correlation_id": f"D-{document_id}",
                    "received_at": tx.now,
                    "updated_at": tx.now,
                    "stage": "wrap",
                    "due_at": tx.now,
                }
            )
        tx.insert(schema.document, rows)
        tx.wake("wrap")


def statuses(side: Side, **where: Any) -> dict[str, str]:
    """Business key (or id) -> status of documents."""
    return {row.business_key or f"D-{row.id}": row.status for row in side.rows(schema.document, **where)}


def at_rest(side: Side) -> bool:
    """Nothing is owed, nothing waits for an answer."""
    with side.store.read() as view:
        owed = view.first(schema.delivery.select().where(schema.delivery.c.stage.is_not(None)))
        reading = view.first(schema.transmission.select().where(schema.transmission.c.stage.is_not(None)))
        open_ = ("composed", "ready", "wrapped", "awaiting-confirmation", "valid", "staged")
        waiting = view.first(schema.document.select().where(schema.document.c.status.in_(open_)))
    return owed is None and reading is None and waiting is None
