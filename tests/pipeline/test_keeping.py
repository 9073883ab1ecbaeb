"""How long bodies are kept, as profiles say it; on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from pipeline_road import Road
from profile_texts import COMPANY, FILES, PARTNER
from road_documents import interchange, order
from sqlalchemy import update

from gateway.partners.book import Book
from gateway.partners.faults import ProfileFaults
from gateway.pipeline import keeping
from gateway.store import payloads, retention, schema
from gateway.store.engine import Record

YEAR = 365 * 86_400_000_000


def saying(company: str = "", partner: str = "") -> Book:
    return Book.from_files({**FILES, COMPANY: FILES[COMPANY] + company, PARTNER: FILES[PARTNER] + partner})


@pytest.mark.parametrize(
    ("company", "partner", "kept"),
    [("", "", None), ("keep: 400d\n", "", 400), ("keep: 400d\n", "keep: 90d\n", 90), ("", "keep: 90d\n", 90)],
)
def test_a_partner_says_it_or_else_our_company(company: str, partner: str, kept: int | None) -> None:
    expected = None if kept is None else timedelta(days=kept)
    assert keeping.keep_of(saying(company, partner), "harbor-pine") == expected


def test_an_owner_without_an_agreement_is_kept_for_ever() -> None:
    assert keeping.keep_of(saying("keep: 400d\n"), "somebody") is None


def test_too_short_is_a_fault() -> None:
    with pytest.raises(ProfileFaults, match="keep them 30d or longer"):
        saying("keep: 7d\n")


def test_what_is_over_its_time_goes_and_its_story_stays(road: Road) -> None:
    road = replace(road, house=replace(road.house, book=lambda: saying(partner="keep: 90d\n")))
    road.receive(interchange([order()]))
    road.work()
    road.deliver()
    keeping.purge(road.house)
    assert {row.purged_at for row in road.rows(schema.payload)} == {None}, "nothing is old yet"
    with road.store.begin() as tx:
        tx.execute(update(schema.payload).values(created_at=tx.now - YEAR))
        tx.execute(update(schema.delivery).values(stage=None, due_at=None))
    with road.store.begin() as tx:
        retention.hold(tx, "harbor-pine", "a dispute", "counsel")
    keeping.purge(road.house)
    assert {row.purged_at for row in road.rows(schema.payload)} == {None}, "a hold forbids it"
    with road.store.begin() as tx:
        (hold,) = retention.holds(tx, "harbor-pine")
        retention.release(tx, hold.id, "counsel")
    keeping.purge(road.house)
    gone = road.rows(schema.payload)
    assert None not in {row.purged_at for row in gone}
    with pytest.raises(payloads.PayloadPurged):
        payloads.read_all(road.store, gone[0].id)
    assert len(road.rows(schema.event)) == 1
    (noted,) = road.rows(schema.audit, action="purge")
    assert noted.subject == "harbor-pine"


def test_what_a_call_is_to_say_is_kept_until_it_was_made(road: Road) -> None:
    """A system that is away for longer than bodies are kept must not get an order without content."""
    road = replace(road, house=replace(road.house, book=lambda: saying(partner="keep: 90d\n")))
    road.receive(interchange([order()]))
    road.work()
    with road.store.begin() as tx:
        tx.execute(update(schema.payload).values(created_at=tx.now - YEAR))
        tx.execute(update(schema.delivery).where(schema.delivery.c.kind != "call").values(stage=None, due_at=None))
    keeping.purge(road.house)
    (asked,) = road.rows(schema.document, kind="order")
    assert road.rows(schema.payload, id=asked.payload_id)[0].purged_at is None
    assert asked.id in {row.document_id for row in canonical(road)}
    with road.store.begin() as tx:
        tx.execute(update(schema.delivery).values(stage=None, due_at=None))
    keeping.purge(road.house)
    assert road.rows(schema.payload, id=asked.payload_id)[0].purged_at is not None


def canonical(road: Road) -> list[Record]:
    with road.store.read() as view:
        return list(view.all(schema.canonical.select()))
