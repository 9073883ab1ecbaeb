"""The table of documents, and how one is stored, read back, and published as a schema.

A stored document is never rewritten. When a model changes in a way old rows do not fit, its `schema_version` goes up by
one and UPCASTERS learns how a row of the version before becomes one of the new; tests/canonical/stored/ keeps a row of
each.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from gateway.canonical.document import Document
from gateway.canonical.file_acknowledgement import FileAcknowledgement
from gateway.canonical.inventory import Inventory, InventoryAdjustment, StockReceipt, StockTransfer
from gateway.canonical.invoice import Invoice
from gateway.canonical.item import Item
from gateway.canonical.order import Order
from gateway.canonical.order_response import OrderResponse
from gateway.canonical.returns import Return
from gateway.canonical.shipment import Shipment
from gateway.canonical.transport import LoadTender, TenderResponse, TransportStatus
from gateway.canonical.warehouse import WarehouseOrder, WarehouseShippingAdvice

DOCUMENTS: dict[str, type[Document]] = {
    model.kind: model
    for model in (
        FileAcknowledgement,
        Order,
        OrderResponse,
        Shipment,
        Invoice,
        Inventory,
        InventoryAdjustment,
        StockReceipt,
        StockTransfer,
        Return,
        Item,
        WarehouseOrder,
        WarehouseShippingAdvice,
        LoadTender,
        TenderResponse,
        TransportStatus,
    )
}

Row = dict[str, Any]  # a stored document as JSON has it


def _lines_without_sscc(row: Row) -> Row:
    """Warehouse order, version 1: its lines had a place for an SSCC that no order can know."""
    return {**row, "lines": [{k: v for k, v in line.items() if k != "sscc"} for line in row.get("lines", ())]}


def _lines_in_packages(row: Row) -> Row:
    """Shipping advice, version 1: each line said its own SSCC, so that a carton held one line."""
    lines = [dict(line) for line in row.pop("lines", ())]
    packages = [{"sscc": line.pop("sscc", None), "lines": [line]} for line in lines]
    return {**row, "packages": packages}


UPCASTERS: Mapping[tuple[str, int], Callable[[Row], Row]] = {  # (kind, version) -> the row one version later
    ("warehouse-order", 1): _lines_without_sscc,
    ("warehouse-shipping-advice", 1): _lines_in_packages,
}


class UnknownDocument(ValueError):
    """A kind we have no model for, or a version newer than this code."""


def load(kind: str, version: int, data: bytes | str) -> Document:
    """A stored document of any past version, as today's model."""
    model = DOCUMENTS.get(kind)
    if model is None:
        raise UnknownDocument(f"there is no document {kind!r}; there are {', '.join(DOCUMENTS)}")
    if version == model.schema_version:
        return model.model_validate_json(data)
    if version > model.schema_version:
        raise UnknownDocument(
            f"{kind} version {version} is newer than this gateway, which knows {model.schema_version}"
        )
    row = json.loads(data)
    for past in range(version, model.schema_version):
        row = UPCASTERS[kind, past](row)
    return model.model_validate_json(json.dumps(row))


def dump(document: Document, *, indent: int | None = None) -> str:
    """A document that says what it is: its kind and version stand before its fields. `parse` reads it."""
    head = {"kind": document.kind, "schema_version": document.schema_version}
    fields = document.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(head | fields, indent=indent, ensure_ascii=False)


def parse(data: bytes | str) -> Document:
    """What `dump` wrote, by this version or a past one."""
    row = json.loads(data)
    if not isinstance(row, dict) or "kind" not in row:
        raise UnknownDocument('the file does not say what it is: it needs a "kind" beside its fields')
    kind, version = row.pop("kind"), row.pop("schema_version", None)
    if version is None and kind in DOCUMENTS:
        version = DOCUMENTS[kind].schema_version
    return load(str(kind), version or 1, json.dumps(row))


def json_schema(kind: str) -> Row:
    """The published JSON Schema (2020-12) of a document kind."""
    model = DOCUMENTS[kind]
    schema = model.model_json_schema(mode="validation")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:b2b-gateway:{kind}:{model.schema_version}",
        **schema,
    }
