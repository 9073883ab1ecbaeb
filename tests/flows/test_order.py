"""The order flow, tested with values alone."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from gateway.flows import order
from gateway.flows.commands import Ask, Call, Command, Compose, Release
from gateway.flows.flow import decide, given
from gateway.flows.order import OrderState, OrderStatus, Policy

POLICY = Policy(("erp",), ("crm",), frozenset({"order-response", "shipment", "invoice"}))
RECEIVED = ("order.received", {"document_id": 7, "order_number": "PO1", "lines": {"1": "24", "2": "6"}})
SUBMITTED = ("order.submitted", {"system": "erp", "ref": "S-100"})
ACCEPTED = ("order.accepted", {"system": "erp", "ids": {"erp": "S-99", "crm": "77"}})
SHIPPED_PART = ("shipment.confirmed", {"number": "SH1", "lines": {"1": "18"}})
SHIPPED_REST = ("shipment.confirmed", {"number": "SH2", "lines": {"1": "6", "2": "6"}})
INVOICED = ("invoice.issued", {"number": "INV1"})
STORY = [RECEIVED, SUBMITTED, ACCEPTED, SHIPPED_PART, SHIPPED_REST, INVOICED]

Fact = tuple[str, dict[str, Any]]


def run(facts: list[Fact], policy: Policy = POLICY) -> tuple[OrderState, list[Command]]:
    state, commands = OrderState(), []
    for event, data in facts:
        state = order.evolve(state, event, data)
        new = decide(state, order.allowed(state, policy))
        commands += new
        state = given(state, new)
    return state, commands


def names(commands: list[Command]) -> list[str]:
    return [command.name for command in commands]


def test_the_story_in_its_natural_order() -> None:
    state, commands = run(STORY)
    assert state.status is OrderStatus.INVOICED
    assert names(commands) == [
        "submit:erp",
        "inform:crm:received",
        "inform:crm:accepted",
        "answer",
        "inform:crm:shipped:SH1",
        "ship-notice:SH1",
        "inform:crm:shipped:SH2",
        "ship-notice:SH2",
        "inform:crm:invoiced:INV1",
        "invoice:INV1",
    ]


def test_any_permutation_of_the_facts_ends_the_same() -> None:
    state, commands = run(STORY)
    for facts in permutations(STORY):
        other, others = run(list(facts))
        assert other == state
        assert sorted(names(others)) == sorted(names(commands))


@drawn(st.lists(st.sampled_from(STORY), max_size=12))
def test_a_fact_told_twice_changes_nothing(facts: list[Fact]) -> None:
    once: list[Fact] = []
    for fact in facts:
        if fact not in once:
            once.append(fact)
    assert run(facts) == run(once)


def test_a_shipment_before_the_acceptance_waits() -> None:
    _, commands = run([RECEIVED, SHIPPED_PART])
    assert not [c for c in commands if isinstance(c, Compose)]


def test_nothing_is_owed_for_an_order_we_never_saw() -> None:
    state, commands = run([ACCEPTED, SHIPPED_PART])
    assert (state.status, commands) == (OrderStatus.UNKNOWN, [])


def test_a_part_shipment_leaves_the_rest_open() -> None:
    state, _ = run(STORY[:4])
    assert state.status is OrderStatus.PARTLY_SHIPPED
    assert {line: str(left) for line, left in state.open_lines().items()} == {"1": "6", "2": "6"}


RELEASED = ("order.released", {"number": "WO-1", "system": "erp"})
CANCELLED = ("order.cancelled", {"system": "erp", "reason": "customer"})
SITES = Policy(site="reno", warehouses={"reno": "summit"}, sites=frozenset({"reno", "newark"}))


def test_the_agreements_site_ships_unless_the_release_names_another() -> None:
    _, commands = run([RECEIVED, ACCEPTED, RELEASED], SITES)
    assert [(c.warehouse, c.number) for c in commands if isinstance(c, Release)] == [("summit", "WO-1")]
    own = ("order.released", {"number": "WO-1", "site": "newark"})
    assert names(run([RECEIVED, ACCEPTED, own], SITES)[1]) == []
    nowhere = ("order.released", {"number": "WO-1", "site": "atlantis"})
    assert names(run([RECEIVED, ACCEPTED, nowhere], SITES)[1]) == ["site:WO-1:atlantis"]


def test_any_permutation_of_release_and_acceptance_releases_once() -> None:
    for facts in permutations([RECEIVED, ACCEPTED, RELEASED, RELEASED]):
        assert names(run(list(facts), SITES)[1]) == ["release:WO-1"]


def test_what_was_released_is_taken_back_and_what_was_not_never_goes() -> None:
    assert names(run([RECEIVED, ACCEPTED, RELEASED, CANCELLED], SITES)[1]) == ["release:WO-1", "cancel:WO-1"]
    assert names(run([RECEIVED, ACCEPTED, CANCELLED, RELEASED], SITES)[1]) == []


def test_a_partner_who_takes_an_order_back_stops_the_system_that_has_it() -> None:
    taken_back = ("order.cancelled", {"document_id": 8})
    policy = Policy(submit_to=("erp",), cancel_in=("erp",))
    assert names(run([RECEIVED, taken_back, SUBMITTED], policy)[1]) == ["submit:erp", "cancel:erp"]
    assert names(run([RECEIVED, SUBMITTED, CANCELLED], policy)[1]) == ["submit:erp"]  # it said so itself


def test_a_refusal_asks_a_person_and_a_later_submission_settles_it() -> None:
    refusal = ("order.refused", {"system": "erp", "message": "customer is blocked"})
    state, commands = run([RECEIVED, refusal])
    assert state.status is OrderStatus.REFUSED
    assert next(c for c in commands if isinstance(c, Ask)).code == "order-refused-by-system"
    state, _ = run([RECEIVED, refusal, SUBMITTED])
    assert state.status is OrderStatus.SUBMITTED


def test_ids_told_with_the_acceptance_stand_beside_those_the_systems_gave() -> None:
    assert run([RECEIVED, ACCEPTED])[0].ids == {"erp": "S-99", "crm": "77"}
    for facts in permutations([RECEIVED, ACCEPTED, SUBMITTED]):
        assert run(list(facts))[0].ids == {"erp": "S-100", "crm": "77"}


def test_a_rejection_is_answered_and_its_shipment_is_asked_about() -> None:
    state, commands = run([RECEIVED, ("order.rejected", {"reason": "discontinued"}), SHIPPED_PART])
    assert state.status is OrderStatus.REJECTED
    answer = next(c for c in commands if isinstance(c, Compose))
    assert answer.fact["decision"] == "reject"
    assert "shipped-though-rejected" in names(commands)


def test_a_partner_who_takes_no_answer_gets_none() -> None:
    _, commands = run(STORY, Policy(("erp",)))
    assert all(isinstance(c, Call) and c.operation == "submit_order" for c in commands)


def test_what_the_partner_waits_for_does_not_depend_on_the_order_of_the_facts() -> None:
    facts = [RECEIVED, SHIPPED_PART, ("invoice.issued", {"number": "I1"})]
    for told in permutations(facts):
        state, _ = run(list(told))
        assert order.awaited(state, POLICY.answers) == {"order-response", "shipment:SH1"}
        assert order.awaited(state, frozenset({"invoice"})) == frozenset()
    assert order.awaited(run([*facts, ACCEPTED])[0], POLICY.answers) == frozenset()


@pytest.mark.parametrize("event", ["inventory.adjusted", "document.confirmed"])
def test_events_of_other_flows_change_nothing(event: str) -> None:
    assert order.evolve(OrderState(), event, {}) == OrderState()
