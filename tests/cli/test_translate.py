from __future__ import annotations

import json
import subprocess
from pathlib import Path

import command_line

from gateway.canonical import Order, parse

ROOT = Path(__file__).parents[2]
CASES = ROOT / "sample_docs" / "maps"
PLAIN = str(CASES / "x12-850-order" / "plain" / "document.edi")
PACKS = str(CASES / "harbor-pine-850-order" / "inner-packs" / "document.edi")


def gateway(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = command_line.gateway(*arguments)
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode()
    )


def test_a_document_is_printed_in_our_language() -> None:
    done = gateway("translate", PLAIN, "--map", "x12-850-order")
    assert done.returncode == 0, done.stderr
    order = parse(done.stdout)
    assert isinstance(order, Order)
    assert order.order_number == "HP-4471961"


def test_a_partners_agreement_names_the_map() -> None:
    done = gateway("translate", PACKS, "--partner", "harbor-pine")
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)["lines"][0]
    assert line["quantity"] == {"value": "60", "unit": "each", "sent": {"value": "10", "unit": "inner-pack"}}


def test_it_goes_on_to_another_format_and_says_what_is_lost() -> None:
    done = gateway("translate", PLAIN, "--map", "x12-850-order", "--to", "xml")
    assert done.returncode == 0, done.stderr
    assert "<cbc:ID>HP-4471961</cbc:ID>" in done.stdout
    assert "not carried by xml-ubl-order: requested_ship" in done.stderr


def test_csv_goes_in_and_what_x12_needs_beside_it_is_said() -> None:
    """The 3PL's file has no time of creation, which an 856 cannot be without: nothing half is printed."""
    file = str(CASES / "csv-3pl-shipment" / "two-orders" / "document.csv")
    done = gateway("translate", file, "--map", "csv-3pl-shipment", "--to", "x12-856-shipment")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "BSN-03" in done.stderr
    onward = gateway("translate", file, "--map", "csv-3pl-shipment", "--to", "csv")
    assert onward.stdout.splitlines()[1].startswith("L-5001;10.03.2026;ROAD;B-5510;")


def test_what_cannot_be_done_is_said_in_a_sentence() -> None:
    for arguments, said in (
        ((PLAIN,), "--partner P, or which map"),
        ((PLAIN, "--map", "nobody"), "there is no map nobody"),
        ((PLAIN, "--map", "x12-856-shipment"), "reads x12/004010/856, and this is a 850"),
        ((PLAIN, "--map", "x12-850-order", "--to", "x12"), "maps write order as x12"),
        ((PLAIN, "--partner", "nobody"), "there is no partner nobody"),
        (("Makefile", "--map", "x12-850-order"), "has no ISA segment"),
        ((PLAIN, "--map", "x12-850-order", "--maps", "nowhere"), "there is no folder of maps nowhere"),
    ):
        done = gateway("translate", *arguments)
        assert done.returncode == 2, arguments
        assert said in done.stderr, done.stderr


def test_values_no_map_can_carry_are_all_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.edi"
    text = Path(PLAIN).read_text().replace("*48*EA", "*many*EA").replace("*20260302~", "*20261302~")
    broken.write_text(text)
    done = gateway("translate", str(broken), "--map", "x12-850-order")
    assert done.returncode == 1
    assert "BEG05 at 2: order_date = '20261302'" in done.stderr
    assert "PO102 at 6: lines.quantity.value = 'many'" in done.stderr
