"""Bytes on demand out of an iterator of chunks: one chunk is held, never the message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .disposition import Malformed, MessageTooLarge, TooLarge

CHUNK = 256 * 1024


class Stream:
    """Reads forward only. What was looked at with `peek` is still there."""

    __slots__ = ("_at", "_buffer", "_chunks", "_dropped")

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._buffer = b""
        self._at = 0
        self._dropped = 0

    @property
    def offset(self) -> int:
        """How many bytes were taken so far."""
        return self._dropped + self._at

    def _fill(self, wanted: int) -> bool:
        """Have at least `wanted` bytes ahead, more than now, or all there is."""
        ahead = len(self._buffer) - self._at
        pieces = [self._buffer[self._at :]] if ahead else []
        for chunk in self._chunks:
            pieces.append(bytes(chunk))
            ahead += len(chunk)
            if ahead >= wanted:
                break
        self._dropped += self._at
        self._at = 0
        self._buffer = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return ahead >= wanted

    def peek(self, count: int) -> bytes:
        """The next `count` bytes, fewer at the end."""
        if len(self._buffer) - self._at < count:
            self._fill(count)
        return self._buffer[self._at : self._at + count]

    def take(self, count: int) -> bytes:
        """Exactly `count` bytes."""
        if len(self._buffer) - self._at < count and not self._fill(count):
            raise Malformed(f"ends {count - len(self._buffer) + self._at} bytes early, at offset {self._end()}")
        start = self._at
        self._at += count
        return self._buffer[start : self._at]

    def byte(self) -> int:
        at = self._at
        if at >= len(self._buffer):
            if not self._fill(1):
                raise Malformed(f"ends early, at offset {self._end()}")
            at = self._at
        self._at = at + 1
        return self._buffer[at]

    def some(self, limit: int = CHUNK) -> bytes:
        """What is at hand, at most `limit` bytes; nothing only at the end."""
        if self._at >= len(self._buffer) and not self._fill(1):
            return b""
        start, at = self._at, self._at + limit
        if start == 0 and at >= len(self._buffer):
            self._at = len(self._buffer)
            return self._buffer
        piece = self._buffer[start:at]
        self._at += len(piece)
        return piece

    def exactly(self, count: int) -> Iterator[bytes]:
        """The next `count` bytes in pieces."""
        while count:
            piece = self.some(min(count, CHUNK))
            if not piece:
                raise Malformed(f"ends {count} bytes early, at offset {self._end()}")
            count -= len(piece)
            yield piece

    def give_back(self, data: bytes) -> None:
        """Un-take the bytes that were taken last."""
        if self._at >= len(data):
            self._at -= len(data)
            return
        self._dropped -= len(data) - self._at
        self._buffer = data + self._buffer[self._at :]
        self._at = 0

    def rest(self) -> Iterator[bytes]:
        while piece := self.some():
            yield piece

    def drain(self) -> None:
        """Read to the end, so that a peer who is still sending gets our answer and not a broken connection."""
        for _ in self.rest():
            pass

    def _end(self) -> int:
        return self._dropped + len(self._buffer)


def limited(chunks: Iterable[bytes], limit: int, what: str) -> Iterator[bytes]:
    """The same chunks, until there are more bytes than allowed."""
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > limit:
            raise MessageTooLarge(f"the {what} is larger than {limit} bytes")
        yield chunk


def gathered(chunks: Iterable[bytes], limit: int, what: str) -> bytes:
    """All of it as one value, for things that are small by nature."""
    pieces, total = [], 0
    for chunk in chunks:
        total += len(chunk)
        if total > limit:
            raise TooLarge(f"the {what} is larger than {limit} bytes")
        pieces.append(chunk)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def sliced(data: bytes) -> Iterator[bytes]:
    """A value as chunks."""
    if len(data) <= CHUNK:
        yield data
        return
    for at in range(0, len(data), CHUNK):
        yield data[at : at + CHUNK]
