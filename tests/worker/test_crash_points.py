"""A process that dies at any moment (moments.py) loses nothing and doubles no effect."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from multiprocessing import Pipe
from typing import Any

import pytest
from forked import ended, start
from sqlalchemy import func, select

from gateway.store import schema
from gateway.store.engine import Store
from gateway.worker.moments import Moment
from tests.store.rows import documents
from tests.worker.harness import THREADS, stand_at_the_door, work
from tests.worker.receiver import Receiver

pytestmark = pytest.mark.faults

AT_THE_DOOR = [Moment.STORED, Moment.DURABLE]
ON_THE_ROAD = [moment for moment in Moment if moment not in AT_THE_DOOR]
DOCUMENTS = 60


def at_the_door(url: str, *death: object) -> tuple[int, dict[str, int]]:
    """How it ended, and the receipts of what it acknowledged before."""
    heard, told = Pipe(duplex=False)
    process = start(stand_at_the_door, url, 30, told, *death)
    told.close()
    acknowledged = {}
    with suppress(EOFError):
        while True:
            name, receipt = heard.recv()
            acknowledged[name] = receipt
    heard.close()
    return ended(process), acknowledged


def check_road(store: Store, receiver: Receiver, *, expected: int, kills: int) -> None:
    """Lost 0; effects exactly 1; repeats byte-identical and no more than kills x in flight; keys in order."""
    with store.read() as view:
        told = view.all(select(schema.event.c.document_id, func.count()).group_by(schema.event.c.document_id))
        assert len(told) == expected, "a document was lost"
        assert all(count == 1 for _, count in told), "an effect was doubled"
        owed = view.all(select(schema.delivery))
        assert len(owed) == expected
        assert {row.status for row in owed} == {"delivered"}
    arrived = receiver.by_key()
    assert set(arrived) == {row.idempotency_key for row in owed}
    assert all(len(set(bodies)) == 1 for bodies in arrived.values()), "a repeat had other bytes"
    assert len(receiver.arrivals) - expected <= kills * THREADS
    for key in {row.ordering_key for row in owed} - {None}:
        in_order = [row.idempotency_key for row in sorted(owed, key=lambda row: row.id) if row.ordering_key == key]
        came = list(dict.fromkeys(name for name, _ in receiver.arrivals if name in set(in_order)))
        assert came == in_order


def _cut(kind: str, moment: Moment, nth: int) -> Any:
    """In every run: each moment on SQLite, and where the databases differ most on PostgreSQL too."""
    usual = nth == 1 and (kind == "sqlite" or moment in (Moment.APPLIED, Moment.SENT, Moment.RECORDED))
    return pytest.param(kind, moment, nth, marks=() if usual else pytest.mark.slow)


@pytest.mark.parametrize(
    ("database_kind", "moment", "nth"),
    [_cut(kind, moment, nth) for kind in ("sqlite", "postgresql") for moment in ON_THE_ROAD for nth in (1, 3)],
)
def test_a_worker_that_dies_on_the_road(store: Store, database_url: str, moment: Moment, nth: int) -> None:
    with store.begin() as tx:
        documents(tx, DOCUMENTS, stage="read")
    with Receiver() as receiver:
        first = start(work, database_url, receiver.port, moment, nth)
        assert ended(first) == -signal.SIGKILL, f"never reached: {moment}"
        assert ended(start(work, database_url, receiver.port)) == 0
        check_road(store, receiver, expected=DOCUMENTS, kills=1)


@pytest.mark.parametrize("moment", AT_THE_DOOR)
def test_a_door_that_dies_before_or_after_its_commit(store: Store, database_url: str, moment: Moment) -> None:
    code, acknowledged = at_the_door(database_url, moment, 2)
    assert code == -signal.SIGKILL, f"never reached: {moment}"
    assert len(acknowledged) == 5  # the first group of five
    with store.read() as view:
        stored = {row.transport_id: row.id for row in view.all(select(schema.transmission))}
    assert acknowledged.items() <= stored.items(), "acknowledged and not stored"
    code, receipts = at_the_door(database_url)  # the sender repeats what it does not know to be stored
    assert code == 0
    assert len(receipts) == 30
    assert stored.items() <= receipts.items(), "a repeat got another receipt"


def test_every_moment_is_crashed_at(request: pytest.FixtureRequest) -> None:
    assert {*AT_THE_DOOR, *ON_THE_ROAD} == set(Moment)


@pytest.mark.parametrize(
    ("database_kind", "workers", "kills"),
    [
        ("sqlite", 1, 5),
        pytest.param("postgresql", 1, 5, marks=pytest.mark.slow),
        pytest.param("sqlite", 2, 5, marks=pytest.mark.slow),
        pytest.param("postgresql", 2, 5, marks=pytest.mark.slow),
        pytest.param("sqlite", 4, 8, marks=pytest.mark.slow),
        pytest.param("postgresql", 4, 8, marks=pytest.mark.slow),
    ],
)
def test_workers_killed_again_and_again_under_load(store: Store, database_url: str, workers: int, kills: int) -> None:
    expected = 120 * kills
    with store.begin() as tx:
        documents(tx, expected, stage="read")
    with Receiver(delay_s=0.02) as receiver:
        running = [start(work, database_url, receiver.port) for _ in range(workers)]
        for kill in range(kills):
            _wait_for_arrivals(receiver, 50 * (kill + 1))
            victim = running[kill % workers]
            victim.kill()
            assert ended(victim) == -signal.SIGKILL, "it had ended before it was killed: too little load"
            running[kill % workers] = start(work, database_url, receiver.port)
        assert {ended(process, 120) for process in running} == {0}
        check_road(store, receiver, expected=expected, kills=kills)


def _wait_for_arrivals(receiver: Receiver, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(receiver.arrivals) < count:
        assert time.monotonic() < deadline, f"only {len(receiver.arrivals)} of {count} arrived"
        time.sleep(0.01)
