from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.formats.detect import Detected, Format, detect

ISA = "ISA*00*          *00*          *ZZ*ACME           *ZZ*NORTHWIND      *261120*1200*U*00401*000000001*0*T*>~"
UNB = "UNB+UNOA:3+ACME:14+NORTHWIND:14+261120:1200+1'"


@pytest.mark.parametrize(
    ("data", "format_", "start"),
    [
        (ISA.encode(), Format.X12, 0),
        (ISA.replace("*", "~").replace("~~", "~").encode(), Format.X12, 0),
        (b"\r\n\r\n" + ISA.encode(), Format.X12, 4),
        (b"Content-Type: application/EDI-X12\r\nMessage-ID: <ISA>\r\n\r\n" + ISA.encode(), Format.X12, 56),
        (b"ST*850*0001~BEG*00*SA*1**20261120~", Format.X12, 0),
        (b"ISA+00+00", Format.X12, 0),
        (UNB.encode(), Format.EDIFACT, 0),
        (b"UNA:+.? '" + UNB.encode(), Format.EDIFACT, 0),
        (b"#####\n#@@#\n" + UNB.encode(), Format.EDIFACT, 11),
        (b"UNH+1+CONTRL:D:3:UN'UNT+2+1'", Format.EDIFACT, 0),
        (b"<?xml version='1.0'?><Order/>", Format.XML, 0),
        (b"<!-- hello --><cXML payloadID='1'/>", Format.CXML, 0),
        (b'<o:Order xmlns:o="urn:oasis:names:specification:ubl:schema:xsd:Order-2"/>', Format.UBL, 0),
        (b"<p>UNB+UNOA:3+A+B'</p>", Format.XML, 0),
        (b'{"order": "ISA*00*"}', Format.JSON, 0),
        (b"sku,quantity\nA-1,5\nA-2,7\n", Format.CSV, 0),
        (b"sku;quantity\nA-1;5,5\n", Format.CSV, 0),
        (b"H0001ACME      20261120\r\nD0001WIDGET    000000012\r\nT000001\r\n", Format.FIXED, 0),
        (b"Dear sir,\nplease find the order  enclosed.\nYours,\nMe", Format.UNKNOWN, 0),
        (b"-----BEGIN PGP MESSAGE-----\n\nhQEMA0x\nzLk2a8Q\n-----END PGP MESSAGE-----\n", Format.UNKNOWN, 0),
        (b"", Format.UNKNOWN, 0),
        (b"Dear VISA* holder, hello", Format.UNKNOWN, 0),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", Format.UNKNOWN, 0),
    ],
)
def test_the_first_bytes_tell_the_format(data: bytes, format_: Format, start: int) -> None:
    found = detect(data)
    assert (found.format, found.start) == (format_, start)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xef\xbb\xbf" + ISA.encode(), Detected(Format.X12, "utf-8", 3, 3)),
        (b"\xff\xfe" + ISA.encode("utf-16-le"), Detected(Format.X12, "utf-16-le", 2, 2)),
        (UNB.encode("utf-16-be"), Detected(Format.EDIFACT, "utf-16-be", 0, 0)),
        (ISA.encode("cp037"), Detected(Format.X12, "cp037", 0, 0)),
        (b"\x40\x40" + ISA.encode("cp037"), Detected(Format.X12, "cp037", 2, 0)),
        (ISA.encode() + b"N1*ST*M\xfcller~", Detected(Format.X12, "latin-1", 0, 0)),
    ],
)
def test_the_encoding_is_named(data: bytes, expected: Detected) -> None:
    assert detect(data) == expected


@given(st.binary(max_size=400))
def test_any_bytes_get_an_answer(data: bytes) -> None:
    assert detect(data).format in Format


def test_a_window_cut_inside_a_character_is_still_utf_8() -> None:
    assert detect(("sku,note\n" + "a,ü\n" * 60000).encode()).encoding == "utf-8"
