"""A whole worker: finds work when hinted and without, sends and retries, polls, drains, and idles for nothing."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from gateway.store import schema
from gateway.store.engine import Record, Store, Tx
from gateway.store.retry import SECOND, RetryPolicy
from gateway.store.targets import Limits
from gateway.worker.deliveries import Again, Deliveries, Tried
from gateway.worker.errands import Errands
from gateway.worker.keeper import Keeper
from gateway.worker.polls import Polls, Schedule
from gateway.worker.stage import Stage
from gateway.worker.worker import Worker
from tests.store.rows import deliveries, documents

LOOKS_A_SECOND = 20
"""Of a worker with nothing to do: one at each stage and errand, and some to spare."""


def stage(work: Callable[[Sequence[Record]], Sequence[Any]] = list) -> Stage:
    return Stage(
        "translate",
        schema.document,
        work,
        lambda tx, rows: [(row, {"status": "done"}) for row in rows],
        lambda tx, row, error: {"status": "stuck"},
    )


def sending(send: Callable[[Record], str], **more: Any) -> Deliveries:
    def record(tx: Tx, tried: Sequence[Tried]) -> list[tuple[Record, dict[str, Any]]]:
        return [(one.row, {"status": "due" if one.decision else "delivered"}) for one in tried]

    retry = RetryPolicy(first_us=1000, longest_us=1000, attempts=4)
    return Deliveries(send, lambda end: Again(end) if end else None, str, record, retry=lambda row: retry, **more)


@contextmanager
def running(worker: Worker) -> Iterator[None]:
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join(60)
        assert not thread.is_alive()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def rows(store: Store, table: Any) -> list[Record]:
    with store.read() as view:
        return list(view.all(select(table).order_by(*table.primary_key)))


def all_are(store: Store, table: Any, status: str) -> bool:
    return {row.status for row in rows(store, table)} == {status}


def leased_until(store: Store, delivery_id: int) -> int:
    return next(one.lease_until for one in rows(store, schema.delivery) if one.id == delivery_id)


def test_a_hint_is_heard_by_who_sleeps(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.worker.worker.POLL_S", 3600.0)

    def is_done_once_told() -> bool:
        with store.begin() as tx:
            tx.wake("translate")  # again and again: it may not listen yet
        return all_are(store, schema.document, "done")

    with running(Worker(store, [stage()])):
        time.sleep(0.5)  # it found nothing and sleeps
        with store.begin() as tx:
            documents(tx, 1)
        until(is_done_once_told)


def test_work_is_found_without_a_hint(store: Store) -> None:
    with running(Worker(store, [stage()])):
        time.sleep(0.3)
        with store.begin() as tx:
            documents(tx, 1)
        until(lambda: all_are(store, schema.document, "done"))


def test_a_delivery_is_tried_again_and_every_attempt_is_on_record(store: Store) -> None:
    with store.begin() as tx:
        deliveries(tx, 1)
    ends = iter(["down", "still down", ""])
    with running(Worker(store, [], deliveries=sending(lambda row: next(ends)))):
        until(lambda: all_are(store, schema.delivery, "delivered"))
    attempts = rows(store, schema.delivery_attempt)
    assert [(one.outcome, one.detail) for one in attempts[:2]] == [("again", "down"), ("again", "still down")]
    assert attempts[2].outcome == "ended"
    assert all(one.finished_at >= one.started_at for one in attempts)


def test_a_delivery_that_never_arrives_stops_and_holds_its_key(store: Store) -> None:
    with store.begin() as tx:
        head, second = deliveries(tx, 2, key="order 1")
    sent: list[int] = []

    def send(row: Record) -> str:
        sent.append(row.id)
        return "down"

    calm = lambda target: Limits(breaker_after=100)  # noqa: E731
    with running(Worker(store, [], deliveries=sending(send, limits=calm))):
        until(lambda: rows(store, schema.delivery)[0].due_at is None and len(sent) == 4)
        time.sleep(0.3)
    first, waiting = rows(store, schema.delivery)
    assert (first.id, first.stage, first.last_error) == (head, "deliver", "down")
    assert (waiting.id, waiting.blocked_by) == (second, head)
    assert sent == [head] * 4


def test_a_sender_that_raises_is_a_try_that_failed(store: Store) -> None:
    with store.begin() as tx:
        deliveries(tx, 1)
    tries: list[int] = []

    def send(row: Record) -> str:
        tries.append(1)
        if len(tries) == 1:
            raise KeyError("a defect")
        return ""

    with running(Worker(store, [], deliveries=sending(send))):
        until(lambda: all_are(store, schema.delivery, "delivered"))
    assert rows(store, schema.delivery_attempt)[0].detail == "'a defect'"


def test_long_calls_keep_their_leases(store: Store) -> None:
    with store.begin() as tx:
        deliveries(tx, 2)
    sent: list[int] = []

    def send(row: Record) -> str:
        sent.append(row.id)
        until(lambda: leased_until(store, row.id) > row.lease_until)
        return ""

    renewed = sending(send, lease_us=9 * SECOND)  # every three seconds
    with running(Worker(store, [], deliveries=renewed)), running(Worker(store, [], deliveries=renewed)):
        until(lambda: all_are(store, schema.delivery, "delivered"))
    assert len(sent) == 2, "a lease ran out although its worker lives"


def test_stopping_lets_calls_end_and_records_them(store: Store) -> None:
    with store.begin() as tx:
        deliveries(tx, 1)
    begun = threading.Event()

    def send(row: Record) -> str:
        begun.set()
        time.sleep(0.5)
        return ""

    with running(Worker(store, [], deliveries=sending(send))):
        begun.wait(60)
    assert all_are(store, schema.delivery, "delivered")


def test_what_ended_while_the_database_was_away_is_stored_before_the_worker_ends(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.begin() as tx:
        deliveries(tx, 1)
    begin, away = store.begin, iter([True, True])

    def begin_or_fail() -> Any:
        if next(away, False):
            raise OperationalError("BEGIN", None, OSError("the database is away"))
        return begin()

    errands = Errands(store, sending(lambda row: ""), "test", Keeper(store, every_s=60), threads=1, name="deliver")
    errands.start()
    assert errands.step()
    monkeypatch.setattr(store, "begin", begin_or_fail)
    errands.stop(60)
    assert next(away, None) is None
    assert all_are(store, schema.delivery, "delivered")


def test_a_schedule_runs_again_with_its_cursor_and_survives_its_failures(store: Store) -> None:
    cursors: list[str | None] = []

    def look(cursor: str | None) -> str:
        cursors.append(cursor)
        if len(cursors) == 2:
            raise OSError("the server is down")
        return str(len(cursors))

    polls = Polls(lambda: {("folder", "test"): Schedule("folder", "test", 1000, look)})
    polls.pauses = RetryPolicy(first_us=1000)
    with running(Worker(store, [], polls=polls)):
        until(lambda: len(cursors) >= 4)
    assert cursors[:4] == [None, "1", "1", "3"]


def test_of_two_workers_one_asks(store: Store) -> None:
    asked: list[float] = []

    def look(cursor: str | None) -> None:
        asked.append(time.monotonic())

    wanted = {("folder", "test"): Schedule("folder", "test", 3600 * SECOND, look)}
    with (
        running(Worker(store, [], polls=Polls(lambda: wanted))),
        running(Worker(store, [], polls=Polls(lambda: wanted))),
    ):
        until(lambda: bool(asked))
        time.sleep(1.5)
    assert len(asked) == 1


def test_a_schedule_that_is_gone_rests_and_wakes_when_it_is_back(store: Store) -> None:
    asked: list[int] = []
    schedule = Schedule("folder", "test", 3600 * SECOND, lambda cursor: asked.append(1))  # type: ignore[func-returns-value]
    wanted = {("folder", "test"): schedule}
    polls = Polls(lambda: dict(wanted))
    with running(Worker(store, [], polls=polls)):
        until(lambda: len(asked) == 1)
        wanted.clear()
        until(lambda: rows(store, schema.poll)[0].stage is None)
        wanted["folder", "test"] = schedule
        until(lambda: len(asked) == 2)


def test_a_schedule_that_goes_while_it_runs_rests_and_keeps_how_far_it_came(store: Store) -> None:
    def look(cursor: str | None) -> str:
        wanted.clear()
        return "page 2"

    wanted = {("folder", "test"): Schedule("folder", "test", 3600 * SECOND, look)}
    with running(Worker(store, [], polls=Polls(lambda: dict(wanted)))):
        until(lambda: bool(rows(store, schema.poll)) and rows(store, schema.poll)[0].stage is None)
    assert rows(store, schema.poll)[0].cursor == "page 2"


def test_a_loop_survives_a_database_that_goes_away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    begin, failing = store.begin, threading.Event()

    def begin_or_fail() -> Any:
        if failing.is_set():
            raise OSError("the database is away")
        return begin()

    monkeypatch.setattr(store, "begin", begin_or_fail)
    with running(Worker(store, [stage()])):
        failing.set()
        time.sleep(0.5)
        failing.clear()
        with store.begin() as tx:
            documents(tx, 3)
        until(lambda: all_are(store, schema.document, "done"))


@pytest.mark.faults
def test_an_idle_worker_asks_little(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What that costs is measured in benchmarks/road (idle)."""
    asked: list[str] = []

    def counted(name: str) -> Callable[..., Any]:
        real = getattr(store, name)
        return lambda *how, **more: (asked.append(name), real(*how, **more))[1]

    for name in ("begin", "read", "listen"):
        monkeypatch.setattr(store, name, counted(name))
    stages = [
        Stage(name, schema.document, list, lambda tx, rows: [], lambda tx, row, error: {})
        for name in ("unwrap", "validate", "confirm", "translate", "write", "wrap")
    ]
    with running(Worker(store, stages, deliveries=sending(lambda row: ""), polls=Polls(dict))):
        time.sleep(1)
        asked.clear()
        began = time.monotonic()
        time.sleep(4)
        looks, seconds = len(asked), time.monotonic() - began
    assert looks <= LOOKS_A_SECOND * (seconds + 2), collections.Counter(asked)


def test_an_end_that_cannot_be_stored_holds_up_no_other(store: Store) -> None:
    with store.begin() as tx:
        poison, *good = deliveries(tx, 3, target="shop")

    def record(tx: Tx, tried: Sequence[Tried]) -> list[tuple[Record, dict[str, Any]]]:
        if any(one.row.id == poison for one in tried):
            raise ValueError("no such move")
        return [(one.row, {"status": "delivered"}) for one in tried]

    sent: list[int] = []

    def send(row: Record) -> str:
        sent.append(row.id)
        return ""

    given_up: list[str] = []

    def stop(tx: Tx, row: Record, error: str) -> dict[str, Any]:
        given_up.append(error)
        return {"status": "dead"}

    errand = Deliveries(send, lambda end: None, str, record, stop=stop)
    with running(Worker(store, [], deliveries=errand)):
        until(lambda: [row.status for row in rows(store, schema.delivery)] == ["dead", "delivered", "delivered"])
    assert sorted(sent) == [poison, *good]
    assert given_up == ["ValueError: no such move"]
    assert rows(store, schema.delivery)[0].due_at is None
