"""What a finding says to a person: what, where, why, what is right, who mends it, what to do, a message to send.

The sentences are in words.yaml, one entry a code, for all formats. Terminal, JSON and API take them from here, so that
one fault has one sentence everywhere (words first, codes behind). Names of segments and elements come from the guide
the document was checked by; where a guide has none, the place is named by its number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

from gateway.formats.finding import Finding

LONGEST_VALUE = 60  # a sentence stays a sentence; the finding itself keeps the value whole


class Mender(StrEnum):
    """Who mends it."""

    PARTNER = "partner"
    MAP = "our map"
    CODE_TABLE = "our code table"
    TRANSMISSION = "transmission"


class Names(Protocol):
    """Plain names of a document's parts."""

    def segment(self, tag: str) -> str | None:
        """What this segment is called, None where nobody has named it."""

    def element(self, tag: str, element: int, component: int | None) -> str | None:
        """What this element or component is called."""


class Unnamed:
    """Where no guide is at hand."""

    def segment(self, tag: str) -> str | None:
        """None: nobody has named it."""

    def element(self, tag: str, element: int, component: int | None) -> str | None:
        """None: nobody has named it."""


NO_NAMES: Names = Unnamed()


@dataclass(frozen=True, slots=True)
class Words:
    """One finding, said."""

    what: str
    where: str
    why: str
    right: str
    who: Mender
    what_to_do: str
    message: str  # to the partner, ready to send


@dataclass(frozen=True, slots=True)
class Entry:
    """A catalogue entry: sentences with holes."""

    what: str
    why: str
    right: str
    who: Mender
    do: str
    ask: str
    unsaid: str | None  # the sentence where a value of it is not known


@cache
def catalogue() -> Mapping[str, Entry]:
    """Every entry, by code."""
    import yaml  # only when something is wrong: a clean file is answered without it

    text = (files("gateway.formats") / "words.yaml").read_text("utf-8")
    menders = {
        "partner": Mender.PARTNER,
        "map": Mender.MAP,
        "code table": Mender.CODE_TABLE,
        "transmission": Mender.TRANSMISSION,
    }
    return {
        code: Entry(
            entry["what"],
            entry["why"],
            entry["right"],
            menders[entry["who"]],
            entry["do"],
            entry["ask"],
            entry.get("unsaid"),
        )
        for code, entry in yaml.load(text, Loader=yaml.CSafeLoader).items()
    }


def say(finding: Finding, names: Names = NO_NAMES, document: str = "") -> Words:
    """Everything a person is told about a finding; `document` is the set or message it stands in."""
    entry = catalogue()[finding.code]
    holes = _holes(finding, names, document)
    return Words(
        _what(entry, holes),
        holes["where"] or "",
        entry.why,
        _sentence(entry.right, holes),
        entry.who,
        entry.do,
        _sentence(entry.ask, holes),
    )


def message_and_remedy(finding: Finding, names: Names = NO_NAMES) -> tuple[str, str]:
    """The two sentences that JSON carries."""
    entry = catalogue()[finding.code]
    return _what(entry, _holes(finding, names, "")), entry.do


def as_plain(finding: Finding, names: Names = NO_NAMES) -> dict[str, Any]:
    """A finding with its sentences, as `inspect --json` and the API say it."""
    message, remedy = message_and_remedy(finding, names)
    return {
        "code": finding.code,
        "standard_code": finding.standard_code,
        "severity": finding.severity.value,
        "segment": finding.segment,
        "position": finding.position,
        "element": finding.element,
        "component": finding.component,
        "loop": finding.loop,
        "value": finding.value,
        "message": message,
        "remedy": remedy,
    }


def place(finding: Finding, document: str = "") -> str:
    """Where it is, as the desk writes it: "850, segment 15, PO1-03"."""
    parts = [document] if document else []
    if finding.segment == "row":
        parts.append(f"row {finding.position}")
        if finding.element:
            parts.append(f"column {finding.element}")
    elif finding.segment and finding.segment.startswith("/"):
        parts.append(f"line {finding.position}")
        parts.append(finding.segment)
    else:
        if finding.position:
            parts.append(f"segment {finding.position}")
        if finding.segment:
            element = f"{finding.segment}-{finding.element:02d}" if finding.element else finding.segment
            parts.append(f"{element}-{finding.component}" if finding.component else element)
    return ", ".join(parts)


Holes = Mapping[str, str | None]


def _holes(finding: Finding, names: Names, document: str) -> Holes:
    tag = finding.segment or ""
    segment = names.segment(tag)
    element = names.element(tag, finding.element, finding.component) if finding.element else None
    value = finding.value
    return {
        "segment": f"“{segment}”" if segment else f"segment {tag}" if tag else "a segment",
        "element": f"“{element}”" if element else f"value {finding.element}" if finding.element else "a value",
        "loop": f"“{names.segment(start) or start}”"
        if finding.loop and (start := finding.loop.rpartition("/")[2]) != tag
        else None,
        "value": None if value is None else value if len(value) <= LONGEST_VALUE else value[:LONGEST_VALUE] + "…",
        "expected": _note(finding.expected) if finding.expected else None,
        "column": finding.reference if finding.segment == "row" or (finding.segment or "").startswith("/") else None,
        "position": str(finding.position) if finding.position else None,
        "where": place(finding, document) or None,
    }


_NOTES = {
    "P": "{all} only together",
    "R": "at least one of {any}",
    "E": "only one of {any}",
    "C": "with {first} also {rest}",
    "L": "with {first} also one of {rest}",
}


def _note(expected: str) -> str:
    """What is expected; a syntax note of X12 (P0304) in words."""
    match = re.fullmatch(r"([PRECL])((?:\d\d){2,})", expected)
    if match is None:
        return expected
    numbers = [str(int(pair)) for pair in re.findall(r"\d\d", match[2])]
    return "elements " + _NOTES[match[1]].format(
        all=" and ".join(numbers), any=" or ".join(numbers), first=numbers[0], rest=" or ".join(numbers[1:])
    )


@cache
def _parts(template: str) -> tuple[tuple[str, tuple[str, ...], bool], ...]:
    """A template cut at its brackets: text, the holes in it, whether it may fall away."""
    parts = []
    for piece in re.split(r"(\[[^\]]*\])", template):
        optional = piece.startswith("[")
        text = piece[1:-1] if optional else piece
        parts.append((text, tuple(re.findall(r"\{([a-z|]+)\}", text)), optional))
    return tuple(parts)


def _what(entry: Entry, holes: Holes) -> str:
    needed = (hole for _, wanted, optional in _parts(entry.what) if not optional for hole in wanted)
    if entry.unsaid and not all(any(holes[name] for name in hole.split("|")) for hole in needed):
        return _sentence(entry.unsaid, holes)
    return _sentence(entry.what, holes)


def _sentence(template: str, holes: Holes) -> str:
    out = []
    for text, wanted, optional in _parts(template):
        filled = text
        for hole in wanted:
            value = next((holes[name] for name in hole.split("|") if holes[name]), None)
            if value is None and optional:
                filled = ""
                break
            filled = filled.replace("{" + hole + "}", value or "nothing")
        out.append(filled)
    sentence = "".join(out)
    return sentence[:1].upper() + sentence[1:]
