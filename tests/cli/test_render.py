from __future__ import annotations

import subprocess
from pathlib import Path

import command_line

ROOT = Path(__file__).parents[2]
CASES = ROOT / "sample_docs" / "maps"
REJECTED = str(CASES / "x12-855-order-response" / "rejected" / "canonical.json")


def gateway(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = command_line.gateway(*arguments)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_canonical_document_is_written_as_a_set() -> None:
    done = gateway("render", REJECTED, "--map", "x12-855-order-response")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["ST*855*0001~", "BAK*00*RD*HP-4471961*20260302****SO-88121*20260302~"]
    assert lines[-1] == "SE*6*0001~"


def test_a_partners_agreement_names_the_map_and_the_order_is_echoed(tmp_path: Path) -> None:
    order = tmp_path / "order.json"
    plain = str(CASES / "x12-850-order" / "plain" / "document.edi")
    order.write_text(gateway("translate", plain, "--map", "x12-850-order").stdout)
    for document in (("--document", "855"), ("--document", "order-response"), ()):
        done = gateway("render", REJECTED, "--partner", "harbor-pine", *document, "--answers", str(order))
        assert done.returncode == 0, done.stderr
        assert "REF*DP*0388~" in done.stdout.splitlines()


def test_what_the_guide_refuses_is_said_and_fails(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(Path(REJECTED).read_text().replace(' "order_date": "2026-03-02",\n', ""))
    done = gateway("render", str(bad), "--map", "x12-855-order-response")
    assert done.returncode == 1
    assert "BAK-04" in done.stderr


def test_what_cannot_be_done_is_said_in_a_sentence(tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.json"
    nonsense.write_text('{"kind": "order", "order_nubmer": "1"}')
    garbage = tmp_path / "garbage.json"
    garbage.write_text("{")
    for arguments, said in (
        ((REJECTED,), "--partner P --document D, or which map"),
        ((REJECTED, "--map", "x12-856-shipment"), "carries shipment, and this is of kind order-response"),
        ((REJECTED, "--partner", "harbor-pine", "--document", "940"), "takes from us no 940"),
        ((str(nonsense), "--map", "x12-850-order"), "order_nubmer: Extra inputs"),
        ((str(garbage), "--map", "x12-850-order"), "is not JSON"),
        (("pyproject.toml", "--map", "x12-850-order"), "is not JSON"),
    ):
        done = gateway("render", *arguments)
        assert done.returncode == 2, arguments
        assert said in done.stderr, done.stderr
