"""Generated source: lines, functions, and the names it may use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.formats.x12.guide import LoopUse
from gateway.mapping.formats import Format
from gateway.mapping.language import Line
from gateway.mapping.x12.shape import Pairs, Scope, Use, first, is_hl


class Source:
    """The text of some functions being written, the innermost last."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self._done: list[str] = []
        self._open: list[list[str]] = []
        self._count = 0
        self._formats: dict[tuple[int, str], str] = {}
        self.shared: dict[str, str] = {}  # signature -> function

    def add(self, indent: int, text: str) -> None:
        self._open[-1].append(" " * indent + text)

    def begin(self, head: str) -> None:
        self._open.append([head])

    def end(self) -> None:
        self._done += self._open.pop()

    def name(self, prefix: str) -> str:
        """A name used nowhere else."""
        self._count += 1
        return f"{prefix}{self._count}"

    def constant(self, prefix: str, value: Any) -> str:
        """A value the text calls by name."""
        name = self.name(prefix)
        self.names[name] = value
        return name

    def reads(self, pair: Format, value: str) -> str:
        """Source that reads text with a format."""
        if "{f}" not in pair.read_expression:
            return pair.read_expression.format(v=value)
        return pair.read_expression.format(f=self._function(pair, "read"), v=value)

    def writes(self, pair: Format, value: str) -> str:
        """Source that writes a value with a format."""
        if "{f}" not in pair.write_expression:
            return pair.write_expression.format(v=value)
        return pair.write_expression.format(f=self._function(pair, "write"), v=value)

    def _function(self, pair: Format, side: str) -> str:
        key = (id(pair), side)
        if key not in self._formats:
            self._formats[key] = self.constant("R" if side == "read" else "W", getattr(pair, side))
        return self._formats[key]

    def text(self) -> str:
        return "\n".join(self._done) + "\n"


class Numbers:
    """How the text names a line of the map: by number; in a function several uses share, from their first line on."""

    def __init__(self, base: int | None = None) -> None:
        self.base = base

    def of(self, n: int) -> str:
        if self.base is None:
            return str(n)
        return f"b + {n - self.base}" if n != self.base else "b"


def base_of(use: Use) -> int:
    """The number of a use's first line."""
    return min((line.n for line in use.own_lines()), default=0)


def signature(use: Use) -> str:
    """Uses of one signature can share a function: only the place of their lines in the table differs."""
    base = base_of(use)

    def line(item: Line) -> tuple[object, ...]:
        pair = id(item.format) if item.kind == "field" else 0
        return (item.n - base, item.kind, item.path, pair, item.default, item.value, item.when)

    def pairs(found: Pairs | None) -> object:
        return found and (found.first, found.most, line(found.line))

    def inside(each: Use) -> tuple[object, ...]:
        rows = tuple((n, line(item)) for n, item in sorted(each.lines.items()))
        parts = tuple(
            (n, tuple((k, line(i)) for k, i in sorted(c.items()))) for n, c in sorted(each.components.items())
        )
        levels = tuple((u.qualifiers, u.path, u.many, inside(u)) for u in each.levels)
        ignored = each.ignored is not None
        return (each.tag, rows, parts, pairs(each.pairs), each.model.__name__, ignored, scope(each.scope), levels)

    def scope(found: Scope | None) -> object:
        if found is None:
            return None
        uses = found.uses.items()
        return tuple(
            (index, tuple((u.qualifiers, u.path, u.many, inside(u)) for u in each)) for index, each in sorted(uses)
        )

    level = use.level if is_hl(use.child) else ""
    return repr((first(use.child).index, level, inside(use)))


class Places:
    """The places of leftovers as the text calls them: tables by position, and from place to position."""

    def __init__(self, source: Source, paths: list[str]) -> None:
        self.source, self.paths = source, paths
        self.prefix = ""
        self._tables: dict[tuple[str, str], str] = {}

    def by_position(self, loop: LoopUse) -> str:
        """The name of a table: the place of a row that no line of this loop's scope takes, by its position."""
        return self._table(loop.path, lambda: self._in_scope(loop))

    def positions(self) -> str:
        """The name of a table: the position of a place."""
        return self._table("=", lambda: {f"{self.prefix}{path}": n for n, path in enumerate(self.paths)})

    def _in_scope(self, loop: LoopUse) -> list[str]:
        """Rows of a loop nobody maps stay together: their place begins with that of the loop."""
        table = [f"{self.prefix}{path}" for path in self.paths]
        for child in loop.children:
            if isinstance(child, LoopUse):
                start = self.prefix + self.paths[first(child).index]
                for use in child.walk():
                    table[use.index] = f"{start}|{self.paths[use.index]}"
        return table

    def _table(self, what: str, make: Callable[[], Any]) -> str:
        key = (what, self.prefix)
        if key not in self._tables:
            self._tables[key] = self.source.constant("P", make())
        return self._tables[key]

    def of(self, use: Use) -> str:
        """The place of a use's own row; qualifiers tell it from others of its object."""
        said = "" if use.path else use.key[len(use.tag) :]
        return f"{self.prefix}{self.paths[first(use.child).index]}{said}"

    def loop(self, index: int) -> str:
        """The mark of further instances of a loop."""
        return f"+{self.prefix}{self.paths[index]}|"
