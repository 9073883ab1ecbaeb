"""wrap: documents that are ready become one envelope. One commit stores counters, final bytes and the Delivery.

Every retry of that delivery sends exactly these bytes. The time in ISA09/10 and GS04/05 is the database's clock when
the envelope is made, in UTC.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert

from gateway.formats.x12 import writer
from gateway.lifecycle import InterchangeStatus, Outcome, move
from gateway.partners.agreement import Agreement
from gateway.pipeline.house import House
from gateway.pipeline.route import owe
from gateway.store import control_numbers, payloads
from gateway.store.engine import Tx
from gateway.store.ids import take
from gateway.store.schema import functional_group, interchange

Batch = tuple[Agreement, list[Any]]


def wrap(tx: Tx, house: House, rows: Sequence[Any]) -> list[tuple[Any, dict[str, Any]]]:
    """Put ready documents into envelopes; returns each row with the column values that move it on."""
    book = house.book()
    batches = _batches([(book.agreements[row.agreement], row) for row in rows])
    bodies = payloads.segments(tx, [row.payload_id for row in rows])
    keys = [(a.company, a.partner, a.lane, kind) for a, _ in batches for kind in ("ISA", "GS")]
    numbers = control_numbers.draw(tx, keys)
    finished: list[tuple[Any, dict[str, Any]]] = []
    deliveries = []
    interchange_ids = take(tx, "interchange", len(batches))
    group_ids = take(tx, "functional_group", len(batches))
    for (agreement, documents), interchange_id, group_id in zip(batches, interchange_ids, group_ids, strict=True):
        isa13 = numbers[agreement.company, agreement.partner, agreement.lane, "ISA"].pop(0)
        gs06 = numbers[agreement.company, agreement.partner, agreement.lane, "GS"].pop(0)
        content = _bytes(tx, house, agreement, documents, bodies, isa13, gs06)
        stored = payloads.store(tx, content, owner=agreement.partner, lane=agreement.lane)
        ours, theirs = book.ids(agreement)
        tx.execute(
            insert(interchange).values(
                id=interchange_id,
                direction="out",
                standard="x12",
                company=agreement.company,
                partner=agreement.partner,
                lane=agreement.lane,
                sender_qualifier=ours.qualifier,
                sender=ours.id,
                receiver_qualifier=theirs.qualifier,
                receiver=theirs.id,
                control_number=f"{isa13:09d}",
                content_sha256=stored.sha256,
                version=agreement.document.release,
                status=InterchangeStatus.SENT,
                position=0,
                offset=0,
                size=stored.size,
                received_at=tx.now,
                payload_id=stored.id,
            )
        )
        tx.execute(
            insert(functional_group).values(
                id=group_id,
                interchange_id=interchange_id,
                agreement=agreement.name,
                functional_id=agreement.functional_id,
                sender=ours.id,
                receiver=theirs.id,
                control_number=str(gs06),
                version=agreement.document.release,
                status=InterchangeStatus.SENT,
            )
        )
        deliveries.append(
            {
                "kind": "envelope",
                "target": agreement.connection,
                "lane": agreement.lane,
                "partner": agreement.partner,
                "payload_id": stored.id,
                "body": json.dumps({"interchange_id": interchange_id, "set": agreement.document.set_id}),
                "idempotency_key": f"interchange:{interchange_id}",
                "correlation_id": documents[0].correlation_id if len(documents) == 1 else None,
                "documents": [row.id for row in documents],
            }
        )
        for place, row in enumerate(documents, 1):
            values = {
                "status": move(row.status, Outcome.WRAPPED),
                "interchange_id": interchange_id,
                "group_id": group_id,
                "control_number": f"{place:04d}",
                "updated_at": tx.now,
            }
            finished.append((row, values))
    owe(tx, deliveries)
    return finished


def _batches(documents: Sequence[tuple[Agreement, Any]]) -> list[Batch]:
    """Documents of one agreement share an envelope, up to its maximum; the rest get the next one."""
    by_agreement: dict[str, Batch] = {}
    full: list[Batch] = []
    for agreement, row in documents:
        batch = by_agreement.setdefault(agreement.name, (agreement, []))
        batch[1].append(row)
        if len(batch[1]) >= agreement.envelope.max_documents:
            full.append(by_agreement.pop(agreement.name))
    return [*full, *by_agreement.values()]


def _bytes(
    tx: Tx,
    house: House,
    agreement: Agreement,
    documents: Sequence[Any],
    bodies: dict[int, list[list[str]]],
    isa13: int,
    gs06: int,
) -> bytes:
    book = house.book()
    ours, theirs = book.ids(agreement)
    sets = [
        [
            ["ST", row.set_id, f"{place:04d}"],
            *bodies[row.payload_id],
            ["SE", str(len(bodies[row.payload_id]) + 2), f"{place:04d}"],
        ]
        for place, row in enumerate(documents, 1)
    ]
    return writer.write_interchange(
        sets,
        sender=ours,
        receiver=theirs,
        functional_id=agreement.functional_id,
        release=agreement.document.release,
        isa13=isa13,
        gs06=gs06,
        moment=dt.datetime.fromtimestamp(tx.now / 1_000_000, dt.UTC),
        usage="T" if agreement.lane == "test" else "P",
        separators=agreement.envelope.separators,
    )
