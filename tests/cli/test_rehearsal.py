"""A new partner of every kind holds at once: its maps, and order to cash with a simulated partner over its wires."""

from __future__ import annotations

import json

import pytest

from cli.deployments import Deployment
from gateway.cli.partner import app as partner
from gateway.cli.test import app
from gateway.partners.skeleton import WORDS

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
