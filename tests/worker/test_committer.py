"""Doors: many callers share commits, each gets its own receipt, a full room says Busy."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import event, func, select

from gateway.store import ids, schema
from gateway.store.engine import Store, Tx
from gateway.worker.committer import Busy, Closed, Committer


def receive(tx: Tx, names: Sequence[str]) -> list[int]:
    if "poison" in names:
        raise ValueError("this one cannot be stored")
    made = ids.take(tx, "audit", len(names))
    rows = [{"id": n, "at": 0, "actor": name, "action": "x"} for n, name in zip(made, names, strict=True)]
    tx.insert(schema.audit, rows)
    return list(made)


@pytest.fixture
def committer(store: Store) -> Iterator[Committer[str, int]]:
    made = Committer(store, receive, batch=50)
    yield made
    made.close()


def stored(store: Store) -> dict[str, int]:
    with store.read() as view:
        return {row.actor: row.id for row in view.all(select(schema.audit))}


def test_many_callers_share_commits_and_each_gets_its_receipt(store: Store, committer: Committer[str, int]) -> None:
    commits: list[object] = []
    event.listen(store.engine, "commit", commits.append)

    async def door() -> list[int]:
        return await asyncio.gather(*[committer.stored(f"a{n}") for n in range(300)])

    receipts = asyncio.run(door())
    assert len(commits) < 60
    assert stored(store) == {f"a{n}": receipt for n, receipt in enumerate(receipts)}


def test_threads_may_store_too(store: Store, committer: Committer[str, int]) -> None:
    receipts: dict[str, int] = {}

    def caller(name: str) -> None:
        receipts[name] = committer.store(name)

    threads = [threading.Thread(target=caller, args=(f"t{n}",)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stored(store) == receipts


def test_who_finds_nobody_storing_stores_by_itself(store: Store) -> None:
    storing: list[tuple[str, list[str]]] = []
    begun, go_on = threading.Event(), threading.Event()

    def slow(tx: Tx, names: Sequence[str]) -> list[int]:
        storing.append((threading.current_thread().name, sorted(names)))
        if "first" in names:
            begun.set()
            go_on.wait(60)
        return receive(tx, names)

    committer = Committer(store, slow)
    first = threading.Thread(target=committer.store, args=("first",), name="a caller")
    first.start()
    begun.wait(60)
    others = [threading.Thread(target=committer.settle, args=([name, f"{name}-too"],)) for name in ("b", "c")]
    for other in others:
        other.start()
    while len(committer._waiting) < 4:
        time.sleep(0.001)
    go_on.set()
    for thread in (first, *others):
        thread.join()
    assert storing == [("a caller", ["first"]), ("committer", ["b", "b-too", "c", "c-too"])]
    assert len(stored(store)) == 5
    committer.close()


def test_one_item_that_cannot_be_stored_spoils_no_other(store: Store, committer: Committer[str, int]) -> None:
    async def door() -> list[int | BaseException]:
        names = ["a", "poison", "b"]
        return await asyncio.gather(*map(committer.stored, names), return_exceptions=True)

    first, second, third = asyncio.run(door())
    assert isinstance(second, ValueError)
    assert stored(store) == {"a": first, "b": third}


def test_a_receipt_means_that_it_is_durable(store: Store, committer: Committer[str, int]) -> None:
    receipt = committer.store("a")
    with store.read() as view:
        assert view.scalar(select(func.count()).where(schema.audit.c.id == receipt)) == 1


def test_what_may_be_lost_is_committed_more_cheaply_and_alone(store: Store) -> None:
    how: list[tuple[list[str], str]] = []
    asked = "PRAGMA synchronous" if store.is_sqlite else "SHOW synchronous_commit"

    def apply(tx: Tx, names: Sequence[str]) -> list[int]:
        how.append((list(names), str(tx.connection.exec_driver_sql(asked).scalar())))
        return receive(tx, names)

    loose, firm = ("1", "2") if store.is_sqlite else ("off", "on")
    committer = Committer(store, apply, may_be_lost=lambda name: name.startswith("piece"))
    try:
        for names in (["piece 1", "piece 2"], ["piece 3", "file"], ["file 2"]):
            committer.settle(names)
        with pytest.raises(ValueError, match="cannot be stored"), store.begin(lasting=False) as tx:
            receive(tx, ["poison"])
        committer.settle(["file 3"])
    finally:
        committer.close()
    assert how == [
        (["piece 1", "piece 2"], loose),
        (["piece 3", "file"], firm),
        (["file 2"], firm),
        (["file 3"], firm),
    ]
    assert len(stored(store)) == 6


def test_a_full_waiting_room_says_busy_and_when_to_come_back(store: Store) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(tx: Tx, names: Sequence[str]) -> list[int]:
        begun.set()
        go_on.wait(60)
        return receive(tx, names)

    committer = Committer(store, slow, capacity=100, weigh=len)
    under_way = committer.submit("x" * 60)
    begun.wait(60)
    waits = committer.submit("y" * 40)
    with pytest.raises(Busy) as refused:
        committer.submit("z")
    assert 1 <= refused.value.retry_after_s <= 60
    go_on.set()
    assert under_way.result(60) != waits.result(60)
    committer.store("z")
    committer.close()
    assert len(stored(store)) == 3


def test_closing_stores_what_waits_and_takes_nothing_more(store: Store) -> None:
    committer = Committer(store, receive)
    futures = [committer.submit(f"a{n}") for n in range(100)]
    committer.close()
    assert {future.result(0) for future in futures} == set(stored(store).values())
    with pytest.raises(Closed):
        committer.submit("late")


def test_a_caller_that_went_away_stops_nobody(store: Store, committer: Committer[str, int]) -> None:
    async def door() -> None:
        gone = asyncio.ensure_future(committer.stored("gone"))
        await asyncio.sleep(0)
        gone.cancel()
        await committer.stored("stays")

    asyncio.run(door())
    assert set(stored(store)) == {"gone", "stays"}
