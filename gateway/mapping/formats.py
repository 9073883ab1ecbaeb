"""Formats and code tables: pairs of functions, text <-> value, that undo one another.

`expression` is the source text the compiled map uses; {f} stands for the function, {v} for the value, so that the plain
cases cost no call. `domain` says what values a generated document may draw; a format without one cannot be proven.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from gateway.canonical.gs1 import check_digit


@dataclass(frozen=True, slots=True, eq=False)
class Format:
    """One pair. Both raise ValueError or ArithmeticError for what they cannot carry."""

    name: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    type: type
    domain: str
    read_expression: str = "{f}({v})"
    write_expression: str = "{f}({v})"
    table: Mapping[str, str] = field(default_factory=dict)  # a code table's: our word -> the code that is written
    codes: Mapping[str, str] = field(default_factory=dict)  # a code table's: their code -> our word
    keeps: bool = True  # a code table passes on what it does not name


def read_decimal(text: str) -> Decimal:
    """Digits, a sign, a point: no exponents, no infinities, nothing else Python would take."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("is not a number") from None
    if not number.is_finite() or "E" in text or "e" in text or "_" in text:
        raise ValueError("is not a plain number")
    return number


def _read_comma(text: str) -> Decimal:
    return read_decimal(text.replace(".", "").replace(",", "."))


def _read_thousands(text: str) -> Decimal:
    return read_decimal(text.replace(",", ""))


def _write_comma(number: Decimal) -> str:
    return format(number, "f").replace(".", ",")


def _read_date8(text: str) -> date:
    if len(text) == 8 and text.isdigit():
        with suppress(ValueError):
            return date.fromisoformat(text)
    raise ValueError("is not a date CCYYMMDD")


def _write_date8(value: date) -> str:
    return value.isoformat().replace("-", "")


def _read_time(text: str) -> time:
    if not text.isdigit() or len(text) not in (4, 6, 7, 8):
        raise ValueError("is not a time HHMM or HHMMSS")
    fraction = text[6:].ljust(2, "0") if len(text) > 6 else ""
    try:
        return time(int(text[:2]), int(text[2:4]), int(text[4:6] or 0), int(fraction or 0) * 10_000)
    except ValueError:
        raise ValueError("is no time of day") from None


def _read_iso_date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a date, e.g. 2026-12-25") from None


def _read_iso_time(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a time, e.g. 16:30:00") from None


def _write_time(value: time) -> str:
    if value.microsecond % 10_000:
        raise ValueError("has more than hundredths of a second")
    if value.microsecond:
        return value.strftime("%H%M%S") + f"{value.microsecond // 10_000:02d}"
    return value.strftime("%H%M%S") if value.second else value.strftime("%H%M")


def _write_iso_time(value: time) -> str:
    return value.isoformat()


def implied(places: int) -> Format:
    """X12's Nn: the decimal point is not sent."""

    def read(text: str) -> Decimal:
        if not text.removeprefix("-").isdigit():
            raise ValueError(f"is not an N{places} number")
        return Decimal(text).scaleb(-places)

    def write(number: Decimal) -> str:
        scaled = number.scaleb(places)
        if scaled != scaled.to_integral_value():
            raise ValueError(f"has more than {places} decimals")
        return str(int(scaled))

    return Format(f"N{places}", read, write, Decimal, f"N{places}")


def date_pattern(pattern: str) -> Format:
    """A date as strptime spells it, for files that come from spreadsheets."""

    def read(text: str) -> date:
        try:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a calendar date has no zone
        except ValueError:
            raise ValueError(f"is not a date, e.g. {date(2026, 12, 25).strftime(pattern)}") from None

    def write(value: date) -> str:
        text = value.strftime(pattern)
        if read(text) != value:
            raise ValueError(f"{pattern} cannot spell it")
        return text

    return Format(f"date {pattern}", read, write, date, "date")


def read_sscc(text: str) -> str:
    """GS1's serial shipping container code: 18 digits, with or without (00) before them; the last is a check digit."""
    digits = text[2:] if len(text) == 20 and text.startswith("00") else text
    if len(digits) != 18 or not digits.isdigit():
        raise ValueError("is not an SSCC of 18 digits")
    if check_digit(digits[:17]) != digits[17]:
        raise ValueError("has a wrong SSCC check digit")
    return digits


def _text(value: str) -> str:
    return value


TEXT = Format("text", _text, _text, str, "text", "{v}", "{v}")
DECIMAL = Format("decimal", read_decimal, lambda d: format(d, "f"), Decimal, "decimal", "{f}({v})", "format({v}, 'f')")
DATE8 = Format("date8", _read_date8, _write_date8, date, "date", "{f}({v})", "{v}.isoformat().replace('-', '')")
TIME = Format("time", _read_time, _write_time, time, "time")
ISO_DATE = Format("iso", _read_iso_date, date.isoformat, date, "date", "{f}({v})", "{v}.isoformat()")
ISO_TIME = Format("isotime", _read_iso_time, _write_iso_time, time, "time")
IMPLIED = {places: implied(places) for places in range(10)}

# What a map may name after "|". The first table takes no argument, the second takes the rest of the words.
NAMED: dict[str, Format] = {
    "comma": Format("comma", _read_comma, _write_comma, Decimal, "decimal"),
    "date8": DATE8,
    "iso": ISO_DATE,
    "isotime": ISO_TIME,
    "thousands": Format("thousands", _read_thousands, lambda number: format(number, "f"), Decimal, "decimal"),
    "sscc": Format("sscc", read_sscc, lambda digits: "00" + read_sscc(digits), str, "sscc"),
    "time": TIME,
    **{f"N{places}": pair for places, pair in IMPLIED.items()},
}
MADE: dict[str, Callable[[str], Format]] = {"date": date_pattern}


class NotInTable(ValueError):
    """A code or word no row names; `value` is that code, whatever else stood beside it."""

    def __init__(self, value: str, text: str) -> None:
        super().__init__(text)
        self.value = value


def code_table(name: str, rows: Mapping[str, str]) -> Format:
    """Our word: CODE, or CODE OLD OLDER (the first is written, all are read); "*": keep passes others through."""
    keeps = rows.get("*") == "keep"
    table: dict[str, str] = {}
    codes: dict[str, str] = {}
    for ours, theirs in rows.items():
        if ours == "*":
            if not keeps:
                raise ValueError(f"* says {theirs!r}, and only keep is known")
            continue
        spellings = theirs.split()
        if not spellings:
            raise ValueError(f"{ours} has no code")
        for code in spellings:
            if code in codes:
                raise ValueError(f"{code} is both {codes[code]} and {ours}")
            codes[code] = ours
        table[ours] = spellings[0]

    def read(text: str) -> str:
        word = codes.get(text)
        if word is not None:
            return word
        if not keeps:
            raise NotInTable(text, f"is not in code table {name}")
        if text in table:
            raise ValueError(f"is not in code table {name}, and is our word for {table[text]}")
        return text

    def write(word: str) -> str:
        code = table.get(word)
        if code is not None:
            return code
        if not keeps:
            raise NotInTable(word, f"is not in code table {name}")
        if word in codes:
            raise ValueError(f"is their code for {codes[word]} in code table {name}, not a word of ours")
        return word

    return Format(name, read, write, str, "codes", table=table, codes=codes, keeps=keeps)


def by_type(wanted: type) -> Format | None:
    """The format of a value where the document has no types of its own (CSV, XML)."""
    return {str: TEXT, Decimal: DECIMAL, date: ISO_DATE, time: ISO_TIME}.get(wanted)
