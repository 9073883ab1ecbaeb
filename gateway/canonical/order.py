"""Order: what a buyer wants, from whom, where to and when."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from gateway.canonical.charge import Charge, Tax
from gateway.canonical.document import Document
from gateway.canonical.party import Contact, Party
from gateway.canonical.terms import Carrier, Terms
from gateway.canonical.values import Moment, Node, Note, Quantity, Reference, Text


class Destinations(Node):
    """How the quantity of one line is spread over places."""

    unit: Text | None = None
    id_scheme: Text | None = None
    quantities: dict[str, Decimal] = Field(default_factory=dict)  # place -> quantity


class Schedule(Node):
    """A part of a line's quantity, wanted at a time of its own."""

    quantity: Quantity
    date_type: Text | None = None
    moment: Moment | None = None


class OrderLine(Node):
    """One line: an article, how many, at what price."""

    line_number: Text | None = None
    quantity: Quantity | None = None
    unit_price: Decimal | None = None
    price_basis: Text | None = None
    identifiers: dict[str, Text] = Field(default_factory=dict)  # scheme -> id: gtin, upc, ean, sku, buyer_item, ...
    description: Text | None = None
    color: Text | None = None
    size: Text | None = None
    pack: Decimal | None = None
    pack_size: Quantity | None = None
    references: list[Reference] = Field(default_factory=list)
    requested_ship: Moment | None = None
    requested_delivery: Moment | None = None
    cancel_after: Moment | None = None
    charges: list[Charge] = Field(default_factory=list)
    destinations: list[Destinations] = Field(default_factory=list)
    schedule: list[Schedule] = Field(default_factory=list)
    notes: list[Note] = Field(default_factory=list)


class Order(Document):
    """What a buyer asks a supplier for."""

    kind: ClassVar[str] = "order"
    schema_version: ClassVar[int] = 1

    purpose: Text
    order_type: Text | None = None
    order_number: Text
    release_number: Text | None = None
    order_date: dt.date | None = None
    contract_number: Text | None = None
    currency: Text | None = None
    department: Text | None = None
    vendor_number: Text | None = None
    requested_ship: Moment | None = None
    requested_delivery: Moment | None = None
    cancel_after: Moment | None = None
    freight_payment: Text | None = None
    terms: Terms | None = None
    carrier: Carrier | None = None
    buyer: Party | None = None
    supplier: Party | None = None
    ship_to: Party | None = None
    ship_from: Party | None = None
    bill_to: Party | None = None
    parties: list[Party] = Field(default_factory=list)
    contacts: list[Contact] = Field(default_factory=list)
    references: list[Reference] = Field(default_factory=list)
    notes: list[Note] = Field(default_factory=list)
    charges: list[Charge] = Field(default_factory=list)
    taxes: list[Tax] = Field(default_factory=list)
    lines: list[OrderLine]
    total: Decimal | None = None  # of money, as the buyer counted it

    def key(self) -> str:
        return self.order_number if self.release_number is None else f"{self.order_number}/{self.release_number}"
