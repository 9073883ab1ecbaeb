from __future__ import annotations

import subprocess
from pathlib import Path

import command_line

from gateway.formats.file import Inspected
from gateway.formats.report import SetReport, Verdict, file_verdict

ISA = "ISA*00*          *00*          *ZZ*ACME           *ZZ*NORTHWIND      *261120*1200*U*00401*000000077*0*T*>~"
ORDER = (
    "GS*PO*ACME*NORTHWIND*20261120*1200*7*X*004010~"
    "ST*850*0001~BEG*00*SA*PO-1**20261120~PO1*1*5*EA*9.95**VP*A~SE*4*0001~GE*1*7~"
)


def gateway(*arguments: str, stdin: str) -> subprocess.CompletedProcess[bytes]:
    return command_line.gateway("acknowledge", *arguments, stdin=stdin.encode())


def sets(data: bytes) -> list[str]:
    events = list(Inspected([data]).events())
    assert file_verdict(events) is Verdict.ACCEPT
    return [event.set for event in events if isinstance(event, SetReport)]


def test_an_order_gets_a_997_to_its_sender() -> None:
    done = gateway("-", "--control-number", "5", "--at", "2026-11-20T12:30:00", stdin=f"{ISA}{ORDER}IEA*1*000000077~")
    assert done.returncode == 0
    assert sets(done.stdout) == ["997"]
    assert b"*ZZ*NORTHWIND      *ZZ*ACME           *261120*1230*U*00401*000000005*" in done.stdout
    assert b"AK1*PO*7~AK2*850*0001~AK5*A~AK9*A*1*1*1~" in done.stdout


def test_asked_for_a_999_it_writes_one() -> None:
    done = gateway("-", "--as", "999", stdin=f"{ISA}{ORDER}IEA*1*000000077~")
    assert sets(done.stdout) == ["999"]


def test_a_group_that_does_not_say_its_release_is_answered_in_its_envelopes() -> None:
    done = gateway("-", stdin=f"{ISA}{ORDER.replace('*004010', '')}IEA*1*000000077~")
    assert sets(done.stdout) == ["997"]
    assert b"*1*X*004010~" in done.stdout


def test_an_interchange_without_a_group_gets_a_ta1() -> None:
    done = gateway("-", stdin=f"{ISA}IEA*0*000000077~")
    assert b"TA1*000000077*261120*1200*R*024~" in done.stdout


def test_a_refused_interchange_gets_a_ta1_alone() -> None:
    done = gateway("-", stdin=f"{ISA}{ORDER}IEA*1*000000078~")
    assert b"TA1*000000077*261120*1200*R*001~" in done.stdout
    assert b"ST*997" not in done.stdout


def test_an_acknowledgement_is_not_acknowledged() -> None:
    first = gateway("-", stdin=f"{ISA}{ORDER}IEA*1*000000077~").stdout.decode()
    done = gateway("-", stdin=first)
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"nothing in this file is to be answered" in done.stderr


def test_what_cannot_be_answered_is_one_sentence(tmp_path: Path) -> None:
    done = gateway("-", stdin="<Order/>")
    assert done.returncode == 2
    assert done.stderr == b"gateway: only X12 and EDIFACT are acknowledged; this is XML. `gateway inspect` says more\n"
    assert gateway("-", "--as", "CONTRL", stdin=ISA).returncode == 2
    assert gateway(str(tmp_path / "none"), stdin="").returncode == 2
