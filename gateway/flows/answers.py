"""Our answers to an order, made from it and from what an internal system told: 855, 856 and 810 in canonical form.

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
    Quantity,
    Shipment,
    ShippedItem,
    ShippedOrder,
)

Fact = Mapping[str, Any]


class FactIncomplete(ValueError):
    """The internal system's fact lacks something an answer cannot do without."""


def compose(kind: str, order: Order, fact: Fact, now: dt.datetime) -> Document:
    """The answer of this kind.

    `fact["document"]` is used whole where it is there; otherwise the answer is made from the order and
    `fact["lines"]` (line number -> quantity, as text). `now` is our own local time: what a document is dated with.

    Raises FactIncomplete for a kind we cannot make or a fact that lacks its number.
    """
    if document := fact.get("document"):
        return DOCUMENTS[kind].model_validate(document)
    match kind:
        case "order-response":
            return respond(order, fact, now.date())
        case "shipment":
            return ship_notice(order, fact, now)
        case "invoice":
            return bill(order, fact, now.date())
    raise FactIncomplete(f"a {kind} is not an answer to an order")


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
    """856: the shipped lines, each with what was ordered beside it."""
    shipped = _quantities(fact, order)
    items = [
        ShippedItem(
            line_number=line.line_number,
            identifiers=line.identifiers,
            quantity=_shipped(line, shipped),
            ordered=line.quantity,
            description=line.description,
        )
        for line in order.lines
        if shipped is None or shipped.get(line.line_number or "", Decimal(0)) > 0
    ]
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
                items=items,
            )
        ],
        ids=dict(fact.get("ids", {})),
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
    if quantities is None or line.quantity is None:
        return line.quantity
    value, ordered = quantities[line.line_number or ""], line.quantity
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
