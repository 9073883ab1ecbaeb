"""Folders and feeds: stored in one commit before the other side is told, and never stored twice."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pipeline_road import ROOT

from gateway.channels.channel import HostKeyChanged
from gateway.channels.directory import DirectoryChannel, DirectorySettings
from gateway.partners.book import Book
from gateway.pipeline.house import House
from gateway.store import payloads, schema, uploads
from gateway.store.engine import Store
from gateway.store.retry import SECOND
from gateway.systems.connector import Page, Retry, Stranger
from gateway.worker import large_file, schedules
from gateway.worker.polls import Polls, Schedule
from gateway.worker.schedules import Moved, NotNow, Schedules, collect_all, follow_feed


class Feed:
    """A system's feed, page by page; what is in a page is the connector suite's business."""

    def __init__(self) -> None:
        self.pages: dict[str | None, Page | Retry] = {}

    def changes(self, cursor: str | None) -> Page | Retry:
        return self.pages[cursor]


def page(cursor: str, *ids: str, more: bool = False) -> Page:
    return Page((), cursor, more, tuple(Stranger(one, {"id": one}) for one in ids))


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def house(store: Store, feed: Feed) -> House:
    book = Book.load(ROOT / "partners", ROOT / "maps")
    systems: Any = lambda: {"erp": feed}  # noqa: E731 - a house's parts are functions
    with store.begin() as tx:
        row = {"id": 1, "name": "system erp", "lane": "production", "cursor": None, "stage": "poll", "due_at": tx.now}
        tx.insert(schema.poll, [row])
    return House(store, lambda: book, systems, lambda name: pytest.fail(name))


def cursor(store: Store) -> str | None:
    with store.read() as view:
        row = view.get(schema.poll, 1)
    assert row is not None
    found: str | None = row.cursor
    return found


def items(store: Store) -> int:
    with store.read() as view:
        return len(view.all(schema.work_item.select()))


def test_pages_are_followed_to_the_last_and_each_is_stored_with_its_cursor(house: House, feed: Feed) -> None:
    feed.pages = {None: page("2", "1", "2", more=True), "2": page("3", "3"), "3": page("3")}
    assert follow_feed(house, "erp", "production", None) == "3"
    assert (cursor(house.store), items(house.store)) == ("3", 3)
    assert follow_feed(house, "erp", "production", "3") == "3"


def test_of_two_workers_with_the_same_page_one_stores_it(house: House, feed: Feed) -> None:
    feed.pages = {None: page("2", "1", "2")}
    follow_feed(house, "erp", "production", None)
    with pytest.raises(Moved):
        follow_feed(house, "erp", "production", None)
    assert (cursor(house.store), items(house.store)) == ("2", 2)


def test_a_feed_that_cannot_be_read_moves_nothing(house: House, feed: Feed) -> None:
    feed.pages = {None: Retry("down for maintenance")}
    with pytest.raises(NotNow, match="maintenance"):
        follow_feed(house, "erp", "production", None)
    assert cursor(house.store) is None


@pytest.fixture
def folder(tmp_path: Path) -> DirectoryChannel:
    (tmp_path / "in").mkdir()
    settings = DirectorySettings.model_validate({"inbox": str(tmp_path / "in"), "stable_for": "0s"})
    return DirectoryChannel(settings, str)


def received(store: Store) -> list[Any]:
    with store.read() as view:
        return list(view.all(schema.transmission.select().order_by(schema.transmission.c.id)))


@pytest.mark.parametrize("at_once", [schedules.AT_ONCE, 3])
def test_files_are_stored_then_gone(
    house: House, folder: DirectoryChannel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(schedules, "AT_ONCE", at_once)
    monkeypatch.setattr(schedules, "TOGETHER", 2)
    for number in range(5):
        (tmp_path / "in" / f"{number}.edi").write_bytes(b"ISA" * number)
    assert collect_all(house, folder, "harbor-pine-folder", "production") == 5
    assert sorted((row.filename, row.size) for row in received(house.store)) == [
        (f"{number}.edi", 3 * number) for number in range(5)
    ]
    assert [path.name for path in (tmp_path / "in").iterdir() if path.is_file()] == []
    assert collect_all(house, folder, "harbor-pine-folder", "production") == 0


def test_files_that_wait_for_one_commit_are_no_more_than_memory_holds(
    house: House, folder: DirectoryChannel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "AT_ONCE", 5)
    for number in range(5):
        (tmp_path / "in" / f"{number}.edi").write_bytes(b"ISA")
    together, real = [], schedules.receive

    def receive(tx: Any, arrivals: Any) -> Any:
        together.append(len(arrivals))
        return real(tx, arrivals)

    monkeypatch.setattr(schedules, "receive", receive)
    assert collect_all(house, folder, "harbor-pine-folder", "production") == 5
    assert together == [2, 2, 1]


def test_a_file_on_its_way_to_the_store_is_nowhere_on_the_disk_to_be_read(
    house: House, folder: DirectoryChannel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in" / "one.edi").write_bytes(b"4 Secret Street" * 600_000)
    seen = []
    real = schedules.receive

    def receive(tx: Any, arrivals: Any) -> Any:
        for opened in Path("/proc/self/fd").iterdir():
            with suppress(OSError):  # the one that lists them is closed again
                if str(opened.readlink()).endswith("(deleted)"):
                    seen.append(b"Secret" in os.pread(int(opened.name), 1_000_000, 0))
        return real(tx, arrivals)

    monkeypatch.setattr(schedules, "receive", receive)
    assert collect_all(house, folder, "harbor-pine-folder", "production") == 1
    assert seen
    assert not any(seen)


def test_a_file_that_was_stored_and_not_taken_away_is_not_stored_twice(
    house: House, folder: DirectoryChannel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in" / "one.edi").write_bytes(b"ISA")
    with monkeypatch.context() as died:
        died.setattr(folder, "after_commit", lambda arrival: None)  # as if killed right after the commit
        collect_all(house, folder, "harbor-pine-folder", "production")
    assert collect_all(house, folder, "harbor-pine-folder", "production") == 1
    assert len(received(house.store)) == 1


def test_a_large_file_is_stored_in_pieces_and_once_whoever_dies_in_between(
    house: House, folder: DirectoryChannel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedules, "AT_ONCE", 3)
    monkeypatch.setattr(payloads, "CHUNK", 10)
    content = bytes(range(250))
    (tmp_path / "in" / "large.edi").write_bytes(content)
    for dies_in in ("grow", "stage", "adopt"):
        with monkeypatch.context() as died:
            calls = {"grow": uploads, "stage": payloads, "adopt": payloads}
            real, left = getattr(calls[dies_in], dies_in), [None] if dies_in != "adopt" else []

            def dies(*said: Any, real: Any = real, left: Any = left, **more: Any) -> Any:
                if not left:
                    raise RuntimeError("killed")
                left.pop()
                return real(*said, **more)

            died.setattr(calls[dies_in], dies_in, dies)
            with pytest.raises(RuntimeError, match="killed"):
                collect_all(house, folder, "harbor-pine-folder", "production")
        assert received(house.store) == []
    with monkeypatch.context() as died:
        died.setattr(folder, "after_commit", lambda arrival: None)  # as if killed right after the commit
        collect_all(house, folder, "harbor-pine-folder", "production")
    assert collect_all(house, folder, "harbor-pine-folder", "production") == 1
    (row,) = received(house.store)
    assert payloads.read_all(house.store, row.payload_id) == content
    with house.store.read() as view:
        assert view.all(schema.upload.select()) == []
        assert len(view.all(schema.payload.select())) == 1
        assert {chunk.payload_id for chunk in view.all(schema.payload_chunk.select())} == {row.payload_id}


def test_a_worker_that_was_overtaken_receives_nothing(house: House) -> None:
    slow = large_file.store(house.store, "harbor-pine-folder", "production", "one", [b"ISA" * 9])
    quick = large_file.store(house.store, "harbor-pine-folder", "production", "one", [b"ISA" * 9])
    with pytest.raises(uploads.Overtaken), house.store.begin() as tx:
        slow.adopt(tx)
    with house.store.begin() as tx:
        assert quick.adopt(tx).size == 27


def test_the_schedules_are_those_of_the_book(house: House) -> None:
    found = Schedules(house)()
    assert {("connection harbor-pine-folder", "production"), ("system erp", "production")} <= set(found)


class ClosedDoor:
    """A wire whose server shows another key, until it does not."""

    is_strange = True

    def poll(self) -> Any:
        if self.is_strange:
            raise HostKeyChanged("sftp.example shows the host key SHA256:x; compare it by telephone")
        return iter(())

    def after_commit(self, arrival: Any) -> None: ...

    def close(self) -> None: ...


def test_a_stopped_connection_is_a_work_item_until_it_works_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = ClosedDoor()
    monkeypatch.setattr(schedules.table, "open_poller", lambda *_: door)
    errand = Polls(Schedules(house))
    name = "connection harbor-pine-folder"

    def look() -> Any:
        with house.store.begin() as tx:
            (row,) = [row for row in errand.claim(tx, "test", 100) if row.name == name]
        end = errand.run(row)
        with house.store.begin() as tx:
            errand.record(tx, [(row, end)])
        with house.store.begin() as tx:
            row = tx.get(schema.poll, row.id)
            tx.update(schema.poll, [{"id": row.id, "due_at": tx.now}])
        return row

    first = look()
    with house.store.read() as view:
        (item,) = view.all(schema.work_item.select())
        assert first.due_at - view.now > 290 * SECOND, "asked every five minutes: more often locks accounts"
    assert item.title.startswith("Nothing goes over harbor-pine-folder: sftp.example shows")
    look()
    assert items(house.store) == 1
    door.is_strange = False
    look()
    with house.store.read() as view:
        (item,) = view.all(schema.work_item.select())
    assert item.status == "settled"


def test_a_connection_is_looked_at_in_its_hours(store: Store) -> None:
    ran: list[int] = []

    def run(cursor: str | None) -> str | None:
        ran.append(1)
        return cursor

    opens = [10**18]
    late = Schedule("late", "production", SECOND, run, lambda now: opens[0], lambda now: now + 7 * SECOND)
    errand = Polls(lambda: {("late", "production"): late})
    for expected in (0, 1):
        with store.begin() as tx:
            (row,) = errand.claim(tx, "test", 1)
        end = errand.run(row)
        with store.begin() as tx:
            errand.record(tx, [(row, end)])
            now = tx.now
            after = tx.get(schema.poll, row.id)
            assert after is not None
            tx.update(schema.poll, [{"id": row.id, "due_at": tx.now}])
        assert len(ran) == expected
        assert after.due_at == (10**18 if not expected else now + 7 * SECOND)
        opens[0] = 0


def test_a_plan_that_was_not_stored_is_made_again(store: Store) -> None:
    polls = Polls(lambda: {("house purge", "production"): Schedule("house purge", "production", SECOND, lambda c: c)})

    def cut_off() -> None:
        with store.begin() as tx:
            polls.claim(tx, "me", 1)
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="full"):
        cut_off()
    with store.begin() as tx:
        assert [row.name for row in polls.claim(tx, "me", 1)] == ["house purge"]
