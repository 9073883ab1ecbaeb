"""Answers made from an order and what an internal system said."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from gateway.canonical import Invoice, Measure, Order, OrderLine, OrderResponse, Quantity, Shipment
from gateway.flows.answers import FactIncomplete, compose

NOW = dt.datetime(2026, 11, 20, 9, 30, tzinfo=dt.UTC)
ORDER = Order(
    purpose="original",
    order_number="HP-1",
    department="12",
    lines=[
        OrderLine(
            line_number="1",
            quantity=Quantity(value=Decimal(24), unit="each"),
            unit_price=Decimal("23.95"),
            identifiers={"upc": "012345678905"},
        ),
        OrderLine(line_number="2", quantity=Quantity(value=Decimal(6), unit="case"), unit_price=Decimal("10.333")),
    ],
)


def test_an_acceptance_without_lines_accepts_all() -> None:
    answer = compose("order-response", ORDER, {"decision": "accept"}, NOW)
    assert isinstance(answer, OrderResponse)
    assert answer.response == "accepted"
    assert [(line.line_number, line.outcomes[0].status) for line in answer.lines] == [
        ("1", "accepted"),
        ("2", "accepted"),
    ]


def test_what_is_not_promised_is_backordered() -> None:
    answer = compose("order-response", ORDER, {"decision": "accept", "lines": {"1": "18", "2": "6"}}, NOW)
    assert isinstance(answer, OrderResponse)
    assert answer.response == "accepted-with-changes"
    parts = [(part.status, part.quantity and part.quantity.value) for part in answer.lines[0].outcomes]
    assert parts == [("accepted", 18), ("backordered", 6)]


def test_a_rejection_rejects_every_line() -> None:
    answer = compose("order-response", ORDER, {"decision": "reject"}, NOW)
    assert isinstance(answer, OrderResponse)
    assert {outcome.status for line in answer.lines for outcome in line.outcomes} == {"rejected"}


def test_a_part_shipment_names_what_was_ordered_beside_what_left() -> None:
    notice = compose("shipment", ORDER, {"number": "SH1", "lines": {"1": "18"}, "scac": "RDWY"}, NOW)
    assert isinstance(notice, Shipment)
    (item,) = notice.orders[0].items
    assert item.quantity == Quantity(value=Decimal(18), unit="each")
    assert item.ordered == Quantity(value=Decimal(24), unit="each")
    assert notice.carrier is not None
    assert notice.carrier.scac == "RDWY"


def test_an_invoice_is_the_sum_of_its_lines_in_cents() -> None:
    invoice = compose("invoice", ORDER, {"number": "INV1"}, NOW)
    assert isinstance(invoice, Invoice)
    assert invoice.total == Decimal("636.80")  # 24 x 23.95 + 6 x 10.333


def test_a_whole_document_is_used_as_it_stands() -> None:
    document = {"shipment_number": "SH9"}
    assert compose("shipment", ORDER, {"document": document}, NOW) == Shipment(shipment_number="SH9")


def test_a_line_the_order_does_not_have_is_named() -> None:
    with pytest.raises(FactIncomplete, match="HP-1 has no line 7"):
        compose("shipment", ORDER, {"number": "SH1", "lines": {"7": "1"}}, NOW)


def test_a_shipment_without_a_number_is_refused() -> None:
    with pytest.raises(FactIncomplete, match="no number"):
        compose("shipment", ORDER, {"lines": {"1": "1"}}, NOW)


def test_a_price_stays_per_the_unit_the_partner_ordered_in() -> None:
    """Four inner packs of six at 12.00 a pack: three packs shipped are 18 pieces and 36.00."""
    quantity = Quantity(value=Decimal(24), unit="each", sent=Measure(value=Decimal(4), unit="inner-pack"))
    line = OrderLine(line_number="1", quantity=quantity, unit_price=Decimal(12))
    order = ORDER.model_copy(update={"lines": [line]})
    invoice = compose("invoice", order, {"number": "INV1", "lines": {"1": "18"}}, NOW)
    assert isinstance(invoice, Invoice)
    assert invoice.total == Decimal("36.00")


def test_a_ship_notice_says_the_time_it_was_made() -> None:
    notice = compose("shipment", ORDER, {"number": "SH1"}, NOW)
    assert isinstance(notice, Shipment)
    assert notice.created is not None
    assert notice.created.time == dt.time(9, 30)
