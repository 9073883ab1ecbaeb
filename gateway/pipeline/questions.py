"""Questions a document asks before it can be used: a code nobody named, a unit nobody counted.

Each is a work item that can be answered where it stands (answering.py). What it asks is kept in the item's data, so
that one answer settles every document that waits for the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from gateway.canonical import Document, Node, Quantity
from gateway.mapping import Map, MapError
from gateway.mapping.map import Found
from gateway.pipeline.alert import Alert

UNKNOWN = re.compile(r"is not in code table ([\w-]+)(?:, .*)?$")  # mapping/formats.py: code_table
CODE, UNIT = "unknown-code", "unknown-unit"  # entries of situations.py


@dataclass(frozen=True, slots=True)
class Question:
    """One thing only a person can say."""

    code: str  # CODE or UNIT
    table: str
    value: str  # as the document has it
    way: str  # in: their code, which word of ours? out: our word, which code of theirs?
    place: str = ""  # "segment 15, PO1-03"
    line: str = ""  # "Line 2"
    units: tuple[str, ...] = ()  # what we count in
    article: str = ""  # an identifier of the line's article
    words: tuple[str, ...] = ()  # our words in the table
    unit: str = ""  # the word the table has for it, or the code itself

    @property
    def key(self) -> str:
        """Two documents with the same question have one key."""
        return f"{self.code}:{self.way}:{self.table}:{self.value}"


def asked_by(error: MapError, chart: Map, way: str) -> list[Question]:
    """The questions behind a document its map could not carry; none if something else is wrong with it as well."""
    found = []
    for problem in error.problems:
        match = UNKNOWN.search(problem.why)
        if match is None or problem.value is None:
            return []
        place = _place(problem.place, problem.position)
        words = tuple(sorted(chart.language.codes[match[1]].table))
        found.append(Question(CODE, match[1], problem.value, way, place, words=words))
    return list(dict.fromkeys(found))


def uncounted(
    made: Document, units: Collection[str], chart: Map, provenance: Callable[[], dict[str, Found]]
) -> list[Question]:
    """The questions of a document whose quantities are in units our systems do not count in."""
    found: dict[str, Question] = {}
    places: dict[str, Found] | None = None
    table = chart.language.codes.get("unit")
    for path, line, quantity, article in _quantities(made, "", "", ""):
        if quantity.unit is None or quantity.unit in units or quantity.sent is not None:
            continue
        code = table.table.get(quantity.unit, quantity.unit) if table is not None else quantity.unit
        if places is None:
            places = provenance()
        where = places.get(f"{path}.unit")
        question = Question(
            UNIT,
            "unit",
            code,
            "in",
            _place(where.place, where.position) if where else "",
            line,
            tuple(units),
            article,
            unit=quantity.unit,
        )
        found.setdefault(question.key, question)
    return list(found.values())


def alerts(questions: Collection[Question], row: Any) -> Iterator[Alert]:
    """A work item for each question of a document."""
    for question in questions:
        where = f"{row.set_id or row.kind}, document D-{row.id}" + (f", {question.place}" if question.place else "")
        data = {**asdict(question), "key": question.key, "ours": " or ".join(question.units)}
        data["choices"] = ", ".join(question.words[:12]) + (", ..." if len(question.words) > 12 else "")
        data["subject"] = question.line or "Something"
        code = question.code if question.way == "in" else f"{question.code}-out"
        yield Alert(
            code,
            row.lane,
            f"document:{row.id}:{question.key}",
            data,
            where,
            ("document", row.id),
            row.partner,
            row.correlation_id,
        )


def _place(place: str, position: int | None) -> str:
    """`PO103` at 15 as a person says it."""
    match = re.fullmatch(r"([A-Z][A-Z0-9]{1,2})(?:\[[^\]]*\])?(\d\d)\+?\d*", place)
    said = f"{match[1]}-{match[2]}" if match else place
    return f"segment {position}, {said}" if match and position else f"at {position}, {said}" if position else said


def _quantities(node: Node, path: str, line: str, article: str) -> Iterator[tuple[str, str, Quantity, str]]:
    """Every quantity that is ordered, shipped or billed, with its path, its line and the article."""
    article = next(iter(getattr(node, "identifiers", {}).values()), article)
    for name in type(node).model_fields:
        value, here = getattr(node, name), f"{path}.{name}" if path else name
        if isinstance(value, Quantity):
            if name in COUNTED:
                yield here, line, value, article
        elif isinstance(value, Node):
            yield from _quantities(value, here, line, article)
        elif isinstance(value, list):
            for n, item in enumerate(value):
                if isinstance(item, Node):
                    number = getattr(item, "line_number", None) or str(n + 1)
                    said = f"Line {number}" if name in ("lines", "items") else line
                    yield from _quantities(item, f"{here}[{n}]", said, article)


COUNTED = ("quantity", "ordered", "shipped")  # weights and pack sizes are in units of their own
