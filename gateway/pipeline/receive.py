"""receive: a Connection's bytes, their transport receipt and the first work, stored in one commit.

Nothing is looked at here. The door answers after the commit, never before (stored before acknowledged).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, literal_column, select, tuple_

from gateway.lifecycle import TransmissionStatus
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.route import owe
from gateway.store import payloads
from gateway.store.engine import Record, Tx
from gateway.store.ids import take
from gateway.store.schema import transmission

RECEIPT = "message/disposition-notification"
"""The media type of an arrival that is a receipt for what we sent (AS2)."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why nothing of an arrival is used: it is kept, and a person is asked."""

    reason: str
    alert: Alert  # its subject is filled in with the transmission


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came over one connection, not yet looked at."""

    connection: str
    lane: str
    transport_id: str  # Message-ID, file identity or idempotency key: the same when the same thing is sent again
    # Pieces can be read again, if another arrival spoils the first commit; stored: by the transaction that receives it.
    content: bytes | Iterable[bytes] | payloads.Stored
    filename: str | None = None
    media_type: str | None = None
    remote: str | None = None
    digest: str | None = None  # of the content, where it was computed already, perhaps with what stood around it
    wire: bytes | Iterable[bytes] | None = None  # the message around the content as it came, where that is evidence
    wire_type: str | None = None  # its media type, where it is not those very bytes
    answer: bytes | None = None  # the receipt that the door gives for it; a repetition gets the same
    answer_to: str | None = None  # where that receipt is owed to, if it is not the answer of the door
    partner: str | None = None  # whose receipt it is then
    beside: tuple[Arrival, ...] = ()  # further documents of the same message
    refused: Refused | None = None  # nothing of it is used; `content` is empty then
    stage: str = "unwrap"  # the first work
    is_new: bool = False  # its transport id was made just now, so nothing can have come under it before


@dataclass(frozen=True, slots=True)
class Receipt:
    """The proof that something is stored. The same transport id always gets the same receipt."""

    transmission_id: int
    repeated: bool  # it was here before; nothing was stored again


def receive(tx: Tx, arrivals: Sequence[Arrival]) -> list[Receipt]:
    """Store what is new of these arrivals and give a receipt for each, in their order."""
    seen = _receipts(tx, arrivals)
    keys = [_key(a) for a in arrivals]
    fresh = {key: a for key, a in zip(keys, arrivals, strict=True) if key not in seen}
    every = [one for a in fresh.values() for one in (a, *a.beside)]
    numbers = take(tx, "transmission", len(every))
    rows, alerts, owed = [], [], []
    bodies = _store(tx, every)
    for number, arrival in zip(numbers, every, strict=True):
        row = _row(tx, number, arrival, *[bodies.get((id(arrival), which)) for which in BODIES])
        rows.append(row)
        if arrival.refused is not None:
            alerts.append(replace(arrival.refused.alert, subject=("transmission", number)))
        if arrival.answer_to is not None:
            owed.append(_answer(arrival, number, row["receipt_payload_id"], f"receipt:{number}"))
    tx.insert(transmission, rows)
    tx.wake(*{row["stage"] for row in rows if row["stage"]})
    ids = {_key(one): number for number, one in zip(numbers, every, strict=True)}
    receipts, first = [], set(fresh)
    for key, arrival in zip(keys, arrivals, strict=True):
        again = key not in first
        receipts.append(Receipt(ids[key] if key in ids else seen[key].id, again))
        first.discard(key)
        if arrival.answer_to is not None and key in seen and seen[key].receipt_payload_id is not None:
            (once_more,) = take(tx, "delivery")  # they ask again, so they have not got it
            name = f"receipt:{seen[key].id}:again:{once_more}"
            owed.append(_answer(arrival, seen[key].id, seen[key].receipt_payload_id, name))
    owe(tx, owed)
    raise_alerts(tx, alerts)
    return receipts


def _row(
    tx: Tx,
    number: int,
    arrival: Arrival,
    stored: payloads.Stored | None,
    wire: payloads.Stored | None,
    answer: payloads.Stored | None,
) -> dict[str, Any]:
    is_work = arrival.refused is None
    return {
        "id": number,
        "direction": "in",
        "connection": arrival.connection,
        "lane": arrival.lane,
        "transport_id": arrival.transport_id,
        "payload_id": stored.id if stored else None,
        "wire_payload_id": wire.id if wire else None,
        "receipt_payload_id": answer.id if answer else None,
        "size": stored.size if stored else wire.size if wire else 0,
        "filename": arrival.filename,
        "media_type": arrival.media_type,
        "status": TransmissionStatus.RECEIVED if is_work else TransmissionStatus.QUARANTINED,
        "reason": arrival.refused.reason if arrival.refused else None,
        "remote": arrival.remote,
        "received_at": tx.now,
        "stage": arrival.stage if is_work else None,
        "due_at": tx.now if is_work else None,
    }


def _answer(arrival: Arrival, number: int, payload_id: int, key: str) -> dict[str, Any]:
    return {
        "kind": "receipt",
        "target": arrival.connection,
        "lane": arrival.lane,
        "partner": arrival.partner,
        "payload_id": payload_id,
        "body": json.dumps({"set": "receipt", "transmission_id": number, "url": arrival.answer_to}),
        "idempotency_key": key,
        "correlation_id": None,
    }


BODIES = ("content", "wire", "answer")


def _store(tx: Tx, arrivals: Sequence[Arrival]) -> dict[tuple[int, str], payloads.Stored]:
    """The bodies: all those in memory with two statements, those that come in pieces one by one."""
    stored: dict[tuple[int, str], payloads.Stored] = {}
    whole: list[tuple[tuple[int, str], payloads.Body]] = []
    for one in arrivals:
        for which in BODIES if one.refused is None else BODIES[1:]:
            body, key = getattr(one, which), (id(one), which)
            if body is None:
                continue
            digest = one.digest if which == "content" else None
            media_type = one.wire_type if which == "wire" else None
            if isinstance(body, bytes):
                whole.append((key, payloads.Body(body, one.connection, one.lane, media_type, digest)))
            elif isinstance(body, payloads.Stored):
                stored[key] = body
            else:
                stored[key] = payloads.store(tx, body, owner=one.connection, lane=one.lane, digest=digest)
    done = payloads.store_many(tx, [body for _, body in whole])
    return stored | dict(zip([key for key, _ in whole], done, strict=True))


def _key(arrival: Arrival) -> tuple[str, str]:
    return arrival.connection, arrival.transport_id


_t = transmission.c
_known = select(_t.connection, _t.transport_id, _t.id, _t.receipt_payload_id).where(
    _t.direction == literal_column("'in'")
)
_one = _known.where(_t.connection == bindparam("_connection"), _t.transport_id == bindparam("_transport_id"))
_among = _known.where(tuple_(_t.connection, _t.transport_id).in_(bindparam("_keys", expanding=True)))


def _receipts(tx: Tx, arrivals: Sequence[Arrival]) -> dict[tuple[str, str], Record]:
    keys = list({_key(a) for a in arrivals if not a.is_new})
    if not keys:
        return {}
    rows: Sequence[Record]
    if len(keys) == 1:  # the usual case at a door
        rows = tx.quick(_one, {"_connection": keys[0][0], "_transport_id": keys[0][1]})
    else:
        rows = tx.all(_among, {"_keys": keys})
    return {(row.connection, row.transport_id): row for row in rows}
