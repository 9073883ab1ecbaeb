"""The flow of a stock adjustment: what changed in a warehouse besides shipping is booked, piece by piece, once.

A warehouse counts, damages, finds; its report (947) is one adjustment of several movements. Each movement is owed to
every system that keeps stock, under the number of the adjustment and its place in it: a report told twice books once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateway.canonical import InventoryAdjustment
from gateway.flows.commands import Ask, Call, Command
from gateway.flows.flow import FlowState

KIND = "inventory-adjustment"
ADJUSTED = "inventory.adjusted"


class StockState(FlowState):
    """The facts of one adjustment."""

    adjusted: dict[str, Any] | None = None  # number, date, movements

    @property
    def ids(self) -> dict[str, str]:
        return {}


@dataclass(frozen=True, slots=True)
class Policy:
    """Who books, looked up before the flow is asked."""

    book_in: tuple[str, ...] = ()
    site: str | None = None  # the site of ours this warehouse runs


def said(adjustment: InventoryAdjustment) -> dict[str, Any]:
    """The adjustment as data: of each movement the article, the pieces that came or went, and why."""
    movements = [
        {
            "identifiers": dict(one.identifiers),
            "difference": format(one.quantity.normalize(), "f"),
            "reason": one.reason,
            **({"unit": one.unit} if one.unit else {}),
            **({"lot": one.lot} if one.lot else {}),
        }
        for one in adjustment.movements
    ]
    return {"number": adjustment.key(), "date": adjustment.adjusted.date.isoformat(), "movements": movements}


def evolve(state: StockState, event: str, data: dict[str, Any]) -> StockState:
    """The state after one more fact; the first report of a number counts."""
    if event == ADJUSTED and state.adjusted is None:
        return state.model_copy(update={"adjusted": data})
    return state


def allowed(state: StockState, policy: Policy) -> Iterable[Command]:
    """A booking for each movement; a question where nobody knows which site of ours the warehouse runs."""
    if state.adjusted is None or not policy.book_in:
        return
    if policy.site is None:
        yield Ask("site", "stock-site-unknown", {"number": state.adjusted["number"]})
        return
    for n, movement in enumerate(state.adjusted["movements"], 1):
        sku = next(iter(movement["identifiers"].values()))
        data = {**movement, "site": policy.site, "sku": sku, "date": state.adjusted["date"]}
        for system in policy.book_in:
            yield Call(f"adjust:{system}:{n}", system, "adjust_inventory", data)
