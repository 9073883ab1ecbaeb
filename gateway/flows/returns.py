"""The flow of a return: what a partner wants to send back is opened once in every system that handles returns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateway.canonical import Return
from gateway.flows.commands import Call, Command
from gateway.flows.flow import FlowState

KIND = Return.kind
REQUESTED = "return.requested"


class ReturnState(FlowState):
    """The facts of one return."""

    requested: dict[str, Any] | None = None  # number, order_number, reason, lines

    @property
    def ids(self) -> dict[str, str]:
        return {}


@dataclass(frozen=True, slots=True)
class Policy:
    """Who handles returns, looked up before the flow is asked."""

    open_in: tuple[str, ...] = ()


def said(document: Return) -> dict[str, Any]:
    """The return as data: of each line the article, the pieces, and why they come back."""
    lines = [
        {
            "sku": next(iter(line.identifiers.values()), ""),
            "quantity": format(line.quantity.value.normalize(), "f"),
            **{name: value for name in ("line_number", "reason", "disposition") if (value := getattr(line, name))},
        }
        for line in document.lines
    ]
    reasons = ", ".join(dict.fromkeys(line["reason"] for line in lines if "reason" in line))
    whole = {"order_number": document.order_number, "reason": reasons}
    return {"number": document.key(), "lines": lines, **{name: value for name, value in whole.items() if value}}


def evolve(state: ReturnState, event: str, data: dict[str, Any]) -> ReturnState:
    """The state after one more fact; the first request under a number counts."""
    if event == REQUESTED and state.requested is None:
        return state.model_copy(update={"requested": data})
    return state


def allowed(state: ReturnState, policy: Policy) -> Iterable[Command]:
    """It is opened in each system."""
    if state.requested is not None:
        for system in policy.open_in:
            yield Call(f"open:{system}", system, "open_return", state.requested)
