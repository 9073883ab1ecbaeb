from __future__ import annotations

import json

import pytest

from cli.deployments import Deployment
from gateway.cli.check import app as check
from gateway.cli.partner import app
from gateway.partners.skeleton import WORDS


@pytest.mark.parametrize("template", WORDS)
def test_a_new_partner_is_without_faults(deployment: Deployment, template: str) -> None:
    done = deployment.run(app, "new", "cedar-cove", "--template", template, "--title", "Cedar Cove")
    assert done.exit_code == 0, done.output
    assert "partners/cedar-cove/partner.yaml" in done.output
    assert "name: Cedar Cove" in (deployment.folder / "partners/cedar-cove/partner.yaml").read_text()
    assert deployment.run(check).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("Cedar Cove",), "is no name"),
        (("harbor-pine",), "is there already"),
        (("northwind2", "--our", "nobody"), "there is no company 'nobody' of ours"),
        (("../x",), "is no name"),
    ],
)
def test_what_cannot_be_made_is_not_made(deployment: Deployment, arguments: tuple[str, ...], said: str) -> None:
    before = sorted(deployment.folder.rglob("*"))
    done = deployment.run(app, "new", *arguments)
    assert done.exit_code == 2
    assert said in done.output
    assert sorted(deployment.folder.rglob("*")) == before


def test_with_two_companies_one_must_be_named(deployment: Deployment) -> None:
    other = deployment.folder / "partners/southwind"
    other.mkdir()
    (other / "company.yaml").write_text("name: S\nids: {x12: ['ZZ:SOUTHWIND']}\nzone: America/Chicago\n")
    assert "--our NAME" in deployment.run(app, "new", "cedar-cove").output
    assert deployment.run(app, "new", "cedar-cove", "--our", "southwind").exit_code == 0


def test_explain_names_layer_file_line_and_reason(deployment: Deployment) -> None:
    done = deployment.run(app, "explain", "harbor-pine/orders")
    assert done.exit_code == 0
    line = next(line for line in done.output.splitlines() if "acknowledge.within" in line)
    assert line.split()[1:3] == ["1h", "partner"]
    assert "partners/harbor-pine/partner.yaml:12" in line
    assert "(their guide p. 6; retail says 4h)" in line
    assert "presets/standard.yaml:6" in done.output
    assert "confirm" not in done.output  # a term of what we send


def test_explain_shows_each_line_of_a_map_and_which_file_says_it(deployment: Deployment) -> None:
    done = deployment.run(app, "explain", "harbor-pine/orders", "--maps")
    said = {line.strip().rpartition("  ")[0].strip(): line.rpartition("  ")[2] for line in done.output.splitlines()}
    assert said["BEG03: order_number"].startswith("maps/x12-850-order.yaml:")
    assert said["REF[01=19]02: department"].startswith("maps/harbor-pine-850-order.yaml:")
    assert said["DTM02: date"].startswith("maps/x12-common.yaml:")
    assert "REF[01=DP]02: department" not in said  # laid over
    told = deployment.run(app, "explain", "harbor-pine/orders", "--maps", "--json").output.splitlines()
    lines = [line for line in map(json.loads, told) if line.get("map")]
    assert {"map": "harbor-pine-850-order", "key": "BEG03: order_number", "file": said["BEG03: order_number"]} in lines


def test_explain_only_what_differs_from_the_standard(deployment: Deployment) -> None:
    done = deployment.run(app, "explain", "harbor-pine", "--changed")
    assert "standard.yaml" not in done.output
    assert done.output.count("we receive") == 4
    assert done.output.count("we send") == 6


def test_explain_for_scripts(deployment: Deployment) -> None:
    rows = [json.loads(line) for line in deployment.run(app, "explain", "harbor-pine", "--json").stdout.splitlines()]
    assert {"agreement", "key", "value", "layer", "file", "line", "why"} == set(rows[0])


@pytest.mark.parametrize(
    ("name", "said"), [("harbor-pin", "did you mean harbor-pine?"), ("harbor-pine/order", "did you mean orders")]
)
def test_explain_of_nothing_names_the_nearest(deployment: Deployment, name: str, said: str) -> None:
    done = deployment.run(app, "explain", name)
    assert done.exit_code == 2
    assert said in done.output


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (b"wort,code\ncase,CS\n", "unit.csv:1: the first row of a code table must be its heading"),
        (b"word,code\ncase,\n", "unit.csv:2: a row of a code table needs both cells"),
        (b"word,code\n", "unit.csv:1: a code table without a row"),
        (b"word,code\ncase,CS\nbox,CS\n", "CS is both case and box"),
        (b"word,code\ncase,CS\ncaf\xe9,CF\n", "unit.csv:3: byte E9 is no UTF-8 text"),
    ],
)
def test_a_code_table_with_a_bad_row_is_not_imported(deployment: Deployment, rows: bytes, said: str) -> None:
    (deployment.folder / "theirs.csv").write_bytes(rows)
    table = ("--table", "unit", "--import", str(deployment.folder / "theirs.csv"))
    done = deployment.run(app, "codes", "harbor-pine", *table)
    assert done.exit_code == 2
    assert said in done.output
    assert not (deployment.folder / "partners/harbor-pine/codes").exists()


def test_a_code_table_is_imported_from_csv(deployment: Deployment) -> None:
    (deployment.folder / "theirs.csv").write_bytes(b"\xef\xbb\xbfword,code\r\ncase,CS\r\npack,PK\r\n")
    table = ("--table", "unit", "--import", str(deployment.folder / "theirs.csv"))
    assert "2 rows" in deployment.run(app, "codes", "harbor-pine", *table).output
    told = deployment.run(app, "codes", "harbor-pine", "--json").output.splitlines()
    assert [(one["word"], one["code"]) for one in map(json.loads, told)] == [("case", "CS"), ("pack", "PK")]
    assert deployment.run(check).exit_code == 0


def test_a_code_table_is_imported_as_a_spreadsheet_of_europe_saves_it(deployment: Deployment) -> None:
    (deployment.folder / "theirs.csv").write_bytes(b"\xef\xbb\xbfword;code;note\r\ncase;CS;a, b\r\n")
    table = ("--table", "unit", "--import", str(deployment.folder / "theirs.csv"))
    assert "1 row." in deployment.run(app, "codes", "harbor-pine", *table).output
    (told,) = map(json.loads, deployment.run(app, "codes", "harbor-pine", "--json").output.splitlines())
    assert (told["word"], told["code"]) == ("case", "CS")
