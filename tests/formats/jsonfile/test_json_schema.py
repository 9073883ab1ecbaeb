"""A partner's JSON Schema: every broken rule by its pointer and in plain words; nothing is fetched."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.formats.jsonfile.reading import read
from gateway.formats.jsonfile.schema import JsonSchema
from gateway.formats.schema import SchemaFault

ITEM = {
    "type": "object",
    "required": ["sku", "quantity"],
    "properties": {
        "quantity": {"type": "integer", "minimum": 1},
        "price": {"type": "number", "multipleOf": 0.01},
        "unit": {"enum": ["EA", "CA"]},
    },
}
ORDER: dict[str, Any] = {
    "type": "object",
    "required": ["id", "items"],
    "additionalProperties": False,
    "patternProperties": {"^x-": {}},
    "properties": {
        "id": {"type": "string", "maxLength": 4, "pattern": "^A"},
        "day": {"type": "string", "format": "date"},
        "to": {"oneOf": [{"type": "string"}, {"type": "object", "required": ["gln"]}]},
        "items": {"type": "array", "minItems": 1, "items": {"$ref": "item.json#/$defs/item"}},
    },
}
FILES = {"order.json": json.dumps(ORDER, indent=1), "item.json": json.dumps({"$defs": {"item": ITEM}})}
GOOD = '{"id": "A-1", "x-own": 1, "items": [{"sku": "S", "quantity": 1.0, "price": 1.25}, {"sku": "T", "quantity": 2}]}'


@pytest.fixture(scope="module")
def order() -> JsonSchema:
    return JsonSchema("order.json", FILES)


def test_a_good_document_breaks_nothing(order: JsonSchema) -> None:
    assert order.check(read(GOOD.encode())) == []


@pytest.mark.parametrize(
    ("old", "new", "place", "value", "why"),
    [
        ('"A-1"', "17", "id", "17", "is not a text"),
        ('"A-1"', '"A-123"', "id", "A-123", "is longer than 4 characters"),
        ('"A-1"', '"B-1"', "id", "B-1", "is not written as ^A"),
        ('"id": "A-1", ', "", "", None, "lacks id"),
        ('"x-own"', '"own"', "", None, "has own, which is not allowed there"),
        ('"x-own": 1', '"day": "20.11."', "day", "20.11.", "is no date"),
        ('"quantity": 2', '"quantity": 2.5', "items/1/quantity", "2.5", "is not a whole number"),
        ('"quantity": 2', '"quantity": 0', "items/1/quantity", "0", "is less than 1"),
        ('"quantity": 2', '"quantity": "2"', "items/1/quantity", "2", "is not a whole number"),
        ("1.25", "1.255", "items/0/price", "1.255", "is no multiple of 0.01"),
        ('"price": 1.25', '"unit": "PK"', "items/0/unit", "PK", "is not one of EA or CA"),
        ('{"sku": "T", "quantity": 2}', '{"sku": "T"}', "items/1", None, "lacks quantity"),
        ('"x-own": 1', '"to": {"name": "x"}', "to", None, "lacks gln"),
    ],
)
def test_a_broken_rule_is_said_where_it_is(
    order: JsonSchema, old: str, new: str, place: str, value: str | None, why: str
) -> None:
    (broken,) = order.check(read(GOOD.replace(old, new, 1).encode()))
    assert (broken.place, broken.value, broken.why) == (place, value, why)


def test_a_list_without_items_and_a_document_that_is_none(order: JsonSchema) -> None:
    assert [one.why for one in order.check(read(b'{"id": "A", "items": []}'))] == [
        "has 0 items, at least 1 are asked for"
    ]
    assert [one.why for one in order.check(read(b"[]"))] == ["is not an object"]


def test_a_number_without_end_is_judged_and_not_counted_out(order: JsonSchema) -> None:
    (broken,) = order.check(read(GOOD.replace("2}", "1e999999999}").encode()))
    assert broken.place == "items/1/quantity"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"order.json": FILES["order.json"]}, "order.json:38: refers to item.json#/$defs/item, which is neither"),
        ({**FILES, "order.json": '{"$ref": "http://127.0.0.1:9/a.json"}'}, "order.json:1: refers to http:"),
        ({**FILES, "order.json": '{"$ref": "#/$defs/nobody"}'}, "order.json:1: refers to #/$defs/nobody"),
        ({**FILES, "order.json": '{"type": "obj"}'}, "order.json:1: is no JSON Schema: type"),
        ({**FILES, "order.json": "{\n}}"}, "order.json:2: is not JSON"),
        ({**FILES, "order.json": "[]"}, "order.json:1: is no JSON Schema"),
    ],
)
def test_a_schema_that_cannot_be_used_says_where(files: dict[str, str], said: str) -> None:
    with pytest.raises(SchemaFault) as caught:
        JsonSchema("order.json", files)
    assert str(caught.value).startswith(said)
