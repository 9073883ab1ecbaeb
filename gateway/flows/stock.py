"""The flow of stock in a warehouse that others run: what changed besides shipping is booked, piece by piece, once.

A warehouse counts, damages, finds (947), and receives (944). Either report is a list of movements, and each movement is
owed to every system that keeps stock, under the number of the report and its place in it: told twice, it books once.
What came in damaged, short or wrong is nobody's stock; a person is told of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import AliasChoices, Field

from gateway.canonical import InventoryAdjustment, StockReceipt, StockTransfer
from gateway.flows.commands import Ask, Call, Command
from gateway.flows.flow import FlowState

KINDS = frozenset({InventoryAdjustment.kind, StockReceipt.kind})
ADJUSTED, RECEIVED, ANNOUNCED = "inventory.adjusted", "inventory.received", "inventory.announced"
CAME_IN = "received"  # the reason of a movement that is an arrival


class StockState(FlowState):
    """The facts of one report."""

    reported: dict[str, Any] | None = Field(  # number, date, movements; of a receipt also exceptions
        default=None, validation_alias=AliasChoices("reported", "adjusted")
    )

    @property
    def ids(self) -> dict[str, str]:
        return {}


@dataclass(frozen=True, slots=True)
class Policy:
    """Who books, looked up before the flow is asked."""

    book_in: tuple[str, ...] = ()
    site: str | None = None  # the site of ours this warehouse runs


def said(report: InventoryAdjustment | StockReceipt) -> dict[str, Any]:
    """The report as data: of each movement the article, the pieces that came or went, and why."""
    if isinstance(report, StockReceipt):
        movements = [_movement(one, one.received, CAME_IN) for one in report.lines if one.received]
        exceptions = [
            {"item": _name(line.identifiers), "quantity": _plain(one.quantity), "reason": one.reason}
            for line in report.lines
            for one in line.exceptions
        ]
        order = {"order_number": report.depositor_order_number} if report.depositor_order_number else {}
        date = report.received.date.isoformat()
        return {"number": report.key(), "date": date, **order, "movements": movements, "exceptions": exceptions}
    movements = [_movement(one, one.quantity, one.reason) for one in report.movements]
    return {"number": report.key(), "date": report.adjusted.date.isoformat(), "movements": movements}


def announced(transfer: StockTransfer) -> dict[str, Any]:
    """A stock transfer as data: what is on its way, and when it should be there. It moves nothing yet."""
    goods = [{"item": _name(one.identifiers), "quantity": _plain(one.quantity.value)} for one in transfer.lines]
    expected = {"expected": transfer.expected.isoformat()} if transfer.expected else {}
    return {"number": transfer.key(), **expected, "goods": goods}


def _movement(line: Any, quantity: Decimal, reason: str) -> dict[str, Any]:
    more = {name: value for name in ("unit", "lot") if (value := getattr(line, name))}
    return {"identifiers": dict(line.identifiers), "difference": _plain(quantity), "reason": reason, **more}


def _plain(quantity: Decimal) -> str:
    return format(quantity.normalize(), "f")


def _name(identifiers: dict[str, str]) -> str:
    return next(iter(identifiers.values()), "an article without a number")


def evolve(state: StockState, event: str, data: dict[str, Any]) -> StockState:
    """The state after one more fact; the first report of a number counts."""
    if event in (ADJUSTED, RECEIVED) and state.reported is None:
        return state.model_copy(update={"reported": data})
    return state


def allowed(state: StockState, policy: Policy) -> Iterable[Command]:
    """A booking for each movement; a question where nobody knows which site of ours the warehouse runs."""
    if state.reported is None:
        return
    if exceptions := state.reported.get("exceptions"):
        told = ", ".join(f"{one['quantity']} of {one['item']} {one['reason']}" for one in exceptions)
        order = state.reported.get("order_number", "not known")
        yield Ask("exceptions", "received-with-exceptions", {**_number(state), "told": told, "order_number": order})
    if not policy.book_in:
        return
    if policy.site is None:
        yield Ask("site", "stock-site-unknown", _number(state))
        return
    for n, movement in enumerate(state.reported["movements"], 1):
        data = {**movement, "site": policy.site, "sku": _name(movement["identifiers"]), "date": state.reported["date"]}
        for system in policy.book_in:
            yield Call(f"adjust:{system}:{n}", system, "adjust_inventory", data)


def _number(state: StockState) -> dict[str, Any]:
    reported = state.reported or {}
    return {"number": reported["number"], "document": reported.get("document_id")}
