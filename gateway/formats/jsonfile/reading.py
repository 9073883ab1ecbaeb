"""JSON as a stream: the items of one list of a file, one after another, each with the bytes it stands in.

Stricter than the json module: no NaN, no member twice, no endless nesting; a number keeps its digits. The whole of a
file is never held: only the item being read, and the members around the list.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from gateway.formats.finding import FormatError

LARGEST = 32_000_000  # characters of one item
DEEPEST = 100
_NUL = "\\u0000"
_A_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class Number(str):
    """A number as it was written: 1.50 stays 1.50."""

    __slots__ = ()


class NotJson(FormatError):
    """What is wrong, and the line it is wrong in."""

    def __init__(self, why: str, line: int) -> None:
        super().__init__(why)
        self.line = line


class Item(NamedTuple):
    """One value of a list, or the whole of a file."""

    value: Any
    offset: int  # in bytes
    size: int
    line: int
    n: int  # its place in the list, from 0
    data: bytes


class Stream:
    """A file being read."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.members: dict[str, Any] = {}  # what stands around the list, by pointer; complete once it is read
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._json = json.JSONDecoder(
            object_pairs_hook=_once, parse_float=Number, parse_int=Number, parse_constant=_constant
        )
        self._chunks = iter(chunks)
        self._text, self._at = "", 0
        self._offset, self._line = 0, 1  # of self._text[0]
        self._ended = False

    # -- the text ----------------------------------------------------------
    def _more(self) -> bool:
        """Read on, twice as far as what is held; False at the end."""
        wanted, pieces, got = max(len(self._text) - self._at, 1), [], 0
        while got < wanted and not self._ended:
            chunk = next(self._chunks, None)
            try:
                piece = self._decoder.decode(chunk or b"", final=chunk is None)
            except UnicodeDecodeError as error:
                raise NotJson(f"is not UTF-8: byte {error.start} cannot be read", self._line_at(self._at)) from None
            self._ended = chunk is None
            pieces.append(piece)
            got += len(piece)
        if not got:
            return False
        rest = "".join(pieces)
        if not self._offset and not self._at and not self._text and rest.startswith("\ufeff"):
            rest, self._offset = rest[1:], 3
        self._drop()
        self._text += rest
        return True

    def _drop(self) -> None:
        done = self._text[: self._at]
        self._offset += len(done.encode())
        self._line += done.count("\n")
        self._text, self._at = self._text[self._at :], 0

    def _line_at(self, at: int) -> int:
        return self._line + self._text.count("\n", 0, at)

    def _peek(self) -> str:
        """The next character that is not blank; "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in " \t\r\n":
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _take(self, wanted: str) -> None:
        found = self._peek()
        if found != wanted:
            said = f"{wanted!r} is expected before {found!r}" if found else "it breaks off"
            raise NotJson(said, self._line_at(self._at))
        self._at += 1

    def _value(self) -> Any:
        """The next value, whole."""
        self._peek()
        while True:
            try:
                value, end = self._json.raw_decode(self._text, self._at)
                if end < len(self._text) or self._ended:  # 12 may go on as 123
                    self._without_nul(end)
                    self._at = end
                    return value
            except RecursionError:
                raise NotJson(f"it is nested deeper than {DEEPEST} levels", self._line_at(self._at)) from None
            except json.JSONDecodeError as error:
                if self._ended:
                    raise NotJson(_plain(error), self._line_at(error.pos)) from None
                if len(self._text) - self._at > LARGEST:
                    why = f"an item is larger than {LARGEST:,} characters, or breaks off: {_plain(error)}"
                    raise NotJson(why, self._line_at(self._at)) from None
            except ValueError as error:
                raise NotJson(str(error), self._line_at(self._at)) from None
            if not self._more() and not self._ended:
                raise NotJson("it breaks off", self._line_at(self._at))

    def _without_nul(self, end: int) -> None:
        """PostgreSQL holds no NUL in a text, and no document means one."""
        if self._text.find(_NUL, self._at, end) >= 0 and (found := _A_NUL.search(self._text, self._at, end)):
            raise NotJson(f"{_NUL} stands in a text, and is no character", self._line_at(found.start()))

    # -- the file ----------------------------------------------------------
    def items(self, path: Sequence[str] | None) -> Iterator[Item]:
        """The items of the list at a path of members; [] is a list that is the whole file, None the whole file."""
        if path is None:
            yield self._item(0)
        else:
            yield from self._within(list(path), "")
        if found := self._peek():
            raise NotJson(f"{found!r} stands behind its end", self._line_at(self._at))

    def _item(self, index: int) -> Item:
        self._peek()
        self._drop()
        offset, line = self._offset, self._line
        value = self._value()
        if deeper(value, DEEPEST):
            raise NotJson(f"it is nested deeper than {DEEPEST} levels", line)
        data = self._text[: self._at].encode()
        return Item(value, offset, len(data), line, index, data)

    def _within(self, path: list[str], pointer: str) -> Iterator[Item]:
        if not path:
            self._take("[")
            index = 0
            while self._peek() != "]":
                if index:
                    self._take(",")
                yield self._item(index)
                index += 1
            self._take("]")
            return
        self._take("{")
        seen: set[str] = set()
        while self._peek() != "}":
            if seen:
                self._take(",")
            self._peek()
            name = self._value()
            if not isinstance(name, str) or isinstance(name, Number) or name in seen:
                raise NotJson(f"{name!r} is no name of a member, or stands there twice", self._line_at(self._at))
            seen.add(name)
            self._take(":")
            if name == path[0]:
                yield from self._within(path[1:], f"{pointer}/{name}")
            else:
                self.members[f"{pointer}/{name}"] = self._value()
        self._take("}")
        if path[0] not in seen:
            raise NotJson(f"it has no {pointer}/{path[0]}", self._line_at(self._at))


def read(data: bytes) -> Any:
    """The one value of a file."""
    return next(item.value for item in list(Stream([data]).items(None)))


def spell(value: Any, indent: int | None = 0) -> str:
    """JSON text with every number in the digits it came with; None writes it in one line."""
    if isinstance(value, Number):
        return str(value)
    if not isinstance(value, (dict, list)) or not value:
        return json.dumps(value, ensure_ascii=False)
    inner = None if indent is None else indent + 2
    start, end = ("{", "}") if isinstance(value, dict) else ("[", "]")
    each = (
        [f"{json.dumps(name, ensure_ascii=False)}: {spell(one, inner)}" for name, one in value.items()]
        if isinstance(value, dict)
        else [spell(one, inner) for one in value]
    )
    if indent is None:
        return f"{start}{', '.join(each)}{end}"
    new = "\n" + " " * (indent + 2)
    return f"{start}{new}{f',{new}'.join(each)}\n{' ' * indent}{end}"


def deeper(value: Any, limit: int) -> bool:
    """Whether something is nested deeper than it may be."""
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for each in level
            if isinstance(each, (dict, list))
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the member {twice!r} stands twice in one object")
    return found


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _plain(error: json.JSONDecodeError) -> str:
    return error.msg[:1].lower() + error.msg[1:]
