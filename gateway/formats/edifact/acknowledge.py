"""CONTRL: the answer to an interchange, from the reports of its inspection (ISO 9735), in the syntax it came in.

What is accepted is answered once, for the interchange; what is refused is named message by message with the code of
data element 0085 and the segment's place. A CONTRL is never answered with a CONTRL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.formats.edifact.separators import Separators
from gateway.formats.finding import Finding, Severity
from gateway.formats.report import GroupReport, InterchangeReport, SetReport, Verdict

REJECTED, ACKNOWLEDGED = "4", "7"  # data element 0083
UNSPECIFIED = "18"  # of 0085, where a refusal has no code of its own
_STANDARD = Separators()
MOST_SEGMENTS = 999  # UCS in one UCM


@dataclass(slots=True)
class Received:
    """An interchange with what it held, as the answer needs it."""

    interchange: InterchangeReport
    groups: list[tuple[GroupReport, list[SetReport]]] = field(default_factory=list)

    @property
    def is_answer(self) -> bool:
        """Whether it only holds CONTRL messages and must not be answered."""
        kinds = {report.set for _, reports in self.groups for report in reports}
        return kinds == {"CONTRL"}


def control(received: Received, reference: str, when: datetime) -> bytes | None:
    """The interchange with our CONTRL; None for one that must not be answered or names no sender."""
    unb = list(received.interchange.header) + [""] * 12
    if received.is_answer or not unb[2]:
        return None
    rejected = received.interchange.verdict is Verdict.REJECT
    body: list[list[str]] = [["UCI", unb[5], unb[2], unb[3], REJECTED if rejected else ACKNOWLEDGED]]
    if rejected:
        body[0] += _cause(received.interchange.findings)
    else:
        for group, reports in received.groups:
            body += _group(group, reports)
    later = ":4" in unb[1]
    date = f"{when:%Y%m%d}" if later else f"{when:%y%m%d}"
    test = ["", "", "", "", "", "1"] if unb[11] == "1" else []
    segments = [
        ["UNB", unb[1] or "UNOA:3", unb[3], unb[2], f"{date}:{when:%H%M}", reference, *test],
        ["UNH", "1", "CONTRL:4:1:UN" if later else "CONTRL:D:3:UN"],
        *body,
        ["UNT", str(len(body) + 2), "1"],
        ["UNZ", "1", reference],
    ]
    text = "".join(_STANDARD.element.join(_filled(segment)) + _STANDARD.segment for segment in segments)
    return text.encode("latin-1")  # as the header was read (framing.py): what is copied goes back as it came


def _filled(segment: list[str]) -> list[str]:
    end = len(segment)
    while end > 1 and not segment[end - 1]:
        end -= 1
    return segment[:end]


def _group(group: GroupReport, reports: Sequence[SetReport]) -> list[list[str]]:
    refused = [report for report in reports if report.verdict is Verdict.REJECT]
    rows = [row for report in refused for row in _message(report)]
    if not group.header or not (rows or group.verdict is Verdict.REJECT):
        return rows
    ung = list(group.header) + [""] * 6
    if group.verdict is Verdict.REJECT:
        return [["UCF", ung[5], ung[2], ung[3], REJECTED, *_cause(group.findings)]]
    return [["UCF", ung[5], ung[2], ung[3], ACKNOWLEDGED], *rows]


def _message(report: SetReport) -> list[list[str]]:
    unh = list(report.header) + [""] * 3
    serious = [finding for finding in report.findings if finding.severity is not Severity.WARNING]
    service = [finding for finding in serious if finding.segment in ("UNH", "UNT")]
    inner = [finding for finding in serious if finding not in service and finding.position]
    cause = _cause(service) if service else [] if inner else [UNSPECIFIED]
    rows = [["UCM", unh[1], unh[2], REJECTED, *cause]]
    rows += [["UCS", str(f.position), f.standard_code or UNSPECIFIED] for f in inner[:MOST_SEGMENTS]]
    return rows


def _cause(findings: Sequence[Finding]) -> list[str]:
    """Error code and service segment of the finding that weighs most."""
    serious = [f for f in findings if f.severity is Severity.REJECTS] or list(findings)
    if not serious:
        return [UNSPECIFIED]
    return [serious[0].standard_code or UNSPECIFIED, serious[0].segment or ""]
