"""Certificates that run out, under a clock that a test turns: who is asked, when again, and when nobody is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from as2_pair import new_certificate
from as2_site import OURS, THEIRS, as2_book
from pipeline_road import ROOT

from gateway.as2.identity import OwnCertificate
from gateway.partners import secrets
from gateway.partners.book import Book
from gateway.pipeline import certificates
from gateway.pipeline.receive import Arrival, receive
from gateway.store import schema, work_items
from gateway.store.crypto import Keys
from gateway.store.engine import Store

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def one(name: str, serial: int, days: int, begins: int = -1) -> OwnCertificate:
    return new_certificate(name, serial=serial, start=START + begins * DAY, end=START + days * DAY)


OURS_LONG, THEIRS_100 = one(OURS, 1, 900), one(THEIRS, 2, 100)


@dataclass
class Room:
    """A connection with certificates, and days that pass."""

    store: Store
    folder: Path
    day: float = 0

    def passes(self, day: float, *theirs: OwnCertificate, ours: OwnCertificate = OURS_LONG) -> list[Any]:
        """What is open after the look of that day, with these certificates of theirs."""
        self.day = day
        (self.folder / str(day)).mkdir(parents=True)
        said = []
        for n, certificate in enumerate(theirs or (THEIRS_100,)):
            (self.folder / f"{day}-{n}.pem").write_bytes(certificate.pem())
            said.append({"certificate": f"file:{self.folder}/{day}-{n}.pem"})
        book = as2_book(self.folder / str(day), ours, THEIRS_100, {"their_certificates": said})
        certificates.look(self.store, book, secrets.resolve)
        return [item for item in self.items() if item.settled_at is None]

    def items(self) -> list[Any]:
        with self.store.read() as view:
            rows = view.all(schema.work_item.select().order_by(schema.work_item.c.id))
        return [row for row in rows if row.partner in (None, "harbor-pine")]  # others of the book have no files here

    def now(self) -> int:
        return int((START + self.day * DAY).timestamp() * 1_000_000)


@pytest.fixture
def room(database_url: str, keys: Keys, tmp_path: Path) -> Iterator[Room]:
    with Store.open(database_url, keys, clock=lambda: made.now()) as store:
        made = Room(store, tmp_path)
        yield made


def test_one_item_renewed_at_each_of_the_days(room: Room) -> None:
    """Red when the same warning is opened twice, or a later one does not take the place of the earlier."""
    seen = [(day, [item.title for item in room.passes(day)]) for day in (0, 39, 40, 41, 70, 86, 93, 99, 99.5, 101, 102)]
    said = {day: titles[0].partition("harbor-pine ")[2].partition(", and")[0] for day, titles in seen if titles}
    assert all(len(titles) <= 1 for _, titles in seen)
    assert said == {
        40: "ends on 2026-04-11, in 60 days or less",
        41: "ends on 2026-04-11, in 60 days or less",
        70: "ends on 2026-04-11, in 30 days or less",
        86: "ends on 2026-04-11, in 14 days or less",
        93: "ends on 2026-04-11, in 7 days or less",
        99: "ends on 2026-04-11, in 1 day or less",
        99.5: "ends on 2026-04-11, in 1 day or less",
        101: "ended on 2026-04-11",
        102: "ended on 2026-04-11",
    }
    assert len(room.items()) == 6
    last = room.items()[-1]
    assert (last.partner, last.lane, last.code) == ("harbor-pine", "production", "certificate-runs-out")
    assert last.lost_at == int((START + 100 * DAY).timestamp() * 1_000_000)
    assert THEIRS_100.fingerprint in last.what_to_do
    assert "(not known)" not in " ".join((last.title, last.why, last.who, last.what_to_do))


def test_a_successor_settles_it(room: Room) -> None:
    next_one = one(THEIRS, 3, 500, begins=80)
    (item,) = room.passes(75)
    assert room.passes(76, THEIRS_100, next_one) == []
    assert {row.id: row.settled_by for row in room.items()} == {item.id: "the gateway"}
    assert room.passes(99, THEIRS_100, next_one) == []
    assert len(room.passes(99.1)) == 1  # it was taken away again


def test_who_has_a_successor_is_never_asked(room: Room) -> None:
    for day in (0, 45, 95, 101):
        assert room.passes(day, THEIRS_100, one(THEIRS, 3, 500, begins=80)) == []
    assert room.items() == []


def test_a_successor_that_begins_too_late_is_none(room: Room) -> None:
    assert len(room.passes(75, THEIRS_100, one(THEIRS, 3, 500, begins=110))) == 1


def test_what_a_person_settled_stays_settled_until_the_next_of_the_days(room: Room) -> None:
    (item,) = room.passes(75)
    with room.store.begin() as tx:
        work_items.settle(tx, [item.id], "Ada")
    assert room.passes(76) == []
    (again,) = room.passes(87)
    assert again.id != item.id


def test_ours_is_asked_of_our_engineer(room: Room) -> None:
    (item,) = room.passes(10, one(THEIRS, 3, 500), ours=one(OURS, 4, 30))
    assert (item.code, item.partner, item.who) == ("our-certificate-runs-out", None, "Our engineer")
    assert "mail it to harbor-pine" in item.what_to_do


def test_a_file_that_cannot_be_read_is_said_and_settles_when_it_can(room: Room) -> None:
    (room.folder / "book").mkdir()
    gone = {"their_certificates": [{"certificate": f"file:{room.folder}/gone.pem"}]}
    book = as2_book(room.folder / "book", OURS_LONG, THEIRS_100, gone)
    for _ in range(2):
        certificates.look(room.store, book, secrets.resolve)
    (item,) = room.items()
    assert (item.code, "gone.pem" in item.title) == ("certificates-unusable", True)
    (room.folder / "gone.pem").write_bytes(one(THEIRS, 3, 500).pem())
    certificates.look(room.store, book, secrets.resolve)
    assert room.items()[0].settled_by == "the gateway"


def test_a_profile_that_nobody_set_up_raises_nothing_until_something_passes(room: Room) -> None:
    book = Book.load(ROOT / "partners", ROOT / "maps")

    def of_the_example() -> list[str]:
        certificates.look(room.store, book, secrets.resolve)
        with room.store.read() as view:
            return [row.title for row in view.all(schema.work_item.select()) if row.partner == "juniper-row"]

    assert "juniper-row" in book.connections, "an example whose secrets stand nowhere"
    assert of_the_example() == []
    with room.store.begin() as tx:
        receive(tx, [Arrival("juniper-row", "production", "<1@them>", b"", wire=b"their message")])
    (title,) = of_the_example()
    assert title.startswith("The certificates of connection juniper-row cannot be used")
