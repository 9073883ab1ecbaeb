"""The raw text of one set to rows, with what had to be put right on the way."""

from __future__ import annotations

from dataclasses import replace

from gateway.formats.x12.codes import Code
from gateway.formats.x12.separators import Separators

Row = list[str]
Deviations = list[tuple[Code, str | None]]  # code and what stood there

LINE_BREAKS = str.maketrans("", "", "\r\n")


class Splitter:
    """Splits sets of one interchange. Text comes as it was decoded: one character a byte, except for UTF-16."""

    def __init__(self, raw: Separators) -> None:
        self.raw = raw
        self.separators = decoded(raw)
        self._lead = raw.segment + raw.ending
        self._indented = self._lead + " "
        self._every_end = raw.ending and raw.segment + raw.ending
        used = {raw.element, raw.component, raw.repetition, raw.segment}
        # line ends that would have to be put right: any beyond the expected one
        self._loose = [c for c in "\r\n" if c not in used and c not in raw.ending]

    def split(self, raw: str) -> tuple[list[Row], str, Deviations]:
        """Rows, the text they were split from without line ends, and deviations.

        Nothing has to be put right where line ends are as many as segments and SE01 is right: an empty segment would be
        one more.
        """
        separators = self.separators
        element = separators.element
        if raw.isascii() and self._indented not in raw:
            segments = raw.split(self._lead)
            rows = [segment.split(element) for segment in segments]
            breaks = len(segments) - 1
            if (
                rows[-1][1:2] == [str(breaks + 1)]
                and all(raw.count(c) == breaks for c in self._every_end)
                and not any(c in raw for c in self._loose)
            ):
                return rows, separators.segment.join(segments) if separators.ending else raw, []
            if raw[:1] > " " and not any(c in raw for c in (separators.segment, "\n", "\r")):  # GS, GE or IEA alone
                return rows, raw, []
        return self._mend(raw)

    def _mend(self, raw: str) -> tuple[list[Row], str, Deviations]:
        """Letters outside ASCII, wrapped lines, indentation, empty segments."""
        separators = self.separators
        said: dict[Code, str | None] = {}
        segments = []
        for piece in raw.split(self.raw.segment):
            segment, encoding = _letters(piece)
            if encoding:
                said.setdefault(Code.CHARACTER_OUTSIDE_BASIC_SET, encoding)
            start = segment.lstrip("\r\n \t\0\x1a")
            margin = segment[: len(segment) - len(start)]
            indent = margin.replace("\r", "\n").rpartition("\n")[2]
            if " " in indent or "\t" in indent:
                said.setdefault(Code.SEGMENTS_INDENTED, None)
            body = start.rstrip("\r\n")
            if "\n" in body or "\r" in body:
                if separators.segment not in "\r\n":
                    said.setdefault(Code.LINES_WRAPPED, None)
                body = body.translate(LINE_BREAKS)
            if body.strip():
                segments.append(body)
            elif not margin and separators.segment not in "\r\n":
                said.setdefault(Code.EMPTY_SEGMENTS, None)
        text = separators.segment.join(segments)
        return [segment.split(separators.element) for segment in segments], text, list(said.items())


def _letters(text: str) -> tuple[str, str | None]:
    """Bytes read as latin-1 may be UTF-8."""
    if text.isascii():
        return text, None
    try:
        return text.encode("latin-1").decode("utf-8"), "utf-8"
    except UnicodeError:
        return text, "latin-1" if max(text) <= "\xff" else "utf-16"


def decoded(raw: Separators) -> Separators:
    """The separators as characters: one outside ASCII may have come as two bytes."""
    if (raw.component + raw.segment).isascii():
        return raw
    return replace(raw, component=_letters(raw.component)[0], segment=_letters(raw.segment)[0])


ENCODINGS = {"utf-16-le": 2, "utf-16-be": 2, "cp037": 1, "latin-1": 1}  # bytes a character


def encoding_of(head: bytes, letters: str) -> str:
    """Which of our encodings a piece that starts with these ASCII letters is in."""
    if head.startswith(letters.encode()):
        return "latin-1"
    for name in ("utf-16-le", "utf-16-be", "cp037"):
        if head.startswith(letters.encode(name)):
            return name
    return "latin-1"


def rows_of(data: bytes, separators: Separators) -> list[Row]:
    """The rows of a set that was cut out of a stream by a frame's offset and size."""
    return set_of(data, separators)[0]


def set_of(data: bytes, separators: Separators) -> tuple[list[Row], str]:
    """The same with its text, as its frame had it."""
    text = data.decode(encoding_of(data, "ST"), errors="replace").replace("\0", "\x1a")  # as in source.py
    raw = replace(separators, component=_undecoded(separators.component), segment=_undecoded(separators.segment))
    end = raw.segment
    body = text.rstrip("\r\n \t\0\x1a") if end not in "\r\n" else text.rstrip("\r\n")
    return Splitter(raw).split(body.removesuffix(end))[:2]


def _undecoded(character: str) -> str:
    return character if character.isascii() else character.encode("utf-8").decode("latin-1")
