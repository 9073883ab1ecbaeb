"""An order that a 3PL ships: from its release to the ship notice, over the road and on both databases."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from pipeline_road import ROOT, Road
from road_documents import interchange, order
from sqlalchemy import select
from warehouse_road import ORDER, advice, calls, codes, from_blue_ridge, made, released, shipped, state, tell

from gateway.canonical import Shipment, WarehouseOrder
from gateway.canonical.gs1 import check_digit
from gateway.pipeline import answering, publishing
from gateway.pipeline.answering import CannotAnswer
from gateway.pipeline.compose import numbers
from gateway.store import schema
from gateway.store.engine import Store


def test_a_release_becomes_a_warehouse_order_to_whoever_runs_the_site(road: Road) -> None:
    released(road)
    (sent,) = made(road, "warehouse-order")
    assert isinstance(sent, WarehouseOrder)
    assert (sent.depositor_order_number, sent.order_number) == ("WO-1", "HP-1001")
    assert [(line.line_number, str(line.ordered and line.ordered.value)) for line in sent.lines] == [
        ("1", "24"),
        ("2", "24"),
    ]
    (row,) = road.rows(schema.document, direction="out", kind="warehouse-order")
    assert (row.partner, row.status) == ("blue-ridge", "wrapped")
    assert codes(road) == []


def test_the_agreement_says_the_site_where_the_release_does_not(road: Road) -> None:
    released(road, site=None, number=None)  # neither site nor number: newark, which is ours
    assert made(road, "warehouse-order") == []
    assert codes(road) == []


def test_a_site_we_do_not_have_is_asked_about(road: Road) -> None:
    released(road, site="atlantis")
    assert codes(road) == ["release-site-unknown"]


def test_an_order_released_anew_to_a_site_we_have_goes_there_once(road: Road) -> None:
    released(road, site="atlantis")
    for site in ("thule", "roanoke", "roanoke", "reno"):
        tell(road, "order.released", {"number": "WO-1", "site": site})
        asked = [f'to site "{site}"' in row.title for row in road.rows(schema.work_item, status="open")]
        assert asked == ([True] if site == "thule" else [])
    assert len(made(road, "warehouse-order")) == 1


def test_an_order_shipped_in_full_is_announced_and_booked(road: Road) -> None:
    released(road)
    sscc = "006123450000000012"
    packages = [[f"MAN*GM*{sscc}", *shipped(1, "CC", 24, 24)], shipped(2, "CC", 24, 24)]
    from_blue_ridge(road, advice("88120", packages))
    (notice,) = made(road, "shipment")
    assert isinstance(notice, Shipment)
    told, numbered = notice.orders[0].packages
    assert told.sscc == sscc
    assert numbered.sscc is not None  # harbor-pine wants every carton numbered
    assert numbered.sscc.startswith("00614141")
    assert check_digit(numbered.sscc[:17]) == numbered.sscc[17]
    assert [item.line_number for item, _ in notice.orders[0].all_items()] == ["1", "2"]
    (posted,) = calls(road, "post_shipment")
    assert (posted["data"]["lines"], posted["ids"]) == ({"1": "24", "2": "24"}, {"erp": "SO-1001"})
    assert codes(road) == []
    advised = road.rows(schema.document, direction="in", kind="warehouse-shipping-advice")[0]
    (ordered,) = road.rows(schema.document, direction="in", kind="order")
    assert advised.correlation_id == ordered.correlation_id


def test_several_advices_in_any_order_and_the_same_twice(road: Road) -> None:
    released(road)
    first = advice("88120", [shipped(1, "BP", 24, 18)])
    last = advice("88121", [shipped(1, "CC", 24, 6), shipped(2, "CC", 24, 24)])
    from_blue_ridge(road, last, number=1)
    from_blue_ridge(road, first, number=2)
    from_blue_ridge(road, first, number=3)
    assert len(made(road, "shipment")) == 2
    assert len(calls(road, "post_shipment")) == 2
    assert state(road, "blue-ridge/WO-1").get("asked", []) == []
    assert codes(road) == []


def test_what_is_short_is_asked_about_and_settles_when_it_ships_after_all(road: Road) -> None:
    released(road)
    short = [f"W12*CP*24*18*6*EA**VN*THROW-1{'*' * 11}01", "N9*LI*1"]
    from_blue_ridge(road, advice("88120", [short, shipped(2, "CC", 24, 24)]))
    (item,) = road.rows(schema.work_item, status="open")
    assert item.title == "18 of 24 000000000001 left the dock; 6 are neither shipped nor cancelled."
    assert "out-of-stock" in item.why
    from_blue_ridge(road, advice("88121", [shipped(1, "CC", 24, 6)]), number=2)
    assert codes(road) == []


def ask_short(road: Road) -> int:
    released(road)
    with road.store.begin() as tx:
        publishing.publish(tx, road.house.book(), by="test")
    from_blue_ridge(road, advice("88120", [shipped(1, "CP", 24, 18), shipped(2, "CC", 24, 24)]))
    (item,) = road.rows(schema.work_item, status="open")
    return int(item.id)


def test_a_backorder_is_told_to_the_erp_and_the_crm(road: Road) -> None:
    number = ask_short(road)
    with road.store.read() as view:
        shown = answering.preview(view, number, "backorder", "document")
    assert shown.title == "Backorder 6 of 000000000001"
    answering.answer(road.store, number, "backorder", "document", by="ivo")
    (told,) = calls(road, "settle_shortage")
    assert (told["data"]["line"], told["data"]["quantity"], told["data"]["decision"]) == ("1", "6", "backorder")
    assert [body["data"]["status"] for body in calls(road, "update_order")][-1] == "backordered"
    (item,) = road.rows(schema.work_item)
    assert (item.status, item.settled_by) == ("settled", "ivo")
    assert codes(road) == []


def test_pieces_can_be_cancelled_in_part_and_the_rest_is_asked_about_again(road: Road) -> None:
    number = ask_short(road)
    for nonsense in ("yes", "backorder 7", "cancel -1", "cancel all"):
        with pytest.raises(CannotAnswer, match="decides nothing"):
            answering.answer(road.store, number, nonsense, "document", by="ivo")
    answering.answer(road.store, number, "cancel 4", "document", by="ivo")
    (item,) = road.rows(schema.work_item, status="open")
    assert item.title == "18 of 24 000000000001 left the dock; 2 are neither shipped nor cancelled."


def test_an_advice_is_matched_by_a_person_and_used(road: Road) -> None:
    released(road)
    from_blue_ridge(road, advice("88120", [shipped(1, "CC", 24, 24)], release="WO-I"))
    (item,) = road.rows(schema.work_item, status="open")
    with pytest.raises(CannotAnswer, match="no warehouse order 'WO-7'"):
        answering.answer(road.store, item.id, "WO-7", "document", by="ivo")
    answering.answer(road.store, item.id, "WO-1", "document", by="ivo")
    road.work()
    assert codes(road) == []
    assert len(made(road, "shipment")) == len(calls(road, "post_shipment")) == 1


def test_an_advice_for_an_order_we_never_sent_waits_with_the_closest(road: Road) -> None:
    released(road)
    from_blue_ridge(road, advice("88120", [shipped(1, "CC", 24, 24)], release="WO-I"))
    (item,) = road.rows(schema.work_item, status="open")
    assert item.code == "advice-unmatched"
    assert "WO-I" in item.title
    assert "The closest warehouse order is WO-1." in item.what_to_do
    (held,) = road.rows(schema.document, status="held")
    assert held.kind == "warehouse-shipping-advice"
    assert made(road, "shipment") == []
    assert calls(road, "post_shipment") == []


def test_a_line_that_was_not_ordered_is_asked_about(road: Road) -> None:
    released(road)
    from_blue_ridge(road, advice("88120", [["W12*CC*5*5**EA**VN*LAMP-9"]]))
    assert codes(road) == ["advice-line-unknown"]
    assert made(road, "shipment") == []


def test_a_cancelled_order_is_taken_back_from_the_warehouse(road: Road) -> None:
    released(road)
    tell(road, "order.cancelled", {"reason": "customer"})
    first, second = made(road, "warehouse-order")
    assert (first.purpose, second.purpose) == ("original", "cancellation")
    from_blue_ridge(road, advice("88120", [shipped(1, "CC", 24, 24)]))
    assert codes(road) == ["shipped-though-cancelled"]


def test_an_order_cancelled_before_its_release_never_reaches_the_warehouse(road: Road) -> None:
    road.receive(interchange([order()]))
    road.work()
    tell(road, "order.accepted", {})
    tell(road, "order.cancelled", {})
    tell(road, "order.released", {"number": "WO-1", "site": "roanoke"})
    assert made(road, "warehouse-order") == []


def test_no_sscc_is_given_out_twice(road: Road) -> None:
    released(road)
    for n in range(3):
        from_blue_ridge(road, advice(f"8812{n}", [shipped(1, "BP", 24, 2), shipped(2, "BP", 24, 2)]), number=n + 1)
    numbers = [package.sscc for notice in made(road, "shipment") for package in notice.orders[0].packages]
    assert len(numbers) == len(set(numbers)) == 6


def test_no_sscc_is_given_out_twice_by_many_at_once(store: Store) -> None:
    def label(_: int) -> list[str]:
        with store.begin() as tx:
            return list(numbers(tx, "0614141", 7))

    with ThreadPoolExecutor(8) as people:
        given = [number for some in people.map(label, range(40)) for number in some]
    assert len(set(given)) == len(given) == 280
    assert {int(number[8:17]) for number in given} == set(range(1, 281)), "none is skipped either"
    assert all(check_digit(number[:17]) == number[17] for number in given)


def test_a_stock_adjustment_is_booked_once_movement_by_movement(road: Road) -> None:
    body = [
        "W15*20261120*ADJ-17*DEP-6",
        "N1*WH*Blue Ridge Logistics",
        "W19*AU*-2*EA**VN*THROW-1",
        "W19*AA*5*EA**VN*THROW-2",
    ]
    told = interchange(
        [["ST*947*0001", *body, f"SE*{len(body) + 2}*0001"]], sender="BLUERIDGE", functional_id="AW", number=7, group=7
    )
    for name in ("once", "twice"):
        road.receive(told, connection="blue-ridge", name=name)
        road.work()
    booked = [body["data"] for body in calls(road, "adjust_inventory")]
    assert [(one["site"], one["sku"], one["difference"]) for one in booked] == [
        ("roanoke", "THROW-1", "-2"),
        ("roanoke", "THROW-2", "5"),
    ]
    assert codes(road) == []


def test_what_arrived_is_booked_once_and_what_was_damaged_is_asked_about(road: Road) -> None:
    body = [
        "W17*F*20261120*WR-881*TR-300*SHP-6100",
        "N1*WH*Blue Ridge Logistics",
        "W07*238*EA**VN*THROW-1",
        "W13*2*EA*01**CD",
        "W07*60*EA**VN*THROW-2",
        "W14*298*300*2",
    ]
    told = interchange(
        [["ST*944*0001", *body, f"SE*{len(body) + 2}*0001"]], sender="BLUERIDGE", functional_id="RE", number=8, group=8
    )
    for name in ("once", "twice"):
        road.receive(told, connection="blue-ridge", name=name)
        road.work()
    booked = [body["data"] for body in calls(road, "adjust_inventory")]
    assert [(one["site"], one["sku"], one["difference"], one["reason"]) for one in booked] == [
        ("roanoke", "THROW-1", "238", "received"),
        ("roanoke", "THROW-2", "60", "received"),
    ]
    (item,) = road.rows(schema.work_item)
    assert item.title == "Not everything of receipt WR-881 came in as announced: 2 of THROW-1 damaged."
    assert [row.type for row in road.rows(schema.event)] == ["inventory.received"]


@pytest.mark.parametrize("book", [ROOT / "sample_docs/houses/blue-ridge"], indirect=True)
def test_goods_on_their_way_to_a_warehouse_of_ours_are_a_fact_of_their_own(road: Road) -> None:
    case = ROOT / "sample_docs/maps/x12-943-stock-transfer/two-articles"
    sets = [line.rstrip("~") for line in (case / "document.edi").read_text().splitlines()[2:-2]]
    told = interchange([sets], sender="NORTHWIND", receiver="BLUERIDGE", functional_id="AR")
    road.receive(told, connection="northwind")
    road.work()
    (event,) = road.rows(schema.event)
    assert event.type == "inventory.announced"
    assert json.loads(event.data)["goods"] == [
        {"item": "NW-1001", "quantity": "240"},
        {"item": "NW-2040", "quantity": "60"},
    ]
    assert codes(road) == []


def test_a_return_is_opened_once_in_the_erp_and_stands_with_its_order(road: Road) -> None:
    road.receive(interchange([order()]))
    road.work()
    body = ["BGN*00*RMA-7*20261120", "PRF*HP-1001", "N1*BY*Harbor & Pine", "BLI*VN*THROW-1*2*EA", "RDR**DM"]
    told = interchange([["ST*180*0001", *body, f"SE*{len(body) + 2}*0001"]], functional_id="AN", number=9, group=9)
    for name in ("once", "twice"):
        road.receive(told, name=name)
        road.work()
    (opened,) = calls(road, "open_return")
    assert opened["data"]["lines"] == [{"sku": "THROW-1", "quantity": "2", "reason": "damaged"}]
    (event,) = [row for row in road.rows(schema.event) if row.type == "return.requested"]
    with road.store.read() as view:
        keys = view.all(select(schema.event_key).where(schema.event_key.c.event_id == event.id))
    assert {(row.kind, row.key) for row in keys} == {("return", "harbor-pine/RMA-7"), ORDER}
