"""Rows of one kind: `by COLUMN` groups consecutive rows with one value, `row` is one row.

by Shipment No.:                 the outermost group is a document; where that is `row`, each row is one
  Shipment No.: shipment_number
  by Order No. -> orders[]:
    row -> items[]:
      Qty: quantity.value | comma
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.canonical import Document
from gateway.formats.csvfile.rows import Row
from gateway.mapping.columns import Columns
from gateway.mapping.faults import MapFault, MapFaults, Problem
from gateway.mapping.language import Block, Language, Line
from gateway.mapping.layout import ROW, Totals
from gateway.mapping.sheet import Sheet
from gateway.mapping.source import Raw
from gateway.mapping.values import Carrier, Values, get


class Level:
    """One group of rows, or one row."""

    def __init__(self, block: Block) -> None:
        self.block = block
        word, _, column = block.key.partition(" ")
        if word not in ("by", "row") or bool(column) != (word == "by"):
            raise block.origin.fault(f"{block.key!r} is neither a group nor a row", "write by COLUMN: or row:")
        self.column = column
        self.lines = [item for item in block.items if isinstance(item, Line)]
        self.key = next((line for line in self.lines if line.key == column), None)
        if column and (self.key is None or self.key.kind != "field"):
            raise block.origin.fault(f"the value of {column} would be lost", f"write {column}: FIELD under it")


class Grouped(Sheet):
    """A map of rows of one kind, ready to run."""

    def __init__(
        self, language: Language, options: Mapping[str, str], origins: Mapping[str, Raw], *, fixed: bool = False
    ) -> None:
        try:
            super().__init__(language, options, origins, fixed)
            self.levels = self._levels(language)
        except MapFault as fault:
            raise MapFaults([fault.fault]) from None
        for level in self.levels:
            for line in level.lines:
                self.claim(ROW, line)
        self.settle_around([ROW])

    def _levels(self, language: Language) -> list[Level]:
        levels: list[Level] = []
        inner, block = self.body, language.root
        while inner:
            if len(inner) > 1:
                raise inner[1].origin.fault("a row has one place: groups stand inside one another, never side by side")
            block = inner[0]
            levels.append(Level(block))
            inner = [item for item in block.items if isinstance(item, Block)]
        if not levels or levels[-1].column:
            raise block.origin.fault("the innermost level must be row", "write row: or row -> lines[]:")
        return levels

    # -- cutting ---------------------------------------------------------
    def begins(self, row: Row, before: Row, columns: Columns) -> bool:
        column = self.levels[0].column
        return not column or self.cell(columns, row, column) != self.cell(columns, before, column)

    def width(self, columns: Columns, row: Row) -> str:
        if not self.header or len(row.cells) == len(columns.names):
            return ""
        return f"has {len(row.cells)} values where the header has {len(columns.names)}"

    def row_code(self, columns: Columns, row: Row) -> str:
        return ROW

    # -- reading ---------------------------------------------------------
    def values(self, rows: Sequence[Row], columns: Columns, carrier: Carrier) -> Values:
        mapped = {key for code, key in self.lines if code == ROW}
        extra = [name for name in columns.names if name not in mapped]
        document: Values = {}
        current: list[Values] = []
        before: Row | None = None
        for row in rows:
            fresh = self._fresh(row, before, columns)
            for depth, level in enumerate(self.levels):
                if before is not None and depth < fresh:
                    self._same(level, row, before, columns, carrier)
                    continue
                values: Values = document if depth == 0 else {}
                del current[depth:]
                current.append(values)
                if depth > 0:
                    self._append(current[depth - 1], level.block, values)
                for line in level.lines:
                    self.carry(line, row, columns, values, carrier)
            for name in extra or self._beyond(row, mapped):
                if text := self._left(columns, row, name):
                    current[-1].setdefault("leftovers", []).append((name, [text]))
            before = row
        return document

    def _beyond(self, row: Row, mapped: set[str]) -> list[str]:
        """Cells or characters no line names, where there is no header to say so."""
        if self.header:
            return []
        if not self.fixed:
            return [str(n) for n in range(1, len(row.cells) + 1) if str(n) not in mapped]
        return self.gaps([self.places[key] for key in mapped], row)

    def _left(self, columns: Columns, row: Row, name: str) -> str:
        if self.fixed:
            place = self._place(name)
            return row.cells[0][place.start : place.end].strip()
        text = columns.cell(row.cells, name)
        n = columns.number(name)
        return row.cells[n - 1] if text and n else ""

    def _fresh(self, row: Row, before: Row | None, columns: Columns) -> int:
        """The outermost level that begins anew with this row."""
        if before is None:
            return 0
        for depth, level in enumerate(self.levels):
            if not level.column:
                return depth
            if self.cell(columns, row, level.column) != self.cell(columns, before, level.column):
                return depth
        return len(self.levels) - 1

    def _same(self, level: Level, row: Row, before: Row, columns: Columns, carrier: Carrier) -> None:
        """What stands in every row of a group must say the same in each."""
        for line in level.lines:
            text = self.cell(columns, row, line.key)
            if line.kind == "field" and text != self.cell(columns, before, line.key):
                why = f"differs from the row before, but belongs to {level.column}"
                carrier.refuse(line, row.number, text, why, column=self.number(columns, line.key))

    @staticmethod
    def _append(holder: Values, block: Block, values: Values) -> None:
        for name in block.path[:-1]:
            holder = holder.setdefault(name, {})
        if block.path:
            holder.setdefault(block.path[-1], []).append(values)

    # -- writing ---------------------------------------------------------
    def fill(
        self,
        documents: Sequence[Document],
        rows: list[dict[str, str]],
        start: int,
        names: list[str],
        carrier: Carrier,
        totals: Totals,
        keep: bool,
    ) -> None:
        done = len(rows)
        self._write(0, documents, {}, rows, start, names, carrier, keep)
        for row in rows[done:]:
            totals.add(ROW, lambda key, row=row: row.get(key, ""))  # type: ignore[misc]

    def _write(
        self,
        depth: int,
        items: Sequence[Any],
        around: Mapping[str, str],
        rows: list[dict[str, str]],
        start: int,
        names: list[str],
        carrier: Carrier,
        keep: bool,
    ) -> None:
        level = self.levels[depth]
        if not items:
            why = "is empty, so it has no row to stand on"
            where = len(rows) + start
            carrier.problems.append(Problem(level.block.key, where, ".".join(level.block.path), None, why, ""))
        before: str | None = None
        for item in items:
            number = len(rows) + start
            row = dict(around)
            for line in level.lines:
                row[line.key] = self.spell(line, carrier.write(line, item, number) or "", carrier, number)
            if level.key is not None:
                if row[level.column] == before:
                    carrier.refuse(
                        level.key, number, before, "is the same in two neighbours, which would be read as one"
                    )
                before = row[level.column]
            for name, (value,) in (item.leftovers or ()) if keep else ():
                row[name] = value
                if self.header and name not in names:
                    names.append(name)
            if depth + 1 < len(self.levels):
                inner = self.levels[depth + 1].block
                below = get(item, inner.path) if inner.path else [item]
                self._write(depth + 1, below or (), row, rows, start, names, carrier, keep)
            else:
                rows.append(row)
