"""Profiles over the API: read with the origin of every line, published with a diff, refused with file and line."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import yaml
from road_documents import interchange, order
from served_site import Site

from gateway.pipeline import answering, house

FOLDER = "/v1/partners/harbor-pine"


@pytest.fixture(autouse=True)
def look_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "LOOK_S", 0.0)
    monkeypatch.setattr(answering, "SEEN_US", 0)


def files(site: Site) -> tuple[dict[str, str], str]:
    answer = site.internal.get(FOLDER)
    return answer.json()["files"], answer.headers["ETag"]


def put(site: Site, said: dict[str, str], etag: str | None, **query: Any) -> httpx.Response:
    headers = {"If-Match": etag} if etag else {}
    return site.admin.put(FOLDER, json={"files": said}, headers=headers, params=query)


def within(said: dict[str, str], hours: str) -> dict[str, str]:
    assert "within: 1h" in said["partner.yaml"]
    return {**said, "partner.yaml": said["partner.yaml"].replace("within: 1h", f"within: {hours}")}


def test_a_partner_is_read_with_the_origin_of_every_line(site: Site) -> None:
    names = [one["name"] for one in site.internal.get("/v1/partners").json()]
    assert "harbor-pine" in names
    whole = site.internal.get(FOLDER).json()
    (orders,) = [one for one in whole["in_force"] if one["name"] == "harbor-pine/orders"]
    (line,) = [one for one in orders["lines"] if one["key"] == "acknowledge.within"]
    assert (line["value"], line["layer"], line["why"]) == ("1h", "partner", "their guide p. 6; retail says 4h")
    place = whole["files"]["partner.yaml"].splitlines()[line["line"] - 1]
    assert "within: 1h" in place
    assert site.internal.get("/v1/partners/harbor").status_code == 404


def test_as_yaml_each_line_has_its_origin_behind_it(site: Site) -> None:
    text = site.internal.get(FOLDER, headers={"Accept": "application/yaml"}).text
    assert yaml.safe_load(text)["harbor-pine/orders"]["acknowledge.within"] == "1h"
    (line,) = [one for one in text.split("harbor-pine/rush-orders:")[0].splitlines() if "acknowledge.within" in one]
    assert line.startswith("  acknowledge.within: 1h  # partner, partners/harbor-pine/partner.yaml:")


def test_a_change_is_shown_then_published_then_nothing_new(site: Site) -> None:
    said, etag = files(site)
    shown = put(site, within(said, "2h"), etag, dry_run=True).json()
    assert not shown["published"]
    (change,) = shown["changes"]
    assert any(line.startswith("+") and "within: 2h" in line for line in change["diff"])
    assert files(site) == (said, etag)
    done = put(site, within(said, "2h"), etag)
    assert (done.status_code, done.json()["published"]) == (200, True)
    assert files(site)[1] == done.headers["ETag"] != etag
    again = put(site, within(said, "2h"), etag)
    assert (again.status_code, again.json()["published"], again.json()["changes"]) == (200, False, [])


def test_nobodys_change_is_lost(site: Site) -> None:
    said, etag = files(site)
    assert put(site, within(said, "2h"), None).status_code == 428
    put(site, within(said, "2h"), etag)
    late = put(site, within(said, "3h"), etag)
    assert (late.status_code, late.json()["type"]) == (412, "urn:gateway:changed-meanwhile")
    assert late.headers["ETag"] == files(site)[1]


def test_faults_are_those_of_gateway_check(site: Site) -> None:
    said, etag = files(site)
    answer = put(site, within(said, "2 hours"), etag)
    assert answer.status_code == 422
    fault = answer.json()["faults"][0]
    assert fault["file"] == "partners/harbor-pine/partner.yaml"
    assert "`2 hours` is no duration" in fault["text"]
    assert "30m, 4h or 2d" in fault["remedy"]
    assert "within: 2 hours" in within(said, "2 hours")["partner.yaml"].splitlines()[fault["line"] - 1]
    assert files(site) == (said, etag)


def test_a_new_partner_needs_no_revision_and_an_admin(site: Site) -> None:
    said = {"partner.yaml": 'name: Copper Lane\nids:\n  x12: ["ZZ:COPPERLANE"]\n'}
    assert site.internal.put("/v1/partners/copper-lane", json={"files": said}).status_code == 403
    made = site.admin.put("/v1/partners/copper-lane", json={"files": said})
    assert (made.status_code, made.json()["published"]) == (201, True)
    assert site.internal.get("/v1/partners/copper-lane").json()["title"] == "Copper Lane"
    assert site.admin.put("/v1/partners/Copper Lane", json={"files": said}).status_code == 422
    stale = site.admin.put("/v1/partners/copper-mine", json={"files": said}, headers={"If-Match": '"x"'})
    assert stale.status_code == 412


def test_a_question_is_answered_and_the_next_one_hears_who_was_faster(site: Site) -> None:
    said, etag = files(site)
    asking = said["partner.yaml"].replace("terms:", "terms:\n  codes: {units: [each]}", 1)
    assert put(site, {**said, "partner.yaml": asking}, etag).status_code == 200
    site.send(interchange([[s.replace("*EA*", "*PK*") for s in order(lines=1)]]))
    site.road.work()
    (item,) = site.internal.get("/v1/exceptions").json()["items"]
    assert item["title"].startswith('Line 1 is ordered in "PK"')
    name, body = f"/v1/exceptions/{item['id']}", {"answer": "6 each", "scope": "partner"}
    assert site.internal.get(name).json() == item
    assert site.other_lane.post(f"{name}/answer", json=body).status_code == 404
    assert site.reader.post(f"{name}/answer", json=body).status_code == 403
    look = site.internal.post(f"{name}/answer", json=body, params={"dry_run": True}).json()
    assert (look["done"], look["title"]) == (False, f"Answer {item['id']}: 1 PK is 6 each")
    wrong = site.internal.post(f"{name}/answer", json={"answer": "six"})
    assert (wrong.status_code, wrong.json()["type"]) == (422, "urn:gateway:no-answer")

    done = site.internal.post(f"{name}/answer", json=body).json()
    assert done["settled"] == [item["id"]]
    site.road.work()
    (found,) = site.internal.get("/v1/orders").json()["items"]
    line = site.internal.get(f"/v1/orders/{found['id']}").json()["order"]["lines"][0]
    assert line["quantity"] == {"value": "144", "unit": "each", "sent": {"value": "24", "unit": "pack"}}
    assert "pack: 6 each" in files(site)[0]["answers.yaml"]
    late = site.internal.post(f"{name}/answer", json=body)
    assert late.status_code == 409
    assert late.json()["detail"].startswith("erp answered this at ")
    assert late.json()["detail"].endswith("1 PK is 6 each. Your answer was not saved.")


def test_a_document_in_our_language_is_sent(site: Site) -> None:
    body = {"partner": "harbor-pine", "kind": "order", "document": {"purpose": "original"}}
    assert site.internal.post("/v1/documents", json={**body, "kind": "ordr"}).status_code == 422
    faults = site.internal.post("/v1/documents", json=body).json()["errors"]
    assert [one["pointer"] for one in faults] == ["/document/order_number", "/document/lines"]
    whole = {**body, "document": {"purpose": "original", "order_number": "PO-1", "lines": []}}
    refused = site.internal.post("/v1/documents", json=whole)
    assert refused.json()["detail"] == "harbor-pine takes no order from us in the production lane."
    invoice = {"invoice_number": "I-1", "invoice_date": "2026-11-20", "lines": [], "total": "0"}
    sent = site.internal.post(
        "/v1/documents",
        json={"partner": "harbor-pine", "kind": "invoice", "document": invoice},
        headers={"Idempotency-Key": "k"},
    )
    assert sent.status_code == 202
    assert site.internal.get(f"/v1/documents/{sent.json()['document']}").json()["kind"] == "invoice"
