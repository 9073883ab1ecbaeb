"""A question is listed, its answer shown before it is given, and `apply` keeps what people answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pipeline_road import Road
from road_documents import interchange, order

from cli.deployments import Deployment
from gateway.cli.answer import app
from gateway.cli.apply import app as apply
from gateway.cli.items import app as items
from gateway.cli.opening import opened_store
from gateway.cli.partner import app as partner
from gateway.pipeline.house import Furniture

PROFILE = "partners/harbor-pine/partner.yaml"


@pytest.fixture
def asked(deployment: Deployment) -> Deployment:
    """An order in a unit nobody counted, stopped as W-1."""
    deployment.edit(PROFILE, "terms:", "terms:\n  codes: {units: [each]}")
    assert deployment.run(apply, "--yes").exit_code == 0
    with opened_store() as store:
        furniture = Furniture(store)
        road = Road(store, furniture.house(), Path("sent"))
        road.receive(interchange([[s.replace("*EA*", "*PK*") for s in order(lines=1)]]))
        road.work()
        furniture.close()
    return deployment


def test_what_is_asked_is_listed(asked: Deployment) -> None:
    done = asked.run(app)
    assert 'W-1  Line 1 is ordered in "PK"' in done.output
    assert "Answer how many each 1 PK is" in done.output
    assert json.loads(asked.run(app, "--json").stdout)["id"] == "W-1"


def test_everything_that_waits_is_shown_in_plain_words_and_settled_under_a_name(asked: Deployment) -> None:
    done = asked.run(items)
    assert "Waits for a person: 1." in done.output
    for words in (
        'W-1  Line 1 is ordered in "PK"',
        "Where: 850",
        "Why it matters:",
        "Who mends it:",
        "gateway answer W-1",
    ):
        assert words in done.output
    (plain,) = map(json.loads, asked.run(items, "--json", "--lane", "production").stdout.splitlines())
    assert (plain["id"], plain["status"], plain["settled_at"]) == ("W-1", "open", None)
    assert asked.run(items, "--json", "--lane", "test").stdout == ""
    assert asked.run(items, "--settle").exit_code == 2
    assert "there is no work item W-9" in asked.run(items, "W-1", "W-9", "--settle").output
    assert "Waits for a person: 1." in asked.run(items).output
    assert "(command line)." in asked.run(items, "W-1", "--settle").output
    assert "Nothing waits for a person." in asked.run(items).output


def test_an_answer_is_shown_first_and_kept_by_the_next_apply(asked: Deployment) -> None:
    look = asked.run(app, "W-1", "6 each", "--scope", "partner")
    assert look.exit_code == 1
    assert "From now on it holds for every document of harbor-pine, in both lanes." in look.output
    assert "Nothing was done." in look.output
    done = asked.run(app, "W-1", "6 each", "--scope", "partner", "--yes")
    assert "Saved: 1 PK is 6 each. Running again: D-1." in done.output
    assert "Nothing waits for an answer." in asked.run(app).output

    assert "Nothing to publish" in asked.run(apply, "--yes").output
    exported = asked.run(partner, "export", "harbor-pine")
    assert "new: partners/harbor-pine/answers.yaml" in exported.output
    assert "pack: 6 each  # " in (asked.folder / "partners/harbor-pine/answers.yaml").read_text()
    assert "says already what is published" in asked.run(partner, "export", "harbor-pine").output
    assert "partners/harbor-pine/answers.yaml:" in asked.run(partner, "codes", "harbor-pine").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("W-1",), "write the answer"),
        (("W-1", "six"), "write how many each one is"),
        (("W-9", "6 each"), "there is no work item W-9"),
        (("W-1", "--release"), "W-1 asks"),
        (("D-1", "6 each"), "is not an id for this"),
    ],
)
def test_what_is_no_answer_is_a_sentence(asked: Deployment, arguments: tuple[str, ...], said: str) -> None:
    done = asked.run(app, *arguments, "--yes")
    assert done.exit_code == 2
    assert said in done.output


def test_a_table_of_codes_comes_as_csv(deployment: Deployment, tmp_path: Path) -> None:
    table = tmp_path / "units.csv"
    table.write_text("word,code,what it is\ncase,CS,a carton of theirs\ncase,CA,the old code\n")
    done = deployment.run(partner, "codes", "harbor-pine", "--import", str(table), "--table", "unit")
    assert done.exit_code == 0, done.output
    listed = deployment.run(partner, "codes", "harbor-pine", "--json").stdout.splitlines()
    assert json.loads(listed[0]) == {
        "table": "unit",
        "word": "case",
        "code": "CS CA",
        "file": "partners/harbor-pine/codes/unit.csv:2",
    }
    assert deployment.run(apply, "--yes").exit_code == 0
    assert deployment.run(partner, "codes", "harbor-pine", "--table", "zone").stdout == ""


@pytest.mark.parametrize(
    ("text", "table", "said"),
    [
        ("code,word\nCS,case\n", "unit", "codes/unit.csv:1: the first row of a code table must be its heading"),
        ("word,code\ncase,\n", "unit", "codes/unit.csv:2: a row of a code table needs both cells"),
        ("word,code\ncase,CS\nbox,CS\n", "unit", "CS is both case and box"),
        ("word,code\ncase,CS\n", "unitt", "no map of theirs has a code table `unitt`"),
    ],
)
def test_a_csv_with_a_mistake_is_not_written(
    deployment: Deployment, tmp_path: Path, text: str, table: str, said: str
) -> None:
    file = tmp_path / "units.csv"
    file.write_text(text)
    done = deployment.run(partner, "codes", "harbor-pine", "--import", str(file), "--table", table)
    assert done.exit_code == 2
    assert said in done.output
    assert not (deployment.folder / f"partners/harbor-pine/codes/{table}.csv").exists()
