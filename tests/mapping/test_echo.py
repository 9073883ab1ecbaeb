"""An answer repeats what the order said, where the answer says nothing itself."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from mapping.charts import FILES, LIBRARY, PARTNER, changed, read, rows_of

from gateway.canonical import (
    Invoice,
    InvoiceLine,
    LineOutcome,
    Order,
    OrderResponse,
    OrderResponseLine,
    Package,
    Quantity,
    Reference,
    Shipment,
    ShippedItem,
    ShippedOrder,
)
from gateway.mapping import Library, MapFaults

ORDER = read(
    LIBRARY.map("harbor-pine-850-order"),
    rows_of("""
    BEG*00*SA*HP-1**20260301
    REF*19*0388
    REF*IA*0042117
    REF*CO*9000417
    N1*BY*HARBOR & PINE*92*HO
    N1*ST*STORE 12*92*0012
    PO1*1*10*IP*141**UP*061234500001*IN*77120
    PID*F****WOOL THROW
    PO1*2*5*EA*8**UP*061234500018
    """),
)


def response(*lines: OrderResponseLine) -> OrderResponse:
    return OrderResponse(purpose="original", response="accepted", order_number="HP-1", lines=list(lines))


def test_references_parties_and_line_ids_come_back() -> None:
    answer = response(OrderResponseLine(line_number="1"))
    rows = LIBRARY.map("x12-855-order-response").write(answer, partner=PARTNER, answers=[ORDER])
    assert ["REF", "DP", "0388"] in rows
    assert ["REF", "IA", "0042117"] in rows
    assert ["REF", "CO", "9000417"] in rows
    assert ["N1", "ST", "STORE 12", "92", "0012"] in rows
    (line,) = [row for row in rows if row[0] == "PO1"]
    assert line[6:] == ["UP", "061234500001", "IN", "77120"]
    assert ["PID", "F", "", "", "", "WOOL THROW"] in rows


def test_what_the_answer_says_itself_stays() -> None:
    answer = response(OrderResponseLine(line_number="1", description="THROW", unit_price=Decimal(140)))
    answer = answer.model_copy(update={"references": [Reference(type="CO", value="other")]})
    chart = LIBRARY.map("x12-855-order-response")
    rows = chart.write(answer, answers=[ORDER])
    assert ["REF", "CO", "other"] in rows
    assert ["REF", "CO", "9000417"] not in rows
    assert ["PID", "F", "", "", "", "THROW"] in rows


def test_without_an_order_nothing_is_echoed() -> None:
    rows = LIBRARY.map("x12-855-order-response").write(response())
    assert [row[0] for row in rows] == ["BAK", "CTT"]


def test_lines_are_matched_by_an_identifier_where_they_have_no_number() -> None:
    answer = response(OrderResponseLine(identifiers={"upc": "061234500001"}))
    rows = LIBRARY.map("x12-855-order-response").write(answer, answers=[ORDER])
    (line,) = [row for row in rows if row[0] == "PO1"]
    assert line[1] == "1"
    assert "77120" in line


def test_a_line_of_no_order_stays_as_it_is() -> None:
    answer = response(OrderResponseLine(line_number="9", identifiers={"upc": "0"}))
    rows = LIBRARY.map("x12-855-order-response").write(answer, answers=[ORDER])
    assert [row for row in rows if row[0] == "PO1"] == [["PO1", "9", "", "", "", "", "UP", "0"]]


def test_quantities_are_answered_in_the_unit_they_were_ordered_in() -> None:
    """Harbor & Pine orders inner packs; our systems count pieces; the answer says inner packs again."""
    text = "map: hp-855\nextends: x12-855-order-response\nconvert: {inner-pack: 6 each}\n"
    text += 'codes: {unit: {each: EA, inner-pack: IP, "*": keep}}\n'
    chart = Library(FILES | {"hp-855.yaml": text}).map("hp-855")
    sixty, even, odd = (Quantity(value=Decimal(n), unit="each") for n in (60, 48, 50))
    outcomes = [LineOutcome(status="accepted", quantity=even), LineOutcome(status="backordered", quantity=odd)]
    answer = response(OrderResponseLine(line_number="1", quantity=sixty, outcomes=outcomes))
    rows = chart.write(answer, answers=[ORDER])
    assert next(row for row in rows if row[0] == "PO1")[2:4] == ["10", "IP"]
    assert [row[:4] for row in rows if row[0] == "ACK"] == [["ACK", "IA", "8", "IP"], ["ACK", "IB", "50", "EA"]]


def test_a_shipment_of_two_orders_echoes_each_in_its_own_part() -> None:
    assert isinstance(ORDER, Order)
    other = ORDER.model_copy(update={"order_number": "HP-2", "order_date": dt.date(2026, 3, 9), "references": []})
    item = ShippedItem(line_number="1", quantity=Quantity(value=Decimal(6), unit="each"))
    shipment = Shipment(
        shipment_number="S1",
        orders=[
            ShippedOrder(order_number="HP-1", packages=[Package(items=[item])]),
            ShippedOrder(order_number="HP-2", items=[ShippedItem(line_number="2")]),
        ],
    )
    rows = LIBRARY.map("x12-856-shipment").write(shipment, answers=[ORDER, other])
    assert [row[4] for row in rows if row[0] == "PRF"] == ["20260301", "20260309"]
    assert [row[2:4] for row in rows if row[0] == "LIN"] == [["UP", "061234500001"], ["UP", "061234500018"]]
    assert len([row for row in rows if row == ["REF", "CO", "9000417"]]) == 1


def test_an_invoice_echoes_too() -> None:
    invoice = Invoice(
        invoice_number="I1", invoice_date=dt.date(2026, 3, 2), total=Decimal(1), lines=[InvoiceLine(line_number="2")]
    )
    rows = LIBRARY.map("x12-810-invoice").write(invoice, answers=[ORDER])
    assert ["IT1", "2", "", "", "8", "", "UP", "061234500018"] in rows


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("buyerr: buyer", "OrderResponse has no field buyerr"),
        ("buyer: supplierr", "Order has no field supplierr"),
        ("buyer: order_date", "is something else"),
        ("buyer by line_number: buyer", "only lists have items to match"),
        ("lines by nix: lines", "has no field nix"),
        ("buyer:", "names no field of the order"),
        ("response.more: buyer", "holds no fields"),
    ],
)
def test_an_echo_of_nothing_is_a_fault(line: str, said: str) -> None:
    with pytest.raises(MapFaults, match=said):
        Library(changed("x12-855-order-response.yaml", "  buyer: buyer\n", f"  {line}\n")).map("x12-855-order-response")
