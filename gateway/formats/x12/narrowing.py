"""A guide as one partner wants it: a standard guide, narrowed by a few words a place.

    850 REF: required, at most 3        a segment, wherever it stands in no loop
    850 PO1/PID: unused                 a segment or loop by its path in the guide
    850 BEG-01: only 00 06              an element, wherever its segment stands in the set
    856 TD1-01: also CTN99              a code the standard does not list
    810 N1-04: required, 9 to 13        characters

Everything else stays as the standard says. The uses keep their numbers, so positions of a narrowed guide are those of
the one it was made from, and a map made for that one fits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from gateway.formats.x12.guide import Guide, GuideFault
from gateway.formats.x12.model import CompositeDef, ElementDef, ElementUse, LoopUse, Requirement, SegmentDef, SegmentUse

KEPT = 256  # narrowed guides: partners have a handful each
_PLACE = re.compile(r"([0-9]{3}) ((?:[A-Z][A-Z0-9]{1,3}/)*)([A-Z][A-Z0-9]{1,2})(?:-([0-9]{2})(?:-([0-9]{1,2}))?)?")
_WORDS = "say `required`, `unused`, `at most 3`, `2 to 9`, `only A B` or `also A B`, joined by commas"

Rules = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is said of one place."""

    required: bool = False
    unused: bool = False
    most: int | None = None  # uses of a segment or loop, or repetitions of an element
    sizes: tuple[int, int] | None = None
    only: frozenset[str] | None = None
    also: frozenset[str] = frozenset()


def rule(text: str) -> Rule:
    """The words of one rule; raises GuideFault."""
    said = Rule()
    for part in (part.strip() for part in text.split(",")):
        if part == "required":
            said = replace(said, required=True)
        elif part == "unused":
            said = replace(said, unused=True)
        elif found := re.fullmatch(r"at most ([1-9][0-9]*)", part):
            said = replace(said, most=int(found[1]))
        elif found := re.fullmatch(r"([0-9]+) to ([0-9]+)", part):
            said = replace(said, sizes=(int(found[1]), int(found[2])))
        elif found := re.fullmatch(r"only (\S+(?: \S+)*)", part):
            said = replace(said, only=frozenset(found[1].split()))
        elif found := re.fullmatch(r"also (\S+(?: \S+)*)", part):
            said = replace(said, also=frozenset(found[1].split()))
        else:
            raise GuideFault(f"`{part}` narrows nothing: {_WORDS}")
    if said.required and said.unused:
        raise GuideFault("a place cannot be required and unused")
    return said


def narrowed(guide: Guide, rules: Mapping[str, str]) -> Guide:
    """The guide with the rules for its set; the guide itself where there is none. Raises GuideFault."""
    if not rules:
        return guide
    mine = tuple(sorted((place, text) for place, text in rules.items() if place.startswith(f"{guide.set_id} ")))
    return _narrowed(guide, mine) if mine else guide


def check_place(place: str) -> None:
    """Raise GuideFault if a place is not written as one."""
    if _PLACE.fullmatch(place) is None:
        raise GuideFault(f"`{place}` is no place: write the set, a blank, and e.g. REF, PO1/PID or BEG-03")


@lru_cache(maxsize=KEPT)
def _narrowed(guide: Guide, rules: Rules) -> Guide:
    structure: dict[str, Rule] = {}
    elements: dict[str, dict[tuple[int, int | None], Rule]] = {}
    for place, text in rules:
        found = _PLACE.fullmatch(place)
        if found is None:
            check_place(place)
            continue
        _, path, tag, element, component = found.groups()
        if element is None:
            structure[path + tag] = rule(text)
        elif path:
            raise GuideFault(f"`{place}`: an element's rule holds wherever its segment stands; write {tag}-{element}")
        else:
            elements.setdefault(tag, {})[int(element), int(component) if component else None] = rule(text)
    made = _Narrowing(guide, structure, elements)
    root = made.loop(guide.root, None)
    left = structure.keys() - made.met
    left |= elements.keys() - {use.segment.tag for use in guide.uses}
    if left:
        raise GuideFault(f"{guide.release}/{guide.set_id} has no {', '.join(sorted(left))}")
    return replace(guide, root=root, uses=tuple(made.uses), _checkers={}, _automata=[])


class _Narrowing:
    """A copy of a guide's tree with the rules worked in."""

    def __init__(
        self,
        guide: Guide,
        structure: Mapping[str, Rule],
        elements: Mapping[str, Mapping[tuple[int, int | None], Rule]],
    ) -> None:
        self.guide = guide
        self.structure = structure
        self.elements = elements
        self.uses: list[SegmentUse] = []
        self.met: set[str] = set()
        self._segments: dict[str, SegmentDef] = {}

    def loop(self, loop: LoopUse, parent: LoopUse | None) -> LoopUse:
        requirement, limit = self._usage(loop.path, loop.requirement, loop.max)
        made = LoopUse(loop.id, requirement, limit, parent, (), loop.path)
        children: list[SegmentUse | LoopUse] = []
        for child in loop.children:
            if isinstance(child, LoopUse):
                children.append(self.loop(child, made))
                continue
            tag = child.segment.tag
            wanted, most = child.requirement, child.max
            if not (loop.parent is not None and child is loop.children[0]):  # a loop's first goes by the loop's rule
                wanted, most = self._usage(f"{loop.path}/{tag}" if loop.path else tag, wanted, most)
            use = SegmentUse(self._segment(child.segment), wanted, most, made, child.index)
            self.uses.append(use)
            children.append(use)
        object.__setattr__(made, "children", tuple(children))  # as guide.py: parents and children need each other
        return made

    def _usage(self, path: str, requirement: Requirement, limit: int) -> tuple[Requirement, int]:
        said = self.structure.get(path)
        if said is None:
            return requirement, limit
        self.met.add(path)
        if said.only or said.also or said.sizes:
            raise GuideFault(f"{path}: codes and characters belong to an element, e.g. {path}-01")
        if said.unused:
            if requirement == "M":
                raise GuideFault(f"{path} is required by the standard and cannot be unused")
            return requirement, 0
        if said.most is not None and said.most > limit:
            raise GuideFault(f"{path}: the standard allows {limit}, a partner's guide cannot allow more")
        return "M" if said.required else requirement, said.most or limit

    def _segment(self, segment: SegmentDef) -> SegmentDef:
        rules = self.elements.get(segment.tag)
        if rules is None:
            return segment
        made = self._segments.get(segment.tag)
        if made is None:
            uses = list(segment.elements)
            for (position, component), said in rules.items():
                place = f"{segment.tag}-{position:02}"
                if not 0 < position <= len(uses):
                    raise GuideFault(f"{segment.tag} has {len(uses)} elements, and no {place}")
                use = uses[position - 1]
                if component is not None:
                    uses[position - 1] = replace(use, element=self._part(use, component, said, place))
                else:
                    uses[position - 1] = _element(use, said, place)
            made = self._segments[segment.tag] = replace(segment, elements=tuple(uses))
        return made

    def _part(self, use: ElementUse, component: int, said: Rule, place: str) -> CompositeDef:
        composite = use.element
        if not isinstance(composite, CompositeDef) or not 0 < component <= len(composite.elements):
            raise GuideFault(f"{place} has no component {component}")
        parts = list(composite.elements)
        parts[component - 1] = _element(parts[component - 1], said, f"{place}-{component}")
        return replace(composite, elements=tuple(parts))


def _element(use: ElementUse, said: Rule, place: str) -> ElementUse:
    if said.unused:
        raise GuideFault(f"{place}: only segments and loops can be unused; ignore the value in the map")
    element = use.element
    if isinstance(element, CompositeDef):
        if said.only or said.also or said.sizes:
            raise GuideFault(f"{place} is made of components: name one, e.g. {place}-1")
    else:
        element = _values(element, said, place)
    if said.most is not None and said.most > use.repeat:
        raise GuideFault(f"{place}: the standard allows {use.repeat}, a partner's guide cannot allow more")
    requirement: Requirement = "M" if said.required else use.requirement
    return ElementUse(use.position, requirement, element, said.most or use.repeat)


def _values(element: ElementDef, said: Rule, place: str) -> ElementDef:
    codes = element.codes
    if said.also:
        if codes is None:
            raise GuideFault(f"{place} takes any value: there is no list to add to")
        codes |= said.also
    if said.only is not None:
        if codes is not None and (unknown := said.only - codes):
            raise GuideFault(f"{place}: the standard lists no {' '.join(sorted(unknown))}; `also` adds a code")
        codes = said.only
    low, high = said.sizes or (element.min, element.max)
    if not element.min <= low <= high <= element.max:
        raise GuideFault(f"{place}: the standard has {element.min} to {element.max} characters")
    return replace(element, codes=codes, min=low, max=high)
