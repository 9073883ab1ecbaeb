"""A change is run over what has passed through before it is published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pipeline_road import Road
from road_documents import interchange, order

from cli.deployments import Deployment
from gateway.cli.apply import app as apply
from gateway.cli.diff import app
from gateway.cli.opening import opened_store
from gateway.partners.book import Book
from gateway.pipeline import publishing
from gateway.pipeline.house import House

PARTNER = "partners/harbor-pine/partner.yaml"


@pytest.fixture
def history(deployment: Deployment, tmp_path: Path) -> Deployment:
    """Two orders came under the profiles as `gateway init` wrote them."""
    assert deployment.run(apply, "--yes").exit_code == 0
    with opened_store() as store:
        with store.read() as view:
            book = Book.from_files(publishing.files_of(view, publishing.active_hash(view) or ""))
        senders: dict[str, object] = {}
        road = Road(store, House(store, lambda: book, dict, senders.__getitem__), tmp_path)  # type: ignore[arg-type]
        road.receive(interchange([order("HP-1"), order("HP-2", "0002")]))
        road.work()
    return deployment


def test_what_is_written_as_it_holds_makes_no_difference(history: Deployment) -> None:
    done = history.run(app)
    assert done.exit_code == 0
    assert "the change is about 0 of them" in done.output


def test_a_difference_is_told_with_its_place_its_values_and_a_document(history: Deployment) -> None:
    history.edit("maps/harbor-pine-850-order.yaml", "default USD", "default CAD")
    done = history.run(app, "maps/harbor-pine-850-order.yaml")
    assert done.exit_code == 1
    assert 'harbor-pine/orders: currency: "USD" becomes "CAD"' in done.output
    assert "D-1 (850, order HP-1)" in done.output
    said = json.loads(history.run(app, "--json", "--since", "2d").stdout)
    assert (said["documents"], said["fates"]["different"]) == (2, 2)
    (one,) = said["differences"]
    assert one["values"] == [{"was": "USD", "becomes": "CAD", "documents": 2}]


def test_what_would_be_refused_is_told_with_the_reason(history: Deployment) -> None:
    history.edit(
        PARTNER, "map: harbor-pine-850-order\n", "map: harbor-pine-850-order\n    narrow: {850 PER: required}\n"
    )
    done = history.run(app)
    assert done.exit_code == 1
    assert "2 get through today and would not any more" in done.output
    assert "PER" in done.output


def test_a_file_with_a_fault_and_a_time_that_is_none_are_said_so(history: Deployment) -> None:
    assert "is not a time" in history.run(app, "--since", "yesterday").output
    history.edit(PARTNER, "industry: retail", "industry: retial")
    done = history.run(app)
    assert done.exit_code == 2
    assert f"{PARTNER}:" in done.output
