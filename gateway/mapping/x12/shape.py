"""Where the lines of a map stand in a guide.

The lines of one scope become uses: a use is one row shape, a segment with its qualifiers, the elements it carries and
the object it belongs to. Uses hang on the guide's own tree (`Scope.uses`), so that reading tests a segment exactly
where the guide has it and writing follows the guide's order, whatever the order of the map's lines.

The guide has ONE loop for HL. Its levels are told apart by HL03, and nest as the map nests them (`Use.levels`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from gateway.canonical import Node
from gateway.formats.x12.guide import CompositeDef, ElementDef, ElementUse, Guide, LoopUse, SegmentUse
from gateway.mapping.faults import Fault, MapFault, MapFaults, Origin
from gateway.mapping.fields import Path
from gateway.mapping.language import Block, Language, Line
from gateway.mapping.x12.fitting import check_code, fit

_KEY = re.compile(
    r"(?P<tag>[A-Z][A-Z0-9]{1,2})(?:\[(?P<qualifiers>[^\]]*)\])?"
    r"(?:(?P<element>\d\d)(?:-(?P<component>\d{1,2}))?(?P<pairs>\+\d*)?)?$"
)
_PAIRS_TO_THE_END = 99

Child = SegmentUse | LoopUse
Qualifiers = tuple[tuple[int, str], ...]


@dataclass(slots=True, eq=False)
class Pairs:
    """Qualifier and value, again and again, from one element on."""

    first: int
    line: Line
    most: int  # pairs; 0: to the end of the segment
    room: int  # pairs the guide has elements for

    @property
    def elements(self) -> range:
        return range(self.first, self.first + 2 * (self.most or _PAIRS_TO_THE_END))


@dataclass(slots=True, eq=False)
class Use:
    """One row shape."""

    tag: str
    qualifiers: Qualifiers
    origin: Origin
    child: Child
    holder: type[Node]  # the model of the object around it
    model: type[Node]  # of the object its lines belong to
    block: Block | None = None  # its own object or list; None: the object around it
    values: Line | None = None  # a list of values, one segment each
    ignored: Line | None = None
    lines: dict[int, Line] = field(default_factory=dict)
    components: dict[int, dict[int, Line]] = field(default_factory=dict)
    pairs: Pairs | None = None
    items: list[Line | Block] = field(default_factory=list)
    scope: Scope | None = None  # what stands in it, when it starts a loop
    levels: list[Use] = field(default_factory=list)  # the HL levels under this one

    @property
    def key(self) -> str:
        """As the map writes it: REF[01=DP]."""
        said = ",".join(f"{n:02d}={v}" for n, v in self.qualifiers)
        return f"{self.tag}[{said}]" if said else self.tag

    @property
    def path(self) -> Path:
        if self.values is not None:
            return self.values.path
        return self.block.path if self.block else ()

    @property
    def many(self) -> bool:
        return self.values is not None or bool(self.block and self.block.many)

    @property
    def prefix(self) -> str:
        """What the places of leftovers inside it begin with, where loops of one kind share an object."""
        grouping = isinstance(self.child, LoopUse) and not self.path and bool(self.qualifiers)
        return f"{self.key}:" if grouping or is_hl(self.child) else ""

    @property
    def level(self) -> str:
        """HL03 of an HL use."""
        return dict(self.qualifiers).get(3, "")

    def own_lines(self) -> Iterator[Line]:
        """The lines of its row, and of the rows in it: numbered without a gap."""
        seen: set[int] = set()
        for item in self.items:
            for line in [item] if isinstance(item, Line) else item.lines():
                seen.add(id(line))
                yield line
        alone = [*self.lines.values(), *(line for parts in self.components.values() for line in parts.values())]
        alone += [self.pairs.line] if self.pairs is not None else []
        yield from (line for line in alone if id(line) not in seen)


@dataclass(slots=True, eq=False)
class Scope:
    """The children of one loop a map uses, each with its uses, those with most qualifiers first."""

    loop: LoopUse
    uses: dict[int, list[Use]] = field(default_factory=dict)  # index of the child's first segment -> uses

    def of(self, child: Child) -> list[Use]:
        return self.uses.get(first(child).index, [])


def first(child: Child) -> SegmentUse:
    """The segment a child begins with."""
    return child.first if isinstance(child, LoopUse) else child


def last_index(child: Child) -> int:
    """The last position inside a child."""
    return max(use.index for use in child.walk()) if isinstance(child, LoopUse) else child.index


def is_hl(child: Child) -> bool:
    return isinstance(child, LoopUse) and child.first.segment.tag == "HL"


def element_of(child: Child, position: int) -> ElementUse:
    return first(child).segment.elements[position - 1]


def parse_key(text: str, origin: Origin) -> tuple[str, Qualifiers, int, int, str | None]:
    """Tag, qualifiers, element, component, pairs."""
    match = _KEY.match(text)
    if not match:
        raise origin.fault(f"{text!r} is not a segment, element or loop", "write REF02, REF[01=DP]02 or PO1 -> lines[]")
    qualifiers: list[tuple[int, str]] = []
    for said in (match["qualifiers"] or "").split(",") if match["qualifiers"] is not None else ():
        position, equals, value = said.partition("=")
        if not equals or not position.strip().isdigit() or not value.strip():
            raise origin.fault(f"{said!r} is not a qualifier", "write [01=DP]")
        qualifiers.append((int(position), value.strip()))
    return match["tag"], tuple(qualifiers), int(match["element"] or 0), int(match["component"] or 0), match["pairs"]


class Shape:
    """The uses of a map over a guide; MapFaults where they do not fit together."""

    def __init__(self, language: Language, guide: Guide) -> None:
        self.guide = guide
        self.faults: list[Fault] = []
        self.paths = [_path(use) for use in guide.uses]
        self.root = self._scope(language.root.items, guide.root, language.model, None)
        if self.faults:
            raise MapFaults(self.faults)

    def _find(self, loop: LoopUse, tag: str, origin: Origin) -> Child:
        own = loop.children[1:] if loop.parent is not None else loop.children
        if loop.parent is not None and tag == "HL" and loop.first.segment.tag == "HL":
            return loop
        hits = [child for child in own if first(child).segment.tag == tag]
        where = f"loop {loop.path}" if loop.path else "the header"
        if not hits:
            deep = sorted({_path(use) for use in self.guide.uses if use.segment.tag == tag})
            remedy = f"it occurs as {', '.join(deep)}" if deep else f"{self.guide.set_id} has no such segment"
            raise origin.fault(f"{tag} does not occur in {where} of {self.guide.set_id}", remedy)
        if len(hits) > 1 and len({isinstance(hit, LoopUse) for hit in hits}) > 1:
            hits = [hit for hit in hits if isinstance(hit, LoopUse)]
        return hits[0]

    def _scope(self, items: list[Line | Block], loop: LoopUse, model: type[Node], own: Use | None) -> Scope:
        """The items of one scope, put where the guide has them."""
        scope = Scope(loop)
        by: dict[tuple[object, ...], Use] = {}

        def use_of(tag: str, qualifiers: Qualifiers, origin: Origin, *distinct: object) -> Use:
            if own is not None and tag == own.tag and not qualifiers and not distinct:
                return own
            key = (tag, qualifiers, *distinct)
            if key not in by:
                child = self._find(loop, tag, origin)
                by[key] = use = Use(tag, qualifiers, origin, child, model, model)
                if is_hl(child):
                    if own is None:
                        scope.uses.setdefault(first(child).index, []).append(use)
                    else:
                        own.levels.append(use)
                else:
                    scope.uses.setdefault(first(child).index, []).append(use)
            return by[key]

        for item in items:
            try:
                tag, qualifiers, element, component, pairs = parse_key(item.key, item.origin)
                if isinstance(item, Block):
                    if element:
                        raise item.origin.fault(f"{item.key}: lines under it need a segment, not an element")
                    use = (
                        use_of(tag, qualifiers, item.origin, item)
                        if item.path
                        else use_of(tag, qualifiers, item.origin)
                    )
                    self._known_codes(use, item.origin)
                    use.items += item.items
                    if item.path:
                        use.block, use.model = item, item.model
                elif not element:
                    if item.kind != "ignored":
                        raise item.origin.fault(f"{item.key}: a line needs an element", f"write {item.key}02: ...")
                    use_of(tag, qualifiers, item.origin, item).ignored = item
                else:
                    is_own = own is not None and tag == own.tag and not qualifiers
                    self._line(item, tag, qualifiers, element, component, pairs, use_of, own=is_own)
            except MapFault as fault:
                self.faults.append(fault.fault)
        self._settle(scope, own)
        return scope

    def _line(
        self,
        line: Line,
        tag: str,
        qualifiers: Qualifiers,
        element: int,
        component: int,
        pairs: str | None,
        use_of: Callable[..., Use],
        *,
        own: bool,
    ) -> None:
        """Put one element's line into its use."""
        line.place = f"{tag}{element:02d}" + (f"-{component}" if component else "")
        is_list = line.target is not None and line.target.kind == "values"
        is_list = is_list and not own and not self._repeats_inside(tag, element)
        use = use_of(tag, qualifiers, line.origin, line) if is_list else use_of(tag, qualifiers, line.origin)
        elements = first(use.child).segment.elements
        self._known_codes(use, line.origin)
        if element > len(elements):
            raise line.origin.fault(f"{tag} has {len(elements)} elements, so there is no {tag}{element:02d}")
        definition = elements[element - 1].element
        if component:
            if not isinstance(definition, CompositeDef):
                raise line.origin.fault(f"{tag}{element:02d} is no composite", f"write {tag}{element:02d}")
            if component > len(definition.elements):
                raise line.origin.fault(f"{tag}{element:02d} has {len(definition.elements)} components")
            definition = definition.elements[component - 1].element
        if isinstance(definition, CompositeDef):
            if line.kind != "ignored":
                raise line.origin.fault(f"{tag}{element:02d} is a composite", f"write {tag}{element:02d}-1")
        elif line.kind == "const":
            check_code(definition, line.value, line.place, line.origin)
        elif line.kind == "field":
            if line.format.domain == "codes":
                for code in line.format.table.values():
                    check_code(definition, code, line.place, line.origin)
            if pairs is not None:
                following = elements[element].element if element < len(elements) else None
                value_of = following if isinstance(following, ElementDef) else definition
                fit(line, value_of, in_pairs=True)
            else:
                fit(line, definition, in_pairs=False)
        if pairs is not None:
            if line.target is None or line.target.kind != "dict":
                raise line.origin.fault(
                    f"{line.key}: pairs are carried by a field of names and values", "such as identifiers"
                )
            room = _room(elements[element - 1 :])
            goes_on = element - 1 + 2 * room < len(elements)
            most = int(pairs[1:] or 0) or (room if goes_on else 0)
            if most > room:
                raise line.origin.fault(f"{tag} has room for {room} pairs from {tag}{element:02d} on")
            if use.pairs is not None:
                raise line.origin.fault(f"{tag} has pairs already", f"at {use.pairs.line.origin}")
            use.pairs = Pairs(element, line, most, most or room)
            return
        if line.target is not None and line.target.kind == "dict":
            raise line.origin.fault(
                f"{line.full} holds names and values", f"write {line.key}+ or {'.'.join(line.path)}.NAME"
            )
        if is_list:
            use.values = line
            use.lines[element] = line
            return
        taken = use.lines.get(element) or (use.components.get(element, {}).get(component) if component else None)
        if taken is not None:
            raise line.origin.fault(f"{line.place} already has a line", f"at {taken.origin}")
        if element in dict(use.qualifiers):
            raise line.origin.fault(f"{line.place} is the qualifier", "its value is fixed by the key")
        if component:
            use.components.setdefault(element, {})[component] = line
        elif element in use.components:
            raise line.origin.fault(f"{line.place} already has lines for its components")
        else:
            use.lines[element] = line

    def _known_codes(self, use: Use, origin: Origin) -> None:
        """Qualifiers must be codes of the standard, or nothing would ever match them."""
        elements = first(use.child).segment.elements
        for n, value in use.qualifiers:
            if n > len(elements):
                raise origin.fault(f"{use.tag} has {len(elements)} elements, so there is no {use.tag}{n:02d}")
            check_code(elements[n - 1].element, value, f"{use.tag}{n:02d}", origin)

    def _repeats_inside(self, tag: str, element: int) -> bool:
        """The guide lets the element itself repeat, with the repetition separator between."""
        elements = next((use.segment.elements for use in self.guide.uses if use.segment.tag == tag), ())
        return 0 < element <= len(elements) and elements[element - 1].repeat > 1

    def _settle(self, scope: Scope, own: Use | None) -> None:
        """Order the uses, look for ambiguities, and go on inside the loops."""
        for uses in [*scope.uses.values(), own.levels if own is not None else []]:
            uses.sort(key=lambda use: -len(use.qualifiers))
            for n, use in enumerate(uses):
                for other in uses[n + 1 :]:
                    self._ambiguous(use, other)
            for use in uses:
                self._inside(use)
                self._repeats(use, uses)

    def _ambiguous(self, use: Use, other: Use) -> None:
        mine, theirs = dict(use.qualifiers), dict(other.qualifiers)
        same = len(mine) == len(theirs) and all(theirs.get(n, v) == v for n, v in mine.items())
        if same and not (use.values is not None and other.values is None and use.qualifiers):
            text = f"{other.key} and {use.key} mean the same segment"
            self.faults.append(
                other.origin.fault(text, f"the other is at {use.origin}: give them different qualifiers").fault
            )

    def _inside(self, use: Use) -> None:
        child = use.child
        if isinstance(child, LoopUse):
            use.scope = self._scope(use.items, child, use.model, use)
        elif use.items:  # a segment that is no loop holds only its own elements
            alone = LoopUse(use.tag, "O", 1, self.guide.root, (child,), use.tag)
            self._scope(use.items, alone, use.model, use)
        if is_hl(child) and not use.level:
            self.faults.append(use.origin.fault("HL needs its level", "write HL[03=S]").fault)
        for line in use.lines.values():
            if line.kind == "const" and line.when and not any(_named(use, line.when)):
                known = ", ".join(".".join(other.path) for other in use.lines.values() if other.path)
                text = f"{line.key}: no line of {use.key} carries {line.when}"
                self.faults.append(line.origin.fault(text, f"its lines carry {known}").fault)

    def _repeats(self, use: Use, uses: list[Use]) -> None:
        """A qualified segment that repeats means something else each time, so a bare line of it is a guess."""
        segment = first(use.child)
        limit = use.child.max
        qualified = {"REF", "DTM", "N1", "N9", "G62", "PER", "SAC", "MAN", "PID"}
        guess = not use.many and not use.qualifiers and limit > 1 and segment.segment.tag in qualified
        if guess and use.ignored is None and (use.lines or use.pairs):
            text = f"{use.tag} repeats and means something else each time"
            self.faults.append(use.origin.fault(text, f"say which, {use.tag}[01=..], or {use.tag} -> list[]").fault)


def _room(elements: Sequence[ElementUse]) -> int:
    """How many pairs of the same two elements follow one another."""
    numbers = [getattr(use.element, "number", "") for use in elements]
    count = 0
    while numbers[2 * count : 2 * count + 2] == numbers[:2]:
        count += 1
    return count


def _named(use: Use, field: str) -> Iterator[int]:
    return (n for n, line in use.lines.items() if line.kind == "field" and ".".join(line.path) == field)


def _path(use: SegmentUse) -> str:
    tag = use.segment.tag
    return f"{use.loop.path}/{tag}" if use.loop.path else tag
