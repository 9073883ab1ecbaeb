"""Who says that a map is right. None of these judges is enough alone.

* The load checks (Library.map): complete, reversible, every code and element known to the guide.
* Lint: each field stands where it usually stands, and each qualifier means what it usually means (`usual.yaml`).
* Round trips of generated documents: what we write we read back equal, and the guide accepts it. They judge the
  compiler; an error made the same way in both directions is invisible to them.
* Cases a person approved, in both directions: they pin the meaning. `unexercised` names the lines no case touches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.canonical import Document, parse
from gateway.formats.x12.separators import read_isa
from gateway.formats.x12.splitting import rows_of
from gateway.mapping.draw import Dice
from gateway.mapping.faults import MapError, Origin
from gateway.mapping.generate import PARTNER, document
from gateway.mapping.language import Block, Line
from gateway.mapping.map import Map
from gateway.mapping.source import read_yaml
from gateway.mapping.x12.reading import all_uses
from gateway.mapping.x12.rows import Row
from gateway.mapping.x12.shape import Use, element_of, first

COMPUTED_LINES = ("count", "sum", "number")

Facts = list[tuple[str, str, str, str]]  # what is said, its value, the line's key, where the line stands


@dataclass(frozen=True, slots=True)
class Case:
    """A document and the canonical document a person approved for it."""

    name: str
    document: bytes
    canonical: str


@dataclass(slots=True)
class Verdict:
    """What the judges say of one map."""

    map: str
    unusual: list[str] = field(default_factory=list)
    trips: int = 0
    broken_trips: list[str] = field(default_factory=list)
    cases: int = 0
    broken_cases: list[str] = field(default_factory=list)
    unexercised: list[str] = field(default_factory=list)  # "REF[01=DP]02: department (x12-850-order.yaml:14)"
    lost: int = 0  # values of the cases the map declares it cannot carry back

    @property
    def good(self) -> bool:
        return not (self.unusual or self.broken_trips or self.broken_cases)


def judge(chart: Map, cases: Iterable[Case], usual: Mapping[str, frozenset[str]], *, documents: int = 50) -> Verdict:
    """All judges but the load checks, which the map has passed or it would not be here."""
    verdict = Verdict(chart.name, unusual=lint(chart, usual))
    for seed in range(documents):
        verdict.trips += 1
        said = trip(chart, document(chart, Dice(seed), rich=10 if seed == 0 else 5))
        if said is not None:
            verdict.broken_trips.append(f"generated document {seed}: {said}")
    touched: set[int] = set()
    for case in cases:
        verdict.cases += 1
        verdict.broken_cases += [f"{case.name}: {said}" for said in approved(chart, case, touched)]
        verdict.lost += len(chart.lost(parse(case.canonical))) if not verdict.broken_cases else 0
    verdict.unexercised = list(unexercised(chart, touched))
    return verdict


def unexercised(chart: Map, touched: set[int]) -> Iterator[str]:
    """The lines of the map's own files no case touches. What an overlay inherits is for the cases of the map below."""
    said: dict[Origin, tuple[str, bool]] = {}
    todo: list[Line | Block] = list(chart.language.root.items)
    for item in todo:
        if isinstance(item, Block):
            used = any(line.n in touched for line in item.lines())
            what = f"{item.key} -> {'.'.join(item.path)}" if item.path else item.key
            todo += item.items
        else:
            used, what = item.n in touched or item.kind == "ignored", f"{item.key}: {item.full or item.kind}"
        said[item.origin] = (what, used or said.get(item.origin, ("", False))[1])
    for origin, (what, used) in said.items():
        if not used and origin.file in chart.own_files:
            yield f"{what} ({origin})"


# -- round trips -------------------------------------------------------------
def trip(chart: Map, x: Document) -> str | None:
    """None when read(write(x)) == x and the guide accepts what was written; else what broke."""
    try:
        if chart.x12 is None:
            back = chart.read_text(chart.write_text(x, partner=PARTNER), partner=PARTNER)
            return None if back == [x] else first_difference([x.model_dump()], [one.model_dump() for one in back])
        rows = enclosed(chart, chart.write(x, partner=PARTNER))
        checked = chart.x12.guide.check(rows)
        if checked.findings:
            said = checked.findings[0]
            return f"the guide refuses what is written: {said.code} {said.segment} {said.position} {said.value or ''}"
        again = chart.read(rows, checked.positions, partner=PARTNER)
    except MapError as error:
        return str(error)
    return None if again == x else first_difference(x.model_dump(), again.model_dump())


def enclosed(chart: Map, rows: list[Row]) -> list[Row]:
    """Rows with ST and SE around them."""
    assert chart.guide is not None
    return [["ST", chart.guide.set_id, "0001"], *rows, ["SE", str(len(rows) + 2), "0001"]]


def first_difference(a: Any, b: Any, path: str = "") -> str:
    """Where two dumps begin to differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        for name in [*a, *b]:
            if a.get(name) != b.get(name):
                return first_difference(a.get(name), b.get(name), f"{path}.{name}")
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for n, (p, q) in enumerate(zip(a, b, strict=True)):
            if p != q:
                return first_difference(p, q, f"{path}[{n}]")
    return f"{path.lstrip('.') or 'the document'}: {a!r} came back as {b!r}"


# -- cases -------------------------------------------------------------------
def approved(chart: Map, case: Case, touched: set[int]) -> Iterator[str]:
    """What a case disagrees with; the lines it exercises are added to `touched`."""
    wanted = parse(case.canonical)
    source = chart.source(PARTNER)
    try:
        if chart.x12 is None:
            found = chart.read_text(case.document, partner=PARTNER)
            touched |= _touched_text(chart, found[0], _plain_text(case.document))
            yield from _compare(found[0], wanted)
            written = chart.write_text(wanted.model_copy(update={"source": source}), partner=PARTNER)
            if _plain_text(written) != _plain_text(case.document):
                yield "writing gives another file: " + first_difference(
                    _plain_text(case.document).split("\n"), _plain_text(written).split("\n")
                )
            return
        rows, separators = split(case.document)
        positions = chart.x12.guide.check(rows).positions
        read = chart.read(rows, positions, partner=PARTNER, separators=separators)
        touched |= touched_lines(chart, rows, positions, separators)
        yield from _compare(read, wanted)
        out = chart.write(wanted.model_copy(update={"source": source}), partner=PARTNER, separators=separators)
        if out != rows[1:-1]:
            yield "writing gives other segments: " + first_difference(rows[1:-1], out)
    except MapError as error:
        yield str(error)


def _compare(found: Document, wanted: Document) -> Iterator[str]:
    if type(found) is not type(wanted):
        yield f"the approved document is a {wanted.kind}"
    elif (found := found.model_copy(update={"source": None})) != wanted.model_copy(update={"source": None}):
        yield "reading gives another document: " + first_difference(wanted.model_dump(), found.model_dump())


def _plain_text(data: bytes) -> str:
    return data.decode("latin-1").replace("\r\n", "\n").strip()


def split(data: bytes) -> tuple[list[Row], tuple[str, str]]:
    """The first set of an interchange, ST to SE, and the inner separators."""
    separators, _, _ = read_isa(data.decode("utf-8").lstrip())
    rows = rows_of(data, separators)
    begin = next(k for k, row in enumerate(rows) if row[0] == "ST")
    end = next(k for k in range(begin, len(rows)) if rows[k][0] == "SE")
    return rows[begin : end + 1], (separators.component or ":", separators.repetition or "^")


def touched_lines(chart: Map, rows: list[Row], positions: list[int], separators: tuple[str, str]) -> set[int]:
    """The lines a document exercises: fields with a value; constants and counts of rows that are there."""
    assert chart.x12 is not None
    _, trace = chart.x12.trace(rows, positions, separators)
    touched = {n for _, _, n in trace.values()}
    there = set(positions)
    made: set[int] = set()
    for use in all_uses(chart.x12.shape.root):
        fields = {line.n for line in use.lines.values() if line.kind == "field"}
        if first(use.child).index in there and (not fields or fields & touched):
            made |= {line.n for line in use.lines.values() if line.kind != "field"}
    return touched | made


def _touched_text(chart: Map, found: Document, text: str) -> set[int]:
    """For what has no segments: the lines whose field has a value somewhere, and constants that stand in the text.

    What is computed is compared whenever the case is written again.
    """
    said = set(_paths(found.model_dump(exclude_none=True), ""))
    return {
        line.n
        for line in chart.language.table
        if line.full in said or (line.kind == "const" and line.value in text) or line.kind in COMPUTED_LINES
    }


def _paths(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _paths(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner, path)
    else:
        yield path


# -- lint --------------------------------------------------------------------
def read_usual(text: str) -> dict[str, frozenset[str]]:
    """The dictionary of where fields usually stand (maps/usual.yaml)."""
    keys = read_yaml(text, "usual.yaml")
    return {key: frozenset((raw.value or "").split()) for key, raw in keys.items()}


def lint(chart: Map, usual: Mapping[str, frozenset[str]]) -> list[str]:
    """Each field that stands where it usually does not, and each that nobody has looked at twice."""
    out = []
    for key, said, line, origin in facts(chart):
        if line in chart.unusual:
            continue
        wanted = usual.get(key)
        if wanted is None:
            out.append(f"{origin}: {key} is new ({said or 'plain'}): add it to usual.yaml after a second look")
        elif said not in wanted and not (said == "" and "-" in wanted):
            remedy = f"if it is meant, say why: unusual: {{{line!r}: REASON}}"
            out.append(f"{origin}: {key} is usually {' or '.join(sorted(wanted))}, here {said or 'plain'} ({remedy})")
    return out


def facts(chart: Map) -> Facts:
    """What a map says of each field: its data element, its qualifiers; of each constant and each code."""
    out: Facts = []
    if chart.x12 is not None:
        for uses in chart.x12.shape.root.uses.values():
            for use in uses:
                _facts(use, out)
    for name, raw in chart.code_lines.items():
        pair = chart.language.codes[name]
        out += [(f"code {name}.{code}", word, name, str(raw)) for code, word in sorted(pair.codes.items())]
    return out


def _facts(use: Use, out: Facts) -> None:
    holder, where = use.holder.__name__, str(use.origin)
    qualifiers = ",".join(f"{n:02d}={v}" for n, v in use.qualifiers)
    if use.path:
        out.append((f"{holder}.{'.'.join(use.path)} in {use.tag}", qualifiers, _key_of(use), where))
    rows = [(n, 0, line) for n, line in use.lines.items()]
    rows += [(n, k, line) for n, parts in use.components.items() for k, line in parts.items()]
    if use.pairs is not None:
        rows.append((use.pairs.first, 0, use.pairs.line))
    for n, k, line in rows:
        place = f"{use.tag}{n:02d}" + (f"-{k}" if k else "")
        if line.kind == "ignored":
            continue
        if line.kind != "field":
            said = line.value.replace(" ", "-") or line.kind
            out.append((f"{use.model.__name__} {place} {line.kind}", said, line.key, str(line.origin)))
            continue
        field_name = f"{use.model.__name__}.{'.'.join(line.path)}"
        element = element_of(use.child, n).element
        number = getattr(element, "number", None) or f"{getattr(element, 'id', '')}-{k}"
        form = f"{number}|{line.format.name}" if line.chosen else str(number)
        out.append((field_name, form, line.key, str(line.origin)))
        if not use.path and (use.qualifiers or line.target is None or line.target.kind != "dict"):
            out.append((f"{field_name} in {use.tag}", qualifiers, line.key, str(line.origin)))
    if use.scope is not None:
        for uses in use.scope.uses.values():
            for inner in uses:
                _facts(inner, out)
    for level in use.levels:
        _facts(level, out)


def _key_of(use: Use) -> str:
    return use.block.key if use.block is not None else use.key
