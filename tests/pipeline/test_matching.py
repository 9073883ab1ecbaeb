"""A shipping advice that was counted for the wrong warehouse order is put to the right one."""

from __future__ import annotations

import json

import pytest
from pipeline_road import Road
from sqlalchemy import update
from warehouse_road import advice, calls, codes, from_blue_ridge, made, released, shipped, state, tell

from gateway.canonical import Shipment
from gateway.pipeline import again, matching
from gateway.pipeline.again import CannotRunAgain
from gateway.store import lease, schema

KIND = "warehouse-shipping-advice"


def wrongly(road: Road, release: str = "WO-1") -> int:
    """Two orders at Roanoke, and an advice that names the wrong one; returns its document."""
    released(road)
    released(road, "HP-1002")
    from_blue_ridge(road, advice("88120", [shipped(1, "CC", 24, 24), shipped(2, "CC", 24, 24)], release=release))
    (row,) = road.rows(schema.document, direction="in", kind=KIND)
    return int(row.id)


def match(road: Road, document: int, number: str) -> tuple[str, ...]:
    """What was shown, once it is done."""
    with road.store.read() as view:
        shown = matching.preview(view, document, number)
    with road.store.begin() as tx:
        matching.match(tx, road.house, document, number, by="ivo")
    road.work()
    return shown.effects


def taken(road: Road, operation: str) -> None:
    """The systems have done every call of this kind."""
    ours = [row.id for row in road.rows(schema.delivery, kind="call") if operation in row.body]
    with road.store.begin() as tx:
        lease.finish(tx, schema.delivery, ours, status="delivered")


def notices(road: Road) -> list[tuple[str | None, str]]:
    """Order number and status of each ship notice."""
    rows = road.rows(schema.document, direction="out", kind="shipment")
    said = [notice.orders[0].order_number for notice in made(road, "shipment") if isinstance(notice, Shipment)]
    return list(zip(said, [row.status for row in rows], strict=True))


def posted(road: Road) -> list[tuple[str, str]]:
    """Order and status of each posting to the ERP."""
    rows = [(json.loads(row.body), row.status) for row in road.rows(schema.delivery, kind="call")]
    return [(body["ids"]["erp"], status) for body, status in rows if body["operation"] == "post_shipment"]


def test_what_nobody_has_yet_is_taken_back_and_the_right_order_is_shipped(road: Road) -> None:
    document = wrongly(road)
    shown = match(road, document, "WO-2")
    assert shown[0] == "It counts for warehouse order WO-1 (24 of line 1, 24 of line 2), and will not any more."
    assert any("Not taken yet, and taken back: the shipment for erp" in one for one in shown)
    assert not any("work item" in one for one in shown)
    assert state(road, "blue-ridge/WO-1").get("shipments", {}) == {}
    assert list(state(road, "blue-ridge/WO-2")["shipments"]) == ["88120"]
    assert list(state(road, "harbor-pine/HP-1002")["shipments"]) == ["blue-ridge/88120"]
    assert state(road, "harbor-pine/HP-1001").get("shipments", {}) == {}
    assert posted(road) == [("SO-1001", "skipped"), ("SO-1002", "due")]
    assert notices(road) == [("HP-1001", "undelivered"), ("HP-1002", "wrapped")]
    road.deliver()
    assert notices(road)[0] == ("HP-1001", "undelivered")
    assert codes(road) == []
    told = [(one["data"]["status"], one["ids"].get("erp")) for one in calls(road, "update_order")]
    assert told[-2:] == [("shipment-withdrawn", "SO-1001"), ("shipped", "SO-1002")]


def test_what_somebody_has_is_a_work_item_and_the_history_keeps_both(road: Road) -> None:
    document = wrongly(road)
    taken(road, "post_shipment")
    road.deliver()
    tell(road, "invoice.issued", {"number": "IN-1"})
    shown = match(road, document, "WO-2")
    (item,) = road.rows(schema.work_item, status="open")
    assert item.code == "shipment-matched-anew"
    assert item.title == "Shipment 88120 of blue-ridge was counted for warehouse order WO-1, and belongs to WO-2."
    for said in ("erp has the shipment 88120", "harbor-pine has D-", "invoice IN-1 of the order was made"):
        assert said in item.why
        assert any(said in one for one in shown)
    assert notices(road) == [("HP-1001", "awaiting-confirmation"), ("HP-1002", "wrapped")]
    history = [row.type for row in road.rows(schema.event) if row.document_id == document]
    assert history == ["shipment.confirmed", "shipment.withdrawn", "shipment.confirmed"]
    (note,) = road.rows(schema.audit, action="match")
    assert (note.actor, note.subject) == ("ivo", f"D-{document}")
    assert json.loads(note.detail) == {"order": "WO-2", "before": "WO-1"}
    with road.store.begin() as tx:
        again.reprocess_document(tx, document, by="ivo")
    road.work()
    assert len(posted(road)) == len(notices(road)) == 2, "run again it counts where it was put"


def test_a_match_that_was_right_at_first_is_put_back_and_told_anew(road: Road) -> None:
    document = wrongly(road)
    taken(road, "post_shipment")
    road.deliver()
    match(road, document, "WO-2")
    match(road, document, "WO-1")
    assert list(state(road, "blue-ridge/WO-1")["shipments"]) == ["88120#2"]
    assert posted(road) == [("SO-1001", "delivered"), ("SO-1002", "skipped"), ("SO-1001", "due")]
    assert [order for order, _ in notices(road)] == ["HP-1001", "HP-1002", "HP-1001"]
    assert state(road, "harbor-pine/HP-1002").get("shipments", {}) == {}


def test_another_warehouse_order_of_the_same_order_changes_nothing_for_the_customer(road: Road) -> None:
    released(road)
    tell(road, "order.released", {"number": "WO-9", "site": "roanoke"})
    from_blue_ridge(road, advice("88120", [shipped(1, "CC", 24, 24)]))
    (row,) = road.rows(schema.document, direction="in", kind=KIND)
    shown = match(road, row.id, "WO-9")
    assert not any("ship notice" in one and "taken back" in one for one in shown)
    assert notices(road) == [("HP-1001", "wrapped")]
    assert posted(road) == [("SO-1001", "skipped"), ("SO-1001", "due")]
    assert list(state(road, "harbor-pine/HP-1001")["shipments"]) == ["blue-ridge/88120"]


def test_the_right_advice_that_comes_later_under_the_same_number_counts(road: Road) -> None:
    document = wrongly(road)
    match(road, document, "WO-2")
    from_blue_ridge(road, advice("88120", [shipped(1, "CC", 24, 24)]), number=2)
    (item,) = road.rows(schema.work_item, status="open")
    assert item.code == "business-key-reused"
    with road.store.begin() as tx:
        again.reprocess_document(tx, item.subject_id, by="ivo")
    road.work()
    assert [order for order, _ in notices(road)] == ["HP-1001", "HP-1002", "HP-1001"]
    assert posted(road)[-1] == ("SO-1001", "due")


def test_a_line_the_order_does_not_have_is_said_before(road: Road) -> None:
    released(road)
    from_blue_ridge(road, advice("88120", [["W12*CC*5*5**EA**VN*LAMP-9"]], release="WO-7"))
    (item,) = road.rows(schema.work_item, status="open")
    with road.store.read() as view:
        shown = matching.preview(view, item.subject_id, "WO-1")
    said = "supplier_item LAMP-9 is on no line of WO-1."
    assert shown.effects[-1] == f"Nothing of it is posted at first, but a work item: {said}"


def test_what_cannot_be_matched_is_a_sentence(road: Road) -> None:
    document = wrongly(road)
    (ordered, _) = road.rows(schema.document, direction="in", kind="order")
    for number, order, said in (
        (document, "WO-1", "counts for warehouse order WO-1 already"),
        (document, "WO-7", "we sent blue-ridge no warehouse order 'WO-7'"),
        (ordered.id, "WO-1", "is no shipping advice"),
        (99, "WO-1", "is no shipping advice"),
    ):
        with road.store.begin() as tx, pytest.raises(CannotRunAgain, match=said):
            matching.match(tx, road.house, number, order, by="ivo")
    d = schema.document
    with road.store.begin() as tx:
        tx.execute(update(d).where(d.c.id == document).values(stage="translate"))
        with pytest.raises(CannotRunAgain, match="is under way"):
            matching.match(tx, road.house, document, "WO-2", by="ivo")
