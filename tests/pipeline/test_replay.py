"""What a changed map or profile would make of what has passed through; and that asking changes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pytest
from pipeline_road import ROOT, Road
from road_documents import interchange, order
from sqlalchemy import func, select, update

from gateway.canonical import examples
from gateway.partners.book import Book, texts
from gateway.pipeline import compose, replay
from gateway.pipeline.replay import Apart, Compared, Fate
from gateway.store import schema

ORDERS, ANSWERS = "maps/harbor-pine-850-order.yaml", "maps/x12-855-order-response.yaml"
OURS, THEIRS = "default USD", "default CAD"
TABLES = [schema.transmission, schema.document, schema.canonical, schema.payload, schema.work_item, schema.delivery]
PARTNER = "partners/harbor-pine/partner.yaml"


@pytest.fixture(scope="module")
def files() -> Mapping[str, str]:
    return texts(ROOT / "partners", ROOT / "maps")


def changed(files: Mapping[str, str], name: str, old: str, new: str) -> Book:
    assert old in files[name]
    return Book.from_files({**files, name: files[name].replace(old, new, 1)})


def compared(road: Road, then: Book) -> list[Compared]:
    return list(replay.compare(road.store, road.house.book(), then, since_us=0))


def one(road: Road, then: Book, direction: str = "in") -> Compared:
    (found,) = [found for found in compared(road, then) if found.row.direction == direction]
    return found


@pytest.fixture
def used(road: Road) -> Road:
    """One order came, and its answer is written."""
    road.receive(interchange([order()]))
    road.work()
    return road


def test_a_change_that_concerns_nothing_leaves_all_untouched(used: Road, files: Mapping[str, str]) -> None:
    then = changed(files, "partners/summit/partner.yaml", "name: ", "name: The ")
    assert {found.fate for found in compared(used, then)} == {Fate.UNTOUCHED}


def test_what_would_be_read_otherwise_is_shown_with_its_place(used: Road, files: Mapping[str, str]) -> None:
    found = one(used, changed(files, ORDERS, OURS, THEIRS))
    assert found.fate is Fate.DIFFERENT
    assert found.apart == (Apart("currency", "USD", "CAD"),)


def test_what_goes_out_is_written_again_and_compared_element_by_element(road: Road, files: Mapping[str, str]) -> None:
    now = dt.datetime(2026, 11, 20, 13, 5, tzinfo=dt.UTC)
    with road.store.begin() as tx:
        made = examples.respond(examples.order("HP-1001", now), "R-1", now)
        compose.send(tx, road.house.book(), "harbor-pine", "production", made)
    road.work()
    codes = "accepted: AD, accepted-without-detail: AK"
    then = changed(files, ANSWERS, codes, "accepted: AK, accepted-without-detail: AD")
    found = one(road, then, "out")
    assert (found.fate, found.apart) == (Fate.DIFFERENT, (Apart("BAK02", "AD", "AK"),))


def test_a_rule_that_would_refuse_what_they_send_today_says_so(used: Road, files: Mapping[str, str]) -> None:
    of_orders = "    map: harbor-pine-850-order\n"
    found = one(used, changed(files, PARTNER, of_orders, f"{of_orders}    narrow: {{850 PER: required}}\n"))
    assert found.fate is Fate.STOPS
    assert "PER" in found.problem


def test_an_order_nobody_agreed_on_passes_once_there_is_an_agreement(road: Road, files: Mapping[str, str]) -> None:
    road.receive(interchange([order()], sender="HARBORPINES"))
    road.work()
    then = changed(files, PARTNER, '["ZZ:HARBORPINE"]', '["ZZ:HARBORPINE", "ZZ:HARBORPINES"]')
    assert one(road, then).fate is Fate.PASSES


def test_what_retention_deleted_is_said_to_be_gone(used: Road, files: Mapping[str, str]) -> None:
    with used.store.begin() as tx:
        tx.execute(update(schema.payload).values(purged_at=tx.now))
    assert one(used, changed(files, ORDERS, OURS, THEIRS)).fate is Fate.DELETED


def test_asking_stores_nothing(used: Road, files: Mapping[str, str]) -> None:
    def counted() -> list[int]:
        with used.store.read() as view:
            return [view.scalar(select(func.count()).select_from(table)) for table in TABLES]

    before = counted()
    compared(used, changed(files, ORDERS, OURS, THEIRS))
    assert counted() == before
