from __future__ import annotations

import json

import pytest

from cli.deployments import Deployment
from gateway.cli.check import app

PARTNER = "partners/harbor-pine/partner.yaml"


def test_no_faults_is_exit_code_0(deployment: Deployment) -> None:
    done = deployment.run(app)
    assert done.exit_code == 0
    assert "no faults" in done.output


def test_a_fault_is_exit_code_1_with_place_and_remedy(deployment: Deployment) -> None:
    deployment.edit(PARTNER, "our: northwind", "our: northwynd")
    done = deployment.run(app)
    assert done.exit_code == 1
    assert f"{PARTNER}:17: there is no company `northwynd`\n    did you mean northwind?" in done.output
    assert "1 fault." in done.output


def test_json_for_scripts(deployment: Deployment) -> None:
    deployment.edit("maps/x12-810-invoice.yaml", "document: x12/004010/810", "document: x12/004010/81O")
    said = json.loads(deployment.run(app, "--json").stdout)
    others = "partners/juniper-row/partner.yaml"
    assert {fault["file"] for fault in said["faults"]} == {"maps/x12-810-invoice.yaml", PARTNER, others}
    assert all(fault["line"] >= 1 and fault["remedy"] for fault in said["faults"] if fault["file"] == PARTNER)


def test_paths_choose_what_is_reported(deployment: Deployment) -> None:
    deployment.edit(PARTNER, "our: northwind", "our: northwynd")
    assert deployment.run(app, "partners/northwind", "maps").exit_code == 0
    assert deployment.run(app, "partners/harbor-pine").exit_code == 1
    assert deployment.run(app, PARTNER).exit_code == 1
    assert deployment.run(app, ".").exit_code == 1


def test_a_path_outside_is_refused_with_a_sentence(deployment: Deployment) -> None:
    done = deployment.run(app, "/etc")
    assert done.exit_code == 2
    assert "/etc is neither in partners nor in maps" in done.output


@pytest.mark.parametrize("file", ["company", "partner", "connections", "industry"])
def test_the_schema_for_an_editor(deployment: Deployment, file: str) -> None:
    assert json.loads(deployment.run(app, "--schema", file).stdout)["title"] == file


def test_without_profiles_it_says_where_they_belong(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PARTNERS", "elsewhere")
    done = deployment.run(app)
    assert done.exit_code == 2
    assert "elsewhere is no folder" in done.output
