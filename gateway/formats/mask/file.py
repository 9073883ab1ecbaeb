"""Any file masked, whatever its format."""

from __future__ import annotations

from gateway.formats.detect import Detected, Format, detect
from gateway.formats.mask import edifact, x12
from gateway.formats.mask.others import mask_json, mask_rows, mask_xml
from gateway.formats.mask.pseudonym import Pseudonyms


class Unmaskable(ValueError):
    """Not a document we can read, so not one we can promise to have masked."""


def mask(data: bytes, key: bytes) -> bytes:
    """The same document with pseudonyms under this key; the same key gives the same pseudonyms in every document."""
    detected = detect(data)
    pseudonyms = Pseudonyms(key)
    try:
        return _masked(data, detected, pseudonyms)
    except (SyntaxError, ValueError) as error:  # lxml's errors are SyntaxErrors
        if detected.format is Format.UNKNOWN:
            raise Unmaskable("this is not a document we can read") from error
        if detected.format is Format.FIXED:
            raise Unmaskable("what stands where in lines of a fixed width only their map knows") from error
        raise Unmaskable(f"this {detected.format.upper()} cannot be read to its end: {error}") from error


def _masked(data: bytes, detected: Detected, pseudonyms: Pseudonyms) -> bytes:
    encoding = detected.encoding
    if detected.is_xml:
        return mask_xml(data, pseudonyms)
    mark, text = data[: detected.mark], data[detected.mark :].decode(encoding, "replace")
    match detected.format:
        case Format.X12:
            masked = x12.mask(text.encode("utf-8"), pseudonyms).decode("utf-8")
        case Format.EDIFACT:
            raw = data[detected.mark :] if encoding in ("utf-8", "latin-1") else text.encode("utf-8")
            masked = edifact.mask(raw, pseudonyms).decode("utf-8")
        case Format.CSV:
            masked = mask_rows(text, pseudonyms)
        case Format.JSON:
            masked = mask_json(text, pseudonyms)
        case _:
            raise Unmaskable("this is not a document we can read")
    return mark + masked.encode(encoding, "replace")
