"""A guide compiled to an automaton whose states are the guide's segment uses.

`tables[index][tag]` says what may come after a use: the check of that segment, the table to go on with, the use's
index, what to count, and how often. The cost of structure is one dict lookup a segment, whatever the guide's size, and
the list of indices it yields is the loop tree: `guide.uses[index].loop`.

`accept` takes a set without a fault; only what it refuses is walked again by `explain`, which finds every fault and
goes on. The rules both are held to: explain finds nothing exactly when accept accepts, and then both give the same
positions.

Where one tag may come next in several places, the first in the guide's order wins, until its maximum is used up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.formats.finding import Finding
from gateway.formats.x12.checks import FastCheck, SegmentChecks
from gateway.formats.x12.codes import Code
from gateway.formats.x12.hierarchy import Levels, explain_tree, tree_is_plain
from gateway.formats.x12.model import UNBOUNDED, CompositeDef, ElementDef, LoopUse, SegmentUse
from gateway.formats.x12.tolerance import Tolerance
from gateway.formats.x12.totals import LINES, totals_agree

Row = list[str]


class Step:
    """A legal move: to a use, counting what has a maximum."""

    __slots__ = ("counts", "instead", "limit", "use")

    def __init__(self, use: SegmentUse, counts: int, limit: int) -> None:
        self.use = use
        self.counts = counts  # _NOTHING, _USE: the same use again, _LOOP: its loop again, _ENTER: a loop with a maximum
        self.limit = limit
        self.instead: Step | None = None  # where this tag leads once the limit is used up


TRAILER = "SE"
_NOTHING, _USE, _LOOP, _ENTER = range(4)
Moves = dict[str, Step]

# What the fast path unpacks: check, next table, index, counts, limit, instead; a list, as checks are compiled when met.
Entry = list[Any]
Table = dict[str, Entry]


def _first(child: SegmentUse | LoopUse) -> SegmentUse:
    return child if isinstance(child, SegmentUse) else child.first


def still_due(use: SegmentUse) -> list[SegmentUse]:
    """The mandatory uses that have not been passed when a set ends after this one."""
    found = []
    node: SegmentUse | LoopUse = use
    loop: LoopUse | None = use.loop
    while loop is not None:
        rest = loop.children[loop.children.index(node) + 1 :]
        found += [_first(child) for child in rest if child.requirement == "M"]
        node, loop = loop, loop.parent
    return found


def _moves_from(use: SegmentUse) -> list[Step]:
    """Where the set may go after a use, nearest first.

    The order of a guide makes "already seen" static: the way forward ends at a mandatory use that has not been passed.
    """
    found: list[Step] = []
    if use.max > 1:
        found.append(Step(use, _USE if use.max < UNBOUNDED else _NOTHING, use.max))
    node: SegmentUse | LoopUse = use
    loop: LoopUse | None = use.loop
    while loop is not None:
        for child in loop.children[loop.children.index(node) + 1 :]:
            bounded = isinstance(child, LoopUse) and 1 < child.max < UNBOUNDED
            found.append(Step(_first(child), _ENTER if bounded else _NOTHING, 0))
            if child.requirement == "M":
                return found
        if loop.parent is not None and loop.max > 1:
            found.append(Step(loop.first, _LOOP if loop.max < UNBOUNDED else _NOTHING, loop.max))
        node, loop = loop, loop.parent
    return found


class Automaton:
    """One guide's moves; shared by every checker of the guide."""

    def __init__(self, root: LoopUse, uses: tuple[SegmentUse, ...]) -> None:
        self.uses = uses
        self.root = root
        self.by_tag: dict[str, list[SegmentUse]] = {}
        for use in uses:
            self.by_tag.setdefault(use.segment.tag, []).append(use)
        self.moves: list[Moves] = []
        self.final: set[int] = set()  # where a set may end; that it lacks SE is its framing's to say
        for use in uses:
            steps = _moves_from(use)
            if all(missing.segment.tag == TRAILER for missing in still_due(use)):
                self.final.add(use.index)
            table: Moves = {}
            for step in steps:
                tag = step.use.segment.tag
                known = table.get(tag)
                if known is None:
                    table[tag] = step
                    continue
                while known.instead is not None:
                    known = known.instead
                if known.counts in (_USE, _LOOP):
                    known.instead = step
            self.moves.append(table)


@dataclass(frozen=True, slots=True)
class Checked:
    """The place of every segment in the guide, and what is wrong."""

    positions: list[int]  # the index of each row's use, -1 for a row that has no place; it is kept
    findings: tuple[Finding, ...] = ()


class Checker:
    """An automaton with the checks of its segments, for one pair of inner separators."""

    def __init__(
        self,
        automaton: Automaton,
        set_id: str,
        levels: Levels,
        known_tags: Iterable[str],
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
        start = Step(automaton.uses[0], _NOTHING, 0)
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
                if counts == _USE:
                    uses += 1
                    full = uses > limit
                else:
                    uses = 1
                    count = loops[index] = 1 if counts == _ENTER else loops[index] + 1
                    full = counts == _LOOP and count > limit
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
        return _Walk(self, self._automaton, rows, tolerate, self._known_tags).run(self._set_id, self._levels)


def _instead(entry: Entry | None, loops: dict[int, int]) -> Entry | None:
    """Where a tag leads once a maximum is used up."""
    while entry is not None:
        _, _, index, counts, limit, following = entry
        if counts != _LOOP:
            if counts == _ENTER:
                loops[index] = 1
            return entry
        loops[index] += 1
        if loops[index] <= limit:
            return entry
        entry = following
    return None


class _Walk:
    """One walk over a faulty set."""

    def __init__(
        self,
        checker: Checker,
        automaton: Automaton,
        rows: Sequence[Row],
        tolerate: Tolerance,
        known_tags: Iterable[str],
    ) -> None:
        self.checker = checker
        self.automaton = automaton
        self.rows = rows
        self.tolerate = tolerate
        self.known_tags = known_tags
        self.findings: list[Finding] = []
        self.positions: list[int] = []
        self.uses = 0  # how often the current use stood in a row
        self.loops: dict[int, int] = {}  # by the index of a loop's first use: how often it came in its parent
        self.current: SegmentUse | None = None

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
        return Checked(self.positions, tuple(self.findings))

    def _elements(self, i: int, row: Row, use: SegmentUse) -> None:
        def add(code: Code, element: int, component: int | None, value: str, expected: str | None) -> None:
            reference = _reference(use, element, component)
            self._find(code, use.segment.tag, i + 1, element, component, use.loop.path, value, expected, reference)

        self.checker.checks(use.segment.tag).explain(row, add)

    def _place(self, i: int, tag: str) -> SegmentUse | None:
        """The use a row is an instance of, with the faults of its place."""
        if self.current is None:
            first = self.automaton.uses[0]
            if tag == first.segment.tag:
                self._go(first)
                return first
            self._misplaced(i, tag)
            return None
        step = self.automaton.moves[self.current.index].get(tag)
        if step is not None:
            return self._take(i, step)
        use = self._skip(i, tag)
        if use is None:
            self._misplaced(i, tag)
        return use

    def _go(self, use: SegmentUse) -> None:
        self.current = use
        self.uses = 1

    def _take(self, i: int, step: Step) -> SegmentUse:
        """A legal move, or one too often."""
        chosen: Step | None = step
        while chosen is not None:
            use = chosen.use
            if chosen.counts == _USE:
                if self.uses < chosen.limit:
                    self.uses += 1
                    return use
            elif chosen.counts == _LOOP:
                self.loops[use.index] = self.loops.get(use.index, 0) + 1
                if self.loops[use.index] <= chosen.limit:
                    self._go(use)
                    return use
            else:
                if chosen.counts == _ENTER:
                    self.loops[use.index] = 1
                self._go(use)
                return use
            chosen = chosen.instead
        use = step.use
        if step.counts == _USE:
            code, limit = Code.SEGMENT_EXCEEDS_MAXIMUM_USE, use.max
        else:
            code, limit = Code.LOOP_OCCURS_OVER_MAXIMUM_TIMES, use.loop.max
        self._find(code, use.segment.tag, i + 1, loop=use.loop.path, expected=str(limit))
        if step.counts == _LOOP:
            self._go(use)
        return use

    def _skip(self, i: int, tag: str) -> SegmentUse | None:
        """Go on behind mandatory uses that did not come, and say which."""
        use = self.current
        if use is None:
            return None
        node: SegmentUse | LoopUse = use
        loop: LoopUse | None = use.loop
        missing: list[SegmentUse] = []
        while loop is not None:
            for child in loop.children[loop.children.index(node) + 1 :]:
                target = _first(child)
                if target.segment.tag == tag:
                    return self._arrive(i, child, target, missing)
                if child.requirement == "M":
                    missing.append(target)
            if loop.parent is not None and loop.max > 1 and loop.first.segment.tag == tag:
                return self._arrive(i, loop, loop.first, missing)
            node, loop = loop, loop.parent
        return None

    def _arrive(
        self, i: int, child: SegmentUse | LoopUse, target: SegmentUse, missing: list[SegmentUse]
    ) -> SegmentUse | None:
        late = [use for use in missing if self._comes_later(i, use)]
        if late and target.segment.tag != TRAILER:
            # what seems to be missing only comes later: this segment, not that one, stands in the wrong place
            return None
        for use in missing:
            tag = use.segment.tag
            self._find(Code.MANDATORY_SEGMENT_MISSING, tag, i + 1, loop=use.loop.path)
        if isinstance(child, LoopUse):
            inside = self.current is not None and child in _ancestors(self.current)
            self.loops[target.index] = self.loops.get(target.index, 0) + 1 if inside else 1
            if inside and self.loops[target.index] > child.max:
                self._find(
                    Code.LOOP_OCCURS_OVER_MAXIMUM_TIMES,
                    target.segment.tag,
                    i + 1,
                    loop=child.path,
                    expected=str(child.max),
                )
        self._go(target)
        return target

    def _comes_later(self, i: int, use: SegmentUse) -> bool:
        """Whether a mandatory use is still to come in this instance of its loop."""
        stop = use.loop.first.segment.tag if use.loop.parent is not None else None
        for row in self.rows[i:]:
            if row[0] == stop:
                return False
            if row[0] == use.segment.tag:
                return True
        return False

    def _misplaced(self, i: int, tag: str) -> None:
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
            if use.loop in enclosing and use.index <= self.current.index:
                if use.loop.parent is not None and use is use.loop.first:
                    self._find(
                        Code.LOOP_OCCURS_OVER_MAXIMUM_TIMES,
                        tag,
                        i + 1,
                        loop=use.loop.path,
                        expected=str(use.loop.max),
                    )
                    return
                seen = self._seen_in_loop(use)
                code = Code.SEGMENT_EXCEEDS_MAXIMUM_USE if seen >= use.max else Code.SEGMENT_NOT_IN_PROPER_SEQUENCE
                expected = str(use.max) if code is Code.SEGMENT_EXCEEDS_MAXIMUM_USE else None
                self._find(code, tag, i + 1, loop=use.loop.path, expected=expected)
                return
        for use in places:
            if use.loop not in enclosing and use is not use.loop.first and use.index > self.current.index:
                self._find(Code.LOOP_START_MISSING, tag, i + 1, loop=use.loop.path, expected=use.loop.first.segment.tag)
                return
        self._find(Code.SEGMENT_NOT_IN_PROPER_SEQUENCE, tag, i + 1, loop=places[0].loop.path)

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
            if use.segment.tag != TRAILER:
                self._find(Code.MANDATORY_SEGMENT_MISSING, use.segment.tag, len(self.rows), loop=use.loop.path)


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


def _ancestors(use: SegmentUse) -> list[LoopUse]:
    found = []
    loop: LoopUse | None = use.loop
    while loop is not None:
        found.append(loop)
        loop = loop.parent
    return found
