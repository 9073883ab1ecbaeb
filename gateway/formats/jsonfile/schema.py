"""A JSON Schema of a partner's: may this document be as it is?

Any draft; `$ref` reaches the schema itself and the other files of its folder, and nothing is fetched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from jsonschema import exceptions, validators
from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource, Unresolvable
from referencing.jsonschema import DRAFT202012

from gateway.formats.jsonfile.reading import Number
from gateway.formats.schema import Broken, SchemaFault, one_of

MOST = 50  # findings of one document
LARGEST_EXPONENT = 400  # a number beyond it is none of business, and as an integer would fill memory


class JsonSchema:
    """One JSON Schema, ready to judge. Raises SchemaFault."""

    def __init__(self, name: str, files: Mapping[str, str]) -> None:
        self.name = name
        texts = {file: text for file, text in files.items() if file.endswith(".json")}
        read = {file: _read(file, text) for file, text in texts.items()}
        resources = [(file, Resource.from_contents(said, DRAFT202012)) for file, said in read.items()]
        registry: Registry[Any] = Registry(retrieve=_nothing)  # type: ignore[call-arg]
        registry = registry.with_resources(resources)
        kind = validators.validator_for(read[name], validators.Draft202012Validator)
        try:
            kind.check_schema(read[name])
        except exceptions.SchemaError as error:
            where = "/".join(map(str, error.path))
            text = f"is no JSON Schema: {where + ': ' if where else ''}{error.message}"
            raise SchemaFault(name, 1, text, "mend the schema") from None
        whole = {"$ref": name} if "$id" not in read[name] else read[name]
        self._validator = kind(whole, registry=registry, format_checker=kind.FORMAT_CHECKER)
        for ref in _refs(read[name]):
            try:
                registry.resolver(read[name].get("$id", name)).lookup(ref)
            except (Unresolvable, NoSuchResource):
                known = ", ".join(sorted(texts))
                text = f"refers to {ref}, which is neither in it nor in its folder"
                raise SchemaFault(name, _line_of(texts[name], ref), text, f"there are {known}") from None

    def check(self, value: Any) -> list[Broken]:
        """Everything the schema finds wrong in the value of a document."""
        found = []
        for error in self._validator.iter_errors(_numbers(value)):
            deepest = exceptions.best_match([error]) if error.context else error
            found.append(_broken(deepest))
            if len(found) >= MOST:
                break
        return sorted(found, key=lambda one: one.place)


def _read(file: str, text: str) -> Any:
    try:
        said = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise SchemaFault(file, getattr(error, "lineno", 1), f"is not JSON: {error}", "mend it") from None
    if not isinstance(said, dict):
        raise SchemaFault(file, 1, "is no JSON Schema: it is no object", "name the schema itself")
    return said


def _nothing(uri: str) -> Resource[Any]:
    """What is not among the texts is not fetched."""
    raise NoSuchResource(ref=uri)  # type: ignore[call-arg]


def _refs(schema: Any) -> Iterator[str]:
    for name, inner in schema.items() if isinstance(schema, dict) else enumerate(schema):
        if name == "$ref" and isinstance(inner, str):
            yield inner
        elif isinstance(inner, (dict, list)):
            yield from _refs(inner)


def _line_of(text: str, ref: str) -> int:
    at = text.find(json.dumps(ref))
    return text.count("\n", 0, max(at, 0)) + 1


def _numbers(value: Any) -> Any:
    """The same with numbers to count with: what we read keeps its digits as text."""
    if isinstance(value, Number):
        number = Decimal(value)
        whole = number.adjusted() < LARGEST_EXPONENT and number == number.to_integral_value()
        return int(number) if whole else number
    if isinstance(value, dict):
        return {name: _numbers(inner) for name, inner in value.items()}
    return [_numbers(inner) for inner in value] if isinstance(value, list) else value


TYPES = {"string": "a text", "number": "a number", "integer": "a whole number", "boolean": "true or false"}
TYPES |= {"object": "an object", "array": "a list", "null": "null"}


def _broken(error: exceptions.ValidationError) -> Broken:
    place = "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in error.absolute_path)
    found = error.instance
    value = None if isinstance(found, (dict, list)) or found in (None, "") else _shown(found)
    return Broken(place, None, value, _why(error))


def _why(error: exceptions.ValidationError) -> str:
    said: Any = error.validator_value
    found: Any = error.instance
    match error.validator:
        case "required":
            return f"lacks {error.message.rpartition(' is a required')[0][1:-1]}"  # one error a member
        case "type":
            return f"is not {one_of([TYPES[kind] for kind in ([said] if isinstance(said, str) else said)])}"
        case "enum":
            return f"is not one of {one_of([_shown(one) for one in said])}"
        case "const":
            return f"is not {_shown(said)}"
        case "additionalProperties" | "unevaluatedProperties":
            return f"has {one_of(_strangers(error.schema, found))}, which is not allowed there"
        case "pattern":
            return f"is not written as {said}"
        case "format":
            return f"is no {said}"
        case "minLength" | "maxLength":
            return f"is {'shorter' if error.validator == 'minLength' else 'longer'} than {said} characters"
        case "minItems" | "maxItems":
            bound = "at least" if error.validator == "minItems" else "at most"
            return f"has {len(found)} items, {bound} {said} are asked for"
        case "minimum" | "maximum":
            return f"is {'less' if error.validator == 'minimum' else 'more'} than {said}"
        case "exclusiveMinimum" | "exclusiveMaximum":
            return f"is not {'more' if error.validator == 'exclusiveMinimum' else 'less'} than {said}"
        case "multipleOf":
            return f"is no multiple of {said}"
        case "uniqueItems":
            return "says the same item twice"
        case "anyOf" | "oneOf":
            return "fits none, or several, of the forms their schema allows"
    return "is not what their schema allows"


def _strangers(schema: Any, found: Any) -> list[str]:
    known = schema.get("properties", {}) if isinstance(schema, dict) else {}
    shapes = schema.get("patternProperties", {}) if isinstance(schema, dict) else {}
    return [name for name in found if name not in known and not any(re.search(shape, name) for shape in shapes)]


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, (str, Decimal)) else json.dumps(value)
