"""Real documents of other people (GATEWAY_CORPUS): each is answered, and our verdict is the labelled one.

The labels come from a checker of envelope and structure without code lists, so a file we fault for a code is no
disagreement. Every other one stands in disputed.tsv: kind "label" where we hold the label to be wrong, "guide" where we
lack the set's guide.
"""

from __future__ import annotations

import csv
import os
from functools import cache
from pathlib import Path

import pytest

from gateway.formats.finding import FormatError, Severity
from gateway.formats.report import Closed, InterchangeReport, SetReport, Verdict, file_verdict
from gateway.formats.x12.framing import Reader
from gateway.formats.x12.report import judge

CORPUS = os.environ.get("GATEWAY_CORPUS", "")
DISPUTED = Path(__file__).with_name("disputed.tsv")

pytestmark = [pytest.mark.corpus, pytest.mark.skipif(not CORPUS, reason="GATEWAY_CORPUS is not set")]


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def is_x12(name: str) -> bool:
    folder = name.split("/", 1)[0]
    return folder[:3].isdecimal() or folder.startswith(("other-", "x12", "mixed", "TA1"))


@cache
def labels() -> list[dict[str, str]]:
    return [label for label in read_table(Path(CORPUS) / "EXPECTED.tsv") if is_x12(label["file"])]


def verdict(data: bytes) -> tuple[Verdict, bool]:
    """The verdict, and whether a code list alone would have made it worse than accept."""
    try:
        events = list(judge([data]))
    except FormatError:
        return Verdict.REJECT, False
    worst = file_verdict(events)
    for event in events:
        if worst is Verdict.ACCEPT and isinstance(event, Closed) and isinstance(event.report, InterchangeReport):
            worst = event.report.verdict
    faults = [f for event in events if isinstance(event, SetReport) for f in event.findings]
    return worst, any(f.code == "invalid-code-value" and f.severity is Severity.ERROR for f in faults)


def test_every_verdict_is_the_labelled_one_or_disputed_with_its_reason() -> None:
    disputed = {row["file"]: row for row in read_table(DISPUTED)}
    differing: dict[str, str] = {}
    for label in labels():
        ours, code = verdict((Path(CORPUS) / label["file"]).read_bytes())
        if ours != label["expected"] and not (code and label["expected"] == "accept"):
            differing[label["file"]] = str(ours)
    assert differing == {name: row["ours"] for name, row in disputed.items()}
    assert all(row["reason"] for row in disputed.values())
    every = len(read_table(Path(CORPUS) / "EXPECTED.tsv"))
    assert sum(row["kind"] == "label" for row in disputed.values()) <= 0.02 * every


def test_chunks_and_restarts_change_nothing_on_real_documents() -> None:
    for label in labels()[::5]:
        data = (Path(CORPUS) / label["file"]).read_bytes()
        try:
            whole = list(Reader([data]))
        except FormatError:
            continue
        assert list(Reader(data[at : at + 97] for at in range(0, len(data), 97))) == whole
        reader = Reader([data])
        for count, _ in enumerate(reader, 1):
            if count == len(whole) // 2:
                break
        state = reader.state()
        assert list(Reader([data[state["offset"] :]], state=state)) == whole[len(whole) // 2 :]


GOLDEN = read_table(Path(__file__).with_name("golden.tsv"))


@pytest.mark.parametrize("row", GOLDEN, ids=[row["file"] for row in GOLDEN])
def test_a_real_document_gives_the_findings_a_person_wrote_down(row: dict[str, str]) -> None:
    """Code, segment and element of every fault, read off the bytes; what is only warned of is not listed.

    Sets without a real document are tried with invented ones (sample_docs/x12).
    """
    found = set()
    for event in judge([(Path(CORPUS) / row["file"]).read_bytes()]):
        findings = event.findings if isinstance(event, SetReport) else []
        findings = event.report.findings if isinstance(event, Closed) else findings
        for finding in findings:
            if finding.severity is not Severity.WARNING:
                found.add(f"{finding.code} {finding.segment} {finding.element or ''}".strip())
    assert found == set(filter(None, row["findings"].split("; ")))
