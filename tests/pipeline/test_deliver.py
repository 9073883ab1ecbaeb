"""When a call is repeated, and when it is looked up first."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pipeline_road import Road
from road_documents import acknowledgement, interchange, order

from gateway.pipeline import deliver
from gateway.pipeline.deliver import Arrived, TryAgain, TurnedDown, as_cloudevent
from gateway.pipeline.route import Fact, happen, order_key
from gateway.store import backup, lease, schema
from gateway.store.crypto import Keys
from gateway.store.engine import Record, Store
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


def test_after_a_restore_the_first_try_looks_first(
    called: Road, database_kind: str, new_database: Callable[[str], str], keys: Keys, tmp_path: Path
) -> None:
    """It may have been sent after the backup was made."""
    backup.write(called.store, tmp_path / "backup.zip")
    with Store.open(new_database(database_kind), keys) as restored:
        backup.restore(restored, tmp_path / "backup.zip")
        assert uncertain(submit(Road(restored, called.house, tmp_path)))


def test_an_answer_that_comes_late_settles_the_question_after_it(called: Road) -> None:
    called.deliver()
    (ours,) = [row for row in called.rows(schema.document, direction="out") if row.set_id == "997"]
    late = {"id": ours.id, "status": "awaiting-confirmation", "set_id": "855", "confirm_due_at": 1}
    with called.store.begin() as tx:
        tx.update(schema.document, [late])
    with called.store.begin() as tx:
        assert deliver.overdue(tx) == 1
    group = called.rows(schema.functional_group, id=ours.group_id)[0]
    called.receive(acknowledgement(group.functional_id, group.control_number), name="their answer")
    called.work()
    assert [(row.code, row.status) for row in called.rows(schema.work_item)] == [("answer-overdue", "settled")]


def test_an_answer_that_comes_at_this_moment_is_not_asked_for(called: Road) -> None:
    (ours,) = [row for row in called.rows(schema.document, direction="out") if row.set_id == "997"]
    with called.store.begin() as tx:
        tx.update(schema.document, [{"id": ours.id, "confirm_due_at": 1}])

    def ask() -> int:
        with called.store.begin() as tx:
            return deliver.overdue(tx)

    with ThreadPoolExecutor(1) as asking, called.store.begin() as tx:
        tx.update(schema.document, [{"id": ours.id, "confirm_due_at": None}])
        asked = asking.submit(ask)
        wait([asked], timeout=0.5)  # it waits for us, or has not begun
    assert asked.result(60) == 0
    assert called.rows(schema.work_item) == []


def test_an_order_whose_content_is_gone_is_not_written_about_and_stops_nobody(called: Road) -> None:
    (row,) = called.rows(schema.document, kind="order")
    with called.store.begin() as tx:
        tx.execute(schema.canonical.delete())
        keys = (order_key(row.partner, row.business_key),)
        happen(tx, called.house, [Fact("order.accepted", row.lane, row.partner, keys, {"system": "erp"})])
    (item,) = called.rows(schema.work_item)
    assert item.code == "cannot-write"
    assert "deleted" in item.why + item.title


def test_an_order_whose_content_is_gone_is_not_submitted_empty(called: Road) -> None:
    witness = Witness()
    house = deliver.House(called.store, called.house.book, lambda: {"erp": witness}, called.house.sender)
    row = submit(called)
    with called.store.begin() as tx:
        tx.execute(schema.canonical.delete())
    assert isinstance(deliver.send(house, row), TurnedDown)
    assert witness.commands == []


def test_a_mistake_of_ours_on_the_wire_does_not_count_as_a_connection_that_is_gone(called: Road) -> None:
    """Whether it arrived nobody knows: it is tried again, not given up as turned down."""
    with called.store.begin() as tx:
        (row,) = lease.claim(tx, schema.delivery, "deliver", "test", 1, 60_000_000, target="harbor-pine")

    class Broken:
        def send(self, parcel: object) -> Any:
            return {}["a mistake"]

        def close(self) -> None: ...

    house = replace(called.house, sender=lambda name: Broken())
    with pytest.raises(KeyError, match="a mistake"):
        deliver.send(house, row)
    gone = SimpleNamespace(**{**row._asdict(), "target": "nowhere"})
    assert isinstance(deliver.send(called.house, gone), TurnedDown)


def test_an_event_of_two_orders_names_both_to_whoever_reads_it(road: Road) -> None:
    orders = [order_key("fernhill-mills", number) for number in ("PO-1", "PO-2")]
    with road.store.begin() as tx:
        fact = Fact("shipment.announced", "production", "fernhill-mills", tuple(orders), {"number": "S-1"}, 7)
        happen(tx, road.house, [fact])
        happen(tx, road.house, [fact._replace(keys=())])
    of_two, of_none = map(as_cloudevent, road.rows(schema.event))
    assert of_two["data"]["keys"] == {"order": ["fernhill-mills/PO-1", "fernhill-mills/PO-2"]}
    assert of_two["subject"] == "fernhill-mills/PO-1"
    assert (of_none["data"]["keys"], of_none["subject"]) == ({}, "D-7")
