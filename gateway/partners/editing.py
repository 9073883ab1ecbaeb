"""A profile changed by a program the way a careful person would: the new lines go in, every other character stays."""

from __future__ import annotations

import json
from collections.abc import Sequence

import yaml


class CannotEdit(Exception):
    """The place for the new lines is not there, or written in a way that only a person should touch."""


def add_item(text: str, path: Sequence[str], item: Sequence[str]) -> str:
    """The text of a YAML file with one more item in the list at `path`; the list is begun if it is not there.

    `item` is written as in a list that begins at the left: `- a: 1`, `  b: 2`.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    *above, key = path
    owner = root
    for step in above:
        owner = _value(owner, step)
    if not isinstance(owner, yaml.MappingNode) or owner.flow_style or not owner.value:
        raise CannotEdit(f"`{'.'.join(above)}` is not written as a block of lines")
    lines = text.split("\n")
    indent = owner.value[0][0].start_mark.column
    found = next((value for name, value in owner.value if name.value == key), None)
    if found is None:
        at = _end_of(lines, owner)
        new = [f"{' ' * indent}{key}:", *(" " * indent + line for line in item)]
    elif isinstance(found, yaml.SequenceNode) and not found.flow_style:
        at = _end_of(lines, found)
        new = [" " * found.start_mark.column + line for line in item]
    elif isinstance(found, yaml.SequenceNode):
        return _in_brackets(text, found, item)
    else:
        raise CannotEdit(f"`{'.'.join(path)}` is no list")
    return "\n".join([*lines[:at], *new, *lines[at:]])


def _value(owner: yaml.Node | None, key: str) -> yaml.Node:
    if isinstance(owner, yaml.MappingNode):
        for name, value in owner.value:
            if name.value == key:
                found: yaml.Node = value
                return found
    raise CannotEdit(f"`{key}` is not in this file")


def _end_of(lines: Sequence[str], node: yaml.Node) -> int:
    """The line behind a block, before the blank lines and remarks that belong to what follows."""
    mark = node.end_mark  # often that of the next word, lines below
    at = min(mark.line + 1, len(lines))
    if mark.line < len(lines) and not lines[mark.line][: mark.column].strip():
        at = mark.line
    while at > node.start_mark.line + 1 and (not lines[at - 1].strip() or lines[at - 1].lstrip().startswith("#")):
        at -= 1
    return at


def _in_brackets(text: str, node: yaml.SequenceNode, item: Sequence[str]) -> str:
    """The same item inside `[...]`: JSON is YAML too."""
    (plain,) = yaml.load("\n".join(item), Loader=yaml.BaseLoader)  # noqa: S506 - text only, nothing is constructed
    end = node.end_mark.index - 1
    separator = ", " if node.value else ""
    return f"{text[:end].rstrip().removesuffix(',')}{separator}{json.dumps(plain)}{text[end:]}"
