"""A person hears of an answer we owe before it is late; on both databases."""

from __future__ import annotations

from typing import Any

from pipeline_road import Road
from road_documents import interchange, order
from sqlalchemy import update
from test_warehouses import advice, from_blue_ridge, released, shipped

from gateway.pipeline.route import Fact, happen, order_key
from gateway.store import schema

HOUR = 3_600_000_000  # microseconds
KEY = order_key("harbor-pine", "HP-1001")


def tell(road: Road, type_: str, **data: Any) -> None:
    with road.store.begin() as tx:
        happen(tx, road.house, [Fact(type_, "production", "harbor-pine", (KEY,), data)])
    road.work()


def let_time_pass(road: Road) -> None:
    with road.store.begin() as tx:
        tx.execute(update(schema.timer).where(schema.timer.c.stage.is_not(None)).values(due_at=tx.now))
    road.work()


def test_an_order_nobody_answers_is_a_work_item_before_it_is_late(road: Road) -> None:
    road.receive(interchange([order()]))
    road.work()
    (reminder,) = road.rows(schema.timer)
    (event,) = road.rows(schema.event)
    assert reminder.name == "order-response"
    assert reminder.due_at - event.recorded_at == 18 * HOUR  # partners/industries/retail.yaml: order_response: 24h
    let_time_pass(road)
    (item,) = road.rows(schema.work_item)
    assert (item.code, item.title) == ("answer-due", "We still owe harbor-pine our answer to order HP-1001.")
    assert 0 <= item.opened_at + 6 * HOUR - item.lost_at < HOUR
    assert item.correlation_id == event.correlation_id
    let_time_pass(road)
    assert len(road.rows(schema.work_item)) == 1, "nobody is told twice"
    tell(road, "order.accepted", system="erp")
    assert [row.status for row in road.rows(schema.work_item)] == ["settled"]
    assert road.rows(schema.timer, name="order-response") == []


def test_an_answered_order_reminds_nobody(road: Road) -> None:
    road.receive(interchange([order()]))
    road.work()
    tell(road, "order.accepted", system="erp")
    let_time_pass(road)
    assert road.rows(schema.timer) == []
    assert road.rows(schema.work_item) == []


def test_goods_that_left_want_a_notice_and_an_invoice(road: Road) -> None:
    road.receive(interchange([order()]))
    road.work()
    tell(road, "shipment.confirmed", number="SH-1", scac="RDWY")
    assert {row.name for row in road.rows(schema.timer)} == {"order-response", "shipment:SH-1", "invoice"}
    tell(road, "order.accepted", system="erp")
    assert {row.name for row in road.rows(schema.timer)} == {"invoice"}
    tell(road, "invoice.issued", number="INV-1")
    assert road.rows(schema.timer) == []


def test_a_partner_who_agreed_on_no_time_is_reminded_of_nothing(road: Road) -> None:
    book = road.house.book()
    assert book.within("harbor-pine", "production", "order-response") is not None
    assert book.within(None, "production", "order-response") is None
    assert book.within("nobody", "production", "invoice") is None


def test_a_warehouse_that_says_nothing_is_asked_about_before_it_is_late(road: Road) -> None:
    released(road)
    (reminder,) = road.rows(schema.timer, name="advice")
    (event,) = [row for row in road.rows(schema.event) if row.type == "warehouse-order.released"]
    assert (reminder.kind, reminder.key, reminder.partner) == ("warehouse-order", "blue-ridge/WO-1", "blue-ridge")
    assert reminder.due_at - event.recorded_at == 18 * HOUR  # partners/blue-ridge: shipping_advice: 24h
    let_time_pass(road)
    (item,) = [row for row in road.rows(schema.work_item) if row.code == "advice-due"]
    assert item.title == "blue-ridge has not said what became of warehouse order WO-1."
    assert item.where_ == "Warehouse order WO-1"
    assert 0 <= item.opened_at + 6 * HOUR - item.lost_at < HOUR
    assert item.correlation_id == event.correlation_id
    from_blue_ridge(road, advice("88120", [shipped(1, "BP", 24, 12)]))
    assert [row.status for row in road.rows(schema.work_item, code="advice-due")] == ["settled"]
    assert road.rows(schema.timer, name="advice") == []


def test_a_warehouse_that_answered_or_was_told_to_stop_is_not_asked_about(road: Road) -> None:
    released(road)
    tell(road, "order.cancelled")
    assert road.rows(schema.timer, name="advice") == []
