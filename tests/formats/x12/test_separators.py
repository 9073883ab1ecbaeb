from __future__ import annotations

import pytest

from gateway.formats.x12.separators import NotX12, Separators, read_isa

PADDED = (
    "ISA*00*          *00*          *ZZ*ACME           *12*5551234567     *260115*0930*{isa11}*{version}*000000001*0*P*"
)
GS = "GS*PO*ACME*5551234567*20260115*0930*1*X*004010"


def isa(tail: str, version: str = "00401", isa11: str = "U") -> str:
    return PADDED.format(version=version, isa11=isa11) + tail


@pytest.mark.parametrize(
    ("tail", "component", "segment", "ending"),
    [
        (f">~{GS}~ST*850*1~", ">", "~", ""),
        (f">~\n{GS}~\nST*850*1~\n", ">", "~", "\n"),
        (f">~\r\n{GS}~\r\nST*850*1~\r\n", ">", "~", "\r\n"),
        (f">\n{GS}\nST*850*1\n", ">", "\n", ""),
        (f">\r\n{GS}\r\nST*850*1\r\n", ">", "\n", ""),
        (f">\r{GS}\rST*850*1\r", ">", "\r", ""),
        (f"> \r\n  {GS} \r\n  ST*850*1 \r\n", ">", "\n", ""),
        (f"~{GS}~ST*850*1~", "", "~", ""),  # ISA16 missing
        (f"~\n{GS}~\nST*850*1~\n", "", "~", "\n"),
        (f">\x15{GS}\x15ST*850*1\x15", ">", "\x15", ""),
        (f">\xc2\xa7{GS}\xc2\xa7ST*850*1\xc2\xa7", ">", "\xc2\xa7", ""),  # UTF-8 read as latin-1
        (f">\n~{GS}~ST*850*1~", ">", "~", ""),  # wrapped between component and terminator
        (">~TA1*000000001*260115*0930*A*000~IEA*0*000000001~", ">", "~", ""),
        (">~", ">", "~", ""),
    ],
)
def test_separators_are_found_by_what_follows(tail: str, component: str, segment: str, ending: str) -> None:
    found, row, used = read_isa(isa(tail))
    assert (found.element, found.component, found.segment, found.ending) == ("*", component, segment, ending)
    assert row[16] == component
    rest = isa(tail)[used:].lstrip("\r\n ~")
    assert not rest or rest.startswith(("GS", "TA1"))


def test_an_isa_wrapped_at_80_columns_is_one_segment() -> None:
    text = isa(f">~{GS}~ST*850*1~")
    wrapped = "\r\n".join(text[at : at + 80] for at in range(0, len(text), 80))
    found, row, _ = read_isa(wrapped)
    assert (found.component, found.segment) == (">", "~")
    assert row[6] == "ACME           "


def test_an_isa_without_padding_is_read() -> None:
    found, row, _ = read_isa(f"ISA*00**00**ZZ*ACME*12*555*260115*0930*U*00401*1*0*P*:~{GS}~ST*850*1~")
    assert (found.component, found.segment, row[13]) == (":", "~", "1")


def test_an_isa_without_isa16_and_its_separator_is_read() -> None:
    found, row, used = read_isa(f"{isa('')[:-1]}~{GS}~ST*850*1~")
    assert (found.component, found.segment, row[15], row[16]) == ("", "~", "P", "")
    assert f"{isa('')[:-1]}~{GS}"[used:] == GS


def test_repetition_separator_means_nothing_before_00402() -> None:
    assert Separators.from_isa(isa(f">~{GS}~ST*850*1~", "00401", "^")).repetition is None
    assert Separators.from_isa(isa(f">~{GS}~ST*850*1~", "00402", "^")).repetition == "^"


@pytest.mark.parametrize("isa11", ["U", "-", ".", " ", "*", ">", "~", "7"])
def test_repetition_separator_that_can_be_none(isa11: str) -> None:
    text = isa(f">~{GS}~ST*850*1~", "00501", isa11 if isa11 != "*" else "")
    assert Separators.from_isa(text).repetition is None


@pytest.mark.parametrize(
    "text",
    ["", "ISA", "ISAAC NEWTON", "GS*PO~", "ISA*00*1~", "ISA" + "*x" * 3, "ISA*" + "x" * 3000, isa("") + "x" * 40],
)
def test_what_is_no_header_is_refused(text: str) -> None:
    with pytest.raises(NotX12):
        read_isa(text)
