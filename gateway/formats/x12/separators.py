"""The characters that give one interchange its shape, read from its ISA segment.

Found by counting elements, not by offset: real senders do not pad ISA, wrap it, leave ISA16 out, end segments with line
breaks or with a character that became two bytes on its way. What follows ISA decides where counting alone does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from gateway.formats.finding import FormatError

REPETITION_SINCE = "00402"  # before that release ISA11 names a standards body, often "U"
PUNCTUATION = "-.,/() "  # ISA11 filled in by somebody who repeats nothing: these stand in every other value
ISA_ELEMENTS = 16
LOOK_AHEAD = (
    2048  # ISA is 106 characters; unpadded, wrapped or indented it stays far below, with GS and the next segment
)

_LINE_BREAKS = str.maketrans("", "", "\r\n")
# behind ISA comes GS, TA1, IEA or a part of the security header
_NEXT = r"(?:GS|TA1|IEA|ISB|ISE|ST|SE|GE)"


class NotX12(FormatError):
    """There is no usable ISA segment here."""


@dataclass(frozen=True, slots=True)
class Separators:
    """The characters that give one interchange its shape."""

    element: str
    repetition: str | None
    component: str  # "" if ISA16 is missing
    segment: str
    ending: str = ""  # what the sender writes after each segment terminator: "", "\n", "\r\n", for looks

    @classmethod
    def from_isa(cls, text: str) -> Separators:
        """Read the separators; the text goes on behind ISA as far as the sender does, or to LOOK_AHEAD."""
        return read_isa(text)[0]


DEFAULT = Separators("*", None, ">", "~")


def read_isa(text: str) -> tuple[Separators, list[str], int]:
    """The separators, the ISA as [tag, 16 elements], and where the segment ends, terminator included.

    ISA16 is "" in the answer if the sender left it out.
    """
    if text[:3].upper() != "ISA":
        raise NotX12("expected an ISA segment")
    element = text[3:4]
    if not element or element.isalnum() or element in " \r\n":
        raise NotX12("the character after ISA separates no elements")
    fields = text.split(element, ISA_ELEMENTS)
    if len(fields) <= ISA_ELEMENTS:
        short = _without_isa16(text, element, fields)
        if short is None:
            raise NotX12(f"expected 16 elements in ISA, found {len(fields) - 1}")
        return short
    head = fields[:ISA_ELEMENTS]
    start = len(text) - len(fields[ISA_ELEMENTS])
    if text.find("\n", 0, start) >= 0 or text.find("\r", 0, start) >= 0:
        head = [field.translate(_LINE_BREAKS) for field in head]
    if max(map(len, head)) > 40 and any(len(field.strip()) > 40 for field in head):
        short = _without_isa16(text, element, fields)
        if short is None:
            raise NotX12("an element of ISA is far too long")
        return short
    tail = fields[ISA_ELEMENTS]
    component, terminator, ending, used = _tail(tail, element, text[start:])
    if terminator is None or terminator == element:
        short = _without_isa16(text, element, fields)
        if short is None:
            raise NotX12("no segment terminator behind ISA16")
        return short
    isa = [*head, component]
    return _separators(isa, element, component, terminator, ending), isa, start + used


def _separators(isa: list[str], element: str, component: str, terminator: str, ending: str) -> Separators:
    repetition = isa[11].strip()
    meant = (
        isa[12].strip() >= REPETITION_SINCE
        and len(repetition) == 1
        and not repetition.isalnum()
        and repetition not in (element, component, terminator)
        and repetition not in PUNCTUATION
    )
    return Separators(element, repetition if meant else None, component, terminator, ending)


def _tail(tail: str, element: str, rest: str) -> tuple[str, str | None, str, int]:
    """Component, terminator, ending and length of what stands between the last element separator of ISA and GS."""
    # what really ends segments is seen where the next segment ends: "...004010" + terminator + "ST"
    found = _next_segment(element).match(tail)
    if found is None:
        # nothing we know follows: trust the order the standard gives
        component, terminator = tail[:1], _character(tail[1:])
        if not component or not terminator or terminator.isalnum() or terminator == " ":
            if component and not component.isalnum() and not terminator:
                return "", component, "", 1  # the text ends with a terminator in ISA16's place
            return component, None, "", 0
        ending = _blank(tail[1 + len(terminator) :])
        return component, *_line_break(terminator, ending), 1 + len(terminator)
    body, blank = found.group(1), found.group(2).lstrip(" \t")
    padding = len(found.group(2)) - len(blank)
    compact = body.translate(_LINE_BREAKS)
    if not body and blank[:1] in ("\r", "\n") and blank:
        return "", *_line_break(blank[0], blank[1:]), 1  # ISA16 missing, a line break ends the segment
    if not compact:
        return "", None, "", 0
    first = _character(compact)
    second = compact[len(first) :]
    if second:
        end = _character(second)
        if end.isalnum():
            return first, None, "", 0
        used = len(body) - len(second) + len(end)
        return first, end, _ending(blank), used if body == compact else len(body)
    # one character: ISA16 before a line break that ends segments, or a terminator in ISA16's place
    if blank[:1] in ("\r", "\n") and not _ends_segments(first, rest[found.end() :], element):
        return first, *_line_break(blank[0], blank[1:]), len(body) + padding + 1
    return "", first, _ending(blank), len(body)


@lru_cache(64)
def _next_segment(element: str) -> re.Pattern[str]:
    sep = re.escape(element)
    return re.compile(rf"([^{sep}]{{0,8}}?)([ \t\r\n]*){_NEXT}{sep}", re.IGNORECASE)


def _ends_segments(character: str, after: str, element: str) -> bool:
    """Whether the next segment ends with this character rather than with a line break."""
    at = re.search(r"\r\n|\r|\n", after)
    line = after[: at.start()] if at else after
    return line.rstrip().endswith(character) or (not at and character in after)


def _character(text: str) -> str:
    """The first character; in bytes read as latin-1 a character outside ASCII may be two or three of them."""
    first = text[:1]
    if first >= "\xc2":
        for size in (2, 3):
            try:
                text[:size].encode("latin-1").decode("utf-8")
            except UnicodeError:
                continue
            return text[:size]
    return first


def _blank(text: str) -> str:
    return text[: len(text) - len(text.lstrip("\r\n"))][:2]


def _ending(blank: str) -> str:
    """Line ends and nothing else make an ending; an indentation differs from segment to segment."""
    if blank.startswith("\r\n"):
        return "\r\n"
    return blank[:1] if blank[:1] in ("\r", "\n") else ""


def _line_break(terminator: str, after: str) -> tuple[str, str]:
    """A line break as terminator: CR LF counts as LF with a CR to drop."""
    if terminator == "\r" and after.startswith("\n"):
        return "\n", ""
    return terminator, "" if terminator in "\r\n" else _ending(after)


def _without_isa16(text: str, element: str, fields: list[str]) -> tuple[Separators, list[str], int] | None:
    """ISA15 directly followed by the terminator: neither ISA16 nor the separator before it."""
    if len(fields) < ISA_ELEMENTS:
        return None
    head = [field.translate(_LINE_BREAKS) for field in fields[: ISA_ELEMENTS - 1]]
    found = re.match(
        rf"([A-Z])([^A-Za-z0-9 \t\r\n]?)([ \t\r\n]*){_NEXT}$", fields[ISA_ELEMENTS - 1].strip(" "), re.IGNORECASE
    )
    if found is None or any(len(field.strip()) > 40 for field in head):
        return None
    usage, terminator, blank = found.groups()
    if not terminator:
        terminator, blank = ("\n" if "\n" in blank else blank[:1]), ""
    if not terminator:
        return None
    isa = [*head, usage, ""]
    start = len(element.join(fields[: ISA_ELEMENTS - 1])) + 1
    used = text.index(terminator, start) + 1
    return _separators(isa, element, "", terminator, _ending(blank)), isa, used
