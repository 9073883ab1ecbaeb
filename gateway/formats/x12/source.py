"""Decoded text of a stream, a window at a time, with its place in the original bytes."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

from gateway.formats.x12.splitting import ENCODINGS, encoding_of

WINDOW = 1 << 20


class Source:
    """What is looked at of a stream."""

    def __init__(self, chunks: Iterable[bytes], encoding: str | None, offset: int) -> None:
        self._chunks = self._cut(chunks)
        self.text = ""
        self.offset = offset  # of text[0], in bytes
        self.ended = False
        self.encoding = encoding or "latin-1"
        self.width = ENCODINGS[self.encoding]
        self.marked: str | None = None  # what the byte order mark or the first letters say
        self._waiting = b""
        if encoding is None:
            self._sniff()
        self._decoder = codecs.getincrementaldecoder(self.encoding)(errors="replace")

    @staticmethod
    def _cut(chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            for at in range(0, len(chunk), WINDOW):
                yield chunk[at : at + WINDOW]

    def _sniff(self) -> None:
        head = b""
        for chunk in self._chunks:
            head += chunk
            if len(head) >= 8:
                break
        for mark, name in ((b"\xef\xbb\xbf", "latin-1"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
            if head.startswith(mark):
                head = head[len(mark) :]
                self.offset += len(mark)
                self.encoding = name
                self.marked = "UTF-8 byte order mark" if name == "latin-1" else name
                break
        else:
            self.encoding = encoding_of(head, "ISA")
            self.marked = None if self.encoding == "latin-1" else self.encoding
        self.width = ENCODINGS[self.encoding]
        self._waiting = head

    def drop(self, count: int) -> None:
        """Forget characters that are done with."""
        self.text = self.text[count:]
        self.offset += count * self.width

    def more(self) -> bool:
        """Read on: a window, or as much again as is held, so that a large set is not copied for every window."""
        wanted = max(WINDOW, len(self.text))
        pieces = [self.text]
        got = 0
        while got < wanted and not self.ended:
            data = self._waiting or next(self._chunks, None)
            self._waiting = b""
            piece = self._decoder.decode(data or b"", final=data is None)
            if "\0" in piece:  # no database text holds one; ASCII's substitute stands for it, as in splitting.py
                piece = piece.replace("\0", "\x1a")
            self.ended = data is None
            pieces.append(piece)
            got += len(piece)
        self.text = "".join(pieces)
        return got > 0
