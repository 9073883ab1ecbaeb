"""Every rule a document keeps before it goes out: what it lets pass and what it finds."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from gateway.canonical import (
    Carrier,
    Document,
    Invoice,
    InvoiceLine,
    Measure,
    Moment,
    Order,
    OrderLine,
    Package,
    Quantity,
    Reference,
    Shipment,
    ShippedItem,
    ShippedOrder,
)
from gateway.flows.before_sending import RULES, Sending, breaches

NOW = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)
GOOD = "106141410000000019"


def each(number: int, unit: str = "each") -> Quantity:
    return Quantity(value=Decimal(number), unit=unit)


def line(number: str, quantity: Quantity, price: str = "4.25") -> OrderLine:
    return OrderLine(
        line_number=number, quantity=quantity, unit_price=Decimal(price), identifiers={"sku": f"ART-{number}"}
    )


ORDER = Order(
    purpose="original",
    order_number="PO-1",
    lines=[
        line("1", each(24)),
        line("2", Quantity(value=Decimal(60), unit="each", sent=Measure(value=Decimal(10), unit="pack"))),
    ],
)


def shipment(*items: ShippedItem, sscc: str = GOOD, **more: Any) -> Shipment:
    package = Package(sscc=sscc, items=list(items))
    return Shipment(shipment_number="S-1", orders=[ShippedOrder(order_number="PO-1", packages=[package])], **more)


def item(number: str | None, quantity: Quantity, **identifiers: str) -> ShippedItem:
    return ShippedItem(line_number=number, quantity=quantity, identifiers=identifiers)


def invoice(price: str) -> Invoice:
    billed = InvoiceLine(line_number="1", quantity=each(24), unit_price=Decimal(price))
    return Invoice(invoice_number="I-1", invoice_date=NOW.date(), lines=[billed], total=Decimal(1))


def found(rule: str, document: Document, *before: Document, **more: Any) -> list[str]:
    return [one.text for one in breaches([rule], Sending(document, ORDER, before, NOW, **more))]


Case = tuple[str, Document, list[Document], dict[str, Any], str | None]

CASES: dict[str, Case] = {
    "arrives tomorrow": (
        "asn_before_arrival",
        shipment(delivery=Moment(date=dt.date(2026, 11, 22))),
        [],
        {},
        None,
    ),
    "arrives today, nobody says when": (
        "asn_before_arrival",
        shipment(delivery=Moment(date=dt.date(2026, 11, 21))),
        [],
        {},
        None,
    ),
    "arrived an hour ago": (
        "asn_before_arrival",
        shipment(delivery=Moment(date=dt.date(2026, 11, 21), time=dt.time(11))),
        [],
        {},
        "the goods arrive 2026-11-21 11:00, before this ship notice",
    ),
    "good label": ("sscc_check_digit", shipment(), [], {}, None),
    "mistyped label": (
        "sscc_check_digit",
        shipment(sscc="106141410000000018"),
        [],
        {},
        "the check digit of SSCC 106141410000000018 is 8, and must be 9",
    ),
    "short label": ("sscc_check_digit", shipment(sscc="1061414"), [], {}, "SSCC 1061414 has not 18 digits"),
    "on the order by number": ("lines_on_order", shipment(item("1", each(1))), [], {}, None),
    "on the order by article": ("lines_on_order", shipment(item(None, each(1), sku="ART-2")), [], {}, None),
    "not on the order": ("lines_on_order", shipment(item("7", each(1))), [], {}, "line 7 is not on the order"),
    "as many as ordered": ("quantities_within_order", shipment(item("1", each(24))), [], {}, None),
    "as many, in their unit": ("quantities_within_order", shipment(item("2", each(10, "pack"))), [], {}, None),
    "too many": (
        "quantities_within_order",
        shipment(item("1", each(25))),
        [],
        {},
        "of line 1 (ART-1) 25 are sent, 24 were ordered",
    ),
    "too many with those before": (
        "quantities_within_order",
        shipment(item("1", each(20))),
        [shipment(item("1", each(5)))],
        {},
        "of line 1 (ART-1) 25 are sent with what was told before, 24 were ordered",
    ),
    "too many, in their unit": (
        "quantities_within_order",
        shipment(item("2", each(11, "pack"))),
        [],
        {},
        "of line 2 (ART-2) 66 are sent, 60 were ordered",
    ),
    "the price agreed": ("prices_as_ordered", invoice("4.25"), [], {}, None),
    "another price": (
        "prices_as_ordered",
        invoice("4.50"),
        [],
        {},
        "line 1 is billed at 4.50, and was ordered at 4.25",
    ),
    "a unit they take": ("allowed_units", shipment(item("1", each(1))), [], {"units": ("each",)}, None),
    "a unit they do not": (
        "allowed_units",
        shipment(item("1", each(1, "pallet"))),
        [],
        {"units": ("each", "case")},
        "line 1 is in pallet, and they take each, case",
    ),
    "everything named": (
        "required_values",
        shipment(bill_of_lading="B-1", carrier=Carrier(scac="BRLQ"), references=[Reference(type="DP", value="31")]),
        [],
        {"required": ("bill_of_lading", "carrier.scac", "reference DP")},
        None,
    ),
    "no bill of lading": (
        "required_values",
        shipment(),
        [],
        {"required": ("bill_of_lading",)},
        "it names no bill of lading",
    ),
    "no department": (
        "required_values",
        shipment(references=[Reference(type="IA", value="1")]),
        [],
        {"required": ("reference DP",)},
        "it names no reference DP",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_rule_finds_its_breach_and_nothing_else(case: str) -> None:
    rule, document, before, more, said = CASES[case]
    assert found(rule, document, *before, **more) == ([] if said is None else [said])


def test_every_rule_has_a_case_each_way() -> None:
    for rule in RULES:
        assert {said is None for one, *_, said in CASES.values() if one == rule} == {True, False}, rule


def test_a_document_that_answers_no_order_is_not_compared() -> None:
    rules = ["lines_on_order", "quantities_within_order", "prices_as_ordered"]
    assert breaches(rules, Sending(invoice("9"), None, (), NOW)) == []
