"""Opening a message in one pass: decrypt, decompress, verify, in whatever order the layers were put on.

Every layer is a generator that reads the one outside it. The bytes of the innermost contents come out at the end, and
after the last of them each layer says whether it was true, from the inside out. So a message may be of any size, and
what was verified is the very bytes that were delivered (security rule 3).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from datetime import datetime

from .algorithms import DIGESTS, MODERN_DIGESTS, Digest, digest_named, hashed
from .around import Passing
from .cms import AUTH_ENVELOPED_DATA, COMPRESSED_DATA, ENVELOPED_DATA, open_content_info
from .compressed import decompressed
from .disposition import AS2Error, DecryptionFailed, Malformed, TooLarge, UnsupportedFormat
from .enveloped import Envelope
from .message import PKCS7, Head, Message, Mic, Part, Sink
from .mime import ContentType, Headers, Multipart, decoded, is_plain, read_headers
from .partnership import CompressionDone, Done, EncryptionDone, Partnership
from .signed import Content, verify
from .stream import Stream, gathered, limited

_SIGNATURE = ("application/pkcs7-signature", "application/x-pkcs7-signature")


def read(
    headers: Headers,
    body: Iterable[bytes],
    partnership: Partnership,
    now: datetime,
    sink: Sink,
    head: Head | None = None,
) -> Message:
    """The message in `headers` and `body`, its parts written to `sink`. Raises an AS2Error if anything is not true."""
    head = head or Head.read(headers)
    opening = _Opening(partnership, now, head.mdn.digest() if head.mdn else None)
    stream = Stream(limited(opening.passing.over(body), partnership.limits.message, "message"))
    parts: list[Part] = []
    size = 0
    write = None
    for piece in opening.entity(headers, b"", stream):
        if isinstance(piece, Part):
            parts.append(piece)
            write = sink(piece)
        elif write is not None and piece:
            size += len(piece)
            write(piece)
    stream.drain()
    partnership.accepts.judge(tuple(opening.done))
    around = opening.passing.around(size) if len(parts) == 1 else None
    return Message(head, tuple(opening.done), opening.mic(), tuple(parts), size, around)


class _Opening:
    """The layers of one message while they are taken off."""

    def __init__(self, partnership: Partnership, now: datetime, wanted: Digest | None) -> None:
        self._partnership = partnership
        self._limits = partnership.limits
        self._now = now
        self._content = Content([wanted if wanted is not None else DIGESTS["sha256"]])  # the MIC if nobody signed
        self._mic_digest = wanted if wanted is not None else DIGESTS["sha256"]
        self._inside_signature = False
        self.done: list[Done] = []
        self.passing = Passing()  # what the contents stand in: the body, or what was decrypted of it
        self._at: int | None = 0  # where in that the entity begins that is being read

    def mic(self) -> Mic:
        """In the digest of the signature, else in the one that was asked for (RFC 4130 7.3.1)."""
        value = base64.b64encode(self._content.digest(self._mic_digest)).decode()
        return Mic(self._mic_digest.name, value)

    def entity(self, headers: Headers, raw: bytes, stream: Stream) -> Iterator[Part | bytes]:
        """One MIME entity whose headers are read: a layer, or the contents."""
        content_type = ContentType.parse(headers.get("Content-Type"))
        if content_type.type in PKCS7:
            yield from self._pkcs7(headers, stream)
        elif content_type.type == "multipart/signed":
            yield from self._signed(content_type, stream)
        else:
            yield from self._contents(headers, raw, content_type, stream)

    def _pkcs7(self, headers: Headers, stream: Stream) -> Iterator[Part | bytes]:
        encoding = headers.get("Content-Transfer-Encoding")
        if stream.peek(2) == b"MI":  # base64 of a SEQUENCE, announced or not: some senders forget the header
            encoding = "base64"
        elif encoding.strip().lower() == "base64" and stream.peek(1) == b"0":
            encoding = "binary"
        if stream.offset or not is_plain(encoding):
            self._at = None
        inner = Stream(decoded(stream.rest(), encoding))
        kind = open_content_info(inner)
        if kind in (ENVELOPED_DATA, AUTH_ENVELOPED_DATA):
            yield from self._enveloped(kind, inner)
        elif kind == COMPRESSED_DATA:
            yield from self._compressed(inner)
        else:
            raise UnsupportedFormat("signed data that is not multipart/signed")
        inner.drain()

    def _enveloped(self, kind: bytes, stream: Stream) -> Iterator[Part | bytes]:
        if any(isinstance(one, EncryptionDone) for one in self.done) or self._inside_signature:
            raise UnsupportedFormat("encryption inside of another layer of security")
        their = self._partnership.our.decrypting(self._now)
        envelope = Envelope(stream, kind, their, self._limits)
        self.done.append(envelope.done)
        self.passing = Passing(envelope.encryption)
        inner = Stream(limited(self.passing.over(envelope.plaintext()), self._limits.content, "message unpacked"))
        try:
            headers, raw = read_headers(inner)
            if not headers.items:
                raise Malformed("no MIME header in front")
            yield from self.entity(headers, raw, inner)
        except AS2Error as error:
            # Decrypt the rest all the same: failures must not be told apart by how long they take.
            inner.drain()
            if envelope.authenticated:
                envelope.finish()
                raise
            if isinstance(error, Malformed | TooLarge):
                raise DecryptionFailed(f"what came out of the decryption is no message: {error}") from error
            raise
        inner.drain()
        envelope.finish()

    def _compressed(self, stream: Stream) -> Iterator[Part | bytes]:
        if any(isinstance(one, CompressionDone) for one in self.done):  # security rule 6
            raise UnsupportedFormat("compressed twice")
        self.done.append(CompressionDone())
        self._at = None
        inner = Stream(decompressed(stream, self._limits))
        headers, raw = read_headers(inner)
        yield from self.entity(headers, raw, inner)
        inner.drain()

    def _signed(self, content_type: ContentType, stream: Stream) -> Iterator[Part | bytes]:
        if self._inside_signature:
            raise UnsupportedFormat("signed twice")
        self._inside_signature = True
        place = len(self.done)
        multipart = Multipart(stream, content_type.parameters.get("boundary", ""))
        announced = {
            found.name for word in content_type.parameters.get("micalg", "").split(",") if (found := digest_named(word))
        }
        content = self._content = Content([DIGESTS[name] for name in announced or MODERN_DIGESTS])
        first = _must(multipart.next())
        if self._at is not None:
            self._at += stream.offset
        inner = Stream(hashed(first, [content.update]))
        headers, raw = read_headers(inner)
        yield from self.entity(headers, raw, inner)
        inner.drain()
        signature = self._signature(_must(multipart.next()))
        if multipart.next() is not None:  # security rule 3
            raise Malformed("more than two parts in multipart/signed")
        stream.drain()
        done = verify(
            signature,
            content,
            self._partnership.their.certificates,
            self._now,
            attributes_required=self._partnership.accepts.signed_attributes,
        )
        self._mic_digest = DIGESTS[done.digest]
        self.done.insert(place, done)

    def _signature(self, chunks: Iterator[bytes]) -> bytes:
        stream = Stream(chunks)
        headers, _ = read_headers(stream)
        kind = ContentType.parse(headers.get("Content-Type")).type
        if kind not in _SIGNATURE:
            raise Malformed("the second part of multipart/signed is not a signature")
        encoding = headers.get("Content-Transfer-Encoding")
        if stream.peek(2) == b"MI":
            encoding = "base64"
        return gathered(decoded(stream.rest(), encoding), self._limits.structure, "signature")

    def _contents(
        self, headers: Headers, raw: bytes, content_type: ContentType, stream: Stream
    ) -> Iterator[Part | bytes]:
        chunks = limited(stream.rest(), self._limits.content, "content")
        if not self._inside_signature:
            if self.done:  # without a layer, the MIC is over the contents alone
                self._content.update(raw)
            chunks = hashed(chunks, [self._content.update])
        if content_type.type in ("multipart/related", "multipart/mixed"):  # RFC 6362
            yield from self._attachments(content_type, Stream(chunks))
            return
        encoding = headers.get("Content-Transfer-Encoding")
        if self._at is not None and is_plain(encoding):
            self.passing.begins = self._at + stream.offset
        yield Part.read(headers)
        yield from decoded(chunks, encoding)

    def _attachments(self, content_type: ContentType, stream: Stream) -> Iterator[Part | bytes]:
        multipart = Multipart(stream, content_type.parameters.get("boundary", ""))
        count = 0
        while (chunks := multipart.next()) is not None:
            count += 1
            if count > self._limits.attachments:
                raise TooLarge(f"more than {self._limits.attachments} attachments")
            inner = Stream(chunks)
            headers, _ = read_headers(inner)
            yield Part.read(headers)
            yield from decoded(inner.rest(), headers.get("Content-Transfer-Encoding"))
        stream.drain()


def _must(part: Iterator[bytes] | None) -> Iterator[bytes]:
    if part is None:
        raise Malformed("multipart/signed without its two parts")
    return part
