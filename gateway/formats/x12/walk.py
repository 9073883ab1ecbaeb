"""The walk over a faulty set: every fault once, at its place.

Where a row has no legal move the walk asks which one fault explains it: a mandatory segment or the start of a loop is
missing before it, this row stands in the wrong place, the one before it does, or the set went back to an earlier part.
Each is tried on the rows that follow; the one that leaves the fewest of them without a place wins, ties in that order.
So one cause gives one finding, and what only follows from it gives none.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass

from gateway.formats.finding import Finding
from gateway.formats.x12.automaton import ENTER, LOOP, TRAILER, USE, Automaton, Step, first_of, still_due
from gateway.formats.x12.checks import SegmentChecks
from gateway.formats.x12.codes import Code
from gateway.formats.x12.hierarchy import Levels, explain_tree
from gateway.formats.x12.model import CompositeDef, ElementDef, LoopUse, SegmentUse
from gateway.formats.x12.tolerance import Tolerance
from gateway.formats.x12.totals import totals_agree

Row = list[str]

AHEAD = 12  # rows an explanation is tried on: the longest loops of real sets come round by then
MANY = 1_000  # findings after which a set is not counted through again for each further one


@dataclass(frozen=True, slots=True)
class Checked:
    """The place of every segment in the guide, and what is wrong."""

    positions: list[int]  # the index of each row's use, -1 for a row that has no place; it is kept
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Way:
    """One explanation of a row without a legal move."""

    faults: int  # the findings it makes
    goes_on: int  # the use the next row is tried from
    displaced: SegmentUse | None  # the use of a row left out of place: those that belong to it may follow
    take: Callable[[], SegmentUse | None]


class Walk:
    """One walk over a faulty set."""

    def __init__(
        self,
        automaton: Automaton,
        checks: Callable[[str], SegmentChecks],
        rows: Sequence[Row],
        tolerate: Tolerance,
        known_tags: Container[str],
    ) -> None:
        self.automaton = automaton
        self.checks = checks
        self.rows = rows
        self.tolerate = tolerate
        self.known_tags = known_tags
        self.findings: list[Finding] = []
        self.positions: list[int] = []
        self.uses = 0  # how often the current use stood in a row
        self.loops: dict[int, int] = {}  # by the index of a loop's first use: how often it came in its parent
        self.current: SegmentUse | None = None
        self.before: tuple[SegmentUse, int, int | None] | None = None  # current, uses and counted loop a row ago
        self.displaced: SegmentUse | None = None  # where the row before, left out of place, belongs
        self.elsewhere: set[str] = set()  # tags that came in the wrong place: they are not missing in the right one
        self._rows_of: dict[str, list[int]] = {}

    def add(self, i: int, code: Code, element: int | None, value: str | None, expected: str | None) -> None:
        """A finding about the i-th row."""
        at = self.positions[i] if i < len(self.positions) else -1
        loop = self.automaton.uses[at].loop.path if at >= 0 else None
        self._find(code, self.rows[i][0], i + 1, element, None, loop, value, expected)

    def _find(
        self,
        code: Code,
        segment: str,
        position: int,
        element: int | None = None,
        component: int | None = None,
        loop: str | None = None,
        value: str | None = None,
        expected: str | None = None,
        reference: str | None = None,
    ) -> None:
        self.findings.append(
            self.tolerate.finding(
                code,
                segment=segment,
                position=position,
                element=element,
                component=component,
                loop=loop,
                value=value,
                expected=expected,
                reference=reference,
            )
        )

    def run(self, set_id: str, levels: Levels) -> Checked:
        """Walk, then look at what only the whole set shows."""
        for i, row in enumerate(self.rows):
            tag = row[0]
            if tag != tag.strip():
                tag = tag.strip()
                self._find(Code.SEGMENTS_INDENTED, tag, i + 1)
            if not tag:
                self._find(Code.EMPTY_SEGMENTS, tag, i + 1)
                self.positions.append(-1)
                continue
            if tag not in self.automaton.by_tag and tag.upper() in self.automaton.by_tag:
                self._find(Code.TAG_LOWER_CASE, tag, i + 1, value=tag, expected=tag.upper())
                tag = tag.upper()
            use = self._place(i, tag)
            self.positions.append(use.index if use is not None else -1)
            if use is not None:
                self._elements(i, row, use)
        if self.current is None or self.current.index not in self.automaton.final:
            self._missing_at_end()
        if "HL" in self.automaton.by_tag:
            explain_tree(self.rows, levels, self.add)
        totals_agree(set_id, self.rows, self.add)
        self.findings.sort(key=lambda finding: finding.position or 0)
        return Checked(self._in_order(), tuple(self.findings))

    def _in_order(self) -> list[int]:
        """The positions a map can read: in the guide's order, in loops that have begun; every other row has none.

        The walk itself goes on from a row that came too late or without the start of its loop, so that one cause is
        one finding; what stands there is kept as out of place.
        """
        uses, kept = self.automaton.uses, []
        last = uses[0]
        open_loops = [last.loop]
        for position in self.positions:
            if position >= 0:
                use = uses[position]
                starts = use is use.loop.children[0] and use.loop.parent is not None
                if starts:
                    fits = use.loop.parent in open_loops and (position > last.index or use.loop in open_loops)
                else:
                    fits = use.loop in open_loops and position >= last.index
                if fits:
                    last, open_loops = use, _ancestors(use)
                else:
                    position = -1
            kept.append(position)
        return kept

    def _elements(self, i: int, row: Row, use: SegmentUse) -> None:
        def add(code: Code, element: int, component: int | None, value: str, expected: str | None) -> None:
            reference = _reference(use, element, component)
            self._find(code, use.segment.tag, i + 1, element, component, use.loop.path, value, expected, reference)

        self.checks(use.segment.tag).explain(row, add)

    # Structure

    def _place(self, i: int, tag: str) -> SegmentUse | None:
        """The use a row is an instance of, with the faults of its place."""
        if self.current is None:
            first = self.automaton.uses[0]
            if tag == first.segment.tag:
                self._go(first)
                return first
            return self._stray(i, tag)
        step = self.automaton.moves[self.current.index].get(tag)
        if step is not None:
            self.displaced = None
            return self._take(i, step)
        follower = self._follower(self.displaced, tag)
        if follower is not None:
            self.displaced = follower
            return None
        self.displaced = None
        return self._best(i, tag).take()

    def _go(self, use: SegmentUse) -> None:
        self.before = None
        self.current = use
        self.uses = 1

    def _take(self, i: int, step: Step) -> SegmentUse:
        """A legal move, or one too often."""
        was = (self.current, self.uses) if self.current is not None else None
        chosen: Step | None = step
        while chosen is not None:
            use = chosen.use
            if chosen.counts == USE:
                if self.uses < chosen.limit:
                    self.uses += 1
                    self.before = None
                    return use
            elif chosen.counts == LOOP:
                self.loops[use.index] = self.loops.get(use.index, 0) + 1
                if self.loops[use.index] <= chosen.limit:
                    self._go(use)
                    self.before = (*was, use.index) if was else None
                    return use
            else:
                if chosen.counts == ENTER:
                    self.loops[use.index] = 1
                self._go(use)
                self.before = (*was, None) if was else None
                return use
            chosen = chosen.instead
        use = step.use
        if step.counts == USE:
            code, limit = Code.SEGMENT_EXCEEDS_MAXIMUM_USE, use.max
        else:
            code, limit = Code.LOOP_OCCURS_OVER_MAXIMUM_TIMES, use.loop.max
        self._find(code, use.segment.tag, i + 1, loop=use.loop.path, expected=str(limit))
        if step.counts == LOOP:
            self._go(use)
        return use

    def _follower(self, displaced: SegmentUse | None, tag: str) -> SegmentUse | None:
        """Where a row belongs that goes with one that was left out of place before it."""
        if displaced is None:
            return None
        step = self.automaton.moves[displaced.index].get(tag)
        if step is None or step.use.segment.tag == TRAILER:
            return None
        # what stands in no loop takes only its like along, not the loops behind it
        together = step.use.loop is displaced.loop if displaced.loop.parent is None else None
        return step.use if together or (together is None and displaced.loop in _ancestors(step.use)) else None

    def _best(self, i: int, tag: str) -> _Way:
        ways = list(self._ways(i, tag))
        if len(ways) == 1:
            return ways[0]
        return min(ways, key=lambda way: self._weight(i, way))

    def _weight(self, i: int, way: _Way) -> tuple[int, int]:
        """The faults of this row and those that follow, then how many rows are left out of place with it."""
        at, displaced, faults, left = way.goes_on, way.displaced, way.faults, 0
        for row in self.rows[i + 1 : i + 1 + AHEAD]:
            step = self.automaton.moves[at].get(row[0])
            if step is not None:
                at, displaced = step.use.index, None
            elif (follower := self._follower(displaced, row[0])) is not None:
                displaced = follower
                left += 1
            else:
                displaced = None
                faults += 1
        return faults, left

    def _ways(self, i: int, tag: str) -> Iterator[_Way]:
        """What may explain a row that has no legal move, likeliest first."""
        current = self.current
        places = self.automaton.by_tag.get(tag)
        if current is not None and places is not None:
            ahead = list(self._forward(i, tag, current))
            yield from ahead
            if tag == TRAILER and ahead:  # a set ends, whatever it lacks
                return
            if tag != TRAILER:
                enclosing = _ancestors(current)
                # one row alone is late rather than all that is left of a loop; those that follow it decide
                yield self._stay(i, tag, places, current)
                yield from self._loop_starts(i, places, current, enclosing)
                yield from self._last_was_wrong(i, tag)
                for use in places:
                    if use.loop in enclosing and use.index < current.index and use is not use.loop.children[0]:
                        yield _Way(1, use.index, None, lambda use=use: self._back(i, use))  # type: ignore[misc]
                return
        yield _Way(1, current.index if current is not None else 0, None, lambda: self._stray(i, tag))

    def _forward(self, i: int, tag: str, current: SegmentUse) -> Iterator[_Way]:
        """Mandatory uses did not come: go on behind them."""
        node: SegmentUse | LoopUse = current
        loop: LoopUse | None = current.loop
        missing: list[SegmentUse] = []
        while loop is not None:
            for child in loop.children[loop.children.index(node) + 1 :]:
                target = first_of(child)
                if child.max == 0:
                    continue
                if target.segment.tag == tag:
                    yield from self._arrival(i, child, target, missing)
                    return
                if child.requirement == "M" and target.segment.tag not in self.elsewhere:
                    missing.append(target)
            if loop.parent is not None and loop.max > 1 and loop.first.segment.tag == tag:
                yield from self._arrival(i, loop, loop.first, missing)
                return
            node, loop = loop, loop.parent

    def _arrival(
        self, i: int, child: SegmentUse | LoopUse, target: SegmentUse, missing: list[SegmentUse]
    ) -> Iterator[_Way]:
        yield _Way(len(missing), target.index, None, lambda: self._arrive(i, child, target, missing))

    def _arrive(self, i: int, child: SegmentUse | LoopUse, target: SegmentUse, missing: list[SegmentUse]) -> SegmentUse:
        for use in missing:
            if self._comes_later(i, use):
                self.elsewhere.add(use.segment.tag)  # said where it comes
            else:
                self._find(Code.MANDATORY_SEGMENT_MISSING, use.segment.tag, i + 1, loop=use.loop.path)
        if isinstance(child, LoopUse):
            inside = self.current is not None and child in _ancestors(self.current)
            self.loops[target.index] = self.loops.get(target.index, 0) + 1 if inside else 1
            if inside and self.loops[target.index] > child.max:
                code, tag = Code.LOOP_OCCURS_OVER_MAXIMUM_TIMES, target.segment.tag
                self._find(code, tag, i + 1, loop=child.path, expected=str(child.max))
        self._go(target)
        return target

    def _loop_starts(
        self, i: int, places: list[SegmentUse], current: SegmentUse, enclosing: list[LoopUse]
    ) -> Iterator[_Way]:
        """A loop may start here or come round again: only its first segment is missing."""
        for use in places:
            loop: LoopUse | None = use.loop
            while loop is not None and use is loop.children[0]:  # it starts a loop itself: the one around it is meant
                loop = loop.parent
            if loop is None or loop.parent is None:
                continue
            step = self.automaton.moves[current.index].get(loop.first.segment.tag)
            again = loop in enclosing and loop.max > 1 and use.index < current.index
            if again or (step is not None and step.use is loop.first):
                yield _Way(1, use.index, None, lambda use=use, loop=loop: self._without_start(i, use, loop))  # type: ignore[misc]

    def _without_start(self, i: int, use: SegmentUse, loop: LoopUse) -> SegmentUse:
        expected = loop.first.segment.tag
        self._find(Code.LOOP_START_MISSING, use.segment.tag, i + 1, loop=loop.path, expected=expected)
        self._go(use)
        return use

    def _last_was_wrong(self, i: int, tag: str) -> Iterator[_Way]:
        """The row before came where it may, but this one shows that it should not have."""
        if self.before is None or not self.positions or self.positions[-1] < 0:
            return
        use, uses, counted = self.before
        step = self.automaton.moves[use.index].get(tag)
        wrong = self.automaton.uses[self.positions[-1]]
        if step is None or wrong.index == 0:
            return

        def undo() -> SegmentUse:
            self._find(Code.SEGMENT_NOT_IN_PROPER_SEQUENCE, wrong.segment.tag, i, loop=wrong.loop.path)
            self.elsewhere.add(wrong.segment.tag)
            self.positions[-1] = -1
            self._go(use)
            self.uses = uses
            if counted is not None:
                self.loops[counted] -= 1
            return self._take(i, step)

        yield _Way(1, step.use.index, None, undo)

    def _back(self, i: int, use: SegmentUse) -> SegmentUse:
        """The set goes back to an earlier part, and on from there."""
        self._find(Code.SEGMENT_NOT_IN_PROPER_SEQUENCE, use.segment.tag, i + 1, loop=use.loop.path)
        self._go(use)
        return use

    def _stay(self, i: int, tag: str, places: list[SegmentUse], current: SegmentUse) -> _Way:
        home = next((use for use in places if use.loop.parent is None or use is use.loop.children[0]), places[0])

        def stay() -> None:
            self._leave(i, tag)
            self.displaced = home

        return _Way(1, current.index, home, stay)

    def _comes_later(self, i: int, use: SegmentUse) -> bool:
        """Whether a mandatory use is still to come in this instance of its loop, where it then has no place."""
        if len(self.automaton.by_tag[use.segment.tag]) > 1:
            return False
        at = self._next(use.segment.tag, i)
        if at is None or use.loop.parent is None:
            return at is not None
        stop = self._next(use.loop.first.segment.tag, i)
        return stop is None or at < stop

    def _next(self, tag: str, i: int) -> int | None:
        """The next row with this tag, from the i-th on."""
        if not self._rows_of:
            for at, row in enumerate(self.rows):
                self._rows_of.setdefault(row[0], []).append(at)
        found = self._rows_of.get(tag, [])
        at = bisect_left(found, i)
        return found[at] if at < len(found) else None

    def _stray(self, i: int, tag: str) -> SegmentUse | None:
        self._leave(i, tag)
        return None

    def _leave(self, i: int, tag: str) -> None:
        """A row that stays where it is, without a place in the guide."""
        places = self.automaton.by_tag.get(tag)
        if places is None:
            code = Code.SEGMENT_NOT_IN_SET if tag in self.known_tags else Code.UNRECOGNIZED_SEGMENT
            self._find(code, tag, i + 1, value=tag)
            return
        if self.current is None:
            self._find(Code.SEGMENT_NOT_IN_PROPER_SEQUENCE, tag, i + 1)
            return
        enclosing = _ancestors(self.current)
        for use in places:
            if _unused(use, enclosing):
                self._find(Code.SEGMENT_NOT_IN_SET, tag, i + 1, loop=use.loop.path, value=tag)
                return
        for use in places:
            if use.loop in enclosing and use.index <= self.current.index:
                self._too_often_or_late(i, tag, use)
                return
        for use in places:
            if use.loop not in enclosing and use is not use.loop.first and use.index > self.current.index:
                self._find(Code.LOOP_START_MISSING, tag, i + 1, loop=use.loop.path, expected=use.loop.first.segment.tag)
                return
        self._out_of_sequence(i, tag, places[0])

    def _too_often_or_late(self, i: int, tag: str, use: SegmentUse) -> None:
        """A row whose place in an open loop has been passed."""
        if use.loop.parent is not None and use is use.loop.first:
            code, expected = Code.LOOP_OCCURS_OVER_MAXIMUM_TIMES, str(use.loop.max)
            self._find(code, tag, i + 1, loop=use.loop.path, expected=expected)
        elif len(self.findings) < MANY and self._seen_in_loop(use) >= use.max:
            code, expected = Code.SEGMENT_EXCEEDS_MAXIMUM_USE, str(use.max)
            self._find(code, tag, i + 1, loop=use.loop.path, expected=expected)
        else:
            self._out_of_sequence(i, tag, use)

    def _out_of_sequence(self, i: int, tag: str, use: SegmentUse) -> None:
        self._find(Code.SEGMENT_NOT_IN_PROPER_SEQUENCE, tag, i + 1, loop=use.loop.path)
        self.elsewhere.add(tag)

    def _seen_in_loop(self, use: SegmentUse) -> int:
        """How often a use came since its loop last started."""
        start = use.loop.first.index if use.loop.parent is not None else 0
        count = 0
        for index in reversed(self.positions):
            count += index == use.index
            if index == start:
                break
        return count

    def _missing_at_end(self) -> None:
        """The set ended: what mandatory uses were still to come?"""
        if self.current is None:
            return
        for use in still_due(self.current):
            tag = use.segment.tag
            if tag != TRAILER and tag not in self.elsewhere:
                self._find(Code.MANDATORY_SEGMENT_MISSING, tag, len(self.rows), loop=use.loop.path)


def _reference(use: SegmentUse, element: int, component: int | None) -> str | None:
    """The number of an element in the dictionary."""
    if element > len(use.segment.elements):
        return None
    found = use.segment.elements[element - 1].element
    if isinstance(found, CompositeDef):
        if component is None or component > len(found.elements):
            return None
        found = found.elements[component - 1].element
    return found.number if isinstance(found, ElementDef) else None


def _unused(use: SegmentUse, enclosing: list[LoopUse]) -> bool:
    """Whether a partner does not use what would have its place here."""
    if use.max == 0:
        return use.loop in enclosing
    return use.loop.max == 0 and use.loop.parent in enclosing


def _ancestors(use: SegmentUse) -> list[LoopUse]:
    found = []
    loop: LoopUse | None = use.loop
    while loop is not None:
        found.append(loop)
        loop = loop.parent
    return found
