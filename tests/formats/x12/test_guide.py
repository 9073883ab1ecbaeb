from __future__ import annotations

from pathlib import Path

import pytest
from x12_documents import a_set, rows

from gateway.formats.finding import Severity
from gateway.formats.x12.guide import UNBOUNDED, Dictionary, Guide, GuideFault, Guides, parse_guide, release_of

FOLDER = Path(__file__).with_name("guides")


def test_a_guide_is_read_line_by_line() -> None:
    guide = Guides(FOLDER).load("004010", "850")
    assert (guide.set_id, guide.release, guide.functional_id) == ("850", "004010", "PO")
    assert [use.index for use in guide.uses] == list(range(len(guide.uses)))
    first = guide.uses[0]
    assert (first.segment.tag, first.requirement, first.max, first.loop.path) == ("ST", "M", 1, "")
    line = next(use for use in guide.uses if use.loop.path == "PO1")
    assert line is line.loop.first
    assert line.loop.max == 100000
    assert next(use for use in guide.uses if use.segment.tag == "REF").max == UNBOUNDED


def test_levels_of_an_hl_tree_are_read() -> None:
    assert Guides(FOLDER).load("004010", "856").hl["P"] == ("O", "T", "I")


def test_composites_repeats_and_codes_are_read() -> None:
    dictionary = Dictionary(
        '"128": ID 2 3 | which number | DP IA\n"127": AN 1 30 | a number\n',
        "REF: M128 X127 OC040*5 | reference | R0203\nC040: M128 M127 | reference pair | P0102\n",
        "004010",
    )
    reference = dictionary.segment("REF")
    assert reference.notes == ("R0203",)
    assert reference.elements[2].repeat == 5
    composite = reference.elements[2].element
    assert getattr(composite, "notes", None) == ("P0102",)
    assert dictionary.element("128").codes == {"DP", "IA"}


@pytest.mark.parametrize(
    ("elements", "segments", "structure"),
    [
        ("", "ST: M143 | start\n", "- ST M 1\n"),
        ('"143": ID three 3 | set\n', "ST: M143 | start\n", "- ST M 1\n"),
        ('"143": ID 3 3 | set\n', "ST: Q143 | start\n", "- ST M 1\n"),
        ('"143": ID 3 3 | set\n', "ST: M143 | start\n", "- ST Q 1\n"),
        ('"143": ID 3 3 | set\n', "ST: M143 | start\n", "- loop N1 O 1:\n"),
        ('"143": ID 3 3 | set\n', "ST: M143 | start\n", ""),
        ('"143": ID 3 3 | set\n', "", "- ST M 1\n"),
    ],
)
def test_a_broken_guide_is_refused_with_its_reason(elements: str, segments: str, structure: str) -> None:
    text = f'set: "850"\nrelease: "004010"\nfunctional_id: PO\nname: order\nstructure:\n{structure}'
    with pytest.raises(GuideFault):
        parse_guide(text, Dictionary(elements, segments, "004010"))


@pytest.mark.parametrize(
    ("written", "release"),
    [
        ("004010", "004010"),
        ("004010VICS", "004010"),
        ("4010", "004010"),
        ("00401", "004010"),
        ("005010X220A1", "005010"),
        ("", ""),
        ("VICS", ""),
    ],
)
def test_release_of_what_senders_write(written: str, release: str) -> None:
    assert release_of(written) == release


def test_another_release_is_approximated_and_said() -> None:
    guides = Guides(FOLDER)
    guide, said = guides.nearest("003060", "850")
    assert guide is not None
    assert guide.release == "004010"
    assert said is not None
    assert (said.code, said.value, said.expected) == ("release-approximated", "003060", "004010")
    assert guides.nearest("004010", "850")[1] is None
    assert guides.nearest("004010", "999") == (None, None)


@pytest.mark.parametrize(
    ("release", "nearest", "distant"),
    [
        ("003030", "004010", True),
        ("003060", "004010", False),
        ("004030", "004010", False),
        ("004060", "005010", False),
        ("006010", "005010", True),
        ("21", "004010", True),
    ],
)
def test_the_nearest_release_is_the_one_of_the_nearest_year(release: str, nearest: str, distant: bool) -> None:
    guide, _ = Guide.nearest(release, "850")
    assert guide is not None
    assert (guide.release, guide.distant) == (nearest, distant)


def test_a_guide_of_a_distant_release_doubts_what_it_finds_but_for_values_that_are_none() -> None:
    faulty = rows(a_set(["BEG*00*SA*PO1**960230", "ZZZ*1", "PO1**x*EA"]))
    near, far = (Guide.nearest(release, "850")[0] for release in ("004010", "003020"))
    assert near is not None
    assert far is not None
    found = {f.code: f.severity for f in near.check(faulty).findings}
    doubted = {f.code: f.severity for f in far.check(faulty).findings}
    assert found.keys() == doubted.keys() == {"element-too-short", "unrecognized-segment", "invalid-number"}
    assert set(found.values()) == {Severity.ERROR}
    assert doubted == {**dict.fromkeys(found, Severity.WARNING), "invalid-number": Severity.ERROR}
