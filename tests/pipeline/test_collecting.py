"""Documents of one agreement that go together: by window, by number, by cut-off; on both databases."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from pipeline_road import Road
from profile_texts import FILES, PARTNER
from road_documents import interchange, order
from sqlalchemy import update

from gateway.lifecycle import DocumentStatus
from gateway.partners.book import Book
from gateway.partners.faults import ProfileFaults
from gateway.pipeline import wrap
from gateway.pipeline.route import Fact, happen, order_key
from gateway.store import schema


def collecting(road: Road, terms: str) -> Road:
    """The same road, its 855s under these terms."""
    said = "    send: x12/004010/855\n"
    book = Book.from_files({**FILES, PARTNER: FILES[PARTNER].replace(said, f"{said}    envelope: {terms}\n", 1)})
    return replace(road, house=replace(road.house, book=lambda: book))


def answer(road: Road, *numbers: str) -> None:
    """Orders that are received and accepted, so that an 855 is ready for each."""
    road.receive(interchange([order(n, f"{i:04d}") for i, n in enumerate(numbers, 1)], number=int(numbers[0][3:])))
    road.work()
    keys = [order_key("harbor-pine", number) for number in numbers]
    with road.store.begin() as tx:
        happen(
            tx, road.house, [Fact("order.accepted", "production", "harbor-pine", (k,), {"system": "erp"}) for k in keys]
        )
    road.work()


def pass_time(road: Road) -> None:
    """Whatever waits for its collection is due."""
    with road.store.begin() as tx:
        waits = schema.document.c.stage == "wrap"
        tx.execute(update(schema.document).where(waits).values(due_at=tx.now))
    road.work()


def answers(road: Road) -> list[bytes]:
    road.deliver()
    return [content for content in road.files() if b"ST*855*" in content]


def test_what_becomes_ready_within_the_window_goes_together(road: Road) -> None:
    road = collecting(road, "{window: 30m, max_documents: 500}")
    answer(road, "HP-1")
    answer(road, "HP-2", "HP-3")
    waiting = road.rows(schema.document, set_id="855")
    assert {row.status for row in waiting} == {DocumentStatus.READY}
    assert len({row.due_at for row in waiting}) == 1, "the first one opened the window for all"
    assert answers(road) == []
    pass_time(road)
    (sent,) = answers(road)
    assert sent.count(b"ST*855*") == 3
    assert b"GE*3*" in sent


def test_an_envelope_too_large_for_memory_is_the_same(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written set by set; nothing else in it or about it differs."""
    road = collecting(road, "{window: 30m, max_documents: 500}")
    answer(road, "HP-1", "HP-2", "HP-3")
    monkeypatch.setattr(wrap, "LARGE", 1)
    pass_time(road)
    (sent,) = answers(road)
    assert [segment[:3] for segment in sent.split(b"~") if segment[:2] in (b"GE", b"IE")] == [b"GE*", b"IEA"]
    assert b"GE*3*" in sent
    rows = road.rows(schema.document, set_id="855")
    for place, row in enumerate(rows, 1):
        written = sent[row.offset : row.offset + row.size]
        assert written.startswith(b"ST*855*%04d~" % place)
        assert written.split(b"~")[-2].startswith(b"SE*")
    assert sum(row.size for row in rows) == sent.index(b"GE*") - sent.index(b"ST*")


def test_a_full_envelope_does_not_wait(road: Road) -> None:
    road = collecting(road, "{window: 30m, max_documents: 2}")
    answer(road, "HP-1")
    assert answers(road) == []
    answer(road, "HP-2")
    (sent,) = answers(road)
    assert sent.count(b"ST*855*") == 2
    answer(road, "HP-3")
    assert len(answers(road)) == 1, "the next one opened a collection of its own"


def test_the_cut_off_of_a_working_day_ends_a_collection(road: Road) -> None:
    road = collecting(road, '{window: 30d, max_documents: 500, cutoff: "16:00"}')
    answer(road, "HP-1")
    (row,) = road.rows(schema.document, set_id="855")
    closes = dt.datetime.fromtimestamp(row.due_at / 1e6, ZoneInfo(road.house.book().companies["northwind"].zone))
    assert (closes.hour, closes.minute) == (16, 0)
    assert closes.weekday() < 5
    assert row.due_at - row.updated_at <= 5 * 86_400_000_000


def test_an_acknowledgement_never_waits(road: Road) -> None:
    road = collecting(road, "{window: 30m, max_documents: 500}")
    answer(road, "HP-1")
    road.deliver()
    assert [b"ST*997*" in content for content in road.files()] == [True]


@pytest.mark.parametrize("terms", ["{window: 30m}", '{cutoff: "16:00"}'])
def test_terms_that_collect_nothing_are_a_fault(terms: str) -> None:
    said = "    send: x12/004010/855\n"
    with pytest.raises(ProfileFaults, match=r"say e\.g\."):
        Book.from_files({**FILES, PARTNER: FILES[PARTNER].replace(said, f"{said}    envelope: {terms}\n", 1)})
