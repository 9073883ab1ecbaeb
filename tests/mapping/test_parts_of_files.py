"""Files are cut into documents while they are read: whole or byte by byte, and each document alone, say the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapping.charts import FILES, LIBRARY, NAMES, cases

from gateway.canonical import Document
from gateway.mapping import Library, Map, MapError, MapFaults
from gateway.mapping.draw import Dice
from gateway.mapping.generate import PARTNER, document
from gateway.mapping.text import Part

TEXT = [name for name in NAMES if LIBRARY.map(name).guide is None]
ROWS = [name for name in TEXT if LIBRARY.map(name).format in ("csv", "fixed")]


def changed(name: str, head: str, **options: str) -> Map:
    """A map of the repository that reads several documents."""
    text = FILES[f"{name}.yaml"].replace("\nlines:\n", f"\n{head}\nlines:\n", 1)
    return Library(FILES | {f"{name}.yaml": text}).map(name)


SEVERAL = {
    **{name: LIBRARY.map(name) for name in ROWS},
    "json-warehouse-order": changed("json-warehouse-order", "split: data/orders\noptions: {count: total}"),
    "json list": changed("json-shipping-advice", 'split: "*"'),
    "xml-ubl-order": Library(
        FILES
        | {
            "xml-ubl-order.yaml": FILES["xml-ubl-order.yaml"]
            .replace("  root: Order\n", "  root: Orders\n")
            .replace("\ngiven:", "\nsplit: Body/Order\ngiven:")
        }
    ).map("xml-ubl-order"),
}


def file_of(chart: Map, seeds: range = range(4)) -> tuple[list[Document], bytes]:
    made: list[Document] = []
    for seed in seeds:
        one = document(chart, Dice(seed), rich=6)
        if not made or one.key() != made[-1].key():
            made.append(one)
    return made, chart.write_text(made, partner=PARTNER)


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[n : n + size] for n in range(0, len(data), size))


@pytest.mark.parametrize("name", SEVERAL)
def test_several_documents_go_into_one_file_and_come_back(name: str) -> None:
    chart = SEVERAL[name]
    made, data = file_of(chart)
    assert chart.read_text(data, partner=PARTNER) == made


@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_whole_or_in_pieces_the_parts_are_the_same(name: str, size: int) -> None:
    chart = SEVERAL[name]
    _, data = file_of(chart)
    whole = list(chart.parts([data]))
    assert [replace(part, rows=None) for part in chart.parts(pieces(data, size))] == [
        replace(part, rows=None) for part in whole
    ]


@pytest.mark.parametrize("name", SEVERAL)
def test_each_document_can_be_cut_out_and_read_by_itself(name: str) -> None:
    chart = SEVERAL[name]
    made, data = file_of(chart)
    for part, wanted in zip(chart.parts([data]), made, strict=True):
        alone = Part(
            part.number, part.offset, part.size, part.place, part.line,
            data[part.offset : part.offset + part.size], part.head,
        )  # fmt: skip
        assert chart.read_part(alone, partner=PARTNER) == wanted


@pytest.mark.parametrize("name", TEXT)
@given(data=st.data())
def test_whatever_bytes_arrive_they_are_read_or_refused_with_a_reason(name: str, data: st.DataObject) -> None:
    chart = LIBRARY.map(name)
    good = next(cases(name)).document
    at = data.draw(st.integers(0, len(good)))
    noise = data.draw(
        st.one_of(st.binary(max_size=12), st.sampled_from([b'"', b"\n", b"<", b"&x;", b"}", b"\x00", b"\xff"]))
    )
    cut = data.draw(st.integers(0, 40))
    with suppress(MapError):
        chart.read_text(good[:at] + noise + good[at + cut :])


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("json list", b"}", b"", "is not JSON"),
        ("json-warehouse-order", b'"total": 4', b'"total": 5', "/data/total = '5': is not 4"),
        ("json-warehouse-order", b'"orders"', b'"order"', "it has no /data/orders"),
        ("xml-ubl-order", b"</Body>", b"", "is not XML: mismatched tag"),
        ("xml-ubl-order", b"<Orders ", b'<!DOCTYPE Orders [<!ENTITY a "b">]><Orders ', "defines an entity of its own"),
        ("fixed-invoice", b"FT00", b"XX00", "there is no such record"),
        ("csv-order", b"END;", b"", "breaks off before its last record"),
    ],
)
def test_what_is_wrong_with_a_file_of_several_is_said(name: str, old: bytes, new: bytes, said: str) -> None:
    chart = SEVERAL[name]
    _, data = file_of(chart)
    assert old in data
    with pytest.raises(MapError, match=said.replace("(", r"\(")):
        chart.read_text(data.replace(old, new, 1))


def test_a_bad_value_is_named_by_its_path_in_the_file() -> None:
    chart = SEVERAL["xml-ubl-order"]
    _, data = file_of(chart)
    first = data.index(b"<cbc:IssueDate>")
    second = data.index(b"<cbc:IssueDate>", first + 1) if b"<cbc:IssueDate>" in data[first + 1 :] else first
    wrong = data[: second + 15] + b"soon" + data[second + 25 :]
    with pytest.raises(MapError) as caught:
        chart.read_text(wrong)
    (problem,) = caught.value.problems
    assert problem.place.startswith("/Orders/Body/Order[")
    assert problem.place.endswith("]/IssueDate")
    assert wrong.split(b"\n")[(problem.position or 0) - 1].strip().startswith(b"<cbc:IssueDate>soon")


FIXED = """map: small
document: fixed
canonical: invoice
options: {record: 1-2}
lines:
  record IH:
    3-14: invoice_number
    15-22: invoice_date | date8
    23-30: total | N2
    record IL -> lines[]:
      3-6: line_number
loses: {"*": not asked for}
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("23-30: total", "20-30: total", "20-30 overlaps 15-22"),
        ("3-14: invoice_number", "14-3: invoice_number", "is no place in a line"),
        ("options: {record: 1-2}", "options: {newline: lf}", "nothing says where a row's kind stands"),
        ("3-6: line_number", "3-6: = count XX", "counts XX, which is no row"),
        ("3-6: line_number", "3-6: = sum IL 3-6", "sums IL 3-6, which is no number"),
        ("options: {record: 1-2}", "options: {record: 1-2, delimiter: ';'}", "a file of fixed width has no option"),
        ("    record IL -> lines[]:", "    records IL -> lines[]:", "is no record"),
        ("    record IL -> lines[]:", "    record IH -> lines[]:", "record IH stands there twice"),
        ("document: fixed", "document: fixed\nsplit: IH", "split by their outermost"),
        ("3-6: line_number", "1-2: line_number", "says what the row is"),
    ],
)
def test_a_map_of_records_that_cannot_be_is_a_fault(old: str, new: str, said: str) -> None:
    assert old in FIXED
    with pytest.raises(MapFaults, match=said):
        Library({"small.yaml": FIXED.replace(old, new)}).map("small")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("IHR-1         20260303 1x\n", "total = '1x': is not an N2 number"),
        ("IHR-1         2026033300000001\n", "invoice_date = '20260333': is not a date CCYYMMDD"),
        ("IL1\nIHR-1         2026030300000001\n", "stands where it does not belong"),
        ("ZZ\n", "begins with 'ZZ', and there is no such record"),
        ("\n", ""),
    ],
)
def test_a_bad_line_is_said_with_its_number(text: str, said: str) -> None:
    chart = Library({"small.yaml": FIXED}).map("small")
    if not said:
        assert chart.read_text(text) == []
        return
    with pytest.raises(MapError, match=said):
        chart.read_text(text)


def test_numbers_of_json_keep_their_digits_and_what_no_line_names_goes_back() -> None:
    chart = LIBRARY.map("json-warehouse-order")
    data = json.dumps({"action": "create", "orderId": "1", "extra": {"deep": [1.50, True, None, "x"]}, "items": []})
    data = data.replace("1.5", "1.500")
    (found,) = chart.read_text(data, partner=PARTNER)
    assert dict(found.leftovers or ()) == {
        "/extra/deep/0": ["1.500"],
        "/extra/deep/1": ["true"],
        "/extra/deep/3": ['"x"'],
    }
    assert b"1.500" in chart.write_text(found, partner=PARTNER)
    assert b"extra" not in chart.write_text(found, partner="another")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"orderId": "1", "orderId": "2"}', "stands twice in one object"),
        ('{"orderId": NaN}', "NaN is no JSON"),
        ('{"orderId": "1"} x', "stands behind its end"),
        ("[" * 200 + "]" * 200, "nested deeper|is a list where an object"),
        ('{"orderId": {"a": 1}}', "/orderId.*is an object where a value is expected"),
        ('{"items": {"line": "1"}}', "/items.*is not a list"),
        ('{"items": ["a"]}', "/items/0.*is no object"),
        ('{"orderId": "\\ud800"', "is not JSON"),
        ("", "is not JSON"),
    ],
)
def test_json_that_cannot_be_is_refused_with_its_pointer(text: str, said: str) -> None:
    with pytest.raises(MapError, match=said):
        LIBRARY.map("json-warehouse-order").read_text(text)
