"""The checks of ISA, GS, ST, SE, GE and IEA: numbers, counts, and values the standard lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

from gateway.formats.finding import Finding
from gateway.formats.x12.codes import Code
from gateway.formats.x12.tolerance import STANDARD, Tolerance
from gateway.formats.x12.values import GOOD_DATES, GOOD_TIMES, is_date, is_time

Row = Sequence[str]

ISA_WIDTHS = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)

# GS01 of each set (X12 element 479); sets that share a group share the code
FUNCTIONAL_IDS: dict[str, str] = {
    "180": "AN",
    "204": "SM",
    "210": "IM",
    "214": "QM",
    "810": "IN",
    "812": "CD",
    "820": "RA",
    "824": "AG",
    "830": "PS",
    "832": "SC",
    "846": "IB",
    "850": "PO",
    "852": "PD",
    "855": "PR",
    "856": "SH",
    "860": "PC",
    "862": "SS",
    "864": "TX",
    "865": "CA",
    "867": "PT",
    "875": "OG",
    "880": "GP",
    "940": "OW",
    "943": "AR",
    "944": "RE",
    "945": "SW",
    "947": "AW",
    "990": "GF",
    "997": "FA",
    "999": "FA",
}


def _at(row: Row, element: int) -> str:
    return row[element].strip() if len(row) > element else ""


_NUMBER = re.compile(r"0[0-9]").fullmatch
_QUALIFIER = re.compile(r"[0-9A-Z]{2}").fullmatch
_FUNCTIONAL_ID = re.compile(r"[A-Z0-9]{2}").fullmatch

# element, the TA105 code that names it, what it must be, and how that is said
_ISA_VALUES: tuple[tuple[int, str, Callable[[str], object], str], ...] = (
    (1, "010", _NUMBER, "00"),
    (3, "012", _NUMBER, "00"),
    (5, "005", _QUALIFIER, "ZZ"),
    (6, "006", bool, ""),
    (7, "007", _QUALIFIER, "ZZ"),
    (8, "008", bool, ""),
    (9, "014", lambda value: len(value) == 6 and is_date(value), "YYMMDD"),
    (10, "015", lambda value: len(value) == 4 and is_time(value), "HHMM"),
    (12, "017", re.compile(r"00[0-9]{3}").fullmatch, "00401"),
    (13, "018", re.compile(r"[0-9]{9}").fullmatch, "000000001"),
    (14, "019", ("0", "1").__contains__, "0 1"),
    (15, "020", ("I", "P", "T").__contains__, "I P T"),
)


def header_findings(isa: Row, tolerate: Tolerance) -> Iterable[Finding]:
    """ISA: widths and values, each with the TA105 code that names it."""
    date, time, number = isa[9], isa[10], isa[13]
    dated = date in GOOD_DATES and time in GOOD_TIMES and len(date) == 6 and len(time) == 4
    numbered = len(number) == 9 and number.isascii() and number.isdecimal()
    if dated and numbered and _is_plain((*isa[:9], "000101", "0000", *isa[11:13], "000000000", *isa[14:])):
        return ()
    return _header_findings(isa, tolerate)


@lru_cache(1024)
def _is_plain(isa: tuple[str, ...]) -> bool:
    """A sender's headers differ in date, time and number alone."""
    return not any(_header_findings(isa, STANDARD))


def _header_findings(isa: Row, tolerate: Tolerance) -> Iterator[Finding]:
    widths = ISA_WIDTHS if isa[16] else ISA_WIDTHS[:15]
    if any(len(isa[n]) != width for n, width in enumerate(widths, 1)):
        yield tolerate.finding(Code.INTERCHANGE_HEADER_NOT_PADDED, segment="ISA")
    if not isa[16]:
        yield tolerate.finding(Code.COMPONENT_SEPARATOR_MISSING, segment="ISA", element=16)
    for element, standard, fits, expected in _ISA_VALUES:
        if not fits(isa[element].strip()):
            yield tolerate.finding(
                Code.INTERCHANGE_HEADER_ELEMENT_INVALID,
                standard_code=standard,
                segment="ISA",
                element=element,
                value=_at(isa, element),
                expected=expected or None,
            )


def interchange_trailer_findings(isa: Row, iea: Row | None, groups: int, tolerate: Tolerance) -> Iterator[Finding]:
    """IEA against ISA and the groups we counted."""
    if iea is None:
        yield tolerate.finding(Code.INTERCHANGE_TRAILER_MISSING, segment="IEA")
        return
    count = _at(iea, 1)
    if not count.isdecimal() or int(count) != groups:
        yield tolerate.finding(Code.GROUP_COUNT_WRONG, segment="IEA", element=1, value=count, expected=str(groups))
    yield from _same_number(
        _at(isa, 13),
        _at(iea, 2),
        ("IEA", Code.INTERCHANGE_CONTROL_NUMBER_MISMATCH, Code.INTERCHANGE_CONTROL_NUMBER_PADDING),
        tolerate,
    )
    if len(iea) > 3 and any(iea[3:]):
        yield tolerate.finding(Code.ENVELOPE_TOO_MANY_ELEMENTS, segment="IEA", element=3, value=iea[3])


def group_header_findings(gs: Row, tolerate: Tolerance) -> Iterable[Finding]:
    """GS: values and length."""
    dated = len(gs) == 9 and gs[4] in GOOD_DATES and gs[5] in GOOD_TIMES
    numbered = dated and len(gs[6]) <= 9 and gs[6].isascii() and gs[6].isdecimal()
    if numbered and _is_plain_group((*gs[:4], "000101", "0000", "1", *gs[7:])):
        return ()
    return _group_header_findings(gs, tolerate)


@lru_cache(1024)
def _is_plain_group(gs: tuple[str, ...]) -> bool:
    return not any(_group_header_findings(gs, STANDARD))


def _group_header_findings(gs: Row, tolerate: Tolerance) -> Iterator[Finding]:
    expectations: tuple[tuple[int, bool, str], ...] = (
        (1, _FUNCTIONAL_ID(_at(gs, 1)) is not None, "PO"),
        (2, 1 <= len(_at(gs, 2)) <= 15, "1 15"),
        (3, 1 <= len(_at(gs, 3)) <= 15, "1 15"),
        (4, is_date(_at(gs, 4)), "CCYYMMDD"),
        (5, is_time(_at(gs, 5)), "HHMM"),
        (7, _at(gs, 7) in ("X", "T"), "X T"),
        (8, 1 <= len(_at(gs, 8)) <= 12, "004010"),
    )
    for element, fits, expected in expectations:
        if not fits:
            value = _at(gs, element)
            code = Code.GROUP_HEADER_ELEMENT_INVALID
            yield tolerate.finding(code, segment="GS", element=element, value=value, expected=expected)
    number = _at(gs, 6)
    if not (number.isascii() and number.isdecimal() and len(number) <= 9):
        yield tolerate.finding(Code.GROUP_CONTROL_NUMBER_INVALID, segment="GS", element=6, value=number)
    if len(gs) > 9 and any(gs[9:]):
        yield tolerate.finding(Code.ENVELOPE_TOO_MANY_ELEMENTS, segment="GS", element=9, value=gs[9])


def group_trailer_findings(gs: Row, ge: Row | None, sets: int, tolerate: Tolerance) -> Iterator[Finding]:
    """GE against GS and the sets we counted."""
    if ge is None:
        if gs:  # without a header nobody expects a trailer
            yield tolerate.finding(Code.GROUP_TRAILER_MISSING, segment="GE")
        return
    count = _at(ge, 1)
    if not count.isdecimal() or int(count) != sets:
        yield tolerate.finding(Code.SET_COUNT_WRONG, segment="GE", element=1, value=count, expected=str(sets))
    if gs:
        yield from _same_number(
            _at(gs, 6),
            _at(ge, 2),
            ("GE", Code.GROUP_CONTROL_NUMBER_MISMATCH, Code.GROUP_CONTROL_NUMBER_PADDING),
            tolerate,
        )
    if len(ge) > 3 and any(ge[3:]):
        yield tolerate.finding(Code.ENVELOPE_TOO_MANY_ELEMENTS, segment="GE", element=3, value=ge[3])


def set_findings(rows: Sequence[Row], functional_id: str, tolerate: Tolerance) -> Iterator[Finding]:
    """ST and SE: identifier, control numbers and the count of segments."""
    header, trailer = rows[0], rows[-1]
    set_id, number = _at(header, 1), _at(header, 2)
    if not (len(set_id) == 3 and set_id.isascii() and set_id.isalnum()):
        yield tolerate.finding(Code.SET_IDENTIFIER_INVALID, segment="ST", position=1, element=1, value=set_id)
    elif functional_id and FUNCTIONAL_IDS.get(set_id, functional_id) != functional_id:
        yield tolerate.finding(
            Code.FUNCTIONAL_ID_MISMATCH,
            segment="GS",
            element=1,
            value=functional_id,
            expected=FUNCTIONAL_IDS[set_id],
        )
    if not number:
        yield tolerate.finding(Code.SET_CONTROL_NUMBER_INVALID, segment="ST", position=1, element=2, value=number)
    if trailer[0].upper() != "SE":
        yield tolerate.finding(Code.SET_TRAILER_MISSING, segment="SE", position=len(rows))
        return
    count = _at(trailer, 1)
    if count != str(len(rows)) and (not count.isdecimal() or int(count) != len(rows)):
        yield tolerate.finding(
            Code.SEGMENT_COUNT_WRONG,
            segment="SE",
            position=len(rows),
            element=1,
            value=count,
            expected=str(len(rows)),
        )
    if number and _at(trailer, 2) != number:
        kind = ("SE", Code.SET_CONTROL_NUMBER_MISMATCH, Code.SET_CONTROL_NUMBER_PADDING)
        yield from _same_number(number, _at(trailer, 2), kind, tolerate, len(rows))


def _same_number(
    header: str, trailer: str, kind: tuple[str, Code, Code], tolerate: Tolerance, position: int | None = None
) -> Iterator[Finding]:
    """A trailer repeats its header's control number; some systems drop the leading zeros on the way."""
    if header == trailer:
        return
    segment, differs, padding = kind
    same_value = header.isdecimal() and trailer.isdecimal() and int(header) == int(trailer)
    yield tolerate.finding(
        padding if same_value else differs,
        segment=segment,
        position=position,
        element=2,
        value=trailer,
        expected=header,
    )
