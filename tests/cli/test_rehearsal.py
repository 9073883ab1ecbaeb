"""Order to cash with a simulated partner made from the profile, over the wires the profile names; and the checklist."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from sqlalchemy import insert

from cli.deployments import Deployment
from gateway.cli.apply import app as apply
from gateway.cli.key import app as key
from gateway.cli.partner import app as partner
from gateway.cli.story import loopback
from gateway.cli.story.loopback import Loopback
from gateway.cli.test import app
from gateway.partners.book import Book
from gateway.partners.skeleton import WORDS
from gateway.settings import Settings
from gateway.store.schema import document

PLAYED = {
    "3pl-x12": ["warehouse order", "confirm", "warehouse shipping advice"],
    "3pl-json": ["warehouse order", "warehouse shipping advice"],
    "csv-warehouse": ["warehouse order", "warehouse shipping advice"],
    "carrier": ["load tender", "confirm", "answer to a load tender", "transport status", "invoice"],
    "xml-supplier": ["order", "ship notice", "invoice"],
    "retailer": ["send order", "acknowledgement", "order response", "confirm", "ship notice", "confirm", "invoice", ""],
}


def test_every_template_is_played() -> None:
    assert set(PLAYED) == set(WORDS)


@pytest.mark.slow
@pytest.mark.story
@pytest.mark.parametrize("template", PLAYED)
def test_a_new_partner_is_played_from_order_to_cash(deployment: Deployment, template: str) -> None:
    assert deployment.run(partner, "new", "cedar-cove", "--template", template).exit_code == 0
    done = deployment.run(app, "cedar-cove", "--documents", "3", "--json")
    said = json.loads(done.stdout.splitlines()[-1])
    assert [step for step in said["steps"] if not step["held"]] == []
    assert len(said["steps"]) == len(PLAYED[template])
    for step, word in zip(said["steps"], PLAYED[template], strict=True):
        assert word in step["what"]
    assert done.exit_code == 0, done.output
    assert {point["what"]: point["state"] for point in said["checklist"]}["a test lane"] == "met"
    assert said["score"] < 100  # a skeleton is not ready for production


@pytest.mark.slow
@pytest.mark.story
def test_a_step_that_fails_says_why(deployment: Deployment) -> None:
    deployment.edit("partners/harbor-pine/partner.yaml", "terms:", "terms:\n  codes: {units: [pack]}")
    done = deployment.run(app, "harbor-pine", "--documents", "1")
    assert done.exit_code == 1
    assert "NOT  They send order SIM-" in done.output
    assert 'Line 1 is ordered in "EA", and nothing tells us how many pack one is.' in done.output


BOTH_WAYS = ["We ship it: they get the ship notice, and it is good", "They confirm the ship notice"]


@pytest.mark.slow
@pytest.mark.story
@pytest.mark.parametrize(
    ("name", "wires", "steps"),
    [
        ("juniper-row", ["as2"], BOTH_WAYS),
        ("ironhill-freight", ["sftp"], ["They answer with the transport status, and we understand it"]),
    ],
)
def test_the_wire_of_the_profile_is_the_one_it_is_played_over(
    deployment: Deployment, name: str, wires: list[str], steps: list[str]
) -> None:
    done = deployment.run(app, name, "--documents", "1", "--json")
    said = json.loads(done.stdout.splitlines()[-1])
    assert done.exit_code == 0, said["steps"]
    assert said["wires"] == wires
    assert not [note for note in said["notes"] if "stood in" in note]
    assert set(steps) <= {step["what"] for step in said["steps"]}


def over_ftps(deployment: Deployment, **more: str) -> None:
    """Ironhill's test wire, as if they had an FTPS server."""
    file = deployment.folder / "partners/ironhill-freight/connections.yaml"
    wires = yaml.load(file.read_text("utf-8"), Loader=yaml.BaseLoader)
    ours = wires["ironhill-freight-test"]
    del ours["private_key"], ours["host_keys"]
    ours |= {"kind": "ftps", "password": "env:IRONHILL_PASSWORD", **more}
    file.write_text(yaml.safe_dump(wires), "utf-8")


@pytest.mark.slow
@pytest.mark.story
@pytest.mark.parametrize("tls", ["explicit", "implicit"])
def test_an_ftps_server_is_a_real_one(deployment: Deployment, tls: str) -> None:
    over_ftps(deployment, tls=tls)
    done = deployment.run(app, "ironhill-freight", "--documents", "1", "--json")
    said = json.loads(done.stdout.splitlines()[-1])
    assert done.exit_code == 0, said["steps"]
    assert (said["wires"], [note for note in said["notes"] if "stood in" in note]) == (["ftps"], [])
    assert "They answer with the transport status, and we understand it" in [step["what"] for step in said["steps"]]


def test_without_a_server_for_ftps_a_folder_stands_in_and_says_so(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    over_ftps(deployment)
    monkeypatch.setattr(loopback, "find_spec", lambda package: None)
    book = Book.load(deployment.folder / "partners", deployment.folder / "maps")
    at = Loopback(tmp_path, "http://127.0.0.1:1", 1)
    at.set_up(book.files, book, "ironhill-freight", "test")
    (note,) = at.notes
    assert note.startswith(
        "a folder stood in for ironhill-freight-test (FTPS): the wire itself was not tried; with `pip"
    )
    assert Book.load(tmp_path / "partners", tmp_path / "maps").connections["ironhill-freight-test"].kind == "directory"


@pytest.mark.slow
@pytest.mark.story
def test_receipts_by_a_call_of_their_own_are_played_too(deployment: Deployment) -> None:
    file = "partners/juniper-row/connections.yaml"
    test = deployment.folder / file
    head, found, tail = test.read_text("utf-8").partition("juniper-row-test:\n")
    agreed = "  receipt: async\n  receipt_url: https://edi.northwind.example/as2\n  encrypt: aes128-gcm\n"
    test.write_text(head + found + tail.rstrip() + "\n" + agreed, "utf-8")
    done = deployment.run(partner, "simulate", "juniper-row", "--exit")
    assert done.exit_code == 0, done.output
    assert "juniper-row, order to cash in the test lane, over AS2:" in done.output
    assert done.output.count("  ok   ") == 8


CEDAR_COVE = """
name: Cedar Cove
ids: {}
contacts:
- {name: Ada Quill, role: EDI desk, email: edi@cedarcove.example}
agreements:
  orders-test:
    our: northwind
    lane: test
    connection: cedar-cove-test
    receive: json/order
    files: "*"
    acknowledge: {with: none}
  orders:
    like: orders-test
    lane: production
    connection: cedar-cove
    destinations: [erp]
"""
WIRES = (
    "cedar-cove-test: {kind: http, lane: test}\ncedar-cove: {kind: http, lane: production, url: env:CEDAR_COVE_URL}\n"
)


@pytest.mark.slow
@pytest.mark.story
def test_live_fails_until_every_point_is_met(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = deployment.folder / "partners/cedar-cove"
    folder.mkdir()
    (folder / "partner.yaml").write_text(CEDAR_COVE)
    (folder / "connections.yaml").write_text(WIRES)
    before = deployment.run(app, "cedar-cove", "--live")
    assert before.exit_code == 1
    assert "  ok   They send order SIM-" in before.output
    assert "[ ]  addresses and secrets of cedar-cove: set on this machine: env:CEDAR_COVE_URL" in before.output
    assert "[?]  a test exchange of every document: no gateway has run here yet" in before.output

    monkeypatch.setenv("CEDAR_COVE_URL", "https://cedarcove.example/edi")
    assert deployment.run(apply, "--yes").exit_code == 0
    assert deployment.run(key, "new", "cedar-cove", "--partner", "cedar-cove", "--lane", "production").exit_code == 0
    with Settings().open_store() as store, store.begin() as tx:
        exchanged = {"id": 1, "direction": "in", "lane": "test", "agreement": "cedar-cove/orders-test"}
        tx.execute(insert(document).values(**exchanged, status="done", received_at=tx.now, updated_at=tx.now))
    ready = deployment.run(app, "cedar-cove", "--live")
    assert ready.exit_code == 0, ready.output
    assert "cedar-cove: 100 of 100; 7 of 7 points of the checklist are met." in ready.output
