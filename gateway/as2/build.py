"""Making a message: contents, then compression, signature and encryption around them, streaming.

Lengths are definite wherever they can be known before the bytes are: openssl and asn1crypto read those best, and HTTP
gets a Content-Length. Only compressed contents beyond IN_MEMORY, and signatures of elliptic curves over them, make it
open-ended.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import NamedTuple, Protocol
from urllib.parse import quote

from .algorithms import DIGESTS, hashed
from .compressed import compress, compressed
from .disposition import AS2Error
from .enveloped import encrypted
from .identity import OwnCertificate
from .message import as2_name_header, message_id
from .mime import Headers, base64_lines, base64_size, file_name, quoted
from .partnership import Partnership, Sends
from .recipients import Entropy
from .signed import sign, signature_size
from .stream import CHUNK, sliced

IN_MEMORY = 4 * 1024 * 1024
FEATURES = "multiple-attachments, AS2-Reliability"


class CannotSend(AS2Error):
    """Something on our side is missing for what the profile asks us to do."""

    remedy = "Load the certificate that is missing, or change what this connection sends."


class Source(Protocol):
    """Contents that are somewhere else, of a size that is known."""

    @property
    def size(self) -> int: ...

    def chunks(self) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Document:
    """One document to send."""

    data: bytes | Source
    content_type: str = "application/edi-x12"
    filename: str = ""


class Outgoing:
    """A message ready to go: headers for HTTP, and a body that can be read once."""

    def __init__(self, headers: list[tuple[str, str]], size: int | None, chunks: Iterator[bytes], mics: _Mics) -> None:
        self.headers = headers
        self.size = size  # None only for large compressed contents
        self._chunks = chunks
        self._mics = mics
        self._read = False

    def chunks(self) -> Iterator[bytes]:
        if self._read:
            raise AS2Error("the body of a message can be made once; store it before it is sent")
        yield from self._chunks
        self._read = True

    def body(self) -> bytes:
        return b"".join(self.chunks())

    @property
    def mics(self) -> dict[str, str]:
        """The MIC in the digests that the receipt is expected to name, in base64: known once the body was read."""
        if not self._read:
            raise AS2Error("the MIC is known after the body was made")
        return self._mics.values()


class _Entity(NamedTuple):
    """A MIME entity: what the next layer is put around."""

    headers: Headers
    body: Iterator[bytes]
    size: int | None  # of the body

    def chunks(self) -> Iterator[bytes]:
        yield bytes(self.headers)
        yield from self.body

    @property
    def total(self) -> int | None:
        return None if self.size is None else self.size + len(bytes(self.headers))


class _Mics:
    def __init__(self, names: Iterable[str]) -> None:
        self._hashers = {name: DIGESTS[name].new() for name in sorted(set(names))}

    @property
    def updates(self) -> list[Callable[[bytes], None]]:
        return [hasher.update for hasher in self._hashers.values()]

    def digest(self, name: str) -> bytes:
        return self._hashers[name].digest()

    def values(self) -> dict[str, str]:
        return {name: base64.b64encode(hasher.digest()).decode() for name, hasher in self._hashers.items()}


def build(
    documents: Sequence[Document],
    partnership: Partnership,
    *,
    message_id_: str,
    now: datetime,
    entropy: Entropy,
    subject: str = "EDI",
) -> Outgoing:
    """The message for these documents as the partnership wants it. `entropy(n)` gives n random bytes."""
    sends = partnership.sends
    mics = _Mics(sends.expected_mics)
    entity = _contents(documents, sends, message_id_)
    if not _secured(sends):
        entity = entity._replace(body=hashed(entity.body, mics.updates))
    elif sends.digest is None:
        entity = _seen(entity, mics)
    if sends.compress == "before-signing" or (sends.compress and sends.digest is None):
        entity = _compressed(entity)
    if sends.digest is not None:
        certificate = partnership.our.signing(now)
        if certificate is None:
            raise CannotSend(f"{partnership.our.as2_name} has no certificate in use to sign with")
        entity = _signed(entity, certificate, sends, mics, now, entropy)
        if sends.compress == "after-signing":
            entity = _compressed(entity)
    if sends.cipher is not None:
        entity = _encrypted(entity, partnership, sends.cipher, now, entropy)
    headers = [*_head(partnership, message_id_, now, subject)]
    headers += [(name, value) for name, value in entity.headers if name != "Content-Transfer-Encoding"]
    if entity.size is not None:
        headers.append(("Content-Length", str(entity.size)))
    return Outgoing(Headers(headers).items, entity.size, entity.body, mics)


def mic_of(documents: Sequence[Document], sends: Sends, message_id_: str, digest: str) -> str | None:
    """The MIC of a message that was sent, in a digest that nobody expected its receipt to name.

    Made anew from the stored documents under the profile they were sent by; None if this connection does not accept
    that digest, or if `Outgoing.mics` has had all there are.
    """
    if digest not in sends.mics or digest in sends.expected_mics:
        return None
    mics = _Mics([digest])
    entity = _contents(documents, sends, message_id_)
    entity = _seen(entity, mics) if _secured(sends) else entity._replace(body=hashed(entity.body, mics.updates))
    for _ in entity.body:
        pass
    return mics.values()[digest]


def _secured(sends: Sends) -> bool:
    """Whether any layer is put around the contents; the MIC then covers their headers too (RFC 4130 7.3.1)."""
    return sends.digest is not None or sends.cipher is not None or sends.compress is not None


def _head(partnership: Partnership, message_id_: str, now: datetime, subject: str) -> Iterator[tuple[str, str]]:
    wants = partnership.sends.mdn
    yield "AS2-Version", "1.2"
    yield "EDIINT-Features", FEATURES
    yield "AS2-From", as2_name_header(partnership.our.as2_name)
    yield "AS2-To", as2_name_header(partnership.their.as2_name)
    yield "Message-ID", message_id(message_id_)
    yield "Date", format_datetime(now.astimezone(UTC), usegmt=True)
    yield "Subject", subject
    yield "MIME-Version", "1.0"
    if wants is None:
        return
    yield "Disposition-Notification-To", as2_name_header(partnership.our.as2_name)
    if wants.signed:
        digests = ", ".join(wants.digests)
        options = f"signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, {digests}"
        yield "Disposition-Notification-Options", options
    if wants.asynchronous_url:
        yield "Receipt-Delivery-Option", wants.asynchronous_url


# --- layers -------------------------------------------------------------------------------------------------------


def _contents(documents: Sequence[Document], sends: Sends, message_id_: str) -> _Entity:
    """The same bytes every time it is called for one message, so that `mic_of` hashes what was sent."""
    if not documents:
        raise CannotSend("a message needs a document")
    parts = [_document(document, sends.transfer_encoding if _secured(sends) else "binary") for document in documents]
    if len(parts) == 1:
        return parts[0]
    boundary = f"=_{hashlib.sha256(message_id_.encode()).hexdigest()[:32]}"  # no document knows its Message-ID
    headers = Headers(
        [("Content-Type", f"multipart/related; type={quoted(documents[0].content_type)}; boundary={quoted(boundary)}")]
    )
    return _Entity(headers, *_multipart(parts, boundary))


def _document(document: Document, encoding: str) -> _Entity:
    data = document.data
    size = len(data) if isinstance(data, bytes) else data.size
    chunks = sliced(data) if isinstance(data, bytes) else data.chunks()
    name = file_name(document.filename)
    items = [("Content-Type", document.content_type + (f"; name={quoted(_ascii(name))}" if name else ""))]
    if name:
        items.append(("Content-Disposition", _disposition(name)))
    items.append(("Content-Transfer-Encoding", encoding))
    if encoding == "base64":
        chunks, size = _encoded(chunks), base64_size(size)
    return _Entity(Headers(items), chunks, size)


def _disposition(name: str) -> str:
    """With the name in ASCII for old readers and as it is for the rest (RFC 6266)."""
    value = f"attachment; filename={quoted(_ascii(name))}"
    return value if name.isascii() else f"{value}; filename*=UTF-8''{quote(name, safe='')}"


def _ascii(name: str) -> str:
    return "".join(char if char.isascii() else "_" for char in name)


def _encoded(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Base64, cut where lines of 48 bytes end."""
    held = b""
    for chunk in chunks:
        data = held + chunk
        cut = len(data) - len(data) % 48
        held = data[cut:]
        if cut:
            yield base64_lines(data[:cut])
    if held:
        yield base64_lines(held)


def _multipart(parts: Sequence[_Entity], boundary: str) -> tuple[Iterator[bytes], int | None]:
    opening, closing = f"--{boundary}\r\n".encode(), f"--{boundary}--\r\n".encode()

    def chunks() -> Iterator[bytes]:
        for part in parts:
            yield opening
            yield from part.chunks()
            yield b"\r\n"
        yield closing

    totals = [part.total for part in parts]
    known = [total for total in totals if total is not None]
    if len(known) < len(totals):
        return chunks(), None
    return chunks(), sum(known) + len(parts) * (len(opening) + 2) + len(closing)


def _seen(entity: _Entity, mics: _Mics) -> _Entity:
    """The same entity, headers and all hashed as it passes."""
    for update in mics.updates:
        update(bytes(entity.headers))
    return entity._replace(body=hashed(entity.body, mics.updates))


def _compressed(entity: _Entity) -> _Entity:
    headers = Headers(
        [
            ("Content-Type", 'application/pkcs7-mime; smime-type=compressed-data; name="smime.p7z"'),
            ("Content-Transfer-Encoding", "binary"),
        ]
    )
    if entity.total is not None and entity.total <= IN_MEMORY:
        data = compress(entity.chunks())
        return _Entity(headers, sliced(data), len(data))
    return _Entity(headers, compressed(entity.chunks()), None)


def _signed(
    entity: _Entity, certificate: OwnCertificate, sends: Sends, mics: _Mics, now: datetime, entropy: Entropy
) -> _Entity:
    digest = DIGESTS[sends.digest or "sha256"]
    boundary = _boundary(entropy)
    small = entity.total is not None and entity.total <= IN_MEMORY
    content: Iterable[bytes] = hashed(entity.chunks(), mics.updates)
    if small:
        content = list(content)

    def signature() -> bytes:
        return base64_lines(sign(mics.digest(digest.name), certificate, digest, sends.signature, now))

    headers, front, tail = signed_frame(boundary, digest.micalg)
    if small:
        closing = front + signature() + tail
        pieces = [f"--{boundary}\r\n".encode(), *content, closing]
        if sum(map(len, pieces)) <= CHUNK:
            pieces = [b"".join(pieces)]
        return _Entity(headers, iter(pieces), sum(map(len, pieces)))

    def chunks() -> Iterator[bytes]:
        yield f"--{boundary}\r\n".encode()
        yield from content
        yield front + signature() + tail

    size = signature_size(certificate, digest, sends.signature, now)
    total = None
    if size is not None and entity.total is not None:
        total = len(boundary) + 4 + entity.total + len(front) + base64_size(size) + len(tail)
    return _Entity(headers, chunks(), total)


def signed_frame(boundary: str, micalg: str, *, report_type: str = "") -> tuple[Headers, bytes, bytes]:
    """The headers of multipart/signed, and what stands before and behind the signature in it."""
    kind = f'multipart/signed; protocol="application/pkcs7-signature"; micalg={micalg}; boundary={quoted(boundary)}'
    if report_type:
        kind += f"; report-type={report_type}"
    front = (
        f"\r\n--{boundary}\r\n"
        'Content-Type: application/pkcs7-signature; name="smime.p7s"\r\n'
        "Content-Transfer-Encoding: base64\r\n"
        'Content-Disposition: attachment; filename="smime.p7s"\r\n\r\n'
    )
    return Headers([("Content-Type", kind)]), front.encode(), f"\r\n--{boundary}--\r\n".encode()


def _encrypted(entity: _Entity, partnership: Partnership, cipher: str, now: datetime, entropy: Entropy) -> _Entity:
    certificate = partnership.their.encrypting(now)
    if certificate is None:
        raise CannotSend(f"{partnership.their.as2_name} has no certificate in use to encrypt to")
    chunks, size = encrypted(
        entity.chunks(), entity.total, certificate, cipher, partnership.sends.key_transport, entropy
    )
    kind = "authEnveloped-data" if cipher.endswith("-gcm") else "enveloped-data"
    headers = Headers(
        [
            ("Content-Type", f'application/pkcs7-mime; smime-type={kind}; name="smime.p7m"'),
            ("Content-Disposition", 'attachment; filename="smime.p7m"'),
        ]
    )
    return _Entity(headers, chunks, size)


def _boundary(entropy: Entropy) -> str:
    return f"=_{entropy(16).hex()}"
