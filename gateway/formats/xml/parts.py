"""The repeated elements of an XML file, one after another, each with the bytes it stands in.

No tree is built of the file. A DTD is allowed and not loaded; an entity of its own is refused, and so is what is
nested deeper than any business document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from xml.parsers import expat

from gateway.formats.finding import FormatError

DEEPEST = 100  # UBL and cXML stay below 20
LARGEST = 32_000_000  # bytes of one element


class NotXml(FormatError):
    """What is wrong, and the line it is wrong in."""

    def __init__(self, why: str, line: int) -> None:
        super().__init__(why)
        self.line = line


class Element(NamedTuple):
    """One element of those asked for."""

    number: int  # from 1
    offset: int
    size: int
    line: int
    data: bytes
    namespaces: dict[str, str]  # that hold around it: prefix ("" for the default) -> URI
    encoding: str


class _Splitter:
    def __init__(self, path: Sequence[str]) -> None:
        self.path = list(path)  # {uri}name from the root down to the element asked for
        self.found: list[Element] = []
        self.root = ""
        self._parser = parser = expat.ParserCreate(namespace_separator="}")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartNamespaceDeclHandler = self._declare
        parser.EndNamespaceDeclHandler = self._forget
        parser.EntityDeclHandler = self._entity
        parser.XmlDeclHandler = self._declaration
        self._at: list[str] = []
        self._namespaces: list[tuple[str, str]] = []
        self._held, self._base = bytearray(), 0  # bytes not yet given away, and the offset of their first
        self._open: tuple[int, int, dict[str, str]] | None = None  # start, line and namespaces of the element
        self._done: tuple[int, int, dict[str, str]] | None = None  # ended; it goes on to where the next thing begins
        self._encoding = "utf-8"

    def feed(self, chunk: bytes, final: bool) -> None:
        self._held += chunk
        try:
            self._parser.Parse(chunk, final)
        except expat.ExpatError as error:
            why = expat.ErrorString(error.code)
            raise NotXml(f"is not XML: {why}", error.lineno) from None
        keep = self._open or self._done
        start = keep[0] if keep else self._base + len(self._held)
        if self._base + len(self._held) - start > LARGEST:
            raise NotXml(f"holds a document of more than {LARGEST:,} bytes", self._parser.CurrentLineNumber)
        if not keep:
            start = self._parser.CurrentByteIndex
        del self._held[: max(start - self._base, 0)]
        self._base = max(start, self._base)

    def _declare(self, prefix: str | None, uri: str) -> None:
        self._close()
        self._namespaces.append((prefix or "", uri or ""))

    def _forget(self, prefix: str | None) -> None:
        for n in range(len(self._namespaces) - 1, -1, -1):
            if self._namespaces[n][0] == (prefix or ""):
                del self._namespaces[n]
                return

    def _start(self, name: str, attributes: Any) -> None:
        self._close()
        tag = f"{{{name}" if "}" in name else name
        self._at.append(tag)
        if len(self._at) == 1:
            self.root = tag
        if len(self._at) > DEEPEST:
            raise NotXml(f"is nested deeper than {DEEPEST} elements", self._parser.CurrentLineNumber)
        if len(self._at) == len(self.path) and self._at == self.path:
            at, line = self._parser.CurrentByteIndex, self._parser.CurrentLineNumber
            self._open = (at, line, dict(self._namespaces))

    def _end(self, name: str) -> None:
        self._close()
        if self._open is not None and len(self._at) == len(self.path):
            self._done, self._open = self._open, None
            # Any next thing ends it: text between elements is asked for until then.
            self._parser.CharacterDataHandler = self._parser.CommentHandler = self._close
            self._parser.ProcessingInstructionHandler = self._close
        self._at.pop()

    def _close(self, *_: Any) -> None:
        if self._done is None:
            return
        start, line, namespaces = self._done
        end = self._parser.CurrentByteIndex
        data = bytes(self._held[start - self._base : end - self._base])
        self.found.append(Element(0, start, end - start, line, data, namespaces, self._encoding))
        self._done = None
        self._parser.CharacterDataHandler = self._parser.CommentHandler = None
        self._parser.ProcessingInstructionHandler = None

    def _entity(self, *_: Any) -> None:
        raise NotXml("defines an entity of its own, which we do not expand", self._parser.CurrentLineNumber)

    def _declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        if encoding:
            self._encoding = encoding

    def take(self) -> list[Element]:
        found, self.found = self.found, []
        return found


def read(chunks: Iterable[bytes], path: Sequence[str]) -> Iterator[Element]:
    """The elements at a path, {uri}name from the root down. Raises NotXml."""
    splitter = _Splitter(path)
    number = 0
    for chunk, final in _marked(chunks):
        splitter.feed(chunk, final)
        if splitter.root and splitter.root != path[0]:
            raise NotXml(f"is {local(splitter.root)} where {local(path[0])} is expected", 1)
        for element in splitter.take():
            number += 1
            yield element._replace(number=number)


def _marked(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    for chunk in chunks:
        yield chunk, False
    yield b"", True


def local(tag: str) -> str:
    """A name without its namespace."""
    return tag.rpartition("}")[2]
