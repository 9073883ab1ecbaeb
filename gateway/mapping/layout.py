"""What a map of rows says of its file: how it is written, where each column is found, which records stand around the
documents, and what a trailer counts.

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

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal

from gateway.formats.csvfile.rows import Dialect, Row
from gateway.mapping.columns import Columns, Place
from gateway.mapping.faults import Fault, MapFault, MapFaults, Origin
from gateway.mapping.formats import DECIMAL, Format
from gateway.mapping.language import Block, Language, Line
from gateway.mapping.source import Raw
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
ROW = "row"  # what a trailer calls rows of one kind
COMPUTED = ("count", "sum", "number")


@dataclass(slots=True)
class Record:
    """A record outside of the documents: it holds no field, only what is constant, computed or ignored."""

    code: str
    block: Block
    after: bool  # it stands behind the documents
    lines: list[Line] = field(default_factory=list)


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


class Layout:
    """The columns and records of one map, and how a value stands in them."""

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
            place = Place.of(key)
            if place is None:
                raise origin.fault(f"{key!r} is no place in a line", "write 1-10, 11-20 right or 21-28 zeros")
            self.places[key] = place
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


def counts(line: Line) -> bool:
    """Whether a line carries a number."""
    return line.kind in COMPUTED or (line.target is not None and line.target.type is Decimal)


def _encoding(name: str) -> bool:
    try:
        "".encode(name)
    except LookupError:
        return False
    return True
