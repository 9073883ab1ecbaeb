"""The order flow: from the partner's order to our answer, its release to a warehouse, ship notice and invoice.

Theory of operation. The state holds facts, and the names of the commands already given. `evolve` adds a fact; `decide`
derives every command the facts allow and leaves out those given before. Nothing depends on the order in which facts
become known: a shipment that is reported before the acceptance simply allows no ship notice yet. Rules a reviewer can
hold this file to:

  * evolve is idempotent: the same event twice gives the same state.
  * any permutation of the same facts gives the same state and the same commands; only where two facts contradict each
    other (accepted and rejected, refused and submitted) the first known counts (tests/flows/test_order.py).
  * a status never moves backwards, but where a shipment is withdrawn: it was told of the wrong order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import Field

from gateway.flows import advice
from gateway.flows.commands import Ask, Call, Command, Compose, Release
from gateway.flows.flow import FlowState

KIND = "order"


class OrderStatus(StrEnum):
    """Where an order stands, derived from its facts."""

    UNKNOWN = "unknown"  # something spoke of it, the order itself has not come
    RECEIVED = "received"
    SUBMITTED = "submitted"  # an internal system has it and gave it a number
    REFUSED = "refused"  # an internal system refuses it; a person decides
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"  # it was accepted, and is not wanted any more
    PARTLY_SHIPPED = "partly-shipped"
    SHIPPED = "shipped"
    INVOICED = "invoiced"


class OrderState(FlowState):
    """The facts of one order."""

    order: dict[str, Any] | None = None  # document_id, order_number, lines {line number: quantity}
    ids: dict[str, str] = Field(default_factory=dict)  # system -> its number for this order
    accepted: dict[str, Any] | None = None
    rejected: dict[str, Any] | None = None
    refusals: dict[str, dict[str, Any]] = Field(default_factory=dict)  # system -> its latest refusal
    shipments: dict[str, dict[str, Any]] = Field(default_factory=dict)  # shipment number -> fact
    withdrawn: dict[str, dict[str, Any]] = Field(default_factory=dict)  # shipments of another order after all
    invoices: dict[str, dict[str, Any]] = Field(default_factory=dict)  # invoice number -> fact
    releases: dict[str, dict[str, Any]] = Field(default_factory=dict)  # warehouse order number -> fact
    cancelled: dict[str, Any] | None = None
    decisions: dict[str, dict[str, Any]] = Field(default_factory=dict)  # on pieces a warehouse did not ship

    @property
    def status(self) -> OrderStatus:
        if self.order is None:
            return OrderStatus.UNKNOWN
        if self.rejected is not None:
            return OrderStatus.REJECTED
        if self.cancelled is not None and not self.shipments:
            return OrderStatus.CANCELLED
        if self.accepted is not None:
            if self.invoices and self.shipments:
                return OrderStatus.INVOICED
            if self.shipments:
                return OrderStatus.PARTLY_SHIPPED if self.open_lines() else OrderStatus.SHIPPED
            return OrderStatus.ACCEPTED
        if self.refusals:
            return OrderStatus.REFUSED
        return OrderStatus.SUBMITTED if self.ids else OrderStatus.RECEIVED

    def open_lines(self) -> dict[str, Decimal]:
        """Line number -> quantity that is still to be shipped, for lines whose quantity is known."""
        ordered: dict[str, Any] = (self.order or {}).get("lines", {})
        left = {number: Decimal(quantity) for number, quantity in ordered.items()}
        for shipment in self.shipments.values():
            for number, quantity in shipment.get("lines", {}).items():
                if number in left:
                    left[number] -= Decimal(quantity)
        for decision in self.decisions.values():
            if decision["decision"] == "cancel" and decision["line"] in left:
                left[decision["line"]] -= Decimal(decision["quantity"])
        return {number: quantity for number, quantity in left.items() if quantity > 0}


@dataclass(frozen=True, slots=True)
class Policy:
    """What the agreements of this partner want, looked up before the flow is asked."""

    submit_to: tuple[str, ...] = ()  # systems that must take the order; empty = somebody accepts it through the API
    inform: tuple[str, ...] = ()  # systems that are told every change
    answers: frozenset[str] = field(default_factory=frozenset)  # canonical kinds the partner takes from us
    site: str | None = None  # where we ship this partner's orders from, unless the release says otherwise
    warehouses: Mapping[str, str] = field(default_factory=dict)  # site -> the partner who runs it for us
    sites: frozenset[str] = field(default_factory=frozenset)  # every site of ours
    cancel_in: tuple[str, ...] = ()  # systems that must be told when the partner takes an order back


def evolve(state: OrderState, event: str, data: dict[str, Any]) -> OrderState:
    """The state after one more fact; events that are none of this flow's business change nothing."""
    match event:
        case "order.received" | "warehouse-order.received" if state.order is None:
            return state.model_copy(update={"order": data})
        case "order.submitted":
            refusals = {system: why for system, why in state.refusals.items() if system != data["system"]}
            return state.model_copy(
                update={"ids": {**state.ids, data["system"]: data["ref"]}, "refusals": dict(sorted(refusals.items()))}
            )
        case "order.refused" if data["system"] not in state.ids:
            return state.model_copy(update={"refusals": {**state.refusals, data["system"]: data}})
        case "order.accepted" if state.rejected is None and state.accepted is None:
            ids = {**data.get("ids", {}), **state.ids}  # what a system itself said of its number counts
            refusals = {system: why for system, why in state.refusals.items() if system not in ids}
            return state.model_copy(update={"accepted": data, "ids": ids, "refusals": refusals})
        case "order.rejected" if state.accepted is None and state.rejected is None:
            return state.model_copy(update={"rejected": data})
        case "order.released" if release_name(state, release_number(data)) not in state.given:
            return state.model_copy(update={"releases": _sorted(state.releases, release_number(data), data)})
        case "order.cancelled" if state.cancelled is None:
            return state.model_copy(update={"cancelled": data})
        case "shortage.decided" if data["id"] not in state.decisions:
            return state.model_copy(update={"decisions": _sorted(state.decisions, data["id"], data)})
        case "shipment.confirmed" if data.get("lines") == {}:
            return state  # a warehouse that says it could ship nothing: the warehouse order's business
        case "shipment.confirmed" if (key := shipment_key(data)) not in {*state.shipments, *state.withdrawn}:
            return state.model_copy(update={"shipments": _sorted(state.shipments, key, data)})
        case "shipment.withdrawn":
            key = shipment_key(data)
            left = {known: fact for known, fact in state.shipments.items() if known != key}
            return state.model_copy(update={"shipments": left, "withdrawn": _sorted(state.withdrawn, key, data)})
        case "invoice.issued" if data["number"] not in state.invoices:
            return state.model_copy(update={"invoices": _sorted(state.invoices, data["number"], data)})
    return state


def _sorted(facts: dict[str, dict[str, Any]], key: str, data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return dict(sorted({**facts, key: data}.items()))


def shipment_key(data: Mapping[str, Any]) -> str:
    """Two warehouses may give two shipments of one order the same number."""
    return f"{data['warehouse']}/{advice.name_of(data)}" if data.get("warehouse") else str(data["number"])


def release_number(data: Mapping[str, Any]) -> str:
    """What the warehouse is to call it: the release's own number, else the releasing system's number of the order."""
    return str(data.get("number") or data.get(f"{data.get('system')}_ref") or "")


def release_name(state: OrderState, number: str) -> str:
    """The command that tells a warehouse of a release."""
    return f"release:{number or (state.order or {}).get('order_number', '')}"


def awaited(state: OrderState, answers: frozenset[str]) -> frozenset[str]:
    """The answers the partner waits for: `order-response`, `shipment:<number>`, `invoice`."""
    if state.order is None or state.rejected is not None:
        return frozenset()
    waits = set() if state.accepted else {"order-response"}
    waits |= {f"shipment:{number}" for number in state.shipments if f"ship-notice:{number}" not in state.given}
    if state.shipments and not state.invoices:
        waits.add("invoice")
    return frozenset(name for name in waits if name.partition(":")[0] in answers)


def allowed(state: OrderState, policy: Policy) -> Iterable[Command]:
    """Every command the facts allow, and every question that stands."""
    if state.order is None:
        return
    document_id = state.order["document_id"]
    for system in policy.submit_to:
        yield Call(f"submit:{system}", system, "submit_order", {"document_id": document_id})
    for system in policy.cancel_in if state.cancelled is not None else ():
        if system in state.ids and system != (state.cancelled or {}).get("system"):  # who said it knows it
            yield Call(f"cancel:{system}", system, "cancel_order", {"document_id": document_id})
    for system in policy.inform:
        data = {"status": OrderStatus.RECEIVED, "document_id": document_id}
        yield Call(f"inform:{system}:received", system, "update_order", data)
    if state.status is OrderStatus.REFUSED:
        for system, refusal in state.refusals.items():
            data = {**refusal, "document": document_id}
            yield Ask(f"refused:{system}:{refusal.get('message', '')}", "order-refused-by-system", data)
    if state.rejected is not None:
        yield from _tell(policy, document_id, OrderStatus.REJECTED, "", state.rejected)
        if "order-response" in policy.answers:
            yield Compose("answer", "order-response", {**state.rejected, "decision": "reject"})
        if state.shipments:
            yield Ask("shipped-though-rejected", "shipment-for-rejected-order", {"shipments": [*state.shipments]})
        return
    if state.accepted is None:
        return
    yield from _tell(policy, document_id, OrderStatus.ACCEPTED, "", state.accepted)
    if "order-response" in policy.answers:
        yield Compose("answer", "order-response", {**state.accepted, "decision": "accept"})
    yield from _releases(state, policy)
    if state.cancelled is not None:
        yield from _tell(policy, document_id, OrderStatus.CANCELLED, "", state.cancelled)
    for decision_id, decision in state.decisions.items():
        status = {"cancel": "line-cancelled", "backorder": "backordered"}[decision["decision"]]
        yield from _tell(policy, document_id, status, decision_id, decision)
    for number, shipment in state.shipments.items():
        yield from _tell(policy, document_id, OrderStatus.SHIPPED, number, shipment)
        if "shipment" in policy.answers:
            yield Compose(f"ship-notice:{number}", "shipment", shipment)
        if "warehouse-shipping-advice" in policy.answers:  # the order is a warehouse order: we are who ships it
            left = {line: str(quantity) for line, quantity in state.open_lines().items()}
            yield Compose(f"advice:{number}", "warehouse-shipping-advice", {**shipment, "left": left})
    for key, withdrawal in state.withdrawn.items():
        yield from _tell(policy, document_id, "shipment-withdrawn", key, withdrawal)
    # Retailers match the invoice to the ship notice: it goes after the first one (STYLE.md's order of documents).
    for number, invoice in state.invoices.items() if state.shipments else ():
        yield from _tell(policy, document_id, OrderStatus.INVOICED, number, invoice)
        if "invoice" in policy.answers:
            yield Compose(f"invoice:{number}", "invoice", invoice)


def _releases(state: OrderState, policy: Policy) -> Iterable[Command]:
    """What a warehouse run by somebody else is to ship. A site of our own is the releasing system's business."""
    for key, release in state.releases.items():
        number = key or str((state.order or {})["order_number"])
        site = release.get("site") or policy.site
        warehouse = policy.warehouses.get(site or "")
        if warehouse is None:
            if site is not None and site not in policy.sites:
                known = ", ".join(sorted(policy.sites)) or "none"
                yield Ask(
                    f"site:{number}:{site}", "release-site-unknown", {"site": site, "number": number, "known": known}
                )
            continue
        if state.cancelled is None or f"release:{number}" in state.given:
            yield Release(f"release:{number}", warehouse, number, "original", {**release, "site": site})
        if state.cancelled is not None and f"release:{number}" in state.given:
            yield Release(f"cancel:{number}", warehouse, number, "cancellation", {**release, "site": site})


def _tell(policy: Policy, document_id: int, status: str, number: str, fact: dict[str, Any]) -> Iterable[Command]:
    for system in policy.inform:
        name = f"inform:{system}:{status}" + (f":{number}" if number else "")
        yield Call(name, system, "update_order", {**fact, "status": status, "document_id": document_id})
