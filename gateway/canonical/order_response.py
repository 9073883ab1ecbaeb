"""Order response: what the supplier says to each line of an order."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from gateway.canonical.charge import Charge
from gateway.canonical.document import Document
from gateway.canonical.party import Contact, Party
from gateway.canonical.terms import Carrier, Terms
from gateway.canonical.values import Moment, Node, Note, Quantity, Reference, Text


class LineOutcome(Node):
    """What happens to a quantity of one line: accepted, changed, rejected, backordered, ..."""

    status: Text
    quantity: Quantity | None = None
    date_type: Text | None = None
    date: dt.date | None = None
    identifiers: dict[str, Text] = Field(default_factory=dict)  # of a substitute


class OrderResponseLine(Node):
    """The answer to one line: what was asked, and what happens to each part of it."""

    line_number: Text | None = None
    quantity: Quantity | None = None
    unit_price: Decimal | None = None
    price_basis: Text | None = None
    identifiers: dict[str, Text] = Field(default_factory=dict)
    description: Text | None = None
    references: list[Reference] = Field(default_factory=list)
    requested_delivery: Moment | None = None
    outcomes: list[LineOutcome] = Field(default_factory=list)


class OrderResponse(Document):
    """What a supplier answers to an order."""

    kind: ClassVar[str] = "order-response"
    schema_version: ClassVar[int] = 1

    purpose: Text
    response: Text  # accepted, accepted-with-changes, rejected, ...
    order_number: Text
    order_date: dt.date | None = None
    release_number: Text | None = None
    response_number: Text | None = None
    response_date: dt.date | None = None
    contract_number: Text | None = None
    currency: Text | None = None
    department: Text | None = None
    vendor_number: Text | None = None
    promised_ship: Moment | None = None
    promised_delivery: Moment | None = None
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
    lines: list[OrderResponseLine] = Field(default_factory=list)  # none: the header's answer holds for the whole order

    def key(self) -> str:
        return self.response_number or self.order_number
