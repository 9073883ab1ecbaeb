"""A stock adjustment's flow, with values alone."""

from __future__ import annotations

from typing import Any

from gateway.flows import stock
from gateway.flows.flow import decide, given

POLICY = stock.Policy(("erp",), "roanoke")
MOVES = [
    {"identifiers": {"supplier_item": "MUG"}, "difference": "-2", "reason": "damaged"},
    {"identifiers": {"sku": "TRAY"}, "difference": "5", "reason": "count"},
]
FACT: dict[str, Any] = {"number": "ADJ-1", "date": "2026-11-20", "movements": MOVES}


def run(times: int, policy: stock.Policy = POLICY) -> list[str]:
    state, names = stock.StockState(), []
    for _ in range(times):
        state = stock.evolve(state, stock.ADJUSTED, FACT)
        commands = decide(state, stock.allowed(state, policy))
        state = given(state, commands)
        names += [command.name for command in commands]
    return names


def test_each_movement_is_owed_once_however_often_it_is_told() -> None:
    assert run(1) == run(3) == ["adjust:erp:1", "adjust:erp:2"]


def test_without_a_site_a_person_is_asked_and_nothing_is_booked() -> None:
    assert run(2, stock.Policy(("erp",), None)) == ["site"]


def test_where_nobody_books_nothing_is_owed() -> None:
    assert run(1, stock.Policy()) == []
