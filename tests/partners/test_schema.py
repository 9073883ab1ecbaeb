"""The JSON Schemas that editors use: they take every profile we ship and refuse the mistakes that one file shows.

What only several files together show (a name that is nowhere, two agreements about one document) is for
`gateway check`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml
from profile_texts import FILES as PROFILES
from profile_texts import ROOT, changed

from gateway.channels.table import SETTINGS
from gateway.partners.reference import FILES, schema
from gateway.partners.skeleton import WORDS, fill
from partners.test_faults import MISTAKES

FOLDER = ROOT / "docs" / "schema"
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}


class Core(yaml.SafeLoader):
    """YAML 1.2's core schema, as editors read it: no dates, and only true and false are truths."""


Core.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag.rpartition(":")[2] in ("int", "null")]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Core.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), list("tf"))
Core.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("~|null|$"), ["~", "n", ""])


def wrong(value: Any, said: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[str]:
    """What a schema finds, by the words of JSON Schema that ours use."""
    if "$ref" in said:
        yield from wrong(value, whole["$defs"][said["$ref"].rpartition("/")[2]], whole)
    ways = said.get("anyOf") or said.get("oneOf")
    if ways and all(list(wrong(value, way, whole)) for way in ways):
        yield f"{value!r} is none of them"
    if "const" in said and value != said["const"]:
        yield f"{value!r} is not {said['const']}"
    if "enum" in said and value not in said["enum"]:
        yield f"{value!r} is not in {said['enum']}"
    kind = said.get("type")
    if kind is not None and (not isinstance(value, TYPES[kind]) or (kind == "integer" and isinstance(value, bool))):
        yield f"{value!r} is no {kind}"
        return
    if isinstance(value, str):
        if not re.search(said.get("pattern", ""), value) or len(value) < said.get("minLength", 0):
            yield f"{value!r} is not written so"
    elif isinstance(value, int) and value < said.get("minimum", value):
        yield f"{value} is too small"
    elif isinstance(value, list):
        for item in value if isinstance(said.get("items"), dict) else ():
            yield from wrong(item, said["items"], whole)
    elif isinstance(value, dict):
        yield from (f"{name} is missing" for name in said.get("required", ()) if name not in value)
        known, more = said.get("properties", {}), said.get("additionalProperties", True)
        for name, inner in value.items():
            if name in known:
                yield from wrong(inner, known[name], whole)
            elif isinstance(more, dict):
                yield from wrong(inner, more, whole)
            elif not more:
                yield f"{name} means nothing here"


def found(file: str, text: str) -> list[str]:
    kind = "industry" if "/industries/" in file else file.rpartition("/")[2].removesuffix(".yaml")
    said = schema(kind, SETTINGS)
    return list(wrong(yaml.load(text, Loader=Core), said, said))


def of_profiles(files: Mapping[str, str]) -> dict[str, str]:
    return {
        file: text
        for file, text in files.items()
        if file.startswith("partners/") and "/systems/" not in file and file.endswith(".yaml")
    }


@pytest.mark.parametrize("file", of_profiles(PROFILES))
def test_every_profile_of_ours_is_accepted(file: str) -> None:
    assert found(file, PROFILES[file]) == []


@pytest.mark.parametrize("template", WORDS)
def test_every_skeleton_is_accepted_and_says_where_its_schema_is(template: str) -> None:
    for file, text in fill(template, name="cedar-cove", title="Cedar Cove", our="northwind").items():
        assert found(file, text) == []
        kind = file.rpartition("/")[2].removesuffix(".yaml")
        assert text.startswith(f"# yaml-language-server: $schema=../../schema/{kind}.json\n")


IN_ONE_FILE = [
    "unknown key",
    "unknown term",
    "unknown key in a term",
    "unknown key in an agreement",
    "unknown key of a wire",
    "missing key",
    "not a choice",
    "not a choice in a layer",
    "no trading id",
    "id too long",
    "no document name",
    "no pattern",
    "no list",
    "no lines",
    "nothing",
    "no number",
    "no truth",
    "too small",
    "no such wire",
]


@pytest.mark.parametrize("kind", IN_ONE_FILE)
def test_a_mistake_is_refused_in_the_editor_already(kind: str) -> None:
    file, old, new, _, _ = MISTAKES[kind]
    assert found(file, changed(file, old, new)[file]) != []


@pytest.mark.parametrize("kind", FILES)
def test_the_published_schemas_are_up_to_date(kind: str) -> None:
    made = json.dumps(schema(kind, SETTINGS), indent=1, sort_keys=True) + "\n"
    path = FOLDER / f"{kind}.json"
    if os.environ.get("GATEWAY_WRITE_DOCS"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(made, encoding="utf-8")
    assert path.read_text("utf-8") == made, "GATEWAY_WRITE_DOCS=1 pytest tests/partners/test_schema.py"
