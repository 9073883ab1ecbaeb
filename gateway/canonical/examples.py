"""Small documents of everyday trade, and the documents that answer them: what a rehearsal with a partner sends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal

from gateway.canonical.charge import Charge
from gateway.canonical.document import Document
from gateway.canonical.gs1 import check_digit
from gateway.canonical.inventory import ReceivedLine, StockReceipt, StockTransfer, TransferLine
from gateway.canonical.invoice import Invoice, InvoiceLine
from gateway.canonical.order import Order, OrderLine
from gateway.canonical.order_response import LineOutcome, OrderResponse, OrderResponseLine
from gateway.canonical.party import Address, Party
from gateway.canonical.shipment import Package, Shipment, ShippedItem, ShippedOrder
from gateway.canonical.terms import Carrier
from gateway.canonical.transport import LoadTender, Report, Stop, TenderResponse, TransportStatus
from gateway.canonical.values import Moment, Quantity
from gateway.canonical.warehouse import WarehouseLine, WarehouseOrder, WarehousePackage, WarehouseShippingAdvice

STORE = Party(
    name="Rehearsal Store 1",
    identifiers={"buyer": "0001"},
    address=Address(line1="1 Quay Street", city="Portland", region="ME", postal_code="04101", country="US"),
)
ARTICLES = (("100614141000015", "Wool throw", 24, "23.95"), ("100614141000022", "Mug", 12, "4.25"))


def _each(number: int | str) -> Quantity:
    return Quantity(value=Decimal(number), unit="each")


def order(number: str, now: dt.datetime) -> Order:
    """Two lines, for one place."""
    lines = [
        OrderLine(
            line_number=str(n),
            quantity=_each(quantity),
            unit_price=Decimal(price),
            identifiers={"sku": f"ART-{n}"},
            description=words,
        )
        for n, (_, words, quantity, price) in enumerate(ARTICLES, 1)
    ]
    return Order(
        purpose="original",
        order_type="stand-alone",
        order_number=number,
        order_date=now.date(),
        currency="USD",
        ship_to=STORE,
        lines=lines,
    )


def warehouse_order(number: str, now: dt.datetime) -> WarehouseOrder:
    """What a warehouse is asked to ship."""
    lines = [
        WarehouseLine(line_number=str(n), ordered=_each(quantity), identifiers={"sku": f"ART-{n}"}, description=words)
        for n, (_, words, quantity, _) in enumerate(ARTICLES, 1)
    ]
    return WarehouseOrder(
        purpose="original",
        depositor_order_number=number,
        order_number=f"PO-{number}",
        requested_ship=Moment(date=now.date()),
        ship_to=STORE,
        lines=lines,
        total_quantity=Decimal(36),
    )


def load_tender(number: str, now: dt.datetime) -> LoadTender:
    """One load, picked up here and delivered there."""
    day = now.date() + dt.timedelta(days=1)
    return LoadTender(
        purpose="original",
        tender_number=number,
        carrier=Carrier(scac="XXXX", payment="prepaid"),
        stops=[
            Stop(number="1", reason="complete-load", pickup_from=Moment(date=day), place=_at(STORE, "SF")),
            Stop(number="2", reason="complete-unload", deliver_from=Moment(date=day), place=_at(STORE, "ST")),
        ],
        weight=Quantity(value=Decimal(410), unit="pound"),
    )


def _at(party: Party, role: str) -> Party:
    return party.model_copy(update={"role": role})


def stock_transfer(number: str, now: dt.datetime) -> StockTransfer:
    """One article on its way to a warehouse."""
    return StockTransfer(
        transfer_number=number,
        purpose="full-detail",
        shipped_on=now.date(),
        shipment_number=number,
        warehouse=Party(name="Rehearsal Hall", identifiers={"buyer": "H1"}),
        carrier=Carrier(mode="M", scac="XXXX"),
        lines=[TransferLine(quantity=_each(24), identifiers={"sku": "ART-1"})],
        total_shipped=Decimal(24),
    )


FIRST: Mapping[str, Callable[[str, dt.datetime], Document]] = {
    "order": order,
    "warehouse-order": warehouse_order,
    "load-tender": load_tender,
    "stock-transfer": stock_transfer,
}
"""What begins something: a number, now -> the document."""


# -- answers ------------------------------------------------------------------------------------
def respond(said: Order, number: str, now: dt.datetime) -> OrderResponse:
    lines = [
        OrderResponseLine(
            line_number=line.line_number,
            quantity=line.quantity,
            unit_price=line.unit_price,
            identifiers=line.identifiers,
            outcomes=[LineOutcome(status="accepted", quantity=line.quantity)],
        )
        for line in said.lines
    ]
    return OrderResponse(
        purpose="original",
        response="accepted",
        order_number=said.order_number,
        order_date=said.order_date,
        response_date=now.date(),
        lines=lines,
    )


def despatch(said: Order, number: str, now: dt.datetime) -> Shipment:
    items = [
        ShippedItem(line_number=line.line_number, identifiers=line.identifiers, quantity=line.quantity)
        for line in said.lines
    ]
    carton = Package(sscc=_sscc(number), items=items)
    return Shipment(
        purpose="original",
        shipment_number=number,
        created=Moment(date=now.date(), time=now.time().replace(microsecond=0, second=0)),
        shipped=Moment(date=now.date()),
        ship_to=said.ship_to,
        orders=[ShippedOrder(order_number=said.order_number, packages=[carton])],
    )


def bill(said: Order, number: str, now: dt.datetime) -> Invoice:
    lines = [
        InvoiceLine(
            line_number=line.line_number,
            quantity=line.quantity,
            unit_price=line.unit_price,
            identifiers=line.identifiers,
        )
        for line in said.lines
    ]
    total = sum(((line.quantity or _each(0)).value * (line.unit_price or 0) for line in lines), Decimal(0))
    return Invoice(
        invoice_number=number,
        invoice_date=now.date(),
        order_number=said.order_number,
        currency=said.currency,
        lines=lines,
        total=total,
    )


def advise(said: WarehouseOrder, number: str, now: dt.datetime) -> WarehouseShippingAdvice:
    lines = [
        WarehouseLine(
            line_number=line.line_number,
            status="complete",
            ordered=line.ordered,
            shipped=line.ordered.value if line.ordered else None,
            identifiers=line.identifiers,
        )
        for line in said.lines
    ]
    return WarehouseShippingAdvice(
        purpose="full-detail",
        depositor_order_number=said.depositor_order_number,
        order_number=said.order_number,
        shipped_on=now.date(),
        shipment_number=number,
        ship_to=said.ship_to,
        packages=[WarehousePackage(sscc=_sscc(number), lines=lines)],
    )


def receive(said: StockTransfer, number: str, now: dt.datetime) -> StockReceipt:
    lines = [
        ReceivedLine(identifiers=line.identifiers, received=line.quantity.value, unit=line.quantity.unit)
        for line in said.lines
    ]
    return StockReceipt(
        purpose="full-detail",
        receipt_number=number,
        depositor_order_number=said.transfer_number,
        shipment_number=said.shipment_number,
        received=Moment(date=now.date()),
        warehouse=said.warehouse,
        lines=lines,
        total_received=said.total_shipped,
    )


def take(said: LoadTender, number: str, now: dt.datetime) -> TenderResponse:
    return TenderResponse(
        tender_number=said.tender_number,
        decision="accepted",
        scac=said.carrier.scac if said.carrier else None,
        date=now.date(),
        pro_number=f"PRO{number}",
    )


def report(said: LoadTender, number: str, now: dt.datetime) -> TransportStatus:
    there = Report(status="delivered", reason="NS", moment=Moment(date=now.date()), city="Portland", region="ME")
    return TransportStatus(
        tender_number=said.tender_number,
        pro_number=f"PRO{number}",
        scac=said.carrier.scac if said.carrier else None,
        reports=[there],
    )


def freight(said: LoadTender, number: str, now: dt.datetime) -> Invoice:
    line = InvoiceLine(
        line_number="1",
        quantity=said.weight,
        description="Carriage",
        charges=[Charge(kind="charge", amount=Decimal("85.00"))],
    )
    return Invoice(
        invoice_number=number,
        invoice_date=now.date(),
        order_number=said.tender_number,
        currency="USD",
        carrier=Carrier(scac=said.carrier.scac if said.carrier else None, payment="prepaid"),
        lines=[line],
        total=Decimal("85.00"),
    )


ANSWERS: Mapping[str, Mapping[str, Callable[..., Document]]] = {
    "order": {"order-response": respond, "shipment": despatch, "invoice": bill},
    "warehouse-order": {"warehouse-shipping-advice": advise},
    "stock-transfer": {"stock-receipt": receive},
    "load-tender": {"tender-response": take, "transport-status": report, "invoice": freight},
}
"""Kind -> the kinds that answer it, and how: what was said, a number, now -> the answer."""


def _sscc(number: str) -> str:
    digits = "0061414" + "".join(c for c in number if c.isdigit())[-10:].zfill(10)
    return digits + check_digit(digits)
