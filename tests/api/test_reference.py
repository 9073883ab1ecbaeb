"""The API's reference: every field has an example, every example is true, and the page needs nobody else's server."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi import FastAPI
from served_site import Site

from gateway.api import shapes
from gateway.api.app import build
from gateway.api.door import Door
from gateway.api.reference import example, operations


@pytest.fixture(scope="module")
def app() -> FastAPI:
    nobody: Any = None
    return build(Door(nobody, nobody, nobody, 1000))


def test_every_field_of_the_api_has_an_example(app: FastAPI) -> None:
    silent = [
        f"{name}.{field}"
        for name, schema in app.openapi()["components"]["schemas"].items()
        for field, said in schema.get("properties", {}).items()
        if example(said, app.openapi()["components"]["schemas"]) is None
    ]
    assert silent == []


@pytest.mark.parametrize("model", [shapes.AcceptOrder, shapes.RejectOrder, shapes.ShipOrder, shapes.BillOrder])
def test_an_example_of_a_request_is_one_we_take(app: FastAPI, model: Any) -> None:
    schemas = app.openapi()["components"]["schemas"]
    model.model_validate(example(schemas[model.__name__], schemas))


def test_every_operation_says_what_it_is_for(app: FastAPI) -> None:
    for one in operations(app.openapi()):
        assert one.summary, one.path
        assert all(p.get("description") for p in one.parameters if p["in"] == "query"), one.path


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_page_is_whole_and_asks_nobody_else(site: Site) -> None:
    answer = site.partner.get("/docs")
    assert answer.status_code == 200
    assert "POST /partner/v1/documents" in answer.text
    assert re.findall(r'(?:href|src)="(?!/)([^"]*)"', answer.text) == []
    assert "<script" not in answer.text
    assert site.partner.get("/docs/style.css").headers["content-type"].startswith("text/css")
