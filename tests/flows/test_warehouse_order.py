"""The warehouse order's flow, tested with values alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from gateway.flows import warehouse_order as flow
from gateway.flows.commands import Ask, Call, Command, Settle
from gateway.flows.flow import decide, given
from gateway.flows.warehouse_order import MOVES, Policy, WarehouseOrderState, WarehouseOrderStatus

Fact = tuple[str, dict[str, Any]]
POLICY = Policy(("erp",), ("erp",))
RELEASED: Fact = (
    flow.RELEASED,
    {"number": "SO-1", "document_id": 3, "order": ["order", "hp/1"], "lines": {"1": "24", "2": "6"}, "ids": {}},
)
CANCELLED: Fact = (flow.CANCELLED, {})


def shipped(number: str, lines: dict[str, str], statuses: dict[str, str]) -> Fact:
    return (flow.SHIPPED, {"number": number, "lines": lines, "statuses": statuses, "document_id": 9})


def decided(name: str, line: str, quantity: str, decision: str = "backorder") -> Fact:
    return (flow.DECIDED, {"id": name, "line": line, "quantity": quantity, "decision": decision})


FULL = shipped("S1", {"1": "24", "2": "6"}, {"1": "complete", "2": "complete"})
PART = shipped("S2", {"1": "18"}, {"1": "partial"})
REST = shipped("S3", {"1": "6", "2": "6"}, {"1": "complete", "2": "complete"})
SHORT = shipped("S4", {"1": "18", "2": "6"}, {"1": "short", "2": "complete"})
NOTHING = shipped("S5", {}, {"1": "short", "2": "cancelled"})
NONE_OF_1 = shipped("S7", {}, {"1": "short"})
NONE_OF_2 = shipped("S8", {}, {"2": "short"})
SIX, TWO, WHOLE = decided("W-1", "1", "6"), decided("W-2", "2", "6", "cancel"), decided("W-3", "1", "24")
ALL = [RELEASED, CANCELLED, FULL, PART, REST, SHORT, NOTHING, NONE_OF_1, NONE_OF_2, SIX, TWO, WHOLE]
BEFORE = [RELEASED, CANCELLED, SIX, TWO, FULL, PART, SHORT, NONE_OF_1]
WITHDRAWN = [(flow.WITHDRAWN, {"number": data["number"]}) for event, data in BEFORE if event == flow.SHIPPED]


def run(*facts: Fact) -> tuple[WarehouseOrderState, list[Command]]:
    state, commands = WarehouseOrderState(), []
    for event, data in facts:
        state = flow.evolve(state, event, data)
        new = decide(state, flow.allowed(state, POLICY))
        commands += new
        state = given(state, new)
    return state, commands


def names(commands: list[Command], kind: type[Command]) -> list[str]:
    return [command.name for command in commands if isinstance(command, kind)]


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ([], WarehouseOrderStatus.UNKNOWN),
        ([RELEASED], WarehouseOrderStatus.RELEASED),
        ([RELEASED, FULL], WarehouseOrderStatus.SHIPPED),
        ([RELEASED, PART], WarehouseOrderStatus.PARTLY_SHIPPED),
        ([RELEASED, PART, REST], WarehouseOrderStatus.SHIPPED),
        ([RELEASED, SHORT], WarehouseOrderStatus.SHORT),
        ([RELEASED, NOTHING], WarehouseOrderStatus.SHORT),
        ([RELEASED, SHORT, decided("W-1", "1", "6")], WarehouseOrderStatus.SETTLED),
        ([RELEASED, CANCELLED], WarehouseOrderStatus.CANCELLED),
        ([RELEASED, CANCELLED, FULL], WarehouseOrderStatus.SHIPPED_ALL_THE_SAME),
    ],
)
def test_a_warehouse_order_stands_where_its_facts_put_it(facts: list[Fact], status: WarehouseOrderStatus) -> None:
    state, _ = run(*facts)
    assert state.status is status


@drawn(st.lists(st.sampled_from(ALL), unique_by=str), st.randoms())
def test_any_order_of_arrival_ends_the_same(facts: list[Fact], dice: Any) -> None:
    """The same facts, the same questions standing; and an advice is posted once, whatever came before it."""
    mixed = list(facts)
    dice.shuffle(mixed)
    (one, commands), (other, others) = run(*facts), run(*mixed)
    assert one == other
    assert sorted(names(commands, Call)) == sorted(names(others, Call))


@drawn(st.lists(st.sampled_from([*BEFORE, *WITHDRAWN]), unique_by=str), st.randoms())
def test_a_withdrawn_shipment_counts_no_more_whichever_was_known_first(facts: list[Fact], dice: Any) -> None:
    mixed = list(facts)
    dice.shuffle(mixed)
    (one, _), (other, _) = run(*facts), run(*mixed)
    assert (one.status, one.shipments, one.asked) == (other.status, other.shipments, other.asked)
    gone = {data["number"] for event, data in facts if event == flow.WITHDRAWN}
    never = run(*[fact for fact in facts if fact[0] != flow.WITHDRAWN and fact[1].get("number") not in gone])[0]
    assert (one.status, one.shipments, one.asked) == (never.status, never.shipments, never.asked)


def test_a_shipment_that_comes_back_is_posted_anew_under_a_name_of_its_own() -> None:
    back = (flow.SHIPPED, {**FULL[1], "match": 2})
    state, commands = run(RELEASED, FULL, WITHDRAWN[0], FULL, back, back)
    assert names(commands, Call) == ["post:erp:S1", "post:erp:S1#2"]
    assert state.status is WarehouseOrderStatus.SHIPPED


@drawn(st.lists(st.sampled_from(ALL), max_size=14))
def test_a_fact_told_twice_changes_nothing(facts: list[Fact]) -> None:
    once = [fact for n, fact in enumerate(facts) if fact not in facts[:n]]
    assert run(*facts) == run(*once)


@drawn(st.lists(st.sampled_from(ALL), unique_by=str))
def test_the_pieces_of_a_line_always_add_up(facts: list[Fact]) -> None:
    """ordered = shipped + decided + open, less what was shipped in excess."""
    state, _ = run(RELEASED, *facts)
    for line, ordered in state.ordered().items():
        decided_on = sum(int(one["quantity"]) for one in state.decisions.values() if one["line"] == line)
        accounted = state.shipped().get(line, 0) + decided_on + state.open().get(line, 0)
        assert accounted == ordered or (accounted > ordered and line not in state.open())


def test_missing_pieces_are_asked_about_once_in_the_words_of_the_desk() -> None:
    _, commands = run(RELEASED, SHORT, SHORT)
    (ask,) = [command for command in commands if isinstance(command, Ask)]
    said = [ask.data[name] for name in ("ordered", "shipped", "quantity")]
    assert (ask.code, said) == ("shipped-short", ["24", "18", "6"])


def test_a_later_advice_takes_the_question_back() -> None:
    late = shipped("S6", {"1": "6"}, {"1": "complete"})
    state, commands = run(RELEASED, SHORT, late)
    assert names(commands, Settle) == ["short:1:6"]
    assert (state.status, state.asked) == (WarehouseOrderStatus.SHIPPED, ())
    assert run(RELEASED, late, SHORT)[0] == state


def test_a_decision_settles_the_question_and_is_told_once() -> None:
    state, commands = run(RELEASED, SHORT, decided("W-1", "1", "6"))
    assert (state.asked, names(commands, Settle)) == ((), ["short:1:6"])
    assert names(commands, Call) == ["post:erp:S4", "settle:erp:W-1"]


def test_an_advice_that_ships_nothing_is_not_posted() -> None:
    _, commands = run(RELEASED, NOTHING)
    assert names(commands, Call) == []
    assert sorted(names(commands, Ask)) == ["short:1:24", "short:2:6"]


def test_more_than_was_ordered_is_asked_about() -> None:
    _, commands = run(RELEASED, FULL, REST)
    assert sorted(names(commands, Ask)) == ["excess:1:6", "excess:2:6"]


def test_nothing_is_owed_for_a_warehouse_order_that_was_not_released() -> None:
    _, commands = run(SHORT, decided("W-1", "1", "6"))
    assert commands == []


def test_the_moves_of_the_table_happen_and_no_other() -> None:
    """Walked through from the beginning: every set of facts, and every fact on top of it."""
    seen = walked(ALL) | walked([*BEFORE, *WITHDRAWN])
    assert seen == {(was, event, now) for (was, event), after in MOVES.items() for now in after}


def walked(facts: list[Fact]) -> set[tuple[WarehouseOrderStatus, str, WarehouseOrderStatus]]:
    seen: set[tuple[WarehouseOrderStatus, str, WarehouseOrderStatus]] = set()
    new, known = [WarehouseOrderState()], set()
    while new:
        state = new.pop()
        for event, data in facts:
            after = flow.evolve(state, event, data)
            if after.status is not state.status:
                seen.add((state.status, event, after.status))
            if (name := after.model_dump_json()) not in known:
                known.add(name)
                new.append(after)
    return seen


def test_the_page_shows_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "warehouses.md").read_text()
    assert f"```mermaid\n{flow.diagram()}\n```" in page
