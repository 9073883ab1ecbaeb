"""How long bodies are kept, shown; and holds that only a person places and ends."""

from __future__ import annotations

import json

import pytest

from cli.deployments import Deployment
from gateway.cli.apply import app as apply
from gateway.cli.opening import opened_store
from gateway.cli.retention import app
from gateway.pipeline.receive import Arrival, receive
from gateway.store import schema


@pytest.fixture
def received(deployment: Deployment) -> Deployment:
    deployment.edit("partners/northwind/company.yaml", "zone:", "keep: 400d\nzone:")
    assert deployment.run(apply, "--yes").exit_code == 0
    with opened_store() as store, store.begin() as tx:
        receive(tx, [Arrival("harbor-pine", "production", "m-1", b"ISA", "po.edi")])
    return deployment


def test_every_owner_is_shown_with_its_time(received: Deployment) -> None:
    (said,) = map(json.loads, received.run(app, "show", "--json").stdout.splitlines())
    assert said == {"owner": "harbor-pine", "keep": "400d", "over": 0, "over_bytes": 0, "holds": []}
    assert "400d" in received.run(app, "show").output


def test_a_hold_has_a_reason_an_end_and_a_line_in_the_audit(received: Deployment) -> None:
    assert received.run(app, "hold", "somebody", "--reason", "x").exit_code == 2
    assert received.run(app, "hold", "harbor-pine", "--reason", "a dispute").exit_code == 0
    assert json.loads(received.run(app, "show", "--json").stdout)["holds"] == ["a dispute"]
    assert received.run(app, "release", "harbor-pine").exit_code == 0
    assert received.run(app, "release", "harbor-pine").exit_code == 2
    with opened_store() as store, store.read() as view:
        assert [row.action for row in view.all(schema.audit.select().order_by(schema.audit.c.id))] == [
            "hold",
            "release",
        ]
