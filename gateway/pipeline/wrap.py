"""wrap: documents that are ready become one envelope. One commit stores counters, final bytes and the Delivery.

Every retry of that delivery sends exactly these bytes. The time in ISA09/10 and GS04/05 is the database's clock when
the envelope is made, in UTC.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import select

from gateway.channels import table
from gateway.formats.x12 import writer
from gateway.formats.x12.separators import REPETITION_SINCE, Separators
from gateway.lifecycle import InterchangeStatus, Outcome, move
from gateway.partners.agreement import Agreement
from gateway.partners.book import FILES, Book
from gateway.partners.values import TradingId
from gateway.pipeline import parcel
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.house import House
from gateway.pipeline.route import owe
from gateway.store import control_numbers, payloads
from gateway.store.engine import Tx
from gateway.store.ids import take
from gateway.store.schema import functional_group, interchange

ACKNOWLEDGEMENTS = frozenset({"997", "999"})


@dataclass(frozen=True, slots=True)
class Envelope:
    """Documents that go together, and between whom."""

    agreement: Agreement
    functional_id: str
    release: str
    ours: TradingId
    theirs: TradingId
    documents: list[Any]

    def counter(self, kind: str) -> tuple[str, str, str, str]:
        return self.agreement.company, self.agreement.partner, self.agreement.lane, kind


def wrap(tx: Tx, house: House, rows: Sequence[Any]) -> list[tuple[Any, dict[str, Any]]]:
    """Put ready documents into envelopes; returns each row with the column values that move it on."""
    book = house.book()
    left = [row for row in rows if row.agreement not in book.agreements]
    if left:
        raise_alerts(tx, [_nobody_says_how(row) for row in left])
        rows = [row for row in rows if row.agreement in book.agreements]
        return [*((row, {"updated_at": tx.now}) for row in left), *(wrap(tx, house, rows) if rows else ())]
    files = [row for row in rows if row.standard in FILES]
    if files:
        rows = [row for row in rows if row.standard not in FILES]
        return [*parcel.pack(tx, book, files), *(wrap(tx, house, rows) if rows else ())]
    small = sum(row.size for row in rows) < LARGE
    bodies = payloads.segments(tx, [row.payload_id for row in rows]) if small else {}
    answered = _answered(tx, [row.id for row in rows if row.set_id in ACKNOWLEDGEMENTS])
    return put(tx, book, [(row, bodies.get(row.payload_id), answered.get(row.id)) for row in rows])


def _nobody_says_how(row: Any) -> Alert:
    """Its agreement was taken out of the profiles while it waited; it stays as it is until a person runs it again."""
    data = {"set_id": row.set_id, "agreement": row.agreement}
    where = " ".join(part for part in (row.set_id or row.standard, row.business_key) if part) + f", document D-{row.id}"
    key, subject = f"document:{row.id}:nobody-says-how", ("document", row.id)
    return Alert("agreement-gone-out", row.lane, key, data, where, subject, row.partner, row.correlation_id)


LARGE = 4_000_000
"""From so many bytes of documents on, envelopes are written set by set: their segments take ten times as much."""

Address = tuple[TradingId, TradingId]  # ours, theirs
Body = Sequence[Sequence[str]]


def put(
    tx: Tx, book: Book, ready: Sequence[tuple[Any, Body | None, Address | None]]
) -> list[tuple[Any, dict[str, Any]]]:
    """The same for documents each with its segments and the ids it goes between, if not the agreement's.

    Where one's segments are not given, none are, and each is read when it is written.
    """
    envelopes = _envelopes(book, [(row, address) for row, _, address in ready])
    given = {row.id: body for row, body, _ in ready if body is not None}
    numbers = control_numbers.draw(tx, [envelope.counter(kind) for envelope in envelopes for kind in ("ISA", "GS")])
    finished: list[tuple[Any, dict[str, Any]]] = []
    interchanges, groups, deliveries = [], [], []
    interchange_ids, group_ids = take(tx, "interchange", len(envelopes)), take(tx, "functional_group", len(envelopes))
    drawn = [(numbers[one.counter("ISA")].pop(0), numbers[one.counter("GS")].pop(0)) for one in envelopes]
    kept = _kept(tx, envelopes, drawn, given if len(given) == len(ready) else None)
    for envelope, interchange_id, group_id, (isa13, gs06), (stored, places) in zip(
        envelopes, interchange_ids, group_ids, drawn, kept, strict=True
    ):
        interchanges.append(_interchange(tx, envelope, interchange_id, isa13, stored))
        groups.append(_group(envelope, group_id, interchange_id, gs06))
        deliveries.append(_delivery(book, envelope, interchange_id, stored))
        for place, (row, (offset, size)) in enumerate(zip(envelope.documents, places, strict=True), 1):
            values = {
                "status": move(row.status, Outcome.WRAPPED),
                "payload_id": stored.id,
                "offset": offset,
                "size": size,
                "interchange_id": interchange_id,
                "group_id": group_id,
                "control_number": f"{place:04d}",
                "updated_at": tx.now,
            }
            finished.append((row, values))
    tx.insert(interchange, interchanges)
    tx.insert(functional_group, groups)
    owe(tx, deliveries)
    return finished


def _envelopes(book: Book, rows: Sequence[tuple[Any, Address | None]]) -> list[Envelope]:
    """Documents of one agreement, addresses and kind share an envelope, up to its maximum; the rest get the next."""
    open_ones: dict[tuple[str, str, str, TradingId, TradingId], Envelope] = {}
    full: list[Envelope] = []
    for row, address in rows:
        agreement = book.agreements[row.agreement]
        ours, theirs = address or book.ids(agreement)
        functional_id = "FA" if row.set_id in ACKNOWLEDGEMENTS else agreement.functional_id
        key = (agreement.name, functional_id, row.version, ours, theirs)
        envelope = open_ones.setdefault(key, Envelope(agreement, functional_id, row.version, ours, theirs, []))
        envelope.documents.append(row)
        if len(envelope.documents) >= agreement.envelope.max_documents:
            full.append(open_ones.pop(key))
    return [*full, *open_ones.values()]


def _answered(tx: Tx, document_ids: Sequence[int]) -> dict[int, Address]:
    """An acknowledgement goes back between the very ids its interchange came with, whichever of theirs they used."""
    if not document_ids:
        return {}
    found = tx.all(
        select(functional_group.c.acknowledged_by, interchange)
        .join(interchange, interchange.c.id == functional_group.c.interchange_id)
        .where(functional_group.c.acknowledged_by.in_(list(document_ids)))
    )
    return {row.acknowledged_by: address_back(row._asdict()) for row in found}


def address_back(answered: Mapping[str, Any]) -> Address:
    """From whom to whom the answer to an interchange goes, by its columns."""
    return (
        TradingId(answered["receiver_qualifier"], answered["receiver"]),
        TradingId(answered["sender_qualifier"], answered["sender"]),
    )


@lru_cache(64)
def separators_for(wanted: Separators, release: str) -> Separators:
    """The characters a partner is written with; before release 00402 there are no repetitions."""
    return wanted if release >= REPETITION_SINCE else replace(wanted, repetition=None)


def _kept(
    tx: Tx, envelopes: Sequence[Envelope], drawn: Sequence[tuple[int, int]], bodies: Mapping[int, Body] | None
) -> Iterator[tuple[payloads.Stored, list[tuple[int, int]]]]:
    """Each interchange, stored, and offset and size of each document in it."""
    moment = dt.datetime.fromtimestamp(tx.now / 1_000_000, dt.UTC)

    def body_of(row: Any) -> Body:
        return bodies[row.id] if bodies is not None else payloads.segments(tx, [row.payload_id])[row.payload_id]

    places: list[list[tuple[int, int]]] = [[] for _ in envelopes]
    written = [
        _pieces(envelope, body_of, isa13, gs06, moment, found)
        for envelope, (isa13, gs06), found in zip(envelopes, drawn, places, strict=True)
    ]
    whose = [(one.agreement.partner, one.agreement.lane) for one in envelopes]
    if bodies is None:
        for pieces, (owner, lane), found in zip(written, whose, places, strict=True):
            yield payloads.store(tx, pieces, owner=owner, lane=lane), found
        return
    whole = [payloads.Body(b"".join(pieces), *of) for pieces, of in zip(written, whose, strict=True)]
    yield from zip(payloads.store_many(tx, whole), places, strict=True)


def _pieces(
    envelope: Envelope,
    body_of: Callable[[Any], Body],
    isa13: int,
    gs06: int,
    moment: dt.datetime,
    places: list[tuple[int, int]],
) -> Iterator[bytes]:
    """The interchange set by set; notes in `places` where each stands."""
    separators = separators_for(envelope.agreement.envelope.separators, envelope.release)
    front, back = _around(envelope, separators, isa13, gs06, moment)
    yield front
    at = len(front)
    for place, row in enumerate(envelope.documents, 1):
        text = writer.write_set(writer.enclose(body_of(row), row.set_id, f"{place:04d}"), separators)
        written = writer.encoded(text)
        places.append((at, len(written)))
        at += len(written)
        yield written
    yield back


def _around(
    envelope: Envelope, separators: Separators, isa13: int, gs06: int, moment: dt.datetime
) -> tuple[bytes, bytes]:
    """ISA and GS, GE and IEA."""
    terms = envelope.agreement.envelope
    group = writer.GroupHeader(
        envelope.functional_id,
        terms.our_group_id or envelope.ours.id,
        terms.their_group_id or envelope.theirs.id,
        moment,
        gs06,
        envelope.release,
    )
    header = writer.InterchangeHeader(
        sender_qualifier=envelope.ours.qualifier,
        sender=envelope.ours.id,
        receiver_qualifier=envelope.theirs.qualifier,
        receiver=envelope.theirs.id,
        when=moment,
        control_number=isa13,
        version=envelope.release[:5],
        usage="T" if envelope.agreement.lane == "test" else "P",
        acknowledgement_requested=terms.ask_ta1,
    )
    sets = ["\0", *[""] * (len(envelope.documents) - 1)]  # no value holds a NUL: here the sets go
    front, back = writer.write_interchange(header, [writer.write_group(group, sets, separators)], separators).split(
        b"\0"
    )
    return front, back


def _interchange(tx: Tx, envelope: Envelope, number: int, isa13: int, stored: payloads.Stored) -> dict[str, Any]:
    return {
        "id": number,
        "direction": "out",
        "standard": "x12",
        "company": envelope.agreement.company,
        "partner": envelope.agreement.partner,
        "lane": envelope.agreement.lane,
        "sender_qualifier": envelope.ours.qualifier,
        "sender": envelope.ours.id,
        "receiver_qualifier": envelope.theirs.qualifier,
        "receiver": envelope.theirs.id,
        "control_number": f"{isa13:09d}",
        "content_sha256": stored.sha256,
        "version": envelope.release,
        "status": InterchangeStatus.SENT,
        "position": 0,
        "offset": 0,
        "size": stored.size,
        "received_at": tx.now,
        "payload_id": stored.id,
    }


def _group(envelope: Envelope, number: int, interchange_id: int, gs06: int) -> dict[str, Any]:
    return {
        "id": number,
        "interchange_id": interchange_id,
        "agreement": envelope.agreement.name,
        "functional_id": envelope.functional_id,
        "sender": envelope.ours.id,
        "receiver": envelope.theirs.id,
        "control_number": str(gs06),
        "version": envelope.release,
        "status": InterchangeStatus.SENT,
    }


def _delivery(book: Book, envelope: Envelope, interchange_id: int, stored: payloads.Stored) -> dict[str, Any]:
    documents = envelope.documents
    wire = book.connections.get(envelope.agreement.connection)
    return {
        "kind": "envelope",
        "stage": "pack" if wire is not None and wire.kind in table.PACKED else "deliver",
        "target": envelope.agreement.connection,
        "lane": envelope.agreement.lane,
        "partner": envelope.agreement.partner,
        "payload_id": stored.id,
        "body": json.dumps({"interchange_id": interchange_id, "set": documents[0].set_id}),
        "idempotency_key": f"interchange:{interchange_id}",
        "correlation_id": documents[0].correlation_id if len(documents) == 1 else None,
        "documents": [row.id for row in documents],
    }
