"""What we answer: 997, 999 and TA1, made from frames and findings.

One acknowledgement a group, addressed to that group's sender, in that group's release, with control numbers of our own
that come as arguments. An acknowledgement is never acknowledged. Warnings are not told to the partner: what was
tolerated was accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import groupby

from gateway.formats.finding import Finding, Severity
from gateway.formats.x12.codes import Code
from gateway.formats.x12.guide import release_of
from gateway.formats.x12.separators import REPETITION_SINCE, Separators
from gateway.formats.x12.writer import (
    GroupHeader,
    InterchangeHeader,
    enclose,
    write_group,
    write_interchange,
    write_set,
)

Row = Sequence[str]

ACKNOWLEDGEMENT_GROUP = "FA"
MOST_CODES = 5  # AK5, IK5 and AK9 have room for five
LONGEST_COPY = 99  # of AK404 and IK404
SEPARATORS = Separators("*", None, ">", "~")
SEPARATORS_WITH_REPETITION = Separators("*", "^", ">", "~")

_SEGMENT_HAS_ELEMENT_ERRORS = "8"
_SEGMENTS_IN_ERROR = "5"
_INVALID_CONTENT = "024"
_SET_CODES = frozenset(
    code.value
    for code in Code
    if code.name.startswith("SET_") and code not in (Code.SET_COUNT_WRONG, Code.SET_HEADER_MISSING)
) | {Code.SEGMENT_COUNT_WRONG.value}
# AK403 of a 997 ends at 10; too many repetitions or components are said as too many elements there
_ELEMENT_CODES_997 = {"12": "3", "13": "3"}
_ELEMENT_LEVEL = frozenset(
    code.value for code in list(Code)[list(Code).index(Code.MANDATORY_ELEMENT_MISSING) :] if code.standard is not None
)


class Detail(StrEnum):
    """How much of its findings a partner is told."""

    GROUP = "group"  # AK1 and AK9 only
    SETS = "sets"  # AK2 and AK5 of every set
    ALL = "all"  # and its segments and elements


@dataclass(frozen=True, slots=True)
class SetOutcome:
    """A set as the acknowledgement needs it."""

    set_id: str
    control_number: str
    findings: tuple[Finding, ...] = ()
    implementation: str = ""  # ST03, repeated in AK203

    @property
    def verdict(self) -> str:
        """AK501: A accepted, E accepted although there were errors, R refused."""
        if not self.findings:
            return "A"
        worst = {finding.severity for finding in self.findings}
        if Severity.REJECTS in worst:
            return "R"
        return "E" if any(f.severity is Severity.ERROR and f.standard_code for f in self.findings) else "A"


@dataclass(frozen=True, slots=True)
class GroupOutcome:
    """A group as the acknowledgement needs it."""

    gs: Row
    sets: Sequence[SetOutcome]
    ge: Row | None = None
    findings: tuple[Finding, ...] = field(default=())

    @property
    def is_acknowledgement(self) -> bool:
        """Whether this group must not be answered."""
        answers_only = bool(self.sets) and all(outcome.set_id in ("997", "999") for outcome in self.sets)
        return _at(self.gs, 1) == ACKNOWLEDGEMENT_GROUP or answers_only

    @property
    def is_refused(self) -> bool:
        """Whether the group is refused as a whole, whatever its sets are worth."""
        return any(finding.severity is Severity.REJECTS for finding in self.findings)

    @property
    def verdict(self) -> str:
        """AK901: A, E accepted although there were errors, P some sets refused, R all refused."""
        verdicts = {outcome.verdict for outcome in self.sets}
        if self.is_refused or verdicts == {"R"}:
            return "R"
        if "R" in verdicts:
            return "P"
        noted = any(f.severity is Severity.ERROR and f.standard_code for f in self.findings)
        return "E" if noted or "E" in verdicts else "A"


def _at(row: Row, element: int) -> str:
    return row[element].strip() if len(row) > element else ""


def functional_acknowledgement(
    group: GroupOutcome,
    control_number: str,
    *,
    kind: str = "997",
    detail: Detail = Detail.ALL,
    separators: Separators = SEPARATORS,
) -> list[Row] | None:
    """The 997 or 999 of a group, ST to SE; None for a group that must not be answered."""
    if group.is_acknowledgement or not group.gs:
        return None
    if kind not in ("997", "999"):
        raise ValueError(f"{kind} acknowledges no group")
    later = release_of(_at(group.gs, 8)) >= "005010"
    about = [_plain(_at(group.gs, element), separators) for element in (1, 6, 8)]
    rows: list[Row] = [["AK1", *(about if later else about[:2])]]
    if detail is not Detail.GROUP:
        for outcome in group.sets:
            if group.is_refused and outcome.verdict != "R":
                continue  # "accepted" would contradict what AK9 says of it
            rows += _set_rows(outcome, kind, detail, separators, later=later)
    accepted = 0 if group.is_refused else sum(outcome.verdict != "R" for outcome in group.sets)
    received = str(len(group.sets))
    included = _plain(_at(group.ge or (), 1), separators)
    counts = [included if included.isdecimal() else received, received, str(accepted)]
    rows.append(["AK9", group.verdict, *counts, *_codes(group.findings)])
    return enclose(rows, kind, control_number)


def _codes(findings: Iterable[Finding]) -> list[str]:
    told = [f.standard_code for f in findings if f.severity is not Severity.WARNING and f.standard_code]
    return list(dict.fromkeys(told))[:MOST_CODES]


def _set_rows(outcome: SetOutcome, kind: str, detail: Detail, separators: Separators, *, later: bool) -> list[Row]:
    named = [outcome.set_id, outcome.control_number, *([outcome.implementation] if later else [])]
    rows: list[Row] = [["AK2", *(_plain(value, separators) for value in named if value)]]
    if not outcome.findings:
        return [*rows, ["AK5" if kind == "997" else "IK5", "A"]]
    told = [f for f in outcome.findings if f.severity is not Severity.WARNING and f.standard_code]
    inner = [f for f in told if f.code not in _SET_CODES and f.position is not None]
    if detail is Detail.ALL:
        for (position, segment), found in groupby(inner, key=lambda f: (f.position or 0, f.segment or "")):
            rows += _segment_rows(position, segment, list(found), kind, separators)
    codes = [f.standard_code for f in told if f.code in _SET_CODES and f.standard_code]
    if inner or (outcome.verdict == "R" and not codes):
        codes.append(_SEGMENTS_IN_ERROR)
    verdict = "AK5" if kind == "997" else "IK5"
    rows.append([verdict, outcome.verdict, *list(dict.fromkeys(codes))[:MOST_CODES]])
    return rows


def _segment_rows(position: int, segment: str, findings: list[Finding], kind: str, separators: Separators) -> list[Row]:
    elements = [f for f in findings if f.element is not None and f.code in _ELEMENT_LEVEL]
    structural = [f.standard_code or "" for f in findings if f not in elements]
    loop = next((f.loop.rsplit("/", 1)[-1] for f in findings if f.loop), "")
    tags = ("AK3", "AK4") if kind == "997" else ("IK3", "IK4")
    rows: list[Row] = []
    head = [tags[0], _plain(segment, separators)[:3] or "?", str(position), _plain(loop, separators)[:6]]
    for code in dict.fromkeys(structural):
        rows.append([*head, code])
    if elements:
        rows.append([*head, _SEGMENT_HAS_ELEMENT_ERRORS])
    for finding in elements:
        place = str(finding.element)
        if finding.component:
            place += f"{separators.component}{finding.component}"
        code = finding.standard_code or ""
        if kind == "997":
            code = _ELEMENT_CODES_997.get(code, code)
        copy = _plain(finding.value or "", separators)[:LONGEST_COPY]
        rows.append([tags[1], place, finding.reference or "", code, copy])
    return rows


def _plain(value: str, separators: Separators) -> str:
    """A partner's value that cannot break our answer."""
    if value.isascii() and value.isalnum():
        return value
    forbidden = (separators.element, separators.segment, separators.component, separators.repetition)
    kept = "".join(c if " " <= c <= "~" and c not in forbidden else " " for c in value)
    return kept.strip()


def interchange_acknowledgement(
    isa: Row, findings: Sequence[Finding], groups: Sequence[GroupOutcome]
) -> list[str] | None:
    """TA1 for an interchange: A, E accepted with errors, R refused; None where it only answers ours and can be read."""
    told = [f for f in findings if f.severity is not Severity.WARNING]
    refused = [f for f in told if f.severity is Severity.REJECTS]
    if not groups and not any(f.code == Code.INTERCHANGE_EMPTY for f in findings):
        return None  # TA1 segments and nothing else: two houses would answer each other for ever
    if groups and not refused and all(group.is_acknowledgement for group in groups):
        return None
    worst = (refused or told)[:1]
    note = "000"
    if worst:
        code = worst[0].standard_code or ""
        note = code if len(code) == 3 else _INVALID_CONTENT
    return ["TA1", _at(isa, 13), _at(isa, 9), _at(isa, 10), "R" if refused else "E" if told else "A", note]


@dataclass(frozen=True, slots=True)
class AnswerNumbers:
    """Our control numbers for one answering interchange: ISA13, and GS06 for each group, which also numbers its set."""

    interchange: int
    groups: Sequence[int] = ()


def answer_interchange(
    isa: Row,
    groups: Sequence[GroupOutcome],
    numbers: AnswerNumbers,
    when: datetime,
    *,
    kind: str = "997",
    detail: Detail = Detail.ALL,
    ta1: Row | None = None,
    separators: Separators = SEPARATORS_WITH_REPETITION,
) -> bytes | None:
    """The interchange that answers one of a partner's: their sender is our receiver; None if nothing is to be said."""
    answered = [group for group in groups if group.gs and not group.is_acknowledgement]
    if not answered and ta1 is None:
        return None
    if len(numbers.groups) < len(answered):
        raise ValueError(f"{len(answered)} groups are to be answered with {len(numbers.groups)} control numbers")
    version = _at(isa, 12) if _at(isa, 12).isdecimal() and len(_at(isa, 12)) == 5 else "00401"
    if version < REPETITION_SINCE:
        separators = replace(separators, repetition=None)
    header = InterchangeHeader(
        sender_qualifier=_at(isa, 7),
        sender=_at(isa, 8),
        receiver_qualifier=_at(isa, 5),
        receiver=_at(isa, 6),
        when=when,
        control_number=numbers.interchange,
        version=version,
        usage="T" if _at(isa, 15) == "T" else "P",
    )
    written = []
    for group, number in zip(answered, numbers.groups, strict=False):
        rows = functional_acknowledgement(group, f"{number:04d}", kind=kind, detail=detail, separators=separators)
        release = _at(group.gs, 8) or f"{version}0"
        gs = GroupHeader(ACKNOWLEDGEMENT_GROUP, _at(group.gs, 3), _at(group.gs, 2), when, number, release)
        written.append(write_group(gs, [write_set(rows or [], separators)], separators))
    answers = [[_plain(value, separators) for value in ta1]] if ta1 else []
    return write_interchange(header, written, separators, answers=answers)
