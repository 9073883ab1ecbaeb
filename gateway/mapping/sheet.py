"""Files of rows, whatever their rows mean: columns by name, by number or by place in the line; records that stand
around the documents; the counts a trailer holds; and how a file is cut into documents while it is read.

    document: csv                            document: fixed
    options:                                 options: {encoding: ascii, newline: lf, record: 1-2}
      delimiter: ";"       (tab: "tab")      columns are places: 3-12, 13-20 right, 21-28 zeros
      header: none         columns are then numbers: 1, 2, 3
      record: 1            the column whose value says what a row is

    record EOF:            outside of the documents: written once, before or after them as the map has it
      2: = count D         rows of a kind, `all` for every record of the file
      3: = sum D 4         the values of a column
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal

from gateway.canonical import Document
from gateway.formats.csvfile.rows import Dialect, Row, read, write
from gateway.mapping.faults import MISSING, Fault, MapError, MapFault, MapFaults, Origin, Problem
from gateway.mapping.formats import DECIMAL, Format
from gateway.mapping.language import Block, Language, Line
from gateway.mapping.source import Raw
from gateway.mapping.text import LARGEST, Part
from gateway.mapping.values import Carrier, Values, settle

OPTIONS = {
    "delimiter": ",",
    "quote": '"',
    "encoding": "utf-8",
    "newline": "crlf",
    "header": "yes",
    "record": "",
}
FIXED = ("encoding", "newline", "record")
_NEWLINES = {"crlf": "\r\n", "lf": "\n"}
_PLACE = re.compile(r"(\d+)-(\d+)(?: (left|right|zeros))?")
ROW = "row"  # what a trailer calls rows of one kind
COMPUTED = ("count", "sum", "number")

Cells = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Place:
    """A column of a fixed width."""

    start: int  # from 0
    end: int
    align: str  # left, right, zeros; "": numbers are filled with zeros, all else stands on the left

    def cut(self, line: str) -> str:
        text = line[self.start : self.end].strip()
        return text.lstrip("0") or text[:1] if self.align == "zeros" else text


@dataclass(slots=True)
class Record:
    """A record outside of the documents: it holds no field, only what is constant, computed or ignored."""

    code: str
    block: Block
    after: bool  # it stands behind the documents
    lines: list[Line] = field(default_factory=list)


class Columns:
    """Where each column of one file is found."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.at = {name: n for n, name in enumerate(names)}

    def number(self, key: str) -> int | None:
        """Its number for people, from 1."""
        n = self.at.get(key)
        return n + 1 if n is not None else int(key) if key.isdecimal() else None

    def cell(self, cells: Sequence[str], key: str) -> str:
        """What stands in a column; nothing where the row ends before it, or the file has no such column."""
        number = self.number(key)
        return cells[number - 1].strip() if number is not None and number <= len(cells) else ""


class Totals:
    """What a trailer counts, while the rows go by."""

    def __init__(self, sums: Sequence[tuple[str, str, str, Format]]) -> None:
        self.counts: Counter[str] = Counter()
        self.sums = {name: Decimal(0) for name, _, _, _ in sums}
        self._wanted: dict[str, list[tuple[str, str, Format]]] = {}
        for name, code, key, pair in dict.fromkeys(sums):
            self._wanted.setdefault(code, []).append((name, key, pair))

    def add(self, code: str, cell: Callable[[str], str]) -> None:
        """One more row."""
        self.counts[code] += 1
        self.counts["all"] += 1
        for name, key, pair in self._wanted.get(code, ()):
            with suppress(ValueError, ArithmeticError):  # the document of this row says so
                self.sums[name] += pair.read(cell(key) or "0")

    def value(self, line: Line) -> Decimal:
        """What a computed line has to say now."""
        if line.kind == "count":
            return Decimal(sum(self.counts[code] for code in line.value.split()))
        return self.sums[line.value]


@dataclass(slots=True)
class Open:
    """The document being read."""

    rows: list[Row]
    problems: list[Problem]
    size: int = 0


class Sheet:
    """What every map of rows has; the two kinds of map say where a document begins and what its rows mean."""

    several = True

    def __init__(self, language: Language, options: Mapping[str, str], origins: Mapping[str, Raw], fixed: bool) -> None:
        self.faults: list[Fault] = []
        self.fixed = fixed
        known = FIXED if fixed else tuple(OPTIONS)
        for name in options:
            if name not in known:
                what = "file of fixed width" if fixed else "CSV file"
                raise origins[name].origin.fault(f"a {what} has no option {name}", f"it has {', '.join(known)}")
        said = {**OPTIONS, **options}
        delimiter = {"tab": "\t", "none": ""}.get(said["delimiter"], said["delimiter"])
        quote = "" if said["quote"] == "none" else said["quote"]
        for name, wrong in (
            ("delimiter", len(delimiter) != 1),
            ("quote", len(quote) > 1),
            ("newline", said["newline"] not in _NEWLINES),
            ("header", said["header"] not in ("yes", "none")),
            ("encoding", not _encoding(said["encoding"])),
        ):
            if wrong:
                raise origins[name].origin.fault(
                    f"{name}: {said[name]!r} cannot be",
                    "a delimiter is one character or tab, a quote one character or none, a newline crlf or lf, "
                    "a header yes or none, an encoding one that Python knows",
                )
        self.header = not fixed and said["header"] == "yes"
        self.dialect = Dialect("" if fixed else delimiter, quote, said["encoding"], _NEWLINES[said["newline"]])
        self.record = said["record"]
        self.places: dict[str, Place] = {}
        self.lines: dict[tuple[str, str], Line] = {}  # (code of the row, column) -> its line
        self.around: list[Record] = []
        self.body: list[Block] = []
        for item in language.root.items:
            if isinstance(item, Line):
                raise item.origin.fault(
                    f"{item.key} stands outside the rows", "put it under by COLUMN:, row: or record X:"
                )
            if (
                item.key.startswith("record ")
                and not any(line.kind == "field" for line in item.lines())
                and not item.path
            ):
                self.around.append(Record(item.key[7:].strip(), item, bool(self.body)))
            else:
                self.body.append(item)
        if self.record:
            self.key(self.record, origins["record"].origin if "record" in origins else language.root.origin)

    # -- loading ---------------------------------------------------------
    def key(self, key: str, origin: Origin) -> None:
        """A column as the map writes it."""
        if self.fixed:
            match = _PLACE.fullmatch(key)
            if match is None or not 0 < int(match[1]) <= int(match[2]):
                raise origin.fault(f"{key!r} is no place in a line", "write 1-10, 11-20 right or 21-28 zeros")
            self.places[key] = Place(int(match[1]) - 1, int(match[2]), match[3] or "")
        elif not self.header and not (key.isdecimal() and int(key) > 0):
            raise origin.fault(f"{key!r} is no column", "without a header columns are numbers: 1, 2, 3")

    def claim(self, code: str, line: Line, *, computed: bool = False) -> None:
        """A line's column, its format, and nobody else on it."""
        line.place = line.key
        try:
            self.key(line.key, line.origin)
            if line.kind in COMPUTED:
                if not computed:
                    raise line.origin.fault(f"{line.key}: = {line.kind} has no meaning here")
            else:
                settle(line)
            if (code, line.key) in self.lines:
                there = self.lines[code, line.key]
                raise line.origin.fault(f"column {line.key} already has a line", f"at {there.origin}")
            if self.fixed:
                self._apart(code, line)
        except MapFault as fault:
            self.faults.append(fault.fault)
        self.lines.setdefault((code, line.key), line)

    def _apart(self, code: str, line: Line) -> None:
        place = self.places[line.key]
        for (other, key), there in self.lines.items():
            taken = self.places.get(key)
            if other == code and taken and taken.start < place.end and place.start < taken.end:
                raise line.origin.fault(f"{line.key} overlaps {key}", f"at {there.origin}")

    def settle_around(self, codes: Iterable[str]) -> None:
        """The records outside, once every row's columns are known."""
        for record in self.around:
            record.lines = [item for item in record.block.items if isinstance(item, Line)]
            for line in record.lines:
                self.claim(record.code, line, computed=True)
        known = {*codes, *(record.code for record in self.around), "all"}
        for (_, key), line in self.lines.items():
            wrong = [code for code in line.value.split() if code not in known] if line.kind == "count" else []
            if wrong:
                fault = line.origin.fault(
                    f"{key} counts {wrong[0]}, which is no row", f"rows: {', '.join(sorted(known))}"
                )
                self.faults.append(fault.fault)
            if line.kind == "sum" and self.summed(line) is None:
                said = "`= sum COLUMN`, or with records `= sum CODE COLUMN`"
                self.faults.append(line.origin.fault(f"{key} sums {line.value}, which is no number", said).fault)
        if self.faults:
            raise MapFaults(self.faults)

    def summed(self, line: Line) -> tuple[str, str, Format] | None:
        """What a sum line adds up: the rows, the column, its format."""
        for (code, key), other in self.lines.items():
            named = line.value == f"{code} {key}" if self.record and code != ROW else line.value == key
            if named and other.kind == "field" and other.target and other.target.type is Decimal:
                return code, key, other.format
        return None

    def totals(self, lines: Iterable[Line]) -> Totals:
        """An empty count of what these lines count."""
        return Totals([(line.value, *found) for line in lines if line.kind == "sum" and (found := self.summed(line))])

    @property
    def computed(self) -> list[Line]:
        """The lines of the records outside that count."""
        return [line for record in self.around for line in record.lines if line.kind in ("count", "sum")]

    def pair(self, line: Line) -> Format:
        """How a computed number is spelled."""
        found = self.summed(line) if line.kind == "sum" else None
        return found[2] if found else DECIMAL

    # -- cells -----------------------------------------------------------
    def cell(self, columns: Columns, row: Row, key: str) -> str:
        """What stands in a column of a row."""
        if self.fixed:
            return self.places[key].cut(row.cells[0]) if row.cells else ""
        return columns.cell(row.cells, key)

    def number(self, columns: Columns, key: str) -> int | None:
        """A column's number for people: its cell, or the character it begins at."""
        return self.places[key].start + 1 if self.fixed else columns.number(key)

    def carry(self, line: Line, row: Row, columns: Columns, values: Values, carrier: Carrier) -> None:
        """One cell into its field."""
        text = self.cell(columns, row, line.key)
        if text == "0" and self.fixed and self.places[line.key].align == "zeros" and not counts(line):
            text = ""  # nothing but filling
        if line.kind == "const":
            if text and text != line.value:
                values.setdefault("leftovers", []).append((line.key, [text]))
        elif line.kind == "field" and (text or line.default is not None):
            column = self.number(columns, line.key)
            carrier.read(line, text or line.default or "", values, row.number, column=column)

    def spell(self, line: Line, text: str, carrier: Carrier, number: int) -> str:
        """A text as its column has it."""
        if not self.fixed or not text:
            return text
        place = self.places[line.key]
        if counts(line):
            return text.zfill(place.end - place.start) if place.align in ("", "zeros") else text
        if place.align == "zeros" and text.startswith("0"):
            carrier.refuse(line, number, text, "begins with a zero, and zeros fill this column")
        return text

    def code(self, columns: Columns, row: Row) -> str:
        """What a row says it is, where rows say so."""
        return self.cell(columns, row, self.record) if self.record else ""

    def gaps(self, places: Iterable[Place], row: Row) -> list[str]:
        """The places of a line nobody names, as 11-20."""
        out, at = [], 0
        for place in sorted(places, key=lambda one: one.start):
            if place.start > at:
                out.append(f"{at + 1}-{place.start}")
            at = max(at, place.end)
        if len(row.cells[0]) > at:
            out.append(f"{at + 1}-{len(row.cells[0])}")
        return out

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
            yield Problem(line.key, row.number, "", text, f"is not {wanted}", str(line.origin), column)

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
        return f"column {problems[0].place} {problems[0].why}" if problems else ""

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


def counts(line: Line) -> bool:
    """Whether a line carries a number."""
    return line.kind in COMPUTED or (line.target is not None and line.target.type is Decimal)


def _encoding(name: str) -> bool:
    try:
        "".encode(name)
    except LookupError:
        return False
    return True
