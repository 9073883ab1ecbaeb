"""The flow of what a warehouse reports of its stock, with values alone."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from gateway.canonical import Moment, ReceivedLine, ReceivingException, StockReceipt
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


RECEIPT = StockReceipt(
    receipt_number="WR-1",
    depositor_order_number="TR-3",
    received=Moment(date=dt.date(2026, 11, 20)),
    lines=[
        ReceivedLine(
            identifiers={"sku": "MUG"},
            received=Decimal("238"),
            lot="L1",
            exceptions=[ReceivingException(quantity=Decimal(2), reason="damaged")],
        ),
        ReceivedLine(identifiers={"sku": "TRAY"}, received=Decimal(0)),
    ],
)


def test_what_came_in_is_booked_and_what_is_damaged_is_told_to_a_person() -> None:
    said = stock.said(RECEIPT)
    assert said["movements"] == [
        {"identifiers": {"sku": "MUG"}, "difference": "238", "reason": "received", "lot": "L1"}
    ]
    commands = decide(stock.StockState(), stock.allowed(stock.evolve(stock.StockState(), stock.RECEIVED, said), POLICY))
    assert [command.name for command in commands] == ["exceptions", "adjust:erp:1"]
    assert commands[0].data["told"] == "2 of MUG damaged"
    assert commands[0].data["order_number"] == "TR-3"


def test_a_state_stored_before_receipts_were_known_is_still_read() -> None:
    old = stock.StockState.model_validate({"adjusted": FACT, "given": ["adjust:erp:1", "adjust:erp:2"]})
    assert decide(old, stock.allowed(old, POLICY)) == []
    assert stock.StockState.model_validate_json(old.model_dump_json(exclude_defaults=True)) == old
