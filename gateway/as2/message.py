"""An AS2 message: its head as HTTP carries it, its parts, and what was done to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .algorithms import Digest, digest_named
from .around import Around
from .disposition import Malformed
from .mime import ContentType, Headers, decoded_words, file_name, parse_parameters, printable
from .partnership import CompressionDone, Done, EncryptionDone, SignatureDone

PKCS7 = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_AS2_NAME = re.compile(r"[ -~]{1,128}\Z")  # RFC 4130 6.2
_MESSAGE_ID = re.compile(r"[!-~]{1,998}\Z")


def as2_name(value: str) -> str:
    """A name from AS2-From or AS2-To without its quotes; case counts."""
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    if _AS2_NAME.match(value) is None:
        raise Malformed(f"not an AS2 name: {printable(value)!r}" if value else "an AS2 name is missing")
    return value


def written_name(value: str) -> str:
    """The name in a header of theirs; pyas2lib puts the quotes of a name with blanks into quotes once more."""
    name = as2_name(value)
    return as2_name(name) if name[0] == name[-1] == '"' else name


def as2_name_header(name: str) -> str:
    """The name as a header value: in quotes where it has blanks, quotes or backslashes."""
    if _AS2_NAME.match(name) is None:
        raise Malformed(f"not an AS2 name: {printable(name)!r}")
    if re.search(r'[ "\\]', name):
        return '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    return name


def message_id(value: str) -> str:
    """A Message-ID fit to be stored, compared and echoed (security rule 8)."""
    value = value.strip()
    if _MESSAGE_ID.match(value) is None:
        raise Malformed(f"not a Message-ID: {printable(value)!r}" if value else "the Message-ID is missing")
    return value


@dataclass(frozen=True, slots=True)
class MdnRequest:
    """The receipt that a sender asks for."""

    signed: bool
    digests: tuple[str, ...]  # as named by the sender, in order of preference
    digests_required: bool
    post_to: str | None  # asynchronous

    @classmethod
    def read(cls, headers: Headers) -> MdnRequest | None:
        if not headers.get("Disposition-Notification-To").strip():
            return None
        _, options = parse_parameters(";" + headers.get("Disposition-Notification-Options"))
        _, _, protocol = options.get("signed-receipt-protocol", "").rpartition(",")
        importance, *digests = [word.strip() for word in options.get("signed-receipt-micalg", "").split(",")]
        if importance.lower() not in ("required", "optional") and importance:
            digests.insert(0, importance)
        post_to = headers.get("Receipt-Delivery-Option").strip() or None
        return cls(
            signed=protocol.strip().lower() in ("pkcs7-signature", "x-pkcs7-signature"),
            digests=tuple(word for word in digests if word),
            digests_required=importance.lower() == "required",
            post_to=post_to,
        )

    def digest(self) -> Digest | None:
        """The first of the wanted digests that we know."""
        return next((found for name in self.digests if (found := digest_named(name)) is not None), None)


@dataclass(frozen=True, slots=True)
class Head:
    """Who writes to whom, and what about: all that can be known before the body is opened."""

    as2_from: str
    as2_to: str
    message_id: str
    subject: str
    content_type: ContentType
    mdn: MdnRequest | None
    version: str
    features: tuple[str, ...]

    @classmethod
    def read(cls, headers: Headers | Iterable[tuple[str, str]]) -> Head:
        headers = headers if isinstance(headers, Headers) else Headers(headers)
        return cls(
            as2_from=written_name(headers.only("AS2-From")),
            as2_to=written_name(headers.only("AS2-To")),
            message_id=message_id(headers.only("Message-ID")),
            subject=printable(decoded_words(headers.get("Subject"))),
            content_type=ContentType.parse(headers.get("Content-Type")),
            mdn=MdnRequest.read(headers),
            version=printable(headers.get("AS2-Version"), 10),
            features=tuple(
                word.strip() for word in printable(headers.get("EDIINT-Features")).split(",") if word.strip()
            ),
        )


@dataclass(frozen=True, slots=True)
class Part:
    """One document in a message."""

    content_type: str
    filename: str  # a name only, made safe; empty if the sender gave none
    charset: str = ""

    @classmethod
    def read(cls, headers: Headers) -> Part:
        content_type = ContentType.parse(headers.get("Content-Type"))
        _, disposition = parse_parameters(headers.get("Content-Disposition"))
        name = disposition.get("filename") or content_type.parameters.get("name", "")
        return cls(content_type.type, file_name(name), content_type.parameters.get("charset", ""))


@dataclass(frozen=True, slots=True)
class Mic:
    """The digest that a receipt names, over the bytes that RFC 4130 7.3.1 says."""

    digest: str
    value: str  # base64

    def __str__(self) -> str:
        return f"{self.value}, {self.digest}"


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was opened and found true."""

    head: Head
    done: tuple[Done, ...]  # from the outside in
    mic: Mic
    parts: tuple[Part, ...]
    size: int  # bytes of all parts
    around: Around | None = None  # what stood around the one part, if that went through unchanged

    @property
    def signature(self) -> SignatureDone | None:
        return next((one for one in self.done if isinstance(one, SignatureDone)), None)

    @property
    def encryption(self) -> EncryptionDone | None:
        return next((one for one in self.done if isinstance(one, EncryptionDone)), None)

    @property
    def compressed(self) -> bool:
        return any(isinstance(one, CompressionDone) for one in self.done)


Write = Callable[[bytes], None]
Sink = Callable[[Part], Write]
"""Called for every part as it begins; what it returns is called with the bytes. Nothing counts before all is well."""


class Collected:
    """A sink in memory, for messages that are small."""

    def __init__(self) -> None:
        self._pieces: list[tuple[Part, list[bytes]]] = []

    def __call__(self, part: Part) -> Write:
        pieces: list[bytes] = []
        self._pieces.append((part, pieces))
        return pieces.append

    @property
    def parts(self) -> list[tuple[Part, bytes]]:
        return [(part, b"".join(pieces)) for part, pieces in self._pieces]
