"""trace: everything the house knows about one order, document, delivery or number, in the order it became known.

Pure reading. Order is by recorded time; where something happened noticeably earlier than we learnt of it, both times
are given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, func, or_, select

from gateway.pipeline.situations import spoken
from gateway.pipeline.telling import delivery_words, document_words, event_words
from gateway.store.engine import View
from gateway.store.schema import (
    as2_message,
    delivery,
    delivery_attempt,
    delivery_document,
    document,
    event,
    event_key,
    functional_group,
    interchange,
    transmission,
    work_item,
)

NAME = re.compile(r"([TDLWE])-(\d{1,18})")
LETTERS = "TDLWEevt_-"  # what stands before the number in a line's subject
TROUBLE = ("invalid", "held", "stuck", "withheld", "refused", "refused-by-us", "undelivered")
MOST = 500  # documents of one trace; a file of 50,000 is not read by a person


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that became known."""

    recorded_at: int  # microseconds UTC
    occurred_at: int  # the same, unless it was learnt later than it happened
    subject: str  # "T-1", "D-7", "L-5", "W-3", "evt_9"
    kind: str  # transmission | document | event | delivery | attempt | work item
    lane: str
    text: str  # one sentence
    trouble: bool = False  # a person was or is needed, or a try failed


@dataclass(frozen=True, slots=True)
class Trace:
    """All of it."""

    key: str
    lines: tuple[Line, ...]
    lanes: tuple[str, ...]
    documents: tuple[str, ...] = ()
    open_items: tuple[str, ...] = ()
    cut_short: bool = False  # there was more than a person can read


@dataclass(slots=True)
class _Found:
    transmissions: set[int] = field(default_factory=set)
    interchanges: set[int] = field(default_factory=set)
    documents: set[int] = field(default_factory=set)
    deliveries: set[int] = field(default_factory=set)
    items: set[int] = field(default_factory=set)
    events: set[int] = field(default_factory=set)
    correlations: set[str] = field(default_factory=set)


def trace(view: View, key: str, *, lane: str | None = None, as_of: int | None = None) -> Trace:
    """Everything about a key; a Trace without lines where nothing is known of it."""
    found = _Found()
    _begin(view, key.strip(), found)
    _widen(view, found)
    cut_short = len(found.documents) > MOST
    found.documents = set(sorted(found.documents)[:MOST])
    rows = view.by_ids(document, sorted(found.documents))
    lines = [
        *_transmissions(view, found),
        *_documents(view, rows),
        *_events(view, found),
        *_deliveries(view, found),
        *_items(view, found),
    ]
    lines = [
        line for line in lines if (lane is None or line.lane == lane) and (as_of is None or line.recorded_at <= as_of)
    ]
    lines.sort(key=lambda line: (line.recorded_at, ORDER.index(line.kind), int(line.subject.lstrip(LETTERS))))
    items = view.by_ids(work_item, sorted(found.items))
    still_open = [i for i in items if i.settled_at is None and (lane is None or i.lane == lane)]
    return Trace(
        key,
        tuple(lines),
        tuple(sorted({line.lane for line in lines})),
        tuple(f"D-{row.id}" for row in sorted(rows, key=lambda row: row.id) if lane is None or row.lane == lane),
        tuple(f"W-{item.id}" for item in still_open),
        cut_short,
    )


ORDER = ("transmission", "document", "event", "delivery", "attempt", "work item")  # of what one commit stored


def _begin(view: View, key: str, found: _Found) -> None:
    """What the key itself names."""
    match = NAME.fullmatch(key)
    if match is not None:
        number = int(match[2])
        into = {
            "T": found.transmissions,
            "D": found.documents,
            "L": found.deliveries,
            "W": found.items,
            "E": found.interchanges,
        }[match[1]]
        into.add(number)
        if match[1] == "W" and (item := view.get(work_item, number)) is not None:
            _about(item, found)
        _carried(view, found)
        return
    if "@" in key:  # a Message-ID, with or without its brackets
        names = {key, f"<{key.strip('<>')}>"}
        found.deliveries |= _ids(view, select(as2_message.c.delivery_id).where(as2_message.c.message_id.in_(names)))
        found.transmissions |= _ids(view, select(transmission.c.id).where(transmission.c.transport_id.in_(names)))
        _carried(view, found)
    digits = key.lstrip("0") or "0"
    found.documents |= _ids(view, select(document.c.id).where(document.c.business_key == key, document.c.released))
    keys = {key, *(f"{partner}/{key}" for partner in _partners(view))}
    found.events |= _ids(view, select(event_key.c.event_id).where(event_key.c.key.in_(keys)))
    if key.isdigit():
        numbers = {key, digits, digits.zfill(9)}
        found.interchanges |= _ids(view, select(interchange.c.id).where(interchange.c.control_number.in_(numbers)))
        numbered = functional_group.c.control_number.in_(numbers)
        inside = document.join(
            functional_group,
            (document.c.interchange_id == functional_group.c.interchange_id)
            & (document.c.group_id == functional_group.c.id),
        )
        found.documents |= _ids(view, select(document.c.id).select_from(inside).where(numbered))


def _partners(view: View) -> set[str]:
    """Everybody a document ever came from or went to: one step of the index each, however many documents there are."""
    first = select(func.min(document.c.partner).label("name")).cte(recursive=True)
    following = select(func.min(document.c.partner)).where(document.c.partner > first.c.name).scalar_subquery()
    every = first.union_all(select(following).where(first.c.name.is_not(None)))
    return _texts(view, select(every.c.name))


def _carried(view: View, found: _Found) -> None:
    """What the deliveries found so far carry."""
    carried = select(delivery_document.c.document_id).where(delivery_document.c.delivery_id.in_(found.deliveries))
    found.documents |= _ids(view, carried)
    found.correlations |= {row.correlation_id for row in view.by_ids(delivery, sorted(found.deliveries))} - {None}


def _about(item: Any, found: _Found) -> None:
    if item.correlation_id:
        found.correlations.add(item.correlation_id)
    into = {"transmission": found.transmissions, "document": found.documents, "delivery": found.deliveries}
    if item.subject in into and item.subject_id is not None:
        into[item.subject].add(item.subject_id)


def _widen(view: View, found: _Found) -> None:
    """From what was named to everything that belongs to it: the same story, its files and its answers."""
    if found.transmissions:
        inside = select(interchange.c.id).where(interchange.c.transmission_id.in_(found.transmissions))
        found.interchanges |= _ids(view, inside)
    if found.interchanges:
        inside = select(document.c.id).where(document.c.interchange_id.in_(found.interchanges), document.c.released)
        found.documents |= _ids(view, inside.limit(MOST + 1))
        found.transmissions |= _ids(
            view, select(interchange.c.transmission_id).where(interchange.c.id.in_(found.interchanges))
        )
    found.correlations |= _texts(view, select(document.c.correlation_id).where(document.c.id.in_(found.documents)))
    found.correlations |= _texts(view, select(event.c.correlation_id).where(event.c.id.in_(found.events)))
    if found.correlations:
        same = document.c.correlation_id.in_(found.correlations)
        found.documents |= _ids(view, select(document.c.id).where(same, document.c.released).limit(MOST + 1))
    beside = document.alias()
    siblings = select(beside.c.id).join(
        document, and_(document.c.payload_id == beside.c.payload_id, document.c.offset == beside.c.offset)
    )
    several = (document.c.id.in_(found.documents), document.c.part.is_not(None), beside.c.part.is_not(None))
    found.documents |= _ids(view, siblings.where(*several, beside.c.released).limit(MOST + 1))
    answers = _answers(view, found.documents)
    found.documents |= answers
    found.correlations |= {f"D-{number}" for number in answers}  # an answer sent again keeps the answer's
    brought = select(interchange.c.transmission_id).join(document, document.c.interchange_id == interchange.c.id)
    found.transmissions |= _ids(view, brought.where(document.c.id.in_(found.documents)))
    told = or_(event.c.correlation_id.in_(found.correlations), event.c.document_id.in_(found.documents))
    found.events |= _ids(view, select(event.c.id).where(told))
    carried = select(delivery_document.c.delivery_id).where(delivery_document.c.document_id.in_(found.documents))
    found.deliveries |= _ids(view, carried)
    same = delivery.c.correlation_id.in_(found.correlations)
    found.deliveries |= _ids(view, select(delivery.c.id).where(same))
    about = (("transmission", found.transmissions), ("document", found.documents), ("delivery", found.deliveries))
    asked = [(work_item.c.subject == subject) & work_item.c.subject_id.in_(numbers) for subject, numbers in about]
    same = work_item.c.correlation_id.in_(found.correlations)
    found.items |= _ids(view, select(work_item.c.id).where(or_(same, *asked)))


def _answers(view: View, documents: Iterable[int]) -> set[int]:
    """The acknowledgements of these documents: ours of what came, theirs of what we sent."""
    groups = select(document.c.group_id).where(document.c.id.in_(list(documents)))
    answered = select(functional_group.c.acknowledged_by).where(functional_group.c.id.in_(groups))
    return _ids(view, answered)


def _ids(view: View, query: Any) -> set[int]:
    return {row[0] for row in view.all(query) if row[0] is not None}


def _texts(view: View, query: Any) -> set[str]:
    return {row[0] for row in view.all(query) if row[0] is not None}


def _transmissions(view: View, found: _Found) -> Iterable[Line]:
    for row in view.by_ids(transmission, sorted(found.transmissions)):
        what = f"{spoken(row.filename)}, " if row.filename else ""
        size = f"{row.size:,} bytes"
        text = f"{what}{size} came over connection {row.connection} and were stored."
        yield Line(row.received_at, row.received_at, f"T-{row.id}", "transmission", row.lane, text)


def _documents(view: View, rows: Sequence[Any]) -> Iterable[Line]:
    envelopes = {row.id: row for row in view.by_ids(interchange, sorted({r.interchange_id for r in rows} - {None}))}
    for row in rows:
        envelope = envelopes.get(row.interchange_id)
        text = document_words(row, envelope)
        trouble = row.status in TROUBLE
        yield Line(row.received_at, row.received_at, f"D-{row.id}", "document", row.lane, text, trouble)


def _events(view: View, found: _Found) -> Iterable[Line]:
    for row in view.by_ids(event, sorted(found.events)):
        data, ids = json.loads(row.data), json.loads(row.ids)
        text = event_words(row.type, data, ids)
        trouble = row.type in ("order.refused", "document.refused")
        yield Line(row.recorded_at, row.occurred_at, f"evt_{row.id}", "event", row.lane, text, trouble)


def _deliveries(view: View, found: _Found) -> Iterable[Line]:
    rows = {row.id: row for row in view.by_ids(delivery, sorted(found.deliveries))}
    for row in rows.values():
        text = f"{_capital(delivery_words(row))} is owed to {row.target}."
        yield Line(row.created_at, row.created_at, f"L-{row.id}", "delivery", row.lane, text)
    for one in view.by_ids(as2_message, sorted(rows), column="delivery_id"):
        what = _capital(delivery_words(rows[one.delivery_id]))
        text = f"{what} goes to {one.connection} as AS2 message {one.message_id}, the same on every try."
        yield Line(one.made_at, one.made_at, f"L-{one.delivery_id}", "delivery", one.lane, text)
        if one.judged_at is not None:
            trouble = one.standing != "acknowledged"
            text = f"{what} to {one.connection}: {spoken(one.said)}."
            yield Line(one.judged_at, one.judged_at, f"L-{one.delivery_id}", "attempt", one.lane, text, trouble)
    tries = view.by_ids(delivery_attempt, sorted(rows), column="delivery_id")
    count: dict[int, int] = {}
    for one in sorted(tries, key=lambda one: (one.delivery_id, one.n)):
        row = rows[one.delivery_id]
        number = count[row.id] = count.get(row.id, 0) + 1
        yield _attempt(row, one, number)


def _attempt(row: Any, one: Any, number: int) -> Line:
    """How one try ended. The last one is told with what the other side said, as the delivery keeps it."""
    which = "" if number == 1 else f", try {number}"
    what = f"{_capital(delivery_words(row))} to {row.target}{which}"
    if one.finished_at is None:
        return Line(
            one.started_at,
            one.started_at,
            f"L-{row.id}",
            "attempt",
            row.lane,
            f"{what}: begun, and nobody knows how it ended.",
            trouble=True,
        )
    if one.outcome == "ended":
        said = json.loads(row.result).get("said", "") if row.result else ""
        taken = row.status != "rejected"
        text = f"{what}: taken{f' ({spoken(said)})' if said else ''}." if taken else f"{what}: refused: {spoken(said)}."
        return Line(one.finished_at, one.finished_at, f"L-{row.id}", "attempt", row.lane, text, not taken)
    if one.outcome == "taken":
        text = f"{what}: their server took it; whether it is accepted they say by a call of their own."
        return Line(one.finished_at, one.finished_at, f"L-{row.id}", "attempt", row.lane, text)
    text = f"{what}: not taken: {spoken(one.detail)}."
    if one.outcome != "again":
        text += f" It was given up: {spoken(one.outcome.removeprefix('gave up: '))}."
    return Line(one.finished_at, one.finished_at, f"L-{row.id}", "attempt", row.lane, text, trouble=True)


def _items(view: View, found: _Found) -> Iterable[Line]:
    for row in view.by_ids(work_item, sorted(found.items)):
        name = f"W-{row.id}"
        opened = f"A person is asked: {row.title}"
        yield Line(row.opened_at, row.opened_at, name, "work item", row.lane, opened, trouble=True)
        if row.settled_at is not None:
            text = f"Settled by {row.settled_by}: {row.title}"
            yield Line(row.settled_at, row.settled_at, name, "work item", row.lane, text)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
