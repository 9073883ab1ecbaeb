from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from gateway.partners.values import DocumentName, TradingId, parse_duration, write_duration


@given(st.integers(min_value=0, max_value=10**9))
def test_a_duration_we_write_is_read_back_equal(seconds: int) -> None:
    assert parse_duration(write_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "4", "h", "4 h", "-1h", "1.5h", "4hours", "h4"])
def test_no_duration(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        parse_duration(text)


@pytest.mark.parametrize("text", ["ZZ:ACME", "01:123456789", "12:555 0100", "ZZ:A:B"])
def test_a_trading_id_is_written_as_it_is_read(text: str) -> None:
    assert str(TradingId.parse(text)) == text


@pytest.mark.parametrize("text", ["ACME", "Z:ACME", "ZZZ:ACME", "ZZ:", "ZZ: ", "ZZ:1234567890123456"])
def test_no_trading_id(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        TradingId.parse(text)


@pytest.mark.parametrize("text", ["x12/004010/850", "csv/shipment", "edifact/D96A/ORDERS", "json/order"])
def test_a_document_name_is_written_as_it_is_read(text: str) -> None:
    assert str(DocumentName.parse(text)) == text


@pytest.mark.parametrize("text", ["850", "x12/850", "csv/a/b", "x12//850", "pdf/order", ""])
def test_no_document_name(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        DocumentName.parse(text)
