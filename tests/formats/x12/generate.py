"""Valid documents of any guide, for tests: invented by a seed, with as little or as much optional content as asked.

A document is made from the guide alone, so what the engine refuses of it is a fault of the engine or of the guide. Only
what a guide cannot say is known here: counts, HL numbers and binary lengths.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from gateway.formats.x12.checks import note_positions
from gateway.formats.x12.guide import Guide
from gateway.formats.x12.model import CompositeDef, ElementDef, ElementUse, LoopUse, SegmentUse
from gateway.formats.x12.separators import Separators
from gateway.formats.x12.totals import LINES

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
LONGEST = 24  # of a text whose maximum is larger; every maximum up to here is reached
MOST = 3  # uses of a repeated segment or loop

Row = list[str]


@dataclass(frozen=True, slots=True)
class Generated:
    """A document and the places in the guide its segments were made for."""

    rows: list[Row]
    positions: list[int]


class Generator:
    """Documents of one guide. `fullness` is how likely an optional segment, loop or element is, 0 to 1."""

    def __init__(self, guide: Guide, seed: int, separators: Separators, fullness: float = 0.3) -> None:
        self.guide = guide
        self.random = Random(f"{guide.release}/{guide.set_id}/{seed}")
        self.separators = separators
        self.fullness = fullness
        self.control_number = f"{seed % 10**9:04d}"
        self.rows: list[Row] = []
        self.positions: list[int] = []
        self.levels: list[str] = []  # HL03 of each HL so far

    def document(self) -> Generated:
        """The next document: ST to SE, counted."""
        self.rows, self.positions, self.levels = [], [], []
        self._loop(self.guide.root)
        self._count()
        return Generated(self.rows, self.positions)

    def _chance(self) -> bool:
        return self.random.random() < self.fullness

    def _times(self, requirement: str, most: int) -> int:
        if requirement != "M" and not self._chance():
            return 0
        return self.random.randint(1, min(most, MOST)) if self._chance() else 1

    def _loop(self, loop: LoopUse) -> None:
        for child in loop.children:
            for _ in range(self._times(child.requirement, child.max)):
                if isinstance(child, LoopUse):
                    self._loop(child)
                else:
                    self._segment(child)

    def _segment(self, use: SegmentUse) -> None:
        segment = use.segment
        values = self._elements(segment.elements, segment.notes)
        if segment.tag == "ST":
            values[:2] = [self.guide.set_id, self.control_number]
        elif segment.tag == "HL":
            values = self._level()
        elif segment.tag == "BIN":
            values[0] = str(len(values[1]))
        while values and not values[-1]:
            values.pop()
        self.rows.append([segment.tag, *values])
        self.positions.append(use.index)

    def _elements(self, uses: tuple[ElementUse, ...], notes: tuple[str, ...]) -> list[str]:
        present = self._present(uses, notes)
        return [self._repeated(use) if use.position in present else "" for use in uses]

    def _present(self, uses: tuple[ElementUse, ...], notes: tuple[str, ...]) -> set[int]:
        """Positions to fill: what is mandatory, what chance gives, and what the syntax notes then ask for."""
        mandatory = {use.position for use in uses if use.requirement == "M"}
        fullness = self.fullness
        for _ in range(200):
            present = mandatory | {use.position for use in uses if self.random.random() < fullness}
            for _ in notes:  # a note may wake another
                for note in notes:
                    present |= self._wanted(note, present)
            if all(note_holds(note, present) for note in notes):
                return present
            fullness *= 0.9  # exclusions hold sooner with less
        raise AssertionError(f"no choice of elements satisfies {notes}")

    def _wanted(self, note: str, present: set[int]) -> set[int]:
        positions = note_positions(note)
        kind, first = note[0], positions[0] in present
        if (kind == "P" and present & set(positions)) or (kind == "C" and first):
            return set(positions)
        if note_holds(note, present) or kind == "E":
            return set()
        return {self.random.choice(positions if kind == "R" else positions[1:])}

    def _repeated(self, use: ElementUse) -> str:
        separator = self.separators.repetition
        times = self._times("M", use.repeat) if separator else 1
        return (separator or "").join(self._value(use.element) for _ in range(times))

    def _value(self, element: ElementDef | CompositeDef) -> str:
        if isinstance(element, CompositeDef):
            return self.separators.component.join(self._elements(element.elements, element.notes)).rstrip(
                self.separators.component
            )
        if element.codes:
            return self.random.choice(sorted(element.codes))
        size = self.random.randint(element.min, max(element.min, min(element.max, LONGEST)))
        if element.type == "DT":
            day = f"{self.random.randint(1, 12):02d}{self.random.randint(1, 28):02d}"
            return (f"20{self.random.randint(10, 40)}" if element.max >= 8 else f"{self.random.randint(10, 40)}") + day
        if element.type == "TM":
            return f"{self.random.randint(0, 23):02d}{self.random.randint(0, 59):02d}"
        if element.type == "R" and size > 1 and self._chance():
            point = self.random.randint(1, size - 1)
            return f"{self._digits(point)}.{self._digits(size - point)}"
        if element.type == "R" or element.type[0] == "N":
            return self._digits(size)
        return "".join(self.random.choice(LETTERS) for _ in range(size))

    def _digits(self, size: int) -> str:
        return "".join(self.random.choice("123456789") for _ in range(size))

    def _level(self) -> list[str]:
        """HL: the next number under a level where the guide allows the new one."""
        rules = self.guide.hl
        choices = [
            (str(at + 1), level)
            for level, parents in rules.items()
            for at, above in enumerate(self.levels)
            if above in parents
        ]
        roots = [("", level) for level, parents in rules.items() if "ROOT" in parents]
        parent, level = self.random.choice(choices if self.levels and choices else roots)
        self.levels.append(level)
        return [str(len(self.levels)), parent, level]

    def _count(self) -> None:
        """SE and CTT say what stands in the set."""
        self.rows[-1][1:3] = [str(len(self.rows)), self.control_number]
        rule = LINES.get(self.guide.set_id)
        for row in self.rows:
            if row[0] == "CTT" and rule:
                row[1:] = [str(sum(1 for other in self.rows if other[0] in rule[0]))]


def note_holds(note: str, present: set[int]) -> bool:
    """Whether a syntax note is satisfied by the elements present."""
    positions = note_positions(note)
    found = [position in present for position in positions]
    return {
        "P": all(found) or not any(found),
        "R": any(found),
        "E": sum(found) <= 1,
        "C": not found[0] or all(found),
        "L": not found[0] or any(found[1:]),
    }[note[0]]


def interchange(documents: list[list[Row]], guide: Guide, separators: Separators) -> bytes:
    """Documents of one guide in an envelope of their own."""
    version = f"{guide.release[:5]}"
    fields = [
        "00",
        " " * 10,
        "00",
        " " * 10,
        "ZZ",
        "HARBORPINE".ljust(15),
        "ZZ",
        "NORTHWIND".ljust(15),
        "240315",
        "0930",
    ]
    isa = ["ISA", *fields, separators.repetition or "U", version, "000000001", "0", "T", separators.component]
    gs = ["GS", guide.functional_id, "HARBORPINE", "NORTHWIND", "20240315", "0930", "1", "X", guide.release]
    rows = [isa, gs, *(row for rows in documents for row in rows), ["GE", str(len(documents)), "1"]]
    rows.append(["IEA", "1", "000000001"])
    return "".join(separators.element.join(row) + separators.segment for row in rows).encode("latin-1")
