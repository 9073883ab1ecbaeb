"""Rows of a text file, one after another, each with the bytes it stands in: rows of cells, or lines of a fixed width.

A row is read without what comes after it, so that a file of any size needs the memory of one row. What is wrong with a
row is said in it, and reading goes on with the next; only a quotation mark that never closes ends the file.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

LONGEST_LINE = 1_000_000  # bytes; a file without line ends would else be one line of any size
LONGEST_CELL = 131_072  # characters, the csv module's own limit: a quote that never closes stops there


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the cells of a row are told apart."""

    delimiter: str = ","  # "": a line is one cell, cut by columns of a fixed width
    quote: str = '"'  # "": no cell is quoted
    encoding: str = "utf-8"
    newline: str = "\r\n"


class Row(NamedTuple):
    """One row."""

    number: int  # its first line, counted from 1 as an editor shows it
    offset: int  # in bytes
    size: int
    cells: list[str]
    fault: str = ""  # why it could not be read
    last: bool = False  # nothing behind it can be read either


class _Lines:
    """Decoded lines, and how many bytes of the file they took."""

    def __init__(self, chunks: Iterable[bytes], encoding: str, offset: int) -> None:
        self.number, self.end = 0, offset
        self.fault = ""
        self._encoding = encoding
        wide = codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
        self._lines = _wide(chunks, encoding) if wide else _narrow(chunks)

    def __iter__(self) -> Iterator[str]:
        for line, size in self._lines:
            self.number += 1
            self.end += size
            try:
                text = line.decode(self._encoding)
            except UnicodeDecodeError as error:
                self.fault = f"is not {self._encoding}: byte {error.start} of the line cannot be read"
                text = line.decode(self._encoding, "replace")
            if "\0" in text:
                self.fault = "holds a NUL byte, which is no character"
            if len(line) > LONGEST_LINE:
                self.fault = f"is longer than {LONGEST_LINE:,} bytes"
            if self.number == 1:
                text = text.removeprefix("\ufeff")
            yield text


def _narrow(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, int]]:
    """Lines of an encoding in which a line end is one byte, with their size; bytes know no other line ends."""
    rest = b""
    for chunk in chunks:
        rest += chunk
        whole = rest.splitlines(keepends=True)
        # The last line may go on in the next chunk, and so may a CR LF.
        rest = whole.pop() if whole and len(whole[-1]) <= LONGEST_LINE else b""
        for line in whole:
            yield line, len(line)
    for line in rest.splitlines(keepends=True):
        yield line, len(line)


def _wide(chunks: Iterable[bytes], encoding: str) -> Iterator[tuple[bytes, int]]:
    """Lines of UTF-16 and UTF-32, again in that encoding."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    exact = "utf-16-le" if codecs.lookup(encoding).name == "utf-16" else encoding
    mark = len("\ufeff".encode(exact)) if encoding != exact else 0
    for line, _ in _narrow(decoder.decode(chunk).encode() for chunk in (*chunks, b"")):
        size = len(line.decode().encode(exact))
        yield line.decode().encode(encoding), size + mark
        mark = 0


def read(chunks: Iterable[bytes], dialect: Dialect, *, number: int = 1, offset: int = 0) -> Iterator[Row]:
    """Every row that is not empty. `number` and `offset` are those of the first line, where it is not the file's."""
    lines = _Lines(chunks, dialect.encoding, offset)
    lines.number = number - 1
    rows = _cells(iter(lines), dialect) if dialect.delimiter else ([line.rstrip("\r\n")] for line in lines)
    while True:
        first, start = lines.number + 1, lines.end
        try:
            cells = next(rows, None)
        except csv.Error as error:
            # "unexpected end of data" and a cell over the limit: a quote was opened long before.
            ends = "unexpected end" in str(error) or "limit" in str(error)
            what = "a quote that opens here is not closed" if ends else error
            yield Row(first, start, lines.end - start, [], f"is not CSV: {what}", ends)
            if ends:
                return
            continue
        if cells is None:
            return
        fault, lines.fault = lines.fault, ""
        if fault or any(cell.strip() for cell in cells):
            yield Row(first, start, lines.end - start, cells, fault)


def _cells(lines: Iterator[str], dialect: Dialect) -> Iterator[list[str]]:
    if dialect.quote:
        return csv.reader(lines, delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True)
    return csv.reader(lines, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE, strict=True)


def write(rows: Iterable[Sequence[str]], dialect: Dialect) -> str:
    """Rows as text. Raises csv.Error for a cell the dialect cannot carry."""
    if not dialect.delimiter:
        return "".join(f"{row[0]}{dialect.newline}" for row in rows)
    out = io.StringIO(newline="")
    if dialect.quote:
        writer = csv.writer(out, delimiter=dialect.delimiter, quotechar=dialect.quote, lineterminator=dialect.newline)
    else:
        writer = csv.writer(out, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE, lineterminator=dialect.newline)
    writer.writerows(rows)
    return out.getvalue()
