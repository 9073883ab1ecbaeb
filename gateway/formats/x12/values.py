"""Is a value of its type? The tests that generated checks call when a comparison is not enough.

Dates, times and small numbers repeat endlessly, so values found good are remembered in bounded sets that generated code
asks first; a set lookup costs a fifth of a pattern match.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

REMEMBERED = 40_000  # values a set may hold: all dates of a century, or some 3 MB of short strings

_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_TIME = re.compile(r"(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9](?:[0-9][0-9]?)?)?")
_WHOLE = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_CONTROLS = bytes([*range(32), 127])
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

GOOD_DATES: set[str] = set()
GOOD_TIMES: set[str] = set()
SMALL_NUMBERS = frozenset(str(n) for n in range(10_000))  # good for any number of one to at least four digits


def is_date(value: str) -> bool:
    """CCYYMMDD or YYMMDD, a day that exists."""
    if len(value) not in (6, 8) or not (value.isascii() and value.isdecimal()):
        return False
    month, day = int(value[-4:-2]), int(value[-2:])
    if not (1 <= month <= 12 and 1 <= day <= _MONTH_DAYS[month - 1]):
        return False
    if month == 2 and day == 29:
        year = int(value[:-4])  # of two digits: 00 was a leap year in 2000
        if year % 4 or (len(value) == 8 and year % 100 == 0 and year % 400):
            return False
    if len(GOOD_DATES) < REMEMBERED:
        GOOD_DATES.add(value)
    return True


def is_time(value: str) -> bool:
    """HHMM, HHMMSS, HHMMSSD or HHMMSSDD."""
    if _TIME.fullmatch(value) is None:
        return False
    if len(GOOD_TIMES) < REMEMBERED:
        GOOD_TIMES.add(value)
    return True


def is_whole(value: str) -> bool:
    """Digits with at most a leading minus: N0 to N9, whose decimal point is implied."""
    return _WHOLE.fullmatch(value) is not None


def is_decimal(value: str) -> bool:
    """Digits with at most a leading minus and one point."""
    return _DECIMAL.fullmatch(value) is not None


def digits(value: str) -> int:
    """The length of a number as the standard counts it: without sign and point."""
    return len(value) - value.count("-") - value.count(".")


@cache
def wholes(low: int, high: int) -> Callable[[str], object]:
    """A test for whole numbers of a length."""
    return re.compile(f"-?[0-9]{{{low},{high}}}").fullmatch


@cache
def decimals(low: int, high: int) -> Callable[[str], object]:
    """A test for decimals of a length; sign and point do not count."""
    return re.compile(f"-?(?:[0-9]{{{low},{high}}}|(?=[0-9.]{{{low + 1},{high + 1}}}\\Z)[0-9]*\\.[0-9]*)").fullmatch


def has_control(text: str, *separators: str | None) -> bool:
    """Control characters that are no separators."""
    if text.isascii():
        data = text.encode()
        if len(data.translate(None, _CONTROLS)) == len(data):
            return False
    return bool(set(_CONTROL.findall(text)) - set(separators))
