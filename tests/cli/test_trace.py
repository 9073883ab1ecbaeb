"""A small story is stored as the road stores it; the trace tells it in order, whatever it is asked for."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from gateway.cli.trace import app
from gateway.pipeline.receive import Arrival, receive
from gateway.pipeline.trace import trace
from gateway.store import schema, work_items
from gateway.store.engine import Store, Tx

SECOND = 1_000_000
START = 1_793_000_000 * SECOND


def _document(number: int, **values: object) -> dict[str, object]:
    blank = {column.name: None for column in schema.document.c if column.nullable}
    known = {"id": number, "lane": "production", "partner": "harbor-pine", "standard": "x12", "released": True}
    times = {"received_at": START + number * SECOND, "updated_at": START + number * SECOND}
    return {**blank, **known, **times, "attempts": 0, "lease_fence": 0, "correlation_id": f"D-{number}", **values}


def _event(number: int, kind: str, data: dict[str, object], *, late: int = 0) -> dict[str, object]:
    at = START + (10 + number) * SECOND
    return {
        "id": number,
        "type": kind,
        "version": 1,
        "lane": "production",
        "correlation_id": "D-1",
        "causation_id": None,
        "document_id": None,
        "keys": json.dumps([["order", "harbor-pine/HP-1"]]),
        "ids": "{}",
        "data": json.dumps({**data, "partner": "harbor-pine"}),
        "occurred_at": at - late,
        "recorded_at": at,
    }


def _delivery(tx: Tx) -> None:
    blank = {column.name: None for column in schema.delivery.c if column.nullable}
    body = {"operation": "submit_order", "flow": ["order", "harbor-pine/HP-1"], "data": {}, "ids": {}}
    known = {"id": 5, "kind": "call", "target": "erp", "lane": "production", "body": json.dumps(body)}
    known |= {"idempotency_key": "k", "status": "delivered", "result": json.dumps({"said": "erp SO-7"})}
    times = {"correlation_id": "D-1", "created_at": START + 11 * SECOND, "attempts": 0, "lease_fence": 0}
    tx.insert(schema.delivery, [{**blank, **known, **times}])
    tries = [(1, 12, "again", "erp cannot be reached"), (2, 14, "ended", "")]
    tx.insert(
        schema.delivery_attempt,
        [
            {
                "delivery_id": 5,
                "n": n,
                "started_at": START + at * SECOND,
                "finished_at": START + (at + 1) * SECOND,
                "outcome": outcome,
                "detail": detail,
                "request_id": None,
            }
            for n, at, outcome, detail in tries
        ],
    )


def _envelope(number: int, control_number: str, **values: object) -> dict[str, object]:
    blank = {column.name: None for column in schema.interchange.c if column.nullable}
    known = {"id": number, "direction": "in", "standard": "x12", "lane": "production", "status": "accepted"}
    return {**blank, **known, "control_number": control_number, "received_at": START, **values}


def _group(number: int, interchange_id: int, **values: object) -> dict[str, object]:
    blank = {column.name: None for column in schema.functional_group.c if column.nullable}
    known = {"id": number, "interchange_id": interchange_id, "functional_id": "PO", "status": "accepted"}
    return {**blank, **known, **values}


@pytest.fixture
def story(store: Store) -> Store:
    with store.begin() as tx:
        arrival = Arrival("harbor-pine", "production", "m-1", b"ISA", "po.edi")
        (receipt,) = receive(tx, [arrival])
        tx.insert(schema.interchange, [_envelope(1, "000000311", transmission_id=receipt.transmission_id)])
        tx.insert(schema.functional_group, [_group(1, 1, acknowledged_by=2)])
        order = {"direction": "in", "set_id": "850", "kind": "order", "business_key": "HP-1", "status": "done"}
        answer = {"direction": "out", "set_id": "997", "kind": "acknowledgement", "status": "sent"}
        response = {"direction": "out", "set_id": "855", "kind": "order-response", "status": "awaiting-confirmation"}
        other = {"direction": "in", "set_id": "850", "kind": "order", "business_key": "HP-2", "status": "done"}
        tx.insert(
            schema.document,
            [
                _document(1, **order, interchange_id=1, group_id=1),
                _document(2, **answer, business_key="PO 1"),
                _document(3, **response, business_key="HP-1", correlation_id="D-1"),
                _document(4, **other),
            ],
        )
        events = [
            _event(1, "order.received", {"order_number": "HP-1", "lines": {"1": "24"}}),
            _event(2, "order.submitted", {"system": "erp", "ref": "SO-7"}),
            _event(3, "order.accepted", {"system": "erp"}, late=3600 * SECOND),
        ]
        tx.insert(schema.event, events)
        keys = [{"kind": "order", "key": "harbor-pine/HP-1", "lane": "production", "event_id": n} for n in (1, 2, 3)]
        tx.insert(schema.event_key, keys)
        _delivery(tx)
        item = {"lane": "production", "code": "answer-overdue", "category": "partner delay", "where_": "855 D-3"}
        words = {"title": "harbor-pine has not confirmed.", "why": "w", "who": "w", "what_to_do": "w"}
        about = {"subject": "document", "subject_id": 3, "dedupe_key": "document:3:overdue", "correlation_id": "D-1"}
        work_items.open_items(tx, [{**item, **words, **about}])
    return store


@pytest.mark.parametrize("key", ["HP-1", "D-1", "D-3", "L-5", "W-1"])
def test_every_name_of_the_same_story_tells_the_same_story(story: Store, key: str) -> None:
    with story.read() as view:
        found = trace(view, key)
    subjects = {line.subject for line in found.lines}
    assert {"T-1", "D-1", "D-2", "D-3", "evt_1", "evt_2", "evt_3", "L-5", "W-1"} == subjects
    assert found.open_items == ("W-1",)


@pytest.mark.parametrize("key", ["000000311", "311", "T-1", "E-1"])
def test_a_control_number_and_a_file_lead_to_their_documents(story: Store, key: str) -> None:
    with story.read() as view:
        found = trace(view, key)
    assert {"T-1", "D-1"} <= {line.subject for line in found.lines}
    assert "D-4" not in found.documents


def test_lines_stand_in_the_order_in_which_they_became_known(story: Store) -> None:
    with story.read() as view:
        found = trace(view, "HP-1")
    times = [line.recorded_at for line in found.lines]
    assert times == sorted(times)
    tries = [line.text for line in found.lines if line.kind == "attempt"]
    assert tries == [
        "The order to erp: not taken: erp cannot be reached.",
        "The order to erp, try 2: taken (erp SO-7).",
    ]


def test_as_of_leaves_out_what_was_learnt_later(story: Store) -> None:
    with story.read() as view:
        found = trace(view, "HP-1", as_of=START + 12 * SECOND)
    events = [line.text for line in found.lines if line.kind == "event"]
    assert events == ["Order HP-1 was understood: 1 line.", "erp has the order as SO-7."]
    assert not any(line.kind in ("attempt", "work item") for line in found.lines)


def test_another_lane_knows_nothing_of_it(story: Store) -> None:
    with story.read() as view:
        assert trace(view, "HP-1", lane="test").lines == ()


def test_a_percent_sign_is_no_wildcard(story: Store) -> None:
    with story.read() as view:
        assert trace(view, "%").lines == ()
        assert trace(view, "HP_1").lines == ()


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_command_prints_it(story: Store, monkeypatch: pytest.MonkeyPatch, keys: object) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", f"sqlite:///{story.sqlite_path}")
    monkeypatch.setattr("gateway.settings.Settings.keys", lambda self: keys)
    ran = CliRunner().invoke(app, ["HP-1"])
    assert ran.exit_code == 0, ran.output
    assert "erp has the order as SO-7." in ran.output
    assert "(happened " in ran.output
    assert "Waits for a person: W-1." in ran.output
    as_json = CliRunner().invoke(app, ["HP-1", "--json"])
    assert json.loads(as_json.output)["open_work_items"] == ["W-1"]
    assert CliRunner().invoke(app, ["HP-99"]).exit_code == 1
