"""parcel: documents that are ready become one CSV, fixed-width, XML or JSON file; `wrap` for what has no envelope.

A collection (window, cut-off, maximum) is written by its map as one file, so that headers, trailers and counts are
right. The name follows the agreement's template; what stands in it was made safe, for it comes from documents.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from gateway.channels import table
from gateway.channels.filename import from_template
from gateway.lifecycle import InterchangeStatus, Outcome, move
from gateway.mapping import MapError
from gateway.partners.agreement import FILE_NAME, Agreement
from gateway.partners.book import Book
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.route import owe
from gateway.store import canonical_documents, control_numbers, payloads
from gateway.store.engine import Tx
from gateway.store.ids import take
from gateway.store.schema import interchange

COUNTER = "FILE"
MEDIA_TYPES = {"csv": "text/csv", "fixed": "text/plain", "xml": "application/xml", "json": "application/json"}
SUFFIXES = {"fixed": "txt"}


def pack(tx: Tx, book: Book, rows: Sequence[Any]) -> list[tuple[Any, dict[str, Any]]]:
    """Put ready documents into files; returns each row with the column values that move it on."""
    finished: list[tuple[Any, dict[str, Any]]] = []
    for agreement, documents in _together(book, rows):
        finished += _pack(tx, book, agreement, documents)
    return finished


def _together(book: Book, rows: Sequence[Any]) -> list[tuple[Agreement, list[Any]]]:
    """Documents of one agreement share a file, up to its maximum and where the format holds several."""
    open_ones: dict[str, list[Any]] = {}
    full: list[tuple[Agreement, list[Any]]] = []
    for row in rows:
        agreement = book.agreements[row.agreement]
        documents = open_ones.setdefault(agreement.name, [])
        documents.append(row)
        if len(documents) >= agreement.envelope.max_documents or not book.file_chart(agreement).several:
            full.append((agreement, open_ones.pop(agreement.name)))
    return [*full, *((book.agreements[name], documents) for name, documents in open_ones.items())]


def _pack(tx: Tx, book: Book, agreement: Agreement, rows: list[Any]) -> list[tuple[Any, dict[str, Any]]]:
    if len(rows) == 1:
        content = payloads.read_all(tx, rows[0].payload_id)
    else:
        try:
            content = _written(tx, book, agreement, rows)
        except MapError as error:  # each could be written alone, and together they cannot
            return _apart(tx, book, agreement, rows, error)
    counter = (agreement.company, agreement.partner, agreement.lane, COUNTER)
    sequence = control_numbers.draw(tx, [counter])[counter][0]
    stored = payloads.store(tx, content, owner=agreement.partner, lane=agreement.lane)
    (number,) = take(tx, "interchange")
    name = _name(tx, agreement, rows, sequence)
    tx.insert(interchange, [_interchange(tx, agreement, number, name, stored)])
    body = {
        "interchange_id": number,
        "set": rows[0].set_id,
        "name": name,
        "media_type": MEDIA_TYPES[agreement.document.standard],
    }
    wire = book.connections.get(agreement.connection)
    delivery = {
        "kind": "envelope",
        "stage": "pack" if wire is not None and wire.kind in table.PACKED else "deliver",
        "target": agreement.connection,
        "lane": agreement.lane,
        "partner": agreement.partner,
        "payload_id": stored.id,
        "body": json.dumps(body),
        "idempotency_key": f"interchange:{number}",
        "correlation_id": rows[0].correlation_id if len(rows) == 1 else None,
        "documents": [row.id for row in rows],
    }
    owe(tx, [delivery])
    return [
        (
            row,
            {
                "status": move(row.status, Outcome.WRAPPED),
                "payload_id": stored.id,
                "offset": 0,
                "size": stored.size,
                "interchange_id": number,
                "group_id": None,
                "control_number": str(place),
                "updated_at": tx.now,
            },
        )
        for place, row in enumerate(rows, 1)
    ]


def _written(tx: Tx, book: Book, agreement: Agreement, rows: list[Any]) -> bytes:
    answered = {row.answers_document_id for row in rows if row.answers_document_id is not None}
    made = canonical_documents.load(tx, {row.id for row in rows} | answered)
    answers = [[made[row.answers_document_id]] if row.answers_document_id in made else [] for row in rows]
    documents = [made[row.id] for row in rows]
    return book.file_chart(agreement).write_text(documents, partner=agreement.partner, answers=answers)


def _apart(
    tx: Tx, book: Book, agreement: Agreement, rows: list[Any], error: MapError
) -> list[tuple[Any, dict[str, Any]]]:
    """Documents that cannot stand in one file go each in its own, and a person is told why."""
    data = {
        "kind": rows[0].kind,
        "reason": f"{len(rows)} of them cannot stand in one file, so each went alone: {error}",
        "then": "; these need nothing more, so settle this then",
    }
    key, subject = f"document:{rows[0].id}:apart", ("document", rows[0].id)
    where = f"{rows[0].set_id} {rows[0].business_key} and others"
    raise_alerts(tx, [Alert("cannot-write", agreement.lane, key, data, where, subject, agreement.partner)])
    return [end for row in rows for end in _pack(tx, book, agreement, [row])]


def _name(tx: Tx, agreement: Agreement, rows: list[Any], sequence: int) -> str:
    suffix = SUFFIXES.get(agreement.document.standard, agreement.document.standard)
    now = dt.datetime.fromtimestamp(tx.now / 1_000_000, dt.UTC)
    values = {
        "set": rows[0].set_id,
        "number": rows[0].business_key or str(rows[0].id),
        "sequence": f"{sequence:06d}",
        "partner": agreement.partner,
        "date": now.strftime("%Y%m%d"),
        "time": now.strftime("%H%M%S"),
    }
    assert values.keys() == FILE_NAME
    return from_template(agreement.files or f"{{set}}-{{sequence}}.{suffix}", values)


def _interchange(tx: Tx, agreement: Agreement, number: int, name: str, stored: payloads.Stored) -> dict[str, Any]:
    return {
        "id": number,
        "direction": "out",
        "standard": agreement.document.standard,
        "company": agreement.company,
        "partner": agreement.partner,
        "lane": agreement.lane,
        "sender": agreement.company,
        "receiver": agreement.partner,
        "control_number": name,
        "content_sha256": stored.sha256,
        "status": InterchangeStatus.SENT,
        "position": 0,
        "offset": 0,
        "size": stored.size,
        "received_at": tx.now,
        "payload_id": stored.id,
    }
