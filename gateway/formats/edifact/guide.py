"""A message's structure: which segments and groups, in which order, how often; and the check of a message against it.

Guides are data, `guides/<directory>/<message>.yaml`, one line a segment. A directory holds a file only where the
message differs from the directory before it, so the guide of D05A is the newest one up to D05A. The check walks the
tree the way ISO 9735 reads a message: forward only, a group starts with its first segment, and the first place that
fits is the place. Where the walk can go from each place is computed once a guide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files

from gateway.formats.edifact.codes import Code
from gateway.formats.finding import Finding

_LINE = re.compile(r"( *)- (?:group (\d+) ([MC]) (\d+):|([A-Z]{3}) ([MC]) (\d+))")
SERVICE = "D3"  # CONTRL belongs to the syntax, not to a directory


@dataclass(slots=True, eq=False)
class Group:
    """A segment group; its first use starts it. The root is the message itself, number 0."""

    number: int
    mandatory: bool
    max: int
    parent: Group | None
    path: str  # "" for the root, "SG25/SG29"
    children: list[Use | Group] = field(default_factory=list)

    def uses(self) -> Iterator[Use]:
        """Every use in this group and the groups in it."""
        for child in self.children:
            if isinstance(child, Use):
                yield child
            else:
                yield from child.uses()

    @property
    def first(self) -> Use:
        """The segment that starts the group."""
        return next(self.uses())


@dataclass(slots=True, eq=False)
class Use:
    """A segment's place in a message."""

    tag: str
    mandatory: bool
    max: int
    group: Group
    index: int


@dataclass(frozen=True, slots=True)
class Step:
    """One way on from a place: the use reached, the group that begins anew, what had to stand in between."""

    use: Use
    entered: Group | None
    skipped: tuple[Use, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """Which use each segment is (index, or -1 where it has no place) and what is wrong."""

    positions: list[int]
    findings: list[Finding]


class Guide:
    """One message of one directory."""

    def __init__(self, message: str, directory: str, root: Group) -> None:
        self.message = message
        self.directory = directory
        self.root = root
        self.uses = tuple(root.uses())
        self._tags = {use.tag for use in self.uses}
        groups = list(self._groups(root))
        self._ways = [self._ways_from(use) for use in self.uses]
        self._within = {  # what a group's beginning sets back: the uses and the groups in it
            group.number: (
                [use.index for use in group.uses()],
                [inner.number for inner in self._groups(group) if inner is not group],
            )
            for group in groups
        }
        self._group_count = max(group.number for group in groups) + 1

    @classmethod
    def parse(cls, text: str) -> Guide:
        """A guide from its file, line by line."""
        head = dict(line.split(": ") for line in text.splitlines()[:2])
        root = Group(0, True, 1, None, "")
        stack = [root]
        index = 0
        for line in text.splitlines()[3:]:
            match = _LINE.fullmatch(line)
            if match is None:
                raise ValueError(f"{head['directory']}/{head['message']}: cannot read {line!r}")
            indent, number, group_status, group_max, tag, status, maximum = match.groups()
            del stack[len(indent) // 2 + 1 :]
            if tag:
                stack[-1].children.append(Use(tag, status == "M", int(maximum), stack[-1], index))
                index += 1
            else:
                path = f"{stack[-1].path}/SG{number}".lstrip("/")
                group = Group(int(number), group_status == "M", int(group_max), stack[-1], path)
                stack[-1].children.append(group)
                stack.append(group)
        return cls(head["message"], head["directory"], root)

    def check(self, tags: list[str]) -> Checked:
        """Where each segment belongs, and every fault of order, number and presence; UNH is position 1."""
        uses = self.uses
        counts = [0] * len(uses)
        groups = [0] * self._group_count
        at = 0
        counts[0] = 1
        positions = [0]
        findings: list[Finding] = []
        for position, tag in enumerate(tags[1:], 2):
            ways = self._ways[at].get(tag)
            if ways is None:
                positions.append(-1)
                findings.append(self._misplaced(tag, position, uses[at]))
                continue
            step = ways[0]
            for way in ways:
                entered = way.entered
                if counts[way.use.index] < way.use.max if entered is None else groups[entered.number] < entered.max:
                    step = way
                    break
            else:
                code = Code.LOOP_OCCURS_OVER_MAXIMUM_TIMES if step.entered else Code.SEGMENT_EXCEEDS_MAXIMUM_USE
                limit = step.entered.max if step.entered else step.use.max
                findings.append(code.at(tag, position, loop=step.use.group.path or None, expected=f"at most {limit}"))
            if step.skipped:
                findings.extend(
                    Code.MANDATORY_SEGMENT_MISSING.at(use.tag, position, loop=use.group.path or None)
                    for use in step.skipped
                    if not counts[use.index]
                )
            if step.entered is not None:
                groups[step.entered.number] += 1
                uses_within, groups_within = self._within[step.entered.number]
                for index in uses_within:
                    counts[index] = 0
                for number in groups_within:
                    groups[number] = 0
            at = step.use.index
            counts[at] += 1
            positions.append(at)
        return Checked(positions, findings)

    def depth(self, position: int) -> int:
        """How many groups the use at this index lies in."""
        depth, group = 0, self.uses[position].group
        while group.parent is not None:
            depth, group = depth + 1, group.parent
        return depth

    def _misplaced(self, tag: str, position: int, at: Use) -> Finding:
        if tag in self._tags:
            return Code.SEGMENT_NOT_IN_PROPER_SEQUENCE.at(tag, position, loop=at.group.path or None)
        if re.fullmatch("[A-Z]{3}", tag):
            return Code.SEGMENT_NOT_IN_SET.at(tag, position)
        return Code.UNRECOGNIZED_SEGMENT.at(tag[:20], position, value=tag)

    def _groups(self, group: Group) -> Iterator[Group]:
        yield group
        for child in group.children:
            if isinstance(child, Group):
                yield from self._groups(child)

    def _ways_from(self, use: Use) -> dict[str, list[Step]]:
        ways: dict[str, list[Step]] = {}

        def add(target: Use, entered: Group | None, skipped: list[Use]) -> None:
            ways.setdefault(target.tag, []).append(Step(target, entered, tuple(skipped)))

        if use is not use.group.first or use.group.parent is None:
            add(use, None, [])
        skipped: list[Use] = []
        child: Use | Group = use
        group: Group | None = use.group
        while group is not None:
            for sibling in group.children[group.children.index(child) + 1 :]:
                if isinstance(sibling, Use):
                    add(sibling, None, skipped)
                else:
                    add(sibling.first, sibling, skipped)
                if sibling.mandatory:
                    skipped = [*skipped, sibling if isinstance(sibling, Use) else sibling.first]
            if group.parent is not None:
                add(group.first, group, skipped)
            child, group = group, group.parent
        return ways


def _directories(message: str) -> list[str]:
    folder = files(__package__) / "guides"
    return sorted(
        (entry.name for entry in folder.iterdir() if entry.is_dir() and (entry / f"{message}.yaml").is_file()),
        key=_age,
    )


def _age(directory: str) -> tuple[int, str]:
    """D93A before D96A before D01B: the directories of the nineties come first."""
    year = int(directory[1:3]) if directory[1:3].isdigit() else 0
    return (year + 50) % 100, directory[3:]


@cache
def load(directory: str, message: str) -> Guide:
    """The guide in this very file."""
    return Guide.parse((files(__package__) / "guides" / directory / f"{message}.yaml").read_text("ascii"))


NEWEST = "D13B"  # what the source of the guides covers; from D93A on every directory up to it is exact


@lru_cache(maxsize=1_000)
def nearest(directory: str, message: str) -> tuple[Guide | None, Finding | None]:
    """The guide to check this message by, and what to say where it is not its own."""
    if message == "CONTRL":
        return load(SERVICE, message), None
    known = re.fullmatch(r"D\d\d[A-Z]", directory) and re.fullmatch(r"[A-Z]{6}", message)
    held = _directories(message) if known else []  # nothing else a partner wrote in UNH02 becomes a part of a path
    if not held:
        return None, Code.SET_UNSUPPORTED.at("UNH", 1, element=2, value=f"{message} {directory}")
    older = [entry for entry in held if _age(entry) <= _age(directory)]
    guide = load(older[-1] if older else held[0], message)
    if older and _age(directory) <= _age(NEWEST):
        return guide, None
    return guide, Code.RELEASE_APPROXIMATED.at("UNH", 1, element=2, value=directory, expected=guide.directory)
