"""write: an outbound canonical document through its map, and past the partner's own guide before it may leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway import __version__
from gateway.canonical import Document
from gateway.flows.before_sending import Breach
from gateway.formats import words
from gateway.formats.finding import Severity
from gateway.formats.x12.writer import UnwritableValue, write_set
from gateway.lifecycle import DocumentStatus, Outcome, move
from gateway.mapping import Map, MapError
from gateway.partners.agreement import Agreement
from gateway.partners.book import FILES, Book
from gateway.partners.terms import Weight
from gateway.pipeline import before_sending, collecting
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.answering import Answers, given_for
from gateway.pipeline.before_sending import Breaches
from gateway.pipeline.house import House
from gateway.pipeline.questions import Question, asked_by
from gateway.pipeline.questions import alerts as question_alerts
from gateway.pipeline.wrap import separators_for
from gateway.store import canonical_documents, payloads
from gateway.store.engine import Tx

PLACEHOLDER = "0001"  # ST02 until `wrap` gives the set its place in a group


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one outbound document: its segments between ST and SE, its text, or why not."""

    row: Any
    segments: list[list[str]]
    map_revision: str | None
    problem: str | None = None
    where: str = ""
    questions: tuple[Question, ...] = ()  # what a person must answer before it can be written
    held: tuple[Breach, ...] = ()  # rules of the agreement it breaks: a person decides
    warned: tuple[Breach, ...] = ()  # ... and it goes out all the same
    text: bytes = b""  # of what has no envelope


def write(house: House, rows: Sequence[Any]) -> list[Written]:
    """Run each document through the map of its agreement and check the result."""
    book = house.book()
    answered = {row.answers_document_id for row in rows if row.answers_document_id is not None}
    with house.store.read() as view:
        made = canonical_documents.load(view, {row.id for row in rows} | answered)
        given = given_for(view, [row.id for row in rows if row.map_revision is not None])  # it ran before
        rules = before_sending.judge(view, book, rows, made)
    return [
        through_map(book, row, made[row.id], made.get(row.answers_document_id), given.get(row.id, ()), rules[row.id])
        for row in rows
    ]


def through_map(
    book: Book, row: Any, made: Document, answers: Document | None, given: Answers, rules: Mapping[Weight, Breaches]
) -> Written:
    """What the map of its agreement makes of a document, or why it may not leave."""
    agreement = book.agreements.get(row.agreement)
    is_file = agreement is not None and agreement.document.standard in FILES
    if agreement is None or (agreement.map is None and not is_file):
        why = "names no map" if agreement else "is not in the profiles any more"
        return Written(row, [], None, f"its agreement {row.agreement} {why}")
    if rules["hold"] and row.status != DocumentStatus.WAIVED:
        return Written(row, [], None, held=rules["hold"])
    if is_file:
        return _text(book, row, agreement, made, [answers] if answers else [], given, rules["warn"])
    chart = book.chart(agreement, given)
    try:
        segments = chart.write(made, partner=row.partner, answers=[answers] if answers else [])
    except MapError as error:
        return Written(row, [], chart.revision, str(error), questions=tuple(asked_by(error, chart, "out")))
    whole = [["ST", row.set_id, PLACEHOLDER], *segments, ["SE", str(len(segments) + 2), PLACEHOLDER]]
    guide = chart.guide
    if guide is None:
        return Written(row, [], chart.revision, f"its map {agreement.map} writes no segments")
    for finding in agreement.narrowed(guide).check(whole).findings:
        if finding.severity is not Severity.WARNING:  # what we tolerate in others we do not send
            sentence = words.message_and_remedy(finding)[0].rstrip(".")
            return Written(row, [], chart.revision, sentence, words.place(finding))
    try:
        write_set(whole, separators_for(agreement.envelope.separators, row.version))
    except UnwritableValue as error:
        return Written(row, [], chart.revision, str(error))
    return Written(row, segments, chart.revision, warned=rules["warn"])


def _text(
    book: Book,
    row: Any,
    agreement: Agreement,
    made: Document,
    answers: list[Document],
    given: Answers,
    warned: Breaches,
) -> Written:
    """A document that has no envelope."""
    chart = book.file_chart(agreement, given)
    try:
        text = chart.write_text(made, partner=row.partner, answers=[answers])
    except MapError as error:
        questions = asked_by(error, chart, "out") if isinstance(chart, Map) else []
        return Written(row, [], chart.revision, str(error), questions=tuple(questions))
    return Written(row, [], chart.revision, text=text, warned=warned)


def record(tx: Tx, house: House, results: Sequence[Written]) -> list[tuple[Any, dict[str, Any]]]:
    """Store the final text of each set; returns each row with the column values that move it on."""
    book, finished = house.book(), []
    alerts: list[Alert] = []
    due = collecting.due(tx, book, [result.row.agreement for result in results if result.segments or result.text])
    for result in results:
        row = result.row
        values: dict[str, Any] = {
            "map_revision": result.map_revision,
            "profile_revision": book.revision,
            "code_version": __version__,
            "updated_at": tx.now,
        }
        alerts += before_sending.alerts(row, result.held, result.warned)
        if result.held:
            finished.append((row, {**values, "status": move(row.status, Outcome.SET_ASIDE)}))
            continue
        if result.problem is not None:
            finished.append((row, {**values, "status": move(row.status, Outcome.NOT_TRANSLATED)}))
            if result.questions:
                alerts += question_alerts(result.questions, row)
                continue
            data = {"kind": row.kind, "reason": result.problem, "then": f", then `gateway reprocess D-{row.id}`"}
            key = f"document:{row.id}:cannot-write"
            where = f"{row.set_id} {row.business_key} {result.where}".strip()
            subject = ("document", row.id)
            alerts.append(Alert("cannot-write", row.lane, key, data, where, subject, row.partner, row.correlation_id))
            continue
        if row.standard in FILES:
            stored = payloads.store(tx, result.text, owner=row.partner, lane=row.lane)
            segments = None
        else:
            stored = payloads.store_segments(tx, result.segments, owner=row.partner, lane=row.lane)
            segments = len(result.segments) + 2
        values |= {"payload_id": stored.id, "offset": 0, "size": stored.size, "segments": segments}
        values |= {
            "stage": collecting.STAGE,
            "due_at": due[row.agreement],
            "status": move(row.status, Outcome.TRANSLATED),
        }
        finished.append((row, values))
    raise_alerts(tx, alerts)
    return finished
