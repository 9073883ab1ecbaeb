"""What an MDN says about a message, and each failure as an exception that carries it.

RFC 4130 7.4.3 and 7.5; the newer modifiers are from draft-ietf-ediint-rfc4130bis. A failure has two texts: `reason`
is for our own people and may say anything, the disposition is all that the partner is told. That difference is a
security rule: everything that can go wrong in a decryption looks the same from outside.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

MODE = "automatic-action/MDN-sent-automatically"


@dataclass(frozen=True, slots=True)
class Disposition:
    """The value of the Disposition field without its mode: a type and, unless all went well, a modifier."""

    type: str  # processed or failed
    kind: str | None = None  # error, warning or failure
    modifier: str | None = None

    @property
    def accepted(self) -> bool:
        """The receiver has the message and takes responsibility for it: plainly processed, or with a warning."""
        return self.type == "processed" and self.kind in (None, "warning")

    def __str__(self) -> str:
        if self.kind is None:
            return f"{MODE}; {self.type}"
        return f"{MODE}; {self.type}/{self.kind}: {self.modifier}"

    @classmethod
    def parse(cls, text: str) -> Disposition | None:
        """Lenient in case and blanks, as receivers in use differ there; None if it is not a disposition at all."""
        found = _FIELD.match(text.strip())
        if found is None:
            return None
        type_, kind, modifier = found.groups()
        kind = kind.lower() if kind else None
        if kind is None and modifier:
            kind = "error"  # some write "processed: text"; words there are never a plain success
        return cls(type_.lower(), kind, (modifier or "").strip().lower() or None)


_FIELD = re.compile(
    r"(?:[^;]*;)?\s*(processed|failed|displayed|dispatched|deleted|denied)\b\s*(?:/\s*([A-Za-z]+))?\s*(?::\s*(.*))?$",
    re.I | re.S,
)

PROCESSED = Disposition("processed")
DUPLICATE_DOCUMENT = Disposition("processed", "warning", "duplicate-document")


class AS2Error(Exception):
    """Something about this message that AS2 has a word for. `str(error)` is for our people, not for the partner."""

    disposition: ClassVar[Disposition] = Disposition("processed", "error", "unexpected-processing-error")
    remedy: ClassVar[str] = "Ask the partner for the log of this message."


class Malformed(AS2Error):
    """The bytes are not what their own headers or structure say they are."""

    remedy = "Ask the partner which software and version made the message; nothing in it could be used."


class TooLarge(AS2Error):
    """A count, a depth or the size of a structure is beyond what any honest message has."""

    remedy = "Ask the partner which software and version made the message; nothing in it could be used."


class MessageTooLarge(AS2Error):
    """More bytes than one message may have on this connection, on the wire or unpacked."""

    remedy = "Raise the limit of this connection, or ask the partner for smaller messages."


class UnsupportedFormat(AS2Error):
    """A well-formed message of a kind that we do not read."""

    disposition = Disposition("failed", "failure", "unsupported format")
    remedy = "Ask the partner for a kind of message from the sheet you exchanged."


class UnsupportedMicAlgorithms(AS2Error):
    """The receipt must use a digest that we do not have."""

    disposition = Disposition("failed", "failure", "unsupported MIC-algorithms")
    remedy = "Ask the partner to request sha-256 for the receipt."


class DecryptionFailed(AS2Error):
    """One word for every failure after the first byte of ciphertext (security rule 5)."""

    disposition = Disposition("processed", "error", "decryption-failed")
    remedy = "Check which of our certificates the partner encrypts to."


class AuthenticationFailed(AS2Error):
    """The signer is not one of the certificates we hold for this partner."""

    disposition = Disposition("processed", "error", "authentication-failed")
    remedy = "If the partner changed the certificate, load the new one; compare its fingerprint by telephone."


class IntegrityCheckFailed(AS2Error):
    """The signature does not belong to these bytes."""

    disposition = Disposition("processed", "error", "integrity-check-failed")
    remedy = "Something between the two changed the bytes: compare the digests, ask the partner to send it again."


class DecompressionFailed(AS2Error):
    """Not readable as compressed data, or it grows beyond every reason."""

    disposition = Disposition("processed", "error", "decompression-failed")
    remedy = "Ask the partner to send it again, or without compression."


class InsufficientMessageSecurity(AS2Error):
    """What was really done to the message is less than was agreed."""

    disposition = Disposition("processed", "error", "insufficient-message-security")
    remedy = "Ask the partner to sign and encrypt as agreed, or change what this connection requires."


class UnknownTradingRelationship(AS2Error):
    """We have no agreement between these two AS2 names."""

    disposition = Disposition("processed", "error", "unknown-trading-relationship")
    remedy = "Compare the AS2 names letter by letter with the partner's sheet; case matters."


class DuplicateDocument(AS2Error):
    """This Message-ID was processed before, and its first receipt cannot be given again."""

    disposition = DUPLICATE_DOCUMENT
    remedy = "Nothing to do: the first one was processed."


class UnexpectedProcessingError(AS2Error):
    """Our own fault, said politely."""

    remedy = "Look for the error in our log; the partner may send it again."
