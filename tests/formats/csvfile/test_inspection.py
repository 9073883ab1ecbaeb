from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.formats.csvfile.inspection import CsvReport, inspect


def read(data: bytes, encoding: str = "utf-8") -> CsvReport:
    return inspect([data], encoding)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_delimiter_and_the_header_are_found_whatever_ends_a_line(delimiter: str, end: str) -> None:
    rows = [["sku", "name", "price"], ["A1", "Throw, wool; red", "9.95"], ["A2", '"Mug"', "4"]]
    quoted = ['"' + cell.replace('"', '""') + '"' for row in rows for cell in row]
    data = end.join(delimiter.join(quoted[i : i + 3]) for i in (0, 3, 6)) + end
    report = read(data.encode())
    assert (report.delimiter, report.header, report.columns, report.rows) == (delimiter, ("sku", "name", "price"), 3, 2)
    assert report.findings == ()


@pytest.mark.parametrize(
    ("data", "code", "row"),
    [
        (b"a,b\n1,2\n1\n", "csv-row-too-short", 3),
        (b"a,b\n1,2\n1,2,3\n", "csv-row-too-long", 3),
        (b'a,b\n1,"2\n', "csv-quote-wrong", 2),
        (b"a,A\n1,2\n", "csv-header-repeated", 1),
        (b"a,b\n1,\x002\n", "csv-nul", 2),
        (b"a,b\n1,2\n1,\xfc\n", "text-encoding-mixed", 3),
    ],
)
def test_each_fault_is_named_with_its_row(data: bytes, code: str, row: int) -> None:
    assert (code, row) in [(finding.code, finding.position) for finding in read(data).findings]


def test_a_quoted_cell_may_hold_a_line_end() -> None:
    assert read(b'a,b\n1,"two\nlines"\n').findings == ()


def test_a_first_row_of_values_is_no_header() -> None:
    assert read(b"4711,A\n4712,B\n").header == ()


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_get_an_answer_and_chunks_do_not_change_it(data: bytes, size: int) -> None:
    parts = inspect((data[i : i + size] for i in range(0, len(data), size)), "utf-8")
    assert parts == read(data)
