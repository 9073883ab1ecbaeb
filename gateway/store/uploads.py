"""Files on their way into an inbox: partial (to be continued), held (whole, waiting for its final name), received.

A partial one has its chunks staged under a payload id of its own, and one writer: who continues it takes over, and the
one before can store nothing more. A name has one row, the newest. A received row only keeps the file in its owner's
view for a while; the transmission is what counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, func, select, tuple_, update

from gateway.store import payloads, schema
from gateway.store.engine import Record, Store, Tx, View

PARTIAL, HELD, RECEIVED = "partial", "held", "received"

_t = schema.upload
_one = select(_t).where(_t.c.connection == bindparam("_connection"), _t.c.name == bindparam("_name"))


class Overtaken(Exception):
    """Another session writes this file now; nothing of ours was stored."""


def find(source: Store | View, connection: str, name: str) -> Record | None:
    return next(iter(source.quick(_one, {"_connection": connection, "_name": name})), None)


def listed(view: View, connection: str, limit: int) -> Sequence[Record]:
    """What a connection sees in its inbox, newest first."""
    query = select(_t).where(_t.c.connection == connection).order_by(_t.c.touched_at.desc()).limit(limit)
    return view.all(query)


def unfinished(view: View, connection: str) -> tuple[int, int]:
    """How many uploads of a connection are not received yet, and their bytes."""
    query = select(func.count(), func.sum(_t.c.size)).where(_t.c.connection == connection, _t.c.status != RECEIVED)
    count, size = view.all(query)[0]
    return count, int(size or 0)


Key = tuple[str, str]  # connection, name


def standing(view: View, keys: Sequence[Key]) -> dict[Key, Record]:
    """What stands under these names."""
    if len(keys) == 1:  # the usual case, in half the time
        rows: Sequence[Record] = view.quick(_one, {"_connection": keys[0][0], "_name": keys[0][1]})
    else:
        rows = view.all(select(_t).where(tuple_(_t.c.connection, _t.c.name).in_(keys)))
    return {(row.connection, row.name): row for row in rows}


def put(tx: Tx, rows: Sequence[Mapping[str, Any]], before: Mapping[Key, Record]) -> None:
    """What stands under these names from now on; staged chunks and held bodies that stood there are discarded."""
    kept = {row.get("payload_id") for row in rows}
    lost = [row.payload_id for row in before.values() if row.status != RECEIVED and row.payload_id not in kept]
    if lost:
        payloads.discard(tx, lost)
    blank = {"payload_id": None, "sha256": None, "writer": None, "transmission_id": None, "touched_at": tx.now}
    tx.put(_t, [{**blank, **row} for row in rows])


def let_go(tx: Tx, connection: str, name: str) -> None:
    """The name is free; what stood under it is used elsewhere."""
    tx.execute(delete(_t).where(_t.c.connection == connection, _t.c.name == name))


def grow(tx: Tx, connection: str, name: str, writer: str, size: int) -> None:
    """A partial upload has so many bytes now. Raises Overtaken if its writer is another one."""
    _only(tx, connection, name, _t.c.writer == writer, size=size)


def take_over(tx: Tx, connection: str, name: str, payload_id: int, writer: str) -> None:
    """Continue a partial upload as its new writer. Raises Overtaken if it is not there any more."""
    _only(tx, connection, name, _t.c.payload_id == payload_id, writer=writer)


def _only(tx: Tx, connection: str, name: str, who: ColumnElement[bool], **values: Any) -> None:
    where = (_t.c.connection == connection, _t.c.name == name, _t.c.status == PARTIAL, who)
    if tx.execute(update(_t).where(*where).values(touched_at=tx.now, **values)).rowcount != 1:
        raise Overtaken(f"{name} is being written by another session, or was removed")


def remove(tx: Tx, connection: str, name: str) -> bool:
    """Take a name out of view; what was not received yet is gone with it. False if nothing stood there."""
    row = find(tx, connection, name)
    if row is None:
        return False
    if row.status != RECEIVED:
        payloads.discard(tx, [row.payload_id])
    let_go(tx, connection, name)
    return True


def forget_received(tx: Tx, connection: str, before: int) -> int:
    """Take what was received long ago out of view."""
    old = delete(_t).where(_t.c.connection == connection, _t.c.touched_at < before, _t.c.status == RECEIVED)
    return tx.execute(old).rowcount


def abandoned(view: View, connection: str, before: int) -> Sequence[Record]:
    """Uploads that nobody continued or renamed since an instant."""
    query = select(_t).where(_t.c.connection == connection, _t.c.touched_at < before, _t.c.status != RECEIVED)
    return view.all(query.order_by(_t.c.touched_at).limit(100))
