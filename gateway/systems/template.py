"""Templates: values put into their places, never code.

`{document.order_number}` is a path into what a command holds. A text that is one such place keeps the JSON type of the
value; inside a longer text the value is written as text. What stands between the braces:

    {a.b}               the value; if it is not there, the command is refused and names it
    {a.b?}              the value; if it is not there, the member that holds it is left out
    {a.b | c.d}         the first of them that is there
    {a.b | "EA"}        ... or this: a JSON constant. Everything in YAML is text here, so a number alone is {3}
    {a.b as number}     a decimal written as text ("12.50") becomes a JSON number; `as text` the other way round

A list is made by `{each: document.lines, as: line, make: {...}}`; with `key: "{line.line_number}"` beside it, an
object. An object whose members were all left out is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import quote

ABSENT: Final = object()  # not there, which JSON's null is not

_PLACE = re.compile(r"\{([^{}]*)\}")
_PATH = re.compile(r"[A-Za-z_][\w-]*(\.[\w-]+)*", re.ASCII)
_CHOICE = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^|"]+?)\s*(?:\||$)')
_KINDS = ("number", "text")


class TemplateFault(ValueError):
    """A template that can never be filled."""


class Unfilled(Exception):
    """A value the template needs is not in the command, or cannot stand where it should."""

    def __init__(self, path: str, why: str) -> None:
        self.path = path
        self.why = why
        super().__init__(f"{path} {why}")


@dataclass(frozen=True, slots=True)
class Constant:
    """A JSON value written in the template."""

    value: Any


@dataclass(frozen=True, slots=True)
class Place:
    """One `{...}`."""

    choices: tuple[str | Constant, ...]
    kind: str | None
    optional: bool

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(choice for choice in self.choices if isinstance(choice, str))

    @property
    def name(self) -> str:
        """What a person would call it."""
        return next(iter(self.paths), "a constant")

    def value(self, scope: Mapping[str, Any]) -> Any:
        for choice in self.choices:
            if isinstance(choice, Constant):
                return choice.value
            found = look(scope, choice)
            if found is not ABSENT and found is not None:
                return _as(self.kind, found, choice)
        if self.optional:
            return ABSENT
        raise Unfilled(self.name, "is not there")


@dataclass(frozen=True, slots=True)
class Text:
    """Text with places in it."""

    parts: tuple[str | Place, ...]


@dataclass(frozen=True, slots=True)
class Each:
    """A list, or with a key an object, made from a list."""

    source: Place
    name: str
    key: Template
    make: Template


Template = Place | Text | Each | dict[str, Any] | list[Any] | str | None


def compile_template(raw: Any) -> Template:
    """Check a template once; `TemplateFault` says what cannot be read."""
    if isinstance(raw, str):
        return _compile_text(raw)
    if isinstance(raw, Mapping):
        if "each" in raw:
            if set(raw) - {"key"} != {"each", "as", "make"}:
                raise TemplateFault("a list needs `each`, `as` and `make`, and may have `key`")
            if not isinstance(raw["as"], str) or not _PATH.fullmatch(raw["as"]) or "." in raw["as"]:
                raise TemplateFault("`as` must be one plain word")
            key = compile_template(raw.get("key"))
            if not isinstance(raw["each"], str):
                raise TemplateFault("`each` must be the path of a list, e.g. document.lines")
            return Each(_compile_place(raw["each"]), raw["as"], key, compile_template(raw["make"]))
        return {str(name): compile_template(value) for name, value in raw.items()}
    if isinstance(raw, list):
        return [compile_template(value) for value in raw]
    if raw is None:
        return None
    raise TemplateFault(f"cannot use {type(raw).__name__}")


def fill(template: Template, scope: Mapping[str, Any]) -> Any:
    """The JSON value, or `ABSENT`; `Unfilled` if something needed is missing."""
    match template:
        case Place():
            return template.value(scope)
        case Text(parts):
            return fill_text(parts, scope)
        case Each():
            return _fill_each(template, scope)
        case dict():
            members = {name: fill(value, scope) for name, value in template.items()}
            kept = {name: value for name, value in members.items() if value is not ABSENT}
            return kept if kept or not template else ABSENT
        case list():
            made_list = (fill(value, scope) for value in template)
            return [value for value in made_list if value is not ABSENT]
        case _:
            return template


def _fill_each(each: Each, scope: Mapping[str, Any]) -> Any:
    items = each.source.value(scope)
    if items is ABSENT:
        return ABSENT
    if not isinstance(items, list | tuple):
        raise Unfilled(each.source.name, "is not a list")
    scopes = [{**scope, each.name: item, "number": n} for n, item in enumerate(items, 1)]
    made = [(here, fill(each.make, here)) for here in scopes]
    if each.key is None:
        return [value for _, value in made if value is not ABSENT]
    return {_plain(fill(each.key, here), each.source.name): value for here, value in made if value is not ABSENT}


def fill_text(parts: tuple[str | Place, ...], scope: Mapping[str, Any], *, in_path: bool = False) -> Any:
    """The text, or `ABSENT` if an optional value in it is not there. In a URL path each value is one quoted segment."""
    written: list[str] = []
    for part in parts:
        if isinstance(part, str):
            written.append(part)
            continue
        value = part.value(scope)
        if value is ABSENT:
            return ABSENT
        text = _plain(value, part.name)
        if in_path:
            # quoting leaves dots alone, and "." or ".." would walk up the tree of the system's own addresses
            if text in ("", ".", ".."):
                raise Unfilled(part.name, f"is {text!r}, which cannot be part of an address")
            text = quote(text, safe="")
        written.append(text)
    return "".join(written)


def places(template: Template) -> Iterator[tuple[Place, frozenset[str]]]:
    """Every place of a template, with the names that lists around it have given."""
    yield from _places(template, frozenset())


def look(scope: Any, path: str) -> Any:
    """Follow a dotted path through objects and lists."""
    value = scope
    for name in path.split("."):
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list | tuple) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return ABSENT
    return value


def point(value: Any, pointer: str) -> Any:
    """RFC 6901: the value a JSON pointer names, or `ABSENT`."""
    if pointer == "":
        return value
    for token in pointer[1:].split("/"):
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return ABSENT
    return value


def _compile_text(raw: str) -> Template:
    parts: list[str | Place] = []
    end = 0
    for match in _PLACE.finditer(raw):
        if match.start() > end:
            parts.append(raw[end : match.start()])
        parts.append(_compile_place(match[1]))
        end = match.end()
    if end < len(raw):
        parts.append(raw[end:])
    for part in parts:
        if isinstance(part, str) and ("{" in part or "}" in part):
            raise TemplateFault(f"a brace without its partner in {raw!r}")
    if len(parts) == 1:
        return parts[0]
    return Text(tuple(parts)) if parts else ""


def _compile_place(raw: str) -> Place:
    text = raw.strip()
    optional = text.endswith("?")
    if optional:
        text = text[:-1].rstrip()
    kind = None
    if '"' not in text.rpartition(" as ")[2] and " as " in text:
        text, _, kind = (part.strip() for part in text.rpartition(" as "))
        if kind not in _KINDS:
            raise TemplateFault(f"`as {kind}` in {{{raw}}}: a value can be taken as number or as text")
    choices: list[str | Constant] = []
    end = 0
    while end < len(text) and (match := _CHOICE.match(text, end)):
        choices.append(_choice(match[1], raw))
        end = match.end()
    if not choices or end < len(text) or text.endswith("|"):
        raise TemplateFault(f"{{{raw}}} cannot be read")
    return Place(tuple(choices), kind, optional)


def _choice(text: str, raw: str) -> str | Constant:
    if _PATH.fullmatch(text) and text not in ("true", "false", "null"):
        return text
    try:
        return Constant(json.loads(text))
    except ValueError:
        raise TemplateFault(
            f"{{{raw}}}: {text!r} is neither a path like document.order_number nor a JSON constant"
        ) from None


def _as(kind: str | None, value: Any, path: str) -> Any:
    if kind == "text":
        return _plain(value, path)
    if kind != "number" or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    try:
        exact = Decimal(value)
        if exact == exact.to_integral_value():
            return int(exact)
        number = float(exact)
        if Decimal(repr(number)) != exact:
            raise Unfilled(path, f"is {value!r}, which has more digits than a JSON number keeps")
    except (InvalidOperation, OverflowError, TypeError, ValueError):
        raise Unfilled(path, f"is {value!r}, not a number") from None
    return number


def _plain(value: Any, path: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise Unfilled(path, "is a list or an object, which cannot stand inside a text")


def _places(template: Template, names: frozenset[str]) -> Iterator[tuple[Place, frozenset[str]]]:
    match template:
        case Place():
            yield template, names
        case Text(parts):
            yield from ((part, names) for part in parts if isinstance(part, Place))
        case Each(source, name, key, make):
            yield source, names
            yield from _places(key, names | {name, "number"})
            yield from _places(make, names | {name, "number"})
        case dict():
            for value in template.values():
                yield from _places(value, names)
        case list():
            for value in template:
                yield from _places(value, names)
