"""A guide compiled to an automaton whose states are the guide's segment uses.

`moves[index][tag]` says what may come after a use. The cost of structure is one dict lookup a segment, whatever the
guide's size, and the list of indices a set yields is its loop tree: `guide.uses[index].loop`. checker.py takes a set
along these moves, walk.py explains where it left them.

Where one tag may come next in several places, the first in the guide's order wins, until its maximum is used up.
"""

from __future__ import annotations

from gateway.formats.x12.model import UNBOUNDED, LoopUse, SegmentUse


class Step:
    """A legal move: to a use, counting what has a maximum."""

    __slots__ = ("counts", "instead", "limit", "use")

    def __init__(self, use: SegmentUse, counts: int, limit: int) -> None:
        self.use = use
        self.counts = counts  # NOTHING, USE: the same use again, LOOP: its loop again, ENTER: a loop with a maximum
        self.limit = limit
        self.instead: Step | None = None  # where this tag leads once the limit is used up


TRAILER = "SE"
NOTHING, USE, LOOP, ENTER = range(4)
Moves = dict[str, Step]


def first_of(child: SegmentUse | LoopUse) -> SegmentUse:
    return child if isinstance(child, SegmentUse) else child.first


def still_due(use: SegmentUse) -> list[SegmentUse]:
    """The mandatory uses that have not been passed when a set ends after this one."""
    found = []
    node: SegmentUse | LoopUse = use
    loop: LoopUse | None = use.loop
    while loop is not None:
        rest = loop.children[loop.children.index(node) + 1 :]
        found += [first_of(child) for child in rest if child.requirement == "M"]
        node, loop = loop, loop.parent
    return found


def _moves_from(use: SegmentUse) -> list[Step]:
    """Where the set may go after a use, nearest first.

    The order of a guide makes "already seen" static: the way forward ends at a mandatory use that has not been passed.
    """
    found: list[Step] = []
    if use.max > 1:
        found.append(Step(use, USE if use.max < UNBOUNDED else NOTHING, use.max))
    node: SegmentUse | LoopUse = use
    loop: LoopUse | None = use.loop
    while loop is not None:
        for child in loop.children[loop.children.index(node) + 1 :]:
            if child.max == 0:  # a partner does not use it
                continue
            bounded = isinstance(child, LoopUse) and 1 < child.max < UNBOUNDED
            found.append(Step(first_of(child), ENTER if bounded else NOTHING, 0))
            if child.requirement == "M":
                return found
        if loop.parent is not None and loop.max > 1:
            found.append(Step(loop.first, LOOP if loop.max < UNBOUNDED else NOTHING, loop.max))
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
                if known.counts in (USE, LOOP):
                    known.instead = step
            self.moves.append(table)
