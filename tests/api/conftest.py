"""A real web server over a real database, on loopback, with keys for a partner, for ourselves and for another lane."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
import uvicorn
from pipeline_road import ROOT, Folder, Road
from served_site import Site

from gateway.access.keys import issue
from gateway.access.scopes import Scope, parse_scopes
from gateway.api.app import build
from gateway.api.door import Door
from gateway.channels.channel import Sends
from gateway.partners.book import Book
from gateway.pipeline import publishing
from gateway.pipeline.house import Furniture, House
from gateway.pipeline.receive import receive
from gateway.store import keys
from gateway.store.engine import Store
from gateway.systems.connector import Connector
from gateway.worker.committer import Committer

LARGEST = 200_000


def _key(store: Store, name: str, scopes: list[str], lane: str = "production", partner: str | None = None) -> str:
    made = issue(name, parse_scopes(scopes), lane, partner)
    with store.begin() as tx:
        keys.add(tx, [made.key])
    return made.token


@pytest.fixture(scope="session")
def book(request: pytest.FixtureRequest) -> Book:
    """The example's, or those of another house."""
    return Book.load(getattr(request, "param", ROOT / "partners"), ROOT / "maps")


@pytest.fixture
def site(store: Store, book: Book, tmp_path: Path) -> Iterator[Site]:
    def sender(name: str) -> Sends:
        return Folder(tmp_path / name)

    def systems() -> Mapping[str, Connector]:
        return {}

    with store.begin() as tx:
        publishing.publish(tx, book, by="test")
    furniture = Furniture(store)
    house = House(store, furniture.book, systems, sender)
    committer = Committer(store, receive, weigh=lambda arrival: len(arrival.content))
    listening = socket.create_server(("127.0.0.1", 0))
    app = build(Door(house, committer.stored, committer.settle, LARGEST))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    internal = [Scope.INTERNAL_READ, Scope.INTERNAL_WRITE]
    tokens = [
        _key(store, "harbor", ["partner:*"], partner="harbor-pine"),
        _key(store, "stranger", ["partner:*"], partner="nobody"),
        _key(store, "erp", list(internal)),
        _key(store, "reader", [Scope.INTERNAL_READ]),
        _key(store, "erp-test", list(internal), lane="test"),
        _key(store, "admin", [Scope.ADMIN]),
    ]
    clients = [  # without TLS: reading whom to trust takes longer than most of these tests
        httpx.Client(base_url=address, timeout=60, headers={"Authorization": f"Bearer {token}"}, verify=False)
        for token in tokens
    ]
    yield Site(Road(store, house, tmp_path), *clients)
    for client in clients:
        client.close()
    server.should_exit = True
    thread.join()
    committer.close()
    listening.close()
