"""Files of rows, whatever their rows mean: how one is cut into documents while it is read, how it is written, and
whether the records around the documents say the truth. What a row holds and where: layout.py.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.canonical import Document
from gateway.formats.csvfile.rows import Row, read, write
from gateway.mapping.columns import Columns, Place
from gateway.mapping.faults import MISSING, MapError, Problem
from gateway.mapping.layout import Layout, Record, Totals
from gateway.mapping.text import LARGEST, Part
from gateway.mapping.values import Carrier, Values

Cells = Mapping[str, str]


@dataclass(slots=True)
class Open:
    """The document being read."""

    rows: list[Row]
    problems: list[Problem]
    size: int = 0


class Sheet(Layout):
    """What every map of rows has; the two kinds of map say where a document begins and what its rows mean."""

    several = True

    # -- what the two kinds of map say -------------------------------------
    def begins(self, row: Row, before: Row, columns: Columns) -> bool:
        """Whether a document begins with this row."""
        raise NotImplementedError

    def width(self, columns: Columns, row: Row) -> str:
        """Why a row cannot be one of ours."""
        raise NotImplementedError

    def row_code(self, columns: Columns, row: Row) -> str:
        """What a trailer calls this row when it counts."""
        raise NotImplementedError

    # -- cutting ---------------------------------------------------------
    def parts(self, chunks: Iterable[bytes]) -> Iterator[Part]:
        """The documents of a file."""
        rows = read(chunks, self.dialect)
        columns, head = self._start(rows)
        totals, outer = self.totals(self.computed), {record.code: record for record in self.around}
        seen: set[str] = set()
        problems: list[Problem] = []
        now: Open | None = None
        number = 0
        for row in rows:
            if row.last:
                raise MapError([*problems, Problem("row", row.number, "", None, row.fault, "")])
            around = outer.get(self.code(columns, row) or columns.cell(row.cells, "1")) if outer and row.cells else None
            if around is not None:
                totals.add(around.code, lambda key, row=row: self.cell(columns, row, key))  # type: ignore[misc]
                problems += self._around(around, row, columns, totals)
                seen.add(around.code)
                continue
            totals.add(self.row_code(columns, row), lambda key, row=row: self.cell(columns, row, key))  # type: ignore[misc]
            fault = row.fault or self.width(columns, row)
            if now is not None and self._goes_on(now, row, columns, bool(fault)):
                now.rows.append(row)
                now.size += row.size
            else:
                if now is not None:
                    number += 1
                    yield self._part(number, now, head)
                now = Open([row], [], row.size)
            if fault:
                now.problems.append(Problem("row", row.number, "", None, fault, ""))
            if now.size > LARGEST:
                why = f"belongs to a document of more than {LARGEST:,} bytes"
                raise MapError([Problem("row", row.number, "", None, why, "")])
        if now is not None:
            yield self._part(number + 1, now, head)
        for record in self.around:
            if record.after and record.code not in seen:
                why = f"{MISSING}: the file breaks off before its last record"
                problems.append(Problem(f"record {record.code}", None, "", None, why, str(record.block.origin)))
        if problems:
            raise MapError(problems)

    def _goes_on(self, now: Open, row: Row, columns: Columns, broken: bool) -> bool:
        """A row that cannot be read may be the next one of the open document, which is then not whole."""
        if broken and not row.cells:
            return True
        return not self.begins(row, now.rows[-1], columns)

    def _start(self, rows: Iterator[Row]) -> tuple[Columns, str]:
        if not self.header:
            return Columns(()), ""
        first = next(rows, None)
        if first is None:
            raise MapError([Problem("the file", None, "", None, "is empty", "")])
        if first.fault:
            raise MapError([Problem("row", first.number, "", None, first.fault, "")])
        columns = Columns([name.strip() for name in first.cells])
        if problems := self.header_problems(columns, first.number):
            raise MapError(problems)
        return columns, json.dumps(columns.names, ensure_ascii=False)

    def header_problems(self, columns: Columns, number: int) -> list[Problem]:
        """What is wrong with a header."""
        wanted = {key for (code, key) in self.lines if not any(record.code == code for record in self.around)}
        absent = sorted(key for key in wanted if key not in columns.at)
        other = next((mark for mark in ";,\t|" if mark in columns.names[0]), "") if len(columns.names) == 1 else ""
        if absent and other:
            why = f"is separated by {other!r}, not by {self.dialect.delimiter!r}"
            return [Problem("row", number, "", None, why, "")]
        if absent:
            return [Problem(name, number, "", None, "is missing in the header", "") for name in absent]
        twice = sorted({name for name in columns.names if columns.names.count(name) > 1})
        return [Problem(name, number, "", None, "is in the header twice", "") for name in twice]

    def _part(self, number: int, now: Open, head: str) -> Part:
        first, last = now.rows[0], now.rows[-1]
        place = f"row {first.number}" if first is last else f"rows {first.number} to {last.number}"
        data = b""  # the caller cuts it out of the file where it is needed
        size = last.offset + last.size - first.offset
        return Part(number, first.offset, size, place, first.number, data, head, now.rows, tuple(now.problems))

    def _around(self, record: Record, row: Row, columns: Columns, totals: Totals) -> Iterator[Problem]:
        for line in record.lines:
            text = self.cell(columns, row, line.key)
            column = self.number(columns, line.key)
            wanted = line.value
            if line.kind in ("count", "sum"):
                try:
                    said = self.pair(line).read(text)
                except (ValueError, ArithmeticError) as error:
                    yield Problem(line.key, row.number, "", text, str(error), str(line.origin), column)
                    continue
                wanted = format(totals.value(line).normalize(), "f")
                if said == totals.value(line):
                    continue
            elif line.kind != "const" or text == line.value:
                continue
            yield Problem(line.key, row.number, "", text, f"is not {wanted}, as counted here", str(line.origin), column)

    # -- reading ---------------------------------------------------------
    def read(self, part: Part) -> Values:
        """The values of one document."""
        columns = Columns(json.loads(part.head) if part.head else ())
        rows = part.rows
        if rows is None:
            rows = list(read([part.data], self.dialect, number=part.line, offset=part.offset))
        carrier = Carrier()
        carrier.problems += part.problems
        values = self.values([row for row in rows if not self._odd(columns, row, carrier)], columns, carrier)
        if carrier.problems:
            raise MapError(sorted(carrier.problems, key=lambda problem: (problem.position or 0, problem.column or 0)))
        return values

    def _odd(self, columns: Columns, row: Row, carrier: Carrier) -> bool:
        why = row.fault or self.width(columns, row)
        if why and not any(problem.position == row.number for problem in carrier.problems):
            carrier.problems.append(Problem("row", row.number, "", None, why, ""))
        return bool(why)

    def values(self, rows: Sequence[Row], columns: Columns, carrier: Carrier) -> Values:
        """What the rows of one document say."""
        raise NotImplementedError

    def fits(self, start: bytes) -> str:
        """Why a file that begins so is none of ours."""
        if not self.header:
            return ""
        row = next(read([start], self.dialect), None)
        columns = Columns([name.strip() for name in row.cells] if row else [])
        problems = self.header_problems(columns, 1)
        if not problems:
            return ""
        place = "its header" if problems[0].place == "row" else f"column {problems[0].place}"
        return f"{place} {problems[0].why}"

    # -- writing ---------------------------------------------------------
    def write(self, documents: Sequence[Document], *, keep: bool) -> bytes:
        """A file with every document."""
        carrier = Carrier()
        names = list(dict.fromkeys(key for (code, key) in self.lines if not self._outer(code))) if self.header else []
        totals = self.totals(self.computed)
        body: list[dict[str, str]] = []
        start = 2 if self.header else 1
        body += self._outside(False, totals, carrier)
        self.fill(list(documents), body, start, names, carrier, totals, keep)
        body += self._outside(True, totals, carrier)
        out = [names] if self.header else []
        out += [self.placed(row, names, carrier, n) for n, row in enumerate(body, start)]
        try:
            data = write(out, self.dialect).encode(self.dialect.encoding)
        except UnicodeEncodeError as error:
            why = f"{self.dialect.encoding} has no {error.object[error.start]!r}"
            carrier.problems.append(Problem("the file", None, "", None, why, ""))
        except csv.Error as error:
            carrier.problems.append(Problem("the file", None, "", None, f"cannot be written: {error}", ""))
        if carrier.problems:
            raise MapError(carrier.problems)
        return data

    def _outer(self, code: str) -> bool:
        return any(record.code == code for record in self.around)

    def _outside(self, after: bool, totals: Totals, carrier: Carrier) -> Iterator[dict[str, str]]:
        for record in self.around:
            if record.after == after:
                row = {self.record or self._first(): record.code}
                totals.add(record.code, row.__getitem__)
                for line in record.lines:
                    if line.kind in ("count", "sum"):
                        row[line.key] = self.spell(line, self.pair(line).write(totals.value(line)), carrier, 0)
                    elif line.kind == "const":
                        row[line.key] = line.value
                yield row

    def _first(self) -> str:
        return next(iter(self.lines))[1] if self.header else "1"

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
        """The rows of the documents; a column of a leftover is added to the names."""
        raise NotImplementedError

    def placed(self, row: Cells, names: Sequence[str], carrier: Carrier, number: int) -> list[str]:
        """The cells of a row in their order."""
        if self.header:
            return [row.get(name, "") for name in names]
        if not self.fixed:
            width = max((int(key) for key in row), default=0)
            return [row.get(str(n), "") for n in range(1, width + 1)]
        return ["".join(self._characters(row, carrier, number)).rstrip()]

    def _characters(self, row: Cells, carrier: Carrier, number: int) -> list[str]:
        line = [" "] * max((self._place(key).end for key in row), default=0)
        for key, text in row.items():
            place = self._place(key)
            width = place.end - place.start
            why = ""
            if len(text) > width:
                why = f"is longer than the {width} characters of {key}"
            elif "\n" in text or "\r" in text or text != text.strip():
                why = "cannot stand in a line"
            if why:
                carrier.problems.append(Problem(key, number, "", text, why, ""))
                continue
            match place.align:
                case "right":
                    text = text.rjust(width)
                case "zeros":
                    text = text.zfill(width) if text else " " * width
                case _:
                    text = text.ljust(width)
            line[place.start : place.end] = text
        return line

    def _place(self, key: str) -> Place:
        found = self.places.get(key)
        if found is None:  # of a leftover
            start, _, end = key.partition("-")
            found = Place(int(start) - 1, int(end), "")
        return found
