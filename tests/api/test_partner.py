"""The partner API: what a partner sends is stored before it is answered, and a partner sees only its own."""

from __future__ import annotations

import pytest
from road_documents import interchange, order
from served_site import Site
from sqlalchemy import update

from gateway.api import door
from gateway.store import schema


def test_a_file_is_stored_before_it_is_answered(site: Site) -> None:
    answer = site.send()
    assert answer.status_code == 202
    assert answer.json()["id"].startswith("T-")
    assert answer.headers["Location"] == answer.json()["location"]
    assert len(site.road.rows(schema.transmission)) == 1


def test_its_status_says_what_became_of_it(site: Site) -> None:
    location = site.send().json()["location"]
    assert site.partner.get(location).json()["status"] == "received"
    site.road.work()
    status = site.partner.get(location).json()
    assert (status["status"], status["documents"][0]["business_key"]) == ("done", "HP-1001")


def test_the_same_idempotency_key_stores_once(site: Site) -> None:
    first = site.send(**{"Idempotency-Key": "a1"}).json()
    second = site.send(**{"Idempotency-Key": "a1"}).json()
    assert (second["id"], second["repeated"]) == (first["id"], True)
    assert len(site.road.rows(schema.transmission)) == 1


def test_the_same_key_with_another_file_loses_nothing(site: Site) -> None:
    site.send(interchange([order("HP-1")], number=1), **{"Idempotency-Key": "a1"})
    site.send(interchange([order("HP-2")], number=2), **{"Idempotency-Key": "a1"})
    assert len(site.road.rows(schema.transmission)) == 2


def test_what_we_cannot_read_is_kept_and_said(site: Site) -> None:
    answer = site.send(b"\x00\x01\x02 nothing of sense")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:gateway:unreadable"
    assert len(site.road.rows(schema.transmission)) == 1


@pytest.mark.parametrize("declared", [True, False])
def test_too_large_is_refused_and_stored_nowhere(site: Site, declared: bool) -> None:
    body = b"x" * 300_000
    content = body if declared else iter([body[:150_000], body[150_000:]])
    answer = site.partner.post("/partner/v1/documents", content=content)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:gateway:too-large")
    assert site.road.rows(schema.transmission) == []


def test_nothing_at_all_is_refused(site: Site) -> None:
    assert site.partner.post("/partner/v1/documents", content=b"").status_code == 422


@pytest.mark.parametrize("token", ["", "Bearer gw_live_wrong", "Basic abc"])
def test_without_a_valid_key_there_is_401(site: Site, token: str) -> None:
    answer = site.partner.post("/partner/v1/documents", content=b"ISA", headers={"Authorization": token})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_partner_sees_nothing_of_another(site: Site) -> None:
    receipt = site.send().json()
    site.road.work()
    (mine,) = site.partner.get("/partner/v1/documents", params={"direction": "in"}).json()["items"]
    assert site.partner.get(f"/partner/v1/documents/{mine['id']}/content").content.startswith(b"ST*850")
    for path in (f"documents/{mine['id']}", f"documents/{mine['id']}/content"):
        assert site.stranger.get(f"/partner/v1/{path}").status_code == 404
    assert site.stranger.get("/partner/v1/documents").json()["items"] == []
    assert site.stranger.get(receipt["location"]).status_code == 403  # it has no connection at all


@pytest.mark.parametrize("other", [{"partner": "summit"}, {"lane": "test"}, {"released": False}])
def test_a_key_sees_its_partner_its_lane_and_what_is_released(site: Site, other: dict[str, object]) -> None:
    """A network's connection carries many partners, a partner has two lanes, and a file is read before it counts."""
    receipt = site.send().json()
    site.road.work()
    (mine,) = site.partner.get("/partner/v1/documents", params={"direction": "in"}).json()["items"]
    with site.road.store.begin() as tx:
        tx.execute(update(schema.document).values(**other))
        if "lane" in other:
            tx.execute(update(schema.transmission).values(**other))
    assert site.partner.get("/partner/v1/documents").json()["items"] == []
    for path in (f"documents/{mine['id']}", f"documents/{mine['id']}/content"):
        assert site.partner.get(f"/partner/v1/{path}").status_code == 404
    status = site.partner.get(receipt["location"])
    assert status.json()["documents"] == [] if "released" in other else status.status_code == 404


def test_what_came_over_another_connection_and_what_we_write_are_not_shown(site: Site) -> None:
    receipt = site.send().json()
    site.road.work()
    (ours,) = site.partner.get("/partner/v1/documents", params={"direction": "out"}).json()["items"]
    assert site.partner.get(f"/partner/v1/documents/{ours['id']}").status_code == 200
    assert site.partner.get(f"/partner/v1/documents/{ours['id']}/content").status_code == 404
    with site.road.store.begin() as tx:
        tx.execute(update(schema.transmission).values(connection="elsewhere"))
    assert site.partner.get(receipt["location"]).status_code == 404


def test_a_partners_key_opens_no_internal_door(site: Site) -> None:
    assert site.partner.get("/v1/orders").status_code == 403
    assert site.partner.get("/v1/exceptions").status_code == 403


def test_a_revoked_key_opens_nothing_once_it_is_looked_up_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert site.send().status_code == 202
    with site.road.store.begin() as tx:
        tx.execute(update(schema.api_key).values(revoked_at=tx.now))
    monkeypatch.setattr(door, "LOOK_S", 0.0)
    assert site.send().status_code == 401
