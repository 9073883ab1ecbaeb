"""Overlays, parts and shared tables: what the effective map is."""

from __future__ import annotations

import pytest
from mapping.charts import FILES

from gateway.mapping import Library, MapFaults

HEAD = "map: mine\nextends: x12-850-order\n"


def lines(text: str) -> dict[str, str]:
    """The effective lines of an overlay: text -> origin."""
    chart = Library(FILES | {"mine.yaml": HEAD + text}).map("mine")
    return {line.text.strip(): line.origin for line in chart.explain()}


def test_the_same_key_replaces() -> None:
    said = lines("lines:\n  BEG03: order_number | default none\n")
    assert said["BEG03: order_number | default none"] == "mine.yaml:4"
    assert "BEG03: order_number" not in said


def test_the_same_field_at_another_key_replaces_too() -> None:
    header = next(
        origin for text, origin in Library(FILES).map("x12-850-order").explain() if text.startswith("DTM[01=010]")
    )
    said = lines("lines:\n  REF[01=19]02: department\n  DTM[01=038] -> requested_ship: moment\n")
    assert "REF[01=DP]02: department" not in said
    assert said["DTM[01=010] -> requested_ship:"] != header  # the lines have one of their own
    assert said["DTM[01=038] -> requested_ship:"] == "mine.yaml:5"


def test_a_line_inside_a_block_is_laid_over_that_block() -> None:
    said = lines("lines:\n  PO1 -> lines[]:\n    PO104: ~\nloses: {lines.unit_price: no}\n")
    assert "PO104: unit_price" not in said
    assert "PO102: quantity.value" in said


def test_a_tilde_removes_and_must_have_something_to_remove() -> None:
    assert "BEG06: contract_number" not in lines("lines:\n  BEG06: ~\nloses: {contract_number: none}\n")
    with pytest.raises(MapFaults, match="removes nothing"):
        lines("lines:\n  BEG12: ~\n")


def test_a_code_table_is_replaced_whole() -> None:
    chart = Library(FILES | {"mine.yaml": HEAD + "codes: {unit: {each: EA}}\n"}).map("mine")
    assert chart.language.codes["unit"].table == {"each": "EA"}
    assert chart.language.codes["payment"].table["collect"] == "CC"


def test_every_value_is_text() -> None:
    text = "map: mine\nextends: csv-3pl-shipment\ncodes: {unit: {Norway: NO, half: 01}}\n"
    chart = Library(FILES | {"mine.yaml": text}).map("mine")
    assert chart.language.codes["unit"].table == {"Norway": "NO", "half": "01"}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.yaml": "map: a\nextends: b\n", "b.yaml": "map: b\nextends: a\n"}, "extends itself"),
        ({"a.yaml": "map: a\nextends: nobody\n"}, "there is no map nobody"),
        ({"a.yaml": "- a\n"}, "a map is made of keys"),
        ({"a.yaml": "map: a\nmap: b\n"}, "map is written twice"),
        ({"a.yaml": "lines: [\n"}, "a.yaml:[12]: .* a bracket that opens in it is not closed"),
        ({"a.yaml": "\x00"}, "this is no YAML"),
        ({"a.yaml": "map: a\nparts: {p: {use: p}}\nlines: {use: p}\n"}, "holds itself"),
        ({"a.yaml": "map: a\nlines: word\n"}, "expected keys under it"),
    ],
)
def test_a_file_that_is_no_map_says_why(files: dict[str, str], said: str) -> None:
    with pytest.raises(MapFaults, match=said):
        Library(FILES | files).map("a")


def test_deep_nesting_is_refused_and_not_a_crash() -> None:
    deep = "map: a\nlines: " + "{a: " * 60 + "b" + "}" * 60
    with pytest.raises(MapFaults, match="nested too deeply"):
        Library({"a.yaml": deep}).map("a")


def test_comments_and_places_do_not_change_the_revision() -> None:
    one = Library(FILES).map("x12-850-order").revision
    moved = {name: f"# a comment\n\n{text}" for name, text in FILES.items()}
    assert Library(moved).map("x12-850-order").revision == one
    other = FILES | {"x12-common.yaml": FILES["x12-common.yaml"].replace("each: EA", "each: UN")}
    assert Library(other).map("x12-850-order").revision != one
