"""Real and published documents (GATEWAY_CORPUS): every one is answered, and the verdict is the expected one.

The labels are machine-made from envelope and structure, without code lists. A file that we fault only for what a label
does not look at agrees in what it does look at; x12/disputed.tsv names the labels we hold for wrong, each
with the bytes that show it.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from rewriting import dressed, edifact_otherwise, laid_out, rows_otherwise, xml_otherwise

from gateway.formats.detect import Format
from gateway.formats.file import Inspected
from gateway.formats.finding import Finding, Severity
from gateway.formats.report import Closed, Event, SetReport, Verdict, file_verdict
from gateway.formats.x12.frames import InterchangeOpened
from gateway.formats.x12.framing import Reader
from gateway.formats.x12.separators import NotX12

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


def verdict_of(data: bytes) -> Verdict:
    return file_verdict(Inspected([data]).events())


def rewritings(data: bytes, *, every: bool) -> Iterator[tuple[str, bytes]]:
    """A file's document written otherwise; every pairing of separators and layout, or each alone."""
    match Inspected([data]).format:
        case Format.X12:
            try:
                opened = [frame for frame in Reader([data]) if isinstance(frame, InterchangeOpened)]
            except NotX12:
                return
            if len(opened) != 1:
                return
            separators = opened[0].separators
            yield from laid_out(data, separators)
            for dress, other, changed in dressed(data, separators):
                yield dress, changed
                if every:
                    yield from ((f"{dress}, {lines}", again) for lines, again in laid_out(changed, other))
        case Format.EDIFACT:
            yield from edifact_otherwise(data)
        case Format.XML | Format.CXML | Format.UBL:
            yield from xml_otherwise(data)
        case Format.CSV:
            yield from rows_otherwise(data)


def same_verdicts(files: list[tuple[Path, str]], *, every: bool) -> Counter[str]:
    compared: Counter[str] = Counter()
    for path, _ in files:
        data = path.read_bytes()
        verdict = verdict_of(data)
        for how, changed in rewritings(data, every=every):
            assert verdict_of(changed) == verdict, (f"{path.parent.name}/{path.name}", how)
            compared[Inspected([data]).format] += 1
    return compared


def test_a_document_written_otherwise_keeps_its_verdict() -> None:
    compared = same_verdicts(labels()[::7], every=False)
    assert compared[Format.X12] > 800
    assert compared[Format.EDIFACT] > 100
    assert compared[Format.XML] + compared[Format.CXML] + compared[Format.UBL] > 15


@pytest.mark.slow
def test_every_document_written_every_way_keeps_its_verdict() -> None:
    # all of them every way alone, and some in every pairing of separators with a layout
    assert same_verdicts(labels(), every=False)[Format.X12] > 7_000
    assert same_verdicts(labels()[::32], every=True)[Format.X12] > 2_500


def test_chunks_do_not_change_a_verdict() -> None:
    for path, _ in labels():
        data = path.read_bytes()
        whole = file_verdict(Inspected([data]).events())
        parts = file_verdict(Inspected(data[i : i + 61] for i in range(0, len(data), 61)).events())
        assert whole == parts, path.name
