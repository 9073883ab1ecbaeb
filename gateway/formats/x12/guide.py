"""Guides: what a set of one release may hold, read from data files.

A guide has to be ready within 50 ms although a release's dictionaries name hundreds of segments and thousands of codes,
so the files are read line by line, one entry a line, and only the entries a set uses are parsed. They are valid YAML as
well; `gateway check` reads them that way.

    elements.yaml   "353": ID 2 2 | transaction set purpose | 00 01 04    type min max | our words | codes (none: open)
    segments.yaml   BEG: M353 M92 M324 O328 M373 | beginning of order | P0304       uses | our words | syntax notes
                    a use is M, O or X and an element number or composite id, "*n" repeats; composites stand here too
    850.yaml        set, release, functional_id, name; structure: "- REF O >1" or "- loop N9 O 1000:" with its children
                    two columns deeper; hl: which level may stand under which
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from gateway.formats.finding import Finding, Severity
from gateway.formats.x12.automaton import Automaton
from gateway.formats.x12.checker import Checker
from gateway.formats.x12.codes import Code
from gateway.formats.x12.model import (
    UNBOUNDED,
    CompositeDef,
    ElementDef,
    ElementUse,
    LoopUse,
    Requirement,
    SegmentDef,
    SegmentUse,
)
from gateway.formats.x12.separators import DEFAULT, Separators
from gateway.formats.x12.tolerance import RELAXATIONS, STANDARD, Tolerance
from gateway.formats.x12.values import has_control
from gateway.formats.x12.walk import Checked

__all__ = [
    "UNBOUNDED",
    "Checked",
    "CompositeDef",
    "Dictionary",
    "ElementDef",
    "ElementUse",
    "Guide",
    "GuideFault",
    "Guides",
    "LoopUse",
    "SegmentDef",
    "SegmentUse",
]

CHECKERS = 32  # pairs of inner separators a guide keeps compiled: partners use a handful, an attacker may send many
RELEASES = {"003": 7, "004": 6, "005": 5, "006": 5, "007": 6, "008": 6}  # of each version; one came a year
FAR = 4  # years
OLDEST, NEWEST = "003000", "009000"  # releases near enough to ours for their structure to say anything

WEIGHT = tuple(Severity).index
_REQUIREMENTS: dict[str, Requirement] = {"M": "M", "O": "O", "X": "X"}


class GuideFault(ValueError):
    """A guide file says something we cannot use."""


def _entries(text: str) -> dict[str, str]:
    """The "key: rest" lines of a dictionary file, unparsed."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, rest = line.partition(": ")
        if colon and not line.startswith(("#", " ")):
            found[key.strip("\"'")] = rest
    return found


def _fields(rest: str) -> list[str]:
    """The three columns of an entry; a line that YAML needs quoted may be quoted."""
    rest = rest.strip()
    if rest[:1] in "\"'" and rest[-1:] == rest[:1]:
        rest = rest[1:-1]
    columns = [column.strip() for column in rest.split("|")]
    return columns + [""] * (3 - len(columns))


class Dictionary:
    """The elements, composites and segments of one release, parsed when first asked for."""

    def __init__(self, elements: str, segments: str, release: str) -> None:
        self.release = release
        self.element_lines = _entries(elements)
        self.segment_lines = _entries(segments)
        self._elements: dict[str, ElementDef] = {}
        self._composites: dict[str, CompositeDef] = {}
        self._segments: dict[str, SegmentDef] = {}

    def element(self, number: str) -> ElementDef:
        """A simple element by its number."""
        found = self._elements.get(number)
        if found is None:
            line = self.element_lines.get(number)
            if line is None:
                raise GuideFault(f"element {number} is not in {self.release}/elements.yaml")
            shape, name, codes = _fields(line)
            try:
                kind, low, high = shape.split()
                found = ElementDef(number, name, kind, int(low), int(high), frozenset(codes.split()) or None)
            except ValueError as error:
                raise GuideFault(f"element {number} of {self.release}: {line!r} is not 'type min max'") from error
            self._elements[number] = found
        return found

    def composite(self, identifier: str) -> CompositeDef:
        """A composite by its id."""
        found = self._composites.get(identifier)
        if found is None:
            name, uses, notes = self._parts(identifier)
            found = self._composites[identifier] = CompositeDef(identifier, name, uses, notes)
        return found

    def segment(self, tag: str) -> SegmentDef:
        """A segment by its tag."""
        found = self._segments.get(tag)
        if found is None:
            name, uses, notes = self._parts(tag)
            found = self._segments[tag] = SegmentDef(tag, name, uses, notes)
        return found

    def _parts(self, key: str) -> tuple[str, tuple[ElementUse, ...], tuple[str, ...]]:
        line = self.segment_lines.get(key)
        if line is None:
            raise GuideFault(f"segment {key} is not in {self.release}/segments.yaml")
        uses, name, notes = _fields(line)
        elements = tuple(self._use(key, n, text) for n, text in enumerate(uses.split(), 1))
        return name, elements, tuple(notes.split())

    def _use(self, key: str, position: int, text: str) -> ElementUse:
        body, _, repeat = text[1:].partition("*")
        requirement = _REQUIREMENTS.get(text[0])
        if requirement is None:
            raise GuideFault(f"{key}{position:02d} of {self.release}: {text!r} does not start with M, O or X")
        is_composite = body[:1].isalpha() and body in self.segment_lines
        element = self.composite(body) if is_composite else self.element(body)
        return ElementUse(position, requirement, element, _limit(repeat) if repeat else 1)


def _limit(text: str) -> int:
    return UNBOUNDED if text.startswith(">") else int(text)


def _doubted(checked: Checked, tolerate: Tolerance) -> Checked:
    """What a guide of a distant release finds is no certain fault: it weighs what tolerating that release weighs.

    A value that is no date or number is none in any release.
    """
    most = tolerate.severity(Code.RELEASE_APPROXIMATED)
    kept = RELAXATIONS["values"].codes
    findings = (
        f if f.code in kept else replace(f, severity=min(f.severity, most, key=WEIGHT)) for f in checked.findings
    )
    return Checked(checked.positions, tuple(findings))


@dataclass(frozen=True, slots=True, eq=False)
class Guide:
    """What one set of one release may hold."""

    release: str
    set_id: str
    functional_id: str
    name: str
    root: LoopUse = field(repr=False)
    uses: tuple[SegmentUse, ...] = field(repr=False)
    hl: Mapping[str, tuple[str, ...]]  # level code to the levels it may stand under, "ROOT" for none; empty: any
    dictionary: Dictionary = field(repr=False)  # the release's
    distant: bool = False  # stands in for a release so far away that its own structure was probably another
    _checkers: dict[tuple[str | None, str | None, bool], Checker] = field(default_factory=dict, repr=False)
    _automata: list[Automaton] = field(default_factory=list, repr=False)

    @staticmethod
    def load(release: str, set_id: str) -> Guide:
        """One of the guides that come with the gateway."""
        return packaged().load(release, set_id)

    def check(
        self,
        rows: list[list[str]],
        separators: Separators = DEFAULT,
        tolerate: Tolerance = STANDARD,
        text: str | None = None,
    ) -> Checked:
        """The place of every segment and every fault of a set, ST to SE.

        `text` is the set as the reader framed it, without its last terminator; without it the rows are joined again.
        """
        element, end = separators.element, separators.segment
        if text is None:
            text = end.join(map(element.join, rows))
        component, repetition = separators.component or None, separators.repetition
        guarded = (component is not None and component in text) or (repetition is not None and repetition in text)
        checker = self.checker(component, repetition, guarded=guarded)
        if not (
            f" {element}" in text
            or f" {end}" in text
            or f"{element}{end}" in text
            or text.endswith((" ", element))
            or has_control(text, element, end, component, repetition)
        ):
            positions = checker.accept(rows)
            if positions is not None:
                return Checked(positions)
        checked = checker.explain(rows, tolerate)
        return _doubted(checked, tolerate) if self.distant else checked

    def checker(self, component: str | None, repetition: str | None, *, guarded: bool) -> Checker:
        """The compiled guide for one pair of inner separators; guarded if a set's text holds one of them."""
        key = (component, repetition, guarded)
        found = self._checkers.get(key)
        if found is None:
            if not self._automata:
                self._automata.append(Automaton(self.root, self.uses))
            if len(self._checkers) >= CHECKERS:
                self._checkers.clear()
            found = self._checkers[key] = Checker(
                self._automata[0],
                self.set_id,
                self.hl,
                self.dictionary.segment_lines,
                component,
                repetition,
                guarded=guarded,
            )
        return found

    @staticmethod
    def nearest(version: str, set_id: str, tolerate: Tolerance = STANDARD) -> tuple[Guide | None, Finding | None]:
        """The packaged guide that fits GS08 best; the finding says if it is another release than the sender's."""
        return packaged().nearest(version, set_id, tolerate)


class Guides:
    """A folder of guides: `<release>/{elements,segments,<set>}.yaml`."""

    def __init__(self, folder: Traversable) -> None:
        self._folder = folder
        self._dictionaries: dict[str, Dictionary] = {}
        self._guides: dict[tuple[str, str], Guide] = {}
        self._releases: tuple[str, ...] | None = None

    def releases(self) -> tuple[str, ...]:
        """Every release in the folder, oldest first."""
        if self._releases is None:
            names = [entry.name for entry in self._folder.iterdir() if entry.is_dir()]
            self._releases = tuple(sorted(name for name in names if name.isdigit()))
        return self._releases

    def sets(self, release: str) -> tuple[str, ...]:
        """Every set of a release."""
        names = [entry.name for entry in (self._folder / release).iterdir()]
        stems = {name.removesuffix(".yaml") for name in names if name.endswith(".yaml")}
        return tuple(sorted(stems - {"elements", "segments"}))

    def dictionary(self, release: str) -> Dictionary:
        """The dictionaries of a release."""
        found = self._dictionaries.get(release)
        if found is None:
            folder = self._folder / release
            elements, segments = ((folder / name).read_text("utf-8") for name in ("elements.yaml", "segments.yaml"))
            found = self._dictionaries[release] = Dictionary(elements, segments, release)
        return found

    def load(self, release: str, set_id: str) -> Guide:
        """One set's guide."""
        found = self._guides.get((release, set_id))
        if found is None:
            path = self._folder / release / f"{set_id}.yaml"
            if not set_id.isalnum() or not release.isdigit() or not path.is_file():
                raise GuideFault(f"there is no guide {release}/{set_id}")
            text = path.read_text("utf-8")
            found = self._guides[release, set_id] = parse_guide(text, self.dictionary(release))
        return found

    def nearest(self, version: str, set_id: str, tolerate: Tolerance = STANDARD) -> tuple[Guide | None, Finding | None]:
        """The guide that fits GS08 best; the finding says if it is another release than the sender's."""
        release = release_of(version)
        if OLDEST <= release < NEWEST and release in self.releases() and self._has(release, set_id):
            return self.load(release, set_id), None
        with_set = [known for known in self.releases() if self._has(known, set_id)]
        if not with_set or (release and not OLDEST <= release < NEWEST):
            return None, None
        best = min(with_set, key=lambda known: (_years_between(known, release or known), known))
        said = None
        if version.strip():  # that it is missing is the group's to say
            code = Code.RELEASE_APPROXIMATED
            said = tolerate.finding(code, segment="GS", element=8, value=version, expected=best)
        guide = self.load(best, set_id)
        distant = not release or _years_between(release, best) > FAR
        return (replace(guide, distant=True) if distant else guide), said

    def _has(self, release: str, set_id: str) -> bool:
        return set_id in self._names(release)  # what a partner wrote in ST01 is never a part of a path

    @cache  # noqa: B019 - a folder of guides lives as long as the process
    def _names(self, release: str) -> frozenset[str]:
        return frozenset(self.sets(release))


@cache
def packaged() -> Guides:
    """The guides that come with the gateway."""
    return Guides(resources.files("gateway.formats.x12") / "guides")


def release_of(version: str) -> str:
    """The six digits of a release in what senders write in GS08: 004010VICS, 4010, 00401."""
    digits = re.match(r"\d*", version.strip())
    text = digits.group() if digits else ""
    if len(text) == 4 and text[0] != "0":  # "4010"
        return f"00{text}"
    if len(text) == 5 and text.startswith("00"):  # ISA12's form in GS08: "00401"
        return f"{text}0"
    return text[:6].ljust(6, "0") if len(text) >= 3 else ""


def _years_between(one: str, other: str) -> int:
    return abs(_year(one) - _year(other))


def _year(release: str) -> int:
    """A release's number in the order they came: 003010 is 1, 003070 is 7, 004010 is 8."""
    before = sum(count for version, count in RELEASES.items() if version < release[:3])
    return before + min(int(release[3:5]), RELEASES.get(release[:3], 0))


def parse_guide(text: str, dictionary: Dictionary) -> Guide:
    """A set file: four facts, the structure, and for sets with HL the legal tree."""
    facts: dict[str, str] = {}
    hl: dict[str, tuple[str, ...]] = {}
    structure: list[tuple[int, str]] = []
    part = ""
    for line in text.splitlines():
        body = line.strip()
        if not body or body.startswith("#"):
            continue
        if body.startswith("- "):
            structure.append((len(line) - len(line.lstrip()), body[2:]))
        elif line[0] == " " and part == "hl":
            level, _, parents = body.partition(":")
            hl[level.strip("\"'")] = tuple(p.strip(" \"'") for p in parents.strip(" []").split(",") if p.strip())
        else:
            part, _, value = body.partition(":")
            facts[part] = value.strip().strip("\"'")
    missing = {"set", "release", "functional_id", "name"} - facts.keys()
    if missing or not structure:
        raise GuideFault(f"guide lacks {', '.join(sorted(missing)) or 'a structure'}")
    uses: list[SegmentUse] = []
    root = _loop(structure, "", "M", 1, None, "", dictionary, uses)
    return Guide(
        facts["release"], facts["set"], facts["functional_id"], facts["name"], root, tuple(uses), hl, dictionary
    )


def _loop(
    lines: list[tuple[int, str]],
    identifier: str,
    requirement: Requirement,
    limit: int,
    parent: LoopUse | None,
    path: str,
    dictionary: Dictionary,
    uses: list[SegmentUse],
) -> LoopUse:
    """Build a loop of its lines; the children get their parent before the parent knows its children."""
    loop = LoopUse(identifier, requirement, limit, parent, (), path)
    children: list[SegmentUse | LoopUse] = []
    at = 0
    depth = lines[0][0]
    while at < len(lines):
        _, body = lines[at]
        words = body.removesuffix(":").split()
        at += 1
        try:
            if words[0] == "loop":
                end = at
                while end < len(lines) and lines[end][0] > depth:
                    end += 1
                name, wanted, most = words[1], _REQUIREMENTS[words[2]], _limit(words[3])
                below = f"{path}/{name}" if path else name
                children.append(_loop(lines[at:end], name, wanted, most, loop, below, dictionary, uses))
                at = end
            else:
                tag, wanted, most = words[0], _REQUIREMENTS[words[1]], _limit(words[2])
                use = SegmentUse(dictionary.segment(tag), wanted, most, loop, len(uses))
                uses.append(use)
                children.append(use)
        except (IndexError, KeyError, ValueError) as error:
            if isinstance(error, GuideFault):
                raise
            raise GuideFault(f"{body!r} is neither 'TAG M|O n' nor 'loop ID M|O n:'") from error
    if not children:
        raise GuideFault(f"loop {path} is empty")
    object.__setattr__(loop, "children", tuple(children))  # frozen, but parents and children need each other
    return loop
