"""The internal API: no segment in sight, one lane a key, every write at most once."""

from __future__ import annotations

import re
import socket
from typing import Any

import pytest
from pipeline_road import ROOT
from road_documents import interchange, order
from served_site import Site
from sqlalchemy import event
from warehouse_road import advice, from_blue_ridge, released, shipped

from gateway.pipeline.route import owe
from gateway.store import lease, retention, schema


def test_an_order_is_fetched_accepted_shipped_and_billed(site: Site) -> None:
    name = site.order()
    whole = site.internal.get(f"/v1/orders/{name}").json()
    assert (whole["status"], whole["order"]["order_number"]) == ("received", "HP-1001")
    assert site.internal.post(f"/v1/orders/{name}/accept", json={"ids": {"erp": "SO-7"}}).status_code == 202
    told = {"order": name, "number": "SH-1", "lines": {"1": "18"}, "tracking_number": "1Z"}
    assert site.internal.post("/v1/shipments", json=told).status_code == 202
    assert site.internal.post("/v1/invoices", json={"order": name, "number": "INV-1"}).status_code == 202
    site.road.work()
    now = site.internal.get(f"/v1/orders/{name}").json()
    assert now["status"] == "invoiced"
    assert (now["open_lines"], now["ids"]) == ({"1": "6", "2": "24"}, {"erp": "SO-7"})
    sent = site.internal.get("/v1/documents", params={"direction": "out"}).json()["items"]
    assert {one["set"] for one in sent} == {"855", "856", "810", "997"}


def test_a_file_is_found_and_read_again(site: Site) -> None:
    for number in (1, 2):
        held = site.send(interchange([order(f"HP-{number}")], number=7)).json()["id"]
        site.road.work()
    listed = site.internal.get("/v1/transmissions", params={"connection": "harbor-pine", "limit": 1}).json()["items"]
    assert [one["id"] for one in listed] == [held]
    before = site.internal.get(f"/v1/transmissions/{held}").json()["documents"]
    assert [one["status"] for one in before] == ["held"]
    assert site.internal.post(f"/v1/transmissions/{held}/reprocess").status_code == 202
    site.road.work()
    now = site.internal.get(f"/v1/transmissions/{held}").json()
    assert [one["business_key"] for one in now["documents"] if one["status"] == "done"] == ["HP-2"]
    assert site.internal.get("/v1/transmissions/T-99").status_code == 404


def test_a_write_with_an_idempotency_key_happens_once(site: Site) -> None:
    name = site.order()
    body = {"order": name, "number": "SH-1"}
    first = site.internal.post("/v1/shipments", json=body, headers={"Idempotency-Key": "k"})
    second = site.internal.post("/v1/shipments", json=body, headers={"Idempotency-Key": "k"})
    assert first.json() == second.json()
    assert len(site.road.rows(schema.event, type="shipment.confirmed")) == 1


def test_the_same_idempotency_key_for_another_write_is_a_conflict(site: Site) -> None:
    name = site.order()
    for number, status in (("SH-1", 202), ("SH-2", 409)):
        body = {"order": name, "number": number}
        assert site.internal.post("/v1/shipments", json=body, headers={"Idempotency-Key": "k"}).status_code == status


def test_an_order_is_released_to_a_3pl_and_taken_back(site: Site) -> None:
    name = site.order()
    assert site.internal.post(f"/v1/orders/{name}/accept", json={}).status_code == 202
    release = {"number": "WO-1", "site": "roanoke", "lines": {"1": "12"}}
    assert site.internal.post(f"/v1/orders/{name}/release", json=release).status_code == 202
    assert site.internal.post(f"/v1/orders/{name}/cancel", json={"reason": "customer"}).status_code == 202
    sent = site.internal.get("/v1/documents", params={"kind": "warehouse-order"}).json()["items"]
    made = [site.internal.get(f"/v1/documents/{one['id']}/canonical").json() for one in reversed(sent)]
    assert [(one["purpose"], one["depositor_order_number"]) for one in made] == [
        ("original", "WO-1"),
        ("cancellation", "WO-1"),
    ]
    assert [line["ordered"]["value"] for line in made[0]["lines"]] == ["12"]
    assert site.internal.get(f"/v1/orders/{name}").json()["status"] == "cancelled"


@pytest.mark.parametrize("book", [ROOT / "sample_docs/houses/blue-ridge"], indirect=True)
def test_in_a_3pl_s_house_a_warehouse_order_is_an_order(site: Site) -> None:
    def told(purpose: str, number: int) -> None:
        body = [f"W05*{purpose}*WO-1*PO-7", "N1*ST*Store 14", "LX*1", "W01*24*EA**VN*THROW-1", "N9*LI*1", "W76*24"]
        sets = [["ST*940*0001", *body, f"SE*{len(body) + 2}*0001"]]
        names = {"sender": "NORTHWIND", "receiver": "BLUERIDGE", "functional_id": "OW"}
        site.road.receive(interchange(sets, number=number, group=number, **names), connection="northwind")
        site.road.work()

    told("N", 1)
    (found,) = site.internal.get("/v1/orders", params={"order_number": "WO-1"}).json()["items"]
    assert (found["partner"], found["status"], found["open_lines"]) == ("northwind", "received", {"1": "24"})
    ids = {"wms": "PICK-7", "erp": "SO-9"}
    assert site.internal.post(f"/v1/orders/{found['id']}/accept", json={"ids": ids}).status_code == 202
    told_of = {"order": found["id"], "number": "SH-1", "lines": {"1": "24"}}
    assert site.internal.post("/v1/shipments", json=told_of).status_code == 202
    site.road.work()
    whole = site.internal.get(f"/v1/orders/{found['id']}").json()
    assert (whole["status"], whole["open_lines"], whole["ids"]) == ("shipped", {}, ids)
    assert whole["order"]["depositor_order_number"] == "WO-1"
    sent = site.internal.get("/v1/documents", params={"direction": "out"}).json()["items"]
    assert {one["set"] for one in sent} == {"945", "997"}
    told("F", 2)  # what takes it back is no order
    assert len(site.internal.get("/v1/orders").json()["items"]) == 1


def test_an_advice_is_put_to_another_warehouse_order_after_a_look(site: Site) -> None:
    for number in ("HP-1001", "HP-1002"):
        released(site.road, number)
    from_blue_ridge(site.road, advice("88120", [shipped(1, "CC", 24, 24)]))
    (row,) = site.road.rows(schema.document, kind="warehouse-shipping-advice")
    path, wanted = f"/v1/documents/D-{row.id}/match", {"order": "WO-2"}
    look = site.internal.post(path, json=wanted, params={"dry_run": True}).json()
    assert look["effects"][0] == "It counts for warehouse order WO-1 (24 of line 1), and will not any more."
    assert site.internal.get(f"/v1/documents/D-{row.id}").json()["status"] == "done"
    done = site.internal.post(path, json=wanted)
    assert (done.status_code, done.json()) == (202, {**look, "done": True})
    site.road.work()
    counted = {row.data for row in site.road.rows(schema.event, type="shipment.confirmed")}
    assert any('"release":"WO-2"' in data for data in counted)
    again = site.internal.post(path, json=wanted)
    assert (again.status_code, again.json()["type"]) == (409, "urn:gateway:cannot-match")
    assert site.internal.post("/v1/documents/D-99/match", json=wanted).status_code == 404


@pytest.mark.parametrize("status", ["dead", "rejected", "skipped"])
def test_what_did_not_arrive_is_found_without_looking_at_all_that_did(site: Site, status: str) -> None:
    store, asked = site.road.store, []

    def listen(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    with store.begin() as tx:
        row = {"kind": "webhook", "target": "shop", "lane": "production", "partner": None, "correlation_id": None}
        owed = owe(tx, [{**row, "body": "{}", "idempotency_key": f"event:{n}"} for n in range(3000)])
        lease.finish(tx, schema.delivery, owed[:-1], status="delivered")
        lease.finish(tx, schema.delivery, owed[-1:], status=status)
    listens_to = (store.readers, "before_cursor_execute", listen)
    event.listen(*listens_to)
    found = site.internal.get("/v1/deliveries", params={"status": status}).json()["items"]
    event.remove(*listens_to)
    assert [one["id"] for one in found] == [f"L-{owed[-1]}"]
    (query,) = [one for one in asked if "FROM delivery" in one[0]]
    with store.begin() as tx:
        tx.connection.exec_driver_sql("ANALYZE delivery")
        explained = tx.connection.exec_driver_sql(
            ("EXPLAIN QUERY PLAN " if store.is_sqlite else "EXPLAIN ") + query[0], query[1]
        )
        assert "ix_delivery_astray" in str(explained.all())


def test_a_rejected_order_cannot_be_accepted(site: Site) -> None:
    name = site.order()
    assert site.internal.post(f"/v1/orders/{name}/reject", json={"reason": "discontinued"}).status_code == 202
    answer = site.internal.post(f"/v1/orders/{name}/accept", json={})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:gateway:order-rejected")


def test_a_reader_may_not_write(site: Site) -> None:
    name = site.order()
    assert site.reader.get(f"/v1/orders/{name}").status_code == 200
    assert site.reader.post(f"/v1/orders/{name}/accept", json={}).status_code == 403


def test_every_door_asks_for_its_scope(site: Site) -> None:
    for path, methods in site.reader.get("/v1/openapi.json").json()["paths"].items():
        if not path.startswith(("/v1/", "/partner/v1/")):
            continue
        for method in methods:
            strangers = [site.partner] if path.startswith("/v1/") else [site.internal]
            if path.startswith("/v1/") and method != "get":
                strangers.append(site.reader)
            for key in strangers:
                answer = key.request(method, re.sub(r"{\w+}", "D-1", path), json=None if method == "get" else {})
                assert answer.status_code == 403, f"{method} {path}: {answer.text}"


def test_a_key_of_the_test_lane_sees_nothing_of_production(site: Site) -> None:
    name = site.order()
    assert site.other_lane.get("/v1/orders").json()["items"] == []
    assert site.other_lane.get(f"/v1/orders/{name}").status_code == 404
    assert site.other_lane.get("/v1/events").json()["events"] == []
    (order_, *_), (delivery, *_) = site.road.rows(schema.document), site.road.rows(schema.delivery)
    site.send(interchange([order()], sender="SOMEBODY"))
    site.road.work()
    (item,) = site.internal.get("/v1/exceptions").json()["items"]
    for listed in ("orders", "shipments", "invoices", "documents", "deliveries", "exceptions"):
        assert site.other_lane.get(f"/v1/{listed}").json()["items"] == [], listed
    shown = (f"documents/D-{order_.id}", f"deliveries/L-{delivery.id}", f"exceptions/{item['id']}")
    for path in (*shown, f"documents/D-{order_.id}/canonical"):
        assert site.internal.get(f"/v1/{path}").status_code == 200, path
        assert site.other_lane.get(f"/v1/{path}").status_code == 404, path
    for path in (f"orders/{name}/accept", f"exceptions/{item['id']}/settle", f"deliveries/L-{delivery.id}/resend"):
        assert site.other_lane.post(f"/v1/{path}", json={}).status_code == 404, path


def test_the_event_feed_goes_on_from_its_cursor(site: Site) -> None:
    name = site.order()
    page = site.internal.get("/v1/events").json()
    assert [event["type"] for event in page["events"]] == ["order.received"]
    assert page["events"][0]["specversion"] == "1.0"
    site.internal.post(f"/v1/orders/{name}/accept", json={})
    rest = site.internal.get("/v1/events", params={"cursor": page["cursor"]}).json()
    assert [event["type"] for event in rest["events"]] == ["order.accepted"]


def test_what_is_stuck_is_said_in_plain_words_and_settled(site: Site) -> None:
    site.send(interchange([order()], sender="SOMEBODY"))
    site.road.work()
    (item,) = site.internal.get("/v1/exceptions").json()["items"]
    assert item["title"] == 'The sender "SOMEBODY" is not allowed on connection harbor-pine.'
    assert all(item[field] for field in ("where", "why", "who", "what_to_do"))
    settled = site.internal.post(f"/v1/exceptions/{item['id']}/settle").json()
    assert settled["settled_by"] == "erp"
    assert site.internal.get("/v1/exceptions").json()["items"] == []


def test_a_delivery_shows_its_tries_and_is_sent_again(site: Site) -> None:
    site.order()
    site.road.deliver()
    (one,) = [d for d in site.internal.get("/v1/deliveries").json()["items"] if d["kind"] == "envelope"]
    shown = site.internal.get(f"/v1/deliveries/{one['id']}").json()
    assert (shown["status"], len(shown["tries"])) == ("delivered", 1)
    again = site.internal.post(f"/v1/deliveries/{one['id']}/resend").json()
    assert again["id"] != one["id"]


@pytest.mark.parametrize("path", ["/v1/orders/D-999", "/v1/orders/nonsense", "/v1/deliveries/L-9", "/v1/nothing"])
def test_what_is_not_there_is_a_problem_not_a_traceback(site: Site, path: str) -> None:
    answer = site.internal.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_wrong_body_names_each_fault(site: Site) -> None:
    name = site.order()
    answer = site.internal.post("/v1/shipments", json={"order": name, "date": "tomorrow"})
    assert answer.status_code == 422
    assert {fault["pointer"] for fault in answer.json()["errors"]} == {"/body/number", "/body/date"}


@pytest.mark.parametrize("declared", [True, False])
def test_no_body_without_end_is_read(site: Site, declared: bool) -> None:
    pieces = [b" " * 1_000_000] * 9
    answer = site.internal.post("/v1/shipments", content=b"".join(pieces) if declared else iter(pieces))
    assert (answer.status_code, answer.json()["title"]) == (413, "This body is larger than we take")


def test_the_body_of_a_stranger_is_not_read(site: Site) -> None:
    """It is answered while most of it was never sent."""
    with socket.create_connection((site.stranger.base_url.host, site.stranger.base_url.port or 0)) as wire:
        wire.settimeout(10)
        head = (
            "POST /v1/shipments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\nContent-Length: 5000000\r\n\r\n"
        )
        wire.sendall(head.encode() + b" " * 1000)
        assert wire.recv(1000).startswith(b"HTTP/1.1 401 ")


def test_health_readiness_and_metrics(site: Site) -> None:
    assert site.internal.get("/healthz").json() == {"status": "alive"}
    assert site.internal.get("/readyz").json() == {"status": "ready"}
    site.send()
    assert 'gateway_due{table="transmission",stage="unwrap"} 1' in site.internal.get("/metrics").text


def test_the_openapi_description_is_complete(site: Site) -> None:
    described = site.internal.get("/v1/openapi.json").json()
    for path, verbs in described["paths"].items():
        for verb, operation in verbs.items():
            assert operation.get("summary"), f"{verb} {path} says nothing"


def test_what_retention_deleted_is_said_to_be_gone(site: Site) -> None:
    name = site.order()
    site.road.deliver()
    (sent,) = site.road.rows(schema.delivery, kind="envelope")
    for one in site.road.rows(schema.payload):
        with site.road.store.begin() as tx:
            retention._delete(tx, [one.id])
    assert site.internal.get(f"/v1/orders/{name}").json()["order"] is None
    answer = site.internal.get(f"/v1/documents/{name}/content")
    assert (answer.status_code, answer.json()["type"]) == (410, "urn:gateway:deleted")
    answer = site.internal.post(f"/v1/deliveries/L-{sent.id}/resend")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:gateway:cannot-resend")


def test_a_nul_in_a_request_is_theirs_to_mend_and_not_sent_again(site: Site) -> None:
    """SQLite keeps it, PostgreSQL takes none in a text; on neither is it said to be our fault."""
    name = site.order()
    told = site.internal.post("/v1/shipments", json={"order": name, "number": "S\0"})
    asked = site.internal.get("/v1/documents?partner=a%00")
    for answer in (told, asked):
        assert answer.status_code in (200, 202, 422), answer.text
    if told.status_code == 422:
        assert told.json()["type"] == "urn:gateway:invalid-request"
        assert "NUL" in told.json()["detail"]
