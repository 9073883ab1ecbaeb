"""A masked document names nobody, is of the same shape, and is as right or as wrong as it was."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.formats.file import Inspected
from gateway.formats.finding import Finding
from gateway.formats.mask.file import Unmaskable, mask
from gateway.formats.mask.pseudonym import Pseudonyms
from gateway.formats.report import Closed, SetReport, Verdict, file_verdict

KEY = b"a key"
X12 = (
    b"ISA*00*          *00*          *ZZ*ACMESTORES     *ZZ*NORTHWIND      *261120*1200*U*00401*000000077*0*T*>~\r\n"
    b"GS*PO*ACMESTORES*NORTHWIND*20261120*1200*7*X*004010~\r\nST*850*0001~\r\nBEG*00*SA*HP-4471960**20261120~\r\n"
    b"REF*PO*HP-4471960~\r\nN1*ST*Harbor & Pine*92*0077~\r\nN3*12 Quay Street~\r\nN4*Portland*ME*04101*US~\r\n"
    b"PO1*1*24*EA*9.95**UP*012345678905~\r\nCTT*1*24~\r\nSE*9*0001~\r\nGE*1*7~\r\nIEA*1*000000077~\r\n"
)
EDIFACT = (
    b"UNA:+.? '\nUNB+UNOC:3+4399902000001:14+NORTHWIND+261120:1200+77'\nUNH+1+ORDERS:D:96A:UN'\nBGM+220+PO4711+9'\n"
    b"DTM+137:20261120:102'\nNAD+BY+4399902000001::9++M\xfcller ?+ Sohn+Kai 7+Bremen++28195+DE'\n"
    b"LIN+1++4006381333931:EN'\nQTY+21:5'\nUNS+S'\nCNT+2:1'\nUNT+9+1'\nUNZ+1+77'\n"
)


def codes(data: bytes) -> tuple[Verdict, list[tuple[str, str | None, int | None]]]:
    events = list(Inspected([data]).events())
    findings: list[Finding] = []
    for event in events:
        match event:
            case SetReport():
                findings.extend(event.findings)
            case Closed():
                findings.extend(event.report.findings)
    ignored = {
        "noise-skipped",
        "encoding-unusual",
        "character-outside-basic-set",
    }  # noise is left out, letters are plain
    inside = [event for event in events if not isinstance(event, Finding)]
    return file_verdict(inside), sorted((f.code, f.segment, f.position) for f in findings if f.code not in ignored)


def test_x12_names_nobody_and_is_still_accepted() -> None:
    masked = mask(X12, KEY)
    for name in (b"ACMESTORES", b"NORTHWIND", b"4471960", b"Harbor", b"Quay", b"Portland", b"04101", b"012345678905"):
        assert name not in masked
    for kept in (b"*ME*", b"*US~", b"PO1*1*24*EA*9.95**UP*", b"CTT*1*24~", b"*000000077~", b"20261120"):
        assert kept in masked
    assert len(masked) == len(X12)
    assert codes(masked) == codes(X12)


def test_one_value_has_one_pseudonym_everywhere_under_one_key() -> None:
    rows = [line.split("*") for line in mask(X12, KEY).decode().replace("~", "").splitlines()]
    row = {row[0]: row for row in rows}
    assert row["BEG"][3] == row["REF"][2]
    assert row["ISA"][6].strip() == row["GS"][2]
    assert mask(X12, KEY) == mask(X12, KEY)
    assert mask(X12, KEY) != mask(X12, b"another")


def test_edifact_names_nobody_and_keeps_its_release_characters() -> None:
    masked = mask(EDIFACT, KEY)
    assert b" ?+ " in masked
    for name in (b"4399902000001", b"NORTHWIND", b"PO4711", b"ller", b"Bremen", b"28195", b"4006381333931"):
        assert name not in masked
    assert codes(masked) == codes(EDIFACT)


def test_rows_keep_their_header_and_amounts() -> None:
    masked = mask(b"order;name;qty;price\r\nPO-4711;Anna Muster;5;9,95\r\n", KEY).decode()
    head, row = masked.splitlines()
    assert head == "order;name;qty;price"
    assert row.endswith(";5;9,95")
    assert "Anna" not in row
    assert "4711" not in row


def test_xml_and_json_keep_their_fields() -> None:
    xml = mask(b"<?xml version='1.0'?><Order><!-- Anna --><Name>Anna Muster</Name><Qty>5</Qty></Order>", KEY)
    assert b"Anna" not in xml
    assert b"<Qty>5</Qty>" in xml
    assert mask(b'{"name": "Anna", "quantity": 5}', KEY).startswith(b'{\n  "name": "')


def test_what_cannot_be_read_is_not_masked() -> None:
    with pytest.raises(Unmaskable):
        mask(b"\x00\x01", KEY)


@given(st.text(max_size=40))
def test_a_pseudonym_has_the_shape_of_its_value(value: str) -> None:
    made = Pseudonyms(KEY)(value)
    assert len(made) == len(value)
    assert [c.isdecimal() for c in made] == [c.isdecimal() for c in value]
    assert Pseudonyms(KEY)(value) == made


@given(st.binary(max_size=60), st.integers(0, len(X12)))
def test_any_damage_is_masked_or_refused(damage: bytes, at: int) -> None:
    for data in (X12, EDIFACT):
        try:
            mask(data[:at] + damage + data[at:], KEY)
        except Unmaskable:
            continue


@pytest.mark.corpus
@pytest.mark.skipif("GATEWAY_CORPUS" not in os.environ, reason="GATEWAY_CORPUS is not set")
def test_real_documents_keep_their_findings() -> None:
    folder = Path(os.environ["GATEWAY_CORPUS"])
    with (folder / "EXPECTED.tsv").open(encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    changed = []
    for name in names:
        data = (folder / name).read_bytes()
        try:
            masked = mask(data, KEY)
        except Unmaskable:
            continue
        if codes(masked) != codes(data):
            changed.append(name)
    assert changed == []


def test_lines_of_a_fixed_width_are_not_promised_to_be_masked() -> None:
    with pytest.raises(Unmaskable, match="only their map knows"):
        mask(b"H0001ACME      20261120\r\nD0001WIDGET    000000012\r\n", KEY)
