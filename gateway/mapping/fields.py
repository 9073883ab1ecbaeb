"""The canonical side of a line: what type a field path leads to."""

from __future__ import annotations

import difflib
import types
import typing
from dataclasses import dataclass
from functools import cache
from typing import Any

from gateway.canonical import Node
from gateway.mapping.faults import Origin

# Kept by the house itself: no line of a map carries them, and none needs to.
OWN = frozenset({"leftovers", "source", "ids", "sent"})

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FieldType:
    """Where a path leads: a value, an object, a list of either, or a dict of values."""

    kind: str  # value, node, nodes, values, dict
    type: type  # of the value, the object, an item of the list, or a value of the dict
    required: bool = False


@cache
def fields_of(model: type[Node]) -> dict[str, FieldType]:
    """The fields a map can name."""
    return {
        name: _field_type(info.annotation, info.is_required())
        for name, info in model.model_fields.items()
        if name not in OWN
    }


def _bare(annotation: Any) -> Any:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _bare(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return _bare(next(a for a in typing.get_args(annotation) if a is not type(None)))
    return annotation


def _field_type(annotation: Any, required: bool) -> FieldType:
    bare = _bare(annotation)
    origin = typing.get_origin(bare)
    if origin is list:
        item = _bare(typing.get_args(bare)[0])
        return FieldType("nodes" if issubclass(item, Node) else "values", item, required)
    if origin is dict:
        return FieldType("dict", _bare(typing.get_args(bare)[1]), required)
    return FieldType("node" if issubclass(bare, Node) else "value", bare, required)


def walk(model: type[Node], path: Path, origin: Origin) -> FieldType:
    """The type at a path; a fault naming the nearest fields where there is none."""
    at = FieldType("node", model, True)
    for n, name in enumerate(path):
        if at.kind == "dict":
            at = FieldType("value", at.type)
            continue
        if at.kind != "node":
            what = "a list" if at.kind in ("nodes", "values") else at.type.__name__
            raise origin.fault(f"{'.'.join(path[:n])} is {what} and has no field {name}")
        known = fields_of(at.type)
        if name not in known:
            near = difflib.get_close_matches(name, known, 3, 0.4)
            remedy = f"did you mean {', '.join(near)}?" if near else f"its fields are {', '.join(known)}"
            raise origin.fault(f"{at.type.__name__} has no field {name}", remedy)
        found = known[name]
        at = FieldType(found.kind, found.type, found.required and at.required)
    return at
