from __future__ import annotations

import json
import shutil

from cli.deployments import Deployment
from gateway.cli.test import app


def test_the_maps_of_a_partner(deployment: Deployment) -> None:
    done = deployment.run(app, "harbor-pine", "--documents", "3", "--maps-only")
    assert done.exit_code == 0, done.output
    assert "5 of 5 maps hold." in done.output


def test_a_wrong_meaning_is_caught_by_a_case(deployment: Deployment) -> None:
    deployment.edit("maps/x12-810-invoice.yaml", "BIG02", "BIG04")
    done = deployment.run(app, "x12-810-invoice", "--documents", "1")
    assert done.exit_code == 1
    assert "0 of 1 maps hold." in done.output


def test_a_map_without_a_case_does_not_hold(deployment: Deployment) -> None:
    shutil.rmtree(deployment.folder / "sample_docs/maps/x12-810-invoice")
    done = deployment.run(app, "x12-810-invoice", "--documents", "1", "--json")
    said = json.loads(done.stdout)
    assert (said["good"], said["cases"]) == (False, 0)


def test_an_unknown_name_is_a_sentence(deployment: Deployment) -> None:
    done = deployment.run(app, "x12-810-invoic")
    assert done.exit_code == 2
    assert "did you mean x12-810-invoice" in done.output


def test_a_partner_whose_profile_has_faults_is_not_unknown(deployment: Deployment) -> None:
    (deployment.folder / "partners/harbor-pine/partner.yaml").write_text("name: [\n", "utf-8")
    done = deployment.run(app, "harbor-pine", "--maps-only")
    assert done.exit_code == 2
    assert "harbor-pine/partner.yaml:1: a value is missing" in done.output
