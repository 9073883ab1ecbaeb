"""Transactions: all or nothing, one clock, snapshots, wake-ups."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from traceback import format_exception

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from gateway.store import engine, schema
from gateway.store.among import among
from gateway.store.crypto import Keys
from gateway.store.engine import Store
from gateway.store.retry import SECOND, GiveUp, RetryAt, RetryPolicy
from tests.store.rows import documents

COUNT = select(func.count()).select_from(schema.document)


def test_a_transaction_that_raises_leaves_nothing_and_calls_nobody(store: Store) -> None:
    called: list[int] = []
    with pytest.raises(RuntimeError), store.begin() as tx:  # noqa: PT012 - the failure is the transaction's
        documents(tx, 3)
        tx.after_commit(lambda: called.append(1))
        raise RuntimeError
    with store.begin() as tx:
        assert tx.scalar(COUNT) == 0
        tx.after_commit(lambda: called.append(2))
    assert called == [2]


def test_a_view_is_one_snapshot(store: Store) -> None:
    with store.read() as view:
        assert view.scalar(COUNT) == 0
        with store.begin() as tx:
            documents(tx, 1)
        assert view.scalar(COUNT) == 0
    with store.read() as view:
        assert view.scalar(COUNT) == 1


def test_a_view_cannot_write(store: Store) -> None:
    with store.read() as view, pytest.raises(DBAPIError):
        view.execute(insert(schema.audit).values(id=1, at=1, actor="x", action="y"))


def test_now_is_the_databases_clock_and_stands_still(store: Store) -> None:
    before = time.time_ns() // 1000
    with store.begin() as tx:
        first = tx.now
        time.sleep(0.002)
        assert tx.now == first
    assert before <= first <= time.time_ns() // 1000
    with store.begin() as tx:
        assert tx.now > first


def test_writers_of_many_threads_wait_for_each_other(store: Store) -> None:
    def write() -> None:
        for _ in range(20):
            with store.begin() as tx:
                documents(tx, 1)

    threads = [threading.Thread(target=write) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as view:
        assert view.scalar(COUNT) == 100


def test_a_listener_hears_of_a_commit_at_once_and_not_of_a_rollback(store: Store) -> None:
    listener = store.listen()
    try:
        with pytest.raises(RuntimeError), store.begin() as tx:  # noqa: PT012 - the failure is the transaction's
            tx.wake("translate")
            raise RuntimeError
        assert listener.wait(0.05) == set()
        with store.begin() as tx:
            tx.wake("translate", "write")
            tx.wake("wrap")
        assert listener.wait(60) == {"translate", "write", "wrap"}
        assert listener.wait(0.01) == set()
    finally:
        listener.close()


def test_a_poke_ends_a_wait(store: Store) -> None:
    listener = store.listen()
    try:
        threading.Timer(0.05, listener.poke).start()
        began = time.monotonic()
        assert listener.wait(120) == set()
        assert time.monotonic() - began < 60
    finally:
        listener.close()


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_a_dead_listener_is_forgotten_and_disturbs_nobody(store: Store) -> None:
    store.listen().close()
    folder = store.sqlite_path.with_name(store.sqlite_path.name + "-wake")
    os.mkfifo(folder / "1-dead.pipe")
    with store.begin() as tx:
        tx.wake("translate")
    assert list(folder.iterdir()) == []


GREEDY = """
import sys
from gateway.store import schema
from gateway.store.engine import Store
from gateway.store.crypto import Keys
from tests.store.rows import KEY, documents
with Store.open(sys.argv[1], Keys.single(KEY)) as store:
    for _ in range(1000):
        with store.begin() as tx:
            documents(tx, 500)
"""


@pytest.mark.faults
def test_a_process_that_writes_without_a_pause_starves_no_other(store: Store, database_url: str) -> None:
    root = Path(__file__).parents[2]
    greedy = subprocess.Popen([sys.executable, "-c", GREEDY, database_url], cwd=root)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with store.read() as view:
                if view.scalar(COUNT):
                    break
            time.sleep(0.01)
        for _ in range(50):
            with store.begin() as tx:
                documents(tx, 1)
            time.sleep(0.003)
        assert greedy.poll() is None, "its thousand commits passed our fifty"
    finally:
        greedy.kill()
        greedy.wait()


def test_rows_of_many_ids_are_found_each_through_an_index(store: Store) -> None:
    with store.begin() as tx:
        made = documents(tx, 2300)
        ids = [*made, *range(10**9, 10**9 + 70_000)]  # more than a statement may have parameters
        assert sorted(row.id for row in tx.by_ids(schema.document, ids)) == made
        if store.is_sqlite:
            some = select(schema.document).where(among(schema.document.c.id)).params(among=[7])
            asked = some.compile(store.engine, compile_kwargs={"literal_binds": True})
            assert tx.all(text(f"EXPLAIN QUERY PLAN {asked}"))[0].detail.startswith("SEARCH document")


def test_rows_that_get_the_same_share_a_statement_and_others_do_not_suffer(store: Store) -> None:
    with store.begin() as tx:
        made = documents(tx, 9)
        changes = [(i, {"kind": "order", "part": None if n % 2 else n}) for n, i in enumerate(made[:7])]
        tx.set(schema.document, [*changes, (made[7], {"kind": "invoice"})])
        found = {row.id: (row.kind, row.part) for row in tx.by_ids(schema.document, made)}
    expected: list[tuple[str | None, int | None]] = [("order", None if n % 2 else n) for n in range(7)]
    assert [found[i] for i in made] == [*expected, ("invoice", None), (None, None)]


def test_pauses_grow_to_a_longest_and_are_spread() -> None:
    policy = RetryPolicy(first_us=SECOND, factor=2, longest_us=10 * SECOND, attempts=9, jitter=0.5)
    assert [policy.pause_us(n, 0.0) // SECOND for n in range(1, 7)] == [1, 2, 4, 8, 10, 10]
    assert policy.pause_us(3, 1.0) == 2 * SECOND
    assert policy.pause_us(10**6, 0.0) == 10 * SECOND


def test_a_retry_obeys_the_other_side_its_attempts_and_its_deadline() -> None:
    policy = RetryPolicy(first_us=SECOND, attempts=3)
    assert policy.after_failure(1, 0, 0.0) == RetryAt(SECOND)
    assert policy.after_failure(1, 0, 0.0, retry_after_us=9 * SECOND) == RetryAt(9 * SECOND)
    assert policy.after_failure(3, 0, 0.0) == GiveUp("3 attempts failed")
    assert policy.after_failure(1, 0, 0.0, deadline_at=SECOND // 2) == RetryAt(SECOND // 2)
    assert isinstance(policy.after_failure(1, SECOND, 0.0, deadline_at=SECOND), GiveUp)
    assert isinstance(policy.after_failure(1, 0, 0.0, deadline_at=SECOND, retry_after_us=2 * SECOND), GiveUp)


def test_many_rows_are_stored_as_few_are_and_fail_as_few_do(store: Store) -> None:
    row = {"lane": "test", "kind": "order", "key": 'a\t"b"\\c\nü', "event_id": 2**40}
    with store.begin() as tx:
        tx.insert(schema.event_key, [{**row, "event_id": 1}])
        tx.insert(schema.event_key, [{**row, "event_id": 2**40 + n} for n in range(20)])
        chunk = {"n": 0, "key_id": "k", "sealed": bytes(range(256))}
        tx.insert(schema.payload_chunk, [{**chunk, "payload_id": n} for n in range(20)])
        tx.insert(schema.payload, [{**PAYLOAD, "id": n, "purged_at": None if n % 2 else n} for n in range(20)])
    with store.read() as view:
        assert {found.key for found in view.all(select(schema.event_key))} == {row["key"]}
        assert {found.sealed for found in view.all(select(schema.payload_chunk))} == {bytes(range(256))}
        kept = {found.id: found.purged_at for found in view.all(select(schema.payload))}
    assert kept == {n: None if n % 2 else n for n in range(20)}
    with pytest.raises(IntegrityError), store.begin() as tx:
        tx.insert(schema.event_key, [{**row, "event_id": 2**40 + n} for n in range(19, 30)])


PAYLOAD = {"owner": "o", "lane": "test", "sha256": "", "size": 1, "media_type": None, "created_at": 1}


def test_nothing_in_a_column_that_has_a_default_is_an_error_and_not_the_default(store: Store) -> None:
    for n in (1, 6):  # by statement and by COPY
        with pytest.raises(IntegrityError), store.begin() as tx:
            documents(tx, n, attempts=None)


def test_a_process_without_free_files_commits_and_takes_nobodys_pipe_away(database_url: str, keys: Keys) -> None:
    with Store.open(database_url, keys) as store:
        listener = store.listen()
        with store.begin() as tx:
            tx.wake("translate")
        listener.wait(60)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            with store.begin() as tx:
                tx.wake("translate")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        with store.begin() as tx:
            tx.wake("write")
        heard: set[str] = set()
        while "write" not in heard:  # the hint before it may come alone
            said = listener.wait(60)
            assert said
            heard |= said
        listener.close()


def test_an_error_of_the_database_does_not_show_what_was_to_be_stored(store: Store) -> None:
    with store.begin() as tx:
        documents(tx, 1, business_key="4 Secret Street")
        row = tx.first(select(schema.document))
    assert row is not None
    for many in (1, 9):
        with pytest.raises(IntegrityError) as raised, store.begin() as tx:
            tx.insert(schema.document, [row._asdict()] * many)
        assert "Secret" not in str(raised.value)
    kept = schema.document.insert().values({**row._asdict(), "id": row.id + 1, "status": None})
    with pytest.raises(IntegrityError) as raised, store.begin() as tx:
        tx.execute(kept)
    with pytest.raises(IntegrityError) as noted, store.begin() as tx:
        tx.insert(schema.document, [{**row._asdict(), "id": row.id + 1, "status": None}])
    for seen in (raised, noted):
        assert "Secret" not in "".join(format_exception(seen.value))


def test_a_database_another_program_holds_is_the_databases_trouble(
    new_database: Callable[[str], str], keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Doors answer 503 to it, and no row is given up because of it."""
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_S", 0)
    with Store.open(new_database("sqlite"), keys) as store:
        other = sqlite3.connect(store.sqlite_path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError) as raised, store.begin():
            pytest.fail("two writers")
        other.close()
    assert engine.is_trouble(raised.value)
