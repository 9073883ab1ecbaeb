"""A return's flow, with values alone."""

from __future__ import annotations

from decimal import Decimal

from gateway.canonical import Quantity, Return, ReturnLine
from gateway.flows import returns
from gateway.flows.flow import decide, given

MUGS = ReturnLine(identifiers={"sku": "MUG"}, quantity=Quantity(value=Decimal("2.0"), unit="each"), reason="damaged")
TRAYS = ReturnLine(identifiers={"sku": "TRAY"}, quantity=Quantity(value=Decimal(1), unit="each"))
RETURN = Return(return_number="R-1", order_number="PO-1", lines=[MUGS, TRAYS])


def test_it_says_what_comes_back_and_why() -> None:
    assert returns.said(RETURN) == {
        "number": "R-1",
        "order_number": "PO-1",
        "reason": "damaged",
        "lines": [{"sku": "MUG", "quantity": "2", "reason": "damaged"}, {"sku": "TRAY", "quantity": "1"}],
    }


def test_it_is_opened_once_in_each_system_however_often_it_is_told() -> None:
    state, names = returns.ReturnState(), []
    for _ in range(3):
        state = returns.evolve(state, returns.REQUESTED, returns.said(RETURN))
        commands = decide(state, returns.allowed(state, returns.Policy(("erp", "crm"))))
        state = given(state, commands)
        names += [command.name for command in commands]
    assert names == ["open:erp", "open:crm"]
