"""Real and published documents (GATEWAY_CORPUS): every one is answered, and the verdict is the expected one.

The labels are machine-made from envelope and structure, without code lists. A file that we fault only for what a label
does not look at agrees in what it does look at; DISPUTED names the labels we hold for wrong, each with the bytes that
show it.
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

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif("GATEWAY_CORPUS" not in os.environ, reason="GATEWAY_CORPUS is not set"),
]

# Labels look at no code list and no syntax note: 810_3.x12 has 64 quantities without a price (P020304) and is "clean".
UNLABELLED = {"invalid-code-value", "conditional-element-missing", "exclusion-violated"}

DISPUTED = {
    "214/indice-co__EDI.Net__214-MGCTLYST-SAMPLE.EDI": "B10, then N1 N3 N4 before LX: the 214 has an N1 loop there",
    "214/indice-co__EDI.Net__x12.214.edi": "B10, then N1 N3 N4 before LX: the 214 has an N1 loop there",
    "846/cybernescens__X12Parser__Example2.txt.edi": "REF~ZZ~ASIAQTY~17~403.32 and FTCTT~5: two lost terminators",
    "997/BerryWorksSoftware__edireader__ProcessEnvelopeTest.java.L16.edi": "ST~997~0001$SE~2~0001: no AK1, no AK9",
    "TA1/Inteligenz__X12Parser__TechnicalAcknowledgment_SampleFromJeffN825.txt.edi": (
        "ISA..>P>+ and TA1..>006>+, but IEA without +: it is ISA16 or the terminator, and one of the lines is wrong"
    ),
    "mixed/bots-edi__bots-plugins__mailbag01.x12.edi": "eight interchanges, terminators of their own, each IEA02 fits",
    "other-830/bots-edi__bots-plugins__830-004010UCS-01.x12.edi": "5\\n5 in SDQ is a line wrapped at 80 columns",
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
    undisputed = [line for line in wrong if line.partition(":")[0] not in DISPUTED]
    assert len(undisputed) <= len(found) * 0.02, "\n".join(undisputed)
    assert len(DISPUTED) <= len(found) * 0.02


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
