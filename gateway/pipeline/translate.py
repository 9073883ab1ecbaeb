"""translate: a partner's valid document through its map, into our language, and its business fact onto the road.

The map runs outside a transaction; one commit stores the canonical document, the fact and what is owed because of it.
Three roads lead to `record`:
  * unwrap.py runs the map on the segments it has just read. Where the interchange ends in the same portion, that one
    commit stores everything, and no document waits for a stage of its own.
  * A document whose interchange was still open then is stored with its canonical form and the gist of it. Once it is
    released, the stage `route` records the gist; nothing is read or mapped a second time.
  * The stage `translate` reads the bytes anew: what a person runs again, and what unwrap.py left alone because
    something failed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json
from sqlalchemy import bindparam, select

from gateway import __version__
from gateway.canonical import (
    Document,
    InventoryAdjustment,
    Invoice,
    Order,
    Return,
    Shipment,
    StockReceipt,
    StockTransfer,
    WarehouseOrder,
    WarehouseShippingAdvice,
)
from gateway.flows import advice, returns, stock
from gateway.formats.x12.changes import changed_order
from gateway.formats.x12.framing import rows_of
from gateway.formats.x12.guide import Guide
from gateway.formats.x12.separators import Separators
from gateway.lifecycle import DocumentStatus, Outcome, move
from gateway.mapping import Found, Map, MapError
from gateway.mapping.own import Own
from gateway.mapping.text import Part
from gateway.partners.agreement import Agreement
from gateway.partners.book import FILES, Book
from gateway.pipeline import advices, changes
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.answering import Answers, given_for
from gateway.pipeline.deadlines import dated
from gateway.pipeline.house import House
from gateway.pipeline.questions import Question, asked_by, uncounted
from gateway.pipeline.questions import alerts as question_alerts
from gateway.pipeline.route import Fact, Key, happen, order_key, warehouse_order_key
from gateway.pipeline.staging import read_with
from gateway.store import canonical_documents, payloads
from gateway.store.among import among
from gateway.store.engine import Tx
from gateway.store.ids import take
from gateway.store.schema import document

FACTS = {
    "order": "order.received",
    "order-response": "order.answered",
    "shipment": "shipment.announced",
    "invoice": "invoice.received",
    "inventory": "inventory.reported",
    "file-acknowledgement": "file.acknowledged",
    "inventory-adjustment": stock.ADJUSTED,
    "stock-receipt": stock.RECEIVED,
    "stock-transfer": stock.ANNOUNCED,
    "item": "item.received",
    "return": returns.REQUESTED,
    "load-tender": "load.tendered",
    "tender-response": "load.answered",
    "transport-status": "load.reported",
    "warehouse-order": "warehouse-order.received",
    advices.KIND: advices.FACT,
}


class Gist(NamedTuple):
    """What the road needs to know of a canonical document."""

    kind: str
    business_key: str
    keys: tuple[Key, ...]  # every flow it touches
    data: dict[str, Any]  # of its fact
    map_revision: str
    profile_revision: str

    def columns(self) -> dict[str, Any]:
        """What of it stands in the document's row."""
        return {
            "kind": self.kind,
            "business_key": self.business_key,
            "map_revision": self.map_revision,
            "profile_revision": self.profile_revision,
        }

    def json(self) -> str:
        revisions = [self.map_revision, self.profile_revision]
        return to_json([self.kind, self.business_key, self.keys, self.data, *revisions]).decode()

    @classmethod
    def of_json(cls, text: str) -> Gist:
        kind, business_key, keys, data, map_revision, profile_revision = from_json(text)
        return cls(kind, business_key, tuple((k, v) for k, v in keys), data, map_revision, profile_revision)


class Carried(NamedTuple):
    """What a map made of a document."""

    gist: Gist
    form: canonical_documents.Form | None  # None: stored before
    content_sha256: str | None = None  # of one of several documents in a set; alone, it is the set's


@dataclass(frozen=True, slots=True)
class NotCarried:
    """Why a document did not get through: for a person, not an exception."""

    problem: str
    map_revision: str | None
    profile_revision: str
    questions: tuple[Question, ...] = ()  # what a person must answer before it can be used
    situation: str = "map-failed"
    changes: str | None = None  # the number of the order that it changes


class Translated(NamedTuple):
    """What became of one document."""

    row: Any
    end: Carried | NotCarried
    parts: tuple[Carried, ...] = ()  # all documents of its set, where there are several


def translate(house: House, rows: Sequence[Any]) -> list[Translated]:
    """Run each document through the map of its agreement."""
    book = house.book()
    texts = payloads.cut(house.store, [(row.payload_id, row.offset, row.size) for row in rows])
    with house.store.read() as view:
        shapes = read_with(view, {row.interchange_id for row in rows})
        answers = given_for(view, [row.id for row in rows if row.map_revision is not None])  # it ran before
    return [
        _translate(book, row, text, *shapes[row.interchange_id], answers.get(row.id, ()))
        for row, text in zip(rows, texts, strict=True)
    ]


def _translate(book: Book, row: Any, data: bytes, separators: Separators, head: str, answers: Answers) -> Translated:
    agreement = book.agreements.get(row.agreement)
    if agreement is not None and row.standard in FILES:
        chart = book.file_chart(agreement, answers)
        try:
            return Translated(row, carry_part(book, agreement, chart, part_of(row, data, head)))
        except MapError as error:
            return Translated(row, NotCarried(str(error), chart.revision, book.revision))
    if agreement is None:
        return Translated(row, NotCarried("is gone", None, book.revision, situation="agreement-gone"))
    if agreement.map is None:
        order = changed_order(row.set_id, rows_of(data, separators))
        without = NotCarried("names no map", None, book.revision, situation="agreement-without-map", changes=order)
        return Translated(row, without)
    end = carry(book, agreement, agreement.map, rows_of(data, separators), separators, answers=answers)
    if isinstance(end, NotCarried):
        return Translated(row, end)
    part = row.part or 1
    if part > len(end):
        said = f"its map finds no part {part} in the set any more"
        return Translated(row, NotCarried(said, end[0].gist.map_revision, book.revision))
    return Translated(row, end[part - 1], tuple(end) if len(end) > 1 else ())


def carry(
    book: Book,
    agreement: Agreement,
    name: str,
    segments: list[list[str]],
    separators: Separators,
    placed: tuple[Guide | None, Sequence[int]] = (None, ()),
    answers: Answers = (),
) -> list[Carried] | NotCarried:
    """One set through a map; it can hold several documents.

    `placed` is a guide the set was judged by, and its places there.
    """
    chart = book.chart(agreement, answers)
    if chart.guide is None:
        return NotCarried(f"its map {name} reads no segments", chart.revision, book.revision)
    guide, positions = placed
    if guide is not chart.guide:
        # Positions belong to one guide: the map's own, whatever release the sender wrote.
        positions = chart.guide.check(segments, separators, agreement.tolerance).positions
    inner = (separators.component or ":", separators.repetition or "^")
    try:
        parts = chart.read_parts(segments, positions, partner=agreement.partner, separators=inner)
    except MapError as error:
        return NotCarried(str(error), chart.revision, book.revision, tuple(asked_by(error, chart, "in")))
    trace = partial(chart.provenance, segments, positions, separators=inner)
    ends: list[Carried] = []
    for made, rows in parts:
        end = carried(book, agreement, chart, made, trace)
        if isinstance(end, NotCarried):
            return end
        ends.append(end if len(parts) == 1 else end._replace(content_sha256=_content_of(rows)))
    return _told_apart(ends)


def _told_apart(ends: list[Carried]) -> list[Carried]:
    """Several documents of a set can share its number (two shipments in one 856): then each has a number of its own."""
    if len(ends) == 1 or len({end.gist.business_key for end in ends}) == len(ends):
        return ends
    return [
        end._replace(gist=end.gist._replace(business_key=f"{end.gist.business_key}/{part}"))
        for part, end in enumerate(ends, 1)
    ]


def _content_of(rows: Sequence[Sequence[str]]) -> str:
    """What one of several documents of a set says, whatever its neighbours: without their counts and numbers."""
    own = [["HL", *row[3:]] if row[0] == "HL" else row for row in rows if row[0] not in ("ST", "CTT", "SE")]
    return hashlib.sha256(to_json(own)).hexdigest()


def carry_part(book: Book, agreement: Agreement, chart: Map | Own, part: Part) -> Carried | NotCarried:
    """One document of a file through its map. Raises MapError where something is wrong that nobody can answer."""
    try:
        made = chart.read_part(part, partner=agreement.partner)
    except MapError as error:
        questions = asked_by(error, chart, "in") if isinstance(chart, Map) else []
        if not questions:
            raise
        return NotCarried(str(error), chart.revision, book.revision, tuple(questions))
    return carried(book, agreement, chart, made, dict)


def carried(
    book: Book, agreement: Agreement, chart: Map | Own, made: Document, trace: Callable[[], dict[str, Found]]
) -> Carried | NotCarried:
    """What a map made, and what the road needs to know of it."""
    units = agreement.codes.units if isinstance(chart, Map) else ()
    if isinstance(chart, Map) and units and (asked := uncounted(made, units, chart, trace)):
        return NotCarried("a unit nobody can count", chart.revision, book.revision, tuple(asked))
    gist = Gist(made.kind, made.key(), keys_of(agreement.partner, made), _facts_of(made), chart.revision, book.revision)
    return Carried(gist, canonical_documents.form_of(made))


def part_of(row: Any, data: bytes, head: str) -> Part:
    """A stored document of a file, to be read again."""
    first = (row.place or "").removeprefix("rows ").removeprefix("row ").partition(" ")[0]
    line = int(first) if first.isdecimal() else 1
    return Part(int(row.control_number), row.offset, row.size, row.place, line, data, head)


def recall(rows: Sequence[Any]) -> list[Translated]:
    """The gist of documents that were mapped while their interchange was being read."""
    return [Translated(row, Carried(Gist.of_json(row.gist), None)) for row in rows]


def record(tx: Tx, house: House, results: Sequence[Translated]) -> list[tuple[Any, dict[str, Any]]]:
    """Store canonical documents and facts; returns each row with the column values that finish it."""
    if not results:
        return []
    finished: list[tuple[Any, dict[str, Any]]] = []
    alerts: list[Alert] = []
    facts: list[Fact] = []
    stored: list[tuple[int, canonical_documents.Form]] = []
    again: list[int] = []
    results, siblings = _siblings(tx, results)
    known = _known(tx, results)
    book = house.book()
    for result in results:
        row, end = result.row, result.end
        values: dict[str, Any] = {"code_version": __version__, "updated_at": tx.now}
        if result.parts:
            values |= {"part": row.part or 1, "content_sha256": row.content_sha256}
        if isinstance(end, NotCarried):
            alerts += question_alerts(end.questions, row)
            if end.changes is not None:
                alert, beside = changes.of_order(tx, row, end.changes)
                alerts.append(alert)
                values |= beside
            elif not end.questions:
                names = {"map": book.map_name(row.agreement), "agreement": row.agreement}
                alerts.append(_alert(end.situation, row, {**names, "reason": end.problem}))
            values |= {"map_revision": end.map_revision, "profile_revision": end.profile_revision}
            finished.append((row, {**values, "status": move(row.status, Outcome.NOT_TRANSLATED)}))
            continue
        gist = end.gist
        if row.gist is None or row.kind is None:  # otherwise they stand in the row since it was staged
            values |= gist.columns()
        if row.gist is not None:
            values["gist"] = None
        outcome = _duplicate(book, row, gist, known, alerts)
        if outcome is Outcome.TRANSLATED and _is_one_of_its_own(row, gist, known):
            gist = _of_its_own(row, gist)
            values["business_key"] = gist.business_key
        known.setdefault((row.partner, row.lane, gist.kind, gist.business_key), row.content_sha256)
        finished.append((row, {**values, "status": move(row.status, outcome)}))
        if end.form is not None:
            stored.append((row.id, end.form))
            if row.map_revision is not None:  # it ran before
                again.append(row.id)
        if outcome is Outcome.TRANSLATED:
            facts.append(_fact(row, gist))
    canonical_documents.store_forms(tx, stored, again)
    advised = [r.row.id for r in results if isinstance(r.end, Carried) and r.end.gist.kind == advices.KIND]
    placed = advices.place(tx, facts, frozenset(advised))
    for row, values in finished:
        values |= placed.values.get(row.id, {})
        if row.id in placed.set_aside:
            values["status"] = move(row.status, Outcome.SET_ASIDE)
    alerts += placed.alerts
    tx.insert(document, [{**siblings[row.id], **values} for row, values in finished if row.id in siblings])
    happen(tx, house, placed.facts)
    raise_alerts(tx, dated(tx, book, alerts))
    return [(row, values) for row, values in finished if row.id not in siblings]


def _siblings(tx: Tx, results: Sequence[Translated]) -> tuple[list[Translated], dict[int, dict[str, Any]]]:
    """The other documents of sets that hold several, which no row stands for yet: each gets a row of its own."""
    every: list[Translated] = []
    fresh: dict[int, dict[str, Any]] = {}
    for result in results:
        row = result.row
        every.append(result._replace(row=_with_content(row, result.end)) if result.parts else result)
        if not result.parts:
            continue
        same = (_d.payload_id == row.payload_id, _d.offset == row.offset, _d.direction == "in")
        there = {found.part for found in tx.all(select(_d.part).where(*same))} | {row.part or 1}
        missing = [part for part in range(1, len(result.parts) + 1) if part not in there]
        for part, number in zip(missing, take(tx, "document", len(missing)), strict=True):
            values = {column.name: getattr(row, column.name) for column in document.c}
            values |= {"id": number, "part": part, "correlation_id": f"D-{number}", "stage": None, "due_at": None}
            values |= {"attempts": 0, "last_error": None, "lease_owner": None, "lease_until": None, "lease_fence": 0}
            values |= {"status": DocumentStatus.VALID, "content_sha256": result.parts[part - 1].content_sha256}
            fresh[number] = values
            every.append(Translated(SimpleNamespace(**values), result.parts[part - 1], result.parts))
    return every, fresh


def _with_content(row: Any, end: Carried | NotCarried) -> Any:
    values = {column.name: getattr(row, column.name) for column in document.c}
    return SimpleNamespace(**{**values, "content_sha256": getattr(end, "content_sha256", None)})


def _known(tx: Tx, results: Sequence[Translated]) -> dict[tuple[str, str, str, str], str]:
    """(partner, lane, kind, business key) -> content hash of the first document used under it."""
    carried = [(result.row, result.end.gist) for result in results if isinstance(result.end, Carried)]
    if not carried:
        return {}
    gists = [gist for _, gist in carried]
    # Two workers with the same number at the same moment: the second waits and then sees the first. Where a number
    # begins a flow, the second cannot begin it and judges anew.
    alone = {(row.partner, row.lane, g.kind, g.business_key) for row, g in carried if g.kind not in BEGINNING}
    tx.take_turns(["number " + "|".join(one) for one in sorted(alone)])
    ours = {result.row.id for result in results}
    first: dict[tuple[str, str, str, str], str] = {}
    for kind in {gist.kind for gist in gists}:
        keys = [gist.business_key for gist in gists if gist.kind == kind]
        for row in tx.all(_same_keys, {"_kind": kind, "_keys": keys}):
            if row.id not in ours:
                first.setdefault((row.partner, row.lane, kind, row.business_key), row.content_sha256)
    return first


_d = document.c
_same_keys = (
    select(_d.id, _d.partner, _d.lane, _d.business_key, _d.content_sha256)
    .where(_d.kind == bindparam("_kind"), among(_d.business_key, "_keys"))
    .where(_d.direction == "in", _d.status == DocumentStatus.DONE)
    .order_by(_d.id)
)


def _duplicate(
    book: Book,
    row: Any,
    gist: Gist,
    known: dict[tuple[str, str, str, str], str],
    alerts: list[Alert],
) -> Outcome:
    """What the agreement wants done with a business key that was used before."""
    before = known.get((row.partner, row.lane, gist.kind, gist.business_key))
    if before is None or row.status == DocumentStatus.CLEARED:
        return Outcome.TRANSLATED
    if before == row.content_sha256:
        return Outcome.SEEN_BEFORE
    agreement = book.agreements.get(row.agreement)  # None: it was taken out of the profiles meanwhile
    policy = agreement.duplicates.business_key if agreement else "hold"
    data = {"kind": gist.kind, "business_key": gist.business_key}
    if policy == "hold":
        alerts.append(_alert("business-key-reused", row, data))
    elif policy == "warn":
        alerts.append(_alert("business-key-used-twice", row, data))
    return Outcome.SET_ASIDE if policy == "hold" else Outcome.TRANSLATED


def _is_one_of_its_own(row: Any, gist: Gist, known: Mapping[tuple[str, str, str, str], str]) -> bool:
    """Whether it is used beside what has its number, as a person or the terms want: no flow would see it under that."""
    return gist.kind in BEGINNING and (row.partner, row.lane, gist.kind, gist.business_key) in known


BEGINNING = frozenset({"order", "warehouse-order", returns.KIND, *stock.KINDS})  # each begins a flow


def _of_its_own(row: Any, gist: Gist) -> Gist:
    shared, number = f"{row.partner}/{gist.business_key}", f"{gist.business_key}/D-{row.id}"
    keys = tuple((kind, f"{row.partner}/{number}" if key == shared else key) for kind, key in gist.keys)
    return gist._replace(business_key=number, keys=(*keys, ("number", shared)))  # who traces the number finds it


def _alert(code: str, row: Any, data: dict[str, Any]) -> Alert:
    data = {"kind_word": row.set_id, "control_number": row.control_number, **data}
    where = f"{row.set_id}, document D-{row.id}"
    subject = ("document", row.id)
    return Alert(code, row.lane, f"document:{row.id}:{code}", data, where, subject, row.partner, row.correlation_id)


def _fact(row: Any, gist: Gist) -> Fact:
    return Fact(
        type="order.cancelled" if gist.data.get("purpose") == "cancellation" else FACTS[gist.kind],
        lane=row.lane,
        partner=row.partner,
        keys=gist.keys,
        data={"document_id": row.id, **gist.data},
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
        case WarehouseOrder():  # of a depositor: for us, who ship it, it is an order like any other
            return (order_key(partner, made.depositor_order_number),)
        case WarehouseShippingAdvice():
            return (warehouse_order_key(partner, made.depositor_order_number or ""),)
        case Return():
            about = (order_key(partner, made.order_number),) if made.order_number else ()
            return ((made.kind, f"{partner}/{made.key()}"), *about)
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
        case WarehouseOrder():
            ordered = {
                line.line_number: str(line.ordered.value)
                for line in made.lines
                if line.line_number is not None and line.ordered is not None
            }
            return {"order_number": made.depositor_order_number, "lines": ordered, "purpose": made.purpose}
        case WarehouseShippingAdvice():
            return advice.said(made)
        case InventoryAdjustment() | StockReceipt():
            return stock.said(made)
        case StockTransfer():
            return stock.announced(made)
        case Return():
            return returns.said(made)
    return {"number": made.key()}
