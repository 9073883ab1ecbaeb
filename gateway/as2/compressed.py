"""CompressedData (RFC 3274): zlib, streaming, with limits against bombs."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from .algorithms import AlgorithmIdentifier, identifier
from .ber import (
    END,
    OCTET_STRING,
    OID,
    SEQUENCE,
    chunked_octets,
    dotted,
    element,
    head,
    integer,
    octets,
    oid,
    open_shell,
    tlv,
)
from .cms import COMPRESSED_DATA, DATA, EXPLICIT_0
from .disposition import DecompressionFailed, Malformed
from .partnership import Limits
from .stream import CHUNK, Stream

ZLIB = oid("1.2.840.113549.1.9.16.3.8")
LEVEL = 6


def decompressed(stream: Stream, limits: Limits) -> Iterator[bytes]:
    """The contents of the CompressedData that follows (its ContentInfo is already open)."""
    try:
        open_shell(stream, SEQUENCE, "CompressedData")
        element(stream, 16, "the version")
        algorithm = AlgorithmIdentifier.read(element(stream, 256, "the compression algorithm"))
        if algorithm.oid != ZLIB:
            raise DecompressionFailed(f"compressed with {dotted(algorithm.oid)}, which is not zlib")
        open_shell(stream, SEQUENCE, "the compressed content")
        element(stream, 64, "the content type")
        open_shell(stream, EXPLICIT_0, "the compressed content")
        yield from _inflated(octets(stream), limits)
    except (Malformed, zlib.error) as error:
        raise DecompressionFailed(f"the compressed data is damaged: {error}") from error


def _inflated(chunks: Iterable[bytes], limits: Limits) -> Iterator[bytes]:
    inflater = zlib.decompressobj()
    taken = given = 0
    for chunk in chunks:
        taken += len(chunk)
        while not inflater.eof:
            piece = inflater.decompress(chunk, CHUNK)
            given += len(piece)
            if given > limits.content:
                raise DecompressionFailed(f"it grows beyond {limits.content} bytes")
            if given > limits.free_of_ratio and given > taken * limits.ratio:
                raise DecompressionFailed(f"it grows more than {limits.ratio} times")
            if piece:
                yield piece
            chunk = inflater.unconsumed_tail
            if not chunk and len(piece) < CHUNK:
                break
    if not inflater.eof:
        raise Malformed("it ends early")


def _before() -> tuple[bytes, bytes]:
    return integer(0) + identifier(ZLIB), tlv(OID, DATA)


def compress(data: Iterable[bytes]) -> bytes:
    """CompressedData in its ContentInfo, DER."""
    version, kind = _before()
    deflated = tlv(OCTET_STRING, *_deflated(data))
    content = tlv(SEQUENCE, version, tlv(SEQUENCE, kind, tlv(EXPLICIT_0, deflated)))
    return tlv(SEQUENCE, tlv(OID, COMPRESSED_DATA), tlv(EXPLICIT_0, content))


def compressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same as a stream: BER with open lengths, since nobody knows how small it will get."""
    version, kind = _before()
    yield b"".join(
        (
            head(SEQUENCE, None),
            tlv(OID, COMPRESSED_DATA),
            head(EXPLICIT_0, None),
            head(SEQUENCE, None),
            version,
            head(SEQUENCE, None),
            kind,
            head(EXPLICIT_0, None),
        )
    )
    yield from chunked_octets(_deflated(chunks), OCTET_STRING)
    yield END * 5


def _deflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    deflater = zlib.compressobj(LEVEL)
    for chunk in chunks:
        if piece := deflater.compress(chunk):
            yield piece
    yield deflater.flush()
