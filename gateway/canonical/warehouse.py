"""Warehouse order and shipping advice: what we ask a warehouse to ship, and what it says it shipped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from gateway.canonical.document import Document
from gateway.canonical.party import Contact, Party
from gateway.canonical.terms import Carrier
from gateway.canonical.values import Moment, Node, Note, Quantity, Reference, Text

TAKEN_BACK = " cancellation"


class LicencePlate(Node):
    """A pallet or carton of a line, by the number on its label."""

    number: Text
    quantity: Decimal | None = None  # as the warehouse counts them


class WarehouseLine(Node):
    """One article to ship, and once it is shipped, what became of it."""

    in_unit_of: ClassVar[dict[str, str]] = {"shipped": "ordered", "short": "ordered"}

    line_number: Text | None = None
    status: Text | None = None
    reason: Text | None = None  # why less was shipped than ordered, in the warehouse's words or code
    ordered: Quantity | None = None
    shipped: Decimal | None = None
    short: Decimal | None = None
    upc_case: Text | None = None
    identifiers: dict[str, Text] = Field(default_factory=dict)
    description: Text | None = None
    lot: Text | None = None
    expiry: dt.date | None = None
    licence_plates: list[LicencePlate] = Field(default_factory=list)
    serials: list[Reference] = Field(default_factory=list)
    weight: Quantity | None = None
    references: list[Reference] = Field(default_factory=list)


class WarehousePackage(Node):
    """A carton or pallet the warehouse packed. Without numbers: pieces it names no package for."""

    sscc: Text | None = None
    mark: Text | None = None  # the carrier's number of the package
    lines: list[WarehouseLine] = Field(default_factory=list)


class WarehouseOrder(Document):
    """What we ask a warehouse to ship."""

    kind: ClassVar[str] = "warehouse-order"
    schema_version: ClassVar[int] = 2

    purpose: Text
    depositor_order_number: Text
    order_number: Text | None = None
    link_number: Text | None = None
    master_reference: Text | None = None
    department: Text | None = None
    requested_ship: Moment | None = None
    requested_delivery: Moment | None = None
    cancel_after: Moment | None = None
    carrier: Carrier | None = None
    warehouse: Party | None = None
    depositor: Party | None = None
    ship_to: Party | None = None
    ship_from: Party | None = None
    bill_to: Party | None = None
    parties: list[Party] = Field(default_factory=list)
    contacts: list[Contact] = Field(default_factory=list)
    references: list[Reference] = Field(default_factory=list)
    notes: list[Note] = Field(default_factory=list)
    weight: Quantity | None = None
    volume: Quantity | None = None
    total_quantity: Decimal | None = None
    lines: list[WarehouseLine] = Field(default_factory=list)

    def key(self) -> str:
        """The depositor's number; the order that takes another back is a document of its own."""
        return self.depositor_order_number + (TAKEN_BACK if self.purpose == "cancellation" else "")


class WarehouseShippingAdvice(Document):
    """What a warehouse says it shipped."""

    kind: ClassVar[str] = "warehouse-shipping-advice"
    schema_version: ClassVar[int] = 2

    purpose: Text
    depositor_order_number: Text | None = None
    shipped_on: dt.date | None = None
    shipment_number: Text | None = None
    agent_shipment_number: Text | None = None
    order_number: Text | None = None
    master_reference: Text | None = None
    link_number: Text | None = None
    bill_of_lading: Text | None = None
    tracking_number: Text | None = None
    shipped: Moment | None = None
    carrier: Carrier | None = None
    warehouse: Party | None = None
    depositor: Party | None = None
    ship_to: Party | None = None
    ship_from: Party | None = None
    bill_to: Party | None = None
    parties: list[Party] = Field(default_factory=list)
    references: list[Reference] = Field(default_factory=list)
    notes: list[Note] = Field(default_factory=list)
    units_shipped: Decimal | None = None
    weight: Quantity | None = None
    volume: Quantity | None = None
    packages: list[WarehousePackage] = Field(default_factory=list)

    def key(self) -> str:
        return self.shipment_number or self.depositor_order_number or ""

    def all_lines(self) -> Iterator[tuple[WarehouseLine, WarehousePackage]]:
        """Every line with the package its pieces lie in; a line that fills several packages comes several times."""
        for package in self.packages:
            for line in package.lines:
                yield line, package
