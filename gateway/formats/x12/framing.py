"""A stream of bytes to frames: interchanges, groups and sets, wherever they stand and however they were damaged.

The stream is looked at through windows of 1 MB, one set at a time, so a file of any size needs the memory of one window
and its largest set. A set is found by searching for its SE; only where that fails, because segments end irregularly or
a trailer is missing, are its segments walked one by one. No decision depends on where a window or chunk ends.

A reader can stop after any frame: `state()` is JSON, and a reader started with it on the bytes from its "offset" on
yields the frames the first one would have.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from gateway.formats.finding import Finding
from gateway.formats.x12.codes import Code
from gateway.formats.x12.envelope import (
    FUNCTIONAL_IDS,
    group_header_findings,
    group_trailer_findings,
    header_findings,
    interchange_trailer_findings,
    set_findings,
)
from gateway.formats.x12.frames import (
    Acknowledged,
    Frame,
    GroupClosed,
    GroupOpened,
    InterchangeClosed,
    InterchangeOpened,
    Row,
    SetFramed,
    Skipped,
)
from gateway.formats.x12.numbers import Numbers
from gateway.formats.x12.separators import LOOK_AHEAD, NotX12, Separators, read_isa
from gateway.formats.x12.source import Source
from gateway.formats.x12.splitting import LINE_BREAKS, Splitter, rows_of
from gateway.formats.x12.tolerance import STANDARD, Tolerance

__all__ = ["Reader", "rows_of"]

SEARCH = 4 << 20  # how far a set's SE is searched for before its segments are walked; the largest real sets are smaller
LONGEST_SEGMENT = 1 << 20  # a terminator that does not come within 1 MB does not come
LONGEST_SET = 256 << 20
SAMPLE = 4096  # of what is skipped, to show it
STRAYS = 20  # findings about segments outside of sets that one group or interchange collects

_BLANK = " \t\r\n\0\x1a"
_HEADER_HERE = re.compile(r"ISA([^A-Za-z0-9 \t\r\n])[^A-Za-z]{0,6}\1", re.IGNORECASE)
_HEADER = re.compile(rf"(?<![A-Za-z0-9]){_HEADER_HERE.pattern}", re.IGNORECASE)
_CONTROL_TAGS = frozenset(("ST", "SE", "GS", "GE", "ISA", "IEA"))
_SECURITY_TAGS = frozenset(("ISB", "ISE", "S3A", "S3S", "S3E", "S4A", "S4S", "S4E", "SBA", "SBS", "SBE"))


@lru_cache(64)
def _shape(raw: Separators) -> tuple[Splitter, re.Pattern[str]]:
    """How segments are split, and a tag where a segment begins."""
    after = f"{re.escape(raw.element)}|{re.escape(raw.segment)}"
    return Splitter(raw), re.compile(rf"[A-Za-z0-9]{{2,3}}(?={after}|[ \t\r\n]|\Z)")


class Reader:
    """Iterate it for the frames of a stream. Raises NotX12 at the end if there was no interchange."""

    def __init__(
        self,
        chunks: Iterable[bytes],
        *,
        tolerate: Tolerance = STANDARD,
        state: dict[str, Any] | None = None,
    ) -> None:
        state = state or {}
        self._tolerate = tolerate
        self._source = Source(chunks, state.get("encoding"), state.get("offset", 0))
        self._source.marked = state.get("marked", self._source.marked)
        self._at = 0  # in the source's text
        self._isa: Row = state.get("isa", [])
        self._gs: Row | None = state.get("gs")
        self._groups: int = state.get("groups", 0)
        self._sets: int = state.get("sets", 0)  # of the group
        self._position: int = state.get("position", 0)  # of the last set in the interchange
        self._answers: int = state.get("answers", 0)  # TA1 segments
        self._set_numbers = Numbers(state.get("set_numbers"))  # of the group
        self._group_numbers = Numbers(state.get("group_numbers"))  # of the interchange
        self._interchange_numbers = Numbers(state.get("interchange_numbers"))
        self._irregular: bool = state.get("irregular", False)
        self._inside: bool = state.get("inside", False)
        self._found: bool = state.get("found", False)
        self._strays: list[Finding] = [Finding(**finding) for finding in state.get("strays", [])]
        self._group_strays: list[Finding] = [Finding(**finding) for finding in state.get("group_strays", [])]
        if self._inside:
            self._use(Separators(**state["separators"]))

    def state(self) -> dict[str, Any]:
        """Where the reader stands, as JSON; "offset" is the first byte a reader started with it has to be given."""
        return {
            "offset": self._offset(self._at),
            "encoding": self._source.encoding,
            "marked": self._source.marked,
            "inside": self._inside,
            "found": self._found,
            "isa": self._isa,
            "gs": self._gs,
            "groups": self._groups,
            "sets": self._sets,
            "position": self._position,
            "answers": self._answers,
            "set_numbers": self._set_numbers.state(),
            "group_numbers": self._group_numbers.state(),
            "interchange_numbers": self._interchange_numbers.state(),
            "irregular": self._irregular,
            "strays": [asdict(finding) for finding in self._strays],
            "group_strays": [asdict(finding) for finding in self._group_strays],
            **({"separators": asdict(self._splitter.raw)} if self._inside else {}),
        }

    def _offset(self, at: int) -> int:
        return self._source.offset + at * self._source.width

    def _use(self, raw: Separators) -> None:
        """Search patterns of an interchange's separators."""
        self._splitter, self._tag_here = _shape(raw)
        lead = raw.segment + raw.ending
        self._end = raw.segment
        self._se = f"{lead}SE{raw.element}"
        self._bounds = (f"ST{raw.element}", f"SE{raw.element}")
        self._trailer_tag = len(lead) + 3

    def _read_on(self) -> bool:
        """More text behind what is not yet done with."""
        if self._source.ended:
            return False
        kept = min(self._at, 1)  # a header is told from a word by the character before it
        self._source.drop(self._at - kept)
        self._at = kept
        return self._source.more()

    def _skip_blank(self) -> bool:
        """To the next character that is none of what people put between segments; False at the end."""
        while True:
            text = self._source.text
            at, size = self._at, len(text)
            while at < size and text[at] in _BLANK:
                at += 1
            self._at = at
            if at < size:
                return True
            if not self._read_on():
                return False

    def _look_ahead(self, count: int) -> None:
        while len(self._source.text) - self._at < count and self._read_on():
            pass

    def __iter__(self) -> Iterator[Frame]:
        """The frames."""
        while True:
            if self._inside:
                yield from self._interchange()
            elif not (yield from self._outside()):
                break
        if not self._found:
            raise NotX12("there is no ISA segment")

    # Between interchanges

    def _outside(self) -> Generator[Frame, None, bool]:
        """Find the next ISA; what stands before it is skipped, and said unless it is blank."""
        start, size, sample = self._offset(self._at), 0, ""
        opened: tuple[Separators, Row, int] | None = None
        code = Code.NOISE_SKIPPED
        while opened is None:
            self._look_ahead(LOOK_AHEAD)
            text = self._source.text
            # right behind an interchange it needs nothing before it
            found = (not size and _HEADER_HERE.match(text, self._at)) or _HEADER.search(text, self._at)
            stop = found.start() if found else max(self._at, len(text) - 16) if not self._source.ended else len(text)
            if found and len(text) - stop < LOOK_AHEAD and not self._source.ended:
                sample, size = self._pass(stop, sample, size)
                self._look_ahead(LOOK_AHEAD)
                continue
            sample, size = self._pass(stop, sample, size)
            if found is None:
                if not self._read_on():
                    break
                continue
            try:
                opened = read_isa(text[stop : stop + LOOK_AHEAD])
            except NotX12:
                if found.group().startswith("ISA"):
                    code = Code.INTERCHANGE_HEADER_INVALID
                sample, size = self._pass(stop + 3, sample, size)
        if opened is not None:
            self._found = True
        if sample.strip(_BLANK + "\xef\xbb\xbf\ufeff"):
            self._found = self._found or code is Code.INTERCHANGE_HEADER_INVALID
            finding = self._tolerate.finding(code, segment="ISA", value=sample.strip(_BLANK)[:80])
            yield Skipped(start, size, sample, finding)
        if opened is None:
            return False
        yield self._open_interchange(*opened)
        return True

    def _pass(self, to: int, sample: str, size: int) -> tuple[str, int]:
        """Leave text behind, keeping how it began."""
        passed = to - self._at
        if len(sample) < SAMPLE:
            sample += self._source.text[self._at : min(to, self._at + SAMPLE - len(sample))]
        self._at = to
        return sample, size + passed * self._source.width

    def _open_interchange(self, separators: Separators, isa: Row, used: int) -> InterchangeOpened:
        offset = self._offset(self._at)
        self._at += used
        self._use(separators)
        self._inside = True
        self._isa = isa
        self._gs = None
        self._groups = self._sets = self._position = self._answers = 0
        self._group_numbers = Numbers()
        self._irregular = False
        self._strays = []
        findings = list(header_findings(isa, self._tolerate))
        if self._source.marked:
            findings.append(self._tolerate.finding(Code.ENCODING_UNUSUAL, value=self._source.marked))
            self._source.marked = None
        number = "|".join((isa[5], isa[6], isa[13])).strip()
        if self._interchange_numbers.again(number):
            code = Code.INTERCHANGE_CONTROL_NUMBER_REPEATED
            findings.append(self._tolerate.finding(code, segment="ISA", element=13, value=isa[13].strip()))
        return InterchangeOpened(isa, self._splitter.separators, offset, tuple(findings))

    # Inside an interchange

    def _interchange(self) -> Iterator[Frame]:
        """What comes up to IEA, or to where it is missing."""
        while self._inside:
            if not self._skip_blank():
                yield from self._close_interchange(None)
                return
            self._look_ahead(LOOK_AHEAD)
            text, at = self._source.text, self._at
            if _HEADER_HERE.match(text, at) and self._is_header(at):
                yield from self._close_interchange(None)
                return
            tag = self._tag(at)
            if tag == "ST":
                yield from self._set()
                continue
            if tag in ("GS", "IEA") and self._gs is not None:
                yield self._close_group(None)
                continue
            offset = self._offset(at)
            row, terminated = self._segment()
            if tag == "GS":
                yield self._open_group(row, offset)
            elif tag == "GE":
                if self._gs is None:
                    self._stray(self._strays, Code.GROUP_HEADER_MISSING, "GE")
                else:
                    yield self._close_group(row)
            elif tag == "IEA":
                if len(row) > 3 and row[2][-3:].upper() == "ISA" and self._source.text is text:
                    glued = _HEADER_HERE.search(text, at)  # of a file laid behind this one, which lacked its last end
                    if glued is not None and self._is_header(glued.start()):
                        self._at, terminated = glued.start(), False
                        row = [*row[:2], row[2][:-3]]
                if not terminated:
                    self._strays.append(self._tolerate.finding(Code.FINAL_TERMINATOR_MISSING, segment="IEA"))
                yield from self._close_interchange(row)
            elif tag == "TA1":
                self._answers += 1
                yield Acknowledged(row, offset)
            elif tag == "SE":
                self._stray(self._strays if self._gs is None else self._group_strays, Code.SET_HEADER_MISSING, "SE")
            elif tag not in _SECURITY_TAGS and any(row):
                where, code = self._group_strays, Code.SEGMENT_OUTSIDE_SET
                if self._gs is None:
                    where, code = self._strays, Code.SEGMENT_OUTSIDE_GROUP
                self._stray(where, code, row[0][:80])

    def _is_header(self, at: int) -> bool:
        try:
            read_isa(self._source.text[at : at + LOOK_AHEAD])
        except NotX12:
            return False
        return True

    def _tag(self, at: int) -> str:
        text = self._source.text
        found = None
        head = text[at : at + 10]
        if ("\n" in head or "\r" in head) and self._end not in "\r\n":
            # lines wrapped at a column break tags as well: IE, a line break, A is IEA
            found = self._tag_here.match(head.translate(LINE_BREAKS))
        found = found or self._tag_here.match(text, at)
        return found.group().upper() if found else ""

    def _stray(self, where: list[Finding], code: Code, segment: str) -> None:
        if len(where) < STRAYS and not (where and where[-1].code == code.value and where[-1].segment == segment):
            where.append(self._tolerate.finding(code, segment=segment))

    def _segment(self) -> tuple[Row, bool]:
        """The segment at hand, and whether it is terminated."""
        searched = 0
        while True:
            text = self._source.text
            end = text.find(self._end, self._at + searched)
            if end >= 0 or self._source.ended or len(text) - self._at >= LONGEST_SEGMENT:
                break
            searched = max(0, len(text) - self._at - len(self._end))
            self._read_on()
        terminated = 0 <= end < self._at + LONGEST_SEGMENT
        stop = end if terminated else min(len(text), self._at + LONGEST_SEGMENT)
        raw = text[self._at : stop]
        self._at = stop + (len(self._end) if terminated else 0)
        rows, _, _ = self._splitter.split(raw if terminated else raw.rstrip(_BLANK))
        return (rows[0] if rows else [""]), terminated

    def _open_group(self, gs: Row, offset: int) -> GroupOpened:
        self._gs = gs
        self._groups += 1
        self._sets = 0
        self._set_numbers = Numbers()
        self._group_strays = []
        findings = list(group_header_findings(gs, self._tolerate))
        number = gs[6].strip() if len(gs) > 6 else ""
        if self._group_numbers.again(number):
            code = Code.GROUP_CONTROL_NUMBER_REPEATED
            findings.append(self._tolerate.finding(code, segment="GS", element=6, value=number))
        return GroupOpened(gs, offset, tuple(findings))

    def _close_group(self, ge: Row | None) -> GroupClosed:
        findings = [*self._group_strays, *group_trailer_findings(self._gs or [], ge, self._sets, self._tolerate)]
        counted = self._sets
        self._gs = None
        self._group_strays = []
        return GroupClosed(ge, counted, tuple(findings))

    def _close_interchange(self, iea: Row | None) -> Iterator[Frame]:
        if self._gs is not None:
            yield self._close_group(None)
        findings = list(self._strays)
        findings += interchange_trailer_findings(self._isa, iea, self._groups, self._tolerate)
        if not self._position and not self._answers:
            findings.append(self._tolerate.finding(Code.INTERCHANGE_EMPTY, segment="ISA"))
        self._inside = False
        self._strays = []
        yield InterchangeClosed(iea, self._groups, iea is None, tuple(findings))

    # One set

    def _set(self) -> Iterator[Frame]:
        """ST to SE."""
        if self._gs is None:
            # sets without a group are kept, under a group that has no header and does not count
            self._gs = []
            self._sets = 0
            self._set_numbers = Numbers()
            finding = self._tolerate.finding(Code.GROUP_HEADER_MISSING, segment="GS")
            yield GroupOpened([], self._offset(self._at), (finding,))
        stop, used = self._find_set()
        at = self._at
        rows, text, deviations = self._splitter.split(self._source.text[at:stop])
        number = rows[0][2] if len(rows[0]) > 2 else ""
        plain = number and rows[-1] == ["SE", str(len(rows)), number]
        if not plain and self._is_uneven(stop):
            stop, used = self._walk_set()
            at = self._at
            rows, text, deviations = self._splitter.split(self._source.text[at:stop])
            plain = False
        offset = self._offset(at)
        self._at = at + used
        self._sets += 1
        self._position += 1
        rows[0][0] = rows[0][0].upper()
        functional_id = self._gs[1].strip() if len(self._gs) > 1 else ""
        findings: list[Finding] = []
        if deviations or not plain or FUNCTIONAL_IDS.get(rows[0][1]) != functional_id:
            findings += [self._tolerate.finding(code, value=value) for code, value in deviations]
            findings += set_findings(rows, functional_id, self._tolerate)
        if self._set_numbers.again(number):
            code = Code.SET_CONTROL_NUMBER_REPEATED
            findings.append(self._tolerate.finding(code, segment="ST", position=1, element=2, value=number))
        yield SetFramed(rows, text, offset, used * self._source.width, self._position, tuple(findings))

    def _find_set(self) -> tuple[int, int]:
        """Where the set's text ends, in the source's text, and how many characters it takes with its terminator."""
        searched = 0
        while not self._irregular:
            text, at = self._source.text, self._at
            trailer = text.find(self._se, at + searched)
            if trailer >= 0:
                if trailer - at > SEARCH:
                    break
                end = text.find(self._end, trailer + self._trailer_tag)
                if end < 0 or end - trailer > LOOK_AHEAD:
                    if end < 0 and not self._source.ended and len(text) - trailer <= LOOK_AHEAD:
                        searched = trailer - at
                        self._read_on()
                        continue
                    return self._walk_set()
                return end, end + len(self._end) - at
            if self._source.ended:
                return self._walk_set()
            if len(text) - at > SEARCH:
                break
            searched = max(0, len(text) - at - len(self._se))
            self._read_on()
        self._irregular = True
        return self._walk_set()

    def _is_uneven(self, stop: int) -> bool:
        """Whether a set may begin or end before the trailer that was found: behind a line end or indentation."""
        text, at = self._source.text, self._at
        if not self._splitter.raw.ending and self._end not in "\r\n" and text.find("\n", at, stop) >= 0:
            return True
        for bound in self._bounds:
            found = text.find(bound, at + 1, stop)
            while found >= 0:
                if self._begins_segment(at, found):
                    return True
                found = text.find(bound, found + 1, stop)
        return False

    def _begins_segment(self, at: int, found: int) -> bool:
        before = self._source.text[max(at, found - LOOK_AHEAD) : found].rstrip(_BLANK.replace(self._end, ""))
        return before.endswith(self._end)

    def _walk_set(self) -> tuple[int, int]:
        """Segment by segment: to SE, or to what shows that SE is missing."""
        next_at = 0  # of the next segment, from the set's start
        while True:
            self._fill(next_at)
            text, at = self._source.text, self._at
            start = at + next_at
            while start < len(text) and text[start] in _BLANK:
                start += 1
            tag = self._tag(start)
            header = next_at > 0 and _HEADER_HERE.match(text, start) is not None and self._is_header(start)
            if start >= len(text) or header or (next_at > 0 and tag in _CONTROL_TAGS and tag != "SE"):
                return self._cut_short(start)
            end = text.find(self._end, start)
            if end < 0 or end - start > LONGEST_SEGMENT or end - at > LONGEST_SET:
                stop = min(len(text), start + LONGEST_SEGMENT)
                return self._at + len(text[at:stop].rstrip(_BLANK)), stop - at
            after = end + len(self._end)
            if tag == "SE":
                return end, after - at
            next_at = after - at

    def _fill(self, next_at: int) -> None:
        """Enough text behind the next segment's start to see that segment whole."""
        while not self._source.ended:
            text, start = self._source.text, self._at + next_at
            room = len(text) - start
            if room >= LONGEST_SEGMENT + LOOK_AHEAD:
                return
            if room >= 2 * LOOK_AHEAD and text.find(self._end, start + LOOK_AHEAD) >= 0:
                return
            self._read_on()

    def _cut_short(self, stop: int) -> tuple[int, int]:
        at = self._at
        kept = self._source.text[at:stop].rstrip(_BLANK)
        return at + len(kept.removesuffix(self._end)), stop - at
