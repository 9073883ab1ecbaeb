"""CSV files with a header: `by COLUMN` groups consecutive rows with one value, `row` is one row.

by Shipment No.:                 the outermost group is a document
  Shipment No.: shipment_number
  by Order No. -> orders[]:
    row -> items[]:
      Qty: quantity.value | comma
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.canonical import Document
from gateway.mapping.faults import Fault, MapError, MapFault, MapFaults, Problem
from gateway.mapping.language import Block, Language, Line
from gateway.mapping.source import Raw
from gateway.mapping.values import Carrier, Values, get, settle

OPTIONS = {"delimiter": ",", "encoding": "utf-8", "newline": "crlf"}
_NEWLINES = {"crlf": "\r\n", "lf": "\n"}


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


class Flat:
    """A CSV map, ready to run."""

    def __init__(self, language: Language, options: Mapping[str, str], origins: Mapping[str, Raw]) -> None:
        self.faults: list[Fault] = []
        for name in options:
            if name not in OPTIONS:
                raise origins[name].origin.fault(f"a CSV file has no option {name}", f"it has {', '.join(OPTIONS)}")
        said = {**OPTIONS, **options}
        self.delimiter, self.encoding = said["delimiter"], said["encoding"]
        if len(self.delimiter) != 1 or said["newline"] not in _NEWLINES:
            origin = origins["delimiter" if len(self.delimiter) != 1 else "newline"].origin
            raise origin.fault("a delimiter is one character, a newline crlf or lf")
        self.newline = _NEWLINES[said["newline"]]
        self.levels: list[Level] = []
        block = language.root
        try:
            while inner := [item for item in block.items if isinstance(item, Block)]:
                if len(inner) > 1:
                    raise inner[1].origin.fault(
                        "a row has one place: groups stand inside one another, never side by side"
                    )
                block = inner[0]
                self.levels.append(Level(block))
            if not self.levels or self.levels[-1].column:
                raise block.origin.fault("the innermost level must be row", "write row: or row -> lines[]:")
            stray = next((item for item in language.root.items if isinstance(item, Line)), None)
            if stray is not None:
                raise stray.origin.fault(f"{stray.key} stands outside the rows", "put it under by COLUMN: or row:")
        except MapFault as fault:
            raise MapFaults([fault.fault]) from None
        self.columns: dict[str, Line] = {}
        for level in self.levels:
            for line in level.lines:
                self._column(line)
        if self.faults:
            raise MapFaults(self.faults)

    def _column(self, line: Line) -> None:
        line.place = line.key
        try:
            settle(line)
            if line.key in self.columns:
                raise line.origin.fault(f"column {line.key} already has a line", f"at {self.columns[line.key].origin}")
        except MapFault as fault:
            self.faults.append(fault.fault)
        self.columns.setdefault(line.key, line)

    # -- reading ---------------------------------------------------------
    def read(self, data: bytes | str) -> list[Values]:
        """The values of every document in a file."""
        header, rows = self._rows(data)
        at = {name: n for n, name in enumerate(header)}
        absent = [name for name in self.columns if name not in at]
        if absent or len(at) != len(header):
            why = "is missing in the header" if absent else "is in the header twice"
            names = absent or sorted({name for name in header if header.count(name) > 1})
            raise MapError([Problem(name, 1, "", None, why, "") for name in names])
        extra = [(name, n) for name, n in at.items() if name not in self.columns]
        carrier = Carrier()
        documents: list[Values] = []
        current: list[Values] = []
        before: list[str] = []
        for number, row in rows:
            if len(row) != len(header):
                why = f"has {len(row)} values where the header has {len(header)}"
                carrier.problems.append(Problem("row", number, "", None, why, ""))
                continue
            fresh = self._fresh(row, before, at)
            for depth, level in enumerate(self.levels):
                if depth < fresh:
                    self._same(level, row, before, at, carrier, number)
                    continue
                values: Values = {}
                del current[depth:]
                current.append(values)
                if depth == 0:
                    documents.append(values)
                else:
                    self._append(current[depth - 1], level.block, values)
                self._level(level, row, at, values, carrier, number)
            for name, n in extra:
                if row[n].strip():
                    current[-1].setdefault("leftovers", []).append((name, [row[n]]))
            before = row
        if carrier.problems:
            raise MapError(carrier.problems)
        return documents

    def _rows(self, data: bytes | str) -> tuple[list[str], list[tuple[int, list[str]]]]:
        try:
            text = data if isinstance(data, str) else data.decode(self.encoding)
        except UnicodeDecodeError as error:
            problem = Problem(
                "the file", None, "", None, f"is not {self.encoding}: byte {error.start} cannot be read", ""
            )
            raise MapError([problem]) from None
        reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=self.delimiter, strict=True)
        rows: list[tuple[int, list[str]]] = []
        try:
            for row in reader:
                if any(value.strip() for value in row):
                    rows.append((reader.line_num, row))
        except csv.Error as error:
            raise MapError([Problem("row", reader.line_num, "", None, f"is not CSV: {error}", "")]) from None
        if not rows:
            raise MapError([Problem("the file", None, "", None, "is empty", "")])
        return [name.strip() for name in rows[0][1]], rows[1:]

    def _fresh(self, row: list[str], before: list[str], at: Mapping[str, int]) -> int:
        """The outermost level that begins anew with this row."""
        if not before:
            return 0
        for depth, level in enumerate(self.levels):
            if not level.column or row[at[level.column]] != before[at[level.column]]:
                return depth
        return len(self.levels) - 1

    def _level(
        self, level: Level, row: list[str], at: Mapping[str, int], values: Values, carrier: Carrier, number: int
    ) -> None:
        for line in level.lines:
            text = row[at[line.key]].strip()
            if line.kind == "const":
                if text and text != line.value:
                    values.setdefault("leftovers", []).append((line.key, [text]))
            elif line.kind == "field" and (text or line.default is not None):
                carrier.read(line, text or line.default or "", values, number)

    def _same(
        self, level: Level, row: list[str], before: list[str], at: Mapping[str, int], carrier: Carrier, number: int
    ) -> None:
        """What stands in every row of a group must say the same in each."""
        for line in level.lines:
            n = at[line.key]
            if line.kind == "field" and row[n] != before[n]:
                carrier.refuse(line, number, row[n], f"differs from the row before, but belongs to {level.column}")

    @staticmethod
    def _append(holder: Values, block: Block, values: Values) -> None:
        for name in block.path[:-1]:
            holder = holder.setdefault(name, {})
        if block.path:
            holder.setdefault(block.path[-1], []).append(values)

    # -- writing ---------------------------------------------------------
    def write(self, documents: Sequence[Document], *, keep: bool) -> bytes:
        """A file with every document."""
        carrier = Carrier()
        header = list(self.columns)
        rows: list[dict[str, str]] = []
        self._write(0, list(documents), {}, rows, header, carrier, keep)
        out = io.StringIO(newline="")
        writer = csv.writer(out, delimiter=self.delimiter, lineterminator=self.newline)
        writer.writerow(header)
        writer.writerows([row.get(name, "") for name in header] for row in rows)
        try:
            data = out.getvalue().encode(self.encoding)
        except UnicodeEncodeError as error:
            why = f"{self.encoding} has no {error.object[error.start]!r}"
            carrier.problems.append(Problem("the file", None, "", None, why, ""))
            data = b""
        if carrier.problems:
            raise MapError(carrier.problems)
        return data

    def _write(
        self,
        depth: int,
        items: Sequence[Any],
        around: Mapping[str, str],
        rows: list[dict[str, str]],
        header: list[str],
        carrier: Carrier,
        keep: bool,
    ) -> None:
        level = self.levels[depth]
        if not items:
            why = "is empty, so it has no row to stand on"
            carrier.problems.append(Problem(level.block.key, len(rows) + 2, ".".join(level.block.path), None, why, ""))
        before: str | None = None
        for item in items:
            number = len(rows) + 2
            row = dict(around)
            for line in level.lines:
                row[line.key] = carrier.write(line, item, number) or ""
            if level.key is not None:
                if row[level.column] == before:
                    carrier.refuse(
                        level.key, number, before, "is the same in two neighbours, which would be read as one"
                    )
                before = row[level.column]
            for name, (value,) in (item.leftovers or ()) if keep else ():
                row[name] = value
                if name not in header:
                    header.append(name)
            if depth + 1 < len(self.levels):
                inner = self.levels[depth + 1].block
                below = get(item, inner.path) if inner.path else [item]
                self._write(depth + 1, below or (), row, rows, header, carrier, keep)
            else:
                rows.append(row)
