"""Any file: what is it, and everything that is wrong with it, as one stream of events whatever the format."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum

from gateway.formats.detect import SNIFF, Detected, Format, detect
from gateway.formats.finding import Finding, Severity
from gateway.formats.report import Closed, GroupReport, Inspection, InterchangeReport, Opened
from gateway.formats.words import NO_NAMES, Names


class Code(StrEnum):
    """What can be wrong with a file of no particular format."""

    FILE_EMPTY = "file-empty"
    FILE_UNREADABLE = "file-unreadable"
    JSON_NOT_WELL_FORMED = "json-not-well-formed"
    ENCODING_UNUSUAL = "encoding-unusual"
    INTERCHANGE_HEADER_MISSING = "interchange-header-missing"
    VALUE_REFUSED = "value-refused"  # these three by a map, of a file without an envelope
    VALUE_MISSING = "value-missing"
    PART_REFUSED = "part-refused"


class Inspected:
    """A file being inspected: its format at once, its events while they are read, a line about it at the end."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        rest = iter(chunks)
        head = b""
        while len(head) < SNIFF and (chunk := next(rest, None)) is not None:
            head += chunk
        self.detected: Detected = detect(head)
        self.summary = ""  # of what has no interchanges; complete once the events are read
        self.names: Names = NO_NAMES  # of the document that was last reported
        self._head = head
        self._rest = rest

    @property
    def format(self) -> Format:
        """What it is."""
        return self.detected.format

    @property
    def readable(self) -> bool:
        """Whether it is a document at all."""
        return self.format is not Format.UNKNOWN

    def events(self) -> Inspection:
        """Everything there is to say, in the file's order."""
        inspect = _INSPECTIONS[self.format]
        return inspect(self)

    def chunks(self) -> Iterator[bytes]:
        """The file's bytes, from its first."""
        yield self._head
        yield from self._rest

    def head(self) -> str:
        """How the file begins, for showing it."""
        return "".join(c for c in self._head[:40].decode("utf-8", "replace") if c.isprintable())


def _x12(file: Inspected) -> Inspection:
    from gateway.formats.names import X12Names
    from gateway.formats.x12.report import judge
    from gateway.formats.x12.separators import NotX12

    try:
        for event in judge(file.chunks()):
            if isinstance(event, Opened) and isinstance(event.report, GroupReport):
                file.names = X12Names(event.report.version)
            yield event
    except NotX12:
        yield from _without_envelope("ISA")


def _without_envelope(tag: str) -> Inspection:
    """Documents without an interchange around them, said as the interchange that is missing."""
    report = InterchangeReport("", "", "", "")
    yield Opened(report)
    finding = Finding(Code.INTERCHANGE_HEADER_MISSING.value, Severity.REJECTS, segment=tag)
    report.findings.append(finding)
    report.verdict = report.verdict.REJECT
    yield Closed(report)


def _edifact(file: Inspected) -> Inspection:
    from gateway.formats.edifact.inspection import inspect
    from gateway.formats.names import EDIFACT_NAMES

    file.names = EDIFACT_NAMES
    encoding = file.detected.encoding
    chunks = _behind(file.chunks(), file.detected.mark)
    if encoding not in ("utf-8", "latin-1"):
        yield Finding(Code.ENCODING_UNUSUAL.value, Severity.WARNING, value=encoding)
        chunks = _recoded(chunks, encoding)
    yield from inspect(chunks)


def _behind(chunks: Iterable[bytes], skip: int) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk[skip:]
        skip = max(0, skip - len(chunk))


def _recoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8")
    yield decoder.decode(b"", final=True).encode("utf-8")


def _xml(file: Inspected) -> Inspection:
    from gateway.formats.xml.inspection import inspect

    report = inspect(file.chunks())
    about = [report.kind or "XML"]
    about += [f"number {report.identifier}"] if report.identifier else []
    about += [f"version {report.version}"] if report.version else []
    file.summary = ", ".join([*about, f"{report.elements:,} elements"])
    yield from report.findings


def _csv(file: Inspected) -> Inspection:
    from gateway.formats.csvfile.inspection import inspect

    report = inspect(file.chunks(), file.detected.encoding)
    delimiter = "tab" if report.delimiter == "\t" else f"“{report.delimiter}”"
    columns = f"{report.columns} columns separated by {delimiter}"
    header = f", named {report.header[0]} to {report.header[-1]}" if report.header else ", without names"
    file.summary = f"{report.rows:,} rows, {columns}{header}"
    yield from report.findings


def _json(file: Inspected) -> Inspection:
    try:
        found = json.loads(b"".join(file.chunks()))
    except (ValueError, RecursionError) as error:
        line, column = getattr(error, "lineno", 1), getattr(error, "colno", None)
        reason = getattr(error, "msg", type(error).__name__)
        yield Finding(
            Code.JSON_NOT_WELL_FORMED.value, Severity.REJECTS, segment="/", position=line, element=column, value=reason
        )
        return
    file.summary = f"an object of {len(found)} fields" if isinstance(found, dict) else f"a list of {len(found)}"


def _fixed(file: Inspected) -> Inspection:
    lines, ends = 0, b"\n"
    for chunk in file.chunks():
        lines += chunk.count(b"\n")
        ends = chunk[-1:] or ends
    lines += ends != b"\n"
    file.summary = f"{lines:,} lines of a fixed width; what stands where only their map knows (`gateway translate`)"
    yield from ()


def _unknown(file: Inspected) -> Inspection:
    head = file.head()
    if next((chunk for chunk in file.chunks() if chunk.strip()), None) is None:
        yield Finding(Code.FILE_EMPTY.value, Severity.REJECTS)
    else:
        yield Finding(Code.FILE_UNREADABLE.value, Severity.REJECTS, value=head or None)


_INSPECTIONS: dict[Format, Callable[[Inspected], Inspection]] = {
    Format.X12: _x12,
    Format.EDIFACT: _edifact,
    Format.XML: _xml,
    Format.CXML: _xml,
    Format.UBL: _xml,
    Format.CSV: _csv,
    Format.JSON: _json,
    Format.FIXED: _fixed,
    Format.UNKNOWN: _unknown,
}
"""Every format has its inspection, imported only when a file of it comes: start-up stays fast."""
