"""Structure: where segments may stand, how often, and what is said when they do not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from x12_documents import GUIDES, ORDER, a_set, rows

from gateway.formats.x12.guide import Dictionary, Guide, packaged, parse_guide
from gateway.formats.x12.tolerance import STANDARD

ORDER_GUIDE = GUIDES.load("004010", "850")
SHIPMENT_GUIDE = GUIDES.load("004010", "856")

TINY = Dictionary(
    '"1": AN 1 9 | any\n',
    "".join(f"{tag}: O1 | any\n" for tag in ("ST", "AA", "BB", "CC", "DD", "LX", "EE", "SE")),
    "004010",
)


def tiny(structure: str) -> Guide:
    text = f'set: "100"\nrelease: "004010"\nfunctional_id: ZZ\nname: tiny\nstructure:\n{structure}'
    return parse_guide(text, TINY)


def faults(guide: Guide, tags: str) -> list[tuple[str, str | None, int | None]]:
    checked = guide.check([[tag, "1"] for tag in tags.split()])
    return [(finding.code, finding.segment, finding.position) for finding in checked.findings]


STRUCTURE = """\
- ST M 1
- AA M 1
- BB O 2
- loop LX O 2:
  - LX M 1
  - CC O 1
  - DD M 1
- BB O 1
- EE O >1
- SE M 1
"""


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("ST AA SE", []),
        ("ST AA BB BB LX CC DD LX DD BB EE EE SE", []),
        ("ST SE", [("mandatory-segment-missing", "AA", 2)]),
        ("ST AA BB BB BB SE", []),  # the third one is the later BB
        ("ST AA BB BB BB BB SE", [("segment-exceeds-maximum-use", "BB", 6)]),
        ("ST AA LX CC LX DD SE", [("mandatory-segment-missing", "DD", 5)]),
        ("ST AA LX DD LX DD LX DD SE", [("loop-occurs-over-maximum-times", "LX", 7)]),
        ("ST AA LX CC CC DD SE", [("segment-exceeds-maximum-use", "CC", 5)]),
        ("ST AA LX DD CC SE", [("segment-not-in-proper-sequence", "CC", 5)]),
        ("ST AA CC SE", [("loop-start-missing", "CC", 3)]),
        ("ST BB AA SE", [("segment-not-in-proper-sequence", "BB", 2)]),
        ("ST AA ZZZ SE", [("unrecognized-segment", "ZZZ", 3)]),
        ("ST AA aa SE", [("tag-lower-case", "aa", 3), ("segment-exceeds-maximum-use", "AA", 3)]),
        ("ST AA EE", []),  # a set without SE is its framing's to say
    ],
)
def test_structure(tags: str, expected: list[tuple[str, str, int]]) -> None:
    assert faults(tiny(STRUCTURE), tags) == expected


def test_a_segment_of_another_set_is_told_from_one_that_is_none() -> None:
    guide = tiny("- ST M 1\n- SE M 1\n")
    assert faults(guide, "ST AA SE") == [("segment-not-in-set", "AA", 2)]


def test_positions_are_the_loop_tree() -> None:
    checked = ORDER_GUIDE.check(rows(a_set()))
    assert checked.findings == ()
    paths = [ORDER_GUIDE.uses[index].loop.path for index in checked.positions]
    assert paths == ["", "", "N1", "N1", "PO1", "PO1", "PO1", "CTT", ""]


def test_a_segment_without_a_place_is_kept_with_position_minus_one() -> None:
    segments = a_set([*ORDER[:3], "ZZZ*1", *ORDER[3:]])
    checked = ORDER_GUIDE.check(rows(segments))
    assert len(checked.positions) == len(segments)
    assert checked.positions[4] == -1
    assert [finding.code for finding in checked.findings] == ["unrecognized-segment"]


SHIPMENT = (
    "BSN*00*S1*20260115*0930*0001",
    "HL*1**S",
    "HL*2*1*O",
    "PRF*PO1",
    "HL*3*2*P",
    "HL*4*3*I",
    "LIN**UP*012345678905",
    "SN1**3*EA",
    "CTT*4*3",
)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("HL*1**S", "HL*1**S", []),
        ("HL*4*3*I", "HL*4*9*I", [("hl-parent-unknown", 6, 2)]),
        ("HL*3*2*P", "HL*3*4*P", [("hl-parent-cycle", 5, 2)]),
        ("HL*3*2*P", "HL*3*3*P", [("hl-parent-cycle", 5, 2)]),
        ("HL*4*3*I", "HL*5*3*I", [("hl-number-out-of-order", 6, 1)]),
        ("HL*4*3*I", "HL*3*3*I", [("hl-number-repeated", 6, 1)]),
        ("HL*4*3*I", "HL*4*1*I", [("hl-level-not-allowed", 6, 3)]),
        ("HL*4*3*I", "HL*4**I", [("hl-parent-missing", 6, 2)]),
        ("HL*1**S", "HL*1**O", [("hl-level-not-allowed", 2 + 1, 3), ("hl-level-not-allowed", 4, 3)]),
        ("CTT*4*3", "CTT*5*3", [("line-count-wrong", 10, 1)]),
        ("CTT*4*3", "CTT*4*7", [("hash-total-wrong", 10, 2)]),
    ],
)
def test_hl_tree_and_totals(old: str, new: str, expected: list[tuple[str, int, int]]) -> None:
    segments = a_set([new if segment == old else segment for segment in SHIPMENT], "856")
    found = SHIPMENT_GUIDE.check(rows(segments)).findings
    assert [(f.code, f.position, f.element) for f in found] == [
        (code, position + ((code.startswith("hl") and old.startswith("HL*4")) or old.startswith("HL*3")), element)
        for code, position, element in expected
    ]


VALUES = st.sampled_from(
    [
        "",
        "",
        "1",
        "00",
        "EA",
        "20260115",
        "260115",
        "0930",
        "X" * 40,
        "12.5",
        "-3",
        "#9",
        "TE",
        "ACME ",
        " ",
        "A>B",
        "UP",
        "BY",
    ]
)
TAGS = [
    "BEG",
    "CUR",
    "REF",
    "PER",
    "DTM",
    "N1",
    "N2",
    "N3",
    "N4",
    "PO1",
    "PID",
    "PO4",
    "CTT",
    "AMT",
    "HL",
    "LIN",
    "SN1",
]
VALID = rows(a_set())
VALID_SHIPMENT = rows(a_set(SHIPMENT, "856"))


@st.composite
def changed_sets(draw: st.DrawFn) -> tuple[str, list[list[str]]]:
    """A valid set with some segments dropped, doubled, moved, and some elements changed."""
    set_id, valid = draw(st.sampled_from([("850", VALID), ("856", VALID_SHIPMENT)]))
    made = [list(row) for row in valid]
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.integers(0, 4))
        at = draw(st.integers(1, len(made) - 1))
        if kind == 0 and len(made) > 2:
            del made[at]
        elif kind == 1:
            made.insert(at, list(made[draw(st.integers(0, len(made) - 1))]))
        elif kind == 2:
            made.insert(at, [draw(st.sampled_from(TAGS)), *draw(st.lists(VALUES, max_size=6))])
        elif len(made[at]) > 1:
            made[at][draw(st.integers(1, len(made[at]) - 1))] = draw(VALUES)
    return set_id, made


@settings(max_examples=600, deadline=None)
@given(changed_sets(), st.sampled_from(["fixture", "packaged"]))
def test_explain_finds_nothing_exactly_when_fast_accepts(made: tuple[str, list[list[str]]], guides: str) -> None:
    set_id, changed = made
    guide = (GUIDES if guides == "fixture" else packaged()).load("004010", set_id)
    text = "~".join(map("*".join, changed))
    plain = not any(mark in text + "~" for mark in (" *", " ~", "*~"))
    checker = guide.checker(">", None, guarded=">" in text)
    accepted = checker.accept(changed) if plain else None
    explained = checker.explain(changed, STANDARD)
    assert (accepted is not None) == (not explained.findings)
    if accepted is not None:
        assert accepted == explained.positions
    assert len(explained.positions) == len(changed)
    assert guide.check(changed) == explained


def test_a_guide_is_ready_quickly_and_compiles_only_what_it_meets() -> None:
    checker = ORDER_GUIDE.checker("|", None, guarded=False)
    assert checker._checks == {}
    checker.accept(VALID)
    assert set(checker._checks) == {row[0] for row in VALID}
