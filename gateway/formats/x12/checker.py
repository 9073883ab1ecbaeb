"""A set against its guide: accepted at once, or explained.

`accept` takes a set without a fault; only what it refuses is walked again by `explain`, which finds every fault and
goes on. The rules both are held to: explain finds nothing exactly when accept accepts, and then both give the same
positions.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from gateway.formats.x12.automaton import ENTER, LOOP, NOTHING, USE, Automaton, Step
from gateway.formats.x12.checks import FastCheck, SegmentChecks
from gateway.formats.x12.hierarchy import Levels, tree_is_plain
from gateway.formats.x12.tolerance import Tolerance
from gateway.formats.x12.totals import LINES, totals_agree
from gateway.formats.x12.walk import Checked, Walk

Row = list[str]

# What the fast path unpacks: check, next table, index, counts, limit, instead; a list, as checks are compiled when met.
Entry = list[Any]
Table = dict[str, Entry]


class Checker:
    """An automaton with the checks of its segments, for one pair of inner separators."""

    def __init__(
        self,
        automaton: Automaton,
        set_id: str,
        levels: Levels,
        known_tags: Container[str],
        component: str | None,
        repetition: str | None,
        *,
        guarded: bool,
    ) -> None:
        self._automaton = automaton
        self._set_id = set_id
        self._levels = levels
        self._known_tags = known_tags
        self._separators = (component, repetition)
        self._guarded = guarded
        self._checks: dict[str, SegmentChecks] = {}
        self._has_tree = "HL" in automaton.by_tag
        self._has_totals = set_id in LINES and "CTT" in automaton.by_tag
        tags = LINES[set_id][0] if self._has_totals else ()
        self._lines = [use.index for tag in tags for use in automaton.by_tag.get(tag, ())]
        self._entries: dict[str, list[Entry]] = {tag: [] for tag in automaton.by_tag}
        tables: list[Table] = [{} for _ in automaton.uses]
        for index, moves in enumerate(automaton.moves):
            table = tables[index]
            for tag, step in moves.items():
                table[tag] = self._entry(step, tables)
        start = Step(automaton.uses[0], NOTHING, 0)
        self._start = {automaton.uses[0].segment.tag: self._entry(start, tables)}

    def _entry(self, step: Step, tables: list[Table]) -> Entry:
        tag = step.use.segment.tag
        instead = self._entry(step.instead, tables) if step.instead is not None else None
        entry: Entry = [
            self._compile_later(tag),
            tables[step.use.index],
            step.use.index,
            step.counts,
            step.limit,
            instead,
        ]
        self._entries[tag].append(entry)
        return entry

    def _compile_later(self, tag: str) -> FastCheck:
        """Most sets use a tenth of what their guide offers, so a segment's check is compiled when it is first met."""

        def compile_now(row: Row) -> bool:
            check = self.checks(tag).fast
            for entry in self._entries[tag]:
                entry[0] = check
            return check(row)

        return compile_now

    def checks(self, tag: str) -> SegmentChecks:
        """Both checks of one segment."""
        found = self._checks.get(tag)
        if found is None:
            segment = self._automaton.by_tag[tag][0].segment
            found = self._checks[tag] = SegmentChecks(segment, *self._separators, guarded=self._guarded)
        return found

    def accept(self, rows: Sequence[Row]) -> list[int] | None:
        """The positions of a set without a fault, or None. The text's own faults are the caller's to look for."""
        table = self._start
        out: list[int] = []
        add = out.append
        loops: dict[int, int] = {}
        index = 0
        uses = 1
        for row in rows:
            entry = table.get(row[0])
            if entry is None:
                return None
            check, table, index, counts, limit, instead = entry
            if counts:
                if counts == USE:
                    uses += 1
                    full = uses > limit
                else:
                    uses = 1
                    count = loops[index] = 1 if counts == ENTER else loops[index] + 1
                    full = counts == LOOP and count > limit
                if full:
                    entry = _instead(instead, loops)
                    if entry is None:
                        return None
                    check, table, index, counts, limit, instead = entry
                    uses = 1
            else:
                uses = 1
            if not check(row):
                return None
            add(index)
        if index not in self._automaton.final:
            return None
        if self._has_tree and not tree_is_plain(rows, self._levels):
            return None
        if self._has_totals:
            lines = sum(map(out.count, self._lines))
            if not totals_agree(self._set_id, rows, lines=lines):
                return None
        return out

    def explain(self, rows: Sequence[Row], tolerate: Tolerance) -> Checked:
        """Every fault of a set, each at its place."""
        return Walk(self._automaton, self.checks, rows, tolerate, self._known_tags).run(self._set_id, self._levels)


def _instead(entry: Entry | None, loops: dict[int, int]) -> Entry | None:
    """Where a tag leads once a maximum is used up."""
    while entry is not None:
        _, _, index, counts, limit, following = entry
        if counts != LOOP:
            if counts == ENTER:
                loops[index] = 1
            return entry
        loops[index] += 1
        if loops[index] <= limit:
            return entry
        entry = following
    return None
