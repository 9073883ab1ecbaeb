"""Do these rows hang together: one delimiter, one encoding, as many cells in every row?"""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from gateway.formats.finding import Finding, Severity

DELIMITERS = ",;\t|"
MAX_CELL = 1_000_000  # a quote that never closes would else swallow the file
MAX_FINDINGS = 100  # of one kind; a file with the wrong delimiter has one in each row


class Code(StrEnum):
    """What can be wrong with rows before a map asks what they mean."""

    CSV_ROW_TOO_SHORT = "csv-row-too-short"
    CSV_ROW_TOO_LONG = "csv-row-too-long"
    CSV_QUOTE_WRONG = "csv-quote-wrong"
    CSV_HEADER_REPEATED = "csv-header-repeated"
    CSV_NUL = "csv-nul"
    TEXT_ENCODING_MIXED = "text-encoding-mixed"


@dataclass(frozen=True, slots=True)
class CsvReport:
    """What a file of rows is."""

    delimiter: str
    encoding: str
    header: tuple[str, ...]  # () where the first row is data
    columns: int
    rows: int  # without the header
    findings: tuple[Finding, ...]


def inspect(chunks: Iterable[bytes], encoding: str) -> CsvReport:
    """What these rows are and where they do not hang together; row 1 is the first line, as a spreadsheet shows it."""
    text = _Text(chunks, encoding)
    lines = iter(text)
    first = [line for _, line in zip(range(50), lines, strict=False)]
    delimiter = sniffed("".join(first))
    findings: list[Finding] = []
    reader = csv.reader(_chained(first, lines), delimiter=delimiter, strict=True)
    widths: Counter[int] = Counter()
    header: tuple[str, ...] = ()
    odd: list[tuple[int, int]] = []
    columns = rows = 0
    previous_limit = csv.field_size_limit(MAX_CELL)
    try:
        for row in reader:
            if not row:
                continue
            if not columns:
                columns = len(row)
                header = tuple(row) if is_header(row) else ()
                findings.extend(_repeated(row) if header else ())
            widths[len(row)] += 1
            if len(row) != columns and len(odd) < MAX_FINDINGS:
                odd.append((reader.line_num, len(row)))
            rows += 1
    except csv.Error as error:
        findings.append(_finding(Code.CSV_QUOTE_WRONG, reader.line_num, value=str(error), rejects=True))
    finally:
        csv.field_size_limit(previous_limit)
    for line, width in odd:
        code = Code.CSV_ROW_TOO_SHORT if width < columns else Code.CSV_ROW_TOO_LONG
        findings.append(_finding(code, line, value=str(width), expected=str(columns)))
    if text.fallen_back:
        findings.append(_finding(Code.TEXT_ENCODING_MIXED, text.fallen_back, warning=True))
    if text.nul:
        findings.append(_finding(Code.CSV_NUL, text.nul))
    return CsvReport(delimiter, text.encoding, header, columns, rows - bool(header), tuple(findings))


def sniffed(text: str) -> str:
    """The delimiter that cuts the first rows most evenly; more cells win where two are even."""
    best, best_score = ",", (0, 0)
    for delimiter in DELIMITERS:
        try:
            widths = Counter(len(row) for row in csv.reader(text.splitlines(), delimiter=delimiter) if row)
        except csv.Error:
            continue
        width, even = widths.most_common(1)[0] if widths else (1, 0)
        if width > 1 and (even, width) > best_score:
            best, best_score = delimiter, (even, width)
    return best


class _Text:
    """Lines of text; bytes that are not what the encoding promised are read as latin-1 and remembered."""

    def __init__(self, chunks: Iterable[bytes], encoding: str) -> None:
        self.encoding = encoding
        self.fallen_back = 0  # line where it happened first
        self.nul = 0
        self._chunks = chunks
        self._line = 0

    def __iter__(self) -> Iterator[str]:
        decode = codecs.getincrementaldecoder(self.encoding)("surrogateescape")
        decoder = io.IncrementalNewlineDecoder(decode, translate=True)  # a Mac's CR ends a line too
        rest = ""
        first = True
        for chunk in self._chunks:
            rest += decoder.decode(chunk)
            if first:
                rest = rest.removeprefix("\ufeff")
                first = False
            *whole, rest = rest.split("\n")
            for line in whole:
                yield self._clean(line + "\n")
            if len(rest) > MAX_CELL:
                yield self._clean(rest)
                rest = ""
        rest += decoder.decode(b"", final=True)
        if rest:
            yield self._clean(rest)

    def _clean(self, line: str) -> str:
        self._line += 1
        if "\x00" in line:
            self.nul = self.nul or self._line
            line = line.replace("\x00", "")
        if not line.isascii() and any("\udc80" <= character <= "\udcff" for character in line):
            self.fallen_back = self.fallen_back or self._line
            line = "".join(chr(ord(c) - 0xDC00) if "\udc80" <= c <= "\udcff" else c for c in line)
        return line


def _chained(first: list[str], rest: Iterator[str]) -> Iterator[str]:
    yield from first
    yield from rest


def is_header(row: list[str]) -> bool:
    """Names, not values: every cell filled, none with a digit first, none twice as long as a name would be."""
    return len(row) > 1 and all(cell.strip() and not cell.strip()[0].isdigit() and len(cell) <= 60 for cell in row)


def _repeated(header: list[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for column, name in enumerate(header, 1):
        if name.strip().lower() in seen:
            yield Finding(
                Code.CSV_HEADER_REPEATED.value, Severity.WARNING, segment="row", position=1, element=column, value=name
            )
        seen.add(name.strip().lower())


def _finding(
    code: Code,
    line: int,
    *,
    value: str | None = None,
    expected: str | None = None,
    rejects: bool = False,
    warning: bool = False,
) -> Finding:
    severity = Severity.REJECTS if rejects else Severity.WARNING if warning else Severity.ERROR
    return Finding(code.value, severity, segment="row", position=line, value=value, expected=expected)
