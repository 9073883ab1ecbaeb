"""When a call is repeated, and when it is looked up first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pipeline_road import Road
from road_documents import interchange, order

from gateway.pipeline import deliver
from gateway.pipeline.deliver import Arrived, TryAgain, TurnedDown
from gateway.store import lease, schema
from gateway.store.engine import Record
from gateway.store.retry import RetryAt
from gateway.systems import connector
from gateway.worker.road import deliveries


class Witness:
    """Stands where a connector stands, and keeps what it is told: what is sent is the connector suite's business."""

    name, lane, supports = "erp", "production", frozenset(connector.Operation)

    def __init__(self) -> None:
        self.commands: list[connector.Command] = []
        self.outcome: connector.Outcome = connector.Retry("down")

    def apply(self, command: connector.Command) -> connector.Outcome:
        self.commands.append(command)
        return self.outcome

    def find(self, command: connector.Command) -> connector.Found:
        self.commands.append(command)
        return connector.Found({})


def submit(road: Road) -> Record:
    """The delivery of an order to the ERP, claimed."""
    with road.store.begin() as tx:
        (row,) = lease.claim(tx, schema.delivery, "deliver", "test", 1, 60_000_000, target="erp")
    return row


@pytest.fixture
def called(road: Road) -> Road:
    road.receive(interchange([order()]))
    road.work()
    return road


def end(road: Road, row: Record, what: deliver.End) -> None:
    with road.store.begin() as tx:
        again = RetryAt(tx.now) if isinstance(what, TryAgain) else None
        ((_, values),) = deliver.record(tx, road.house, [deliver.Tried(row, what)])
        if again:
            lease.fail(tx, schema.delivery, row, due_at=tx.now, error="", values=values)
        else:
            lease.complete(tx, schema.delivery, [row], [values])


def uncertain(row: Record) -> bool:
    return deliver._is_uncertain(row, json.loads(row.result) if row.result else {})


def test_the_first_try_is_certain(called: Road) -> None:
    assert not uncertain(submit(called))


def test_after_a_clear_no_the_next_try_is_certain(called: Road) -> None:
    end(called, submit(called), TryAgain("connection refused", None, uncertain=False))
    assert not uncertain(submit(called))


def test_after_an_unknown_end_the_next_try_looks_first(called: Road) -> None:
    end(called, submit(called), TryAgain("500", None, uncertain=True))
    assert uncertain(submit(called))


def test_a_try_that_was_killed_after_a_clear_no_is_looked_up(called: Road) -> None:
    end(called, submit(called), TryAgain("connection refused", None, uncertain=False))
    killed = submit(called)
    with called.store.begin() as tx:
        tx.execute(schema.delivery.update().where(schema.delivery.c.id == killed.id).values(lease_until=0))
    assert uncertain(submit(called))


def test_a_try_that_was_killed_is_looked_up_although_a_person_began_anew(called: Road) -> None:
    killed = submit(called)
    with called.store.begin() as tx:
        nothing: dict[str, Any] = {"lease_owner": None, "lease_until": None}
        tx.execute(schema.delivery.update().where(schema.delivery.c.id == killed.id).values(nothing))
        lease.restart(tx, schema.delivery, [killed.id])
    assert uncertain(submit(called))


def test_the_system_gets_the_order_and_our_key(called: Road) -> None:
    witness = Witness()
    house = deliver.House(called.store, called.house.book, lambda: {"erp": witness}, called.house.sender)
    row = submit(called)
    outcome = deliver.send(house, row)
    assert isinstance(outcome, TryAgain)
    (command,) = witness.commands
    assert command.key == row.idempotency_key
    assert command.document["order_number"] == "HP-1001"


def test_a_refused_order_asks_a_person(called: Road) -> None:
    end(called, submit(called), TurnedDown("customer is blocked", "blocked"))
    assert [row.code for row in called.rows(schema.work_item)] == ["order-refused-by-system"]


def test_a_taken_order_knows_its_number_there(called: Road) -> None:
    end(called, submit(called), Arrived("erp SO-1001", "SO-1001"))
    (fact,) = called.rows(schema.event, type="order.submitted")
    assert json.loads(fact.ids) == {"erp": "SO-1001"}


def test_an_unexpected_failure_of_ours_is_tried_again_with_a_look(called: Road) -> None:
    made = deliveries(called.house).unexpected(RuntimeError("boom"))
    assert isinstance(made, TryAgain)
    assert made.uncertain


class Deaf(Witness):
    """A system that cannot say what it has."""

    def find(self, command: connector.Command) -> connector.Retry:  # type: ignore[override]
        self.commands.append(command)
        return connector.Retry("erp cannot be reached")


def test_while_it_cannot_be_looked_up_it_stays_uncertain(called: Road) -> None:
    house = deliver.House(called.store, called.house.book, lambda: {"erp": Deaf()}, called.house.sender)
    end(called, submit(called), TryAgain("500", None, uncertain=True))
    row = submit(called)
    outcome = deliver.send(house, row)
    assert isinstance(outcome, TryAgain)
    end(called, row, outcome)
    assert uncertain(submit(called))
