"""YAML in, a tree out in which everything knows the file and line it was written on.

Rules: every scalar is text (`NO`, `01` and `16:00` stay what they are; the models turn text into numbers and times); a
key stands once; no anchors, aliases, tags or merge keys, because layers and `like:` say the same with an origin that a
person can be told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import yaml
from yaml.composer import ComposerError

from gateway.mapping.yaml_syntax import in_words
from gateway.partners.faults import Fault, ProfileFaults

CORE = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("str", "null", "bool", "int", "float", "timestamp", "map", "seq"))
CORE += ("tag:yaml.org,2002:merge", "tag:yaml.org,2002:value")  # `<<` and `=`, told apart by their text
_LONG = re.compile(r"(`[^`]{60})[^`]{20,}(?=`)")  # a value of that length is known by how it begins
DEEPEST = 20  # the deepest profile we ship has 6 levels; this only keeps hostile input from the recursion limit


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written, in which layer, and the comment that stands behind it."""

    file: str
    line: int
    layer: str = ""
    why: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    def fault(self, text: str, remedy: str = "") -> Fault:
        return Fault(self.file, self.line, _LONG.sub(r"\1...", text), remedy)


@dataclass(frozen=True, slots=True)
class Node:
    """A scalar (text or nothing), a mapping or a list, and the place of its key."""

    place: Place
    text: str | None = None
    children: Mapping[str, Node] | None = None
    items: tuple[Node, ...] | None = None
    blank: bool = False  # nothing stands behind its key, not even `~`

    def plain(self) -> Any:
        """The bare values, as the models want them."""
        if self.children is not None:
            return {key: child.plain() for key, child in self.children.items()}
        if self.items is not None:
            return [item.plain() for item in self.items]
        return self.text

    def child(self, key: str) -> Node | None:
        return None if self.children is None else self.children.get(key)

    def word(self, key: str) -> str | None:
        child = self.child(key)
        return None if child is None else child.text

    def at(self, path: tuple[str | int, ...]) -> Place:
        """The place of the deepest step of the path that was written at all."""
        node = self
        for step in path:
            if node.children is not None and step in node.children:
                node = node.children[str(step)]
            elif node.items is not None and isinstance(step, int) and step < len(node.items):
                node = node.items[step]
            else:
                break
        return node.place

    def leaves(self, prefix: str = "") -> Iterator[tuple[str, str, Place]]:
        """Every line that says something: dotted path, text, place."""
        if self.children is not None:
            for key, child in self.children.items():
                yield from child.leaves(f"{prefix}.{key}" if prefix else key)
        elif self.items is not None:
            if all(item.children is None and item.items is None for item in self.items):
                yield prefix, ", ".join(item.text or "" for item in self.items), self.place
            else:
                for n, item in enumerate(self.items, 1):
                    yield from item.leaves(f"{prefix}[{n}]")
        else:
            yield prefix, self.text or "", self.place

    def blanks(self, key: str = "") -> Iterator[tuple[str, Place]]:
        """The keys somebody left without a value."""
        if self.blank:
            yield key, self.place
        for name, child in (self.children or {}).items():
            yield from child.blanks(name)
        for item in self.items or ():
            yield from item.blanks(key)

    def in_layer(self, layer: str) -> Node:
        """The same tree, said by this layer."""
        return Node(
            replace(self.place, layer=layer),
            self.text,
            None if self.children is None else {key: child.in_layer(layer) for key, child in self.children.items()},
            None if self.items is None else tuple(item.in_layer(layer) for item in self.items),
        )

    def without(self, *keys: str) -> Node:
        children = {key: child for key, child in (self.children or {}).items() if key not in keys}
        return Node(self.place, children=children)


def layered(under: Node, over: Node) -> Node:
    """The upper layer wins line by line; a list replaces a list; `~` takes a line away."""
    if under.children is None or over.children is None:
        return over
    children = dict(under.children)
    for key, child in over.children.items():
        below = children.get(key)
        children[key] = layered(below, child) if below is not None else child
    return Node(over.place, children=children)


_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_NO_BREAK = re.compile("^ *\u00a0", re.MULTILINE)  # what pages and mail programs make of an indent


def not_text(file: str, text: str) -> Fault | None:
    """The first character that stands in no text: a byte that is no UTF-8 (book.py keeps it as a surrogate), a NUL."""
    found = _NO_TEXT.search(text) or _NO_BREAK.search(text)
    if found is None:
        return None
    line = text.count("\n", 0, found.start()) + 1
    if found[0].endswith("\u00a0"):
        return Fault(
            file, line, "no-break spaces stand where spaces belong", "type the indent anew, two spaces a level"
        )
    byte = ord(found[0]) & 0xFF
    return Fault(
        file, line, f"byte {byte:02X} is no UTF-8 text", "save the file as UTF-8 (your editor calls it encoding)"
    )


_ANCHORS = ("anchors, aliases and tags are not used in profiles", "write the value out")


class _Refused(ComposerError):
    """What YAML knows and profiles do not use."""


class _Loader(yaml.SafeLoader):
    """Refuses an anchor or alias where it stands."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None:
            raise _Refused(None, None, None, event.start_mark)
        return super().compose_node(parent, index)


@lru_cache(maxsize=1024)  # a book is read anew at every change of one of its files
def read(file: str, text: str, layer: str = "") -> Node:
    """The tree of one file; raises ProfileFaults naming the line when it is no YAML we accept."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        where = error.problem_mark if isinstance(error, _Refused) else None
        line, said, remedy = (where.line + 1, *_ANCHORS) if where else in_words(text, error)
        raise ProfileFaults([Fault(file, line, said, remedy)]) from None
    except RecursionError:
        raise ProfileFaults(
            [Fault(file, 1, "the file is nested too deeply", f"use at most {DEEPEST} levels")]
        ) from None
    if root is None:
        raise ProfileFaults([Fault(file, 1, "the file is empty", "delete it, or write what belongs there")])
    if not isinstance(root, yaml.MappingNode):
        raise ProfileFaults([Fault(file, 1, "the file is not a mapping", "write lines of the form `key: value`")])
    return _Walk(file, text.splitlines(), layer).walk(root)


class _Walk:
    """One pass over the nodes of a file, collecting every fault before raising."""

    def __init__(self, file: str, lines: list[str], layer: str) -> None:
        self.file = file
        self.lines = lines
        self.layer = layer
        self.faults: list[Fault] = []

    def walk(self, root: yaml.Node) -> Node:
        tree = self._node(root, Place(self.file, 1, self.layer), 0, "")
        if self.faults:
            raise ProfileFaults(self.faults)
        return tree

    def _node(self, node: yaml.Node, place: Place, depth: int, why: str) -> Node:
        if not node.tag.startswith(CORE):
            self.faults.append(place.fault(*_ANCHORS))
            return Node(place)
        if depth > DEEPEST:
            self.faults.append(place.fault("the file is nested too deeply", f"use at most {DEEPEST} levels"))
            return Node(place)
        why = self._comment(node) or why
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place, depth, why if node.flow_style else "")
        place = Place(place.file, place.line, place.layer, why)
        if isinstance(node, yaml.SequenceNode):
            below = why if node.flow_style else ""
            return Node(place, items=tuple(self._node(n, self._place(n), depth + 1, below) for n in node.value))
        assert isinstance(node, yaml.ScalarNode)
        plain = node.style is None and node.value in ("", "~", "null")
        return Node(place, text=None if plain else node.value, blank=plain and not node.value)

    def _mapping(self, node: yaml.MappingNode, place: Place, depth: int, why: str) -> Node:
        children: dict[str, Node] = {}
        for key_node, value_node in node.value:
            key_place = self._place(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self.faults.append(key_place.fault("a key must be a word", "write `key: value`"))
                continue
            key = key_node.value
            if key == "<<":
                self.faults.append(key_place.fault("merge keys are not used in profiles", "write `like: NAME` instead"))
            elif key in children:
                first = children[key].place
                self.faults.append(key_place.fault(f"`{key}` is written twice", f"first at {first}; keep one of them"))
            else:
                children[key] = self._node(value_node, key_place, depth + 1, why)
        return Node(place, children=children)

    def _place(self, node: yaml.Node) -> Place:
        return Place(self.file, node.start_mark.line + 1, self.layer)

    def _comment(self, node: yaml.Node) -> str:
        """The comment behind a value on its line: the reason a person gave for it."""
        if isinstance(node, yaml.CollectionNode) and not node.flow_style:
            return ""
        mark = node.end_mark
        if mark.line >= len(self.lines) or mark.column == 0:
            return ""
        rest = self.lines[mark.line][mark.column :].strip()
        return rest.lstrip("# ").strip() if rest.startswith("#") else ""
