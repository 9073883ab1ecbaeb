"""An EDIFACT stream checked: envelope counts and references, and each message against its structure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial

from gateway.formats.edifact.codes import Code
from gateway.formats.edifact.framing import (
    GroupClosed,
    GroupOpened,
    InterchangeClosed,
    InterchangeOpened,
    MessageFramed,
    Reader,
    Skipped,
    Stray,
    decoded,
)
from gateway.formats.edifact.guide import Guide, nearest
from gateway.formats.edifact.separators import Separators
from gateway.formats.finding import Finding
from gateway.formats.report import (
    Closed,
    Event,
    GroupReport,
    InterchangeReport,
    Line,
    Opened,
    SetReport,
    verdict_of,
    within,
)


def inspect(chunks: Iterable[bytes]) -> Iterator[Event]:
    """Everything there is to say of these bytes, while they are read."""
    inspection = _Inspection()
    for frame in Reader(chunks):
        match frame:
            case Skipped():
                shown = frame.data.strip().splitlines() or [""]
                yield Code.NOISE_SKIPPED.at(value=shown[0][:60])
            case InterchangeOpened():
                yield from inspection.open_interchange(frame)
            case GroupOpened():
                yield from inspection.open_group(frame)
            case MessageFramed():
                yield from inspection.message(frame)
            case Stray():
                inspection.stray(frame)
            case GroupClosed():
                yield from inspection.close_group(frame)
            case InterchangeClosed():
                yield from inspection.close_interchange(frame)


_STANDARD = Separators()
BASIC = frozenset({"UNOA", "UNOB"})  # character sets without accents
# element of UNB, how many of its components count, what they must be, and how that is said
_UNB_VALUES = (
    (1, 2, re.compile(r"UNO[A-KWXY]:[1-4]"), "UNOA:1 to UNOY:4"),
    (2, 1, re.compile(r".{1,35}"), "at most 35 characters"),
    (3, 1, re.compile(r".{1,35}"), "at most 35 characters"),
    (
        4,
        2,
        re.compile(r"(\d\d)?\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01]):([01]\d|2[0-3])[0-5]\d", re.ASCII),
        "YYMMDD:HHMM",
    ),
    (5, 1, re.compile(r".{1,14}"), "at most 14 characters"),
)


class _Inspection:
    """What is open, from one frame to the next."""

    def __init__(self) -> None:
        self.interchange = InterchangeReport("", "", "", "")
        self.group: GroupReport | None = None
        self.announced = False  # the group has a UNG
        self.reference = ""
        self.syntax = ""
        self.seen: set[str] = set()

    def open_interchange(self, frame: InterchangeOpened) -> Iterator[Event]:
        unb = frame.unb
        self.syntax = _at(unb, 1)
        self.reference = _at(unb, 5)
        self.seen = set()
        self.interchange = InterchangeReport(
            decoded(_at(unb, 2), self.syntax),
            decoded(_at(unb, 3), self.syntax),
            self.reference,
            ":".join(unb[1][:2]) if len(unb) > 1 else "",
            header=_plain(unb),
        )
        findings = self.interchange.findings
        if not unb:
            findings.append(Code.INTERCHANGE_HEADER_MISSING.at("UNB"))
        else:
            for element, components, right, expected in _UNB_VALUES:
                said = ":".join(part.strip() for part in unb[element][:components]) if element < len(unb) else ""
                if not _at(unb, element):
                    findings.append(Code.INTERCHANGE_HEADER_ELEMENT_MISSING.at("UNB", element=element))
                elif right.fullmatch(said) is None:
                    code = Code.INTERCHANGE_HEADER_ELEMENT_INVALID
                    findings.append(code.at("UNB", element=element, value=said, expected=expected))
        yield Opened(self.interchange)

    def open_group(self, frame: GroupOpened) -> Iterator[Event]:
        yield from self._end_group()
        ung = frame.ung
        version = ung[7] if len(ung) > 7 else []
        self.group = GroupReport(_at(ung, 1), _at(ung, 5), "".join(version[:2]), header=_plain(ung))
        self.announced = True
        yield Opened(self.group)

    def message(self, frame: MessageFramed) -> Iterator[Event]:
        separators = frame.separators
        unh = separators.split(frame.segments[0])
        reference, identifier = _at(unh, 1), unh[2] if len(unh) > 2 else [""]
        kind, directory = identifier[0], "".join(identifier[1:3])
        if not self.announced and (
            self.group is None or (self.group.functional_id, self.group.version) != (kind, directory)
        ):
            yield from self._end_group()
            self.group = GroupReport(kind, "", directory)
            yield Opened(self.group)
        findings: list[Finding] = []
        if not kind or not directory:
            findings.append(Code.SET_IDENTIFIER_INVALID.at("UNH", 1, element=2, value=":".join(identifier)))
        if reference in self.seen:
            findings.append(Code.SET_CONTROL_NUMBER_REPEATED.at("UNH", 1, element=1, value=reference))
        self.seen.add(reference)
        if self.syntax in BASIC:
            beyond = ((n, text) for n, text in enumerate(frame.segments, 1) if not text.isascii())
            findings.extend(
                Code.CHARACTER_OUTSIDE_BASIC_SET.at(tag_of(text, separators), n, value=decoded(text, self.syntax))
                for n, text in beyond
            )
        guide, approximated = nearest(directory, kind)
        if approximated is not None and kind and directory:
            findings.append(approximated)
        positions: list[int] | None = None
        if guide is not None:
            checked = guide.check([tag_of(text, separators) for text in frame.segments])
            positions = checked.positions
            findings.extend(checked.findings)
        findings.extend(self._trailer(frame, reference))
        report = SetReport(
            kind,
            reference,
            len(frame.segments),
            tuple(findings),
            verdict_of(findings),
            partial(_lines, frame.segments, guide, positions, self.syntax),
            separators.element + separators.component,
            _plain(unh),
        )
        group = self.group
        if group is not None:
            group.verdict = within(group.verdict, report.verdict)
        self.interchange.verdict = within(self.interchange.verdict, report.verdict)
        yield report

    def _trailer(self, frame: MessageFramed, reference: str) -> Iterator[Finding]:
        position = len(frame.segments)
        if not frame.closed:
            yield Code.SET_TRAILER_MISSING.at("UNT", position + 1)
            return
        unt = frame.separators.split(frame.segments[-1])
        if not _counts(_at(unt, 1), position):
            yield Code.SEGMENT_COUNT_WRONG.at("UNT", position, element=1, value=_at(unt, 1), expected=str(position))
        if _at(unt, 2) != reference:
            yield Code.SET_CONTROL_NUMBER_MISMATCH.at("UNT", position, element=2, value=_at(unt, 2), expected=reference)

    def stray(self, frame: Stray) -> None:
        tag = frame.text[:3]
        code = Code.SET_HEADER_MISSING if tag == "UNT" else Code.SEGMENT_OUTSIDE_SET
        self.interchange.findings.append(code.at(tag, value=decoded(frame.text, self.syntax)[:60]))

    def close_group(self, frame: GroupClosed) -> Iterator[Event]:
        group = self.group
        if group is None or not self.announced:
            self.interchange.findings.append(Code.GROUP_HEADER_MISSING.at("UNG"))
            return
        if not frame.une:
            group.findings.append(Code.GROUP_TRAILER_MISSING.at("UNE"))
        else:
            group.trailer = _plain(frame.une)
            counted, number = _at(frame.une, 1), _at(frame.une, 2)
            if not _counts(counted, frame.counted):
                group.findings.append(
                    Code.SET_COUNT_WRONG.at("UNE", element=1, value=counted, expected=str(frame.counted))
                )
            if number != group.control_number:
                group.findings.append(
                    Code.GROUP_CONTROL_NUMBER_MISMATCH.at("UNE", element=2, value=number, expected=group.control_number)
                )
        yield from self._end_group()

    def close_interchange(self, frame: InterchangeClosed) -> Iterator[Event]:
        yield from self._end_group()
        report = self.interchange
        findings = report.findings
        findings.extend(frame.findings)
        counted = frame.groups or frame.messages
        if not frame.unz:
            findings.append(Code.INTERCHANGE_TRAILER_MISSING.at("UNZ"))
        else:
            count, reference = _at(frame.unz, 1), _at(frame.unz, 2)
            if not _counts(count, counted):
                findings.append(Code.MESSAGE_COUNT_WRONG.at("UNZ", element=1, value=count, expected=str(counted)))
            if reference != self.reference:
                findings.append(
                    Code.INTERCHANGE_CONTROL_NUMBER_MISMATCH.at(
                        "UNZ", element=2, value=reference, expected=self.reference
                    )
                )
        if not frame.messages:
            findings.append(Code.INTERCHANGE_EMPTY.at("UNB"))
        report.verdict = within(verdict_of(findings), report.verdict)
        yield Closed(report)

    def _end_group(self) -> Iterator[Event]:
        group, self.group, self.announced = self.group, None, False
        if group is not None:
            group.verdict = within(verdict_of(group.findings), group.verdict)
            self.interchange.verdict = within(self.interchange.verdict, group.verdict)
            yield Closed(group)


def tag_of(text: str, separators: Separators) -> str:
    """A segment's tag: what stands before its first separator."""
    return text.partition(separators.element)[0].partition(separators.component)[0].strip()


def _lines(segments: list[str], guide: Guide | None, positions: list[int] | None, syntax: str) -> Iterator[Line]:
    depth = 0
    for at, text in enumerate(segments):
        if guide is not None and positions is not None and positions[at] >= 0:
            depth = guide.depth(positions[at])
        yield Line(depth, decoded(text, syntax))


def _plain(segment: list[list[str]]) -> list[str]:
    """Elements as they are written with the standard's own separators."""
    return [_STANDARD.join([element])[:-1] for element in segment]


def _at(segment: list[list[str]], element: int) -> str:
    return segment[element][0].strip() if element < len(segment) else ""


def _counts(text: str, counted: int) -> bool:
    return text.isdecimal() and int(text) == counted
