"""The 940 we send as depositor and the 945 we send as warehouse, in canonical form."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from gateway.canonical import Order, OrderLine, Quantity, WarehouseOrder, WarehouseShippingAdvice
from gateway.flows import advice
from gateway.flows.answers import compose

NOW = dt.datetime(2026, 11, 20, 9, 30, tzinfo=dt.UTC)
ORDER = Order(
    purpose="original",
    order_number="HP-1",
    lines=[
        OrderLine(
            line_number=number,
            quantity=Quantity(value=Decimal(quantity), unit="each"),
            identifiers={"supplier_item": item},
        )
        for number, quantity, item in (("1", 24, "MUG"), ("2", 6, "TRAY"))
    ],
)


def released(**more: Any) -> WarehouseOrder:
    fact = {"number": "WO-1", "purpose": "original", "lines": {"1": "24", "2": "6"}, "parties": {}, **more}
    made = compose("warehouse-order", ORDER, fact, NOW)
    assert isinstance(made, WarehouseOrder)
    return made


def advised(**fact: Any) -> WarehouseShippingAdvice:
    made = compose("warehouse-shipping-advice", released(), {"number": "S1", **fact}, NOW)
    assert isinstance(made, WarehouseShippingAdvice)
    return made


def words(made: WarehouseShippingAdvice) -> list[tuple[str | None, str | None, str, str]]:
    return [(line.line_number, line.status, str(line.shipped), str(line.short or 0)) for line, _ in made.all_lines()]


def test_a_release_of_some_lines_orders_those() -> None:
    made = released(lines={"2": "4"})
    assert [(line.line_number, line.ordered and line.ordered.value) for line in made.lines] == [("2", 4)]
    assert made.total_quantity == 4


def test_what_follows_is_partial_and_what_does_not_is_short() -> None:
    packages = [{"lines": {"1": "18"}}]
    fact = {"lines": {"1": "18"}, "packages": packages, "left": {"1": "6", "2": "6"}}
    assert words(advised(**fact, complete="false")) == [("1", "partial", "18", "6")]
    assert words(advised(**fact, complete="true")) == [("1", "short", "18", "6"), ("2", "short", "0", "6")]


def test_the_last_truck_completes_what_earlier_ones_began() -> None:
    made = advised(lines={"1": "6"}, packages=[{"lines": {"1": "6"}}], left={}, complete="true")
    assert words(made) == [("1", "complete", "6", "0")]


def test_what_we_say_as_warehouse_we_understand_as_depositor() -> None:
    """Our own 945 for our own 940 is the fact the warehouse system told."""
    packages = [{"sscc": "006123450000000012", "lines": {"1": "10"}}, {"lines": {"1": "8", "2": "6"}}]
    made = advised(lines={"1": "18", "2": "6"}, packages=packages, left={"1": "6"}, complete="true")
    identifiers, _ = advice.lines_of(ORDER.lines)
    order = {"number": "WO-1", "lines": {"1": "24", "2": "6"}, "identifiers": identifiers}
    fact = advice.placed(advice.said(made), order, "blue-ridge")
    assert (fact["lines"], fact["packages"]) == ({"1": "18", "2": "6"}, packages)
    assert fact["statuses"] == {"1": "short", "2": "complete"}
