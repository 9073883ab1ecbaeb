"""What two sides agreed: who they are, what must be done to a message, what we ask for and what we answer.

Plain values; the profile of a connection is turned into one of these by the caller. Required security is compared
with what was really done to a message (`Done`), never with what its headers say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from .algorithms import (
    CIPHERS,
    DIGESTS,
    KEY_TRANSPORTS,
    MADE_KEY_TRANSPORTS,
    MODERN_CIPHERS,
    MODERN_DIGESTS,
    OLD_DIGESTS,
    SIGNATURES,
)
from .disposition import InsufficientMessageSecurity
from .identity import Certificate, OurIdentity, OwnCertificate, TheirIdentity

Place = Literal["before-signing", "after-signing"]


@dataclass(frozen=True, slots=True)
class SignatureDone:
    """A signature that was verified."""

    digest: str
    scheme: str
    certificate: Certificate
    with_attributes: bool = True


@dataclass(frozen=True, slots=True)
class EncryptionDone:
    """A layer of encryption that was taken off."""

    cipher: str
    key_transport: str
    certificate: OwnCertificate


@dataclass(frozen=True, slots=True)
class CompressionDone:
    """A layer of compression that was taken off."""

    algorithm: str = "zlib"


Done = SignatureDone | EncryptionDone | CompressionDone


@dataclass(frozen=True, slots=True)
class Limits:
    """What one message may cost us."""

    message: int = 256 * 1024 * 1024  # bytes on the wire; four times the largest interchange seen in practice
    content: int = 512 * 1024 * 1024  # bytes after decryption and decompression
    ratio: int = 100  # real EDI compresses 5 to 20 times; zlib itself can reach 1,030
    free_of_ratio: int = 4 * 1024 * 1024  # below that no ratio hurts
    structure: int = 256 * 1024  # recipients, certificates and signatures of one message
    attachments: int = 100


@dataclass(frozen=True, slots=True)
class Accepts:
    """What must have been done to a message from them, and with which algorithms."""

    signed: bool = True
    encrypted: bool = True
    digests: frozenset[str] = MODERN_DIGESTS
    signatures: frozenset[str] = frozenset(SIGNATURES)
    ciphers: frozenset[str] = MODERN_CIPHERS
    key_transports: frozenset[str] = frozenset(KEY_TRANSPORTS)
    signed_attributes: bool = True  # False only for an old sender that cannot make them

    def __post_init__(self) -> None:
        for given, known, what in (
            (self.digests, frozenset(DIGESTS), "digest"),
            (self.signatures, frozenset(SIGNATURES), "signature"),
            (self.ciphers, frozenset(CIPHERS), "cipher"),
            (self.key_transports, frozenset(KEY_TRANSPORTS), "key transport"),
        ):
            if unknown := given - known:
                raise ValueError(f"{what} {min(unknown)!r} is not one of {', '.join(sorted(known))}")

    def judge(self, done: tuple[Done, ...]) -> None:
        """Security rule 4: by what was done."""
        signatures = [one for one in done if isinstance(one, SignatureDone)]
        encryptions = [one for one in done if isinstance(one, EncryptionDone)]
        if self.signed and not signatures:
            raise InsufficientMessageSecurity("the message is not signed; this connection requires it")
        if self.encrypted and not encryptions:
            raise InsufficientMessageSecurity("the message is not encrypted; this connection requires it")
        for signature in signatures:
            self._allowed(signature.digest, self.digests, "digest")
            self._allowed(signature.scheme, self.signatures, "signature scheme")
        for encryption in encryptions:
            self._allowed(encryption.cipher, self.ciphers, "cipher")
            self._allowed(encryption.key_transport, self.key_transports, "key transport")

    @staticmethod
    def _allowed(used: str, allowed: frozenset[str], what: str) -> None:
        if used not in allowed:
            raise InsufficientMessageSecurity(f"{what} {used} is not accepted here, only {', '.join(sorted(allowed))}")


@dataclass(frozen=True, slots=True)
class WantsMdn:
    """The receipt that we ask for."""

    signed: bool = True
    digests: tuple[str, ...] = ("sha256",)  # in order of preference
    asynchronous_url: str | None = None  # where they post it; None: in the same connection


@dataclass(frozen=True, slots=True)
class Sends:
    """What we do to a message for them."""

    digest: str | None = "sha256"  # None: not signed
    signature: str = "rsa-pkcs1v15"  # or rsa-pss; with an elliptic curve certificate always ecdsa
    cipher: str | None = "aes256-cbc"  # None: not encrypted
    key_transport: str = "rsa-pkcs1v15"  # with an elliptic curve certificate ecdh-...
    compress: Place | None = None
    transfer_encoding: Literal["binary", "base64"] = "binary"
    mics: tuple[str, ...] = ("sha256", "sha384", "sha512")  # what a receipt may name; `build.mic_of` makes any of them
    mdn: WantsMdn | None = field(default_factory=WantsMdn)

    def __post_init__(self) -> None:
        for name in (self.digest, *(self.mdn.digests if self.mdn else ())):
            if name is not None and name not in MODERN_DIGESTS:
                raise ValueError(f"digest {name!r} is not one we make: {', '.join(sorted(MODERN_DIGESTS))}")
        if self.cipher is not None and self.cipher not in MODERN_CIPHERS:
            raise ValueError(f"cipher {self.cipher!r} is not one we make: {', '.join(sorted(MODERN_CIPHERS))}")
        if self.key_transport not in MADE_KEY_TRANSPORTS or self.signature not in SIGNATURES:
            raise ValueError(f"not made here: key transport {self.key_transport!r} or signature {self.signature!r}")

    @property
    def expected_mics(self) -> tuple[str, ...]:
        """The digests worth computing while the message is made: receipts name the signature's, or what was asked for.

        Two more over every byte would cost a fifth of the whole trip at 1 MB. Compressed contents that are signed get
        all of them: another zlib may compress otherwise, so they cannot be made anew later.
        """
        if self.digest and self.compress == "before-signing":
            return tuple(dict.fromkeys((self.digest, *self.mics)))
        wanted = [name for name in (self.digest, *(self.mdn.digests if self.mdn else ())) if name is not None]
        old = [name for name in self.mics if name in OLD_DIGESTS]
        return tuple(dict.fromkeys((*wanted, *old))) or ("sha256",)


@dataclass(frozen=True, slots=True)
class Partnership:
    """One relation between one of our AS2 names and one of theirs."""

    our: OurIdentity
    their: TheirIdentity
    sends: Sends = Sends()
    accepts: Accepts = Accepts()
    limits: Limits = Limits()
    async_mdn_urls: tuple[str, ...] = ()  # where their receipts may be posted to; nothing is allowed unless listed

    def may_post_to(self, url: str) -> bool:
        """Security rule 9: a URL out of a message is only used if the profile of this partner lists it."""
        return any(_covers(allowed, url) for allowed in self.async_mdn_urls)


def _covers(allowed: str, url: str) -> bool:
    """Same scheme, host and port, and the allowed path or something below it; no tricks with user names or dots."""
    try:
        ours, theirs = urlsplit(allowed), urlsplit(url)
        same_port = (ours.port or _PORTS.get(ours.scheme)) == (theirs.port or _PORTS.get(theirs.scheme))
    except ValueError:
        return False
    if theirs.scheme not in _PORTS or "@" in theirs.netloc or "\\" in url or not url.isprintable() or " " in url:
        return False
    if any(part in (".", "..") for part in theirs.path.replace("%2e", ".").replace("%2E", ".").split("/")):
        return False
    same_host = ours.scheme == theirs.scheme and ours.hostname == theirs.hostname and same_port
    base, path = ours.path or "/", theirs.path or "/"
    return same_host and (path == base or path.startswith(base.rstrip("/") + "/"))


_PORTS = {"http": 80, "https": 443}
