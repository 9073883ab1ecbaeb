"""Return: goods that come back, who allowed it, what was found, what is credited."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from gateway.canonical.document import Document
from gateway.canonical.party import Contact, Party
from gateway.canonical.values import Moment, Node, Note, Quantity, Reference, Text


class ReturnLine(Node):
    """One article that comes back."""

    line_number: Text | None = None
    identifiers: dict[str, Text] = Field(default_factory=dict)
    quantity: Quantity
    received: Quantity | None = None
    reason: Text | None = None
    condition: Text | None = None  # what the inspection found
    disposition: Text | None = None  # restock, quarantine, scrap, send back
    credit: Decimal | None = None
    order_number: Text | None = None
    lot: Text | None = None
    serials: list[Reference] = Field(default_factory=list)


class Return(Document):
    """A return from its request to its credit."""

    kind: ClassVar[str] = "return"
    schema_version: ClassVar[int] = 1

    return_number: Text  # the authorization number (RMA)
    status: Text | None = None  # requested, authorized, received, inspected, credited, refused
    order_number: Text | None = None
    invoice_number: Text | None = None
    requested: Moment | None = None
    authorized: Moment | None = None
    received: Moment | None = None
    expires: Moment | None = None
    currency: Text | None = None
    customer: Party | None = None
    return_to: Party | None = None
    contacts: list[Contact] = Field(default_factory=list)
    references: list[Reference] = Field(default_factory=list)
    notes: list[Note] = Field(default_factory=list)
    lines: list[ReturnLine]
    credit: Decimal | None = None
    credit_number: Text | None = None

    def key(self) -> str:
        return self.return_number
