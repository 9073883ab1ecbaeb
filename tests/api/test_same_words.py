"""One fault, one sentence: the terminal, `--json`, the API and the work item say the same words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from road_documents import interchange, order
from served_site import Site
from typer.testing import CliRunner

from gateway.cli.inspect import app

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def test_a_fault_is_said_in_the_same_words_everywhere(site: Site, tmp_path: Path) -> None:
    broken = [segment for segment in order() if not segment.startswith("BEG")]
    broken[-1] = f"SE*{len(broken)}*0001"
    content = interchange([broken])
    (tmp_path / "po.edi").write_bytes(content)
    said = json.loads(CliRunner().invoke(app, [str(tmp_path / "po.edi"), "--json"]).stdout)
    (finding,) = said["interchanges"][0]["groups"][0]["documents"][0]["findings"]
    assert finding["code"] == "mandatory-segment-missing"

    shown = " ".join(CliRunner().invoke(app, [str(tmp_path / "po.edi")]).stdout.replace("\u2502", " ").split())
    assert finding["message"].rstrip(".") in shown

    name = site.send(content).json()["id"]
    site.road.work()
    (document,) = site.partner.get(f"/partner/v1/transmissions/{name}").json()["documents"]
    (theirs,) = document["findings"]
    (ours,) = site.internal.get(f"/v1/documents/{document['id']}").json()["findings"]
    assert theirs == ours
    assert (theirs["message"], theirs["remedy"]) == (finding["message"], finding["remedy"])
    (item,) = site.internal.get("/v1/exceptions").json()["items"]
    assert finding["message"].rstrip(".") in item["title"]
