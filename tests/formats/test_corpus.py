"""Real and published documents (GATEWAY_CORPUS): every one is answered, and the verdict is the expected one.

The labels are machine-made from envelope and structure, without code lists. A file that we fault only for what a label
does not look at agrees in what it does look at; x12/disputed.tsv names the labels we hold for wrong, each
with the bytes that show it.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.formats.detect import Format
from gateway.formats.file import Inspected
from gateway.formats.finding import Finding, Severity
from gateway.formats.report import Closed, Event, SetReport, Verdict, file_verdict
from gateway.formats.x12.frames import InterchangeOpened
from gateway.formats.x12.framing import Reader
from gateway.formats.x12.separators import NotX12, Separators

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif("GATEWAY_CORPUS" not in os.environ, reason="GATEWAY_CORPUS is not set"),
]

# Labels look at no code list and no syntax note: 810_3.x12 has 64 quantities without a price (P020304) and is "clean".
UNLABELLED = {"invalid-code-value", "conditional-element-missing", "exclusion-violated"}

DISPUTES = Path(__file__).parent / "x12" / "disputed.tsv"  # EDIFACT, XML and rows agree with every label


def disputed() -> set[str]:
    with DISPUTES.open(encoding="utf-8") as file:
        return {
            row["file"]
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            if row["kind"] == "label"
        }


def labels() -> list[tuple[Path, str]]:
    folder = Path(os.environ["GATEWAY_CORPUS"])
    with (folder / "EXPECTED.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [(folder / row["file"], row["expected"]) for row in rows]


def faults(events: list[Event]) -> Iterator[Finding]:
    for event in events:
        match event:
            case Finding():
                yield event
            case SetReport():
                yield from event.findings
            case Closed():
                yield from event.report.findings


def agrees(events: list[Event], expected: str) -> bool:
    verdict = file_verdict(events)
    if verdict == expected:
        return True
    serious = {finding.code for finding in faults(events) if finding.severity is not Severity.WARNING}
    return verdict is Verdict.ACCEPT_WITH_ERRORS and expected == "accept" and serious <= UNLABELLED


def test_verdicts_agree() -> None:
    found = labels()
    wrong = []
    for path, expected in found:
        events = list(Inspected([path.read_bytes()]).events())
        if not agrees(events, expected):
            wrong.append(f"{path.parent.name}/{path.name}: {file_verdict(events)}, expected {expected}")
    undisputed = [line for line in wrong if line.partition(":")[0] not in disputed()]
    assert len(undisputed) <= len(found) * 0.02, "\n".join(undisputed)
    assert len(disputed()) <= len(found) * 0.02


def x12() -> Iterator[tuple[str, bytes, Separators]]:
    """Files of one X12 interchange, with its separators."""
    for path, _ in labels():
        data = path.read_bytes()
        if Inspected([data]).format is Format.X12:
            try:
                opened = [frame for frame in Reader([data]) if isinstance(frame, InterchangeOpened)]
            except NotX12:
                continue
            if len(opened) == 1 and data.startswith(b"ISA"):
                yield f"{path.parent.name}/{path.name}", data, opened[0].separators


def verdict_of(data: bytes) -> Verdict:
    return file_verdict(Inspected([data]).events())


def test_x12_keeps_its_verdict_with_other_separators() -> None:
    checked = 0
    for name, data, separators in x12():
        old = [separators.element, separators.segment, separators.component]
        free = [c for c in "|!=^;\x1c\x1d" if c.encode() not in data and c not in old]
        if separators.repetition is None and all(old) and all(c.isascii() for c in old) and old[1] not in "\r\n":
            other = data.translate(bytes.maketrans("".join(old).encode(), "".join(free[:3]).encode()))
            assert verdict_of(other) == verdict_of(data), name
            checked += 1
    assert checked > 50


def test_x12_keeps_its_verdict_with_other_line_ends_and_wrapped() -> None:
    checked = 0
    for name, data, separators in x12():
        end = separators.segment.encode("latin-1", "ignore")
        if not end or end in b"\r\n" or data.count(end) < 5 or b"ISA" not in data[:3] or data[105:106] != end:
            continue
        body = re.sub(re.escape(end) + rb"\s*", end, data)
        assert verdict_of(body.replace(end, end + b"\r\n")) == verdict_of(body) == verdict_of(data), name
        if b"\n" not in body and b"\r" not in body:
            wrapped = b"\r\n".join(body[i : i + 80] for i in range(0, len(body), 80))
            assert verdict_of(wrapped) == verdict_of(data), name
            checked += 1
    assert checked > 50


def edifact() -> Iterator[tuple[str, bytes]]:
    for path, _ in labels():
        data = path.read_bytes()
        if Inspected([data]).format is Format.EDIFACT:
            yield f"{path.parent.name}/{path.name}", data


def test_edifact_keeps_its_verdict_with_other_line_ends_and_separators() -> None:
    for name, data in edifact():
        verdict = file_verdict(Inspected([data]).events())
        lines = re.sub(rb"'[ \r\n]*", b"'\r\n", data)
        assert file_verdict(Inspected([lines]).events()) == verdict, name
        if data.startswith(b"UNB+") and not re.search(rb"[?~|^]", data):
            other = b"UNA|^.? ~" + data.translate(bytes.maketrans(b":+'", b"|^~"))
            assert file_verdict(Inspected([other]).events()) == verdict, name


def test_chunks_do_not_change_a_verdict() -> None:
    for path, _ in labels():
        data = path.read_bytes()
        whole = file_verdict(Inspected([data]).events())
        parts = file_verdict(Inspected(data[i : i + 61] for i in range(0, len(data), 61)).events())
        assert whole == parts, path.name
