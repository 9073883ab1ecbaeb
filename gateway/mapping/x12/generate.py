"""The values of a canonical document, drawn so that its rows pass the guide."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from typing import Any

from gateway.formats.x12.guide import CompositeDef, ElementDef, LoopUse
from gateway.mapping.draw import ALPHABET, WORD, Draw
from gateway.mapping.fields import Path
from gateway.mapping.formats import Format
from gateway.mapping.language import Line
from gateway.mapping.x12.reading import pair_value
from gateway.mapping.x12.shape import Scope, Shape, Use, element_of, first

Values = dict[str, Any]
Flat = dict[Path, Any]


class X12Documents:
    """Draws along the tree of uses."""

    def __init__(self, shape: Shape, draw: Draw, rich: int) -> None:
        self.shape, self.draw, self.rich = shape, draw, rich

    def values(self) -> Values:
        """The values of one document."""
        return self._scope(self.shape.root)

    def _maybe(self) -> bool:
        return self.draw.number(0, 9) < self.rich

    def _scope(self, scope: Scope) -> Values:
        out: Values = {}
        for child in scope.loop.children:
            uses = [use for use in scope.of(child) if use.ignored is None]
            claimed = [dict(use.qualifiers) for use in uses if use.qualifiers]
            room = child.max
            made = 0
            for use in uses:
                if room - made <= 0:
                    break
                taken = claimed if not use.qualifiers else []
                must = child.requirement == "M" and not made and use is uses[-1]
                made += self._use(use, taken, out, min(3, room - made), must=must)
        return out

    def _use(self, use: Use, taken: list[dict[int, str]], out: Values, room: int, *, must: bool) -> int:
        """Put a use's values into the object around it; how many rows that makes."""
        if use.many:
            least = 1 if must or use.path[-1] in ("lines", "movements") else 0
            count = self.draw.number(least, max(room, least))
            items = [self._one(use, taken, full=True) for _ in range(count)]
            if use.values is not None:
                items = [item for item in (_get(item, use.values.path) for item in items) if item is not None]
            if items:
                _merge(out, _nest({use.path: items}))
            return count
        if use.path:
            if not must and not self._maybe():
                return 0
            if inner := self._one(use, taken, full=True):
                _merge(out, _nest({use.path: inner}))
            return 1
        needs = any(line.required or line.default is not None for line in use.lines.values())
        is_group = isinstance(use.child, LoopUse) and bool(use.scope and use.scope.uses)
        if must or needs or is_group or self._maybe():
            _merge(out, self._one(use, taken, full=must or needs or is_group))
            return 1
        return 0

    def _one(self, use: Use, taken: list[dict[int, str]], *, full: bool) -> Values:
        flat = self._row(use, taken) if full or self._maybe() else {}
        out = _nest(flat)
        if use.scope is not None:
            _merge(out, self._scope(use.scope))
        for level in use.levels:
            self._use(level, [], out, 2, must=False)
        return out

    def _row(self, use: Use, taken: list[dict[int, str]]) -> Flat:
        """The elements of one row, with what its syntax notes ask for."""
        banned = {n: frozenset(q[n] for q in taken if set(q) == {n}) for q in taken for n in q}
        segment = first(use.child).segment
        present: dict[int, Any] = {}

        def draw_at(n: int) -> None:
            line = use.lines[n]
            drawn = self._value(line, _definition(use, n), banned.get(n, frozenset()))
            present[n] = [drawn] if line.target is not None and line.target.kind == "values" else drawn

        fields = {n for n, line in use.lines.items() if line.kind == "field"}
        for n in sorted(fields):
            line = use.lines[n]
            if segment.elements[n - 1].requirement == "M" or line.required or line.default is not None or self._maybe():
                draw_at(n)
        said = {n for n, _ in use.qualifiers} | {
            n for n, line in use.lines.items() if line.kind == "const" and not line.when
        }
        said |= {n for n, line in use.lines.items() if line.kind in ("number", "count", "sum")}
        for _ in range(4):
            for note in segment.notes:
                self._note(note, present, said | _conditional(use, present), fields, draw_at, use)
        flat: Flat = {use.lines[n].path: drawn for n, drawn in present.items() if use.lines[n].path}
        for element, parts in use.components.items():
            composite = element_of(use.child, element).element
            assert isinstance(composite, CompositeDef)
            for k, line in parts.items():
                part = composite.elements[k - 1]
                if line.kind == "field" and (part.requirement == "M" or self._maybe()):
                    flat[line.path] = self._value(line, part.element, frozenset())
        if use.pairs is not None:
            self._pairs(use, flat)
        return flat

    def _note(
        self, note: str, present: dict[int, Any], said: set[int], fields: set[int], draw_at: Any, use: Use
    ) -> None:
        """Make one syntax note hold: add what is missing where the map has a line for it, else take away."""
        kind, places = note[0], [int(note[k : k + 2]) for k in range(1, len(note), 2)]
        have = {n for n in places if n in present or n in said}
        lacking = [n for n in places if n not in have]
        fixed = {n for n in present if use.lines[n].required or element_of(use.child, n).requirement == "M"}
        match kind:
            case "R" if not have:
                wanted = lacking[:1]
            case "P" if have and lacking:
                wanted = lacking
            case "C" if places[0] in have and lacking:
                wanted = lacking
            case "L" if places[0] in have and len(have) == 1:
                wanted = lacking[:1]
            case "E" if len(have) > 1:
                for n in places[1:]:
                    if n not in fixed:
                        present.pop(n, None)
                return
            case _:
                return
        if wanted and all(n in fields for n in wanted):
            for n in wanted:
                draw_at(n)
        else:
            for n in places if kind == "P" else places[:1]:
                if n not in fixed:
                    present.pop(n, None)

    def _pairs(self, use: Use, flat: Flat) -> None:
        assert use.pairs is not None
        pairs, draw = use.pairs, self.draw
        least = 1 if pairs.line.required or element_of(use.child, pairs.first).requirement == "M" else 0
        found: Values = {}
        qualifier = _definition(use, pairs.first)
        carried = element_of(use.child, pairs.first + 1).element
        assert isinstance(carried, ElementDef)
        for _ in range(draw.number(least, min(pairs.room, 3))):
            word = self._value(pairs.line, qualifier, frozenset())
            found[word] = self._plain(pair_value(use), carried, frozenset())
        if found:
            flat[pairs.line.path] = found

    def _value(self, line: Line, definition: ElementDef | CompositeDef, banned: frozenset[str]) -> Any:
        assert isinstance(definition, ElementDef)
        pair = line.format
        if pair.domain == "codes":
            known = [w for w, code in pair.table.items() if code not in banned and _fits(definition, code)]
            if known and (not pair.keeps or self.draw.number(0, 3)):
                return self.draw.pick(known)
            strange = sorted((definition.codes or set()) - set(pair.codes) - set(pair.table) - banned)
            if strange:
                return self.draw.pick(strange)
            while (text := self._text(WORD, definition.min, min(definition.max, 4))) in {
                *pair.codes,
                *pair.table,
                *banned,
            }:
                pass
            return text
        return self._plain(pair, definition, banned)

    def _plain(self, pair: Format, definition: ElementDef, banned: frozenset[str]) -> Any:
        draw, low, high = self.draw, definition.min, definition.max
        match pair.domain:
            case "text":
                return self._words(definition, banned)
            case "date":
                return date(draw.number(1990, 2068), draw.number(1, 12), draw.number(1, 28))
            case "time":
                return time(draw.number(0, 23), draw.number(0, 59), draw.pick([0, draw.number(1, 59)]))
            case "decimal":
                digits = draw.number(low, min(high, 7))
                number = Decimal(draw.number(10 ** (digits - 1), 10**digits - 1))
                return number.scaleb(-draw.number(0, min(3, digits - 1)))
            case domain:  # Nn
                digits = draw.number(low, min(high, 8))
                return Decimal(draw.number(10 ** (digits - 1), 10**digits - 1)).scaleb(-int(domain[1:]))

    def _words(self, definition: ElementDef, banned: frozenset[str]) -> str:
        low, high = definition.min, definition.max
        while True:
            if definition.codes:
                text = self.draw.pick(sorted(definition.codes - banned))
            elif definition.type == "N0":
                text = str(self.draw.number(10 ** (low - 1), 10 ** min(high, 6) - 1))
            else:
                text = self._text(WORD if definition.type == "ID" else ALPHABET, low, high)
            if text not in banned:
                return text

    def _text(self, alphabet: str, low: int, high: int) -> str:
        text = self.draw.text(alphabet, low, min(high, low + 12)).strip()
        return text + "".join(self.draw.pick(WORD) for _ in range(low - len(text)))


def _definition(use: Use, n: int) -> ElementDef:
    found = element_of(use.child, n).element
    assert isinstance(found, ElementDef)
    return found


def _fits(definition: ElementDef, code: str) -> bool:
    return definition.min <= len(code) <= definition.max and (definition.codes is None or code in definition.codes)


def _conditional(use: Use, present: dict[int, Any]) -> set[int]:
    """The constants that go with a field that is there."""
    fields = {".".join(use.lines[n].path) for n in present}
    return {n for n, line in use.lines.items() if line.kind == "const" and line.when in fields}


def _get(values: Values, path: Path) -> Any:
    for name in path:
        values = values.get(name, {}) if isinstance(values, dict) else {}
    return (values[0] if isinstance(values, list) else values) or None


def _nest(flat: Flat) -> Values:
    out: Values = {}
    for path, one in flat.items():
        at = out
        for name in path[:-1]:
            at = at.setdefault(name, {})
        at[path[-1]] = one
    return out


def _merge(into: Values, other: Values) -> None:
    for name, one in other.items():
        if isinstance(one, dict) and isinstance(into.get(name), dict):
            _merge(into[name], one)
        else:
            into[name] = one
