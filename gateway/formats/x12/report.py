"""A stream of X12 judged: every interchange, group and set with its findings and verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from gateway.formats.finding import Finding
from gateway.formats.report import (
    Closed,
    GroupReport,
    Inspection,
    InterchangeReport,
    Line,
    Opened,
    SetReport,
    Verdict,
    verdict_of,
    within,
)
from gateway.formats.x12.codes import Code
from gateway.formats.x12.frames import (
    Acknowledged,
    GroupClosed,
    GroupOpened,
    InterchangeClosed,
    InterchangeOpened,
    Row,
    SetFramed,
    Skipped,
)
from gateway.formats.x12.framing import Reader
from gateway.formats.x12.guide import Guide, Guides, packaged
from gateway.formats.x12.separators import DEFAULT, Separators
from gateway.formats.x12.tolerance import STANDARD, Tolerance


def judge(chunks: Iterable[bytes], *, tolerate: Tolerance = STANDARD, guides: Guides | None = None) -> Inspection:
    """What is in this stream, and what is wrong with it. Raises NotX12 at the end if there was no interchange."""
    return _Judge(chunks, tolerate, guides or packaged()).events()


def together(framed: tuple[Finding, ...], checked: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """What a set's framing and its guide find, where both look at ST and SE the framing's word alone."""
    said = {(finding.segment, finding.element) for finding in framed if finding.segment in ("ST", "SE")}
    return (*framed, *(f for f in checked if (f.segment, f.element) not in said)) if said else framed + checked


class _Judge:
    def __init__(self, chunks: Iterable[bytes], tolerate: Tolerance, guides: Guides) -> None:
        self._frames = Reader(chunks, tolerate=tolerate)
        self._tolerate = tolerate
        self._guides = guides
        self._separators: Separators = DEFAULT
        self._interchange = InterchangeReport("", "", "", "")
        self._group: GroupReport | None = None
        self._known: dict[str, tuple[Guide | None, Finding | None]] = {}  # of the group, by set

    def events(self) -> Inspection:
        """Frames to events."""
        for frame in self._frames:
            if isinstance(frame, SetFramed):
                yield self._set(frame)
            elif isinstance(frame, InterchangeOpened):
                isa = [element.strip() for element in frame.isa]
                self._separators = frame.separators
                said = list(frame.findings)
                self._interchange = InterchangeReport(isa[6], isa[8], isa[13], isa[12], said, header=frame.isa)
                yield Opened(self._interchange)
            elif isinstance(frame, GroupOpened):
                gs = [element.strip() for element in frame.gs] + [""] * 9
                self._group = GroupReport(gs[1], gs[6], gs[8], list(frame.findings), header=frame.gs)
                self._known = {}
                yield Opened(self._group)
            elif isinstance(frame, GroupClosed) and self._group is not None:
                group = self._group
                group.findings += frame.findings
                group.trailer = frame.ge or ()
                group.verdict = within(verdict_of(group.findings), group.verdict)
                if verdict_of(group.findings) is Verdict.REJECT:
                    group.verdict = Verdict.REJECT
                self._interchange.verdict = within(self._interchange.verdict, group.verdict)
                self._group = None
                yield Closed(group)
            elif isinstance(frame, InterchangeClosed):
                interchange = self._interchange
                interchange.findings += frame.findings
                own = verdict_of(interchange.findings)
                interchange.verdict = within(own, interchange.verdict)
                yield Closed(interchange)
            elif isinstance(frame, Acknowledged):
                self._interchange.answers.append(frame.ta1)
            elif isinstance(frame, Skipped):
                yield frame.finding

    def _set(self, frame: SetFramed) -> SetReport:
        group = self._group
        version = group.version if group is not None else ""
        set_id = frame.set_id
        if set_id not in self._known:
            guide, said = self._guides.nearest(version, set_id, self._tolerate)
            if said is not None and group is not None:
                group.findings.append(said)
            self._known[set_id] = guide, said
        guide, _ = self._known[set_id]
        positions: list[int] = []
        findings = frame.findings
        if guide is None and not any(f.code == Code.SET_IDENTIFIER_INVALID for f in findings):
            said = self._tolerate.finding(Code.SET_UNSUPPORTED, segment="ST", position=1, element=1, value=set_id)
            findings = (*findings, said)
        elif guide is not None:
            checked = guide.check(frame.rows, self._separators, self._tolerate, frame.text)
            positions = checked.positions
            if checked.findings:
                findings = together(findings, checked.findings)
        verdict = verdict_of(findings) if findings else Verdict.ACCEPT
        if group is not None and verdict is not Verdict.ACCEPT:
            group.verdict = Verdict.ACCEPT_WITH_ERRORS
        separators = self._separators
        lines: Callable[[], Iterable[Line]] = partial(_lines, guide, frame.rows, positions, separators.element)
        shown = separators.element + (separators.component or ":")
        header, size = frame.rows[0], len(frame.rows)
        return SetReport(set_id, frame.control_number, size, findings, verdict, lines, shown, header, frame.rows)


def _lines(guide: Guide | None, rows: list[Row], positions: list[int], element: str) -> Iterator[Line]:
    """The segments of a set, each as deep as its loop lies."""
    depth = 0
    for i, row in enumerate(rows):
        at = positions[i] if i < len(positions) else -1
        if guide is not None and at >= 0:
            path = guide.uses[at].loop.path
            depth = path.count("/") + 1 if path else 0
        yield Line(depth, element.join(row))
