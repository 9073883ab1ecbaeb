"""An inspection for people: documents aligned, loops indented, each fault under its segment with the element marked.

Colour only on a terminal. What a partner sent is shown as it came, but for characters that would steer the terminal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.text import Text

from gateway.formats.file import Inspected
from gateway.formats.finding import Finding, Severity
from gateway.formats.report import (
    Closed,
    GroupReport,
    InterchangeReport,
    Line,
    Opened,
    SetReport,
    Verdict,
    at_file_level,
)
from gateway.formats.words import Names, say
from gateway.formats.x12.answers import ANSWERING, Answer, Outcome, answer_of_ta1, answers_of

if TYPE_CHECKING:
    from gateway.cli.as2_inspection import As2Found

CONTEXT = 2  # segments shown before and behind a faulty one
CLEAN_SHOWN = 10  # documents without a fault that are listed one by one, a group
FINDINGS_SHOWN = 40  # of one document; --json has all
LONGEST_LINE = 400  # of a segment

MARKS = {Severity.REJECTS: ("✗", "bold red"), Severity.ERROR: ("✗", "red"), Severity.WARNING: ("!", "yellow")}
VERDICTS = {
    Verdict.ACCEPT: ("accept", "green"),
    Verdict.ACCEPT_WITH_ERRORS: ("accept with errors", "yellow"),
    Verdict.REJECT: ("reject", "bold red"),
}
ANSWERS = {
    Outcome.ACCEPTED: ("accepts", "green"),
    Outcome.ACCEPTED_WITH_ERRORS: ("accepts with errors", "yellow"),
    Outcome.PARTIALLY_ACCEPTED: ("accepts a part of", "yellow"),
    Outcome.REJECTED: ("refuses", "bold red"),
    Outcome.UNKNOWN: ("says nothing clear of", "yellow"),
}


class Shown:
    """What was shown so far, for the totals."""

    def __init__(self, out: TextIO, *, full: bool) -> None:
        self._console = Console(file=out, highlight=False, soft_wrap=True, emoji=False, markup=False)
        self._full = full
        self._verdicts: Counter[Verdict] = Counter()
        self._sets: Counter[str] = Counter()
        self._interchanges = self._segments = self._findings = 0

    def file(self, name: str, file: Inspected) -> Verdict:
        """Show one file."""
        self._line(0, (safe(name), "bold"), (f"  {file.format}", ""))
        verdict = self._events(file)
        self._verdict(verdict)
        return verdict

    def _verdict(self, verdict: Verdict) -> None:
        self._line(0, ("→ ", ""), VERDICTS[verdict])
        self._line(0)
        self._verdicts[verdict] += 1

    def _events(self, file: Inspected) -> Verdict:
        verdict = Verdict.ACCEPT
        clean: list[SetReport] = []
        version = ""
        for event in file.events():
            verdict = at_file_level(verdict, event)
            if isinstance(event, SetReport):
                self._count(event)
                if event.findings or self._full or event.set in ANSWERING:
                    self._clean(clean)
                    self._document(event, file.names)
                else:
                    clean.append(event)
                continue
            if not isinstance(event, Finding):
                self._clean(clean)
            match event:
                case Opened(InterchangeReport() as report):
                    self._interchanges += 1
                    parties = f"{report.sender or '?'} → {report.receiver or '?'}"
                    self._line(1, ("interchange ", ""), (safe(report.control_number) or "without number", "bold"))
                    self._line(2, (safe(parties), ""), (f"  {safe(report.version)}", "dim"))
                case Opened(GroupReport() as report):
                    version = report.version
                    number = f" {safe(report.control_number)}" if report.control_number else ""
                    self._line(2, (f"group {safe(report.functional_id)}{number}", ""), (f"  {safe(version)}", "dim"))
                case Closed(InterchangeReport() as report):
                    self._answered(map(answer_of_ta1, report.answers), file.names, 2)
                    self._said(report.findings, file.names, 2, "")
                    self._line(
                        1, ("interchange ", ""), (f"{safe(report.control_number)} ", ""), VERDICTS[report.verdict]
                    )
                case Closed(GroupReport() as report):
                    self._said(report.findings, file.names, 3, "")
                case Finding():
                    self._said([event], file.names, 1, "")
        if file.summary:
            self._line(1, (safe(file.summary), ""))
        return verdict

    def as2(self, found: As2Found) -> None:
        """Show an AS2 message or receipt, and the documents in it."""
        for line, style in found.lines():
            self._line(0, (line, style))
        for inside in found.inside():
            self._line(0, (f"  in it: {inside.format}", ""))
            self._events(inside)
        self._verdict(found.verdict)
        self._findings += len(found.explained.faults)

    def totals(self) -> None:
        """One line over everything that was shown."""
        files = sum(self._verdicts.values())
        if not files:
            return
        verdicts = ", ".join(f"{count} {VERDICTS[v][0]}" for v, count in sorted(self._verdicts.items()))
        parts = [f"{files} {'file' if files == 1 else 'files'}: {verdicts}"]
        if self._interchanges:
            sets = ", ".join(f"{count:,} × {safe(name) or '?'}" for name, count in self._sets.most_common())
            parts.append(f"{_many(self._interchanges, 'interchange')} with {sets or 'no document'}")
            parts.append(_many(self._segments, "segment"))
        parts.append(_many(self._findings, "finding"))
        self._line(0, (" · ".join(parts), "bold"))

    def _count(self, report: SetReport) -> None:
        self._sets[report.set] += 1
        self._segments += report.segments

    def _clean(self, reports: list[SetReport]) -> None:
        """Documents without a fault, a line each; many of them, a line together."""
        for report in reports[:CLEAN_SHOWN]:
            self._heading(report)
        if len(reports) > CLEAN_SHOWN:
            self._line(3, (f"and {len(reports) - CLEAN_SHOWN:,} more without a fault", "dim"))
        reports.clear()

    def _heading(self, report: SetReport) -> None:
        self._line(
            3,
            (f"{safe(report.set) or '?'} {safe(report.control_number):<12} ", "bold"),
            (f"{_many(report.segments, 'segment'):>16}  ", "dim"),
            VERDICTS[report.verdict],
        )

    def _document(self, report: SetReport, names: Names) -> None:
        self._heading(report)
        if report.set in ANSWERING:
            self._answered(answers_of(report.rows), names, 4)
        if not report.findings and not self._full:
            return
        lines = list(report.lines())
        at: dict[int, list[Finding]] = {}
        for finding in report.findings[:FINDINGS_SHOWN]:
            at.setdefault(min(finding.position or 0, len(lines)), []).append(finding)
        self._said(at.get(0, ()), names, 4, report.set)
        previous = 0
        known: set[str] = set()
        for position in self._wanted(len(lines), at):
            if position > previous + 1:
                self._line(4, (f"{'⋮':>5}", "dim"))
            previous = position
            self._segment(position, lines[position - 1], at.get(position, []), report.separators)
            indent = 4 + 3 + lines[position - 1].depth
            self._said(at.get(position, []), names, indent, report.set, known)
        if previous < len(lines):
            self._line(4, (f"{'⋮':>5}", "dim"))
        if len(report.findings) > FINDINGS_SHOWN:
            self._line(4, (f"and {len(report.findings) - FINDINGS_SHOWN:,} more findings; --json has all", "dim"))

    def _answered(self, answers: Iterable[Answer], names: Names, indent: int) -> None:
        """What a partner says of documents of ours; of those they take, only how many."""
        taken = 0
        for answer in answers:
            if answer.outcome is Outcome.ACCEPTED and answer.set_id is not None and answer.kind != "824":
                taken += 1
                continue
            self._line(indent, ANSWERS[answer.outcome], (f" {safe(answer.about)}", "bold"))
            for finding in answer.findings[:FINDINGS_SHOWN]:
                words = say(finding, names, answer.set_id or "")
                self._line(indent + 1, (safe(words.what), ""))
                code = f"  {finding.code}" + (f" ({safe(finding.standard_code)})" if finding.standard_code else "")
                self._line(indent + 2, (safe(words.where), "italic"), (code, "dim"))
        if taken:
            self._line(indent, ANSWERS[Outcome.ACCEPTED], (f" {_many(taken, 'document')} of it", ""))

    def _wanted(self, count: int, at: Iterable[int]) -> list[int]:
        if self._full:
            return list(range(1, count + 1))
        near = {p for position in at if position for p in range(position - CONTEXT, position + CONTEXT + 1)}
        return sorted(p for p in near if 1 <= p <= count)

    def _segment(self, position: int, line: Line, findings: list[Finding], separators: str) -> None:
        text = Text(f"{safe(line.text[:LONGEST_LINE])}{'…' if len(line.text) > LONGEST_LINE else ''}")
        spans = sorted({span for finding in findings for span in _span(line.text, finding, separators)})
        for start, end in spans:
            text.stylize("bold underline red", start, end)
        margin = f"{'  ' * 4}{position:>5}  {'  ' * line.depth}"
        self._console.print(Text(margin, style="dim").append_text(text))
        if spans:
            carets = [" "] * max(end for _, end in spans)
            for start, end in spans:
                carets[start:end] = "^" * (end - start)
            self._console.print(Text(" " * len(margin)).append("".join(carets), style="red"))

    def _said(
        self, findings: Iterable[Finding], names: Names, indent: int, document: str, known: set[str] | None = None
    ) -> None:
        """Each finding with its place; reason and remedy only the first time in a document."""
        for finding in findings:
            self._findings += 1
            words = say(finding, names, document)
            self._line(
                indent, (f"{MARKS[finding.severity][0]} ", MARKS[finding.severity][1]), (safe(words.what), "bold")
            )
            code = finding.code + (f" ({finding.standard_code})" if finding.standard_code else "")
            where = f"{safe(words.where)}  " if words.where else ""
            self._line(indent + 1, (where, "italic"), (code, "dim"))
            if known is None or finding.code not in known:
                self._line(
                    indent + 1, (f"{words.why} ", ""), (f"Who mends it: {words.who}. ", ""), (words.what_to_do, "")
                )
            if known is not None:
                known.add(finding.code)

    def _line(self, indent: int, *pieces: tuple[str, str]) -> None:
        text = Text("  " * indent)
        for piece, style in pieces:
            text.append(piece, style=style)
        self._console.print(text)


def _span(text: str, finding: Finding, separators: str) -> Iterator[tuple[int, int]]:
    """Where the finding's element stands in its segment; behind the end where it is missing."""
    if finding.element is None:
        return
    element, component = separators[:1], separators[1:2]
    parts = text.split(element)
    if finding.element >= len(parts):
        start, end = len(text), len(text) + 1
    else:
        start = sum(len(part) + 1 for part in parts[: finding.element])
        end = start + max(1, len(parts[finding.element]))
        inner = parts[finding.element].split(component) if component else []
        if finding.component and finding.component <= len(inner):
            start += sum(len(part) + 1 for part in inner[: finding.component - 1])
            end = start + max(1, len(inner[finding.component - 1]))
    if start < LONGEST_LINE:
        yield start, min(end, LONGEST_LINE)


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def safe(text: str) -> str:
    """Text that cannot steer a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "·" for c in text)
