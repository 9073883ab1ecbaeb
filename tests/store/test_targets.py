"""What a target bears: places, rate, breaker, and that no target takes the places of another."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlalchemy import event, select

from gateway.store import lease, schema, targets
from gateway.store.engine import Record, Store
from gateway.store.retry import SECOND
from gateway.store.targets import Limits
from tests.store.conftest import Clock
from tests.store.rows import deliveries

MINUTE = 60 * SECOND


def claim(store: Store, limits: Limits | Callable[[str], Limits], limit: int = 50, owner: str = "a") -> list[Record]:
    how = limits if callable(limits) else lambda target: limits
    with store.begin() as tx:
        return targets.claim(tx, "deliver", owner, limit, MINUTE, how)


def complete(store: Store, rows: list[Record]) -> None:
    with store.begin() as tx:
        lease.complete(tx, schema.delivery, rows, [{"status": "delivered"}] * len(rows))


def end(store: Store, limits: Limits, *outcomes: bool) -> None:
    with store.begin() as tx:
        targets.record(tx, {"erp": outcomes}, lambda target: limits)


def state(store: Store) -> Record:
    with store.read() as view:
        found = view.first(select(schema.target_state).where(schema.target_state.c.target == "erp"))
    assert found is not None
    return found


def test_no_more_calls_at_once_than_a_target_bears(store: Store) -> None:
    with store.begin() as tx:
        deliveries(tx, 10)
    two = Limits(concurrency=2)
    under_way = claim(store, two)
    assert len(under_way) == 2
    assert claim(store, two) == []
    complete(store, under_way[:1])
    assert len(claim(store, two)) == 1


def test_places_of_a_dead_worker_come_back(timed: Store, clock: Clock) -> None:
    with timed.begin() as tx:
        deliveries(tx, 10)
    claim(timed, Limits(concurrency=2))
    clock.now += MINUTE
    assert len(claim(timed, Limits(concurrency=2))) == 1  # a suspect, alone


def test_two_workers_share_the_places_of_a_target(store: Store) -> None:
    with store.begin() as tx:
        deliveries(tx, 400)
    end(store, Limits(), False)  # its row is there: making it would keep the workers apart
    together, got, lock = threading.Barrier(4, timeout=60), [], threading.Lock()
    most: list[int] = []

    def work(owner: str) -> None:
        for _ in range(12):
            together.wait()
            rows = claim(store, Limits(concurrency=5), limit=5, owner=owner)
            with lock:
                got.extend(rows)
            if together.wait() == 0:
                most.append(len(got))
                complete(store, got)
                got.clear()

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) <= 5


def test_a_rate_is_kept_on_average_and_allows_its_burst(timed: Store, clock: Clock) -> None:
    with timed.begin() as tx:
        deliveries(tx, 100)
    limits = Limits(concurrency=1000, per_second=2.0, burst=5)
    assert len(claim(timed, limits)) == 5
    assert claim(timed, limits) == []
    clock.now += SECOND // 2
    assert len(claim(timed, limits)) == 1
    clock.now += 10 * SECOND
    assert len(claim(timed, limits)) == 5


def test_a_breaker_opens_tries_one_and_closes(timed: Store, clock: Clock) -> None:
    with timed.begin() as tx:
        deliveries(tx, 10)
    limits = Limits(breaker_after=3, cool_down_us=30 * SECOND)
    end(timed, limits, False, False)
    assert state(timed).breaker == "closed"
    end(timed, limits, False)
    assert state(timed).breaker == "open"
    assert claim(timed, limits) == []
    clock.now += 30 * SECOND
    (probe,) = claim(timed, limits)
    assert claim(timed, limits) == []
    assert state(timed).breaker == "half-open"
    complete(timed, [probe])
    end(timed, limits, True)
    assert (state(timed).breaker, state(timed).failures) == ("closed", 0)
    assert len(claim(timed, limits)) == 4


def test_a_failed_probe_opens_the_breaker_again(timed: Store, clock: Clock) -> None:
    with timed.begin() as tx:
        deliveries(tx, 10)
    limits = Limits(breaker_after=1, cool_down_us=30 * SECOND)
    end(timed, limits, False)
    clock.now += 30 * SECOND
    assert len(claim(timed, limits)) == 1
    end(timed, limits, False)
    assert (state(timed).breaker, state(timed).opened_at) == ("open", clock.now)
    clock.now += 29 * SECOND
    assert claim(timed, limits) == []


def test_a_person_closes_a_breaker(timed: Store) -> None:
    with timed.begin() as tx:
        deliveries(tx, 1)
    end(timed, Limits(breaker_after=1), False)
    with timed.begin() as tx:
        targets.close_breaker(tx, "erp")
    assert len(claim(timed, Limits())) == 1


def test_a_healthy_target_costs_no_write(store: Store) -> None:
    with store.begin() as tx:
        deliveries(tx, 10)
    claim(store, Limits())
    written: list[str] = []

    @event.listens_for(store.engine, "before_cursor_execute")
    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        if "target_state" in statement and not statement.lstrip().startswith("SELECT"):
            written.append(statement)

    end(store, Limits(), True, True)
    claim(store, Limits())
    assert written == []


def test_targets_share_the_places_of_a_worker(store: Store) -> None:
    with store.begin() as tx:
        for target in ("a", "b", "c"):
            deliveries(tx, 20, target=target)
        deliveries(tx, 2, target="d")
    wide = Limits(concurrency=100)
    got = [row.target for row in claim(store, wide, limit=20)]
    assert sorted((got.count(target) for target in "abcd"), reverse=True) == [6, 6, 6, 2]


def test_what_others_leave_is_given_to_who_needs_it(store: Store) -> None:
    with store.begin() as tx:
        deliveries(tx, 50, target="busy")
        deliveries(tx, 1, target="quiet")
        deliveries(tx, 50, target="narrow")
    limits = {"busy": Limits(concurrency=100), "quiet": Limits(), "narrow": Limits(concurrency=1)}
    got = [row.target for row in claim(store, limits.__getitem__, limit=20)]
    assert {target: got.count(target) for target in limits} == {"busy": 18, "quiet": 1, "narrow": 1}
