"""`gateway match` shows what changes, and puts a shipping advice to another warehouse order when it is told to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pipeline_road import Road
from warehouse_road import advice, from_blue_ridge, released, shipped

from cli.deployments import Deployment
from gateway.cli.apply import app as apply
from gateway.cli.match import app
from gateway.cli.opening import opened_store
from gateway.pipeline.house import Furniture
from gateway.store import schema


@pytest.fixture
def name(deployment: Deployment) -> str:
    """An advice that was counted for WO-1."""
    assert deployment.run(apply, "--yes").exit_code == 0
    with opened_store() as store:
        furniture = Furniture(store)
        road = Road(store, furniture.house(), Path("sent"))
        released(road)
        released(road, "HP-1002")
        from_blue_ridge(road, advice("88120", [shipped(1, "CC", 24, 24)]))
        furniture.close()
        (row,) = road.rows(schema.document, kind="warehouse-shipping-advice")
    return f"D-{row.id}"


def test_nothing_changes_before_it_is_said_so(deployment: Deployment, name: str) -> None:
    looked = deployment.run(app, name, "WO-2")
    assert looked.exit_code == 1
    assert "It counts for warehouse order WO-1 (24 of line 1), and will not any more." in looked.output
    assert json.loads(deployment.run(app, name, "WO-2", "--json").stdout)["done"] is False
    assert "counts for warehouse order WO-1 already" in deployment.run(app, name, "WO-1", "--yes").output


def test_told_to_it_is_on_its_way(deployment: Deployment, name: str) -> None:
    assert json.loads(deployment.run(app, name, "WO-2", "--json", "--yes").stdout)["done"] is True
    again = deployment.run(app, name, "WO-2", "--yes")
    assert (again.exit_code, "is under way" in again.output) == (2, True)
