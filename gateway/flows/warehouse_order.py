"""The flow of a warehouse order: one 940 to whoever ships for us, and the shipping advices (945) that answer it.

Theory of operation. As in order.py the state holds facts and nothing depends on the order in which they become known.
Of every line the pieces must add up: ordered = shipped + backordered + cancelled + still open. An advice says of each
line whether the rest follows (`partial`) or not (any other word, or none). Open pieces of a line of which nothing more
is announced are missing: a person decides whether they are backordered or cancelled, and a later advice that ships them
after all takes the question back. An advice that a person puts to another order is withdrawn from this one: it counts
no more, whichever of the two facts is known first. Rules a reviewer can hold this file to:

  * evolve is idempotent, and any permutation of the same facts ends in the same state with the same questions standing.
  * each advice is told to the internal systems once, under its own number.
  * the changes of status are those in MOVES and no other; the diagram in docs/warehouses.md is drawn from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import Field

from gateway.flows import advice
from gateway.flows.commands import Ask, Call, Command
from gateway.flows.flow import FlowState

KIND = "warehouse-order"
FOLLOWS = "partial"  # the one line status that announces the rest


class WarehouseOrderStatus(StrEnum):
    """Where a warehouse order stands, derived from its facts."""

    UNKNOWN = "unknown"  # something spoke of it, it was not released yet
    RELEASED = "released"  # the warehouse has it, or will
    PARTLY_SHIPPED = "partly-shipped"  # the rest is announced, or nothing was said of it
    SHORT = "short"  # pieces are neither shipped nor announced: a person decides
    SHIPPED = "shipped"  # every piece
    SETTLED = "settled"  # every piece is accounted for; some are backordered or cancelled
    CANCELLED = "cancelled"  # we took it back before anything was shipped
    SHIPPED_ALL_THE_SAME = "shipped-all-the-same"  # we took it back, and something was shipped: a person decides


class WarehouseOrderState(FlowState):
    """The facts of one warehouse order."""

    released: dict[str, Any] | None = None  # document_id, order (its flow), lines {line: quantity}, items {line: words}
    cancelled: bool = False
    shipments: dict[str, dict[str, Any]] = Field(default_factory=dict)  # shipment (advice.name_of) -> fact
    withdrawn: tuple[str, ...] = ()  # shipments that belong to another order after all
    decisions: dict[str, dict[str, Any]] = Field(default_factory=dict)  # decision id -> line, quantity, decision

    @property
    def ids(self) -> dict[str, str]:
        """What our systems call the order it belongs to."""
        return dict((self.released or {}).get("ids", {}))

    @property
    def status(self) -> WarehouseOrderStatus:
        if self.released is None:
            return WarehouseOrderStatus.UNKNOWN
        if self.cancelled:
            some = WarehouseOrderStatus.SHIPPED_ALL_THE_SAME
            return some if self.shipped() else WarehouseOrderStatus.CANCELLED
        if not self.open():
            return WarehouseOrderStatus.SETTLED if self.decisions else WarehouseOrderStatus.SHIPPED
        if self.missing():
            return WarehouseOrderStatus.SHORT
        return WarehouseOrderStatus.PARTLY_SHIPPED if self.shipped() else WarehouseOrderStatus.RELEASED

    def ordered(self) -> dict[str, Decimal]:
        return {line: Decimal(quantity) for line, quantity in (self.released or {}).get("lines", {}).items()}

    def shipped(self) -> dict[str, Decimal]:
        """Line -> pieces that left, over all advices."""
        return _sum((line, quantity) for fact in self.shipments.values() for line, quantity in fact["lines"].items())

    def open(self) -> dict[str, Decimal]:
        """Line -> pieces that are neither shipped nor decided on."""
        shipped = self.shipped()
        decided = _sum((one["line"], one["quantity"]) for one in self.decisions.values())
        left = {line: n - shipped.get(line, _0) - decided.get(line, _0) for line, n in self.ordered().items()}
        return {line: n for line, n in left.items() if n > 0}

    def missing(self) -> dict[str, Decimal]:
        """The open pieces of lines that some advice called finished."""
        finished = {
            line
            for fact in self.shipments.values()
            for line, status in fact.get("statuses", {}).items()
            if status != FOLLOWS
        }
        return {line: n for line, n in self.open().items() if line in finished}

    def excess(self) -> dict[str, Decimal]:
        """Line -> pieces shipped beyond what was ordered."""
        ordered = self.ordered()
        return {line: n - ordered.get(line, _0) for line, n in self.shipped().items() if n > ordered.get(line, _0)}


_0 = Decimal(0)


def _sum(pairs: Iterable[tuple[str, Any]]) -> dict[str, Decimal]:
    total: dict[str, Decimal] = {}
    for line, quantity in pairs:
        total[line] = total.get(line, _0) + Decimal(quantity)
    return {line: n for line, n in total.items() if n > 0}


@dataclass(frozen=True, slots=True)
class Policy:
    """Who is told, looked up before the flow is asked."""

    post_to: tuple[str, ...] = ()  # systems that book what left the warehouse
    settle_in: tuple[str, ...] = ()  # systems that are told what becomes of missing pieces


RELEASED, CANCELLED = "warehouse-order.released", "warehouse-order.cancelled"
SHIPPED, WITHDRAWN, DECIDED = "shipment.confirmed", "shipment.withdrawn", "shortage.decided"

_S = WarehouseOrderStatus
_ALL = frozenset(set(_S) - {_S.UNKNOWN})
MOVES: Mapping[tuple[WarehouseOrderStatus, str], frozenset[WarehouseOrderStatus]] = {
    (_S.UNKNOWN, RELEASED): _ALL,  # what became known before counts from here on
    (_S.RELEASED, SHIPPED): frozenset({_S.PARTLY_SHIPPED, _S.SHORT, _S.SHIPPED, _S.SETTLED}),
    (_S.RELEASED, DECIDED): frozenset({_S.SETTLED}),
    (_S.RELEASED, CANCELLED): frozenset({_S.CANCELLED}),
    (_S.PARTLY_SHIPPED, SHIPPED): frozenset({_S.SHORT, _S.SHIPPED, _S.SETTLED}),
    (_S.PARTLY_SHIPPED, DECIDED): frozenset({_S.SETTLED}),
    (_S.PARTLY_SHIPPED, CANCELLED): frozenset({_S.SHIPPED_ALL_THE_SAME}),
    (_S.SHORT, SHIPPED): frozenset({_S.PARTLY_SHIPPED, _S.SHIPPED, _S.SETTLED}),  # it was shipped after all
    (_S.SHORT, DECIDED): frozenset({_S.RELEASED, _S.PARTLY_SHIPPED, _S.SETTLED}),
    (_S.SHORT, CANCELLED): frozenset({_S.CANCELLED, _S.SHIPPED_ALL_THE_SAME}),
    (_S.SHIPPED, DECIDED): frozenset({_S.SETTLED}),  # a decision that crossed the last advice
    (_S.SHIPPED, CANCELLED): frozenset({_S.SHIPPED_ALL_THE_SAME}),
    (_S.SETTLED, CANCELLED): frozenset({_S.CANCELLED, _S.SHIPPED_ALL_THE_SAME}),
    (_S.CANCELLED, SHIPPED): frozenset({_S.SHIPPED_ALL_THE_SAME}),
    (_S.PARTLY_SHIPPED, WITHDRAWN): frozenset({_S.RELEASED, _S.SHORT}),
    (_S.SHORT, WITHDRAWN): frozenset({_S.RELEASED, _S.PARTLY_SHIPPED}),
    (_S.SHIPPED, WITHDRAWN): frozenset({_S.RELEASED, _S.PARTLY_SHIPPED, _S.SHORT}),
    (_S.SETTLED, WITHDRAWN): frozenset({_S.RELEASED, _S.PARTLY_SHIPPED, _S.SHORT}),
    (_S.SHIPPED_ALL_THE_SAME, WITHDRAWN): frozenset({_S.CANCELLED}),
}
"""What each event can make of each status; whatever is not here leaves it as it is.

The status follows from the facts alone, so this is no switch but a promise: a test walks through every combination of
facts and finds these moves and no other.
"""


def evolve(state: WarehouseOrderState, event: str, data: dict[str, Any]) -> WarehouseOrderState:
    """The state after one more fact; events that are none of this flow's business change nothing."""
    if event == RELEASED and state.released is None:
        return state.model_copy(update={"released": data})
    if event == CANCELLED:
        return state.model_copy(update={"cancelled": True})
    if event == SHIPPED and (name := advice.name_of(data)) not in (*state.shipments, *state.withdrawn):
        return state.model_copy(update={"shipments": dict(sorted({**state.shipments, name: data}.items()))})
    if event == WITHDRAWN:
        name = advice.name_of(data)
        left = {known: fact for known, fact in state.shipments.items() if known != name}
        return state.model_copy(update={"shipments": left, "withdrawn": tuple(sorted({*state.withdrawn, name}))})
    if event == DECIDED and data["id"] not in state.decisions:
        return state.model_copy(update={"decisions": dict(sorted({**state.decisions, data["id"]: data}.items()))})
    return state


ADVICE = "advice"  # what a warehouse owes us


def awaited(state: WarehouseOrderState) -> frozenset[str]:
    """What the warehouse owes us now: a first word of what became of the order."""
    silent = state.released is not None and not state.cancelled and not state.shipments
    return frozenset({ADVICE}) if silent else frozenset()


def allowed(state: WarehouseOrderState, policy: Policy) -> Iterable[Command]:
    """Every command the facts allow, and every question that stands."""
    if state.released is None:
        return
    for name, fact in state.shipments.items():
        for system in policy.post_to if fact["lines"] else ():
            yield Call(f"post:{system}:{name}", system, "post_shipment", fact)
    for decision_id, decision in state.decisions.items():
        for system in policy.settle_in:
            yield Call(f"settle:{system}:{decision_id}", system, "settle_shortage", decision)
    if state.status is WarehouseOrderStatus.SHIPPED_ALL_THE_SAME:
        data = {"shipments": _numbers(state), "number": state.released["number"]}
        yield Ask("shipped-though-cancelled", "shipped-though-cancelled", data)
        return
    for line, quantity in ({} if state.cancelled else state.missing()).items():
        yield Ask(f"short:{line}:{quantity}", "shipped-short", _about(state, line, quantity))
    for line, quantity in state.excess().items():
        yield Ask(f"excess:{line}:{quantity}", "shipped-in-excess", _about(state, line, quantity))


def _about(state: WarehouseOrderState, line: str, quantity: Decimal) -> dict[str, Any]:
    released = state.released or {}
    reasons = {fact["reasons"][line] for fact in state.shipments.values() if line in fact.get("reasons", {})}
    return {
        "number": released.get("number"),
        "line": line,
        "item": released.get("items", {}).get(line, f"line {line}"),
        "ordered": str(state.ordered().get(line, _0)),
        "shipped": str(state.shipped().get(line, _0)),
        "quantity": str(quantity),
        "reason": ", ".join(sorted(reasons)) or "no reason given",
        "shipments": _numbers(state),
    }


def _numbers(state: WarehouseOrderState) -> str:
    return ", ".join(fact["number"] for fact in state.shipments.values())


def diagram() -> str:
    """The warehouse order's life as a Mermaid state diagram."""
    rows = [
        f"    {was.name} --> {now.name}: {event}" for (was, event), after in MOVES.items() for now in _S if now in after
    ]
    return "\n".join(["stateDiagram-v2", *rows])


if __name__ == "__main__":
    import sys

    sys.stdout.write(diagram() + "\n")
