"""One cause, one finding: what only follows from a fault of structure is not reported again."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from generate import Generator
from growth import is_linear
from x12_documents import ORDER, a_set, rows

from gateway.formats.x12.guide import Guide, packaged
from gateway.formats.x12.separators import DEFAULT

Row = list[str]

WAREHOUSE = (
    "W06*N*D1*20260115*S1**PO1",
    "N1*SF*US*92*01",
    "LX*1",
    "W12*CC*5*5**EA**VN*1",
    "G69*WIDGETS",
    "N9*LI*1",
    "LX*2",
    "W12*CC*6*6**EA**VN*2",
    "G69*GADGET",
    "W03*11",
)


def found(set_id: str, segments: tuple[str, ...]) -> list[tuple[str, str | None, int | None]]:
    findings = Guide.load("004010", set_id).check(rows(a_set(segments, set_id))).findings
    return [(finding.code, finding.segment, finding.position) for finding in findings]


def moved(segments: tuple[str, ...], at: int, to: int) -> tuple[str, ...]:
    made = list(segments)
    made.insert(to, made.pop(at))
    return tuple(made)


@pytest.mark.parametrize("to", [3, 4, 5, 6, 7])
def test_a_total_between_the_lines_is_the_only_fault(to: int) -> None:
    assert found("945", moved(WAREHOUSE, 9, to)) == [("segment-not-in-proper-sequence", "W03", to + 2)]


def test_a_line_without_its_beginning_is_said_once() -> None:
    missing = [("loop-start-missing", "PID", 5)]
    assert found("850", (*ORDER[:3], "PID*F*08***A", "PO4*1", "REF*PD*1", *ORDER[3:])) == missing


def test_segments_that_belong_together_are_misplaced_together() -> None:
    late = ("N1*ST*ACME*92*02", "N3*1 ROAD", "N4*DALLAS*TX")
    invoice = ("BIG*20260115*1", "IT1*1*1*EA*1", "TDS*100", *late, "CAD*M****A", "ISS*1*EA", "CTT*1")
    assert found("810", invoice) == [("segment-not-in-proper-sequence", "N1", 5)]


def test_a_set_that_ends_too_soon_lacks_each_segment_and_nothing_else() -> None:
    assert found("204", ()) == [("mandatory-segment-missing", tag, 2) for tag in ("B2", "B2A", "S5")]


def test_two_faults_are_two_findings() -> None:
    segments = (ORDER[0], "N4*DALLAS*TX", *ORDER[3:5], "ZZZ*1", *ORDER[5:])
    assert [code for code, _, _ in found("850", segments)] == ["loop-start-missing", "unrecognized-segment"]


def test_what_comes_too_late_is_not_missing_as_well() -> None:
    assert found("850", moved(ORDER, 0, 3)) == [("segment-not-in-proper-sequence", "BEG", 5)]


def changed(made: list[Row], chance: random.Random) -> list[Row]:
    """A set with one segment moved, dropped or doubled."""
    made = [list(row) for row in made]
    at = chance.randrange(1, len(made) - 1)
    match chance.randrange(3):
        case 0:
            made.insert(chance.randrange(1, len(made) - 1), made.pop(at))
        case 1:
            del made[at]
        case _:
            made.insert(at, list(made[at]))
    made[-1][1] = str(len(made))
    return made


def test_one_changed_segment_gives_one_finding_in_every_guide() -> None:
    chance = random.Random(8)
    counts: Counter[int] = Counter()
    for release in packaged().releases():
        for set_id in packaged().sets(release):
            guide = Guide.load(release, set_id)
            for seed in range(2):
                made = Generator(guide, seed, DEFAULT, 0.2).document().rows
                for _ in range(6 if len(made) > 4 else 0):
                    wrong = changed(made, chance)
                    checked = guide.check(wrong)
                    assert len(checked.positions) == len(wrong)
                    structure = [f for f in checked.findings if not f.code.startswith(("hl-", "line-", "hash-"))]
                    counts[len(structure)] += 1
    faulty = counts.total() - counts[0]
    assert faulty > 250
    assert counts[1] >= 0.88 * faulty
    assert counts[1] + counts[2] >= 0.98 * faulty


def test_a_set_of_nothing_but_faults_costs_no_more_a_segment() -> None:
    def check(count: int) -> None:
        made = rows(a_set([ORDER[0], ORDER[3], *(["CUR*BY*USD", "N3*1 ROAD", "BEG*00*SA*1**20260115"] * count)]))
        assert len(Guide.load("004010", "850").check(made).findings) >= count

    assert is_linear(check, 1_000)
