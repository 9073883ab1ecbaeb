"""`gateway inspect` as people and scripts meet it: exit codes, JSON, and faults shown where they are."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import command_line
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.inspection_json import write
from gateway.cli.inspection_text import Shown
from gateway.formats.file import Inspected

ORDER = (
    "ISA*00*          *00*          *ZZ*ACME           *ZZ*NORTHWIND      *261120*1200*U*00401*000000001*0*T*>~\n"
    "GS*PO*ACME*NORTHWIND*20261120*1200*1*X*004010~\n"
    "ST*850*0001~\n"
    "BEG*00*SA*PO-1**20261120~\n"
    "PO1*1*5*EA*9.95**VP*A-1~\n"
    "CTT*1~\n"
    "SE*5*0001~\n"
    "GE*1*1~\n"
    "IEA*1*000000001~\n"
)
MESSAGE = "UNB+UNOA:1+A+B+261120:1200+1'UNH+1+ORDERS:D:96A:UN'BGM+220'DTM+137:1:102'LIN+1'UNS+S'UNT+6+1'UNZ+1+1'"


def gateway(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return command_line.gateway("inspect", *arguments, stdin=stdin)


def report(data: bytes) -> dict[str, Any]:
    out = io.StringIO()
    write("a file", Inspected([data]), out)
    assert out.getvalue().count("\n") == 1
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def shown(data: bytes, *, full: bool = False) -> str:
    out = io.StringIO()
    view = Shown(out, full=full)
    view.file("a file", Inspected([data]))
    view.totals()
    return out.getvalue()


ANSWERED = ORDER.replace("GS*PO", "GS*FA").partition("ST*")[0] + (
    "ST*997*0001~\nAK1*IN*5~\nAK2*810*0001~\nAK3*IT1*10**8~\nAK4*2*358*6*six~\nAK5*R*5~\nAK9*R*1*1*0~\nSE*8*0001~\n"
    "GE*1*1~\nTA1*000000007*261120*0930*R*001~\nIEA*1*000000001~\n"
)


def test_what_a_partner_answers_is_said_in_the_words_of_our_own_findings() -> None:
    said = shown(ANSWERED.encode())
    assert "refuses 810 0001 of group IN 5" in said
    assert "“invoiced quantity” in “invoiced item” holds a character that may not stand there: “six”." in said
    assert "810, segment 10, IT1-02  invalid-character (6)" in said
    assert "refuses interchange 000000007" in said
    (interchange,) = report(ANSWERED.encode())["interchanges"]
    (receipt,) = interchange["answers"]
    assert (receipt["outcome"], receipt["about"]) == ("rejected", "interchange 000000007")
    one, group = interchange["groups"][0]["documents"][0]["answers"]
    assert (one["set"], one["control_number"], one["group_control_number"]) == ("810", "0001", "5")
    assert one["findings"][0]["message"].startswith("“invoiced quantity” in “invoiced item”")
    assert group["outcome"] == "rejected"


def test_json_has_the_promised_shape() -> None:
    found = report(ORDER.replace("9.95", "nine").encode())
    assert found.keys() == {"file", "format", "verdict", "interchanges", "findings"}
    interchange = found["interchanges"][0]
    assert interchange.keys() == {"sender", "receiver", "control_number", "version", "verdict", "findings", "groups"}
    group = interchange["groups"][0]
    assert group.keys() == {"functional_id", "control_number", "version", "verdict", "findings", "documents"}
    document = group["documents"][0]
    assert document.keys() == {"set", "control_number", "verdict", "segments", "findings"}
    assert document["findings"][0].keys() == {
        "code",
        "standard_code",
        "severity",
        "segment",
        "position",
        "element",
        "component",
        "loop",
        "value",
        "message",
        "remedy",
    }
    assert (document["set"], document["segments"], found["verdict"]) == ("850", 5, "accept-with-errors")


def test_lines_of_a_fixed_width_have_a_name_and_a_count() -> None:
    lines = b"H0001ACME      20261120\r\nD0001WIDGET    000000012\r\nT000001"
    said = report(lines)
    assert (said["format"], said["verdict"], said["findings"]) == ("fixed", "accept", [])
    assert "3 lines of a fixed width" in shown(lines)


def test_a_mixed_heap_gets_an_object_each_and_the_worst_exit_code(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.x12").write_text(ORDER)
    (tmp_path / "in" / "b.edi").write_text(MESSAGE)
    (tmp_path / "in" / ".hidden").write_text("not meant")
    done = gateway("--json", str(tmp_path / "in"))
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(found["format"], found["verdict"]) for found in objects] == [("x12", "accept"), ("edifact", "accept")]
    assert done.returncode == 0

    assert gateway(str(tmp_path / "in"), "-", stdin=b"PK\x03\x04 a zip").returncode == 2


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (ORDER.encode(), 0),
        (ORDER.replace("SE*5", "SE*6").encode(), 1),
        (ORDER.replace("IEA*1*000000001", "IEA*1*000000002").encode(), 1),
        (b"", 2),
        (b"\x00\x01\x02\x03", 2),
    ],
)
def test_exit_codes(data: bytes, code: int) -> None:
    done = gateway("-", stdin=data)
    assert done.returncode == code
    assert done.stderr == b""


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    done = gateway(str(tmp_path / "nothing"))
    assert done.returncode == 2
    assert b"No such file" in done.stderr
    assert b"Traceback" not in done.stderr


def test_what_was_packed_is_inspected_as_it_came(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("orders/1.edi", ORDER)
        archive.writestr("orders/2.edi", MESSAGE)
    (tmp_path / "b.edi.gz").write_bytes(gzip.compress(ORDER.encode()))
    with zipfile.ZipFile(tmp_path / "c.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    done = gateway(str(tmp_path), "--json")
    found = {
        said["file"].removeprefix(f"{tmp_path}/"): said["format"] for said in map(json.loads, done.stdout.splitlines())
    }
    assert found == {
        "a.zip/orders/1.edi": "x12",
        "a.zip/orders/2.edi": "edifact",
        "b.edi.gz": "x12",
        "c.xlsx": "unknown",
    }
    assert done.stderr == b""


def test_a_broken_archive_is_one_sentence_and_what_could_be_read_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.inspect.CHUNK", 1000)
    many = gzip.compress((ORDER * 100).encode(), 0)  # of several blocks, so the cut is met while it is read
    (tmp_path / "cut.gz").write_bytes(many[: len(many) // 2])
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04 and no more")
    done = gateway(str(tmp_path))
    assert done.returncode == 2
    assert b"interchange 000000001" in done.stdout
    assert [line.split(b": ")[1].rpartition(b"/")[2] for line in done.stderr.splitlines()] == [b"bad.zip", b"cut.gz"]
    assert done.stderr.count(b"it cannot be unpacked") == 2


def test_a_fault_stands_under_its_segment_with_the_element_marked() -> None:
    lines = shown(ORDER.replace("9.95", "nine").encode()).splitlines()
    at = next(i for i, line in enumerate(lines) if "PO1*1*5*EA*nine" in line)
    assert lines[at + 1].index("^^^^") == lines[at].index("nine")
    assert "says “nine”" in lines[at + 2]
    assert "850, segment 3, PO1-04" in lines[at + 3]


def test_loops_are_indented_and_totals_stand_at_the_end() -> None:
    text = shown(ORDER.encode(), full=True)
    assert "  3    PO1*1*5" in text
    assert "  2  BEG*00*SA" in text
    assert text.splitlines()[-1] == "1 file: 1 accept · 1 interchange with 1 × 850 · 5 segments · 0 findings"


def test_nothing_a_partner_sends_steers_the_terminal() -> None:
    text = shown(ORDER.replace("A-1", "\x1b[31mred\x07").encode(), full=True)
    assert "\x1b" not in text
    assert "\x07" not in text


def test_many_clean_documents_take_one_line() -> None:
    sets = "".join(
        f"ST*850*{n:04}~\nBEG*00*SA*PO-{n}**20261120~\nPO1*1*5*EA*9.95**VP*A~\nSE*4*{n:04}~\n" for n in range(100, 200)
    )
    head, _, rest = ORDER.partition("ST*850")
    text = shown((head + sets + rest[rest.index("GE*") :].replace("GE*1*1", "GE*100*1")).encode())
    assert "and 90 more without a fault" in text
    assert len(text.splitlines()) < 25


@given(st.binary(max_size=600))
def test_any_bytes_get_an_answer(data: bytes) -> None:
    assert report(data)["verdict"] in {"accept", "accept-with-errors", "reject"}
    assert shown(data)


@given(st.sampled_from([ORDER.encode(), MESSAGE.encode()]), st.integers(0, 400), st.binary(max_size=6))
def test_a_damaged_document_gets_an_answer(data: bytes, at: int, damage: bytes) -> None:
    damaged = data[:at] + damage + data[at + 2 :]
    assert report(damaged)["verdict"] in {"accept", "accept-with-errors", "reject"}
    assert shown(damaged, full=True)
