"""A rule of the profile holds a document, a person releases it; a rule that warns lets it go and says so."""

from __future__ import annotations

from typing import Any

import pytest
from pipeline_road import Road
from road_documents import interchange, order

from gateway.pipeline import again, answering
from gateway.pipeline.route import Fact, happen, order_key
from gateway.store import schema

TOO_MANY = {"number": "SH-1", "lines": {"1": "25"}, "date": "2026-11-21"}


def told(road: Road, event: str, data: dict[str, Any]) -> None:
    (row,) = road.rows(schema.document, kind="order")
    with road.store.begin() as tx:
        key = order_key(row.partner, row.business_key)
        fact = Fact(event, row.lane, row.partner, (key,), data, row.id, row.correlation_id)
        happen(tx, road.house, [fact])


def ordered(road: Road) -> None:
    road.receive(interchange([order("HP-1", lines=1)]))
    road.work()
    told(road, "order.accepted", {"system": "erp"})
    road.work()


def one(road: Road, set_id: str) -> Any:
    (row,) = road.rows(schema.document, set_id=set_id)
    return row


def test_what_a_rule_holds_goes_out_once_a_person_releases_it(road: Road) -> None:
    ordered(road)
    told(road, "shipment.confirmed", TOO_MANY)
    road.work()
    notice = one(road, "856")
    assert notice.status == "withheld"
    (item,) = road.rows(schema.work_item, status="open")
    assert item.title == (
        "The shipment SH-1 for harbor-pine is held: of line 1 (000000000001) 25 are sent, 24 were ordered."
    )
    assert "Mend it: correct the quantity, or ask their buyer for a change." in item.what_to_do
    with road.store.read() as view:
        look = answering.preview_release(view, item.id)
    assert "harbor-pine gets it" in " ".join(look.effects)

    answering.release(road.store, item.id, by="Ivo Marsh")
    road.work()
    assert one(road, "856").status == "wrapped"
    assert road.rows(schema.work_item, status="open") == []
    with pytest.raises(answering.AnsweredBefore, match="Ivo Marsh answered this at"):
        answering.release(road.store, item.id, by="Lena")


def test_a_document_run_again_is_judged_again(road: Road) -> None:
    ordered(road)
    told(road, "shipment.confirmed", TOO_MANY)
    road.work()
    with road.store.begin() as tx:
        again.reprocess_document(tx, one(road, "856").id, by="Ivo")
    road.work()
    assert one(road, "856").status == "withheld"
    assert len(road.rows(schema.work_item, status="open")) == 1


def test_what_was_told_before_counts(road: Road) -> None:
    ordered(road)
    told(road, "shipment.confirmed", {"number": "SH-1", "lines": {"1": "20"}})
    road.work()
    told(road, "shipment.confirmed", {"number": "SH-2", "lines": {"1": "5"}})
    road.work()
    statuses = {row.business_key: row.status for row in road.rows(schema.document, set_id="856")}
    assert statuses == {"SH-1": "wrapped", "SH-2": "withheld"}


def test_a_rule_that_warns_lets_it_go(road: Road) -> None:
    ordered(road)
    document = {
        "shipment_number": "SH-1",
        "purpose": "original",
        "created": {"date": "2026-01-03", "time": "08:00:00"},
        "delivery": {"date": "2026-01-02"},
        "orders": [
            {"order_number": "HP-1", "items": [{"line_number": "1", "quantity": {"value": "1", "unit": "each"}}]}
        ],
    }
    told(road, "shipment.confirmed", {"number": "SH-1", "document": document})
    road.work()
    (item,) = road.rows(schema.work_item, status="open")
    assert one(road, "856").status == "wrapped", item.title
    assert item.code == "sent-all-the-same"
    assert item.title.endswith("although the goods arrive 2026-01-02, before this ship notice.")
