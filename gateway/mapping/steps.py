"""Lines that name a place by steps, from element to element or member to member, and [child=value] where several of one
name differ. XML and JSON share this; each says what a name is.

    cac:LineItem/cbc:Quantity/@unitCode: quantity.unit | unit
    references[type=DP]/value: department
    shipTo -> ship_to: {...}       lines -> lines[]: {...}
    . -> orders[]: {...}           the one item of a list, where the document has none of its own around it
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from gateway.formats.schema import Broken
from gateway.mapping.faults import Fault, MapFault, Origin, Problem
from gateway.mapping.language import Block, Line
from gateway.mapping.values import Carrier, Values, put, settle

_STEP = re.compile(r"(?P<name>[\w.:-]+)(?:\[(?P<child>@?[\w.:-]+)=(?P<value>[^\]]*)\])?$")
_SPLIT = re.compile(r"[^/\[]+(?:\[[^\]]*\])?")


@dataclass(frozen=True, slots=True)
class Step:
    """One element or member on the way."""

    name: str
    child: str = ""  # the child whose value, or @attribute, tells it from others of its name
    value: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line or block stands under the element or object of its scope."""

    steps: tuple[Step, ...]
    attribute: str = ""


class Judges(Protocol):
    """A schema of a partner's: an XSD (formats/xml/schema.py) or a JSON Schema (formats/jsonfile/schema.py)."""

    name: str

    def check(self, document: Any, /) -> list[Broken]:
        """Everything it finds wrong in an element, or in the value of a JSON text."""
        ...


class Pathed:
    """A map whose lines are steps."""

    attributes = True  # @name is one
    lists = False  # a place can hold a list of values
    example = "cac:Party/cbc:Name, @attr or cac:X[cbc:Name=value]"

    def __init__(self, root: Block) -> None:
        self.root = root
        self.faults: list[Fault] = []
        self.places: dict[int, Place] = {}

    def name(self, name: str, origin: Origin, *, attribute: bool = False) -> str:
        """A name of the map as the document spells it."""
        return name

    def place(self, key: str, origin: Origin) -> Place:
        """A key of the map."""
        steps, attribute = [], ""
        if key == ".":
            return Place(())
        for part in _SPLIT.findall(key):
            if part.startswith("@") and self.attributes:
                attribute = self.name(part[1:], origin, attribute=True)
                continue
            match = _STEP.match(part)
            if not match or attribute:
                raise origin.fault(f"{part!r} is not a step", f"write {self.example}")
            child = match["child"] or ""
            if child:
                is_attribute = child[0] == "@"
                child = "@" * is_attribute + self.name(child.removeprefix("@"), origin, attribute=is_attribute)
            steps.append(Step(self.name(match["name"], origin), child, match["value"] or ""))
        return Place(tuple(steps), attribute)

    def check(self, block: Block) -> None:
        """Every line's place, and no two of one place."""
        seen: dict[Place, Origin] = {}
        for item in block.items:
            try:
                place = self.places[id(item)] = self.place(item.key, item.origin)
                if isinstance(item, Line):
                    item.place = item.key
                    settle(item, lists=self.lists, numbers=block.many)
                    if place in seen:
                        raise item.origin.fault(f"{item.key} already has a line", f"at {seen[place]}")
                    seen[place] = item.origin
                elif place.attribute or not (place.steps or item.many):
                    raise item.origin.fault(f"{item.key}: lines under it need an element")
            except MapFault as fault:
                self.faults.append(fault.fault)
            if isinstance(item, Block):
                self.check(item)

    def exact_first(self, block: Block) -> list[Line | Block]:
        """Lines that ask for [child=value] take theirs before a list takes the rest."""
        return sorted(block.items, key=lambda item: -sum(bool(step.child) for step in self.places[id(item)].steps))


def against(schema: str, broken: Broken, place: str, line: int | None) -> Problem:
    """What the partner's own schema finds wrong, as a problem of the document that stands at a place and line."""
    at = f"{place.rstrip('/')}/{broken.place}" if broken.place else place
    if line is not None and broken.line is not None:
        line += broken.line - 1
    return Problem(at, line, "", broken.value, broken.why, schema)


def store(values: Values, block: Block, inner: Values) -> None:
    """What a block read, where it belongs."""
    if not block.many:
        put(values, block.path, inner)
        return
    for name in block.path[:-1]:
        values = values.setdefault(name, {})
    values.setdefault(block.path[-1], []).append(inner)


def placed(carrier: Carrier, since: int, where: str, line: int | None) -> None:
    """Problems found since then are at this place of the document."""
    for n in range(since, len(carrier.problems)):
        carrier.problems[n] = replace(carrier.problems[n], place=where, position=line)


def plain(value: Any) -> str:
    """A value of the document as text."""
    return "" if value is None else str(value).strip()


def alone(block: Block, items: Sequence[Any], carrier: Carrier) -> None:
    """A list that is no list in the document holds one item at most, and that says something."""
    line = next(block.lines(), None)
    if line is not None and (len(items) > 1 or (items and items[0] == type(items[0])())):
        carrier.refuse(
            line, None, f"{len(items)} of {'.'.join(block.path)}", "where the document holds one that says something"
        )
