"""Shipment: what left, in which packages, for which orders."""

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


class ShippedItem(Node):
    """Some pieces of one article of one order line."""

    line_number: Text | None = None
    identifiers: dict[str, Text] = Field(default_factory=dict)
    quantity: Quantity | None = None
    ordered: Quantity | None = None
    status: Text | None = None
    description: Text | None = None
    lot: Text | None = None
    expiry: dt.date | None = None
    serials: list[Reference] = Field(default_factory=list)
    references: list[Reference] = Field(default_factory=list)
    packages: list[Package] = Field(default_factory=list)  # standard carton: the packages of this one item


class Package(Node):
    """A logistic unit: pallet or carton, named by its SSCC."""

    sscc: Text | None = None
    mark: Text | None = None
    type: Text | None = None
    count: Decimal | None = None
    weight: Quantity | None = None
    references: list[Reference] = Field(default_factory=list)
    packages: list[Package] = Field(default_factory=list)
    items: list[ShippedItem] = Field(default_factory=list)


class ShippedOrder(Node):
    """What this shipment carries of one order."""

    order_number: Text | None = None
    release_number: Text | None = None
    order_date: dt.date | None = None
    department: Text | None = None
    invoice_number: Text | None = None
    references: list[Reference] = Field(default_factory=list)
    parties: list[Party] = Field(default_factory=list)
    pallets: list[Package] = Field(default_factory=list)
    packages: list[Package] = Field(default_factory=list)
    items: list[ShippedItem] = Field(default_factory=list)

    def all_items(self) -> Iterator[tuple[ShippedItem, tuple[Package, ...]]]:
        """Every item with the packages it lies in, outermost first, whichever way round the sender told it."""
        for pallet in self.pallets:
            yield from _items_in(pallet, ())
        for package in self.packages:
            yield from _items_in(package, ())
        for item in self.items:
            yield item, tuple(item.packages)


class Shipment(Document):
    """What a supplier or warehouse says is on its way."""

    kind: ClassVar[str] = "shipment"
    schema_version: ClassVar[int] = 1

    purpose: Text | None = None
    shipment_number: Text
    created: Moment | None = None
    structure: Text | None = None
    bill_of_lading: Text | None = None
    tracking_number: Text | None = None
    shipped: Moment | None = None
    delivery: Moment | None = None
    packaging: Text | None = None
    package_count: Decimal | None = None
    weight: Quantity | None = None
    carrier: Carrier | None = None
    ship_from: Party | None = None
    ship_to: Party | None = None
    parties: list[Party] = Field(default_factory=list)
    contacts: list[Contact] = Field(default_factory=list)
    references: list[Reference] = Field(default_factory=list)
    notes: list[Note] = Field(default_factory=list)
    orders: list[ShippedOrder] = Field(default_factory=list)

    def key(self) -> str:
        return self.shipment_number


def _items_in(package: Package, outer: tuple[Package, ...]) -> Iterator[tuple[ShippedItem, tuple[Package, ...]]]:
    here = (*outer, package)
    for inner in package.packages:
        yield from _items_in(inner, here)
    for item in package.items:
        yield item, here


for _model in (ShippedItem, Package, ShippedOrder, Shipment):
    _model.model_rebuild()
