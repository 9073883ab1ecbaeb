"""translate: a partner's valid document through its map, into our language, and its business fact onto the road.

The work is done outside a transaction (cut the set out of its payload, place its segments, run the map); one commit
stores the canonical document, the fact and what is owed because of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from gateway import __version__
from gateway.canonical import Document, Invoice, Order, Shipment
from gateway.formats.x12.framing import rows_of
from gateway.formats.x12.separators import Separators
from gateway.lifecycle import DocumentStatus, Outcome, move
from gateway.mapping import MapError
from gateway.partners.book import Book
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.deadlines import dated
from gateway.pipeline.house import House
from gateway.pipeline.route import Fact, Key, happen, order_key
from gateway.pipeline.staging import separators_of
from gateway.store import canonical_documents, payloads
from gateway.store.engine import Tx
from gateway.store.schema import document

FACTS = {
    "order": "order.received",
    "order-response": "order.answered",
    "shipment": "shipment.announced",
    "invoice": "invoice.received",
    "inventory": "inventory.reported",
    "return": "return.requested",
    "warehouse-order": "warehouse-order.received",
    "warehouse-shipping-advice": "shipment.confirmed",
}


@dataclass(frozen=True, slots=True)
class Translated:
    """What became of one document."""

    row: Any
    made: Document | None
    map_revision: str | None
    profile_revision: str
    problem: str | None = None


def translate(house: House, rows: Sequence[Any]) -> list[Translated]:
    """Run each document through the map of its agreement. A document its map cannot carry is data, not an exception."""
    book = house.book()
    texts = payloads.cut(house.store, [(row.payload_id, row.offset, row.size) for row in rows])
    with house.store.read() as view:
        shapes = separators_of(view, {row.interchange_id for row in rows})
    return [_translate(book, row, text, shapes[row.interchange_id]) for row, text in zip(rows, texts, strict=True)]


def _translate(book: Book, row: Any, data: bytes, separators: Separators) -> Translated:
    agreement = book.agreements.get(row.agreement)
    if agreement is None or agreement.map is None:
        return Translated(row, None, None, book.revision, "its agreement names no map")
    chart = book.library.map(agreement.map)
    guide = chart.guide  # positions belong to one guide: the map's own, whatever release the sender wrote
    if guide is None:
        return Translated(row, None, chart.revision, book.revision, f"its map {agreement.map} reads no segments")
    segments = rows_of(data, separators)
    positions = guide.check(segments, separators, agreement.tolerance).positions
    inner = (separators.component or ":", separators.repetition or "^")
    try:
        made = chart.read(segments, positions, partner=row.partner, separators=inner)
    except MapError as error:
        return Translated(row, None, chart.revision, book.revision, str(error))
    return Translated(row, made, chart.revision, book.revision)


def record(tx: Tx, house: House, results: Sequence[Translated]) -> list[tuple[Any, dict[str, Any]]]:
    """Store canonical documents and facts; returns each row with the column values that finish it."""
    finished: list[tuple[Any, dict[str, Any]]] = []
    alerts: list[Alert] = []
    facts: list[Fact] = []
    stored: list[tuple[int, Document]] = []
    known = _known(tx, [r for r in results if r.made is not None])
    book = house.book()
    for result in results:
        row, made = result.row, result.made
        values: dict[str, Any] = {
            "map_revision": result.map_revision,
            "profile_revision": result.profile_revision,
            "code_version": __version__,
            "updated_at": tx.now,
        }
        if made is None:
            alerts.append(_alert("map-failed", row, {"map": book.map_name(row.agreement), "reason": result.problem}))
            finished.append((row, {**values, "status": move(row.status, Outcome.NOT_TRANSLATED)}))
            continue
        values |= {"kind": made.kind, "business_key": made.key()}
        outcome = _duplicate(book, row, made, known, alerts)
        known.setdefault((row.partner, row.lane, made.kind, made.key()), row.content_sha256)
        finished.append((row, {**values, "status": move(row.status, outcome)}))
        stored.append((row.id, made))
        if outcome is Outcome.TRANSLATED:
            facts.append(_fact(row, made))
    canonical_documents.store(tx, stored)
    happen(tx, house, facts)
    raise_alerts(tx, dated(tx, book, alerts))
    return finished


def _known(tx: Tx, results: Sequence[Translated]) -> dict[tuple[str, str, str, str], str]:
    """(partner, lane, kind, business key) -> content hash of the first document used under it."""
    keys = {r.made.key() for r in results if r.made is not None}
    if not keys:
        return {}
    found = tx.execute(
        select(
            document.c.id,
            document.c.partner,
            document.c.lane,
            document.c.kind,
            document.c.business_key,
            document.c.content_sha256,
        )
        .where(
            document.c.kind.in_({r.made.kind for r in results if r.made is not None}),
            document.c.business_key.in_(keys),
            document.c.direction == "in",
            document.c.status == DocumentStatus.DONE,
            document.c.id.not_in([r.row.id for r in results]),
        )
        .order_by(document.c.id)
    )
    first: dict[tuple[str, str, str, str], str] = {}
    for row in found:
        first.setdefault((row.partner, row.lane, row.kind, row.business_key), row.content_sha256)
    return first


def _duplicate(
    book: Book,
    row: Any,
    made: Document,
    known: dict[tuple[str, str, str, str], str],
    alerts: list[Alert],
) -> Outcome:
    """What the agreement wants done with a business key that was used before."""
    before = known.get((row.partner, row.lane, made.kind, made.key()))
    if before is None or row.status == DocumentStatus.CLEARED:
        return Outcome.TRANSLATED
    if before == row.content_sha256:
        return Outcome.SEEN_BEFORE
    policy = book.agreements[row.agreement].duplicates.business_key
    data = {"kind": made.kind, "business_key": made.key()}
    if policy in ("hold", "warn"):
        alerts.append(_alert("business-key-reused", row, data))
    return Outcome.SET_ASIDE if policy == "hold" else Outcome.TRANSLATED


def _alert(code: str, row: Any, data: dict[str, Any]) -> Alert:
    data = {"kind_word": row.set_id, "control_number": row.control_number, **data}
    where = f"{row.set_id}, document D-{row.id}"
    subject = ("document", row.id)
    return Alert(code, row.lane, f"document:{row.id}:{code}", data, where, subject, row.partner, row.correlation_id)


def _fact(row: Any, made: Document) -> Fact:
    return Fact(
        type=FACTS[made.kind],
        lane=row.lane,
        partner=row.partner,
        keys=keys_of(row.partner, made),
        data={"document_id": row.id, **_facts_of(made)},
        document_id=row.id,
        correlation_id=row.correlation_id,
    )


def keys_of(partner: str, made: Document) -> tuple[Key, ...]:
    """Every flow this document touches."""
    match made:
        case Order():
            return (order_key(partner, made.order_number, made.release_number),)
        case Shipment():
            named = [(o.order_number, o.release_number) for o in made.orders if o.order_number]
            return tuple(order_key(partner, number, release) for number, release in dict.fromkeys(named))
        case Invoice() if made.order_number:
            return (order_key(partner, made.order_number, made.release_number),)
    number = getattr(made, "order_number", None)
    return (order_key(partner, number),) if number else ((made.kind, f"{partner}/{made.key()}"),)


def _facts_of(made: Document) -> dict[str, Any]:
    match made:
        case Order():
            quantities = {
                line.line_number: str(line.quantity.value)
                for line in made.lines
                if line.line_number is not None and line.quantity is not None
            }
            return {"order_number": made.order_number, "lines": quantities}
    return {"number": made.key()}
