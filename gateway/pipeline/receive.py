"""receive: a Connection's bytes, their transport receipt and the first work, stored in one commit.

Nothing is looked at here. The door answers after the commit, never before (stored before acknowledged).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select, tuple_

from gateway.lifecycle import TransmissionStatus
from gateway.store import payloads
from gateway.store.engine import Tx
from gateway.store.ids import take
from gateway.store.schema import transmission


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came over one connection, not yet looked at."""

    connection: str
    lane: str
    transport_id: str  # Message-ID, file identity or idempotency key: the same when the same thing is sent again
    content: bytes | Iterable[bytes]
    filename: str | None = None
    media_type: str | None = None
    remote: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The proof that something is stored. The same transport id always gets the same receipt."""

    transmission_id: int
    repeated: bool  # it was here before; nothing was stored again


def receive(tx: Tx, arrivals: Sequence[Arrival]) -> list[Receipt]:
    """Store what is new of these arrivals and give a receipt for each, in their order."""
    seen = _receipts(tx, arrivals)
    fresh = {_key(a): a for a in arrivals if _key(a) not in seen}
    ids = dict(zip(fresh, take(tx, "transmission", len(fresh)), strict=True))
    rows = []
    for (key, arrival), stored in zip(fresh.items(), _store(tx, list(fresh.values())), strict=True):
        rows.append(
            {
                "id": ids[key],
                "direction": "in",
                "connection": arrival.connection,
                "lane": arrival.lane,
                "transport_id": arrival.transport_id,
                "payload_id": stored.id,
                "size": stored.size,
                "filename": arrival.filename,
                "media_type": arrival.media_type,
                "status": TransmissionStatus.RECEIVED,
                "remote": arrival.remote,
                "received_at": tx.now,
                "stage": "unwrap",
                "due_at": tx.now,
            }
        )
    tx.insert(transmission, rows)
    if rows:
        tx.wake("unwrap")
    receipts, first = [], set(fresh)
    for arrival in arrivals:
        key = _key(arrival)
        receipts.append(Receipt(ids[key] if key in ids else seen[key], key not in first))
        first.discard(key)
    return receipts


def _store(tx: Tx, arrivals: Sequence[Arrival]) -> list[payloads.Stored]:
    """The bodies: those in memory with two statements, those that come in pieces one by one."""
    whole = [a for a in arrivals if isinstance(a.content, bytes)]
    bodies = [payloads.Body(a.content, a.connection, a.lane) for a in whole if isinstance(a.content, bytes)]
    stored = dict(zip(map(id, whole), payloads.store_many(tx, bodies), strict=True))
    for one in arrivals:
        if id(one) not in stored:
            stored[id(one)] = payloads.store(tx, one.content, owner=one.connection, lane=one.lane)
    return [stored[id(one)] for one in arrivals]


def _key(arrival: Arrival) -> tuple[str, str]:
    return arrival.connection, arrival.transport_id


def _receipts(tx: Tx, arrivals: Sequence[Arrival]) -> dict[tuple[str, str], int]:
    rows = tx.execute(
        select(transmission.c.connection, transmission.c.transport_id, transmission.c.id).where(
            transmission.c.direction == "in",
            tuple_(transmission.c.connection, transmission.c.transport_id).in_({_key(a) for a in arrivals}),
        )
    )
    return {(row.connection, row.transport_id): row.id for row in rows}
