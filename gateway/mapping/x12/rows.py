"""What generated functions call: leftovers picked up and put back, and the tree of HL.

A leftover is kept on the nearest canonical object as (place, values):
    PO1/PID            a whole row of that position                      put back after the mapped rows of the position
    SPI|SPI/MSG        a row of a loop nobody maps                       put back with its loop
    N9/MSG#2:02        an element of the row of a list's second value    patched into that row
    REF[01=DP]03       an element of a mapped row                        patched into the row that is written
    MEA04-2            a component of a mapped element                   patched likewise
    IT106+             a pair nothing could be made of                   takes the first free slot
    +PO1/N1|PO1/N1/N3  a row of a further instance of a mapped loop      put back whole, after the mapped instances
    @PO1#3             a row with no place in the guide                  after the third PO1 of what is written
Inside HL a place begins with its level: HL[03=P]:HL/MAN. Places are sorted, rows of one place keep their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.formats.x12.hierarchy import hl_parents

Row = list[str]
Leftovers = list[tuple[str, list[str]]]
Registry = list[Leftovers]


def left(registry: Registry, holder: dict[str, Any], place: str, values: list[str]) -> None:
    """Keep what no line names."""
    kept = holder.get("leftovers")
    if kept is None:
        kept = holder["leftovers"] = []
        registry.append(kept)
    kept.append((place, values))


def elements_left(registry: Registry, holder: dict[str, Any], place: str, row: Row, start: int) -> None:
    """The elements of a mapped row behind the last one a line names."""
    for n in range(start, len(row)):
        if row[n]:
            left(registry, holder, f"{place}{n:02d}", [row[n]])


def settle(registry: Registry) -> None:
    """Sort leftovers by place, so that their order means nothing but the order of rows of one place."""
    for kept in registry:
        if len(kept) > 1:
            kept.sort(key=_place)


def _place(kept: tuple[str, list[str]]) -> str:
    return kept[0].partition("|")[0]


def put(kept: Leftovers, low: int, high: int, rows: list[Row], index_of: Mapping[str, int]) -> None:
    """Whole rows between two positions, in the guide's order."""
    found = []
    for place, row in kept:
        at = index_of.get(place.partition("|")[0])
        if at is not None and low <= at <= high and row:
            found.append((at, row))
    found.sort(key=lambda pair: pair[0])
    rows += [row for _, row in found]


def put_loop(kept: Leftovers, mark: str, rows: list[Row]) -> None:
    """Further instances of a loop, whole."""
    rows += [row for place, row in kept if place.startswith(mark)]


def has(kept: Leftovers, place: str) -> bool:
    """Some element of this row is kept, so the row must be written."""
    n = len(place)
    return any(at.startswith(place) and at[n : n + 2].isdigit() and "/" not in at[n:] for at, _ in kept)


def patch(kept: Leftovers, place: str, row: Row, component: str) -> None:
    """Elements put back into the row they came from."""
    n = len(place)
    for at, values in kept:
        if not at.startswith(place) or not at[n : n + 2].isdigit():
            continue
        k = int(at[n : n + 2])
        rest = at[n + 2 :]
        if rest == "+":
            while any(row[k : k + 2]):
                k += 2
        elif rest[:1] == "-" and rest[1:].isdigit():
            row += [""] * (k + 1 - len(row))
            parts = row[k].split(component)
            parts += [""] * (int(rest[1:]) - len(parts))
            parts[int(rest[1:]) - 1] = values[0]
            row[k] = component.join(parts)
            continue
        elif rest:
            continue
        row += [""] * (k + len(values) - len(row))
        row[k : k + len(values)] = values


def anchor(rows: Sequence[Row], positions: Sequence[int], stray: int) -> str:
    """Where a row without a place stood: after which row that has one."""
    before = next((k for k in range(stray - 1, 0, -1) if positions[k] >= 0), 0)
    tag = rows[before][0]
    count = sum(1 for k in range(before + 1) if rows[k][0] == tag and positions[k] >= 0)
    return f"@{tag}#{count}"


def put_strays(kept: Leftovers, rows: list[Row]) -> None:
    """Rows without a place, after the row they stood after. The rows here have neither ST nor SE."""
    strays = [(place, row) for place, row in kept if place[0] == "@"]
    if not strays:
        return
    after: dict[int, list[Row]] = {}
    for place, row in strays:
        tag, _, count = place[1:].partition("#")
        hits = [k for k, written in enumerate(rows) if written[0] == tag]
        at = -1 if tag == "ST" else hits[min(int(count), len(hits)) - 1] if hits else len(rows) - 1
        after.setdefault(at, []).append(row)
    for at in sorted(after, reverse=True):
        rows[at + 1 : at + 1] = after[at]


@dataclass(frozen=True, slots=True)
class Tree:
    """The HL levels of a set: where each begins, and which stand under which."""

    starts: list[int]  # row index of each level, and where the last one ends
    below: list[list[int]]  # the levels under each
    roots: list[int]

    def rows(self, level: int) -> list[int]:
        """The row indices of a level and everything under it, in document order."""
        return sorted(k for each in self.levels(level) for k in range(self.starts[each], self.starts[each + 1]))

    def levels(self, level: int) -> list[int]:
        """A level and everything under it."""
        found = [level]
        for each in found:
            found += self.below[each]
        return found


def grow(rows: Sequence[Row], positions: Sequence[int], start: int, first: int, last: int, levels: Any) -> Tree:
    """The tree that begins at row `start`; HL rows stand at position `first`, everything inside up to `last`."""
    starts = []
    at = start
    while first <= positions[at] <= last:
        if positions[at] == first:
            starts.append(at)
        at += 1
    heads = [rows[k] for k in starts]
    parents = _plain_parents(heads)
    if parents is None:
        parents = hl_parents(heads, levels)
    below: list[list[int]] = [[] for _ in starts]
    roots = []
    for n, parent in enumerate(parents):
        if parent < 0:
            roots.append(n)
        else:
            below[parent].append(n)
    starts.append(at)
    return Tree(starts, below, roots)


def _plain_parents(heads: Sequence[Row]) -> list[int] | None:
    """The parents of levels numbered from 1, each under one before it; None for any other numbering."""
    parents = []
    for n, head in enumerate(heads, 1):
        if len(head) < 4 or head[1] != str(n):
            return None
        up = head[2]
        if not up:
            if n > 1:
                return None
            parents.append(-1)
        elif up.isdecimal() and 0 < int(up) < n:
            parents.append(int(up) - 1)
        else:
            return None
    return parents


def level_left(
    registry: Registry, holder: dict[str, Any], mark: str, rows: Sequence[Row], tree: Tree, level: int
) -> None:
    """A level no line names, with everything under it, numbered from 1 so that its old numbers mean nothing."""
    numbers: dict[int, int] = {}
    starts = {tree.starts[each]: each for each in tree.levels(level)}
    parents = {child: each for each in tree.levels(level) for child in tree.below[each]}
    for k in tree.rows(level):
        row = rows[k]
        if k in starts:
            each = starts[k]
            numbers[each] = len(numbers) + 1
            up = numbers.get(parents[each], "") if each in parents else ""
            row = ["HL", str(numbers[each]), str(up), *row[3:]]
        left(registry, holder, f"{mark}|{row[0]}", row)


def put_levels(kept: Leftovers, mark: str, rows: list[Row], parent: int, number: Any) -> None:
    """Levels kept whole, numbered anew under the level they stood under."""
    renumbered: dict[str, str] = {}
    for place, row in kept:
        if not place.startswith(mark):
            continue
        if row[0] != "HL":
            rows.append(row)
            continue
        now = str(number())
        up = row[2] if len(row) > 2 else ""
        rows.append([row[0], now, renumbered.get(up, str(parent) if parent else ""), *row[3:]])
        if len(row) > 1:
            renumbered[row[1]] = now


class Numbering:
    """HL numbers, counted from 1."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        return self.count
