"""The function that reads: rows and their guide positions in, nested dicts for the canonical model out.

It walks rows and positions once. Each mapped position is tested where the guide has it, so an absent segment costs one
comparison of integers. Names in the text: `i` the row, `p` its position, `e` its elements, `n` how many, `d` the object
being filled, `K` the registry of leftovers, `S` component and repetition separators, `b` see Numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from gateway.formats.x12.guide import LoopUse
from gateway.mapping.formats import DECIMAL, TEXT, Format
from gateway.mapping.language import Block, Line
from gateway.mapping.x12.code import Numbers, Places, Source, base_of, signature
from gateway.mapping.x12.rows import elements_left, grow, left, level_left
from gateway.mapping.x12.shape import Child, Scope, Shape, Use, element_of, first, is_hl, last_index

_ERRORS = "(ValueError, ArithmeticError)"


def all_uses(scope: Scope) -> Iterator[Use]:
    """Every use of a scope and of the scopes in it."""
    for uses in scope.uses.values():
        for use in uses:
            yield from _with_inner(use)


def _with_inner(use: Use) -> Iterator[Use]:
    yield use
    if use.scope is not None:
        yield from all_uses(use.scope)
    for level in use.levels:
        yield from _with_inner(level)


class Reading:
    """Writes the text of `read`. With `trace` the text also notes where each value was found."""

    def __init__(self, shape: Shape, *, trace: bool = False) -> None:
        self.shape, self.trace = shape, trace
        self.source = Source()
        self.source.names |= {"left": left, "LEFT": elements_left, "grow": grow, "level_left": level_left}
        self.source.names |= {"HL": shape.guide.hl, "P": shape.paths}
        self.places = Places(self.source, shape.paths)
        self.loop = shape.guide.root
        self.numbers = Numbers()
        self.counts = Counter(signature(use) for use in all_uses(shape.root) if _sharable(use))

    def text(self) -> str:
        """The source: helper functions first, `read` last."""
        s = self.source
        s.begin("def read(rows, pos, bad, K, S, T=None):")
        s.add(1, "i = 1; p = pos[1]; d = {}")
        self._defaults(self.shape.root, "d", 1)
        children = [c for c in self.shape.guide.root.children if first(c).segment.tag not in ("ST", "SE")]
        self._children(children, self.shape.root, "d", 1)
        s.add(1, "return d")
        s.end()
        return s.text()

    # -- scopes ----------------------------------------------------------
    def _children(self, children: list[Child], scope: Scope, d: str, indent: int) -> None:
        s = self.source
        around, self.loop = self.loop, scope.loop
        low: int | None = None
        for child in children:
            uses = scope.of(child)
            if not uses:
                low = first(child).index if low is None else low
                continue
            start = first(child).index
            if low is not None:
                self._leave(low, start - 1, d, indent)
                low = None
            if is_hl(child):
                self._tree(child, uses, d, indent)
                continue
            seen = {}
            for use in uses:
                if not use.many and use.ignored is None:
                    seen[id(use)] = s.name("s")
                    s.add(indent, f"{seen[id(use)]} = True")
            s.add(indent, f"while p == {start}:")
            self._row(child, uses, seen, d, indent + 1)
        if low is not None:
            self._leave(low, last_index(children[-1]), d, indent)
        self.loop = around

    def _leave(self, low: int, high: int, d: str, indent: int) -> None:
        test = f"p == {low}" if low == high else f"{low} <= p <= {high}"
        self.source.add(
            indent, f"while {test}: left(K, {d}, {self.places.by_position(self.loop)}[p], rows[i]); i += 1; p = pos[i]"
        )

    def _row(self, child: Child, uses: list[Use], seen: dict[int, str], d: str, indent: int) -> None:
        """One row of a mapped position: which use is it, and into which object does it go."""
        s = self.source
        is_loop = isinstance(child, LoopUse)
        s.add(indent, "e = rows[i]; n = len(e)")
        if any(n == 1 for use in uses for n, _ in use.qualifiers):
            s.add(indent, "q = e[1] if n > 1 else ''")
        word, is_open = "if", False
        for use in uses:
            tests = [f"q == {v!r}" if n == 1 else f"n > {n} and e[{n}] == {v!r}" for n, v in use.qualifiers]
            inner = indent
            if tests:
                s.add(indent, f"{word} {' and '.join(tests)}:")
                word, inner = "elif", indent + 1
            else:
                if word == "elif":
                    s.add(indent, "else:")
                    inner = indent + 1
                is_open = True
            once = seen.get(id(use))
            if once:
                s.add(inner, f"if {once}:")
                s.add(inner + 1, f"{once} = False")
                self._use(child, use, d, inner + 1)
                s.add(inner, "else:")
                self._again(child, d, inner + 1)
            else:
                self._use(child, use, d, inner)
            if is_open:
                break
        if not is_open:
            s.add(indent, "else:")
            self._again(child, d, indent + 1)
        if not is_loop:
            s.add(indent, "i += 1; p = pos[i]")

    def _again(self, child: Child, d: str, indent: int) -> None:
        """A row, or a further instance of a loop, that no use takes."""
        s, start = self.source, first(child).index
        if not isinstance(child, LoopUse):
            s.add(indent, f"left(K, {d}, {self.places.by_position(self.loop)}[p], e)")
            return
        mark = self.places.loop(start)
        s.add(indent, f"left(K, {d}, {mark!r} + P[p], e); i += 1; p = pos[i]")
        keep = f"left(K, {d}, {mark!r} + P[p], rows[i]); i += 1; p = pos[i]"
        s.add(indent, f"while {start} < p <= {last_index(child)}: {keep}")

    def _use(self, child: Child, use: Use, d: str, indent: int) -> None:
        s = self.source
        if use.ignored is not None:
            self._ignore(child, indent)
            return
        t = d
        if use.values is None and use.path:
            t = self._object(use, d, indent)
        shared = signature(use) if _sharable(use) else ""
        if self.counts.get(shared, 0) > 1:
            name = self.source.shared.get(shared) or self._share(child, use, shared)
            s.add(
                indent,
                f"i = {name}(rows, pos, i, e, n, {t}, bad, K, S, {self.numbers.of(base_of(use))}, T); p = pos[i]",
            )
            return
        self._elements(use, t, indent)
        if isinstance(child, LoopUse):
            s.add(indent, "i += 1; p = pos[i]")
            if use.scope is not None:
                before, self.places.prefix = self.places.prefix, self.places.prefix + use.prefix
                self._children(list(child.children[1:]), use.scope, t, indent)
                self.places.prefix = before

    def _ignore(self, child: Child, indent: int) -> None:
        if isinstance(child, LoopUse):
            start = first(child).index
            self.source.add(indent, "i += 1; p = pos[i]")
            self.source.add(indent, f"while {start} < p <= {last_index(child)}: i += 1; p = pos[i]")
        else:
            self.source.add(indent, "pass")

    def _object(self, use: Use, d: str, indent: int) -> str:
        """A new object, put where the use's path says."""
        s, t = self.source, self.source.name("d")
        s.add(indent, f"{t} = {{}}")
        if use.block is not None:
            self._defaults(use.block, t, indent)
        for name in use.path[:-1]:
            d = f"{d}.setdefault({name!r}, {{}})"
        if use.many:
            s.add(indent, f"if (g := {d}.get({use.path[-1]!r})) is None: {d}[{use.path[-1]!r}] = [{t}]")
            s.add(indent, f"else: g.append({t})")
        else:
            s.add(indent, f"{d}[{use.path[-1]!r}] = {t}")
        return t

    def _defaults(self, of: Block | Shape | Scope, d: str, indent: int) -> None:
        """What an object holds where the document says nothing."""
        for line in _default_lines(of):
            value = self.source.constant("D", line.format.read(line.default or ""))
            self.source.add(indent, f"{self._into(d, line)} = {value}")

    def _into(self, d: str, line: Line) -> str:
        for name in line.path[:-1]:
            d = f"{d}.setdefault({name!r}, {{}})"
        return f"{d}[{line.path[-1]!r}]"

    def _share(self, child: Child, use: Use, shared: str) -> str:
        """The body of a loop several uses have, as a function."""
        s = self.source
        name = s.shared[shared] = s.name("loop")
        before, self.numbers = self.numbers, Numbers(base_of(use))
        s.begin(f"def {name}(rows, pos, i, e, n, d, bad, K, S, b, T):")
        self._elements(use, "d", 1)
        s.add(1, "i += 1; p = pos[i]")
        if use.scope is not None and isinstance(child, LoopUse):
            self._children(list(child.children[1:]), use.scope, "d", 1)
        s.add(1, "return i")
        s.end()
        self.numbers = before
        return name

    # -- HL --------------------------------------------------------------
    def _tree(self, child: Child, uses: list[Use], d: str, indent: int) -> None:
        s = self.source
        start, last = first(child).index, last_index(child)
        s.add(indent, f"if p == {start}:")
        s.add(indent + 1, f"H = grow(rows, pos, i, {start}, {last}, HL); once = set()")
        s.add(indent + 1, "for c in H.roots:")
        self._levels(uses, d, indent + 2, "+HL|", Numbers())
        s.add(indent + 1, "i = H.starts[-1]; p = pos[i]")

    def _levels(self, uses: list[Use], d: str, indent: int, mark: str, numbers: Numbers) -> None:
        """Each level under one object goes to its use, by HL03."""
        s = self.source
        s.add(indent, "e = rows[H.starts[c]]; q = e[3] if len(e) > 3 else ''")
        word = "if"
        for use in uses:
            tests = [f"q == {use.level!r}"] if use.many else [f"q == {use.level!r}", f"{use.level!r} not in once"]
            s.add(indent, f"{word} {' and '.join(tests)}:")
            word = "elif"
            if not use.many:
                s.add(indent + 1, f"once.add({use.level!r})")
            t = self._object(use, d, indent + 1) if use.path else d
            name = self._level(use)
            s.add(indent + 1, f"{name}(rows, pos, c, H, {t}, bad, K, S, {numbers.of(base_of(use))}, T)")
        s.add(indent, f"else: level_left(K, {d}, {mark[:-1]!r}, rows, H, c)")

    def _level(self, use: Use) -> str:
        """One level as a function: its rows, then the levels under it."""
        s, shared = self.source, signature(use)
        if shared in s.shared:
            return s.shared[shared]
        name = s.shared[shared] = s.name("level")
        before = (self.numbers, self.places.prefix)
        self.numbers, self.places.prefix = Numbers(base_of(use)), use.prefix
        s.begin(f"def {name}(rows, pos, c, H, d, bad, K, S, b, T):")
        s.add(1, "i = H.starts[c]; below = H.below[c]; e = rows[i]; n = len(e)")
        self._elements(use, "d", 1)
        s.add(1, "i += 1; p = pos[i]")
        if use.scope is not None and isinstance(use.child, LoopUse):
            self._children(list(use.child.children[1:]), use.scope, "d", 1)
        if any(not level.many for level in use.levels):
            s.add(1, "once = set()")
        s.add(1, "for c in below:")
        if use.levels:
            self._levels(use.levels, "d", 2, f"+{use.prefix}HL|", self.numbers)
        else:
            s.add(2, f"level_left(K, d, {f'+{use.prefix}HL'!r}, rows, H, c)")
        s.end()
        self.numbers, self.places.prefix = before
        return name

    # -- elements --------------------------------------------------------
    def _elements(self, use: Use, d: str, indent: int) -> None:
        """The elements of one row: `e` and `n` are set."""
        s = self.source
        known = {n for n, _ in use.qualifiers} | set(use.lines) | ({1, 2, 3} if use.tag == "HL" else set())
        for element, line in sorted(use.lines.items()):
            if line.kind == "const":
                place = repr(f"{self.places.of(use)}{element:02d}")
                test = f"n > {element} and e[{element}] and e[{element}] != {line.value!r}"
                s.add(indent, f"if {test}: left(K, {d}, {place}, [e[{element}]])")
            elif line.kind == "field":
                self._element(use, element, line, d, indent)
        for element, parts in sorted(use.components.items()):
            self._components(use, element, parts, d, indent)
            known.add(element)
        if use.pairs is not None:
            self._pairs(use, d, indent)
            known |= set(use.pairs.elements)
        if use.values is None:
            self._unknown(use, known, d, repr(self.places.of(use)), indent)
            return
        # one value of a list a row: what else the row holds is kept with the number of its value
        element = next(n for n, line in use.lines.items() if line is use.values)
        length = d
        for name in use.values.path[:-1]:
            length = f"{length}.get({name!r}, {{}})"
        place = f"{self.places.of(use) + '#'!r} + str(len({length}.get({use.values.path[-1]!r}, ()))) + ':'"
        s.add(
            indent, f"if n <= {element} or not e[{element}]: left(K, {d}, {self.places.by_position(self.loop)}[p], e)"
        )
        s.add(indent, "else:")
        s.add(indent + 1, "pass")
        self._unknown(use, known, d, place, indent + 1)

    def _element(self, use: Use, element: int, line: Line, d: str, indent: int) -> None:
        s = self.source
        if line.target is not None and line.target.kind == "values":
            self._list(use, element, line, d, indent)
            return
        s.add(indent, f"if n > {element} and (v := e[{element}]):")
        self._store(line, d, indent + 1, element)

    def _store(self, line: Line, d: str, indent: int, element: int) -> None:
        """`v` into its field; a value its format refuses is noted, and reading goes on."""
        s = self.source
        value = s.reads(line.format, "v")
        if value == "v":
            s.add(indent, f"{self._into(d, line)} = v")
        else:
            s.add(indent, f"try: {self._into(d, line)} = {value}")
            s.add(indent, f"except {_ERRORS} as z: bad.append(({self.numbers.of(line.n)}, i, v, z))")
        if self.trace:
            s.add(indent, f"T[id({d}), {line.path!r}] = (i, {element}, {self.numbers.of(line.n)})")

    def _list(self, use: Use, element: int, line: Line, d: str, indent: int) -> None:
        s = self.source
        for name in line.path[:-1]:
            d = f"{d}.setdefault({name!r}, {{}})"
        into = f"{d}.setdefault({line.path[-1]!r}, [])"
        value = s.reads(line.format, "v")
        inner = indent
        if element_of(use.child, element).repeat > 1:
            s.add(
                indent, f"for v in e[{element}].split(S[1]) if n > {element} and S[1] else e[{element}:{element + 1}]:"
            )
            inner = indent + 1
            s.add(inner, "if not v: continue")
        else:
            s.add(indent, f"if n > {element} and (v := e[{element}]):")
            inner = indent + 1
        s.add(inner, f"try: {into}.append({value})")
        s.add(inner, f"except {_ERRORS} as z: bad.append(({self.numbers.of(line.n)}, i, v, z))")
        if self.trace:
            s.add(inner, f"T[id({d}), {line.path!r}] = (i, {element}, {self.numbers.of(line.n)})")

    def _components(self, use: Use, element: int, parts: dict[int, Line], d: str, indent: int) -> None:
        s = self.source
        s.add(indent, f"if n > {element} and e[{element}]:")
        s.add(indent + 1, f"c = e[{element}].split(S[0]); m = len(c)")
        for k, line in sorted(parts.items()):
            if line.kind == "const":
                place = repr(f"{self.places.of(use)}{element:02d}-{k}")
                s.add(indent + 1, f"if m >= {k} and c[{k - 1}] != {line.value!r}: left(K, {d}, {place}, [c[{k - 1}]])")
            elif line.kind == "field":
                s.add(indent + 1, f"if m >= {k} and (v := c[{k - 1}]):")
                self._store(line, d, indent + 2, element)
        place = repr(f"{self.places.of(use)}{element:02d}-")
        taken = s.constant("C", frozenset(parts))
        s.add(indent + 1, "for k, v in enumerate(c, 1):")
        s.add(indent + 2, f"if v and k not in {taken}: left(K, {d}, {place} + str(k), [v])")

    def _pairs(self, use: Use, d: str, indent: int) -> None:
        assert use.pairs is not None
        s, at, line = self.source, use.pairs.first, use.pairs.line
        value_pair = pair_value(use)
        number, place = self.numbers.of(line.n), repr(f"{self.places.of(use)}{at:02d}+")
        end = f"min(n, {at + 2 * use.pairs.most})" if use.pairs.most else "n"
        s.add(indent, f"if n > {at}:")
        s.add(indent + 1, f"g = {{}}; j = {at}; z = {end}")
        s.add(indent + 1, "while j < z:")
        s.add(indent + 2, "v = e[j + 1] if j + 1 < z else ''")
        s.add(indent + 2, "if c := e[j]:")
        s.add(indent + 3, f"try: c = {s.reads(line.format, 'c')}; w = {s.reads(value_pair, 'v')} if v else ''")
        s.add(indent + 3, f"except {_ERRORS} as x: bad.append(({number}, i, v, x)); j += 2; continue")
        s.add(indent + 3, f"if c in g or not v: left(K, {d}, {place}, e[j:j + 2])")
        s.add(indent + 3, "else: g[c] = w")
        s.add(indent + 2, f"elif v: left(K, {d}, {place}, e[j:j + 2])")
        s.add(indent + 2, "j += 2")
        s.add(indent + 1, f"if g: {self._into(d, line)} = g")
        if self.trace:
            s.add(indent + 1, f"T[id({d}), {line.path!r}] = (i, {at}, {number})")

    def _unknown(self, use: Use, known: set[int], d: str, place: str, indent: int) -> None:
        """Elements no line names: those between the mapped ones each have a test, those behind them one together."""
        s, top = self.source, max(known, default=0)
        holes = [n for n in range(1, min(top, 99)) if n not in known]
        if len(holes) > 1:  # mostly none of them is there
            s.add(indent, f"if n > {holes[0]} and ({' or '.join(f'n > {n} and e[{n}]' for n in holes)}):")
            indent += 1
        for n in holes:
            s.add(indent, f"if n > {n} and e[{n}]: left(K, {d}, {place} + '{n:02d}', [e[{n}]])")
        indent -= len(holes) > 1
        if top < 99:
            s.add(indent, f"if n > {top + 1}: LEFT(K, {d}, {place}, e, {top + 1})")


def pair_value(use: Use) -> Format:
    """The format of the values of pairs."""

    assert use.pairs is not None
    target = use.pairs.line.target
    return DECIMAL if target is not None and target.type.__name__ == "Decimal" else TEXT


def _sharable(use: Use) -> bool:
    return isinstance(use.child, LoopUse) and not is_hl(use.child) and use.block is not None and use.values is None


def _default_lines(of: Block | Shape | Scope) -> Iterator[Line]:
    """The lines with a default that belong to one object, through its groupings."""
    if isinstance(of, Shape):
        yield from _default_lines(of.root)
        return
    if isinstance(of, Scope):
        for uses in of.uses.values():
            for use in uses:
                yield from _of_use(use)
        return
    for item in of.items:
        if isinstance(item, Line):
            if item.default is not None:
                yield item
        elif not item.path:
            yield from _default_lines(item)


def _of_use(use: Use) -> Iterator[Line]:
    if use.block is not None or use.values is not None:
        return
    yield from (line for line in use.lines.values() if line.default is not None)
    if use.scope is not None:
        yield from _default_lines(use.scope)
    for level in use.levels:
        yield from _of_use(level)
