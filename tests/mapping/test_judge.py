"""The judges: every map of the repository passes all of them, and each judge catches what it is there for."""

from __future__ import annotations

import os

import pytest
from mapping.charts import FILES, LIBRARY, NAMES, ROOT, SAMPLES, cases, changed

from gateway.canonical import dump
from gateway.mapping import Library, Map
from gateway.mapping.judge import facts, judge, lint, read_usual, split

USUAL = ROOT / "maps" / "usual.yaml"
HEAD = """\
# Where canonical fields usually stand in X12, and what qualifiers and codes usually mean: the second opinion of
# `gateway check`. Each line was drawn from the maps of this folder (GATEWAY_UPDATE=1 pytest tests/mapping) and read
# against the standard's names of elements and codes before it was committed, so a line that changes here without a
# reason is a slip of the finger in a map. Partners' overlays are not drawn from: they say `unusual:`.
#
#   MODEL.FIELD: data element[|format]     MODEL.FIELD in SEGMENT: qualifiers, - for none
#   MODEL SEGMENTnn const|count|number|sum: what is written      code TABLE.CODE: our word

"""


@pytest.mark.parametrize("name", NAMES)
def test_every_judge_is_content_with_every_map(name: str) -> None:
    verdict = judge(LIBRARY.map(name), cases(name), read_usual(USUAL.read_text()), documents=20)
    assert verdict.good, "\n".join([*verdict.unusual, *verdict.broken_trips, *verdict.broken_cases])
    assert verdict.cases
    assert verdict.unexercised == []


def test_every_sample_belongs_to_a_map() -> None:
    assert sorted(folder.name for folder in SAMPLES.iterdir()) == NAMES


@pytest.mark.skipif("GATEWAY_UPDATE" not in os.environ, reason="writes the approved documents anew")
@pytest.mark.parametrize("name", NAMES)
def test_approve(name: str) -> None:
    """What a map makes of its samples now; read the difference before committing it."""
    chart = LIBRARY.map(name)
    for case in cases(name):
        if chart.guide is None:
            found = chart.read_text(case.document)[0]
        else:
            rows, separators = split(case.document)
            found = chart.read(rows, chart.guide.check(rows).positions, separators=separators)
        text = dump(found.model_copy(update={"source": None}), indent=1) + "\n"
        (SAMPLES / name / case.name / "canonical.json").write_text(text)


def usual_of_our_maps() -> str:
    drawn: dict[str, set[str]] = {}
    for name in NAMES:
        chart = LIBRARY.map(name)
        if "extends" not in FILES[f"{name}.yaml"]:
            for key, said, line, _ in facts(chart):
                if line not in chart.unusual:
                    drawn.setdefault(key, set()).add(said or "-")
    return HEAD + "".join(f'"{key}": "{" ".join(sorted(said))}"\n' for key, said in sorted(drawn.items()))


def test_the_dictionary_of_usual_places_holds_exactly_what_our_maps_say() -> None:
    now = usual_of_our_maps()
    if os.environ.get("GATEWAY_UPDATE"):
        USUAL.write_text(now)
    assert USUAL.read_text() == now


def faulty(old: str, new: str, file: str = "x12-850-order.yaml") -> Map:
    return Library(changed(file, old, new)).map(file.removesuffix(".yaml"))


def test_lint_sees_a_field_in_another_element() -> None:
    swapped = faulty(
        "  BEG04: release_number\n  BEG05: order_date\n  BEG06: contract_number",
        "  BEG04: contract_number\n  BEG05: order_date\n  BEG06: release_number",
    )
    said = lint(swapped, read_usual(USUAL.read_text()))
    assert any("Order.release_number is usually 328, here 367" in line for line in said)


def test_lint_sees_another_qualifier_and_another_code() -> None:
    qualifier = faulty("REF[01=DP]02: department", "REF[01=19]02: department")
    assert any(
        "Order.department in REF is usually 01=DP" in line for line in lint(qualifier, read_usual(USUAL.read_text()))
    )
    common = Library(changed("x12-common.yaml", "prepaid: PP, third-party: TP", "prepaid: TP, third-party: PP"))
    said = lint(common.map("x12-850-order"), read_usual(USUAL.read_text()))
    assert any("code payment.PP is usually prepaid" in line for line in said)


def test_what_is_meant_to_be_unusual_says_so() -> None:
    chart = LIBRARY.map("harbor-pine-850-order")
    assert "REF[01=19]02" in chart.unusual
    assert lint(chart, read_usual(USUAL.read_text())) == []


def test_an_approved_case_catches_what_no_round_trip_can() -> None:
    wrong = faulty("REF[01=DP]02: department", "REF[01=19]02: department")
    verdict = judge(wrong, cases("x12-850-order"), {}, documents=5)
    assert verdict.broken_trips == []
    assert any("everything" in line for line in verdict.broken_cases)


def test_lines_no_case_exercises_are_named() -> None:
    plain = [case for case in cases("x12-850-order") if case.name == "plain"]
    verdict = judge(LIBRARY.map("x12-850-order"), plain, {}, documents=0)
    assert any(line.startswith("BEG04: release_number (x12-850-order.yaml:") for line in verdict.unexercised)
    assert not any(line.startswith("BEG03") for line in verdict.unexercised)
