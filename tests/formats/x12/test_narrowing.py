"""A partner's guide: the standard, narrowed; same places, more findings, and nothing widened but a list of codes."""

from __future__ import annotations

import pytest
from generate import Generator
from x12_documents import a_set, rows

from gateway.formats.x12.guide import Guide, GuideFault
from gateway.formats.x12.narrowing import narrowed
from gateway.formats.x12.separators import DEFAULT

ORDER = (
    "BEG*00*SA*PO1**20260115",
    "REF*DP*31",
    "REF*IA*88214",
    "DTM*002*20260401",
    "N1*ST*ACME RETAIL*92*0001",
    "N3*1 ROAD",
    "PO1*1*12*EA*9.95**UP*012345678905",
    "PID*F****WIDGET",
    "CTT*1",
)


def found(rules: dict[str, str], segments: tuple[str, ...] = ORDER) -> list[tuple[str, str | None, int | None]]:
    checked = narrowed(Guide.load("004010", "850"), rules).check(rows(a_set(segments)))
    return [(finding.code, finding.segment, finding.element) for finding in checked.findings]


@pytest.mark.parametrize(
    ("place", "words", "said"),
    [
        ("850 REF", "at most 1", ("segment-exceeds-maximum-use", "REF", None)),
        ("850 CUR", "required", ("mandatory-segment-missing", "CUR", None)),
        ("850 DTM", "unused", ("segment-not-in-set", "DTM", None)),
        ("850 PO1/PID", "unused", ("segment-not-in-set", "PID", None)),
        ("850 N9", "required", ("mandatory-segment-missing", "N9", None)),
        ("850 N1/N4", "required", ("mandatory-segment-missing", "N4", None)),
        ("850 BEG-02", "only NE DS", ("invalid-code-value", "BEG", 2)),
        ("850 BEG-04", "required", ("mandatory-element-missing", "BEG", 4)),
        ("850 BEG-03", "6 to 22", ("element-too-short", "BEG", 3)),
        ("850 REF-04-1", "required", None),  # no REF04, and so none of its components
    ],
)
def test_what_a_partner_asks_more_is_found_where_it_is(
    place: str, words: str, said: tuple[str, str, int | None] | None
) -> None:
    assert found({}) == []
    assert found({place: words}) == ([said] if said else [])
    assert found({place.replace("850", "855"): words}) == []  # the rule of another set


def test_a_code_the_standard_does_not_list_can_be_added() -> None:
    other = ("BEG*00*ZQ*PO1**20260115", *ORDER[1:])
    assert found({}, other) == [("invalid-code-value", "BEG", 2)]
    assert found({"850 BEG-02": "also ZQ"}, other) == []
    assert found({"850 BEG-02": "also ZQ, only ZQ SA"}, other) == []


def test_a_narrowed_guide_gives_the_positions_of_its_standard() -> None:
    guide = Guide.load("004010", "850")
    small = narrowed(guide, {"850 CSH": "unused", "850 PO1/PID": "at most 5", "850 N1-02": "1 to 60"})
    assert [use.index for use in small.uses] == list(range(len(guide.uses)))
    for seed in range(6):
        made = Generator(guide, seed, DEFAULT, 0.1).document()
        checked = small.check(made.rows)
        if not checked.findings:
            assert checked.positions == made.positions
    assert narrowed(guide, {"850 CSH": "unused"}) is narrowed(guide, {"850 CSH": "unused"})
    assert narrowed(guide, {"810 CAD": "unused"}) is guide


@pytest.mark.parametrize(
    ("place", "words", "said"),
    [
        ("850 BEG", "at most 2", "allows 1"),
        ("850 BEG", "unused", "required by the standard"),
        ("850 QTY9", "required", "no place"),
        ("850 PO1/BEG", "required", "has no PO1/BEG"),
        ("850 BEG-30", "required", "elements"),
        ("850 BEG-02", "only QQ", "lists no QQ"),
        ("850 BEG-03", "1 to 30", "1 to 22"),
        ("850 BEG-03", "also X", "takes any value"),
        ("850 BEG-03", "unused", "only segments"),
        ("850 PO1/PID-01", "only F", "write PID-01"),
        ("850 REF", "sometimes", "narrows nothing"),
        ("850 REF", "only A", "element"),
    ],
)
def test_a_rule_that_cannot_hold_is_refused_with_its_reason(place: str, words: str, said: str) -> None:
    with pytest.raises(GuideFault, match=said):
        found({place: words})
