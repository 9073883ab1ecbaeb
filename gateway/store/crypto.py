"""Bodies are sealed: AES-256-GCM under a key named by its id.

No value is sealed under a master key itself but under a key derived from it and 16 random bytes, with a random 12-byte
nonce beside it. A process derives another key after every VALUES values, so the number of values one key may seal (2^32
with random nonces, NIST SP 800-38D 8.3) is no limit here. What a value belongs to (payload, chunk, owner) is
authenticated with it: a chunk moved to another row does not open.

    sealed = version byte | 16 bytes salt | 12 bytes nonce | ciphertext and tag
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = b"\x01"
SALT, NONCE, TAG = 16, 12, 16
COPIED = 64 * 1024  # larger values are sealed where they will stand: a copy of 1 MB costs as much as sealing it
VALUES = 1 << 20
DERIVED = 256  # keys a process keeps at hand to open with: what was sealed together is mostly opened together
_CHECK = b"gateway key check"


class KeyMissing(Exception):
    """A body was sealed under a key that is not among the configured ones."""


class SealBroken(Exception):
    """A sealed body does not open: it was changed, moved, or the key with this id is another one."""


class BadKey(ValueError):
    """A configured payload key is not 32 bytes, or cannot be read."""


@dataclass(frozen=True, slots=True)
class _Sealing:
    """A derived key while it seals."""

    head: bytes  # version and salt
    cipher: AESGCM
    count: count[int]  # of values; its `next` is one step for all threads


class Keys:
    """The master keys by id. New bodies are sealed under the current one; old ones open under theirs."""

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        for key_id, key in keys.items():
            if len(key) != 32:
                raise BadKey(f"payload key {key_id} has {len(key)} bytes; it must have 32")
        if current not in keys:
            raise BadKey(f"payload key {current} is named as current but not given")
        self._keys = dict(keys)
        self.current = current
        self._derived = lru_cache(DERIVED)(self._derive)
        self._sealing = self._fresh()

    @classmethod
    def single(cls, key: bytes) -> Keys:
        """One key, named by the beginning of its own hash."""
        return cls({key_id(key): key}, key_id(key))

    @classmethod
    def load(cls, references: str, environment: Mapping[str, str]) -> Keys:
        """Keys from `env:NAME` or `file:/path`, comma separated; the first seals, the others only open.

        Raises BadKey with the reference that is wrong; never with the key.
        """
        keys = [read_key(reference.strip(), environment) for reference in references.split(",") if reference.strip()]
        if not keys:
            raise BadKey("no payload key is given")
        return cls({key_id(key): key for key in keys}, key_id(keys[0]))

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(self._keys)

    def check_value(self, key_id: str) -> str:
        """Tells two keys apart without showing either: backup stores it, restore compares it."""
        return hmac.new(self._key(key_id), _CHECK, "sha256").hexdigest()

    def seal(self, plain: bytes | bytearray | memoryview, belongs_to: bytes) -> bytes | bytearray:
        """Seal a value under the current key; only the same `belongs_to` opens it again."""
        if next(self._sealing.count) >= VALUES:
            self._sealing = self._fresh()
        sealing, nonce = self._sealing, os.urandom(NONCE)
        front = sealing.head + nonce
        if len(plain) < COPIED:
            return front + sealing.cipher.encrypt(nonce, plain, belongs_to)
        sealed = bytearray(len(front) + len(plain) + TAG)
        sealed[: len(front)] = front
        sealing.cipher.encrypt_into(nonce, plain, belongs_to, memoryview(sealed)[len(front) :])
        return sealed

    def open(self, key_id: str, sealed: bytes, belongs_to: bytes) -> bytes:
        """The value that was sealed. Raises KeyMissing or SealBroken."""
        head = 1 + SALT
        cipher = self._derived(key_id, sealed[1:head])
        if sealed[:1] != VERSION:
            raise SealBroken("sealed by a newer version of the gateway")
        try:
            return cipher.decrypt(sealed[head : head + NONCE], sealed[head + NONCE :], belongs_to)
        except InvalidTag:
            raise SealBroken("the sealed body was changed or belongs elsewhere") from None

    def _derive(self, key_id: str, salt: bytes) -> AESGCM:
        return AESGCM(hmac.digest(self._key(key_id), salt, "sha256"))

    def _fresh(self) -> _Sealing:
        salt = os.urandom(SALT)
        return _Sealing(VERSION + salt, self._derive(self.current, salt), count())

    def _key(self, key_id: str) -> bytes:
        try:
            return self._keys[key_id]
        except KeyError:
            raise KeyMissing(
                f"payload key {key_id} is not configured; add its reference to GATEWAY_PAYLOAD_KEY"
            ) from None


def key_id(key: bytes) -> str:
    return hashlib.sha256(b"gateway key id" + key).hexdigest()[:12]


def read_key(reference: str, environment: Mapping[str, str]) -> bytes:
    """The 32 bytes behind `env:NAME` or `file:/path`, written as base64."""
    kind, _, where = reference.partition(":")
    try:
        if kind == "env":
            encoded = environment[where]
        elif kind == "file":
            encoded = Path(where).read_text(encoding="ascii")
        else:
            raise BadKey("write a payload key as env:NAME or file:/path")
        key = base64.b64decode(encoded.strip(), validate=True)
    except KeyError:
        raise BadKey(f"{reference}: the environment has no {where}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadKey(f"{reference}: {error}") from None
    except binascii.Error:
        raise BadKey(f"{reference}: not base64; make one with: openssl rand -base64 32") from None
    if len(key) != 32:
        raise BadKey(f"{reference}: {len(key)} bytes after base64; it must be 32")
    return key


def make_key_file(path: Path) -> None:
    """Write a new random key, readable by this user only, durable before it is used. Never overwrites one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(32)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
