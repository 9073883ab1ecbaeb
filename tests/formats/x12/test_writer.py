from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.formats.x12.frames import GroupOpened, InterchangeClosed, InterchangeOpened, SetFramed
from gateway.formats.x12.framing import Reader
from gateway.formats.x12.separators import Separators
from gateway.formats.x12.writer import (
    GroupHeader,
    InterchangeHeader,
    UnwritableValue,
    enclose,
    write_group,
    write_interchange,
    write_set,
)

WHEN = datetime(2026, 1, 15, 9, 30)  # noqa: DTZ001 - X12 writes local time without a zone
SEPARATORS = st.sampled_from(
    [
        Separators("*", None, ">", "~"),
        Separators("|", "^", ":", "\n"),
        Separators("+", "!", "<", "'", "\r\n"),
        Separators("\x1d", None, "\x1f", "\x1c"),
    ]
)
VALUE = st.text("ABCXYZ0123456789 .-/&()#é", min_size=1, max_size=12).map(str.strip).filter(bool)
ROW = st.tuples(st.sampled_from(["BEG", "N1", "PO1"]), st.lists(VALUE | st.just(""), max_size=5), VALUE).map(
    lambda made: [made[0], *made[1], made[2]]
)


def header(separators: Separators, number: int = 7) -> InterchangeHeader:
    version = "00501" if separators.repetition else "00401"
    return InterchangeHeader("ZZ", "NORTHWIND", "12", "5551234567", WHEN, number, version)


@given(st.lists(ROW, min_size=1, max_size=6), st.integers(1, 3), SEPARATORS)
def test_what_we_write_we_read_back_equal(rows: list[list[str]], sets: int, separators: Separators) -> None:
    whole = [enclose(rows, "850", f"{n:04d}") for n in range(1, sets + 1)]
    group = GroupHeader("PO", "NORTHWIND", "ACME", WHEN, 3, "004010")
    written = write_group(group, [write_set(one, separators) for one in whole], separators)
    data = write_interchange(header(separators), [written, written], separators, encoding="utf-8")
    found = list(Reader([data]))
    assert [frame.rows for frame in found if isinstance(frame, SetFramed)] == whole * 2
    opened = found[0]
    assert isinstance(opened, InterchangeOpened)
    assert opened.separators == separators
    assert opened.findings == ()
    assert opened.isa[6].strip() == "NORTHWIND"
    assert next(frame.gs for frame in found if isinstance(frame, GroupOpened)) == group.row()
    closed = found[-1]
    assert isinstance(closed, InterchangeClosed)
    assert (closed.counted, closed.findings) == (2, ())


@pytest.mark.parametrize("value", ["A*B", "A~B", "A\nB"])
def test_a_value_that_would_break_the_document_is_refused(value: str) -> None:
    with pytest.raises(UnwritableValue):
        write_set([["N1", "BY", value]], Separators("*", None, ">", "~"))


def test_letters_the_encoding_has_not_are_refused() -> None:
    separators = Separators("*", None, ">", "~")
    with pytest.raises(UnwritableValue, match="É"):
        write_interchange(header(separators), [write_set([["N1", "BY", "CAFÉ"]], separators)], separators)


def test_an_id_longer_than_its_field_is_refused() -> None:
    with pytest.raises(UnwritableValue):
        InterchangeHeader("ZZ", "A" * 16, "12", "B", WHEN, 1).row(Separators("*", None, ">", "~"))


def test_trailing_empty_elements_are_left_out() -> None:
    assert write_set([["N1", "BY", "", ""]], Separators("*", None, ">", "~")) == "N1*BY~"
