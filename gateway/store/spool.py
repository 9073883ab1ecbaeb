"""Bytes on their way from a door to a commit: in memory while they are few, else sealed in a file without a name.

A spool is written once and read as often as it takes, by several threads at once. Its file has no name and its key was
never written down: a killed process leaves nothing behind, and who finds the disk reads nothing.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

IN_MEMORY = 2 * 1024 * 1024  # nine of ten documents are smaller than a hundredth of this
BLOCK = 256 * 1024
_TAG = 16


class Spool:
    """One body. Iterate over it to read it from the start."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` is where it goes when it grows; without one, where the system keeps temporary files."""
        self.size = 0
        self.folder = folder
        self._waiting: list[bytes] = []
        self._held = 0
        self._blocks = 0
        self._file = -1
        self._key: AESGCM | None = None

    def write(self, data: bytes) -> None:
        self.size += len(data)
        self._waiting.append(data)
        self._held += len(data)
        if self._held >= (BLOCK if self._key else IN_MEMORY):
            self._spill()

    @property
    def held(self) -> int:
        """How much of it is in memory."""
        return self._held

    @property
    def sha256(self) -> str:
        """Read and hashed when asked for: few bodies are."""
        hasher = hashlib.sha256()
        for piece in self:
            hasher.update(piece)
        return hasher.hexdigest()

    def start(self, size: int) -> bytes:
        """How it begins; `size` is no more than a block."""
        return b"".join(self._waiting)[:size] if self._key is None else next(iter(self), b"")[:size]

    def content(self, front: bytes = b"") -> bytes | Spool:
        """As one value, behind `front`, where it is in memory; else itself."""
        return b"".join([front, *self._waiting]) if self._key is None else self

    def __iter__(self) -> Iterator[bytes]:
        if self._key is not None:
            for n in range(self._blocks):
                sealed = os.pread(self._file, BLOCK + _TAG, n * (BLOCK + _TAG))
                yield self._key.decrypt(_nonce(n), sealed, None)
        yield from self._waiting

    def _spill(self) -> None:
        if self._key is None:
            self._key = AESGCM(AESGCM.generate_key(256))
            with tempfile.TemporaryFile(dir=self.folder, buffering=0) as file:
                self._file = os.dup(file.fileno())
            weakref.finalize(self, os.close, self._file)
        waiting = b"".join(self._waiting)
        whole = len(waiting) // BLOCK * BLOCK
        for at in range(0, whole, BLOCK):
            sealed = self._key.encrypt(_nonce(self._blocks), waiting[at : at + BLOCK], None)
            if os.pwrite(self._file, sealed, self._blocks * (BLOCK + _TAG)) != len(sealed):
                raise OSError("the disk took only a part of what was written")
            self._blocks += 1
        self._waiting = [waiting[whole:]]
        self._held = len(waiting) - whole


def _nonce(n: int) -> bytes:
    """A number of its own for every block; the key is never used for another body."""
    return n.to_bytes(12, "big")
