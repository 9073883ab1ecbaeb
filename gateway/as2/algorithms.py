"""The algorithms by our names, with their OIDs, and which of them a default partnership accepts.

Made: SHA-256/384/512, AES-CBC and AES-GCM, RSA PKCS#1 v1.5 and PSS, ECDSA, RSA key transport in both paddings, ECDH.
Read, and only where the profile of a partner says so: MD5, SHA-1, 3DES.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes

from .ber import NULL, OID, SEQUENCE, Node, oid, tlv

if TYPE_CHECKING:
    from _hashlib import HASH


@dataclass(frozen=True, slots=True, eq=False)  # each is one of a kind
class Digest:
    name: str  # in profiles, and on the wire in MDNs
    micalg: str  # in the micalg parameter, RFC 5751 3.4.3.2
    oid: bytes
    hash: hashes.HashAlgorithm
    rsa: bytes  # with RSA in one OID
    ecdsa: bytes
    size: int

    def new(self) -> HASH:
        return hashlib.new(self.name, usedforsecurity=False)


def _digest(name: str, micalg: str, dotted: str, hash_: hashes.HashAlgorithm, rsa: int, ecdsa: str) -> Digest:
    rsa_oid = oid(f"1.2.840.113549.1.1.{rsa}")
    return Digest(name, micalg, oid(dotted), hash_, rsa_oid, oid(f"1.2.840.10045.4.{ecdsa}"), hash_.digest_size)


DIGESTS: dict[str, Digest] = {
    digest.name: digest
    for digest in (
        _digest("sha256", "sha-256", "2.16.840.1.101.3.4.2.1", hashes.SHA256(), 11, "3.2"),
        _digest("sha384", "sha-384", "2.16.840.1.101.3.4.2.2", hashes.SHA384(), 12, "3.3"),
        _digest("sha512", "sha-512", "2.16.840.1.101.3.4.2.3", hashes.SHA512(), 13, "3.4"),
        _digest("sha1", "sha-1", "1.3.14.3.2.26", hashes.SHA1(), 5, "1"),  # noqa: S303 - old partners, by profile only
        _digest("md5", "md5", "1.2.840.113549.2.5", hashes.MD5(), 4, "999"),  # noqa: S303 - likewise; no ECDSA with it
    )
}
MODERN_DIGESTS = frozenset({"sha256", "sha384", "sha512"})
OLD_DIGESTS = frozenset(DIGESTS) - MODERN_DIGESTS
DIGEST_BY_OID = {digest.oid: digest for digest in DIGESTS.values()}


def digest_named(text: str) -> Digest | None:
    """By a name from the wire: sha256, SHA-256, rsa-sha256 and "sha-256" in quotes are all in use."""
    name = text.strip().strip('"').lower().replace("-", "").replace("_", "").removeprefix("rsa")
    return DIGESTS.get(name)


@dataclass(frozen=True, slots=True)
class ContentCipher:
    name: str
    oid: bytes
    key_size: int  # bytes
    block: int
    mode: str  # cbc or gcm


def _cipher(name: str, dotted: str, key_size: int, block: int, mode: str) -> ContentCipher:
    return ContentCipher(name, oid(dotted), key_size, block, mode)


CIPHERS: dict[str, ContentCipher] = {
    cipher.name: cipher
    for cipher in (
        _cipher("aes128-cbc", "2.16.840.1.101.3.4.1.2", 16, 16, "cbc"),
        _cipher("aes192-cbc", "2.16.840.1.101.3.4.1.22", 24, 16, "cbc"),
        _cipher("aes256-cbc", "2.16.840.1.101.3.4.1.42", 32, 16, "cbc"),
        _cipher("aes128-gcm", "2.16.840.1.101.3.4.1.6", 16, 16, "gcm"),
        _cipher("aes192-gcm", "2.16.840.1.101.3.4.1.26", 24, 16, "gcm"),
        _cipher("aes256-gcm", "2.16.840.1.101.3.4.1.46", 32, 16, "gcm"),
        _cipher("3des-cbc", "1.2.840.113549.3.7", 24, 8, "cbc"),
    )
}
MODERN_CIPHERS = frozenset(CIPHERS) - {"3des-cbc"}
CIPHER_BY_OID = {cipher.oid: cipher for cipher in CIPHERS.values()}

SIGNATURES = ("rsa-pkcs1v15", "rsa-pss", "ecdsa")
OAEP = {f"rsa-oaep-{digest}": DIGESTS[digest] for digest in ("sha1", "sha256", "sha384", "sha512")}
KEY_TRANSPORTS = ("rsa-pkcs1v15", *OAEP, "ecdh-sha1", "ecdh-sha256", "ecdh-sha384", "ecdh-sha512")
MADE_KEY_TRANSPORTS = (
    "rsa-pkcs1v15",
    "rsa-oaep-sha256",
    "rsa-oaep-sha384",
    "rsa-oaep-sha512",
    "rsa-oaep-sha1",
    "ecdh-sha256",
    "ecdh-sha384",
    "ecdh-sha512",
)

RSA = oid("1.2.840.113549.1.1.1")
RSA_OAEP = oid("1.2.840.113549.1.1.7")
MGF1 = oid("1.2.840.113549.1.1.8")
RSA_PSS = oid("1.2.840.113549.1.1.10")
EC_PUBLIC_KEY = oid("1.2.840.10045.2.1")


@dataclass(frozen=True, slots=True)
class AlgorithmIdentifier:
    """An OID and, for most of them, parameters."""

    oid: bytes
    parameters: Node | None

    @classmethod
    def read(cls, node: Node) -> AlgorithmIdentifier:
        return _usual(raw) if len(raw := node.raw) <= 24 else cls.of(node)  # longer ones have a vector or a salt

    @classmethod
    def of(cls, node: Node) -> AlgorithmIdentifier:
        children = node.expect(SEQUENCE, "an algorithm").children()
        if not children:
            return cls(b"", None)
        return cls(children[0].expect(OID, "an algorithm").contents, children[1] if len(children) > 1 else None)


@lru_cache(maxsize=64)
def _usual(raw: bytes) -> AlgorithmIdentifier:
    return AlgorithmIdentifier.of(Node(raw))


def identifier(oid_: bytes, *parameters: bytes) -> bytes:
    """AlgorithmIdentifier in DER."""
    return tlv(SEQUENCE, tlv(OID, oid_), *parameters)


NO_PARAMETERS = tlv(NULL)


def hashed(chunks: Iterable[bytes], hashers: list[Callable[[bytes], None]]) -> Iterator[bytes]:
    """The same chunks, each shown to every hasher before it goes on."""
    for chunk in chunks:
        for update in hashers:
            update(chunk)
        yield chunk
