"""The batch loop: one commit a batch, poison alone, turns, and whose fault a failure is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, event, select
from sqlalchemy.exc import OperationalError

from gateway.store import events, lease, schema
from gateway.store.engine import Record, Store, Tx
from gateway.store.retry import RetryPolicy
from gateway.worker.batches import Batches
from gateway.worker.keeper import Keeper
from gateway.worker.stage import Stage
from tests.store.rows import documents

D = schema.document
AT_ONCE = RetryPolicy(first_us=0, longest_us=0)


def stage(
    name: str = "translate",
    work: Callable[[Sequence[Record]], Sequence[Any]] = list,
    apply: Callable[[Tx, Sequence[Any]], Any] = lambda tx, rows: [(row, {"status": "done"}) for row in rows],
    give_up: Callable[[Tx, Record, str], Mapping[str, Any]] = lambda tx, row, error: {"status": "stuck"},
    **more: Any,
) -> Stage:
    return Stage(name, D, work, apply, give_up, retry=AT_ONCE, **more)


def loop(store: Store, *stages: Stage) -> Batches:
    return Batches(store, stages, "me", Keeper(store, every_s=60))


def statuses(store: Store) -> dict[int, str]:
    with store.read() as view:
        return {row.id: row.status for row in view.all(select(D))}


def run(batches: Batches, turns: int = 60) -> None:
    for _ in range(turns):
        batches.step()


def test_a_batch_and_the_next_claim_share_a_commit(store: Store) -> None:
    with store.begin() as tx:
        documents(tx, 100)
    commits: list[Connection] = []
    event.listen(store.engine, "commit", commits.append)
    batches = loop(store, stage(batch=10))
    while batches.step():
        pass
    written = [one for one in commits if not one.get_execution_options().get("postgresql_readonly")]
    assert len(written) == 11  # the first claim, then one a batch
    assert set(statuses(store).values()) == {"done"}


@pytest.mark.parametrize("where", ["work", "apply"])
def test_a_poison_row_is_left_alone_and_the_rest_go_on(store: Store, where: str) -> None:
    with store.begin() as tx:
        ids = documents(tx, 20)
    poison = ids[7]
    given_up: list[tuple[int, str]] = []

    def work(rows: Sequence[Record]) -> Sequence[Any]:
        if where == "work" and any(row.id == poison for row in rows):
            raise ValueError("no such qualifier")
        return rows

    def apply(tx: Tx, rows: Sequence[Record]) -> list[tuple[Record, dict[str, Any]]]:
        events.append(tx, [events.Fact("x", "test", [], {}, 0, document_id=row.id) for row in rows])
        if where == "apply" and any(row.id == poison for row in rows):
            raise ValueError("no such qualifier")
        return [(row, {"status": "done"}) for row in rows]

    def give_up(tx: Tx, row: Record, error: str) -> Mapping[str, Any]:
        given_up.append((row.id, error))
        return {"status": "stuck"}

    run(loop(store, stage("translate", work, apply, give_up, attempts=3)))
    assert given_up == [(poison, "ValueError: no such qualifier")]
    assert statuses(store) == {number: "stuck" if number == poison else "done" for number in ids}
    with store.read() as view:
        assert sorted(view.execute(select(schema.event.c.document_id)).scalars()) == [n for n in ids if n != poison]
        row = view.get(D, poison)
    assert row is not None
    assert (row.stage, row.due_at, row.attempts, row.last_error) == (
        "translate", None, 3, "ValueError: no such qualifier",
    )  # fmt: skip
    with store.begin() as tx:
        lease.restart(tx, D, [poison], status="valid")
    run(loop(store, stage()), 3)
    assert statuses(store)[poison] == "done"


def test_a_row_that_is_worked_again_is_as_its_own_commits_left_it(store: Store) -> None:
    """unwrap.py stores portions while it works: reading must not begin again at a place it has left."""
    with store.begin() as tx:
        ids = documents(tx, 2)
    pages: list[tuple[int, str | None]] = []

    def work(rows: Sequence[Record]) -> Sequence[Any]:
        for row in rows:
            pages.append((row.id, row.control_number))
            with store.begin() as tx:
                tx.update(D, [{"id": row.id, "control_number": "page 2"}])
        return rows

    def apply(tx: Tx, rows: Sequence[Record]) -> list[tuple[Record, dict[str, Any]]]:
        if len(rows) > 1:
            raise ValueError("too much at once")
        return [(row, {"status": "done"}) for row in rows]

    run(loop(store, stage(work=work, apply=apply)), 3)
    assert pages == [(ids[0], None), (ids[1], None), (ids[0], "page 2"), (ids[1], "page 2")]
    assert set(statuses(store).values()) == {"done"}


def test_a_database_that_is_away_is_no_rows_fault(store: Store) -> None:
    with store.begin() as tx:
        documents(tx, 1)

    def work(rows: Sequence[Record]) -> Sequence[Any]:
        raise OperationalError("SELECT 1", {}, Exception("the connection was cut"))

    run(loop(store, stage(work=work, attempts=2)), 20)
    assert list(statuses(store).values()) == ["valid"]
    with store.read() as view:
        row = view.first(select(D))
    assert row is not None
    assert row.attempts > 2
    assert row.due_at is not None


def test_stages_take_turns(store: Store) -> None:
    with store.begin() as tx:
        documents(tx, 40, stage="a")
        documents(tx, 40, stage="b")
    turns: list[str] = []

    def noted(name: str) -> Stage:
        return stage(name, lambda rows: (turns.append(name), rows)[1], batch=10)

    run(loop(store, noted("a"), noted("b")))
    assert turns == ["a", "b"] * 4


def test_a_stage_that_forgets_a_row_is_a_defect_of_that_stage(store: Store) -> None:
    with store.begin() as tx:
        documents(tx, 3)
    run(loop(store, stage(apply=lambda tx, rows: [], attempts=1)), 5)
    assert set(statuses(store).values()) == {"stuck"}


def test_rows_another_worker_took_over_are_not_applied(store: Store) -> None:
    with store.begin() as tx:
        ids = documents(tx, 2)
    applied: list[int] = []

    def work(rows: Sequence[Record]) -> Sequence[Any]:
        with store.begin() as tx:  # the lease ran out meanwhile, and somebody else claimed the first row
            tx.execute(D.update().where(D.c.id == ids[0]).values(lease_until=0))
            lease.claim(tx, D, "translate", "other", 1, 10**12)
        return rows

    def apply(tx: Tx, rows: Sequence[Record]) -> Any:
        applied.extend(row.id for row in rows)
        return [(row, {"status": "done"}) for row in rows]

    run(loop(store, stage("translate", work, apply)), 2)
    assert applied == [ids[1]]
    assert statuses(store) == {ids[0]: "valid", ids[1]: "done"}


def test_what_was_claimed_and_not_begun_goes_back(store: Store) -> None:
    with store.begin() as tx:
        documents(tx, 5)
    batches = loop(store, stage())
    batches.step()
    batches.give_back()
    with store.begin() as tx:
        assert [row.attempts for row in lease.claim(tx, D, "translate", "other", 9, 10**6)] == [1] * 5


def test_rows_that_another_worker_took_over_are_not_worked_again_one_by_one(store: Store) -> None:
    with store.begin() as tx:
        ids = documents(tx, 2)
    worked: list[list[int]] = []

    def work(rows: Sequence[Record]) -> Sequence[Any]:
        worked.append([row.id for row in rows])
        if len(rows) > 1:
            with store.begin() as tx:  # the lease ran out meanwhile, and somebody else claimed the first row
                tx.execute(D.update().where(D.c.id == ids[0]).values(lease_until=0))
                lease.claim(tx, D, "translate", "other", 1, 10**12)
            raise ValueError("lost")
        return rows

    run(loop(store, stage(work=work)), 2)
    assert worked == [ids, [ids[1]]]
    assert statuses(store) == {ids[0]: "valid", ids[1]: "done"}


def test_a_database_that_is_away_for_long_is_no_rows_fault_either(store: Store) -> None:
    with store.begin() as tx:
        documents(tx, 1)

    def work(rows: Sequence[Record]) -> Sequence[Any]:
        raise OperationalError("SELECT 1", {}, Exception("the connection was cut"))

    run(loop(store, stage(work=work, attempts=2)), 2 * RetryPolicy().attempts + 10)
    assert list(statuses(store).values()) == ["valid"]


def test_a_row_that_kills_the_process_is_given_up(store: Store) -> None:
    """Otherwise every worker that starts dies of it, for ever."""
    with store.begin() as tx:
        (poison,) = documents(tx, 1)

    class Killed(BaseException):
        pass

    def work(rows: Sequence[Record]) -> Sequence[Any]:
        raise Killed

    given_up: list[str] = []

    def give_up(tx: Tx, row: Record, error: str) -> Mapping[str, Any]:
        given_up.append(error)
        return {"status": "stuck"}

    for _ in range(3):
        dying = loop(store, stage(work=work, give_up=give_up, attempts=3))
        with pytest.raises(Killed):
            run(dying)
        with store.begin() as tx:
            lease.expire(tx, "me")
    run(loop(store, stage(work=work, give_up=give_up, attempts=3)), 3)
    assert statuses(store) == {poison: "stuck"}
    assert len(given_up) == 1
