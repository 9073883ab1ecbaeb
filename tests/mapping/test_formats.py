"""Formats undo themselves, and refuse what they cannot carry."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.canonical.gs1 import check_digit
from gateway.mapping.formats import DATE8, DECIMAL, IMPLIED, NAMED, TIME, Format, code_table, date_pattern

numbers = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9)


@given(numbers)
def test_a_number_comes_back(number: Decimal) -> None:
    assert DECIMAL.read(DECIMAL.write(number)) == number
    assert NAMED["comma"].read(NAMED["comma"].write(number)) == number
    assert IMPLIED[4].read(IMPLIED[4].write(number)) == number


@given(st.dates())
def test_a_date_comes_back(day: dt.date) -> None:
    assert DATE8.read(day.isoformat().replace("-", "")) == day
    assert NAMED["iso"].read(NAMED["iso"].write(day)) == day


@given(st.times().map(lambda t: t.replace(microsecond=t.microsecond // 10_000 * 10_000, fold=0)))
def test_a_time_comes_back_to_the_hundredth(time: dt.time) -> None:
    assert TIME.read(TIME.write(time)) == time
    assert NAMED["isotime"].read(NAMED["isotime"].write(time)) == time


@given(st.text("0123456789", min_size=17, max_size=17))
def test_an_sscc_is_read_with_and_without_its_prefix(digits: str) -> None:
    sscc = digits + check_digit(digits)
    assert NAMED["sscc"].read(sscc) == NAMED["sscc"].read("00" + sscc) == sscc
    assert NAMED["sscc"].write(sscc) == "00" + sscc


def test_the_check_digit_is_gs1s() -> None:
    assert check_digit("37610425002123456") == "9"  # GS1's published example
    assert check_digit("629104150021") == "3"


@pytest.mark.parametrize(
    ("pair", "text"),
    [
        (DECIMAL, "five"),
        (DECIMAL, "1e5"),
        (DECIMAL, "NaN"),
        (DECIMAL, "1_000"),
        (IMPLIED[2], "1.5"),
        (DATE8, "260301"),
        (DATE8, "20261331"),
        (DATE8, "2026-3-1"),
        (TIME, "9:30"),
        (TIME, "2560"),
        (NAMED["sscc"], "123"),
        (NAMED["sscc"], "376104250021234568"),
        (date_pattern("%d.%m.%Y"), "1/2/2026"),
    ],
)
def test_what_a_format_cannot_read_it_refuses(pair: Format, text: str) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        pair.read(text)


def test_what_would_not_come_back_is_not_written() -> None:
    with pytest.raises(ValueError, match="more than 2 decimals"):
        IMPLIED[2].write(Decimal("1.005"))
    with pytest.raises(ValueError, match="cannot spell"):
        date_pattern("%d.%m.%y").write(dt.date(1926, 3, 1))
    with pytest.raises(ValueError, match="hundredths"):
        TIME.write(dt.time(1, 2, 3, 4))


def test_a_code_table_writes_the_first_code_and_reads_all() -> None:
    table = code_table("unit", {"each": "EA PC", "case": "CA", "*": "keep"})
    assert [table.read(code) for code in ("EA", "PC", "CA", "ZZ")] == ["each", "each", "case", "ZZ"]
    assert [table.write(word) for word in ("each", "case", "ZZ")] == ["EA", "CA", "ZZ"]


def test_a_code_table_refuses_what_would_come_back_as_something_else() -> None:
    table = code_table("unit", {"each": "EA", "*": "keep"})
    for refused in (lambda: table.read("each"), lambda: table.write("EA")):
        with pytest.raises(ValueError, match="code table unit"):
            refused()
    closed = code_table("unit", {"each": "EA"})
    for refused in (lambda: closed.read("ZZ"), lambda: closed.write("dozen")):
        with pytest.raises(ValueError, match="is not in code table unit"):
            refused()


@pytest.mark.parametrize("rows", [{"each": "EA", "piece": "EA"}, {"each": ""}, {"*": "guess"}])
def test_a_table_that_is_not_one_to_one_is_no_table(rows: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"both|no code|only keep"):
        code_table("unit", rows)
