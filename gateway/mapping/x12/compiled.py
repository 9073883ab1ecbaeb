"""A map over a guide, ready to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gateway.canonical import Document
from gateway.formats.x12.guide import Guide
from gateway.mapping.faults import MapError, Problem
from gateway.mapping.language import Language
from gateway.mapping.x12.reading import Reading
from gateway.mapping.x12.rows import Leftovers, Numbering, Row, anchor, left, settle
from gateway.mapping.x12.shape import Shape
from gateway.mapping.x12.writing import Writing

Values = dict[str, Any]
Bad = list[tuple[int, int, Any, Any]]


class Compiled:
    """Rows of one set <-> the values of one canonical document."""

    def __init__(self, language: Language, guide: Guide) -> None:
        self.language, self.guide = language, guide
        self.shape = Shape(language, guide)
        reading, writing = Reading(self.shape), Writing(self.shape)
        texts = (reading.text(), writing.text())
        self.source = "\n".join(texts)
        self._read = _function(texts[0], reading.source.names, "read")
        self._write = _function(texts[1], writing.source.names, "write")
        self._traced: Callable[..., Values] | None = None

    def read(self, rows: Sequence[Row], positions: Sequence[int], separators: tuple[str, str]) -> Values:
        """The values of the canonical document; MapError with every value no format could read."""
        return self._run(self._read, rows, positions, separators, None)

    def _run(
        self,
        function: Callable[..., Values],
        rows: Sequence[Row],
        positions: Sequence[int],
        separators: tuple[str, str],
        trace: dict[Any, Any] | None,
    ) -> Values:
        bad: Bad = []
        registry: list[Leftovers] = []
        strays = [k for k, at in enumerate(positions) if at < 0] if min(positions, default=0) < 0 else []
        placed, where, kept = rows, [*positions, 1 << 30], list(range(len(rows)))
        if strays:
            kept = [k for k, at in enumerate(positions) if at >= 0]
            placed, where = [rows[k] for k in kept], [positions[k] for k in kept] + [1 << 30]
        if len(placed) < 2:
            problem = Problem("the document", None, "", None, "has no segment the guide knows", "")
            raise MapError([problem])
        values = function(placed, where, bad, registry, separators, trace)
        for k in strays:
            left(registry, values, anchor(rows, positions, k), list(rows[k]))
        settle(registry)
        if bad:
            raise MapError([self._problem(n, kept[i], value, why) for n, i, value, why in bad])
        if trace is not None:
            for key, (i, element, n) in trace.items():
                trace[key] = (kept[i], element, n)
        return values

    def trace(
        self, rows: Sequence[Row], positions: Sequence[int], separators: tuple[str, str]
    ) -> tuple[Values, dict[tuple[int, tuple[str, ...]], tuple[int, int, int]]]:
        """The values, and for each (object, path) its row, element and line."""
        if self._traced is None:
            reading = Reading(self.shape, trace=True)
            self._traced = _function(reading.text(), reading.source.names, "read")
        trace: dict[tuple[int, tuple[str, ...]], tuple[int, int, int]] = {}
        return self._run(self._traced, rows, positions, separators, trace), trace

    def write(self, document: Document, separators: tuple[str, str], *, keep: bool) -> list[Row]:
        """The rows of a set without ST and SE; MapError with every value that could not be read back."""
        bad: Bad = []
        rows: list[Row] = self._write(document, bad, keep, separators, Numbering())
        if bad:
            raise MapError([self._problem(n, i, value, why) for n, i, value, why in bad])
        return rows

    def _problem(self, n: int, row: int, value: Any, why: Any) -> Problem:
        line = self.language.table[n]
        value = getattr(why, "value", value)  # of a pair: the code that no table names
        return Problem(
            line.place, row + 1, line.full, None if value is None else str(value), str(why), str(line.origin)
        )


def _function(text: str, names: dict[str, Any], name: str) -> Callable[..., Any]:
    """Generated source made callable. It is made of guides and of maps that passed their checks, never of documents."""
    scope = dict(names)
    exec(compile(text, "<map>", "exec"), scope)  # noqa: S102
    found: Callable[..., Any] = scope[name]
    return found
