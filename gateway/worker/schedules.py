"""What a house looks at again and again: folders and servers of partners, feeds of our systems, late answers.

Order of things, everywhere: store in one commit, only then tell the other side. Whoever dies in between sees the same
thing again under the same id, and stores nothing twice.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from sqlalchemy import update

from gateway.channels import channel, table
from gateway.channels.channel import Polls as Wire
from gateway.channels.channel import Resolve
from gateway.partners import secrets
from gateway.partners.book import Book
from gateway.partners.connection import Connection
from gateway.pipeline import certificates, deliver, follow, keeping, stops
from gateway.pipeline.alert import raise_alerts
from gateway.pipeline.house import House
from gateway.pipeline.receive import Arrival, receive
from gateway.store import payloads
from gateway.store.retry import SECOND
from gateway.store.schema import poll
from gateway.store.spool import Spool
from gateway.systems import description
from gateway.systems.connector import Retry
from gateway.worker import large_file
from gateway.worker.polls import Schedule

log = logging.getLogger(__name__)

AT_ONCE = 8_000_000  # bytes a commit; a larger file is stored in pieces
TOGETHER = 100  # files a commit
PAGES = 50  # of one feed, before another schedule gets its turn
LATE_EVERY = 5 * SECOND
KEEPING_EVERY = CERTIFICATES_EVERY = 3600 * SECOND


class NotNow(Exception):
    """A system cannot tell us its changes; asked again after a pause."""


class Moved(Exception):
    """Another worker stored this page of a feed meanwhile; it goes on from there."""


class Schedules:
    """The schedules of the active book, made anew when the book changes."""

    def __init__(self, house: House, resolve: Resolve = secrets.resolve) -> None:
        self._house = house
        self._resolve = resolve
        self._revision = ""
        self._found: Mapping[tuple[str, str], Schedule] = {}

    def __call__(self) -> Mapping[tuple[str, str], Schedule]:
        book = self._house.book()
        if book.revision != self._revision:
            self._found = {(one.name, one.lane): one for one in self._of(book)}
            self._revision = book.revision
        return self._found

    def _of(self, book: Book) -> Iterator[Schedule]:
        house = self._house
        for name, said in book.connections.items():
            if said.kind in table.POLLERS:
                every = int(said.every.total_seconds() * SECOND)
                hours = _hours(book, said)
                yield Schedule(f"connection {name}", said.lane, every, self._collector(said), *hours)
        for name, system in book.systems.items():
            feed = description.load(system.file, system.text).changes
            if feed is not None:
                every = int(feed.every.total_seconds() * SECOND)
                yield Schedule(f"system {name}", system.lane, every, partial(follow_feed, house, name, system.lane))
        yield Schedule("bodies over their time", "production", KEEPING_EVERY, partial(_purge, house))
        look = partial(_look_at_certificates, house, self._resolve)
        yield Schedule("certificates that run out", "production", CERTIFICATES_EVERY, look)
        yield Schedule("answers that are late", "production", LATE_EVERY, partial(_ask_about_late, house))

    def _collector(self, said: Connection) -> Callable[[str | None], str | None]:
        def collect(cursor: str | None) -> str | None:
            wire = table.open_poller(said.kind, said.settings, self._resolve)
            if wire is not None:
                try:
                    collect_all(self._house, wire, said.name, said.lane)
                    stops.goes_again(self._house.store, said.name, said.lane)
                except channel.ConnectionStopped as error:
                    with self._house.store.begin() as tx:
                        raise_alerts(tx, [stops.alert(said.name, said.lane, str(error))])
                    raise
                finally:
                    wire.close()
            return cursor

        return collect


Moment = Callable[[int], int]


def _hours(book: Book, said: Connection) -> tuple[Moment, Moment] | tuple[()]:
    """When a connection may be looked at and when next, in microseconds; nothing for one without a timetable."""
    timetable = said.schedule
    if timetable is None:
        return ()
    company = book.companies[timetable.company]

    def opens(now: int) -> int:
        moment = _moment(now)
        return now if timetable.is_open(moment, company) else _micro(timetable.next_open(moment, company))

    def after(now: int) -> int:
        return _micro(timetable.after(_moment(now), said.every, company))

    return opens, after


def _moment(micro: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(micro / SECOND, dt.UTC)


def _micro(moment: dt.datetime) -> int:
    return int(moment.timestamp() * SECOND)


def collect_all(house: House, wire: Wire, connection: str, lane: str) -> int:
    """Store everything that waits on a wire, then take it away there. Raises ChannelError when the wire fails."""
    count = 0
    batch: list[tuple[channel.Arrival, Spool]] = []
    folder = house.store.sqlite_path.parent if house.store.is_sqlite else None
    try:
        for arrival in wire.poll():
            content = _settled(arrival, folder)
            if content is None:
                continue
            batch.append((arrival, content))
            if len(batch) == TOGETHER or sum(held.size for _, held in batch) > AT_ONCE:
                count += _store(house, wire, connection, lane, batch)
    finally:
        # what was read before the wire failed is not read again
        count += _store(house, wire, connection, lane, batch)
    return count


def _settled(arrival: channel.Arrival, folder: Path | None) -> Spool | None:
    """All of its bytes, off the network; None if its sender is still writing."""
    held = Spool(folder)
    try:
        with arrival.open() as stream:
            while block := stream.read(1 << 20):
                held.write(block)
    except channel.Unsettled as reason:
        log.info("%s is not complete yet: %s", arrival.name, reason)
        return None
    return held


def _store(house: House, wire: Wire, connection: str, lane: str, batch: list[tuple[channel.Arrival, Spool]]) -> int:
    """In one commit, all but the most of large files; then they are taken away there."""
    files = batch.copy()
    batch.clear()  # whatever comes of it, they are not stored a second time
    if not files:
        return 0
    large = {
        one.transport_id: large_file.store(house.store, connection, lane, one.transport_id, content)
        for one, content in files
        if content.size > AT_ONCE
    }
    with house.store.begin() as tx:
        bodies = {transport_id: one.adopt(tx) for transport_id, one in large.items()}
        arrivals = [
            Arrival(connection, lane, one.transport_id, bodies.get(one.transport_id) or content.content(), one.name)
            for one, content in files
        ]
        receipts = receive(tx, arrivals)
        repeated = {one.transport_id for one, receipt in zip(arrivals, receipts, strict=True) if receipt.repeated}
        if again := repeated & set(bodies):
            payloads.discard(tx, [bodies[transport_id].id for transport_id in sorted(again)])
        tx.wake("unwrap")
    for one, _ in files:
        wire.after_commit(one)
    return len(files)


def follow_feed(house: House, name: str, lane: str, cursor: str | None) -> str | None:
    """Store what happened in a system since the cursor; facts and cursor of each page in one commit."""
    for _ in range(PAGES):
        page = house.systems()[name].changes(cursor)
        if isinstance(page, Retry):
            raise NotNow(page.why)
        if page.cursor == cursor and not page.changes and not page.strangers:
            return cursor
        with house.store.begin() as tx:
            now = follow.record(tx, house, name, lane, page)
            here = (poll.c.name == f"system {name}", poll.c.lane == lane)
            stood = poll.c.cursor.is_(None) if cursor is None else poll.c.cursor == cursor
            if tx.execute(update(poll).where(*here, stood).values(cursor=now)).rowcount != 1:
                raise Moved(f"the feed of {name} was read by another worker")
        cursor = now
        if not page.more:
            break
    return cursor


def _look_at_certificates(house: House, resolve: Resolve, cursor: str | None) -> str | None:
    certificates.look(house.store, house.book(), resolve)
    return cursor


def _ask_about_late(house: House, cursor: str | None) -> str | None:
    with house.store.begin() as tx:
        deliver.overdue(tx)
    return cursor


def _purge(house: House, cursor: str | None) -> str | None:
    keeping.purge(house)
    return cursor
