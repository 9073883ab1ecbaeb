"""What follows from an order, made from it and from what was told of it: 855, 856, 810, and the 940 to a warehouse.

Where we are the warehouse, the order is a depositor's 940 and its answer a 945.

An internal system says as little as it knows (line numbers and quantities); everything else of an answer is what the
order said. A fact that brings a whole canonical document of its own is used as it stands.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from gateway.canonical import (
    DOCUMENTS,
    Carrier,
    Document,
    Invoice,
    InvoiceLine,
    LineOutcome,
    Measure,
    Moment,
    Order,
    OrderLine,
    OrderResponse,
    OrderResponseLine,
    Package,
    Quantity,
    Shipment,
    ShippedItem,
    ShippedOrder,
    WarehouseOrder,
)
from gateway.flows.warehouse_documents import shipping_advice, warehouse_order

Fact = Mapping[str, Any]


class FactIncomplete(ValueError):
    """The internal system's fact lacks something an answer cannot do without."""


def compose(kind: str, order: Order | WarehouseOrder, fact: Fact, now: dt.datetime) -> Document:
    """The answer of this kind.

    `fact["document"]` is used whole where it is there; otherwise the answer is made from the order and
    `fact["lines"]` (line number -> quantity, as text). `now` is our own local time: what a document is dated with.

    Raises FactIncomplete for a kind we cannot make or a fact that lacks its number.
    """
    if document := fact.get("document"):
        return DOCUMENTS[kind].model_validate(document)
    match kind, order:
        case "order-response", Order():
            return respond(order, fact, now.date())
        case "shipment", Order():
            return ship_notice(order, fact, now)
        case "invoice", Order():
            return bill(order, fact, now.date())
        case "warehouse-order", Order():
            return warehouse_order(order, fact)
        case "warehouse-shipping-advice", WarehouseOrder():
            return shipping_advice(order, fact, _number(fact, "shipment"), _date(fact, now.date()))
    raise FactIncomplete(f"a {kind} does not follow from a {order.kind}")


def respond(order: Order, fact: Fact, today: dt.date) -> OrderResponse:
    """855: every line with what happens to it; what `fact["lines"]` gives less of is backordered."""
    rejected = fact["decision"] == "reject"
    promised = None if rejected else _quantities(fact, order)
    lines = [_answer_line(line, rejected, promised) for line in order.lines]
    whole = all(outcome.status == "accepted" for line in lines for outcome in line.outcomes)
    return OrderResponse(
        purpose="original",
        response="rejected" if rejected else "accepted" if whole else "accepted-with-changes",
        order_number=order.order_number,
        order_date=order.order_date,
        release_number=order.release_number,
        response_date=today,
        currency=order.currency,
        department=order.department,
        vendor_number=order.vendor_number,
        references=order.references,
        buyer=order.buyer,
        supplier=order.supplier,
        ship_to=order.ship_to,
        lines=lines,
        ids=dict(fact.get("ids", {})),
    )


def _answer_line(line: OrderLine, rejected: bool, promised: dict[str, Decimal] | None) -> OrderResponseLine:
    return OrderResponseLine(
        line_number=line.line_number,
        quantity=line.quantity,
        unit_price=line.unit_price,
        price_basis=line.price_basis,
        identifiers=line.identifiers,
        description=line.description,
        references=line.references,
        outcomes=_outcomes(line, rejected, promised),
    )


def _outcomes(line: OrderLine, rejected: bool, promised: dict[str, Decimal] | None) -> list[LineOutcome]:
    if rejected:
        return [LineOutcome(status="rejected", quantity=line.quantity)]
    if promised is None or line.quantity is None or line.line_number is None:
        return [LineOutcome(status="accepted", quantity=line.quantity)]
    take = min(promised.get(line.line_number, Decimal(0)), line.quantity.value)
    parts = [("accepted", take), ("backordered", line.quantity.value - take)]
    unit = line.quantity.unit
    return [LineOutcome(status=word, quantity=Quantity(value=n, unit=unit)) for word, n in parts if n > 0]


def ship_notice(order: Order, fact: Fact, now: dt.datetime) -> Shipment:
    """856: the shipped lines, each with what was ordered beside it; in cartons where the fact tells them."""
    shipped = _quantities(fact, order)
    told = fact.get("packages") if isinstance(fact.get("packages"), list) else None
    cartons = [one for one in told or () if one.get("sscc") or one.get("mark")]
    packages = [
        Package(
            sscc=one.get("sscc"),
            mark=one.get("mark"),
            items=[_item(line, Decimal(one["lines"][line.line_number])) for line in _in(order, one["lines"])],
        )
        for one in cartons
    ]
    packed: dict[str, Decimal] = {}
    for one in cartons:
        for number, quantity in one["lines"].items():
            packed[number] = packed.get(number, Decimal(0)) + Decimal(quantity)
    items = []
    for line in order.lines:
        left = None if shipped is None else shipped.get(line.line_number or "", Decimal(0))
        if left is not None:
            left -= packed.get(line.line_number or "", Decimal(0))
        if left is None or left > 0:
            items.append(_item(line, left))
    return Shipment(
        purpose="original",
        shipment_number=_number(fact, "shipment"),
        created=Moment(date=now.date(), time=now.time().replace(microsecond=0)),
        structure=fact.get("structure"),
        bill_of_lading=fact.get("bill_of_lading"),
        tracking_number=fact.get("tracking_number"),
        shipped=Moment(date=_date(fact, now.date())),
        carrier=Carrier(scac=fact["scac"]) if fact.get("scac") else order.carrier,
        package_count=_decimal(fact, "package_count"),
        weight=_weight(fact),
        ship_from=order.ship_from,
        ship_to=order.ship_to,
        orders=[
            ShippedOrder(
                order_number=order.order_number,
                release_number=order.release_number,
                order_date=order.order_date,
                department=order.department,
                packages=packages,
                items=items,
            )
        ],
        ids=dict(fact.get("ids", {})),
    )


def _in(order: Order, quantities: Mapping[str, Any]) -> list[OrderLine]:
    return [line for line in order.lines if line.line_number in quantities]


def _item(line: OrderLine, quantity: Decimal | None) -> ShippedItem:
    return ShippedItem(
        line_number=line.line_number,
        identifiers=line.identifiers,
        quantity=_part(line, quantity),
        ordered=line.quantity,
        description=line.description,
    )


def bill(order: Order, fact: Fact, today: dt.date) -> Invoice:
    """810: the billed lines at the order's prices; its total is the sum of the lines unless the fact says another."""
    billed = _quantities(fact, order)
    lines = [
        InvoiceLine(
            line_number=line.line_number,
            quantity=_shipped(line, billed),
            unit_price=line.unit_price,
            price_basis=line.price_basis,
            identifiers=line.identifiers,
            description=line.description,
        )
        for line in order.lines
        if billed is None or billed.get(line.line_number or "", Decimal(0)) > 0
    ]
    total = _decimal(fact, "total")
    if total is None:
        total = sum((_amount(line) for line in lines), Decimal(0)).quantize(Decimal("0.01"))
    return Invoice(
        invoice_number=_number(fact, "invoice"),
        invoice_date=_date(fact, today),
        order_number=order.order_number,
        order_date=order.order_date,
        release_number=order.release_number,
        currency=order.currency,
        department=order.department,
        vendor_number=order.vendor_number,
        bill_of_lading=fact.get("bill_of_lading"),
        terms=order.terms,
        supplier=order.supplier,
        ship_to=order.ship_to,
        bill_to=order.bill_to,
        lines=lines,
        total=total,
        ids=dict(fact.get("ids", {})),
    )


def _quantities(fact: Fact, order: Order) -> dict[str, Decimal] | None:
    """Line number -> quantity; None where the fact names no lines, which means all of the order."""
    lines = fact.get("lines")
    if not lines:
        return None
    known = {line.line_number for line in order.lines}
    strangers = sorted(set(lines) - known, key=str)
    if strangers:
        raise FactIncomplete(f"order {order.key()} has no line {', '.join(strangers)}")
    return {number: Decimal(str(quantity)) for number, quantity in lines.items()}


def _shipped(line: OrderLine, quantities: dict[str, Decimal] | None) -> Quantity | None:
    return _part(line, None if quantities is None else quantities[line.line_number or ""])


def _part(line: OrderLine, value: Decimal | None) -> Quantity | None:
    """So much of a line; all of it where nobody says how much."""
    if value is None or line.quantity is None:
        return line.quantity
    ordered = line.quantity
    sent = None
    if ordered.sent is not None and ordered.value:
        # The map turned the partner's unit into ours; a price is still per the unit they wrote.
        sent = Measure(value=value * ordered.sent.value / ordered.value, unit=ordered.sent.unit)
    return Quantity(value=value, unit=ordered.unit, sent=sent)


def _amount(line: InvoiceLine) -> Decimal:
    return (line.unit_price or Decimal(0)) * (line.quantity.priced if line.quantity else Decimal(0))


def _number(fact: Fact, what: str) -> str:
    number = str(fact.get("number") or "").strip()
    if not number:
        raise FactIncomplete(f"the {what} has no number")
    return number


def _date(fact: Fact, today: dt.date) -> dt.date:
    return dt.date.fromisoformat(fact["date"]) if fact.get("date") else today


def _decimal(fact: Fact, name: str) -> Decimal | None:
    return None if fact.get(name) is None else Decimal(str(fact[name]))


def _weight(fact: Fact) -> Quantity | None:
    value = _decimal(fact, "weight")
    return None if value is None else Quantity(value=value, unit=fact.get("weight_unit"))
