"""Item: an article as our own systems know it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from gateway.canonical.document import Document
from gateway.canonical.values import Node, Quantity, Text


class Packing(Node):
    """How many pieces make a larger unit, and what that unit weighs."""

    unit: Text
    holds: Quantity
    gtin: Text | None = None
    weight: Quantity | None = None


class Item(Document):
    """One article: its identifiers, its units, how it must be handled."""

    kind: ClassVar[str] = "item"
    schema_version: ClassVar[int] = 1

    item_number: Text
    identifiers: dict[str, Text] = Field(default_factory=dict)
    description: Text | None = None
    status: Text | None = None
    unit: Text | None = None
    packings: list[Packing] = Field(default_factory=list)
    weight: Quantity | None = None
    lot_controlled: bool = False
    serial_controlled: bool = False
    expires: bool = False

    def key(self) -> str:
        return self.item_number
