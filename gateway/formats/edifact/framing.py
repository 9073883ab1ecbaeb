"""Bytes to interchanges, groups and messages, streamed: what one message needs is in memory, never more.

Rules:
1. Bytes are read as latin-1, so a character is a byte and offsets are the stream's own; `decoded` gives people the text
   in the charset that UNB names. Separators are plain ASCII in every charset of ISO 9735.
2. A terminator behind an odd number of release characters is data.
3. Blank space behind a terminator is layout; a line end inside a segment is wrapping and is taken out.
4. An interchange ends with its UNZ; another UNA or UNB, or the end of the bytes, cuts it off. What stands between
   interchanges is noise, kept and named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gateway.formats.edifact.codes import Code
from gateway.formats.edifact.separators import Separators, released_at
from gateway.formats.finding import Finding

LAYOUT = "\r\n\t \x00\x1a"
_WRAPS = str.maketrans("", "", "\r\n")
_MARK = r"[^A-Za-z0-9 \t\r\n]"
_OPENING = re.compile(
    r"(?<![A-Za-z0-9])(?:UNA[^\r\n]{5}[^A-Za-z0-9]\s*(?=UN[BGH])"
    # lines wrapped at a column break UNB as well
    r"|U[\r\n]{0,2}N[\r\n]{0,2}[BH](?=[\r\n]{0,2}([^A-Za-z0-9 \t\r\n])"
    r"(?:(?:[\r\n]{0,2}[A-Z]){4}[\r\n]{0,2}[^A-Za-z0-9 \t\r\n]|[^ \t]{0,16}?\1)))"
)
LONGEST_SEGMENT = 1 << 20  # a terminator that does not come within 1 MB does not come
_LONGEST_OPENING = 512  # a UNB with all it may hold, and the tag behind it: what separators are guessed from

CHARSETS = {
    "UNOC": "iso-8859-1",
    "UNOD": "iso-8859-2",
    "UNOE": "iso-8859-5",
    "UNOF": "iso-8859-7",
    "UNOG": "iso-8859-3",
    "UNOH": "iso-8859-4",
    "UNOI": "iso-8859-6",
    "UNOJ": "iso-8859-8",
    "UNOK": "iso-8859-9",
    "UNOW": "utf-8",
    "UNOY": "utf-8",
}


@dataclass(frozen=True, slots=True)
class Skipped:
    """Bytes that belong to no interchange."""

    offset: int
    data: str


@dataclass(frozen=True, slots=True)
class InterchangeOpened:
    """A UNB, or [] where messages stand without one."""

    unb: list[list[str]]
    separators: Separators
    offset: int


@dataclass(frozen=True, slots=True)
class GroupOpened:
    """A UNG."""

    ung: list[list[str]]


@dataclass(frozen=True, slots=True)
class MessageFramed:
    """UNH to UNT as texts without terminators; `closed` is false where UNT is missing."""

    segments: list[str]
    separators: Separators
    offset: int
    size: int
    closed: bool


@dataclass(frozen=True, slots=True)
class Stray:
    """A segment that stands in no message."""

    text: str


@dataclass(frozen=True, slots=True)
class GroupClosed:
    """A UNE, or [] where it is missing."""

    une: list[list[str]]
    counted: int


@dataclass(frozen=True, slots=True)
class InterchangeClosed:
    """A UNZ, or [] where it is missing."""

    unz: list[list[str]]
    messages: int
    groups: int
    findings: tuple[Finding, ...]


Frame = Skipped | InterchangeOpened | GroupOpened | MessageFramed | Stray | GroupClosed | InterchangeClosed


def decoded(text: str, syntax: str) -> str:
    """What a latin-1 reading says in the interchange's charset; UTF-8 where it is that in truth."""
    if text.isascii():
        return text
    raw = text.encode("latin-1")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode(CHARSETS.get(syntax, "latin-1"), errors="replace")


@dataclass(slots=True)
class _Interchange:
    """What is open while an interchange is read."""

    separators: Separators
    messages: int = 0
    groups: int = 0
    in_group: int | None = None  # messages since UNG
    segments: list[str] = field(default_factory=list)  # of the open message
    started: int = 0  # where that message starts
    wrapped: bool = False
    doubled: bool = False  # a terminator stood behind another


class Reader:
    """Frames from chunks of bytes."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._buffer = ""
        self._offset = 0  # of the buffer's first character
        self._ended = False

    def __iter__(self) -> Iterator[Frame]:
        """Every frame in order."""
        while True:
            yield from self._skip_to_opening()
            if not self._buffer:
                return
            yield from self._interchange()

    def _more(self) -> bool:
        chunk = next(self._chunks, None)
        if chunk is None:
            self._ended = True
            return False
        self._buffer += chunk.decode("latin-1")
        return True

    def _drop(self, count: int) -> None:
        self._buffer = self._buffer[count:]
        self._offset += count

    def _skip_to_opening(self) -> Iterator[Frame]:
        while True:
            match = _OPENING.search(self._buffer)
            if match and (self._ended or len(self._buffer) - match.start() > _LONGEST_OPENING):
                skip = match.start()
            elif self._ended:
                skip = len(self._buffer)
            else:
                skip = match.start() if match else max(0, len(self._buffer) - _LONGEST_OPENING)
            if skip and self._buffer[:skip].strip(LAYOUT):
                yield Skipped(self._offset, self._buffer[:skip])
            self._drop(skip)
            if self._ended or (match and len(self._buffer) > _LONGEST_OPENING):
                return
            self._more()

    def _pieces(self, separators: Separators) -> Iterator[tuple[str, int, int]]:
        """Segment texts with their offset and size; the buffer keeps what is not yet taken."""
        terminator, release = separators.segment, separators.release
        while True:
            start = 0
            while True:
                end = self._buffer.find(terminator, start)
                while end >= 0 and released_at(self._buffer, end, release):
                    end = self._buffer.find(terminator, end + 1)
                if end < 0 and len(self._buffer) - start > LONGEST_SEGMENT:
                    end = start + LONGEST_SEGMENT
                if end < 0:
                    break
                text = self._buffer[start:end]
                self._taken = end + 1
                yield text, self._offset + start, end + 1 - start
                start = end + 1
            self._drop(start)
            self._taken = 0
            if not self._more():
                return

    def _interchange(self) -> Iterator[Frame]:
        separators = Separators()
        start = self._offset
        if self._buffer.startswith("UNA"):
            separators = Separators.from_una(self._buffer)
            self._drop(9)
            while not self._buffer.lstrip(LAYOUT) and self._more():
                pass
        else:
            separators = _guessed(self._buffer[:_LONGEST_OPENING].translate(_WRAPS))
        state = _Interchange(separators)
        opened = False
        for text, offset, size in self._pieces(separators):
            segment = text.strip(LAYOUT)
            if "\n" in segment or "\r" in segment:
                segment = segment.translate(_WRAPS)
                state.wrapped = True
            tag = segment[:3].upper()
            if not opened:
                opened = True
                yield InterchangeOpened(separators.split(segment) if tag == "UNB" else [], separators, start)
                if tag == "UNB":
                    continue
            elif tag == "UNB" or (tag == "UNA" and segment[3:4] != separators.element):
                self._drop(offset + len(text) - len(text.lstrip(LAYOUT)) - self._offset)
                yield from self._close(state, [], offset)
                return
            if tag == "UNZ":
                self._drop(self._taken)
                yield from self._close(state, separators.split(segment), offset)
                return
            yield from self._segment(state, tag, segment, offset, size)
        rest = self._buffer.strip(LAYOUT)
        self._drop(len(self._buffer))
        if not opened:
            yield InterchangeOpened(separators.split(rest), separators, start)
            rest = ""
        if rest[:3] == "UNZ" and (closing := rest.translate(_WRAPS)).startswith("UNZ" + separators.element):
            yield from self._close(state, separators.split(closing), self._offset, unfinished=True)
            return
        if rest:
            yield from self._segment(state, rest[:3], rest.translate(_WRAPS), self._offset, len(rest))
        yield from self._close(state, [], self._offset)

    def _segment(self, state: _Interchange, tag: str, segment: str, offset: int, size: int) -> Iterator[Frame]:
        separators = state.separators
        if tag == "UNH":
            yield from self._end_message(state, offset, closed=False)
            state.segments.append(segment)
            state.started = offset
        elif tag == "UNT" and state.segments:
            state.segments.append(segment)
            yield from self._end_message(state, offset + size, closed=True)
        elif tag == "UNG":
            yield from self._end_message(state, offset, closed=False)
            if state.in_group is not None:
                yield GroupClosed([], state.in_group)
            state.groups += 1
            state.in_group = 0
            yield GroupOpened(separators.split(segment))
        elif tag == "UNE":
            yield from self._end_message(state, offset, closed=False)
            yield GroupClosed(separators.split(segment), state.in_group or 0)
            state.in_group = None
        elif not segment:
            state.doubled = True
        elif state.segments:
            state.segments.append(segment)
        else:
            yield Stray(segment)

    def _end_message(self, state: _Interchange, end: int, *, closed: bool) -> Iterator[Frame]:
        if state.segments:
            yield MessageFramed(state.segments, state.separators, state.started, end - state.started, closed)
            state.segments = []
            state.messages += 1
            if state.in_group is not None:
                state.in_group += 1

    def _close(
        self, state: _Interchange, unz: list[list[str]], end: int, *, unfinished: bool = False
    ) -> Iterator[Frame]:
        yield from self._end_message(state, end, closed=False)
        if state.in_group is not None:
            yield GroupClosed([], state.in_group)
        findings = []
        if state.wrapped:
            findings.append(Code.LINES_WRAPPED.at())
        if state.doubled:
            findings.append(Code.EMPTY_SEGMENTS.at())
        if unfinished:
            findings.append(Code.FINAL_TERMINATOR_MISSING.at("UNZ"))
        yield InterchangeClosed(unz, state.messages, state.groups, tuple(findings))


def _guessed(text: str) -> Separators:
    """Separators of a sender that uses its own without a UNA: read from UNB's fixed beginning, UNB+UNOA:1+."""
    if match := re.match(rf"UNB({_MARK})[A-Z]{{4}}({_MARK})", text):
        terminator = re.search(rf"({_MARK})\s*UN[GH]" + re.escape(match[1]), text)
        return Separators(match[2], match[1], segment=terminator[1] if terminator else "'")
    return Separators()
