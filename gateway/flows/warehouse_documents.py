"""The two papers between a depositor and its warehouse: the 940 we send as depositor, the 945 we send as warehouse."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from gateway.canonical import (
    Carrier,
    Moment,
    Order,
    OrderLine,
    Party,
    Quantity,
    WarehouseLine,
    WarehouseOrder,
    WarehousePackage,
    WarehouseShippingAdvice,
)

Fact = Mapping[str, Any]


def warehouse_order(order: Order, fact: Fact) -> WarehouseOrder:
    """940: the released lines, under the number of the release. `fact["parties"]` says who we and they are."""
    wanted = {line: Decimal(str(n)) for line, n in fact["lines"].items()}
    parties = {role: Party.model_validate(party) for role, party in fact["parties"].items()}
    lines = [_released(line, wanted[line.line_number]) for line in order.lines if line.line_number in wanted]
    return WarehouseOrder(
        purpose=fact["purpose"],
        depositor_order_number=fact["number"],
        order_number=order.order_number,
        department=order.department,
        requested_ship=order.requested_ship,
        requested_delivery=order.requested_delivery,
        cancel_after=order.cancel_after,
        carrier=order.carrier,
        warehouse=parties.get("warehouse"),
        depositor=parties.get("depositor"),
        ship_to=order.ship_to,
        bill_to=order.bill_to,
        notes=order.notes,
        total_quantity=sum(wanted.values(), Decimal(0)),
        lines=lines,
        ids=dict(fact.get("ids", {})),
    )


def _released(line: OrderLine, wanted: Decimal) -> WarehouseLine:
    unit = line.quantity.unit if line.quantity else None
    return WarehouseLine(
        line_number=line.line_number,
        ordered=Quantity(value=wanted, unit=unit),
        identifiers=line.identifiers,
        description=line.description,
    )


def shipping_advice(order: WarehouseOrder, fact: Fact, number: str, date: dt.date) -> WarehouseShippingAdvice:
    """945: what left in which carton, beside what was asked for.

    `fact["left"]` are the pieces of each line that no truck has taken yet; `fact["complete"]` says that none of them
    follows, and then they are called short.
    """
    shipped = {line: Decimal(str(n)) for line, n in (fact.get("lines") or {}).items()}
    follows = str(fact.get("complete", "true")).lower() == "false"
    left = {line: Decimal(str(n)) for line, n in (fact.get("left") or {}).items()}
    by_number = {line.line_number: line for line in order.lines if line.line_number is not None}
    inside = [
        WarehousePackage(
            sscc=package.get("sscc"),
            mark=package.get("mark"),
            lines=[
                _advised(by_number[line], Decimal(str(n)), left.get(line), follows)
                for line, n in package["lines"].items()
                if line in by_number
            ],
        )
        for package in fact.get("packages", ())
    ]
    unshipped = [line for number_, line in by_number.items() if number_ in left and number_ not in shipped]
    left_out = [] if follows else [_advised(one, Decimal(0), left[one.line_number or ""], follows) for one in unshipped]
    return WarehouseShippingAdvice(
        purpose="original",
        depositor_order_number=order.depositor_order_number,
        order_number=order.order_number,
        shipped_on=date,
        shipment_number=number,
        bill_of_lading=fact.get("bill_of_lading"),
        tracking_number=fact.get("tracking_number"),
        shipped=Moment(date=date),
        carrier=Carrier(scac=fact["scac"], mode=fact.get("mode")) if fact.get("scac") else order.carrier,
        warehouse=order.warehouse,
        depositor=order.depositor,
        ship_to=order.ship_to,
        units_shipped=sum(shipped.values(), Decimal(0)),
        packages=[*inside, *([WarehousePackage(lines=left_out)] if left_out else [])],
        ids=dict(fact.get("ids", {})),
    )


def _advised(line: WarehouseLine, shipped: Decimal, left: Decimal | None, follows: bool) -> WarehouseLine:
    status = "complete" if not left else "partial" if follows else "short"
    return line.model_copy(update={"status": status, "shipped": shipped, "short": left, "leftovers": None})
