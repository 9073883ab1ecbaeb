"""A tree against a model: the model, or every fault with its line, in words a person can act on."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from gateway.partners.connection import Connection
from gateway.partners.faults import Fault, ProfileFaults, listed, nearest
from gateway.partners.reading import Node
from gateway.partners.terms import Terms
from gateway.partners.values import Written

Model = TypeVar("Model", bound=Written)
Loc = tuple[str | int, ...]
SHORT = 40  # characters of a value that are said again in a remedy


def judge(model: type[Model], node: Node, faults: list[Fault], *, inherits: bool = False, **given: Any) -> Model | None:
    """The model filled from the tree; what the tree may not say itself is `given`. None if there were faults."""
    plain = node.plain()
    try:
        return model.model_validate({**(plain if isinstance(plain, dict) else {}), **given})
    except ValidationError as error:
        faults += faults_of(model, node, error, inherits=inherits)
        return None


def faults_of(model: type[Written], node: Node, error: ValidationError, *, inherits: bool = False) -> list[Fault]:
    """What pydantic found, as faults of the file. `inherits`: what is missing is missing below too, and said there."""
    problems = [(_steps(problem["loc"]), problem) for problem in error.errors(include_url=False)]
    inside = {loc[:n] for loc, _ in problems for n in range(len(loc))}
    found = []
    for loc, problem in problems:
        if problem["type"] == "missing" and (inherits or _misspelt(model, loc, problems)):
            continue
        if problem["type"] == "too_short" and loc in inside:
            continue  # not their number is at fault
        text, remedy = _words(model, loc, problem["type"], problem["msg"], problem["input"], problem.get("ctx", {}))
        found.append(node.at(loc).fault(text, remedy))
    return found


def _steps(loc: Loc) -> Loc:
    """Without what pydantic adds of its own: `[key]`, `literal['none']`."""
    return tuple(part for part in loc if not str(part).endswith("]"))


def _misspelt(model: type[Written], loc: Loc, problems: Iterable[tuple[Loc, Any]]) -> bool:
    """Whether an unknown word beside it was probably meant, or one that would bring it along."""
    known = _names(_field(model, loc)[0])
    beside = [str(other[-1]) for other, p in problems if p["type"] == "extra_forbidden" and other[:-1] == loc[:-1]]
    meant = {close for word in beside for close in difflib.get_close_matches(word, known, n=3, cutoff=0.6)}
    return not meant.isdisjoint((str(loc[-1]), "like"))


def _words(model: type[Written], loc: Loc, kind: str, message: str, value: Any, context: Mapping[str, Any]) -> Any:
    name = next((str(step) for step in reversed(loc) if isinstance(step, str)), "the file")
    owner, field = _field(model, loc)
    choices = _choices(field.annotation) if field else []
    write = f"write e.g. `{_example(name, field, owner)}`"
    if "remedy" in context:
        return message if not loc or "`" in message else f"`{name}`: {message}", str(context["remedy"])
    if kind.startswith(ONE_WORD) and not isinstance(value, str):
        said = "nothing stands there" if value is None else "lines stand where one word belongs"
        return f"`{name}`: {said}", nearest("", choices) if choices else write
    match kind:
        case "extra_forbidden":
            return f"`{name}` means nothing here", _where(model, owner, name, value)
        case "missing":
            return f"`{name}` is missing", f"add `{_example(name, field)}`"
        case "enum":
            parent = _field(model, loc[:-1])[1]
            return f"`{name}` means nothing here", nearest(name, _choices(parent.annotation) if parent else ())
        case "literal_error":
            return f"`{name}: {value}` is not a choice", nearest(str(value), choices)
        case "string_pattern_mismatch":
            return f"`{name}: {value}` is not written as it must be", write
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"`{name}` needs lines of its own under it", write
        case "tuple_type" | "list_type":
            said = f'"{value}"' if isinstance(value, str) and len(value) <= SHORT else "..."
            form = write if field and field.examples else f"write `{name}: [{said}]`"
            return f"`{name}` needs a list", f"{form}, or one `- entry` a line under it"
        case "string_too_short" | "too_short":
            return f"`{name}`: nothing stands there", write
        case "greater_than_equal" | "less_than_equal":
            least = kind.startswith("greater")
            bound = context["ge" if least else "le"]
            word, other = ("least", "less") if least else ("most", "more")
            return f"`{name}: {value}` is {other} than {bound}", f"write at {word} {bound}"
        case "int_parsing":
            return f"`{name}: {value}` is no whole number", f"write e.g. `{name}: 1`"
        case "bool_parsing":
            return f"`{name}: {value}` is neither true nor false", f"write `{name}: true` or `{name}: false`"
        case "date_from_datetime_parsing" | "date_parsing":
            return f"`{value}` is no date", "write year, month and day, e.g. 2026-12-25"
    return f"`{name}`: {message[:1].lower()}{message[1:]}", write if field else ""


ONE_WORD = ("string_type", "literal_error", "int_", "bool_", "date_", "time_", "is_instance_of")


def _where(model: type[Written], owner: type[Written] | None, name: str, value: Any) -> str:
    """What to do with a word that means nothing in its place: the one it is like, or where it belongs."""
    if isinstance(value, dict) and not {"receive", "send", "like"}.isdisjoint(value):
        return "it reads like an agreement: those stand indented under `agreements:`, which begins at the left edge"
    places = list(_elsewhere(model, name))
    if "terms" in model.model_fields:
        places += ["terms:"] * (name in _names(Terms)) + [f"terms: {place}" for place in _elsewhere(Terms, name)]
    if not places:
        return nearest(name, _names(owner))
    return f"it belongs under {listed(f'`{place}`' for place in places)}, indented"


def _elsewhere(model: type[Written], name: str) -> Iterator[str]:
    """The keys of a model that a word may stand under."""
    for key, field in model.model_fields.items():
        inner = _model_in(field.annotation)
        if inner is not None and not _is_dict(field.annotation) and name in _names(inner):
            yield f"{field.alias or key}:"


def _example(name: str, field: FieldInfo | None, owner: type[Written] | None = None) -> str:
    """`name: value`, or its first line where it has lines of its own, and what it is for."""
    if field is None:
        return f"{name}: {_first_line(owner)}" if owner is not None else f"{name}: ..."
    inner, choices = _model_in(field.annotation), _choices(field.annotation)
    said = (field, *field.metadata, *(m for part in typing.get_args(field.annotation) for m in _metadata(part)))
    if examples := next((one.examples for one in said if getattr(one, "examples", None)), None):
        value = str(examples[0])
    elif inner is not None and not _is_dict(field.annotation):
        value = _first_line(inner)
    else:
        value = choices[0] if choices else "..."
    return f"{name}: {value}" + (f"  # {field.description}" if field.description else "")


def _metadata(annotation: Any) -> Iterable[Any]:
    """What `Annotated` says of a value that may also be left out."""
    return getattr(annotation, "__metadata__", ())


def _first_line(model: type[Written]) -> str:
    key, field = next((name, field) for name, field in model.model_fields.items() if name in _names(model))
    return f"{{{_example(field.alias or key, field).partition('  #')[0]}}}"


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
        if isinstance(step, int):
            continue
        if field is not None and _is_dict(field.annotation) and owner is not None:
            owner, field = _model_in(field.annotation), None if _model_in(field.annotation) else field
            continue  # any word
        owner = owner if field is None else _model_in(field.annotation)
        if owner is None:
            return None, field
        field = next((f for n, f in owner.model_fields.items() if step in (n, f.alias)), None)
        if field is None:
            return owner, None
    return owner, field


def _is_dict(annotation: Any) -> bool:
    return dict in (typing.get_origin(annotation), *map(typing.get_origin, typing.get_args(annotation)))


def _model_in(annotation: Any) -> type[Written] | None:
    if isinstance(annotation, type) and issubclass(annotation, Written):
        return annotation
    return next((found for part in typing.get_args(annotation) if (found := _model_in(part))), None)


def _choices(annotation: Any) -> list[str]:
    if typing.get_origin(annotation) is typing.Literal:
        return list(typing.get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return list(annotation)
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
