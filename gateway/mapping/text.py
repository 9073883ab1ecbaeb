"""Files without an envelope: how one is cut into its documents, each of which can be read by itself.

    parts   bytes -> the documents, one after another, in bounded memory, each with its place in the file
    read    one part -> its values
    write   documents -> a file

A value that cannot be carried belongs to its document and is said when the part is read. What makes the file itself
untrustworthy (it breaks off, its header lacks a column, its trailer counts otherwise) is raised by `parts` as MapError,
after the documents before it: whoever reads decides that nothing of such a file is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.canonical import Document
from gateway.formats.csvfile.rows import Row
from gateway.mapping.faults import MapError, Problem
from gateway.mapping.values import Values

LARGEST = 32_000_000  # bytes of one document: what an 850 of 100,000 lines has as XML


@dataclass(frozen=True, slots=True)
class Part:
    """One document of a file."""

    number: int  # from 1
    offset: int  # in bytes
    size: int
    place: str  # where it stands, for people: "rows 2 to 5", "/Orders/Order[2]", "/orders/1"
    line: int  # the line it begins in
    data: bytes  # empty where `rows` are cut already
    head: str = ""  # what of the file's beginning it is read with: the header of rows, the elements around it
    rows: Sequence[Row] | None = None  # already cut
    problems: tuple[Problem, ...] = ()  # what could not be cut

    def digest(self) -> str:
        """The hash of what it says: line ends and quotation marks of rows are no content."""
        if self.rows is None:
            return hashlib.sha256(self.data).hexdigest()
        return hashlib.sha256("\x1e".join("\x1f".join(row.cells) for row in self.rows).encode()).hexdigest()


class TextFormat(Protocol):
    """CSV, fixed width, XML or JSON, as one map uses it."""

    several: bool  # a file may hold more than one document

    def parts(self, chunks: Iterable[bytes]) -> Iterator[Part]:
        """The documents of a file. Raises MapError for what makes the whole file useless."""
        ...

    def read(self, part: Part) -> Values:
        """The values of one document. Raises MapError with everything that could not be carried."""
        ...

    def write(self, documents: Sequence[Document], *, keep: bool) -> bytes:
        """A file of these documents. Raises MapError with everything that could not be read back."""
        ...

    def fits(self, start: bytes) -> str:
        """Why a file that begins so is none of ours; "" if it may be one."""
        ...


def whole(chunks: Iterable[bytes]) -> bytes:
    """A file that is one document."""
    pieces, size = [], 0
    for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        if size > LARGEST:
            raise MapError([Problem("the file", None, "", None, f"is one document of more than {LARGEST:,} bytes", "")])
    return b"".join(pieces)


class Reads(Protocol):
    """What reads the documents of a file: a map, or our own JSON."""

    def parts(self, chunks: Iterable[bytes]) -> Iterator[Part]: ...

    def read_part(self, part: Part, *, partner: str | None = None) -> Document: ...


def read_all(by: Reads, data: bytes, partner: str | None) -> list[Document]:
    """Every document of a file in memory. Raises MapError with everything that is wrong with any of them."""
    found: list[Document] = []
    problems: list[Problem] = []
    try:
        for part in by.parts([data]):
            try:
                found.append(by.read_part(part, partner=partner))
            except MapError as error:
                problems += error.problems
    except MapError as error:
        problems += error.problems
    if problems:
        raise MapError(problems)
    return found
