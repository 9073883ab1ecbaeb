"""replay: what a changed profile or map would make of what has passed through, beside what today's makes of it.

Documents are read from their stored bytes, or written from their canonical form, under both books; nothing is stored.
Today's side is made anew too: what differs then is the change, not a newer version of the gateway. A file without an
envelope is looked at document by document, as it was cut when it came.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import zip_longest
from types import SimpleNamespace
from typing import Any

from pydantic_core import from_json
from sqlalchemy import func, select

from gateway.channels.channel import Sends
from gateway.formats import words
from gateway.formats.finding import Severity
from gateway.formats.x12.answers import ANSWERING
from gateway.formats.x12.framing import rows_of
from gateway.formats.x12.guide import Guide
from gateway.partners.book import FILES, Book
from gateway.pipeline import before_sending, translate, write
from gateway.pipeline.answering import given_for
from gateway.pipeline.house import House
from gateway.pipeline.staging import read_with
from gateway.store import canonical_documents, payloads
from gateway.store.engine import Record, Store, View
from gateway.store.schema import document, functional_group, interchange, payload, transmission

BATCH = 200  # documents of one look
OF_ITS_MAKING = "source"  # of a canonical document: which map made it, so never the same under two
ABSENT = ""


class Fate(StrEnum):
    """How a document fares under the changed book, against how it fares today."""

    UNTOUCHED = "untouched"  # the change is none of its business
    SAME = "same"
    DIFFERENT = "different"
    STOPS = "stops"  # gets through today, would not any more
    PASSES = "passes"  # does not get through today, would then
    STUCK = "stuck"  # neither
    DELETED = "deleted"  # retention took its bytes; nobody can say


@dataclass(frozen=True, slots=True)
class Apart:
    """One place where the two differ; ABSENT where a side has nothing there."""

    place: str
    was: str
    becomes: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One stored document under both books."""

    row: Any  # of the table `document`
    agreement: str | None
    fate: Fate
    apart: tuple[Apart, ...] = ()
    problem: str = ""  # why it stops, is stuck, or was


@dataclass(frozen=True, slots=True)
class _Made:
    """What one book makes of one document."""

    problem: str = ""
    says: Mapping[str, str] | None = None  # a canonical document: place -> value
    lines: Sequence[Sequence[str]] = ()  # what we send: segments, or the lines of a text


def count(view: View, since_us: int) -> int:
    """How many documents `compare` will look at."""
    found: int = view.scalar(select(func.count()).select_from(document).where(*_meant(since_us)))
    return found


def compare(store: Store, today: Book, tomorrow: Book, *, since_us: int) -> Iterator[Compared]:
    """Every document that came or went since an instant, in the order they came."""
    houses = (_house(store, today), _house(store, tomorrow))
    touched = _Touched(today, tomorrow)
    last = 0
    while True:
        with store.read() as view:
            wanted = select(document).where(*_meant(since_us), document.c.id > last).order_by(document.c.id)
            rows = view.all(wanted.limit(BATCH))
            kept = _kept(view, rows)
            envelopes = _envelopes(view, rows)
        if not rows:
            return
        last = rows[-1].id
        yield from _look(houses, touched, rows, envelopes, kept)


def _meant(since_us: int) -> tuple[Any, ...]:
    return (
        document.c.received_at >= since_us,
        document.c.released,
        func.coalesce(document.c.part, 1) == 1,  # one of several in a set: their first stands for all
        func.coalesce(document.c.set_id, "").not_in(sorted(ANSWERING)),
    )


def _house(store: Store, book: Book) -> House:
    """A house in which nothing is ever sent."""
    senders: dict[str, Sends] = {}
    return House(store, lambda: book, dict, senders.__getitem__)


class _Touched:
    """Which agreements the change can make a difference to."""

    def __init__(self, today: Book, tomorrow: Book) -> None:
        self.books = (today, tomorrow)
        self.known: dict[str, bool] = {}

    def __call__(self, name: str | None, then: str | None) -> bool:
        """Whether it can, for a document that comes under one agreement today and under another (or the same) then."""
        if name != then:
            return True
        if name is None:
            return False
        if name not in self.known:
            self.known[name] = _terms(self.books[0], name) != _terms(self.books[1], name)
        return self.known[name]


def _terms(book: Book, name: str) -> tuple[Any, ...] | None:
    agreement = book.agreements.get(name)
    if agreement is None:
        return None
    revision = book.file_chart(agreement).revision if agreement.map or agreement.document.standard in FILES else ""
    return agreement, revision, book.companies[agreement.company], book.partners[agreement.partner]


def _look(
    houses: tuple[House, House],
    touched: _Touched,
    rows: Sequence[Record],
    envelopes: Mapping[int, Mapping[str, Any]],
    kept: frozenset[int],
) -> Iterator[Compared]:
    """A batch, in its order."""
    was, becomes = ({row.id: _agreement(house.book(), row, envelopes) for row in rows} for house in houses)
    at_stake = [row for row in rows if row.id in kept and touched(was[row.id], becomes[row.id])]
    made = [_make(house, at_stake, names) for house, names in zip(houses, (was, becomes), strict=True)]
    for row in rows:
        name = becomes[row.id] or was[row.id]
        if not touched(was[row.id], becomes[row.id]):
            yield Compared(row, name, Fate.UNTOUCHED)
        elif row.id not in kept:
            yield Compared(row, name, Fate.DELETED)
        else:
            yield _judge(row, name, made[0][row.id], made[1][row.id])


def _judge(row: Record, name: str | None, was: _Made, becomes: _Made) -> Compared:
    if was.problem and becomes.problem:
        return Compared(row, name, Fate.STUCK, problem=becomes.problem)
    if becomes.problem:
        return Compared(row, name, Fate.STOPS, problem=becomes.problem)
    if was.problem:
        return Compared(row, name, Fate.PASSES, problem=was.problem)
    apart = tuple(_apart(was, becomes))
    return Compared(row, name, Fate.DIFFERENT if apart else Fate.SAME, apart)


# -- what was stored ------------------------------------------------------------------------------
def _kept(view: View, rows: Sequence[Record]) -> frozenset[int]:
    """The documents whose words are still there: the bytes of what came, the canonical form of what went."""
    came = {row.id: row.payload_id for row in rows if row.direction == "in"}
    bodies = view.by_ids(payload, sorted(set(came.values())))
    there = {body.id for body in bodies if body.purged_at is None}
    went = canonical_documents.kept(view, [row.id for row in rows if row.direction == "out"])
    return went | {number for number, body in came.items() if body in there}


def _envelopes(view: View, rows: Sequence[Record]) -> dict[int, dict[str, Any]]:
    """Interchange and group of what came, by document id: who sent it to whom, where."""
    came = [row for row in rows if row.direction == "in"]
    interchanges = {one.id: one for one in view.by_ids(interchange, sorted({row.interchange_id for row in came}))}
    groups = {
        one.id: one
        for one in view.by_ids(functional_group, sorted({row.group_id for row in came if row.group_id is not None}))
    }
    arrivals = {
        one.id: one for one in view.by_ids(transmission, sorted({one.transmission_id for one in interchanges.values()}))
    }
    found = {}
    for row in came:
        envelope = interchanges[row.interchange_id]
        group = groups.get(row.group_id)
        found[row.id] = {
            "sender": (envelope.sender_qualifier or "", envelope.sender or ""),
            "receiver": (envelope.receiver_qualifier or "", envelope.receiver or ""),
            "functional_id": group.functional_id if group is not None else "",
            "connection": arrivals[envelope.transmission_id].connection,
        }
    return found


def _agreement(book: Book, row: Record, envelopes: Mapping[int, Mapping[str, Any]]) -> str | None:
    """The agreement a document would come under by a book."""
    if row.direction == "out" or row.standard in FILES:
        return row.agreement if row.agreement in book.agreements else None
    found = book.find(release=row.version, set_id=row.set_id, lane=row.lane, **envelopes[row.id])
    return found.agreement.name if found.agreement is not None else None


# -- what a book makes of it ----------------------------------------------------------------------
def _make(house: House, asked: Sequence[Record], names: Mapping[int, str | None]) -> dict[int, _Made]:
    made = {row.id: _Made("no agreement is about it") for row in asked if names[row.id] is None}
    rows = [_under(row, name) for row in asked if (name := names[row.id]) is not None]
    came = [row for row in rows if row.direction == "in"]
    went = [row for row in rows if row.direction == "out"]
    return made | _read(house, came) | _written(house, went)


def _under(row: Record, name: str) -> SimpleNamespace:
    return SimpleNamespace(**{column.name: getattr(row, column.name) for column in document.c} | {"agreement": name})


def _read(house: House, rows: Sequence[Any]) -> dict[int, _Made]:
    made = {}
    refused = _refused(house, rows)
    for row in rows:
        if row.id in refused:
            made[row.id] = _Made(refused[row.id])
            continue
        if house.book().agreements[row.agreement].map is None and row.standard not in FILES:
            made[row.id] = _Made(says={})  # it is stored and acknowledged, no more
            continue
        try:
            (result,) = translate.translate(house, [row])
        except Exception as error:  # a function of ours that a map calls: the worker makes a work item of it
            made[row.id] = _Made(f"its map failed: {error}")
            continue
        if isinstance(result.end, translate.NotCarried):
            made[row.id] = _Made(result.end.problem)
        else:
            made[row.id] = _Made(says=_said(result.parts or (result.end,)))
    return made


def _refused(house: House, rows: Sequence[Any]) -> dict[int, str]:
    """Why the partner would be told no: by the guide as their agreement narrows and tolerates it."""
    book = house.book()
    asked = [row for row in rows if row.standard not in FILES]
    texts = payloads.cut(house.store, [(row.payload_id, row.offset, row.size) for row in asked])
    with house.store.read() as view:
        shapes = read_with(view, {row.interchange_id for row in asked})
    found = {}
    for row, text in zip(asked, texts, strict=True):
        separators, _ = shapes[row.interchange_id]
        agreement = book.agreements[row.agreement]
        guide, _ = Guide.nearest(row.version, row.set_id, agreement.tolerance)
        if guide is None:
            continue
        checked = agreement.narrowed(guide).check(rows_of(text, separators), separators, agreement.tolerance)
        for finding in checked.findings:
            if finding.severity is Severity.REJECTS:
                found[row.id] = f"{words.message_and_remedy(finding)[0].rstrip('.')} ({words.place(finding)})"
                break
    return found


def _said(parts: Sequence[Any]) -> dict[str, str]:
    """Canonical documents, leaf by leaf."""
    found: dict[str, str] = {}
    for number, part in enumerate(parts, 1):
        plain = from_json(part.form.plain)
        plain.pop(OF_ITS_MAKING, None)
        found.update(_leaves(plain, f"document {number}: " if len(parts) > 1 else ""))
    return found


def _leaves(value: Any, place: str) -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            for name, inner in value.items():
                yield from _leaves(inner, f"{place}.{name}" if place and not place.endswith(" ") else f"{place}{name}")
        case list():
            for number, inner in enumerate(value, 1):
                yield from _leaves(inner, f"{place}[{number}]")
        case _:
            yield place, str(value)


def _written(house: House, rows: Sequence[Any]) -> dict[int, _Made]:
    book = house.book()
    answered = {row.answers_document_id for row in rows if row.answers_document_id is not None}
    with house.store.read() as view:
        forms = canonical_documents.load(view, {row.id for row in rows} | answered)
        given = given_for(view, [row.id for row in rows if row.map_revision is not None])
        rules = before_sending.judge(view, book, rows, forms, as_composed=True)
    made = {}
    for row in rows:
        answers = forms.get(row.answers_document_id)
        try:
            result = write.through_map(book, row, forms[row.id], answers, given.get(row.id, ()), rules[row.id])
        except Exception as error:  # as in _read
            made[row.id] = _Made(f"its map failed: {error}")
            continue
        if result.held:
            made[row.id] = _Made("; ".join(breach.text for breach in result.held))
        elif result.problem is not None:
            made[row.id] = _Made(f"{result.problem} {result.where}".strip())
        else:
            text = [[line] for line in result.text.decode(errors="replace").splitlines()]
            made[row.id] = _Made(lines=result.segments or text)
    return made


# -- what differs ---------------------------------------------------------------------------------
def _apart(was: _Made, becomes: _Made) -> Iterator[Apart]:
    if was.says is not None and becomes.says is not None:
        for place in dict.fromkeys((*was.says, *becomes.says)):
            old, new = was.says.get(place, ABSENT), becomes.says.get(place, ABSENT)
            if old != new:
                yield Apart(place, old, new)
        return
    old_lines, new_lines = [tuple(line) for line in was.lines], [tuple(line) for line in becomes.lines]
    for how, a, b, c, d in SequenceMatcher(None, old_lines, new_lines, autojunk=False).get_opcodes():
        if how != "equal":
            for old_line, new_line in zip_longest(old_lines[a:b], new_lines[c:d], fillvalue=()):
                yield from _lines_apart(old_line, new_line)


def _lines_apart(was: Sequence[str], becomes: Sequence[str]) -> Iterator[Apart]:
    """Two segments of one name element by element; anything else whole."""
    if len(was) > 1 and len(becomes) > 1 and was[0] == becomes[0]:
        for number, (old, new) in enumerate(zip_longest(was[1:], becomes[1:], fillvalue=ABSENT), 1):
            if old != new:
                yield Apart(f"{was[0]}{number:02}", old, new)
        return
    for line in (was, becomes):
        if line:
            name = line[0] if len(line) > 1 else "line"
            yield Apart(name, *(("*".join(line), ABSENT) if line is was else (ABSENT, "*".join(line))))


def kind_of_place(place: str) -> str:
    """The place without the numbers of lists: `lines[3].quantity` and `lines[4].quantity` are one kind of place."""
    return re.sub(r"\[\d+\]", "[]", place)
