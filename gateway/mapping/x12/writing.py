"""The function that writes: a canonical document in, rows in the guide's order out, without ST and SE.

A segment is written when an element of it that is no constant has a value, an object's segments when the object is
there; no map needs an "if". Names in the text: `x` the object, `L` its leftovers, `rows` what is written, `w` appends
to it, `h` the number of the HL above, `H` the next HL number, `k` the place of `x` in its list, `b` see Numbers.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from gateway.canonical import Node
from gateway.formats.x12.guide import LoopUse
from gateway.mapping.faults import Origin
from gateway.mapping.fields import Path, walk
from gateway.mapping.language import Line
from gateway.mapping.x12.code import Numbers, Places, Source, base_of, signature
from gateway.mapping.x12.reading import all_uses, pair_value
from gateway.mapping.x12.rows import has, patch, put, put_levels, put_loop, put_strays
from gateway.mapping.x12.shape import Child, Scope, Shape, Use, element_of, first, is_hl, last_index

NOWHERE = Origin("", 0)  # the paths were checked when the map was understood
_ERRORS = "(ValueError, ArithmeticError)"


class Writing:
    """Writes the text of `write`."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.source = Source()
        names = {"PUT": put, "PUT_LOOP": put_loop, "PUT_LEVELS": put_levels, "PUT_STRAYS": put_strays}
        self.source.names |= {**names, "PATCH": patch, "HAS": has, "DEC": Decimal}
        self.places = Places(self.source, shape.paths)
        self.numbers = Numbers()
        self.counts = Counter(signature(use) for use in all_uses(shape.root) if _sharable(use))

    def text(self) -> str:
        """The source: helper functions first, `write` last."""
        s = self.source
        s.begin("def write(x, bad, keep, S, H):")
        s.add(1, "rows = []; w = rows.append; h = 0; k = 0; L = x.leftovers if keep else None")
        children = [c for c in self.shape.guide.root.children if first(c).segment.tag not in ("ST", "SE")]
        self._children(children, self.shape.root, "x", "L", "k", 1)
        s.add(1, "if L: PUT_STRAYS(L, rows)")
        s.add(1, "return rows")
        s.end()
        return s.text()

    # -- scopes ----------------------------------------------------------
    def _children(self, children: list[Child], scope: Scope, x: str, kept: str, k: str, indent: int) -> None:
        s = self.source
        done = first(children[0]).index if children else 0
        for child in children:
            uses = scope.of(child)
            if not uses:
                continue
            start, last = first(child).index, last_index(child)
            if start > done:
                self._put(kept, done, start - 1, indent)
            if is_hl(child):
                for use in uses:
                    self._hl(use, x, kept, indent)
                s.add(indent, f"if {kept}: PUT_LEVELS({kept}, '+HL|', rows, h, H)")
            else:
                claimed = [dict(use.qualifiers) for use in uses if use.qualifiers]
                for use in uses:
                    if use.ignored is None:
                        self._use(child, use, x, kept, k, claimed, indent)
                if isinstance(child, LoopUse):
                    s.add(indent, f"if {kept}: PUT_LOOP({kept}, {self.places.loop(start)!r}, rows)")
                else:
                    self._put(kept, start, last, indent)
            done = last + 1
        end = last_index(children[-1]) if children else 0
        if end >= done:
            self._put(kept, done, end, indent)

    def _put(self, kept: str, low: int, high: int, indent: int) -> None:
        self.source.add(indent, f"if {kept}: PUT({kept}, {low}, {high}, rows, {self.places.positions()})")

    # -- values ----------------------------------------------------------
    def _get(
        self, model_path: tuple[type[Node], Path], x: str, indent: int, known: dict[Path, str] | None = None
    ) -> str:
        """Source for the value at a path, where None on the way gives None."""
        model, path = model_path
        base = x
        for n, name in enumerate(path[:-1], 1):
            head = path[:n]
            if known is not None and head in known:
                base = known[head]
                continue
            t = self.source.name("y")
            got = self._step(model, path[: n - 1], base, name)
            self.source.add(indent, f"{t} = {got}" if base == x else f"{t} = None if {base} is None else {got}")
            base = t
            if known is not None:
                known[head] = t
        got = self._step(model, path[:-1], base, path[-1])
        return got if base == x else f"None if {base} is None else {got}"

    def _step(self, model: type[Node], before: Path, base: str, name: str) -> str:
        """One step of a path: an attribute, or an entry of a dict."""
        at = walk(model, before, NOWHERE) if before else None
        return f"{base}.get({name!r})" if at is not None and at.kind == "dict" else f"{base}.{name}"

    # -- one use ---------------------------------------------------------
    def _use(
        self, child: Child, use: Use, x: str, kept: str, k: str, claimed: list[dict[int, str]], indent: int
    ) -> None:
        s = self.source
        outer = x
        if use.many:
            x, kept, k, indent = self._each(use, x, kept, indent)
        elif use.path:
            x, kept, indent = self._one(use, x, indent)
        must = use.many or bool(use.path)
        shared = signature(use) if _sharable(use) else ""
        if self.counts.get(shared, 0) > 1:
            self._call(child, use, x, kept, k, claimed, indent)
            return
        is_loop = isinstance(child, LoopUse) and use.scope is not None
        if is_loop and not must:
            # a grouping loop is written when anything in it is; its first segment then stands alone if it is empty
            before, after = s.name("m"), s.name("m")
            s.add(indent, f"{before} = len(rows)")
            self._row(use, outer, kept, k, claimed, indent, must=False)
            s.add(indent, f"{after} = len(rows)")
            self._inside(child, use, outer, kept, k, indent)
            row = [use.tag, *_cells(use)]
            s.add(indent, f"if {after} == {before} and len(rows) > {before}: rows.insert({before}, {row!r})")
            return
        self._row(use, x, kept, k, claimed, indent, must=must)
        self._inside(child, use, x, kept, k, indent)

    def _inside(self, child: Child, use: Use, x: str, kept: str, k: str, indent: int) -> None:
        if isinstance(child, LoopUse) and use.scope is not None:
            before, self.places.prefix = self.places.prefix, self.places.prefix + use.prefix
            self._children(list(child.children[1:]), use.scope, x, kept, k, indent)
            self.places.prefix = before

    def _each(self, use: Use, x: str, kept: str, indent: int) -> tuple[str, str, str, int]:
        """A loop over a list: the names of an item, its leftovers and its number."""
        s = self.source
        item, number = s.name("x"), s.name("k")
        source = self._get((use.holder, use.path), x, indent)
        or_none = f"({source}) or ()" if len(use.path) > 1 else source
        s.add(indent, f"for {number}, {item} in enumerate({or_none}, 1):")
        if use.values is not None:
            return item, kept, number, indent + 1
        below = s.name("L")
        s.add(indent + 1, f"{below} = {item}.leftovers if keep else None")
        return item, below, number, indent + 1

    def _one(self, use: Use, x: str, indent: int) -> tuple[str, str, int]:
        """An object that may be absent."""
        s = self.source
        item, below = s.name("x"), s.name("L")
        s.add(indent, f"{item} = {self._get((use.holder, use.path), x, indent)}")
        s.add(indent, f"if {item} is not None:")
        s.add(indent + 1, f"{below} = {item}.leftovers if keep else None")
        return item, below, indent + 1

    def _call(
        self, child: Child, use: Use, x: str, kept: str, k: str, claimed: list[dict[int, str]], indent: int
    ) -> None:
        """The body of a loop several uses have, as a function; the row itself, with its qualifiers, is written here."""
        s, shared = self.source, signature(use)
        self._row(use, x, kept, k, claimed, indent, must=True)
        if use.scope is None or not use.scope.uses:
            return
        name = s.shared.get(shared)
        if name is None:
            name = s.shared[shared] = s.name("loop")
            before, self.numbers = self.numbers, Numbers(base_of(use))
            s.begin(f"def {name}(x, rows, w, bad, keep, S, L, k, b):")
            self._inside(child, use, "x", "L", "k", 1)
            s.end()
            self.numbers = before
        s.add(indent, f"{name}({x}, rows, w, bad, keep, S, {kept}, {k}, {self.numbers.of(base_of(use))})")

    def _hl(self, use: Use, x: str, kept: str, indent: int) -> None:
        """One level, its rows and the levels under it, as a function."""
        s, shared = self.source, signature(use)
        if use.many:
            x, kept, _, indent = self._each(use, x, kept, indent)
        elif use.path:
            x, kept, indent = self._one(use, x, indent)
        name = s.shared.get(shared)
        if name is None:
            name = s.shared[shared] = s.name("level")
            before = (self.numbers, self.places.prefix)
            self.numbers, self.places.prefix = Numbers(base_of(use)), use.prefix
            s.begin(f"def {name}(x, rows, w, bad, keep, S, L, h, H, b):")
            s.add(1, "u = h; h = H(); k = 0")
            self._row(use, "x", "L", "k", [], 1, must=True)
            s.add(1, "m = len(rows) - 1")
            if isinstance(use.child, LoopUse) and use.scope is not None:
                self._children(list(use.child.children[1:]), use.scope, "x", "L", "k", 1)
            s.add(1, "after = H.count")
            for level in use.levels:
                self._hl(level, "x", "L", 1)
            s.add(1, f"if L: PUT_LEVELS(L, {f'+{use.prefix}HL|'!r}, rows, h, H)")
            if any(line.kind == "children" for line in use.lines.values()):
                s.add(1, "if H.count == after: rows[m][4] = '0'")
            s.end()
            self.numbers, self.places.prefix = before
        s.add(indent, f"{name}({x}, rows, w, bad, keep, S, {kept}, h, H, {self.numbers.of(base_of(use))})")

    # -- one row ---------------------------------------------------------
    def _row(
        self, use: Use, x: str, kept: str, k: str, claimed: list[dict[int, str]], indent: int, *, must: bool
    ) -> None:
        s = self.source
        cells = _cells_by_number(use)
        optional: list[str] = []
        known: dict[Path, str] = {}
        taken = _taken(claimed) if not use.qualifiers else {}
        for element, line in sorted(use.lines.items()):
            cell = f"a{element}"
            if line.kind == "field":
                self._cell(use, element, line, x, cell, known, indent)
                if element in taken:
                    name = s.constant("Q", frozenset(taken[element]))
                    said = f"'{element:02d} = ' + {cell} + ' belongs to a field of its own'"
                    s.add(
                        indent,
                        f"if {cell} in {name}: bad.append(({self.numbers.of(line.n)}, len(rows), {cell}, {said}))",
                    )
                cells[element] = cell
                optional.append(cell)
            elif line.kind == "number":
                cells[element] = f"str({k})"
            elif line.kind == "count":
                cells[element] = f"str(sum(1 for r in rows if r[0] == {line.value!r}))"
            elif line.kind == "sum":
                tag, at = line.value[:-2], int(line.value[-2:])
                numbers = f"DEC(r[{at}]) for r in rows if r[0] == {tag!r} and len(r) > {at} and r[{at}]"
                cells[element] = f"format(sum(({numbers}), DEC(0)), 'f')"
            elif line.kind == "children":
                cells[element] = "'1'"
        for element, parts in sorted(use.components.items()):
            cells[element] = self._composite(use, element, parts, x, known, indent)
            if any(line.kind == "field" for line in parts.values()):
                optional.append(cells[element])
        self._constants(use, cells)
        pairs = self._get((use.model, use.pairs.line.path), x, indent, known) if use.pairs else ""
        if use.pairs:
            s.add(indent, f"g = {pairs}")
            optional.append("g")
        place = self.places.of(use)
        if not must and optional:
            s.add(indent, f"if {' or '.join([*optional, f'{kept} and HAS({kept}, {place!r})'])}:")
            indent += 1
        width = max(cells, default=0)
        row = [repr(use.tag), *(cells.get(n, "''") for n in range(1, width + 1))]
        s.add(indent, f"r = [{', '.join(row)}]")
        if use.pairs:
            self._write_pairs(use, width, indent)
        which = repr(place) if use.values is None else f"{place + '#'!r} + str({k}) + ':'"
        s.add(indent, f"if {kept}: PATCH({kept}, {which}, r, S[0])")
        if use.pairs or not cells.get(width, "").startswith(("'", "str(")):
            s.add(indent, "while not r[-1]: r.pop()")
        s.add(indent, "w(r)")

    def _cell(self, use: Use, element: int, line: Line, x: str, cell: str, known: dict[Path, str], indent: int) -> None:
        """One element's text into a variable, empty where there is nothing to say."""
        s = self.source
        number = self.numbers.of(line.n)
        refused = f"except {_ERRORS} as z: {cell} = ''; bad.append(({number}, len(rows), v, z))"
        if use.values is line:
            s.add(indent, f"v = {x}")
            s.add(indent, f"try: {cell} = {s.writes(line.format, 'v')}")
            s.add(indent, refused)
            return
        if line.target is not None and line.target.kind == "values":
            most = element_of(use.child, element).repeat
            s.add(indent, f"v = {self._get((use.model, line.path), x, indent, known)} or ()")
            s.add(indent, f"try: {cell} = S[1].join([{s.writes(line.format, 'y')} for y in v])")
            s.add(indent, refused)
            s.add(
                indent,
                f"if len(v) > {most}: bad.append(({number}, len(rows), len(v), 'values are too many for {most}'))",
            )
            return
        got = f"(v := {self._get((use.model, line.path), x, indent, known)})"
        value = s.writes(line.format, "v")
        default = repr(line.default or "")
        if value == "v":
            s.add(indent, f"{cell} = {default} if {got} is None else v")
        else:
            s.add(indent, f"try: {cell} = {default} if {got} is None else {value}")
            s.add(indent, refused)

    def _composite(
        self, use: Use, element: int, parts: dict[int, Line], x: str, known: dict[Path, str], indent: int
    ) -> str:
        """The components of one element, joined."""
        s = self.source
        cells = {}
        values = []
        for k, line in sorted(parts.items()):
            cells[k] = f"a{element}_{k}"
            if line.kind == "const":
                s.add(indent, f"{cells[k]} = {line.value!r}")
            elif line.kind == "field":
                self._cell(use, element, line, x, cells[k], known, indent)
                values.append(cells[k])
            else:
                s.add(indent, f"{cells[k]} = ''")
        name = f"a{element}"
        joined = f"S[0].join(({', '.join(cells.get(k, repr('')) for k in range(1, max(cells) + 1))},)).rstrip(S[0])"
        s.add(indent, f"{name} = {joined} if {' or '.join(values) or 'True'} else ''")
        return name

    def _constants(self, use: Use, cells: dict[int, str]) -> None:
        for element, line in sorted(use.lines.items()):
            if line.kind == "const":
                cells[element] = repr(line.value)
                if line.when:
                    on = next(n for n, other in use.lines.items() if ".".join(other.path) == line.when)
                    cells[element] = f"{line.value!r} if a{on} else ''"

    def _write_pairs(self, use: Use, width: int, indent: int) -> None:
        assert use.pairs is not None
        s, at, line = self.source, use.pairs.first, use.pairs.line
        number = self.numbers.of(line.n)
        upto = at + 2 * use.pairs.most if use.pairs.most else at
        pad = upto - 1 - width
        if pad > 0:
            s.add(indent, f"r += {[''] * pad!r}")
        s.add(indent, "if g:")
        many = f"bad.append(({number}, len(rows), ' '.join(g), 'there is room for {use.pairs.room} only'))"
        s.add(indent + 1, f"if len(g) > {use.pairs.room}: {many}; g = {{}}")
        s.add(indent + 1, f"j = {at}")
        s.add(indent + 1, "for c, v in g.items():")
        written = f"{s.writes(line.format, 'c')}, {s.writes(pair_value(use), 'v')}"
        s.add(indent + 2, f"try: r[j:j + 2] = {written}; j += 2")
        s.add(indent + 2, f"except {_ERRORS} as z: bad.append(({number}, len(rows), c, z))")


def _cells_by_number(use: Use) -> dict[int, str]:
    cells = {n: repr(value) for n, value in use.qualifiers}
    if use.tag == "HL":
        cells |= {1: "str(h)", 2: "str(u) if u else ''"}
    return cells


def _cells(use: Use) -> list[str]:
    """The qualifiers of a row that has nothing else."""
    said = dict(use.qualifiers)
    return [said.get(n, "") for n in range(1, max(said, default=0) + 1)]


def _taken(claimed: list[dict[int, str]]) -> dict[int, set[str]]:
    """Element -> the qualifiers that belong to fields of their own, and must not come out of the rest list."""
    taken: dict[int, set[str]] = {}
    for qualifiers in claimed:
        if len(qualifiers) == 1:
            for n, value in qualifiers.items():
                taken.setdefault(n, set()).add(value)
    return taken


def _sharable(use: Use) -> bool:
    return isinstance(use.child, LoopUse) and not is_hl(use.child) and use.block is not None and use.values is None
