"""Rows to bytes: sets, groups and interchanges as a partner wants them. Control numbers and the time are arguments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from gateway.formats.x12.separators import REPETITION_SINCE, Separators

Row = Sequence[str]

NO_REPETITION = "U"  # ISA11 before 00402 names the standards body


class UnwritableValue(ValueError):
    """A value that would break the document: it holds a separator, or letters the partner's encoding has not."""


@dataclass(frozen=True, slots=True)
class InterchangeHeader:
    """What ISA says."""

    sender_qualifier: str
    sender: str
    receiver_qualifier: str
    receiver: str
    when: datetime
    control_number: int
    version: str = "00401"
    usage: str = "P"
    acknowledgement_requested: bool = False
    authorization: tuple[str, str] = ("00", "")
    security: tuple[str, str] = ("00", "")

    def row(self, separators: Separators) -> list[str]:
        """ISA, each element at its fixed width."""
        repeats = self.version >= REPETITION_SINCE
        return [
            "ISA",
            _fixed(self.authorization[0], 2),
            _fixed(self.authorization[1], 10),
            _fixed(self.security[0], 2),
            _fixed(self.security[1], 10),
            _fixed(self.sender_qualifier, 2),
            _fixed(self.sender, 15),
            _fixed(self.receiver_qualifier, 2),
            _fixed(self.receiver, 15),
            _said(self.when, "%y%m%d"),
            _said(self.when, "%H%M"),
            (separators.repetition or NO_REPETITION) if repeats else NO_REPETITION,
            _fixed(self.version, 5),
            f"{self.control_number:09d}",
            "1" if self.acknowledgement_requested else "0",
            _fixed(self.usage, 1),
            separators.component,
        ]


@dataclass(frozen=True, slots=True)
class GroupHeader:
    """What GS says."""

    functional_id: str
    sender: str
    receiver: str
    when: datetime
    control_number: int
    release: str

    def row(self) -> list[str]:
        """GS; the date has six digits before release 004010."""
        date = _said(self.when, "%Y%m%d" if self.release[:6] >= "004010" else "%y%m%d")
        return [
            "GS",
            self.functional_id,
            self.sender,
            self.receiver,
            date,
            _said(self.when, "%H%M"),
            str(self.control_number),
            "X",
            self.release,
        ]


@lru_cache(64)
def _said(when: datetime, form: str) -> str:
    """Envelopes that are made together say the same moment."""
    return when.strftime(form)


def _fixed(text: str, width: int) -> str:
    if len(text) > width:
        raise UnwritableValue(f"{text!r} is longer than {width} characters")
    return text.ljust(width)


def enclose(rows: Iterable[Row], set_id: str, control_number: str, implementation: str = "") -> list[Row]:
    """A set's rows between ST and SE."""
    header = ["ST", set_id, control_number, *([implementation] if implementation else [])]
    inner = list(rows)
    return [header, *inner, ["SE", str(len(inner) + 2), control_number]]


def write_set(rows: Iterable[Row], separators: Separators) -> str:
    """Segments, each terminated; trailing empty elements are left out. Components are already joined in the rows."""
    element, end = separators.element, separators.segment
    written = []
    for row in rows:
        kept = len(row)
        while kept > 1 and not row[kept - 1]:
            kept -= 1
        segment = element.join(row[:kept])
        if segment.count(element) != kept - 1 or end in segment:
            raise UnwritableValue(f"a value of {row[0]} holds a separator: {'|'.join(row[:kept])}")
        if "\n" in segment or "\r" in segment or not row[0]:
            raise UnwritableValue(f"a value of {row[0]} holds a line break")
        written.append(segment)
    last = f"{end}{separators.ending}"
    return "".join(f"{segment}{last}" for segment in written)


def write_group(header: GroupHeader, sets: Sequence[str], separators: Separators) -> str:
    """GS, sets already written, GE."""
    trailer = ["GE", str(len(sets)), str(header.control_number)]
    return "".join([write_set([header.row()], separators), *sets, write_set([trailer], separators)])


def write_interchange(
    header: InterchangeHeader,
    groups: Sequence[str],
    separators: Separators,
    *,
    answers: Sequence[Row] = (),
    encoding: str = "ascii",
) -> bytes:
    """ISA, TA1 segments, groups already written, IEA."""
    trailer = ["IEA", str(len(groups)), f"{header.control_number:09d}"]
    isa = write_set([header.row(separators)], separators)
    return encoded("".join([isa, write_set(answers, separators), *groups, write_set([trailer], separators)]), encoding)


def encoded(text: str, encoding: str = "ascii") -> bytes:
    """What is written, as bytes."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        raise UnwritableValue(f"{error.object[error.start : error.end]!r} is not in {encoding}") from error
