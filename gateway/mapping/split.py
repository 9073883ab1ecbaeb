"""One set that holds several canonical documents, such as an 856 with two HL S.

    split: HL[03=S]       each such level, or each instance of a loop of the header, is a document of its own

Splitting is done on rows: what stands around the parts belongs to every document, and joining puts it there once.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.formats.x12.guide import Guide, LoopUse
from gateway.mapping.faults import MapError, Problem
from gateway.mapping.source import Raw
from gateway.mapping.x12.rows import Row, grow
from gateway.mapping.x12.shape import first, is_hl, last_index, parse_key

Part = tuple[list[Row], list[int]]


class Split:
    """Where one map cuts a set."""

    def __init__(self, raw: Raw, guide: Guide) -> None:
        self.key, self.origin, self.guide = raw.value or "", raw.origin, guide
        tag, qualifiers, element, _, _ = parse_key(self.key, raw.origin)
        loops = [c for c in guide.root.children if isinstance(c, LoopUse) and c.first.segment.tag == tag]
        if not loops or element:
            raise raw.origin.fault(f"split: {self.key} is no loop of the header", "write split: HL[03=S]")
        self.loop = loops[0]
        self.qualifiers = dict(qualifiers)

    def _is_part(self, row: Row) -> bool:
        return all(len(row) > n and row[n] == value for n, value in self.qualifiers.items())

    def count(self, rows: Sequence[Row], positions: Sequence[int]) -> int:
        """How many documents there are, at most."""
        start = first(self.loop).index
        return sum([self._is_part(row) for row, at in zip(rows, positions, strict=True) if at == start])

    def parts(self, rows: Sequence[Row], positions: Sequence[int]) -> list[Part]:
        """The rows of each document, with their positions; the whole set where it holds no more than one."""
        start, last = first(self.loop).index, last_index(self.loop)
        if self.count(rows, positions) < 2:
            return [(list(rows), list(positions))]
        inside = [k for k, at in enumerate(positions) if start <= at <= last]
        begin, end = inside[0], inside[-1] + 1
        groups = self._groups(rows, positions, begin, end)
        if len(groups) < 2:
            return [(list(rows), list(positions))]
        taken = {k for group in groups for k in group}
        out = []
        for group in groups:
            keep = sorted(set(group) | (set(range(len(rows))) - taken))
            out.append(([rows[k] for k in keep], [positions[k] for k in keep]))
        return out

    def _groups(self, rows: Sequence[Row], positions: Sequence[int], begin: int, end: int) -> list[list[int]]:
        start, last = first(self.loop).index, last_index(self.loop)
        if is_hl(self.loop):
            where = [at if at >= 0 else start + 1 for at in positions[begin:end]] + [1 << 30]
            part = list(rows[begin:end])
            tree = grow(part, where, 0, start, last, self.guide.hl)
            roots = [root for root in tree.roots if self._is_part(part[tree.starts[root]])]
            return [[begin + k for k in tree.rows(root)] for root in roots]
        groups: list[list[int]] = []
        for k in range(begin, end):
            if positions[k] == start:
                groups.append([])
            if groups:
                groups[-1].append(k)
        return [group for group in groups if self._is_part(rows[group[0]])]

    def join(self, written: Sequence[list[Row]]) -> list[Row]:
        """Several documents as one set; what stands around the parts must be the same in each."""
        tag = first(self.loop).segment.tag
        closing = {"CTT"}
        heads, bodies, tails = [], [], []
        for rows in written:
            begin = next((k for k, row in enumerate(rows) if row[0] == tag), len(rows))
            end = next((k for k in range(begin, len(rows)) if rows[k][0] in closing), len(rows))
            heads.append(rows[:begin])
            bodies.append(rows[begin:end])
            tails.append(rows[end:])
        if any(head != heads[0] for head in heads):
            raise MapError(
                [
                    Problem(
                        self.key, None, "", None, "documents with different headers make no one set", str(self.origin)
                    )
                ]
            )
        out = list(heads[0])
        count = 0
        for body in bodies:
            shift = count
            for row in body:
                if row[0] == "HL":
                    count += 1
                    row = ["HL", str(int(row[1]) + shift), str(int(row[2]) + shift) if row[2] else "", *row[3:]]
                out.append(row)
        if tails[0]:
            levels = sum(1 for row in out if row[0] == "HL")
            total = str(levels) if tag == "HL" else str(sum(int(tail[0][1]) for tail in tails))
            out.append([tails[0][0][0], total, *tails[0][0][2:]])
            out += tails[0][1:]
        return out
