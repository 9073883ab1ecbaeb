"""docs/connectors.md says every key a connector may have, and its example loads."""

from __future__ import annotations

import re
from typing import Any

import pytest
from counterparties import ROOT

from gateway.partners.values import Written
from gateway.systems.connector import Operation
from gateway.systems.description import System, load

PAGE = (ROOT / "docs" / "connectors.md").read_text(encoding="utf-8")


def models(start: type[Written]) -> set[type[Written]]:
    found: set[type[Written]] = set()

    def walk(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, Written) and annotation not in found:
            found.add(annotation)
            for field in annotation.model_fields.values():
                walk(field.annotation)
        for part in getattr(annotation, "__args__", ()):
            walk(part)

    walk(start)
    return found


def test_every_key_is_explained() -> None:
    internal = {"Request", "Rate"}  # written as one text: `POST /orders`, `10/s`
    names = {name for model in models(System) if model.__name__ not in internal for name in model.model_fields}
    missing = sorted(name for name in names if not re.search(rf"\b{name}\b", PAGE))
    assert not missing


@pytest.mark.parametrize("operation", list(Operation))
def test_every_operation_is_named(operation: Operation) -> None:
    assert f"`{operation}`" in PAGE


def test_the_example_is_a_connector() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert load("docs/connectors.md", example).changes is not None
