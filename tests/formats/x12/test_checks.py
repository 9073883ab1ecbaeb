"""One segment's elements: types, lengths, codes, requirements, notes, components, repetitions."""

from __future__ import annotations

import pytest

from gateway.formats.x12.checks import SegmentChecks
from gateway.formats.x12.codes import Code
from gateway.formats.x12.guide import Dictionary

ELEMENTS = """\
"1": AN 2 5 | text
"2": ID 2 2 | code | AA BB
"3": DT 8 8 | day
"4": TM 4 8 | time
"5": N0 1 5 | count
"6": R 1 5 | amount
"7": N2 1 5 | cents
"8": DT 6 6 | short day
"9": B 1 4 | bytes
"10": ID 1 3 | open code
"""

Found = list[tuple[str, int, int | None]]


def find(uses: str, row: str, composites: str = "", notes: str = "") -> Found:
    """What explain says of a row, once fast agrees that there is something or nothing to say."""
    dictionary = Dictionary(ELEMENTS, f"XX: {uses} | segment | {notes}\n{composites}", "004010")
    found: Found = []

    def add(code: Code, element: int, component: int | None, value: str, expected: str | None) -> None:
        del value, expected
        found.append((code.value, element, component))

    checks = SegmentChecks(dictionary.segment("XX"), ":", "^", guarded=":" in row or "^" in row)
    e = row.split("*")
    checks.explain(e, add)
    loose = any(value.endswith(" ") or not value.isprintable() for value in e) or (len(e) > 1 and not e[-1])
    if not loose:  # these are looked for in the whole text of a set
        assert checks.fast(e) == (not found), found
    return found


@pytest.mark.parametrize(
    ("use", "value", "code"),
    [
        ("O1", "AB", None),
        ("O1", "A", "element-too-short"),
        ("O1", "ABCDEF", "element-too-long"),
        ("O1", "AB ", "trailing-spaces"),
        ("O1", "A\x07B", "invalid-character"),
        ("O2", "AA", None),
        ("O2", "CC", "invalid-code-value"),
        ("O2", "AAA", "element-too-long"),
        ("O3", "20240229", None),
        ("O3", "20230229", "invalid-date"),
        ("O3", "19000229", "invalid-date"),
        ("O3", "20261301", "invalid-date"),
        ("O3", "260115", "element-too-short"),
        ("O3", "2026O115", "invalid-date"),
        ("O8", "000229", None),
        ("O8", "010229", "invalid-date"),
        ("O4", "2359", None),
        ("O4", "235959", None),
        ("O4", "23595999", None),
        ("O4", "2400", "invalid-time"),
        ("O4", "23595", "invalid-time"),
        ("O4", "930", "element-too-short"),
        ("O5", "12345", None),
        ("O5", "-12345", None),
        ("O5", "123456", "element-too-long"),
        ("O5", "1.5", "decimal-point-in-whole-number"),
        ("O5", "12X", "invalid-number"),
        ("O5", "٣", "invalid-number"),
        ("O7", "12.50", "decimal-point-in-whole-number"),
        ("O6", "123.45", None),
        ("O6", "-.5", None),
        ("O6", "5.", None),
        ("O6", "1234.56", "element-too-long"),
        ("O6", "1,5", "invalid-number"),
        ("O6", ".", "invalid-number"),
        ("O9", "A", None),
        ("O10", "ABC", None),
        ("O10", "ABCD", "element-too-long"),
        ("M1", "", "mandatory-element-missing"),
    ],
)
def test_values(use: str, value: str, code: str | None) -> None:
    found = find(f"{use} O1", f"XX*{value}*AB")
    assert found == ([] if code is None else [(code, 1, None)])


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("XX*AB", []),
        ("XX*AB*AB", [("too-many-elements", 2, None)]),
        ("XX*AB*", [("trailing-empty-elements", 2, None)]),
        ("XX", [("mandatory-element-missing", 1, None)]),
    ],
)
def test_the_number_of_elements(row: str, expected: Found) -> None:
    assert find("M1", row) == expected


@pytest.mark.parametrize(
    ("note", "row", "expected"),
    [
        ("P0203", "XX*AB", []),
        ("P0203", "XX*AB*CD*EF", []),
        ("P0203", "XX*AB*CD", [("conditional-element-missing", 3, None)]),
        ("P0203", "XX*AB**EF", [("conditional-element-missing", 2, None)]),
        ("P020304", "XX*AB*CD**GH", [("conditional-element-missing", 3, None)]),
        ("R0203", "XX*AB", [("conditional-element-missing", 2, None)]),
        ("R0203", "XX*AB**EF", []),
        ("E0203", "XX*AB*CD", []),
        ("E0203", "XX*AB*CD*EF", [("exclusion-violated", 3, None)]),
        ("C0203", "XX*AB*CD", [("conditional-element-missing", 3, None)]),
        ("C0203", "XX*AB**EF", []),
        ("C020304", "XX*AB*CD*EF", [("conditional-element-missing", 4, None)]),
        ("C0402", "XX*AB***GH", [("conditional-element-missing", 2, None)]),
        ("L020304", "XX*AB*CD", [("conditional-element-missing", 3, None)]),
        ("L020304", "XX*AB*CD**GH", []),
        ("L020304", "XX*AB**EF", []),
    ],
)
def test_syntax_notes(note: str, row: str, expected: Found) -> None:
    assert find("M1 X1 X1 X1", row, notes=note) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("XX*AA:20260115", []),
        ("XX*AA", []),
        ("XX*AA:20260115:XY", [("too-many-components", 1, 3)]),
        ("XX*:20260115", [("mandatory-element-missing", 1, 1)]),
        ("XX*ZZ:20261315", [("invalid-code-value", 1, 1), ("invalid-date", 1, 2)]),
        ("XX*AA^BB^AA", [("too-many-repetitions", 1, None)]),
        ("XX*AA^ZZ", [("invalid-code-value", 1, 1)]),
    ],
)
def test_composites(row: str, expected: Found) -> None:
    assert find("MC001*2", row, composites="C001: M2 O3 | pair\n") == expected


@pytest.mark.parametrize(
    ("uses", "row", "expected"),
    [
        ("M1*2", "XX*AB^CD", []),
        ("M1*2", "XX*AB^CD^EF", [("too-many-repetitions", 1, None)]),
        ("M1*>1", "XX*AB^CD^EF^G", [("element-too-short", 1, None)]),
        ("M1", "XX*AB^CD", [("too-many-repetitions", 1, None)]),
        ("M1", "XX*AB:CD", [("unexpected-components", 1, None)]),
    ],
)
def test_repetitions_and_separators_inside_simple_elements(uses: str, row: str, expected: Found) -> None:
    assert find(uses, row) == expected
