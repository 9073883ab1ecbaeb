"""A tree against a model: the model, or every fault with its line, in words a person can act on."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from gateway.partners.connection import Connection
from gateway.partners.faults import Fault, ProfileFaults, nearest
from gateway.partners.reading import Node
from gateway.partners.values import Written

Model = TypeVar("Model", bound=Written)
Loc = tuple[str | int, ...]
SHORT = 40  # characters of a value that are said again in a remedy


def judge(model: type[Model], node: Node, faults: list[Fault], **given: Any) -> Model | None:
    """The model filled from the tree; what the tree may not say itself is `given`. None if there were faults."""
    plain = node.plain()
    try:
        return model.model_validate({**(plain if isinstance(plain, dict) else {}), **given})
    except ValidationError as error:
        faults += faults_of(model, node, error)
        return None


def faults_of(model: type[Written], node: Node, error: ValidationError) -> list[Fault]:
    """What pydantic found, as faults of the file."""
    found = []
    for problem in error.errors(include_url=False):
        loc = tuple(part for part in problem["loc"] if part != "[key]")
        text, remedy = _words(model, loc, problem["type"], problem["msg"], problem["input"], problem.get("ctx", {}))
        found.append(node.at(loc).fault(text, remedy))
    return found


def _words(model: type[Written], loc: Loc, kind: str, message: str, value: Any, context: Mapping[str, Any]) -> Any:
    name = str(loc[-1]) if loc else "the file"
    owner, field = _field(model, loc)
    example = _example(name, field)
    if "remedy" in context:
        return message if not loc or "`" in message else f"`{name}`: {message}", str(context["remedy"])
    match kind:
        case "extra_forbidden":
            return f"`{name}` means nothing here", nearest(name, _names(owner))
        case "missing":
            return f"`{name}` is missing", f"add `{example}`"
        case "literal_error":
            choices = _choices(field.annotation) if field else []
            if value is None:
                return f"`{name}`: nothing stands there", nearest("", choices)
            return f"`{name}: {value}` is not a choice", nearest(str(value), choices) if choices else message
        case "string_pattern_mismatch":
            return f"`{name}: {value}` is not written as it must be", f"write e.g. `{example}`"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"`{name}` needs lines of its own under it", f"write e.g. `{example}`"
        case "tuple_type" | "list_type":
            said = f'"{value}"' if isinstance(value, str) and len(value) <= SHORT else "..."
            return f"`{name}` needs a list", f"write `{name}: [{said}]`, or one `- entry` a line under it"
        case "string_type":
            said = "nothing stands there" if value is None else "lines stand where one word belongs"
            return f"`{name}`: {said}", f"write e.g. `{example}`"
        case "int_parsing" | "int_type":
            return f"`{name}: {value}` is no whole number", f"write e.g. `{name}: 1`"
        case "bool_parsing" | "bool_type":
            return f"`{name}: {value}` is neither true nor false", f"write `{name}: true` or `{name}: false`"
        case "date_from_datetime_parsing" | "date_parsing" | "date_type":
            return f"`{value}` is no date", "write year, month and day, e.g. 2026-12-25"
    return f"`{name}`: {message[:1].lower()}{message[1:]}", f"write e.g. `{example}`" if field else ""


def _example(name: str, field: FieldInfo | None) -> str:
    if field is None:
        return f"{name}: ..."
    examples = field.examples or next(
        (m.examples for m in field.metadata if isinstance(m, FieldInfo) and m.examples), None
    )
    choices = _choices(field.annotation)
    value = examples[0] if examples else choices[0] if choices else "..."
    return f"{name}: {value}" + (f"  # {field.description}" if field.description else "")


def _names(model: type[Written] | None) -> list[str]:
    if model is None:
        return []
    hidden = {"id", "owner", "partner", "settings"} | (
        {"name"} if "owner" in model.model_fields or "like" in model.model_fields else set()
    )
    return [field.alias or name for name, field in model.model_fields.items() if name not in hidden]


def _field(model: type[Written], loc: Loc) -> tuple[type[Written] | None, FieldInfo | None]:
    """The model a key stands in, and the field it names, as far as it names one."""
    owner: type[Written] | None = model
    field: FieldInfo | None = None
    for step in loc:
        inner = owner if field is None else _model_in(field.annotation)
        if isinstance(step, int):
            continue
        if inner is None:
            return None, None if field is None else field
        owner = inner
        field = next((f for n, f in inner.model_fields.items() if step in (n, f.alias)), None)
        if field is None:
            return owner, None
        if typing.get_origin(field.annotation) is dict:
            owner = inner
    return owner, field


def _model_in(annotation: Any) -> type[Written] | None:
    if isinstance(annotation, type) and issubclass(annotation, Written):
        return annotation
    return next((found for part in typing.get_args(annotation) if (found := _model_in(part))), None)


def _choices(annotation: Any) -> list[str]:
    if typing.get_origin(annotation) is typing.Literal:
        return list(typing.get_args(annotation))
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) in (typing.Union, tuple, dict):
        return [choice for part in typing.get_args(annotation) for choice in _choices(part)]
    return []


Settings = Mapping[str, type[Written]]  # kind of wire -> what its settings may say
ReadSystem = Callable[[str, str], object]  # file, text -> a connector; raises ProfileFaults


def wire_faults(
    connections: Iterable[tuple[Connection, Node]], settings: Settings, systems: Iterable[Any], read_system: ReadSystem
) -> list[Fault]:
    """What the wires and connectors find wrong in their parts. They live in rooms above and are handed in."""
    faults: list[Fault] = []
    for connection, node in connections:
        model = settings.get(connection.kind)
        if model is None:
            place = node.at(("kind",))
            faults.append(place.fault(f"there is no wire `{connection.kind}`", nearest(connection.kind, settings)))
        else:
            judge(model, node.without(*COMMON), faults)
    for system in systems:
        try:
            read_system(system.file, system.text)
        except ProfileFaults as found:
            faults += found.faults
    return faults


COMMON = tuple(name for name, field in Connection.model_fields.items() if not field.exclude)
