"""A gateway with an AS2 connection, served on loopback, and its partner's side in this process."""

from __future__ import annotations

import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import uvicorn
import yaml
from as2_pair import Entropy, new_certificate
from cryptography.hazmat.primitives import serialization
from pipeline_road import ROOT, Road

from gateway.api.door import Door
from gateway.api.serving import application
from gateway.as2.build import Document, Outgoing, build
from gateway.as2.identity import OurIdentity, OwnCertificate, TheirIdentity
from gateway.as2.mdn import Receipt, read_mdn
from gateway.as2.mime import Headers
from gateway.as2.partnership import Partnership, Sends
from gateway.channels import table
from gateway.channels.channel import Sends as Channel
from gateway.partners import secrets
from gateway.partners.book import Book
from gateway.pipeline import route
from gateway.pipeline.house import House
from gateway.settings import Settings
from gateway.store import payloads
from gateway.store.engine import Store
from gateway.systems.connector import Connector

OURS, THEIRS = "NORTHWIND", "Harbor & Pine"
DAY = timedelta(days=1)


@dataclass
class As2Site:
    """The served house, its road to step by hand, and the partner's own view of the relation."""

    road: Road
    address: str
    their_side: Partnership
    door: Door
    forget_certificates: Callable[[], None]
    """As after a new profile: what is loaded is loaded anew."""
    wire: dict[str, Any]  # the settings of the connection
    _count: int = field(default=0)

    def message(self, data: bytes, message_id: str = "", *, side: Partnership | None = None) -> Outgoing:
        self._count += 1
        return build(
            [Document(data, filename="po.edi", content_type="application/edi-x12")],
            side or self.their_side,
            message_id_=message_id or f"<{self._count}@harborpine>",
            now=datetime.now(UTC),
            entropy=Entropy(str(self._count)),
        )

    def agree(self, **settings: object) -> None:
        """Another profile for the connection."""
        self.wire.update(settings)
        self.forget_certificates()

    def owe(self, content: bytes) -> int:
        return owe(self.road.store, content)

    def post(self, headers: list[tuple[str, str]], body: bytes) -> httpx.Response:
        return httpx.post(f"{self.address}/as2", headers=headers, content=body, timeout=60, verify=False)

    def send(self, data: bytes, message_id: str = "", *, side: Partnership | None = None) -> httpx.Response:
        made = self.message(data, message_id, side=side)
        return self.post(made.headers, made.body())

    def receipt(self, answer: httpx.Response) -> Receipt:
        """The MDN in an answer, as the partner reads it."""
        return read_mdn(Headers(answer.headers.multi_items()), answer.content, self.their_side, datetime.now(UTC))


def owe(store: Store, content: bytes) -> int:
    """Something is owed over the connection; the delivery."""
    with store.begin() as tx:
        stored = payloads.store(tx, content, owner="harbor-pine", lane="production")
        owed = {
            "kind": "envelope",
            "stage": "pack",
            "target": "harbor-pine",
            "lane": "production",
            "partner": "harbor-pine",
            "payload_id": stored.id,
            "body": json.dumps({"set": "850", "interchange_id": stored.id}),
            "idempotency_key": f"test:{stored.id}",
            "correlation_id": None,
        }
        (number,) = route.owe(tx, [owed])
    return number


def certificates() -> tuple[OwnCertificate, OwnCertificate]:
    """Ours and theirs, valid today."""
    now = datetime.now(UTC)
    return (
        new_certificate(OURS, serial=1, start=now - DAY, end=now + 90 * DAY),
        new_certificate(THEIRS, serial=2, start=now - DAY, end=now + 90 * DAY),
    )


@contextmanager
def as2_site(
    store: Store,
    folder: Path,
    ours: OwnCertificate,
    theirs: OwnCertificate,
    *,
    names: tuple[str, str] = (OURS, THEIRS),
    body_limit_mb: int = 1,
    **settings: object,
) -> Iterator[As2Site]:
    """Serve a house whose connection `harbor-pine` is AS2."""
    book = as2_book(folder, ours, theirs, {"our_as2_name": names[0], "their_as2_name": names[1], **settings})
    open_ones: dict[str, Channel] = {}

    def sender(name: str) -> Channel:
        said = book.connections[name]
        if name not in open_ones:
            open_ones[name] = table.open_sender(said.kind, said.settings, secrets.resolve)
        return open_ones[name]

    def forget() -> None:
        while open_ones:
            open_ones.popitem()[1].close()

    def systems() -> Mapping[str, Connector]:
        return {}

    house = House(store, lambda: book, systems, sender)
    app = application(store, house, Settings(home=folder, body_limit_mb=body_limit_mb))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    their_side = Partnership(OurIdentity(names[1], (theirs,)), TheirIdentity(names[0], (ours,)), sends=Sends())
    try:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        road, wire = Road(store, house, folder), book.connections["harbor-pine"].settings
        yield As2Site(road, address, their_side, app.state.door, forget, wire)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
        forget()


def as2_book(folder: Path, ours: OwnCertificate, theirs: OwnCertificate, settings: Mapping[str, object]) -> Book:
    partners = folder / "partners"
    shutil.copytree(ROOT / "partners", partners)
    shutil.rmtree(partners / "juniper-row")  # over AS2 too, with certificates that stand outside
    (folder / "ours.pem").write_bytes(ours.pem())
    (folder / "theirs.pem").write_bytes(theirs.pem())
    (folder / "ours.key").write_bytes(
        ours.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    file = partners / "harbor-pine" / "connections.yaml"
    wires = yaml.safe_load(file.read_text())
    wires["harbor-pine"] = {
        "kind": "as2",
        "lane": "production",
        "our_as2_name": OURS,
        "their_as2_name": THEIRS,
        "our_certificates": [{"certificate": f"file:{folder}/ours.pem", "key": f"file:{folder}/ours.key"}],
        "their_certificates": [{"certificate": f"file:{folder}/theirs.pem"}],
        **settings,
    }
    file.write_text(yaml.safe_dump(wires))
    return Book.load(partners, ROOT / "maps")


@dataclass
class Posted:
    """What was posted to an address of the partner, as it came."""

    url: str
    came: list[tuple[list[tuple[str, str]], bytes]] = field(default_factory=list)


@contextmanager
def collecting() -> Iterator[Posted]:
    """An address of the partner's that takes everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.came.append((list(self.headers.items()), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *words: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    seen = Posted(f"http://127.0.0.1:{server.server_port}/mdn")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
