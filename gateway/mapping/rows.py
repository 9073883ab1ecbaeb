"""A partner's own rows of code tables and conversions, from YAML or CSV, as they are laid over the maps.

    codes:
      unit: {inner-pack: IP, case: CS CA}       our word: their code, the first is written, all are read
    convert:
      inner-pack: 6 each
      pack of THROW-2: 12 each                  of one article

A CSV file is one table: a heading `word,code` (or with ; or a tab), then a row a word; further columns are for people.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.mapping.faults import Fault, MapFaults, Origin
from gateway.mapping.source import Raw, read_yaml

SECTIONS = ("codes", "convert")


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of several files, later ones over earlier ones, and the tables that pass on nothing they do not name."""

    sections: Mapping[str, Raw] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    said: str = ""  # what they say, as a text: two of one text are the same

    @classmethod
    def of(cls, files: Iterable[tuple[str, str]], asked: Iterable[str] = ()) -> Rows:
        """The rows of files (name, text); MapFaults with what is wrong in one of them."""
        sections: dict[str, Raw] = {}
        for file, text in files:
            read = _csv(file, text) if file.endswith(".csv") else _yaml(file, text)
            for name, raw in read.items():
                below = sections.get(name)
                sections[name] = raw if below is None else _merged(below, raw)
        tables = tuple(sorted(asked))
        plain = {name: raw.plain() for name, raw in sections.items()}
        return cls(sections, tables, json.dumps([plain, tables]) if plain or tables else "")


NONE = Rows()


def _merged(below: Raw, over: Raw) -> Raw:
    if below.kids is None or over.kids is None:
        return over
    kids = dict(below.kids)
    for key, raw in over.kids.items():
        kids[key] = _merged(kids[key], raw) if key in kids else raw
    return Raw(over.key, over.origin, None, kids)


def _yaml(file: str, text: str) -> Mapping[str, Raw]:
    read = read_yaml(text, file)
    for key, raw in read.items():
        if key not in SECTIONS or raw.kids is None:
            remedy = "write codes: with a table a line under it, or convert: with a unit a line"
            raise MapFaults([Fault(file, raw.origin.line, f"`{key}` is no part of a file of codes", remedy)])
    for name, table in (read["codes"].kids or {} if "codes" in read else {}).items():
        if table.kids is None:
            raise MapFaults(
                [Fault(file, table.origin.line, f"table `{name}` has no rows", f"write {name}: {{our word: CODE}}")]
            )
        for word, row in table.kids.items():
            if row.kids is not None or not row.value or not row.value.strip():
                raise MapFaults([Fault(file, row.origin.line, f"`{word}` has no code", f"write {word}: CODE")])
    return read


def _csv(file: str, text: str) -> Mapping[str, Raw]:
    table = file.rpartition("/")[2].removesuffix(".csv")
    mark = next((mark for mark in ";\t" if text.lower().startswith(f"word{mark}")), ",")  # as spreadsheets save it
    reader = csv.reader(io.StringIO(text), delimiter=mark)
    heading = [cell.strip().lower() for cell in next(reader, [])]
    if heading[:2] != ["word", "code"]:
        said = "the first row of a code table must be its heading"
        raise MapFaults([Fault(file, 1, said, "write word,code; more columns may follow")])
    rows: dict[str, Raw] = {}
    for cells in reader:
        origin = Origin(file, reader.line_num)
        word, code = (cell.strip() for cell in (*cells, "", "")[:2])
        if not word and not code:
            continue
        if not word or not code:
            raise MapFaults(
                [Fault(file, origin.line, "a row of a code table needs both cells", "write our word,their code")]
            )
        if word in rows:
            rows[word] = Raw(word, rows[word].origin, f"{rows[word].value} {code}")  # another spelling, read only
        else:
            rows[word] = Raw(word, origin, code)
    if not rows:
        raise MapFaults([Fault(file, 1, "a code table without a row", "write our word,their code, one a line")])
    return {"codes": Raw("codes", Origin(file, 1), None, {table: Raw(table, Origin(file, 1), None, rows)})}
