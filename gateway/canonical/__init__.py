"""Our one language inside: orders, shipments, invoices, inventory, returns. It knows no format and no partner."""

from __future__ import annotations

from gateway.canonical.charge import Charge, Tax
from gateway.canonical.document import Document, Source
from gateway.canonical.documents import DOCUMENTS, UnknownDocument, dump, json_schema, load, parse
from gateway.canonical.event import Event
from gateway.canonical.inventory import (
    Inventory,
    InventoryAdjustment,
    InventoryLine,
    InventoryState,
    ReceivedLine,
    ReceivingException,
    StockMovement,
    StockReceipt,
    StockTransfer,
    TransferLine,
)
from gateway.canonical.invoice import Invoice, InvoiceLine
from gateway.canonical.item import Item, Packing
from gateway.canonical.order import Destinations, Order, OrderLine, Schedule
from gateway.canonical.order_response import LineOutcome, OrderResponse, OrderResponseLine
from gateway.canonical.party import Address, Contact, Party
from gateway.canonical.returns import Return, ReturnLine
from gateway.canonical.shipment import Package, Shipment, ShippedItem, ShippedOrder
from gateway.canonical.terms import Carrier, Terms
from gateway.canonical.transport import LoadTender, Report, Stop, TenderResponse, TransportStatus
from gateway.canonical.values import Measure, Moment, Node, Note, Quantity, Reference, Text
from gateway.canonical.warehouse import (
    LicencePlate,
    WarehouseLine,
    WarehouseOrder,
    WarehousePackage,
    WarehouseShippingAdvice,
)

__all__ = [
    "DOCUMENTS",
    "Address",
    "Carrier",
    "Charge",
    "Contact",
    "Destinations",
    "Document",
    "Event",
    "Inventory",
    "InventoryAdjustment",
    "InventoryLine",
    "InventoryState",
    "Invoice",
    "InvoiceLine",
    "Item",
    "LicencePlate",
    "LineOutcome",
    "LoadTender",
    "Measure",
    "Moment",
    "Node",
    "Note",
    "Order",
    "OrderLine",
    "OrderResponse",
    "OrderResponseLine",
    "Package",
    "Packing",
    "Party",
    "Quantity",
    "ReceivedLine",
    "ReceivingException",
    "Reference",
    "Report",
    "Return",
    "ReturnLine",
    "Schedule",
    "Shipment",
    "ShippedItem",
    "ShippedOrder",
    "Source",
    "StockMovement",
    "StockReceipt",
    "StockTransfer",
    "Stop",
    "Tax",
    "TenderResponse",
    "Terms",
    "Text",
    "TransferLine",
    "TransportStatus",
    "UnknownDocument",
    "WarehouseLine",
    "WarehouseOrder",
    "WarehousePackage",
    "WarehouseShippingAdvice",
    "dump",
    "json_schema",
    "load",
    "parse",
]
