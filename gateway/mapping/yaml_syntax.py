"""What a YAML reader's complaint means to whoever wrote the file: the line to look at, what is wrong, what to do.

The words known here are those of PyYAML's own reader; libyaml says the same differently, and often one line later.
"""

from __future__ import annotations

import re

import yaml

# What PyYAML says -> whether the line it began at is the one to look at, what to say, what to do.
_MEANT = (
    ("could not find expected ':'", True, "this line is no `key: value`", "write a colon and a space behind the key"),
    (
        "found unexpected end of stream",
        True,
        "a quote that opens in this line is not closed",
        "close it, or write the value without quotes",
    ),
    (
        "expected ',' or",
        True,
        "a bracket that opens in this line is not closed, or a comma is missing in it",
        "write `[one, two]` or `{key: value, key: value}`",
    ),
    (
        "expected <block end>",
        False,
        "this line does not go with those above it",
        "indent it like its neighbours, and look whether a quote above it is closed",
    ),
    (
        "expected the node content",
        True,
        "a value is missing in this line, or a bracket that opens in it is not closed",
        "write the value, or close the bracket",
    ),
    (
        "cannot start any token",
        False,
        "a value in this line begins with a sign that means something to YAML",
        "put the value in quotes",
    ),
    (
        "expected alphabetic or numeric character",
        False,
        "a `*` or `&` stands in this line outside of quotes",
        "put the value in quotes, and look whether a quote above it is closed",
    ),
    (
        "expected '<document start>'",
        False,
        "this line begins further left than the first of the file",
        "indent both alike: the outermost keys stand at the left edge",
    ),
    (
        "found undefined alias",
        False,
        "a `*` stands in this line outside of quotes",
        "put the value in quotes, or write out what you mean",
    ),
    ("found another document", False, "`---` begins a second document", "take the line away: a file is one document"),
)


def in_words(text: str, error: yaml.YAMLError) -> tuple[int, str, str]:
    """(line from 1, what is wrong, what to do) of a text PyYAML could not read."""
    began, mark = getattr(error, "context_mark", None), getattr(error, "problem_mark", None)
    mark = mark or began
    line = mark.line + 1 if mark is not None else 1
    problem = str(getattr(error, "problem", None) or error)
    if "\\t" in problem or "'\\t'" in str(error):
        return line, "a tab stands where spaces belong", "indent with two spaces a level"
    if "mapping values are not allowed" in problem:
        lines = text.splitlines()
        if line <= len(lines) and len(re.findall(r":(?:\s|$)", lines[line - 1].partition(" #")[0])) < 2:
            said = "this line is indented deeper than the one above, which has its value already"
            return line, said, "indent it like its neighbours"
        return line, "a second `:` stands in this line", "put the value in quotes, or check the indent"
    last = len(text.rstrip().splitlines())  # what is not closed is noticed behind it
    for said, at_its_beginning, meant, remedy in _MEANT:
        if said in problem:
            return min(began.line + 1 if at_its_beginning and began is not None else line, last), meant, remedy
    remedy = "check indent, quotes and brackets of this line and the one above"
    return line, f"this is no YAML: {problem}", remedy
