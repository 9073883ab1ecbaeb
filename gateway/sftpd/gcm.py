"""One direction of a connection under AES-GCM (RFC 5647): SSH packets sealed and opened.

What clients choose who have it: OpenSSH from 10.0 on does so unasked. paramiko needs twice the time for the same: it
copies a packet five times.
"""

from __future__ import annotations

import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TAG = 16
BLOCK = 16
LAST = (1 << 64) - 1
_COUNT = struct.Struct(">Q")
_HEAD = struct.Struct(">IB")
_PADDING = bytes(BLOCK + 4)  # encrypted like the rest: a random one would hide no more


class Gcm:
    """One key. Both sides count its packets: that is where a nonce comes from."""

    def __init__(self, engine: AESGCM, nonce: bytes) -> None:
        self.passed = 0  # bytes under this key
        self._engine = engine
        self._fixed = nonce[:4]
        self._count = int.from_bytes(nonce[4:], "big")

    def sealed(self, *parts: bytes) -> bytes:
        """The packet that carries a message."""
        length = sum(map(len, parts))
        padding = 3 + BLOCK - (length + 4) % BLOCK
        head = _HEAD.pack(1 + length + padding, padding)
        size, count = head[:4], self._count
        plain = b"".join((head[4:], *parts, _PADDING[:padding]))
        packet = size + self._engine.encrypt(self._fixed + _COUNT.pack(count), plain, size)
        self._count = (count + 1) & LAST
        self.passed += len(packet)
        return packet

    def opened(self, size: bytes, packet: bytes) -> bytes:
        """What is in a packet that follows its size: how long its padding is (one byte), the message, the padding."""
        count = self._count
        self._count = (count + 1) & LAST
        self.passed += len(packet)
        return self._engine.decrypt(self._fixed + _COUNT.pack(count), packet, size)
