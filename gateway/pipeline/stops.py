"""A wire that stands still until a person has done something, and that goes again."""

from __future__ import annotations

from gateway.pipeline.alert import Alert
from gateway.store import work_items
from gateway.store.engine import Store, Tx

SITUATION = "connection-stopped"


def alert(connection: str, lane: str, why: str) -> Alert:
    return Alert(SITUATION, lane, _key(connection), {"connection": connection, "reason": why}, connection)


def goes_again(store: Store, connection: str, lane: str) -> None:
    """The wire works: what a person was asked about it has settled itself."""
    with store.read() as view:
        is_open = work_items.is_open(view, lane, _key(connection))
    if is_open:
        with store.begin() as tx:
            settle(tx, [(connection, lane)])


def settle(tx: Tx, wires: list[tuple[str, str]]) -> None:
    work_items.settle_keys(tx, [(lane, _key(connection)) for connection, lane in wires], by="the connection")


def _key(connection: str) -> str:
    return f"connection:{connection}:stopped"
