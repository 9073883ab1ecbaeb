"""Canonical documents made for a map: every value it can carry, within the element's type, length and codes.

All values differ, so two fields that share a place are seen (a constant placeholder would hide them). Where the draws
come from is the caller's business: `Dice` is a seeded sequence, and tests draw with hypothesis through the same verbs.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any

from gateway.canonical import Document, Node
from gateway.canonical.gs1 import check_digit
from gateway.mapping.draw import ALPHABET, WORD, Draw
from gateway.mapping.fields import Path, fields_of
from gateway.mapping.formats import Format
from gateway.mapping.grouped import Grouped, Level
from gateway.mapping.language import Block, Line
from gateway.mapping.layout import counts
from gateway.mapping.map import Map
from gateway.mapping.records import Kind, Records
from gateway.mapping.sheet import Sheet
from gateway.mapping.steps import Pathed, Place
from gateway.mapping.x12.generate import X12Documents

PARTNER = "generated"
NEEDED = ("lines", "movements")  # lists that documents of any use have something in

Values = dict[str, Any]


def document(chart: Map, draw: Draw, *, rich: int = 5) -> Document:
    """One document the map can carry. `rich`: how many of ten optional values are there."""
    if chart.x12 is not None:
        values = X12Documents(chart.x12.shape, draw, rich).values()
    elif isinstance(chart.text, Grouped):
        values = _grouped(chart.text, chart.text.levels, 0, draw, rich)[0]
    elif isinstance(chart.text, Records):
        values = _record(chart.text, chart.text.top, draw, rich)
    else:
        assert isinstance(chart.text, Pathed)
        values = _block(chart.text, chart.text.root, draw, rich, {})
    chart.given.fill(values)
    values = prune(chart.canonical, values) or {}
    chart.units.read(values, chart.canonical)
    return chart.canonical.model_validate({**values, "source": chart.source(PARTNER)})


def prune(model: type[Node], values: Values) -> Values | None:
    """Without the optional objects that lack a field they cannot be without."""
    for name in list(values):
        found = fields_of(model)[name]
        if found.kind == "nodes":
            values[name] = [item for item in (prune(found.type, one) for one in values[name]) if item is not None]
        elif found.kind == "node":
            inner = prune(found.type, values[name])
            if inner is None:
                del values[name]
    lacks = any(found.required and name not in values for name, found in fields_of(model).items())
    return None if lacks else values


# -- values ------------------------------------------------------------------
def value(draw: Draw, pair: Format, banned: frozenset[str] = frozenset()) -> Any:
    """A value some format can carry, where the document sets no limits."""
    match pair.domain:
        case "codes":
            known = [word for word, code in pair.table.items() if code not in banned]
            if known and (not pair.keeps or draw.number(0, 3)):
                return draw.pick(known)
            return _other(draw, pair, banned)
        case "text":
            while (text := draw.text(ALPHABET, 1, 14).strip() or draw.text(WORD, 2, 9)) in banned:
                pass
            return text
        case "decimal":
            return Decimal(draw.number(0, 99_999)).scaleb(-draw.number(0, 3))
        case "date":
            return date(draw.number(1990, 2068), draw.number(1, 12), draw.number(1, 28))
        case "time":
            return time(draw.number(0, 23), draw.number(0, 59), draw.pick([0, draw.number(1, 59)]))
        case "sscc":
            digits = draw.text(string.digits, 17, 17)
            return digits + check_digit(digits)
        case _:
            return Decimal(draw.number(0, 99_999)).scaleb(-int(pair.domain[1:]))


def _other(draw: Draw, pair: Format, banned: frozenset[str]) -> str:
    """A code nobody named, which the table passes on."""
    while (text := draw.text(WORD, 2, 4)) in pair.codes or text in pair.table or text in banned:
        pass
    return text


def put(values: Values, path: Path, one: Any) -> None:
    """A value at its path."""
    for name in path[:-1]:
        values = values.setdefault(name, {})
    values[path[-1]] = one


# -- rows --------------------------------------------------------------------
def _grouped(sheet: Grouped, levels: Sequence[Level], depth: int, draw: Draw, rich: int) -> list[Values]:
    level = levels[depth]
    out: list[Values] = []
    key: object = None
    for _ in range(1 if depth == 0 else draw.number(1, 3)):
        values: Values = {}
        for line in level.lines:
            needed = line.required or line is level.key or line.default is not None
            if line.kind == "field" and (needed or draw.number(0, 9) < rich):
                one = _cell(sheet, line, draw)
                while line is level.key and one == key:
                    one = _cell(sheet, line, draw)
                put(values, line.path, one)
                key = one if line is level.key else key
        if depth + 1 < len(levels):
            below = _grouped(sheet, levels, depth + 1, draw, rich)
            path = levels[depth + 1].block.path
            if path:
                put(values, path, below)
            else:
                values |= below[0]
        out.append(values)
    return out


def _record(sheet: Records, kind: Kind, draw: Draw, rich: int) -> Values:
    values: Values = {}
    for line in kind.lines:
        if line.kind == "field" and (line.required or line.default is not None or draw.number(0, 9) < rich):
            put(values, line.path, _cell(sheet, line, draw))
    for inner in kind.under:
        if inner.block.many:
            least = 1 if inner.block.path[-1] in NEEDED else 0
            if items := [_record(sheet, inner, draw, rich) for _ in range(draw.number(least, 3))]:
                put(values, inner.block.path, items)
        elif not inner.block.path:
            values |= _record(sheet, inner, draw, rich)
        elif draw.number(0, 9) < rich and (one := _record(sheet, inner, draw, rich)):
            put(values, inner.block.path, one)
    return values


def _cell(sheet: Sheet, line: Line, draw: Draw) -> Any:
    """A value its column has room for."""
    place = sheet.places.get(line.key)
    if place is None:
        return value(draw, line.format)
    width, one = place.end - place.start, value(draw, line.format)
    for _ in range(1000):
        text = line.format.write(one)
        zeros = place.align == "zeros" and not counts(line) and text.startswith("0")
        if len(text) <= width and not zeros:
            return one
        one = draw.text(WORD, 1, width) if line.format.domain == "text" else value(draw, line.format)
        if line.format.domain == "decimal":
            one = Decimal(draw.number(0, 10 ** min(width, 5) - 1))
    raise ValueError(f"{line.key} has no room for a {line.format.name}")


# -- XML and JSON ------------------------------------------------------------
def _block(tree: Pathed, block: Block, draw: Draw, rich: int, banned: dict[Place, frozenset[str]]) -> Values:
    values: Values = {}
    for item in block.items:
        if isinstance(item, Line):
            needed = item.required or item.default is not None
            if item.kind == "field" and (needed or draw.number(0, 9) < rich):
                one = value(draw, item.format, banned.get(tree.places[id(item)], frozenset()))
                many = item.target is not None and item.target.kind == "values"
                put(values, item.path, [one] if many else one)
        elif item.many:
            taken = _claimed(tree, block, item)
            least, most = 1 if item.path[-1] in NEEDED else 0, 2 if tree.places[id(item)].steps else 1
            items = [_block(tree, item, draw, rich, taken) for _ in range(draw.number(least, most))]
            if items and (items[0] or most > 1):
                put(values, item.path, items)
        elif item.path:
            if draw.number(0, 9) < rich:
                put(values, item.path, _block(tree, item, draw, rich, {}))
        else:
            values |= _block(tree, item, draw, rich, {})
    return values


def _claimed(tree: Pathed, scope: Block, block: Block) -> dict[Place, frozenset[str]]:
    """The values of a rest list's lines that would make an item look like a field with a place of its own."""
    out: dict[Place, frozenset[str]] = {}
    if not tree.places[id(block)].steps:
        return out
    last = tree.places[id(block)].steps[-1]
    for item in scope.items:
        for step in tree.places[id(item)].steps:
            if item is not block and step.child and step.name == last.name:
                for line in block.lines():
                    place = tree.places[id(line)]
                    if [inner.name for inner in place.steps] == [step.child]:
                        out[place] = out.get(place, frozenset()) | {step.value}
    return out
