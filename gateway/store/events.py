"""Business facts: appended in the commit of their effect, read by cursor.

A reader with a cursor must never pass an event that a slower transaction is still to commit. On SQLite transactions
commit one after the other in the order of their ids. On PostgreSQL a writer announces, before it takes ids (ids.py), an
advisory lock that carries the highest id given out so far; it ends with the transaction. A reader notes the highest id
given out, then the lowest announced lock, then reads in a later snapshot up to the lower of the two: whoever got an id
below it has either announced it or ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import to_json
from sqlalchemy import bindparam, select, text

from gateway.store import ids, schema
from gateway.store.engine import Record, Store, Tx, View

_given_out = text("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM event_id_seq")
_lowest_announced = text(
    "SELECT min((classid::bigint << 32 | objid::bigint) & :low) FROM pg_locks WHERE locktype = 'advisory'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND objsubid = 1 AND (classid::bigint << 32 | objid::bigint) >> 48 = :mark"
)

_e, _k = schema.event, schema.event_key


NO_IDS: Mapping[str, str] = {}


class Fact(NamedTuple):
    """Something that happened, to be appended."""

    type: str  # "order.received"
    lane: str
    keys: Sequence[tuple[str, str]]  # every (kind, key) it touches: ("order", "4500012345")
    data: Mapping[str, Any]
    occurred_at: int
    version: int = 1
    correlation_id: str | None = None
    causation_id: str | None = None
    document_id: int | None = None
    ids: Mapping[str, str] = NO_IDS  # the same thing's id in every system


def append(tx: Tx, facts: Sequence[Fact]) -> Sequence[int]:
    """Append facts; returns their ids."""
    if not facts:
        return ()
    event_ids = ids.take(tx, "event", len(facts))
    tx.insert(
        _e,
        [
            {
                "id": event_id,
                "type": fact.type,
                "version": fact.version,
                "lane": fact.lane,
                "correlation_id": fact.correlation_id,
                "causation_id": fact.causation_id,
                "document_id": fact.document_id,
                "keys": to_json(fact.keys).decode(),
                "ids": to_json(fact.ids).decode(),
                "data": to_json(fact.data).decode(),
                "occurred_at": fact.occurred_at,
                "recorded_at": tx.now,
            }
            for event_id, fact in zip(event_ids, facts, strict=True)
        ],
    )
    touched = [
        {"kind": kind, "key": key, "lane": fact.lane, "event_id": event_id}
        for event_id, fact in zip(event_ids, facts, strict=True)
        for kind, key in dict.fromkeys(fact.keys)
    ]
    tx.insert(_k, touched)
    tx.wake("event")
    return event_ids


def feed(
    store: Store, after: int, limit: int, *, lane: str | None = None, types: Sequence[str] = ()
) -> tuple[Sequence[Record], int]:
    """Events after a cursor, in order, and the cursor to go on from. No event is ever missed or given twice.

    The new cursor also passes events the filter left out, so a reader of rare types does not read the rest again.
    """
    horizon = _horizon(store)
    with store.read() as view:
        query = select(_e).where(_e.c.id > after).order_by(_e.c.id).limit(limit)
        if horizon is not None:
            query = query.where(_e.c.id <= horizon)
        if lane is not None:
            query = query.where(_e.c.lane == lane)
        if types:
            query = query.where(_e.c.type.in_(list(types)))
        found = view.all(query)
        if len(found) == limit:
            return found, found[-1].id
        if horizon is None:
            # One snapshot: whatever is not in it commits later and has a higher id.
            horizon = view.scalar(select(_e.c.id).order_by(_e.c.id.desc()).limit(1)) or 0
        return found, max(after, horizon)


def of_key(view: View, kind: str, key: str, lane: str) -> Sequence[Record]:
    """Everything that happened to one order, shipment, return or stock position."""
    touches = (_k.c.kind == bindparam("kind"), _k.c.key == bindparam("key"), _k.c.lane == bindparam("lane"))
    query = select(_e).join(_k, _k.c.event_id == _e.c.id).where(*touches).order_by(_e.c.id)
    return view.all(query, {"kind": kind, "key": key, "lane": lane})


def _horizon(store: Store) -> int | None:
    """The id up to which every event is committed or never will be; None where commits are in id order anyway."""
    if store.is_sqlite:
        return None
    with store.engine.connect() as connection:
        given_out: int = connection.execute(_given_out).scalar_one()
        limits = {"low": (1 << 48) - 1, "mark": ids.EVENTS_ANNOUNCED >> 48}
        announced: int | None = connection.execute(_lowest_announced, limits).scalar_one()
    return given_out if announced is None else min(given_out, announced)
