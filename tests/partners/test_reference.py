"""docs/profiles.md is made from the models. GATEWAY_WRITE_DOCS=1 writes it anew."""

from __future__ import annotations

import os
from typing import Any

import pytest
from profile_texts import ROOT

from gateway.channels.table import SETTINGS
from gateway.partners.reference import FILES, page, schema
from gateway.partners.terms import Terms
from gateway.partners.values import Written

PAGE = ROOT / "docs" / "profiles.md"


def test_the_page_is_up_to_date() -> None:
    made = page(SETTINGS)
    if os.environ.get("GATEWAY_WRITE_DOCS"):
        PAGE.write_text(made, encoding="utf-8")
    assert PAGE.read_text("utf-8") == made, "GATEWAY_WRITE_DOCS=1 pytest tests/partners/test_reference.py"


def test_every_key_is_described() -> None:
    def undescribed(model: type[Written]) -> list[str]:
        return [f"{model.__name__}.{name}" for name, field in model.model_fields.items() if not field.description]

    models = [m for m in _all(Written) if m.__module__.startswith("gateway.partners")]
    assert Terms in models
    assert [name for model in models for name in undescribed(model)] == []


def _all(model: type[Written]) -> list[type[Written]]:
    return [found for sub in model.__subclasses__() for found in (sub, *_all(sub))]


@pytest.mark.parametrize("file", FILES)
def test_a_schema_knows_the_keys_an_editor_offers(file: str) -> None:
    made = schema(file, SETTINGS)
    references: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if "$ref" in value:
                references.append(value["$ref"].rpartition("/")[2])
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(made)
    assert set(references) <= set(made.get("$defs", {}))
    assert made["$schema"].endswith("2020-12/schema")


def test_an_agreement_may_leave_to_a_layer_what_a_layer_can_say() -> None:
    agreement = schema("partner", SETTINGS)["properties"]["agreements"]["additionalProperties"]
    assert "required" not in agreement
    assert {"our", "connection", "receive", "send", "map", "acknowledge", "like"} <= set(agreement["properties"])
    assert {"name", "partner"}.isdisjoint(agreement["properties"])
