"""Rows of several kinds: each says in one column what it is.

    options: {header: none, record: 1}
    record H:                          the outermost record that holds fields begins a document
      2: order_number
      record N -> notes[]:             records under it: a list, an object, or more of the same object
        2: text[]
      record D -> lines[]:
        2: = number                    its number in the list
        3: quantity.value
      record T:                        behind the lines of each document
        2: = count D

The order of records under one another is the map's when written, and any when read. A record the map does not know
is refused; one that may be passed over says `record C: {2: ignored REASON}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.canonical import Document
from gateway.formats.csvfile.rows import Row
from gateway.mapping.columns import Columns
from gateway.mapping.faults import MapFault, MapFaults, Problem
from gateway.mapping.language import Block, Language, Line
from gateway.mapping.layout import Totals
from gateway.mapping.sheet import Sheet
from gateway.mapping.source import Raw
from gateway.mapping.values import Carrier, Values, get


@dataclass(slots=True, eq=False)
class Kind:
    """One kind of row, and those under it."""

    code: str
    block: Block
    lines: list[Line]
    under: list[Kind] = field(default_factory=list)

    @property
    def trailer(self) -> bool:
        """Whether it is written of itself: nothing in it comes from the document."""
        return not self.block.path and bool(self.lines) and all(line.kind != "field" for line in self.block.lines())


class Records(Sheet):
    """A map of rows of several kinds, ready to run."""

    def __init__(
        self, language: Language, options: Mapping[str, str], origins: Mapping[str, Raw], *, fixed: bool = False
    ) -> None:
        self.kinds: dict[str, Kind] = {}
        try:
            super().__init__(language, options, origins, fixed)
            if not self.record:
                raise language.root.origin.fault("nothing says where a row's kind stands", "write options: {record: 1}")
            if len(self.body) != 1:
                remedy = "a document begins with one kind of record; put the others under it"
                raise self.body[1].origin.fault("two records begin a document", remedy)
            self.top = self._kind(self.body[0])
        except MapFault as fault:
            raise MapFaults([fault.fault]) from None
        for kind in self.kinds.values():
            for line in kind.lines:
                if line.key == self.record:
                    self.faults.append(line.origin.fault(f"{line.key} says what the row is, {kind.code}").fault)
                self.claim(kind.code, line, computed=True)
        self.settle_around(self.kinds)

    def _kind(self, block: Block) -> Kind:
        word, _, code = block.key.partition(" ")
        if word != "record" or not code:
            raise block.origin.fault(f"{block.key!r} is no record", "write record CODE:")
        if code in self.kinds or any(record.code == code for record in self.around):
            raise block.origin.fault(f"record {code} stands there twice", "one kind of row has one place")
        kind = self.kinds[code] = Kind(code, block, [item for item in block.items if isinstance(item, Line)])
        kind.under = [self._kind(item) for item in block.items if isinstance(item, Block)]
        return kind

    # -- cutting ---------------------------------------------------------
    def begins(self, row: Row, before: Row, columns: Columns) -> bool:
        return self.code(columns, row) == self.top.code

    def width(self, columns: Columns, row: Row) -> str:
        code = self.code(columns, row)
        if code in self.kinds:
            return ""
        return f"begins with {code!r}, and there is no such record" if code else "does not say which record it is"

    def row_code(self, columns: Columns, row: Row) -> str:
        return self.code(columns, row)

    # -- reading ---------------------------------------------------------
    def values(self, rows: Sequence[Row], columns: Columns, carrier: Carrier) -> Values:
        document: Values = {}
        path: list[tuple[Kind, Values]] = []
        once: set[tuple[int, str]] = set()
        counting = [line for kind in self.kinds.values() for line in kind.lines if line.kind in ("count", "sum")]
        totals = self.totals(counting)
        for row in rows:
            kind = self.kinds[self.code(columns, row)]
            totals.add(kind.code, lambda key, row=row: self.cell(columns, row, key))  # type: ignore[misc]
            if kind is self.top:
                path = [(kind, document)]
                values = document
            else:
                while path and kind not in path[-1][0].under:
                    path.pop()
                if not path:
                    why = "stands where it does not belong"
                    carrier.problems.append(Problem(f"record {kind.code}", row.number, "", None, why, ""))
                    path = [(self.top, document)]
                    continue
                holder = path[-1][1]
                if not kind.block.many and (id(holder), kind.code) in once:
                    why = "comes twice"
                    carrier.problems.append(Problem(f"record {kind.code}", row.number, "", None, why, ""))
                    continue
                once.add((id(holder), kind.code))
                values = self._store(holder, kind.block)
                path.append((kind, values))
            for line in kind.lines:
                if line.kind in ("count", "sum"):
                    carrier.problems += self._counted(line, row, columns, totals)
                else:
                    self.carry(line, row, columns, values, carrier)
            for name in self._beyond(kind, row):
                text = self._cut(row, name)
                if text:
                    values.setdefault("leftovers", []).append((f"{kind.code} {name}", [text]))
        return document

    @staticmethod
    def _store(holder: Values, block: Block) -> Values:
        if not block.path:
            return holder
        for name in block.path[:-1]:
            holder = holder.setdefault(name, {})
        inner: Values = {}
        if block.many:
            holder.setdefault(block.path[-1], []).append(inner)
        else:
            inner = holder.setdefault(block.path[-1], inner)
        return inner

    def _counted(self, line: Line, row: Row, columns: Columns, totals: Totals) -> list[Problem]:
        text, wanted = self.cell(columns, row, line.key), totals.value(line)
        column = self.number(columns, line.key)
        try:
            said = self.pair(line).read(text)
        except (ValueError, ArithmeticError) as error:
            return [Problem(line.key, row.number, "", text, str(error), str(line.origin), column)]
        if said == wanted:
            return []
        why = f"is not {format(wanted.normalize(), 'f')}, as counted here"
        return [Problem(line.key, row.number, "", text, why, str(line.origin), column)]

    def _beyond(self, kind: Kind, row: Row) -> list[str]:
        named = [*(line.key for line in kind.lines), self.record]
        if self.fixed:
            return self.gaps([self.places[key] for key in named], row)
        return [str(n) for n in range(1, len(row.cells) + 1) if str(n) not in named]

    def _cut(self, row: Row, name: str) -> str:
        if not self.fixed:
            return row.cells[int(name) - 1] if row.cells[int(name) - 1].strip() else ""
        place = self._place(name)
        return row.cells[0][place.start : place.end].strip()

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
        for document in documents:
            own = self.totals(line for kind in self.kinds.values() for line in kind.lines if line.kind == "sum")
            self._write(self.top, document, 1, rows, start, carrier, (own, totals), keep)

    def _write(
        self,
        kind: Kind,
        holder: Any,
        number: int,
        rows: list[dict[str, str]],
        start: int,
        carrier: Carrier,
        totals: tuple[Totals, Totals],
        keep: bool,
    ) -> None:
        row = {self.record: kind.code}
        says = False
        for one in totals:  # a trailer counts itself
            one.counts[kind.code] += 1
            one.counts["all"] += 1
        for line in kind.lines:
            if line.kind == "number":
                row[line.key] = self.spell(line, str(number), carrier, number)
            elif line.kind in ("count", "sum"):
                row[line.key] = self.spell(line, self.pair(line).write(totals[0].value(line)), carrier, number)
            else:
                text = carrier.write(line, holder, len(rows) + start)
                row[line.key] = self.spell(line, text or "", carrier, len(rows) + start)
                says = says or (line.kind == "field" and text is not None)
        for name, (value,) in (holder.leftovers or ()) if keep else ():
            code, _, key = name.rpartition(" ")
            if code == kind.code and key not in (line.key for line in kind.lines if line.kind == "field"):
                row[key] = value
                says = True
        for one in totals:
            one.counts[kind.code] -= 1
            one.counts["all"] -= 1
        below = kind is self.top or bool(kind.block.path) or says or kind.trailer
        if not below:
            return
        for one in totals:
            one.add(kind.code, lambda key: row.get(key, ""))
        rows.append(row)
        for inner in kind.under:
            found = get(holder, inner.block.path) if inner.block.path else holder
            for n, each in enumerate(found if inner.block.many else [] if found is None else [found], 1):
                self._write(inner, each, n, rows, start, carrier, totals, keep)
