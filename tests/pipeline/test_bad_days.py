"""The database may only be read for a while, the clock jumps while work is under way: nothing is lost."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pipeline_road import Folder, Road
from road_documents import interchange, order
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from gateway.partners.book import Book
from gateway.pipeline.house import House
from gateway.store import schema
from gateway.store.crypto import Keys
from gateway.store.engine import Store
from gateway.worker.batches import Batches
from gateway.worker.keeper import Keeper
from gateway.worker.road import stages
from gateway.worker.worker import Worker

HOUR = 3600 * 1_000_000
MINUTE = 60 * 1_000_000


@dataclass
class Machine:
    """What happens to the machine: its clock is wrong by so much, and its disk may not be written to."""

    url: str
    keys: Keys
    jumped: int = 0
    read_only: bool = False

    def clock(self) -> int:
        return time.time_ns() // 1000 + self.jumped

    def connect(self, path: str, **more: Any) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{path}?mode={'ro' if self.read_only else 'rw'}", uri=True, **more)

    def protect(self, store: Store, *, read_only: bool) -> None:
        """As an administrator does it: PostgreSQL after a failover, a file system that was mounted read-only."""
        self.read_only = read_only
        if not store.is_sqlite:
            name = make_url(self.url).database
            with Store.open(self.url, self.keys) as beside, beside.begin() as tx:
                tx.execute(text("SET TRANSACTION READ WRITE"))
                tx.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = {read_only}"))
        if store._writer is not None:
            store._writer.close()  # which SQLite's writer keeps
            store._writer = None
        store.engine.dispose()


@pytest.fixture
def machine(database_url: str, keys: Keys) -> Machine:
    return Machine(database_url, keys)


@pytest.fixture
def road(machine: Machine, book: Book, tmp_path: Path) -> Iterator[Road]:
    with Store.open(machine.url, machine.keys, clock=machine.clock, connect=machine.connect) as store:
        sent = tmp_path / "sent"
        yield Road(store, House(store, lambda: book, dict, lambda name: Folder(sent / name)), sent)


def worker(road: Road, name: str) -> Batches:
    return Batches(road.store, stages(road.house), name, Keeper(road.store, every_s=60))


def is_done_once(road: Road, *numbers: str) -> bool:
    """Each of these orders is a document, a fact and a flow, and its 997 was sent."""
    road.deliver()
    done = [row.business_key for row in road.rows(schema.document, direction="in", status="done")]
    facts = road.rows(schema.event, type="order.received")
    return sorted(done) == sorted(numbers) and len(facts) == len(road.flows()) == len(road.files()) == len(numbers)


def test_a_database_that_may_only_be_read_acknowledges_nothing_and_loses_nothing(
    road: Road, machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    road.receive(interchange([order("HP-1", "0001")], number=1), name="before")
    under_way = worker(road, "first")
    assert under_way.step(), "it is claimed"
    machine.protect(road.store, read_only=True)
    with pytest.raises(OperationalError):
        under_way.step()
    with pytest.raises(OperationalError):
        road.receive(interchange([order("HP-2", "0002")], number=2), name="meanwhile")
    serving = Worker(road.store, stages(road.house))
    thread = threading.Thread(target=serving.run)
    machine.jumped += 2 * MINUTE  # the lease is over: it would be claimed again
    thread.start()
    try:
        until = time.monotonic() + 60
        while "the database cannot be used" not in caplog.text:
            assert time.monotonic() < until, "the worker says nothing"
            time.sleep(0.01)
    finally:
        serving.stop()
        thread.join(60)
    assert "read-only" in caplog.text.replace("readonly", "read-only")
    assert [row.transport_id for row in road.rows(schema.transmission)] == ["before"], "and it can be read"
    machine.protect(road.store, read_only=False)
    road.receive(interchange([order("HP-2", "0002")], number=2), name="meanwhile")
    road.work()
    assert is_done_once(road, "HP-1", "HP-2")
    assert road.rows(schema.work_item) == []


def test_a_clock_that_goes_back_makes_work_late_and_loses_none(road: Road, machine: Machine) -> None:
    road.receive(interchange([order("HP-1", "0001")], number=1), name="under way")
    under_way = worker(road, "first")
    assert under_way.step(), "it is claimed"
    road.receive(interchange([order("HP-2", "0002")], number=2), name="stored")
    machine.jumped -= HOUR
    assert not under_way.step(), "what was under way is stored; what was stored before is due by the old clock"
    road.receive(interchange([order("HP-3", "0003")], number=3), name="after")
    road.work()
    assert is_done_once(road, "HP-1", "HP-3")
    machine.jumped += HOUR  # it is that late again, or somebody set it right
    road.work()
    assert is_done_once(road, "HP-1", "HP-2", "HP-3")
    assert road.rows(schema.work_item) == []


def test_a_clock_that_goes_forward_gives_work_to_somebody_else_and_does_none_twice(
    road: Road, machine: Machine
) -> None:
    road.receive(interchange([order("HP-1", "0001")], number=1), name="under way")
    under_way = worker(road, "first")
    assert under_way.step(), "it is claimed"
    machine.jumped += 24 * HOUR  # every lease looks over
    worker(road, "second").step()
    assert road.rows(schema.transmission)[0].lease_owner == "second"
    under_way.step()
    assert road.rows(schema.document) == [], "the first has nothing any more"
    machine.jumped += 24 * HOUR
    road.work()
    assert is_done_once(road, "HP-1")
    late = {item.code for item in road.rows(schema.work_item)}
    assert late <= {"answer-due"}, "by this clock the answer is late, and a person is told"
