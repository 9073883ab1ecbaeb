"""What the terms say of a second one is what happens: of its number, of its interchange's number."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pipeline_road import ROOT, Road
from road_documents import interchange, order
from sqlalchemy import update

from gateway.partners.book import Book
from gateway.store import schema
from gateway.store.retry import SECOND

INDUSTRY = "partners/industries/retail.yaml"
SAID = "duplicates: {business_key: hold}"
DAY = 86_400 * SECOND
BILL = (ROOT / "sample_docs/maps/x12-210-freight-invoice/everything/document.edi").read_bytes()


def publish(road: Road, book: Book, terms: str) -> None:
    said = book.files[INDUSTRY]
    assert SAID in said
    changed = Book.from_files({**book.files, INDUSTRY: said.replace(SAID, f"duplicates: {{{terms}}}")})
    road.house = replace(road.house, book=lambda: changed)


def items(road: Road) -> list[str]:
    return [row.code for row in road.rows(schema.work_item, status="open")]


@pytest.mark.parametrize(("terms", "said"), [("warn", ["business-key-used-twice"]), ("ignore", [])])
def test_a_second_order_that_may_be_used_is_carried_to_our_system_too(
    road: Road, book: Book, terms: str, said: list[str]
) -> None:
    publish(road, book, f"business_key: {terms}")
    road.receive(interchange([order("HP-1")], number=1))
    road.work()
    road.receive(interchange([order("HP-1", quantity="48")], number=2), name="second")
    road.work()
    assert items(road) == said
    second = road.rows(schema.document, direction="in")[1].id
    assert [row.key for row in road.flows()] == ["harbor-pine/HP-1", f"harbor-pine/HP-1/D-{second}"]
    assert len([row for row in road.rows(schema.delivery, kind="call") if row.target == "erp"]) == 2


@pytest.mark.parametrize(
    ("terms", "orders", "said"),
    [("hold", 1, ["control-number-reused"]), ("warn", 2, ["control-number-used-twice"]), ("ignore", 2, [])],
)
def test_a_used_number_with_other_content_goes_as_the_terms_say(
    road: Road, book: Book, terms: str, orders: int, said: list[str]
) -> None:
    publish(road, book, f"control_number: {terms}")
    for number in (1, 2):
        road.receive(interchange([order(f"HP-{number}")], number=7), name=f"file {number}")
        road.work()
    assert len(road.rows(schema.event, type="order.received")) == orders
    assert items(road) == said


@pytest.mark.parametrize(("days", "orders"), [(399, 1), (401, 2)])
def test_a_number_is_free_again_after_its_window(road: Road, days: int, orders: int) -> None:
    road.receive(interchange([order("HP-1")], number=7))
    road.work()
    with road.store.begin() as tx:
        c = schema.interchange.c
        tx.execute(update(schema.interchange).where(c.direction == "in").values(received_at=c.received_at - days * DAY))
    road.receive(interchange([order("HP-2")], number=7), name="a year later")
    road.work()
    assert len(road.rows(schema.event, type="order.received")) == orders


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_of_two_workers_with_one_freight_bill_the_second_sees_the_first(road: Road) -> None:
    """SQLite has one writer at a time anyway."""
    for number, amount in ((101, b"85000"), (102, b"95000")):
        said = BILL.replace(b"*85000*", b"*%b*" % amount).replace(b"000000101", b"%09d" % number)
        road.receive(said, connection="ironhill-freight", name=f"bill {number}")
    road.store_two_at_once()
    road.work()
    assert sorted(row.status for row in road.rows(schema.document, direction="in")) == ["done", "held"]
    assert items(road) == ["business-key-reused"]
