"""Where a cell of a row stands: in a column with a name, a number, or a place in the line.

3-12      characters 3 to 12 of the line
13-20 right, 21-28 zeros      how they are filled
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_PLACE = re.compile(r"(\d+)-(\d+)(?: (left|right|zeros))?")


@dataclass(frozen=True, slots=True)
class Place:
    """A column of a fixed width."""

    start: int  # from 0
    end: int
    align: str  # left, right, zeros; "": numbers are filled with zeros, all else stands on the left

    @classmethod
    def of(cls, key: str) -> Place | None:
        """The place a map writes so."""
        match = _PLACE.fullmatch(key)
        if match is None or not 0 < int(match[1]) <= int(match[2]):
            return None
        return cls(int(match[1]) - 1, int(match[2]), match[3] or "")

    def cut(self, line: str) -> str:
        text = line[self.start : self.end].strip()
        return text.lstrip("0") or text[:1] if self.align == "zeros" else text


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
