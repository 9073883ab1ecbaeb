"""The shell around all CMS content: ContentInfo (RFC 5652 3), and the types that AS2 knows."""

from __future__ import annotations

from .ber import OID, SEQUENCE, dotted, element, oid, open_shell
from .disposition import UnsupportedFormat
from .stream import Stream

DATA = oid("1.2.840.113549.1.7.1")
SIGNED_DATA = oid("1.2.840.113549.1.7.2")
ENVELOPED_DATA = oid("1.2.840.113549.1.7.3")
COMPRESSED_DATA = oid("1.2.840.113549.1.9.16.1.9")
AUTH_ENVELOPED_DATA = oid("1.2.840.113549.1.9.16.1.23")

EXPLICIT_0 = 0xA0


def open_content_info(stream: Stream) -> bytes:
    """Step through the shell to the content; returns its type."""
    open_shell(stream, SEQUENCE, "CMS content")
    kind = element(stream, 64, "the content type").expect(OID, "the content type").contents
    if kind not in (SIGNED_DATA, ENVELOPED_DATA, COMPRESSED_DATA, AUTH_ENVELOPED_DATA):
        raise UnsupportedFormat(f"CMS content of type {dotted(kind)}")
    open_shell(stream, EXPLICIT_0, "CMS content")
    return kind
