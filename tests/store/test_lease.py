"""The rules at the head of lease.py, one by one, on both databases."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Table, select, text, update

from gateway.store import lease, schema, targets
from gateway.store.engine import Record, Store
from tests.store.conftest import Clock
from tests.store.rows import deliveries, documents

MINUTE = 60_000_000
D, L = schema.document, schema.delivery


def claim(store: Store, owner: str = "a", limit: int = 10, table: object = D, stage: str = "translate") -> list[Record]:
    with store.begin() as tx:
        return lease.claim(tx, table, stage, owner, limit, MINUTE)  # type: ignore[arg-type]


def send(store: Store, owner: str = "a", limit: int = 10) -> list[int]:
    return [row.id for row in claim(store, owner, limit, L, "deliver")]


def rows(store: Store, table: object = D) -> dict[int, Record]:
    with store.read() as view:
        return {row.id: row for row in view.all(select(table))}  # type: ignore[call-overload]


def test_a_claimed_row_is_nobody_elses_until_its_lease_ends(timed: Store, clock: Clock) -> None:
    with timed.begin() as tx:
        documents(tx, 1)
    assert [row.attempts for row in claim(timed, "a")] == [1]
    assert claim(timed, "b") == []
    clock.now += MINUTE
    assert [(row.lease_owner, row.attempts, row.lease_fence) for row in claim(timed, "b")] == [("b", 2, 2)]


def test_a_worker_that_slept_through_its_lease_writes_nothing(timed: Store, clock: Clock) -> None:
    with timed.begin() as tx:
        documents(tx, 1)
    (late,) = claim(timed, "a")
    clock.now += MINUTE
    claim(timed, "b")
    with timed.begin() as tx:
        assert lease.complete(tx, D, [late], [{"status": "done"}]) == []
        assert not lease.fail(tx, D, late, due_at=tx.now, error="x")
        assert not lease.stop(tx, D, late, error="x")
        assert lease.renew(tx, D, [late], MINUTE) == []
        lease.release(tx, D, [late])
    (row,) = rows(timed).values()
    assert (row.status, row.lease_owner, row.attempts) == ("valid", "b", 2)


def test_the_same_worker_under_a_later_fence_is_another(timed: Store, clock: Clock) -> None:
    with timed.begin() as tx:
        documents(tx, 1)
    (first,) = claim(timed, "a")
    clock.now += MINUTE
    (second,) = claim(timed, "a")
    with timed.begin() as tx:
        assert lease.complete(tx, D, [first], [{"status": "done"}]) == []
        assert lease.complete(tx, D, [second], [{"status": "done"}]) == [second]


def test_a_lease_that_ran_out_and_nobody_took_still_counts(timed: Store, clock: Clock) -> None:
    """Time alone decides nothing: who still has the fence may finish."""
    with timed.begin() as tx:
        documents(tx, 1)
    (row,) = claim(timed)
    clock.now += 5 * MINUTE
    with timed.begin() as tx:
        assert lease.complete(tx, D, [row], [{"status": "done"}]) == [row]


def test_the_work_of_a_process_known_to_be_dead_is_due_at_once_as_suspect(timed: Store, clock: Clock) -> None:
    with timed.begin() as tx:
        documents(tx, 3)
    (first, second) = claim(timed, "dead", limit=2)
    (other,) = claim(timed, "alive")
    with timed.begin() as tx:
        assert lease.expire(tx, "dead") == 2
    (again,) = claim(timed, "next")
    assert (again.id, again.attempts, again.lease_fence) == (first.id, 2, 2), "a suspect comes alone"
    assert {row.id for row in claim(timed, "next")} == {second.id}
    with timed.begin() as tx:
        assert [row.id for row in lease.complete(tx, D, [first, other], [{"status": "done"}] * 2)] == [other.id]


def test_of_a_batch_only_rows_still_held_are_written(timed: Store, clock: Clock) -> None:
    with timed.begin() as tx:
        ids = documents(tx, 3)
    batch = claim(timed, "a")
    clock.now += MINUTE
    claim(timed, "b", limit=1)
    with timed.begin() as tx:
        held = lease.complete(tx, D, batch, [{"status": "done"}] * 3)
    assert [row.id for row in held] == ids[1:]
    assert [row.status for row in rows(timed).values()] == ["valid", "done", "done"]


def test_completing_moves_a_row_on_or_ends_it(timed: Store) -> None:
    with timed.begin() as tx:
        one, two, three = documents(tx, 3)
    batch = claim(timed)
    with timed.begin() as tx:
        lease.complete(
            tx, D, batch, [{"stage": "write"}, {"stage": "wrap", "due_at": tx.now + MINUTE}, {"status": "done"}]
        )
        now = tx.now
    found = rows(timed)
    assert (found[one].stage, found[one].due_at, found[one].attempts) == ("write", now, 0)
    assert (found[two].stage, found[two].due_at) == ("wrap", now + MINUTE)
    assert (found[three].stage, found[three].due_at, found[three].status) == (None, None, "done")
    assert all(row.lease_owner is None and row.lease_until is None for row in found.values())


def test_a_failed_row_waits_and_keeps_its_attempts(timed: Store, clock: Clock) -> None:
    with timed.begin() as tx:
        documents(tx, 1)
    (row,) = claim(timed)
    with timed.begin() as tx:
        assert lease.fail(tx, D, row, due_at=tx.now + MINUTE, error="the map broke")
    assert claim(timed) == []
    clock.now += MINUTE
    (again,) = claim(timed)
    assert (again.attempts, again.last_error) == (2, "the map broke")


def test_a_released_row_counts_as_never_claimed(timed: Store) -> None:
    with timed.begin() as tx:
        documents(tx, 2)
    batch = claim(timed)
    with timed.begin() as tx:
        lease.release(tx, D, batch)
    assert [row.attempts for row in claim(timed, "b")] == [1, 1]


def test_a_stopped_row_waits_for_a_person(timed: Store) -> None:
    with timed.begin() as tx:
        documents(tx, 1)
    (row,) = claim(timed)
    with timed.begin() as tx:
        assert lease.stop(tx, D, row, error="gave up", values={"status": "stuck"})
    assert claim(timed) == []
    with timed.begin() as tx:
        lease.restart(tx, D, [row.id], status="valid")
    assert [(again.attempts, again.status) for again in claim(timed)] == [(1, "valid")]


def test_renewing_keeps_a_row(timed: Store, clock: Clock) -> None:
    with timed.begin() as tx:
        documents(tx, 1)
    batch = claim(timed, "a")
    for _ in range(3):
        clock.now += MINUTE - 1
        with timed.begin() as tx:
            assert lease.renew(tx, D, batch, MINUTE) == batch
    assert claim(timed, "b") == []


def test_a_suspect_is_claimed_alone_and_its_neighbours_go_on(timed: Store, clock: Clock) -> None:
    """A row that kills its worker takes its batch with it once, not again and again."""
    with timed.begin() as tx:
        died = documents(tx, 3)
    claim(timed, "killed")
    with timed.begin() as tx:
        fresh = documents(tx, 2, due_at=tx.now + 1)
    clock.now += MINUTE
    assert [[row.id for row in claim(timed, "b")] for _ in range(4)] == [[died[0]], [died[1]], [died[2]], fresh]


def test_oldest_first_and_no_more_than_asked_for(timed: Store, clock: Clock) -> None:
    with timed.begin() as tx:
        late = documents(tx, 2, due_at=tx.now)
        early = documents(tx, 2, due_at=tx.now - MINUTE)
        documents(tx, 2, due_at=tx.now + 1)
    assert [row.id for row in claim(timed, limit=3)] == [*early, late[0]]


def test_what_is_due_is_counted(timed: Store, clock: Clock) -> None:
    with timed.begin() as tx:
        documents(tx, 3)
        deliveries(tx, 1)
    clock.now += 90_000_000
    claim(timed, limit=1)
    with timed.read() as view:
        assert sorted(lease.backlog(view)) == [("delivery", "deliver", 1, 90), ("document", "translate", 2, 90)]
        assert lease.oldest_due_seconds(view) == 90


# --- order ---------------------------------------------------------------------------------------------


def finish(store: Store, number: int) -> None:
    with store.begin() as tx:
        row = tx.get(L, number)
        assert row is not None
        assert lease.complete(tx, L, [row], [{"status": "delivered"}])


def test_of_one_key_only_the_first_unfinished_row_goes(timed: Store) -> None:
    with timed.begin() as tx:
        a = deliveries(tx, 3, key="order 1")
        b = deliveries(tx, 2, key="order 2")
        free = deliveries(tx, 2, key=None)
        elsewhere = deliveries(tx, 1, target="crm", key="order 1")
    assert sorted(send(timed)) == [a[0], b[0], *free, *elsewhere]
    assert send(timed, "b") == []
    finish(timed, a[0])
    assert send(timed, "b") == [a[1]]
    finish(timed, a[1])
    finish(timed, b[0])
    assert sorted(send(timed, "b")) == [a[2], b[1]]


def test_a_leased_head_is_not_skipped_for_its_successor(timed: Store, clock: Clock) -> None:
    with timed.begin() as tx:
        head, _ = deliveries(tx, 2, key="k")
    assert send(timed, "a", limit=1) == [head]
    assert send(timed, "b") == []
    clock.now += MINUTE
    assert send(timed, "b") == [head]  # its worker died: the head again, not the next


def test_a_head_that_waits_for_its_retry_blocks_its_key(timed: Store, clock: Clock) -> None:
    with timed.begin() as tx:
        deliveries(tx, 2, key="k")
    (row,) = claim(timed, "a", 10, L, "deliver")
    with timed.begin() as tx:
        lease.fail(tx, L, row, due_at=tx.now + MINUTE, error="down")
    assert send(timed) == []
    clock.now += MINUTE
    assert send(timed) == [row.id]


def test_a_dead_head_blocks_until_a_person_skips_it(timed: Store) -> None:
    with timed.begin() as tx:
        head, second, third = deliveries(tx, 3, key="k")
    (row,) = claim(timed, "a", 10, L, "deliver")
    with timed.begin() as tx:
        lease.stop(tx, L, row, error="gave up", values={"status": "dead"})
    assert send(timed) == []
    assert rows(timed, L)[second].blocked_by == head
    with timed.begin() as tx:
        assert lease.finish(tx, L, [head], status="skipped") == [head]
    assert send(timed) == [second]
    assert rows(timed, L)[third].blocked_by == second


def test_what_comes_after_a_dead_head_waits_too(timed: Store) -> None:
    with timed.begin() as tx:
        deliveries(tx, 1, key="k")
    (head,) = claim(timed, "a", 10, L, "deliver")
    with timed.begin() as tx:
        lease.stop(tx, L, head, error="gave up")
        deliveries(tx, 1, key="k")
    assert send(timed) == []


def test_what_is_under_way_cannot_be_skipped(timed: Store) -> None:
    with timed.begin() as tx:
        (head,) = deliveries(tx, 1, key="k")
    send(timed)
    with timed.begin() as tx:
        assert lease.finish(tx, L, [head], status="skipped") == []


def test_skipping_a_waiting_row_keeps_the_order_of_the_rest(timed: Store) -> None:
    with timed.begin() as tx:
        head, second, third = deliveries(tx, 3, key="k")
    assert send(timed) == [head]
    assert send(timed) == []  # both are parked now
    with timed.begin() as tx:
        assert lease.finish(tx, L, [second], status="skipped") == [second]
    assert send(timed) == []  # woken, but the head is not finished
    finish(timed, head)
    assert send(timed) == [third]


def test_a_row_that_commits_late_with_a_lower_id_goes_first(timed: Store) -> None:
    with timed.begin() as tx:
        first, second = deliveries(tx, 2, key="k")
        tx.execute(update(L).where(L.c.id == first).values(stage=None, due_at=None))  # as if not yet committed
    assert send(timed) == [second]
    with timed.begin() as tx:
        tx.execute(update(L).where(L.c.id == first).values(stage="deliver", due_at=tx.now))
    assert send(timed) == [first]  # nothing stands before it
    with timed.begin() as tx:
        row = tx.get(L, second)
        assert row is not None
        lease.fail(tx, L, row, due_at=tx.now, error="x")
    assert send(timed) == []  # its retry now waits for the lower id
    finish(timed, first)
    assert send(timed) == [second]


# --- many workers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [2, 4])
def test_many_workers_at_once_never_hold_one_job(store: Store, workers: int) -> None:
    with store.begin() as tx:
        documents(tx, 300)
        for key in range(20):
            deliveries(tx, 5, key=f"k{key}")
    log: list[tuple[int, str]] = []
    in_hand: dict[tuple[str, int], str] = {}
    keys_in_hand: set[str] = set()
    guard, faults = threading.Lock(), []

    def work(owner: str) -> None:
        try:
            while True:
                with store.begin() as tx:
                    docs = lease.claim(tx, D, "translate", owner, 7, MINUTE)
                    owed = lease.claim(tx, L, "deliver", owner, 7, MINUTE)
                with guard:
                    for row in docs:
                        assert in_hand.setdefault(("D", row.id), owner) == owner
                    for row in owed:
                        assert row.ordering_key not in keys_in_hand, "two workers hold one key"
                        keys_in_hand.add(row.ordering_key)
                        log.append((row.id, row.ordering_key))
                with guard:
                    keys_in_hand.difference_update(row.ordering_key for row in owed)
                with store.begin() as tx:
                    assert len(lease.complete(tx, D, docs, [{"status": "done"}] * len(docs))) == len(docs)
                    assert len(lease.complete(tx, L, owed, [{"status": "done"}] * len(owed))) == len(owed)
                    left = tx.scalar(text("SELECT count(*) FROM delivery WHERE stage IS NOT NULL"))
                    left += tx.scalar(text("SELECT count(*) FROM document WHERE stage IS NOT NULL"))
                if not left:
                    return
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    assert len(in_hand) == 300
    assert len(log) == len({number for number, _ in log}) == 100
    for key in range(20):
        order = [number for number, its in log if its == f"k{key}"]
        assert order == sorted(order)


BACKLOG = 200_000
_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)"
_DOCUMENTS = (
    "INSERT INTO document (id, direction, lane, status, released, received_at, updated_at, stage, due_at)"
    f" {_NUMBERS} SELECT 1000 + i, 'in', 'test', 'valid', true, 0, 0, 'translate', i FROM n"
)
_DELIVERIES = (
    "INSERT INTO delivery (id, kind, target, lane, ordering_key, idempotency_key, status, created_at, stage, due_at,"
    f" blocked_by) {_NUMBERS} SELECT 1000 + i, 'call', :target, 'test', :key, i, 'due', 0, 'deliver', :due_at,"
    " :blocked_by FROM n"
)


def _work_of_a_claim(store: Store, table: Table, stage: str) -> int:
    """How much the database looked at: its virtual machine's instructions on SQLite, rows on PostgreSQL."""
    steps: list[int] = []
    with store.begin() as tx:
        if store.is_sqlite:
            tx.driver.set_progress_handler(lambda: steps.append(STEP), STEP)
        looked = 0 if store.is_sqlite else tx.scalar(_LOOKED_AT)
        if table is L:
            found = targets.claim(tx, stage, "a", 100, MINUTE, lambda target: targets.Limits(concurrency=1000))
        else:
            found = lease.claim(tx, D, stage, "a", 100, MINUTE)
        assert len(found) == 100
        if not store.is_sqlite:
            return int(tx.scalar(_LOOKED_AT) - looked)
        tx.driver.set_progress_handler(None, 0)
        return sum(steps)


STEP = 100  # instructions
_LOOKED_AT = text("SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables")


@pytest.mark.faults
@pytest.mark.parametrize("backlog", ["free", "behind a dead head", "of a target whose breaker is open"])
def test_a_claim_from_a_backlog_of_200_000_looks_at_few_rows(store: Store, backlog: str) -> None:
    with store.begin() as tx:
        if backlog == "free":
            tx.execute(text(_DOCUMENTS))
        else:
            dead = {"target": "erp", "key": "k", "due_at": None, "blocked_by": 1}
            closed = {"target": "closed", "key": None, "due_at": 1, "blocked_by": None}
            tx.execute(text(_DELIVERIES), dead if backlog == "behind a dead head" else closed)
            deliveries(tx, 300, target="open")
            state = {"target": "closed", "breaker": "open", "opened_at": tx.now, "failures": 9, "tokens": 0}
            tx.insert(schema.target_state, [state])
    if not store.is_sqlite:
        with store.begin() as tx:
            tx.execute(text("ANALYZE document, delivery"))
    table, stage = (D, "translate") if backlog == "free" else (L, "deliver")
    assert _work_of_a_claim(store, table, stage) < (100_000 if store.is_sqlite else 2_000)


def test_a_claim_takes_no_more_bytes_than_one_commit_should_hold(store: Store) -> None:
    with store.begin() as tx:
        documents(tx, 5)
        tx.execute(update(D).values(size=400))
    with store.begin() as tx:
        assert len(lease.claim(tx, D, "translate", "me", 100, MINUTE, bytes_limit=1000)) == 3
        assert len(lease.claim(tx, D, "translate", "me", 100, MINUTE, bytes_limit=1)) == 1
        assert len(lease.claim(tx, D, "translate", "me", 100, MINUTE, bytes_limit=1000)) == 1
