"""Inventory: what is where, in which state, and what changed it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from gateway.canonical.document import Document
from gateway.canonical.party import Party
from gateway.canonical.terms import Carrier
from gateway.canonical.values import Moment, Node, Note, Quantity, Reference, Text


class InventoryState(StrEnum):
    """What a piece in stock is free for. States are counted apart and never added up silently."""

    ON_HAND = "on-hand"  # physically there, whatever it is promised to
    AVAILABLE = "available"  # free to be ordered
    ALLOCATED = "allocated"  # set aside for an order being worked on
    IN_TRANSIT = "in-transit"  # on its way to this place
    QUARANTINED = "quarantined"  # there, and not to be shipped
    COMMITTED_TO_TRANSFER = "committed-to-transfer"  # there, and going to another of our places
    RESERVED = "reserved"  # kept for named customers


class InventoryLine(Node):
    """The stock of one article at one place."""

    identifiers: dict[str, Text]
    location: Text | None = None
    unit: Text | None = None
    states: dict[InventoryState, Decimal] = Field(default_factory=dict)
    available_to_promise: Decimal | None = None  # a promise, not a count: see available
    lot: Text | None = None
    expiry: dt.date | None = None
    description: Text | None = None
    references: list[Reference] = Field(default_factory=list)


class Inventory(Document):
    """A count of stock at a moment, by whoever keeps it."""

    kind: ClassVar[str] = "inventory"
    schema_version: ClassVar[int] = 1

    report_number: Text
    purpose: Text | None = None
    basis: Text | None = None  # financial (the books) or operational (the warehouse floor)
    as_of: Moment
    warehouse: Party | None = None
    depositor: Party | None = None
    references: list[Reference] = Field(default_factory=list)
    lines: list[InventoryLine] = Field(default_factory=list)

    def key(self) -> str:
        return self.report_number


class StockMovement(Node):
    """One change of the stock of one article."""

    identifiers: dict[str, Text]
    location: Text | None = None
    quantity: Decimal  # more than zero came in, less than zero went out
    unit: Text | None = None
    reason: Text
    from_state: InventoryState | None = None
    to_state: InventoryState | None = None
    lot: Text | None = None
    references: list[Reference] = Field(default_factory=list)


class InventoryAdjustment(Document):
    """What changed in a warehouse besides shipping: counts, damage, moves between states."""

    kind: ClassVar[str] = "inventory-adjustment"
    schema_version: ClassVar[int] = 1

    adjustment_number: Text
    depositor_adjustment_number: Text | None = None  # what the owner of the goods calls it
    adjusted: Moment
    warehouse: Party | None = None
    depositor: Party | None = None
    references: list[Reference] = Field(default_factory=list)
    movements: list[StockMovement]

    def key(self) -> str:
        return self.adjustment_number


class TransferLine(Node):
    """One article that is on its way."""

    quantity: Quantity
    upc_case: Text | None = None
    identifiers: dict[str, Text]
    description: Text | None = None
    lot: Text | None = None
    references: list[Reference] = Field(default_factory=list)


class StockTransfer(Document):
    """Goods on their way to a warehouse: what it may expect, told by their owner before they are there."""

    kind: ClassVar[str] = "stock-transfer"
    schema_version: ClassVar[int] = 1

    transfer_number: Text  # of the goods' owner; the receipt repeats it
    purpose: Text
    shipped_on: dt.date | None = None
    expected: dt.date | None = None
    shipment_number: Text | None = None
    agent_shipment_number: Text | None = None
    master_reference: Text | None = None
    link_number: Text | None = None
    bill_of_lading: Text | None = None
    warehouse: Party | None = None
    depositor: Party | None = None
    ship_from: Party | None = None
    parties: list[Party] = Field(default_factory=list)
    references: list[Reference] = Field(default_factory=list)
    notes: list[Note] = Field(default_factory=list)
    carrier: Carrier | None = None
    lines: list[TransferLine]
    total_shipped: Decimal | None = None
    weight: Quantity | None = None
    volume: Quantity | None = None

    def key(self) -> str:
        return self.transfer_number


class ReceivingException(Node):
    """What was not as it should be about one article that came in."""

    quantity: Decimal
    unit: Text | None = None
    reason: Text  # damaged, short, over, quality, wrong-article
    cause: Text | None = None  # of the damage, in the warehouse's words


class ReceivedLine(Node):
    """One article that came in."""

    identifiers: dict[str, Text]
    received: Decimal  # what is there now and can be used
    unit: Text | None = None
    lot: Text | None = None
    location: Text | None = None
    references: list[Reference] = Field(default_factory=list)
    exceptions: list[ReceivingException] = Field(default_factory=list)


class StockReceipt(Document):
    """Goods of ours that arrived at a warehouse: what is there, and what of it is not as announced."""

    kind: ClassVar[str] = "stock-receipt"
    schema_version: ClassVar[int] = 1

    receipt_number: Text
    purpose: Text | None = None
    depositor_order_number: Text | None = None  # what the owner of the goods announced them under
    shipment_number: Text | None = None
    received: Moment
    warehouse: Party | None = None
    depositor: Party | None = None
    ship_from: Party | None = None
    references: list[Reference] = Field(default_factory=list)
    carrier: Carrier | None = None
    lines: list[ReceivedLine]
    total_received: Decimal | None = None
    total_shipped: Decimal | None = None
    total_damaged: Decimal | None = None

    def key(self) -> str:
        return self.receipt_number
