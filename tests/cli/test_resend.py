"""resend and reprocess show what follows, and do nothing before they are told to."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from gateway.cli.reprocess import app as reprocess
from gateway.cli.resend import app as resend
from gateway.cli.skip import app as skip
from gateway.pipeline.receive import Arrival, receive
from gateway.pipeline.route import owe
from gateway.store import lease, schema
from gateway.store.crypto import Keys
from gateway.store.engine import Store

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def delivered(store: Store, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A webhook that arrived as L-1, and a file that waits for nothing as T-1."""
    with store.begin() as tx:
        receive(tx, [Arrival("harbor-pine", "production", "m-1", b"ISA", "po.edi")])
        lease.finish(tx, schema.transmission, [1], status="done")
        row = {"kind": "webhook", "target": "shop", "lane": "production", "partner": None, "correlation_id": None}
        owe(tx, [{**row, "body": '{"event_id": 7}', "idempotency_key": "event:7"}])
        lease.finish(tx, schema.delivery, [1], status="delivered")
    monkeypatch.setenv("GATEWAY_DATABASE_URL", f"sqlite:///{store.sqlite_path}")
    monkeypatch.setattr("gateway.settings.Settings.keys", lambda self: keys)
    return store


def deliveries(store: Store) -> int:
    with store.read() as view:
        return len(view.all(schema.delivery.select()))


def test_nothing_is_sent_before_it_is_said_so(delivered: Store) -> None:
    ran = CliRunner().invoke(resend, ["L-1"])
    assert ran.exit_code == 1
    assert "sees it twice" in ran.output
    assert "Nothing was done." in ran.output
    assert deliveries(delivered) == 1


def test_with_yes_it_is_on_its_way_and_on_record(delivered: Store) -> None:
    ran = CliRunner().invoke(resend, ["L-1", "--yes"])
    assert ran.exit_code == 0, ran.output
    assert deliveries(delivered) == 2
    with delivered.read() as view:
        (note,) = view.all(schema.audit.select())
    assert (note.action, note.subject) == ("resend", "L-1")


def test_scripts_read_one_object_and_say_yes(delivered: Store) -> None:
    look = CliRunner().invoke(resend, ["L-1", "--json"])
    assert (look.exit_code, json.loads(look.stdout)["done"]) == (1, False)
    assert deliveries(delivered) == 1
    said = json.loads(CliRunner().invoke(resend, ["L-1", "--json", "--yes"]).stdout)
    assert (said["done"], said["id"][:2], deliveries(delivered)) == (True, "L-", 2)
    again = json.loads(CliRunner().invoke(reprocess, ["T-1", "--json", "--yes"]).stdout)
    assert (again["done"], again["id"]) == (True, "T-1")


def test_a_file_is_read_again_only_when_told(delivered: Store) -> None:
    left = CliRunner().invoke(reprocess, ["T-1"])
    assert left.exit_code == 1
    ran = CliRunner().invoke(reprocess, ["T-1", "--yes"])
    assert ran.exit_code == 0, ran.output
    with delivered.read() as view:
        row = view.get(schema.transmission, 1)
    assert row is not None
    assert row.stage == "unwrap"


@pytest.mark.parametrize("name", ["L-99", "HP-1", "D-1"])
def test_what_cannot_be_sent_again_is_a_sentence(delivered: Store, name: str) -> None:
    ran = CliRunner().invoke(resend, [name, "--yes"])
    assert ran.exit_code != 0
    assert type(ran.exception).__name__ == "Stop"
    assert deliveries(delivered) == 1


def test_what_is_not_owed_any_more_is_skipped_once_it_is_said_so(delivered: Store) -> None:
    with delivered.begin() as tx:
        row = {"kind": "webhook", "target": "shop", "lane": "production", "partner": None, "correlation_id": None}
        owe(tx, [{**row, "body": '{"event_id": 8}', "idempotency_key": "event:8"}])
    look = json.loads(CliRunner().invoke(skip, ["L-2", "--json"]).stdout)
    assert (look["done"], look["effects"]) == (False, ["shop is not sent event evt_8 (production lane), now or later."])
    ran = CliRunner().invoke(skip, ["L-2", "--yes"])
    assert (ran.exit_code, ran.output.splitlines()[-1]) == (0, "L-2 is skipped.")
    late = CliRunner().invoke(skip, ["L-1", "--yes"])
    assert type(late.exception).__name__ == "Stop"
    with delivered.read() as view:
        (first, second) = view.all(schema.delivery.select().order_by(schema.delivery.c.id))
    assert (first.status, second.status) == ("delivered", "skipped")
