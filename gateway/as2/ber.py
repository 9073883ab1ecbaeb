"""BER as CMS peers write it, read in linear time and bounded memory; DER written.

Two ways in. `Stream`-functions (`open_shell`, `element`, `octets`) walk the outer shells of a message of any size:
definite, indefinite and chunked lengths alike, because every BouncyCastle peer sends indefinite ones. `Node` is for
the small structures inside (a SignerInfo, a RecipientInfo), already in memory.

The rules: nesting at most DEPTH; a small structure at most the caller's limit; no byte is looked at more than DEPTH
times; long tags and absurd lengths are refused, since nothing in CMS needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from .disposition import Malformed, TooLarge
from .stream import CHUNK, Stream

DEPTH = 32  # a certificate with all its extensions nests 12 deep

INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x02, 0x03, 0x04, 0x05, 0x06
UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x17, 0x18, 0x30, 0x31
CONSTRUCTED = 0x20
END = b"\0\0"


def length_bytes(length: int) -> bytes:
    """A definite length in DER."""
    if length < 128:
        return bytes((length,))
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def tlv(tag: int, *contents: bytes) -> bytes:
    """One DER element around the given contents."""
    return b"".join((bytes((tag,)), length_bytes(sum(map(len, contents))), *contents))


def head(tag: int, length: int | None) -> bytes:
    """Tag and length alone; without a length the element is open and END closes it."""
    return bytes((tag,)) + (b"\x80" if length is None else length_bytes(length))


def oid(dotted: str) -> bytes:
    """The contents of an OBJECT IDENTIFIER."""
    first, second, *rest = (int(part) for part in dotted.split("."))
    out = bytearray()
    for number in (first * 40 + second, *rest):
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(0x80 | number & 0x7F)
        out += bytes(reversed(septets))
    return bytes(out)


def dotted(contents: bytes) -> str:
    """An OBJECT IDENTIFIER as people write it, for reasons and reports."""
    numbers, value = [], 0
    for byte in contents[:64]:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    if not numbers:
        return "?"
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - first * 40, *numbers[1:])))


def integer(value: int) -> bytes:
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


# --- in memory ----------------------------------------------------------------------------------------------------


def header(data: bytes, at: int) -> tuple[int, int | None, int]:
    """Tag, length (None if open-ended) and where the contents begin."""
    try:
        tag, length = data[at], data[at + 1]
        if tag & 0x1F == 0x1F:
            raise Malformed(f"a long tag at {at}")
        at += 2
        if length < 0x80:
            return tag, length, at
        if length == 0x80:
            if not tag & CONSTRUCTED:
                raise Malformed(f"a primitive element without a length at {at}")
            return tag, None, at
        count = length & 0x7F
        if count > 6:
            raise Malformed(f"a length of {count} bytes at {at}")
        if at + count > len(data):
            raise Malformed("an element is cut off")
        return tag, int.from_bytes(data[at : at + count], "big"), at + count
    except IndexError:
        raise Malformed("an element is cut off") from None


class Node:
    """One element in memory. Its children are read when asked for."""

    __slots__ = ("_data", "_depth", "body", "end", "start", "stop", "tag")

    def __init__(self, data: bytes, start: int = 0, depth: int = 0) -> None:
        if depth > DEPTH:
            raise TooLarge(f"structure nested more than {DEPTH} deep")
        self._data, self.start, self._depth = data, start, depth
        length: int | None
        front = data[start : start + 2]
        if len(front) == 2 and front[1] < 0x80 and front[0] & 0x1F != 0x1F:  # nearly all of them
            self.tag, length = front
            self.body = start + 2
        else:
            self.tag, length, self.body = header(data, start)
        if length is not None:
            self.stop = self.end = self.body + length
            if self.end > len(data):
                raise Malformed("an element is cut off")
            return
        at = self.body
        while data[at : at + 2] != END:
            at = Node(data, at, depth + 1).end
        self.stop, self.end = at, at + 2

    @classmethod
    def whole(cls, data: bytes) -> Node:
        """The one element that these bytes are; anything behind it is a fault."""
        node = cls(data)
        if node.end != len(data):
            raise Malformed(f"{len(data) - node.end} bytes behind the structure")
        return node

    def expect(self, tag: int, what: str) -> Node:
        if self.tag != tag:
            raise Malformed(f"expected {what}, found tag {self.tag:02x}")
        return self

    def children(self) -> list[Node]:
        if not self.tag & CONSTRUCTED:
            raise Malformed(f"expected a structure, found tag {self.tag:02x}")
        found, at = [], self.body
        while at < self.stop:
            node = Node(self._data, at, self._depth + 1)
            if node.end > self.stop:
                raise Malformed("an element is longer than the one around it")
            found.append(node)
            at = node.end
        return found

    def parts(self, least: int) -> list[Node]:
        """The children, of which there are so many at least."""
        found = self.children()
        if len(found) < least:
            raise Malformed(f"a structure of {len(found)} parts where {least} are needed")
        return found

    @property
    def raw(self) -> bytes:
        """Tag, length and contents as they came."""
        return self._data[self.start : self.end]

    @property
    def contents(self) -> bytes:
        return self._data[self.body : self.stop]

    @property
    def octets(self) -> bytes:
        """The contents of an OCTET STRING (or one under a context tag), put together if it came in pieces."""
        if not self.tag & CONSTRUCTED:
            return self.contents
        return b"".join(child.octets for child in self.children())

    @property
    def number(self) -> int:
        return int.from_bytes(self.expect(INTEGER, "a number").contents, "big", signed=True)

    def der(self, tag: int | None = None) -> bytes:
        """The same element with every length definite and minimal: what a signature is computed over."""
        constructed = self.tag & CONSTRUCTED
        inner = b"".join(child.der() for child in self.children()) if constructed else self.contents
        return tlv(self.tag if tag is None else tag, inner)


# --- in a stream --------------------------------------------------------------------------------------------------


def stream_header(stream: Stream) -> tuple[int, int | None]:
    """Tag and length (None if open-ended) of the element that follows."""
    tag, length = stream.byte(), stream.byte()
    if tag & 0x1F == 0x1F:
        raise Malformed(f"a long tag at {stream.offset}")
    if length < 0x80:
        return tag, length
    if length == 0x80:
        if not tag & CONSTRUCTED:
            raise Malformed(f"a primitive element without a length at {stream.offset}")
        return tag, None
    count = length & 0x7F
    if count > 6:
        raise Malformed(f"a length of {count} bytes at {stream.offset}")
    return tag, int.from_bytes(stream.take(count), "big")


def open_shell(stream: Stream, tag: int, what: str) -> int | None:
    """Step into a structure; returns its length, None if END will close it."""
    found, length = stream_header(stream)
    if found != tag:
        raise Malformed(f"expected {what}, found tag {found:02x}")
    return length


def close_shell(stream: Stream, length: int | None) -> None:
    """Step out of a structure all of whose parts were read."""
    if length is None and stream.take(2) != END:
        raise Malformed("a structure goes on where it should end")


def element(stream: Stream, limit: int, what: str) -> Node:
    """The next element whole, if it is not larger than `limit`."""
    return Node(_raw(stream, limit, what, 0))


def _raw(stream: Stream, limit: int, what: str, depth: int) -> bytes:
    if depth > DEPTH:
        raise TooLarge(f"structure nested more than {DEPTH} deep")
    tag, length = stream_header(stream)
    if length is not None:
        if length > limit:
            raise TooLarge(f"{what} is larger than {limit} bytes")
        return head(tag, length) + stream.take(length)
    pieces = [head(tag, None)]
    size = 0
    while stream.peek(2) != END:
        piece = _raw(stream, limit - size, what, depth + 1)
        size += len(piece)
        if size > limit:
            raise TooLarge(f"{what} is larger than {limit} bytes")
        pieces.append(piece)
    pieces.append(stream.take(2))
    return b"".join(pieces)


def octets(
    stream: Stream, primitive: int = OCTET_STRING, note: Callable[[int, int], None] = lambda at, size: None
) -> Iterator[bytes]:
    """The contents of an OCTET STRING of any size, whole or in pieces, nested or not (tag `primitive` outside).

    `note` is told where each piece stands.
    """
    tag, length = stream_header(stream)
    if tag == primitive:
        note(stream.offset, length or 0)
        yield from stream.exactly(length or 0)
        return
    if tag != primitive | CONSTRUCTED:
        raise Malformed(f"expected contents, found tag {tag:02x}")
    ends: list[int | None] = [None if length is None else stream.offset + length]
    small: list[bytes] = []  # BouncyCastle writes pieces of 1,000 bytes: worth joining for the cipher
    waiting = 0
    while ends:
        end = ends[-1]
        if end is None:
            if stream.peek(2) == END:
                stream.take(2)
                ends.pop()
                continue
        elif stream.offset >= end:
            if stream.offset > end:
                raise Malformed("a piece is longer than the structure around it")
            ends.pop()
            continue
        tag, length = stream_header(stream)
        if tag == OCTET_STRING and length is not None:
            note(stream.offset, length)
            if length < CHUNK:
                small.append(stream.take(length))
                waiting += length
                if waiting >= CHUNK or len(small) > 4096:
                    yield b"".join(small)
                    small, waiting = [], 0
                continue
            if small:
                yield b"".join(small)
                small, waiting = [], 0
            yield from stream.exactly(length)
        elif tag == OCTET_STRING | CONSTRUCTED:
            if len(ends) > DEPTH:
                raise TooLarge(f"contents nested more than {DEPTH} deep")
            ends.append(None if length is None else stream.offset + length)
        else:
            raise Malformed(f"expected a piece of the contents, found tag {tag:02x}")
    if small:
        yield b"".join(small)


def chunked_octets(chunks: Iterable[bytes], tag: int) -> Iterator[bytes]:
    """An open-ended OCTET STRING: how contents of unknown size are written."""
    yield head(tag | CONSTRUCTED, None)
    for chunk in chunks:
        if chunk:
            yield head(OCTET_STRING, len(chunk)) + chunk
    yield END
