"""What a flow may ask for. Every command is stored as something owed; none is executed inside a flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """One operation of an internal system, stored as a Delivery with its own idempotency key."""

    name: str  # unique within the flow; asked once in its life
    system: str
    operation: str  # of gateway.systems: submit_order, update_order, ...
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Compose:
    """A document to the partner, made from the order and a fact, stored as an outbound document."""

    name: str
    kind: str  # canonical kind: order-response, shipment, invoice
    fact: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask:
    """A question for a person, stored as a work item."""

    name: str
    code: str  # entry in the catalogue of situations
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settle:
    """The question of this name is answered by facts: its work item is closed."""

    name: str


@dataclass(frozen=True, slots=True)
class Release:
    """A warehouse order to whoever ships for us, made from the order and stored as an outbound document.

    The flow of the warehouse order begins, or ends, in the commit that stores it.
    """

    name: str
    warehouse: str  # the partner who ships
    number: str  # the warehouse order's own number: what a 940 calls the depositor order number
    purpose: str  # original | cancellation
    fact: dict[str, Any] = field(default_factory=dict)


Command = Call | Compose | Ask | Settle | Release

_OF_AN_ORDER = frozenset({"submit_order", "change_order", "cancel_order", "update_order"})
OPERATIONS: Mapping[str, frozenset[str]] = {
    "order": _OF_AN_ORDER,
    "warehouse-order": _OF_AN_ORDER,
    "warehouse-shipping-advice": frozenset({"post_shipment", "settle_shortage"}),
    "inventory-adjustment": frozenset({"adjust_inventory"}),
    "stock-receipt": frozenset({"adjust_inventory"}),
    "return": frozenset({"open_return"}),
}
"""What the flows ask of a system about a document of a partner's, by its canonical kind.

Of every other kind a fact is told, and nothing is asked: whoever wants it subscribes to it.
"""
