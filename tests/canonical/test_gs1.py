"""SSCCs: the shape GS1 gives them, and that no two are the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.canonical.gs1 import SerialsExhausted, check_digit, sscc


@pytest.mark.parametrize(
    ("prefix", "n", "number"),
    [("0614141", 1, "006141410000000012"), ("0614141", 1234567890, "106141412345678908")],
)
def test_the_numbers_of_a_prefix(prefix: str, n: int, number: str) -> None:
    assert sscc(prefix, n) == number


def test_the_check_digit_of_gs1s_own_example() -> None:
    assert check_digit("37610425002123456") == "9"


@given(st.from_regex(r"\A[0-9]{7,10}\Z"), st.integers(1, 10**8), st.integers(1, 10**8))
def test_two_counts_are_two_numbers_and_each_can_be_checked(prefix: str, one: int, other: int) -> None:
    first, second = sscc(prefix, one % 9999999 + 1), sscc(prefix, other % 9999999 + 1)
    assert (first == second) == (one % 9999999 == other % 9999999)
    assert len(first) == 18
    assert first[1 : 1 + len(prefix)] == prefix
    assert check_digit(first[:17]) == first[17]


def test_the_last_number_is_given_out_and_none_after_it() -> None:
    assert sscc("0614141234", 10**7 - 1).startswith("90614141234999999")
    with pytest.raises(SerialsExhausted, match="has 9999999 numbers"):
        sscc("0614141234", 10**7)
