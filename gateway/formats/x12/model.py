"""What a guide says: elements, segments and loops, and the place each has in a set.

A definition (`SegmentDef`) is the dictionary's entry; a use (`SegmentUse`, `LoopUse`, `ElementUse`) is its place in a
guide. Uses know their parents, so they are compared by identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Requirement = Literal["M", "O", "X"]

UNBOUNDED = 1_000_000_000  # ">1" in a guide: the standard sets no limit


@dataclass(frozen=True, slots=True)
class ElementDef:
    """A data element of the dictionary."""

    number: str  # "353", or "I01" for elements of the envelope
    name: str  # our words
    type: str  # AN ID DT TM N0-N9 R B
    min: int
    max: int
    codes: frozenset[str] | None = None  # None: any value of the type will do


@dataclass(frozen=True, slots=True, eq=False)
class CompositeDef:
    """A composite: elements joined by the component separator."""

    id: str  # "C040"
    name: str
    elements: tuple[ElementUse, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ElementUse:
    """An element's or composite's place in a segment or composite."""

    position: int  # counted from 1
    requirement: Requirement
    element: ElementDef | CompositeDef
    repeat: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class SegmentDef:
    """A segment of the dictionary."""

    tag: str
    name: str
    elements: tuple[ElementUse, ...]
    notes: tuple[str, ...]  # syntax notes: "P0304", "R020305", "C0302"


@dataclass(frozen=True, slots=True, eq=False)
class LoopUse:
    """A loop's place in a set; its first child starts it. The root is the set itself."""

    id: str  # "" for the root
    requirement: Requirement
    max: int  # 0: a partner does not use it
    parent: LoopUse | None = field(repr=False)
    children: tuple[SegmentUse | LoopUse, ...] = field(repr=False)
    path: str  # "" for the root, "PO1", "PO1/N1"

    @property
    def first(self) -> SegmentUse:
        """The segment whose arrival starts the loop."""
        child = self.children[0]
        if isinstance(child, LoopUse):
            raise TypeError(f"loop {self.path} must start with a segment")
        return child

    def walk(self) -> Iterator[SegmentUse]:
        """Every segment use of this loop and the loops in it, in the guide's order."""
        for child in self.children:
            if isinstance(child, SegmentUse):
                yield child
            else:
                yield from child.walk()


@dataclass(frozen=True, slots=True, eq=False)
class SegmentUse:
    """A segment's place in a set."""

    segment: SegmentDef
    requirement: Requirement
    max: int  # 0: a partner does not use it
    loop: LoopUse = field(repr=False)
    index: int  # the automaton's position number, dense from 0 = ST, in the guide's order
