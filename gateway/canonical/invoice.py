"""Invoice: what is to be paid, and for what."""

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


class InvoiceLine(Node):
    """One line: an article, how many, at what price."""

    line_number: Text | None = None
    quantity: Quantity | None = None
    unit_price: Decimal | None = None
    price_basis: Text | None = None
    identifiers: dict[str, Text] = Field(default_factory=dict)
    description: Text | None = None
    taxes: list[Tax] = Field(default_factory=list)
    charges: list[Charge] = Field(default_factory=list)
    references: list[Reference] = Field(default_factory=list)


class Invoice(Document):
    """What a supplier asks a buyer to pay. A credit note is one too: its type says so."""

    kind: ClassVar[str] = "invoice"
    schema_version: ClassVar[int] = 1

    invoice_number: Text
    invoice_date: dt.date
    order_number: Text | None = None
    order_date: dt.date | None = None
    release_number: Text | None = None
    type: Text | None = None
    purpose: Text | None = None
    currency: Text | None = None
    department: Text | None = None
    vendor_number: Text | None = None
    bill_of_lading: Text | None = None
    shipped: Moment | None = None
    terms: Terms | None = None
    carrier: Carrier | None = None
    buyer: Party | None = None
    supplier: Party | None = None
    remit_to: Party | None = None
    ship_to: Party | None = None
    ship_from: Party | None = None
    bill_to: Party | None = None
    parties: list[Party] = Field(default_factory=list)
    contacts: list[Contact] = Field(default_factory=list)
    references: list[Reference] = Field(default_factory=list)
    notes: list[Note] = Field(default_factory=list)
    lines: list[InvoiceLine]
    taxes: list[Tax] = Field(default_factory=list)
    charges: list[Charge] = Field(default_factory=list)
    total: Decimal
    discountable: Decimal | None = None  # the part of the total a terms discount is taken from
    units_shipped: Quantity | None = None
    weight: Quantity | None = None

    def key(self) -> str:
        return self.invoice_number
