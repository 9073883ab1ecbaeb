"""What stood around a content: enough to have the message again, byte for byte, when only the content is kept.

Decryption can be turned round: the same plaintext under the same key and vector is the same ciphertext. So a large
message need not be stored beside its content. Its headers, the shell of its envelope, the key, and what stood before
and behind the content are a few KB, and `again` puts the content back between them.

That is possible where the content went through unchanged: no transfer encoding, no compression, one part. Of all
others there is no `Around`, and the message is stored whole.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from .algorithms import CIPHERS
from .stream import Stream

NEAR = 256 * 1024  # more before or behind a content is not kept; a signature is no larger (Limits.structure)
RUNS = 1000  # of pieces: honest senders write one, or all of one size
SHELL = 4_000_000  # bytes between pieces: with pieces of 1000, as BouncyCastle writes them, of a message of 1 GB

Run = tuple[int, int, int]
"""So many bytes of shell, so many of ciphertext behind them, and how often."""


@dataclass(slots=True)
class Pieces:
    """Where in a stream the contents of an OCTET STRING stood, noted while it is read."""

    runs: list[Run] = field(default_factory=list)
    _end: int = 0

    @property
    def are_few(self) -> bool:
        return len(self.runs) <= RUNS and sum(gap * count for gap, _, count in self.runs) <= SHELL

    def add(self, at: int, size: int) -> None:
        gap, self._end = at - self._end, at + size
        if self.runs and self.runs[-1][:2] == (gap, size):
            self.runs[-1] = (gap, size, self.runs[-1][2] + 1)
        elif len(self.runs) <= RUNS:
            self.runs.append((gap, size, 1))


@dataclass(frozen=True, slots=True)
class Encryption:
    """How the plaintext becomes the ciphertext that came."""

    cipher: str
    key: bytes
    iv: bytes
    pieces: Pieces

    def over(self, plaintext: Iterable[bytes]) -> Iterator[bytes]:
        cipher = CIPHERS[self.cipher]
        if cipher.mode == "gcm":
            encryptor = Cipher(AES(self.key), modes.GCM(self.iv)).encryptor()
            yield from map(encryptor.update, plaintext)
            return
        chained = Cipher(TripleDES(self.key) if cipher.block == 8 else AES(self.key), modes.CBC(self.iv)).encryptor()
        total = 0
        for chunk in plaintext:
            total += len(chunk)
            yield chained.update(chunk)
        pad = cipher.block - total % cipher.block
        yield chained.update(bytes((pad,)) * pad)


class Passing:
    """The bytes that a content stands in, while they pass: the first and the last of them are held."""

    def __init__(self, encryption: Encryption | None = None) -> None:
        self.begins: int | None = None  # where the content does, once that is known
        self._encryption = encryption
        self._front: list[bytes] = []
        self._last: deque[bytes] = deque()
        self._held = self._passed = 0

    def over(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if self.begins is None and self._passed < NEAR:
                self._front.append(chunk)
            self._passed += len(chunk)
            self._held += len(chunk)
            self._last.append(chunk)
            while self._held - len(self._last[0]) >= NEAR:
                self._held -= len(self._last.popleft())
            yield chunk

    def around(self, size: int) -> Around | None:
        """Around a content of this size, if it stood here in one piece."""
        encryption = self._encryption
        if self.begins is None or (encryption is not None and not encryption.pieces.are_few):
            return None
        front = b"".join(self._front)[: self.begins]
        behind = self._passed - self.begins - size
        if not len(front) == self.begins <= NEAR or not 0 <= behind <= self._held:
            return None
        back = b""
        while len(back) < behind:
            back = self._last.pop() + back
        return Around(front, back[len(back) - behind :], encryption)


@dataclass(frozen=True, slots=True)
class Around:
    """What stood around one content."""

    front: bytes
    back: bytes
    encryption: Encryption | None

    def packed(self, head: bytes, body: Iterable[bytes]) -> bytes:
        """All that is needed beside the content; `head` and `body` are the message as it came."""
        encryption, shell = self.encryption, bytearray()
        if encryption is not None:
            stream = Stream(body)
            for gap, size, count in encryption.pieces.runs:
                for _ in range(count):
                    shell += stream.take(gap)
                    for _ in stream.exactly(size):
                        pass
            shell += b"".join(stream.rest())
        kept = {
            "head": _text(head),
            "front": _text(self.front),
            "back": _text(self.back),
            "shell": _text(shell),
            "cipher": encryption and encryption.cipher,
            "key": _text(encryption.key) if encryption else "",
            "iv": _text(encryption.iv) if encryption else "",
            "runs": encryption.pieces.runs if encryption else [],
        }
        return zlib.compress(json.dumps(kept, separators=(",", ":")).encode(), 1)


def again(packed: bytes, content: Iterable[bytes], *, with_head: bool = True) -> Iterator[bytes]:
    """The message of `packed`, with or without its headers."""
    kept = json.loads(zlib.decompress(packed))
    if with_head:
        yield _bytes(kept["head"])
    body = _between(_bytes(kept["front"]), content, _bytes(kept["back"]))
    if kept["cipher"] is None:
        yield from body
        return
    encryption = Encryption(kept["cipher"], _bytes(kept["key"]), _bytes(kept["iv"]), Pieces())
    shell, ciphertext = _bytes(kept["shell"]), Stream(encryption.over(body))
    at = 0
    for gap, size, count in kept["runs"]:
        for _ in range(count):
            yield shell[at : at + gap]
            at += gap
            yield from ciphertext.exactly(size)
    yield shell[at:]


def _between(front: bytes, content: Iterable[bytes], back: bytes) -> Iterator[bytes]:
    yield front
    yield from content
    yield back


def _text(value: bytes | bytearray) -> str:
    return base64.b64encode(value).decode("ascii")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
