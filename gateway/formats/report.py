"""What the whole of a file adds up to: interchanges, groups and sets with their verdicts, the same for X12 and EDIFACT.

A format's inspection is a stream of events, so that a file of any size can be reported while it is read: `Opened` and
`Closed` carry one report object that is complete once closed; each set is reported whole; a lone finding belongs to the
file. Verdicts are HOUSE.md's: only an unusable interchange envelope rejects a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.formats.finding import Finding, Severity


class Verdict(StrEnum):
    """What becomes of a file, interchange, group or set."""

    ACCEPT = "accept"
    ACCEPT_WITH_ERRORS = "accept-with-errors"
    REJECT = "reject"


_ORDER = (Verdict.ACCEPT, Verdict.ACCEPT_WITH_ERRORS, Verdict.REJECT)


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """The verdict these findings alone make."""
    worst = Verdict.ACCEPT
    for finding in findings:
        if finding.severity is Severity.REJECTS:
            return Verdict.REJECT
        if finding.severity is Severity.ERROR:
            worst = Verdict.ACCEPT_WITH_ERRORS
    return worst


def within(own: Verdict, inner: Verdict) -> Verdict:
    """A level's verdict, its own findings and those of a part of it taken together: a rejected part rejects no more."""
    softened = Verdict.ACCEPT_WITH_ERRORS if inner is Verdict.REJECT else inner
    return max(own, softened, key=_ORDER.index)


@dataclass(frozen=True, slots=True)
class Line:
    """One segment as it came, for showing it: how deep its loop lies, and its text without the terminator."""

    depth: int
    text: str


@dataclass(slots=True)
class SetReport:
    """A transaction set or message."""

    set: str
    control_number: str
    segments: int
    findings: tuple[Finding, ...]
    verdict: Verdict
    lines: Callable[[], Iterable[Line]] = field(repr=False)  # made only where somebody looks
    separators: str = "*:"  # element and component separator, to find an element in a line
    header: Sequence[str] = ()  # ST or UNH as it came, for the acknowledgement; EDIFACT with standard separators
    rows: Sequence[Sequence[str]] = field(default=(), repr=False)  # of X12, for what an answer says


@dataclass(slots=True)
class GroupReport:
    """A functional group; in EDIFACT without UNG, neighbouring messages of one type and directory."""

    functional_id: str
    control_number: str
    version: str
    findings: list[Finding] = field(default_factory=list)
    verdict: Verdict = Verdict.ACCEPT
    header: Sequence[str] = ()  # GS or UNG as it came; empty where there is none
    trailer: Sequence[str] = ()  # GE or UNE


@dataclass(slots=True)
class InterchangeReport:
    """An interchange."""

    sender: str
    receiver: str
    control_number: str
    version: str
    findings: list[Finding] = field(default_factory=list)
    verdict: Verdict = Verdict.ACCEPT
    header: Sequence[str] = ()  # ISA or UNB as it came
    answers: list[Sequence[str]] = field(default_factory=list)  # TA1 segments in it


@dataclass(frozen=True, slots=True)
class Opened:
    """An interchange or group begins; its findings and verdict are not complete yet."""

    report: InterchangeReport | GroupReport


@dataclass(frozen=True, slots=True)
class Closed:
    """An interchange or group ended; its findings and verdict are complete."""

    report: InterchangeReport | GroupReport


Event = Opened | SetReport | Closed | Finding
Inspection = Iterator[Event]


def at_file_level(worst: Verdict, event: Event) -> Verdict:
    """The file's verdict once this event is known too: its worst interchange, and what was found outside of any."""
    if isinstance(event, Closed) and isinstance(event.report, InterchangeReport):
        return max(worst, event.report.verdict, key=_ORDER.index)
    if isinstance(event, Finding):
        return max(worst, verdict_of((event,)), key=_ORDER.index)
    return worst


def file_verdict(events: Iterable[Event]) -> Verdict:
    """The verdict of a whole file."""
    worst = Verdict.ACCEPT
    for event in events:
        worst = at_file_level(worst, event)
    return worst
