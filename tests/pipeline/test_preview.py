"""Before something is done again a person reads what follows from it; after it, exactly that has happened."""

from __future__ import annotations

import pytest
from pipeline_road import Road
from road_documents import interchange, order
from sqlalchemy import update

from gateway.pipeline import again, preview
from gateway.store import schema


def said(road: Road, look: str, number: int) -> str:
    with road.store.read() as view:
        shown = getattr(preview, look)(view, number)
    return "\n".join([shown.title, *shown.effects])


def test_an_acknowledgement_that_arrived_is_shown_with_its_numbers_and_sent_twice(road: Road) -> None:
    road.receive(interchange([order()]))
    road.work()
    road.deliver()
    (row,) = road.rows(schema.delivery, kind="envelope")
    shown = said(road, "resend", row.id)
    (envelope,) = road.rows(schema.interchange, direction="out")
    assert f"interchange {envelope.control_number}" in shown
    assert "sees it twice" in shown
    with road.store.begin() as tx:
        again.resend(tx, row.id, by="clerk")
    road.deliver()
    first, second = road.rows(schema.delivery, kind="envelope")
    assert (first.payload_id, second.status) == (second.payload_id, "delivered")


def test_a_document_leads_to_the_delivery_that_carried_it(road: Road) -> None:
    road.receive(interchange([order()]))
    road.work()
    (answer,) = road.rows(schema.document, direction="out")
    (row,) = road.rows(schema.delivery, kind="envelope")
    with road.store.read() as view:
        assert preview.delivery_of(view, answer.id) == row.id
        (came,) = road.rows(schema.document, direction="in")
        with pytest.raises(again.CannotRunAgain, match="was never sent"):
            preview.delivery_of(view, came.id)


def test_a_call_that_has_not_arrived_is_asked_about_first(road: Road) -> None:
    road.receive(interchange([order()]))
    road.work()
    call = next(row for row in road.rows(schema.delivery, kind="call") if row.target == "erp")
    assert "is asked first whether it has it" in said(road, "resend", call.id)


def test_a_used_order_says_that_nothing_is_entered_twice(road: Road) -> None:
    road.receive(interchange([order()]))
    road.work()
    (row,) = road.rows(schema.document, direction="in")
    assert "not entered twice" in said(road, "reprocess_document", row.id)
    with road.store.begin() as tx:
        again.reprocess_document(tx, row.id, by="clerk")
    road.work()
    assert len([row for row in road.rows(schema.delivery, kind="call") if row.target == "erp"]) == 1


def test_a_file_is_shown_with_what_its_interchanges_were(road: Road) -> None:
    receipt = road.receive(interchange([order()], sender="SOMEBODY"))
    road.work()
    shown = said(road, "reprocess_transmission", receipt.transmission_id)
    assert 'sender "SOMEBODY" was quarantined' in shown


@pytest.mark.parametrize("look", ["resend", "reprocess_document", "reprocess_transmission"])
def test_what_is_not_there_is_a_sentence(road: Road, look: str) -> None:
    with road.store.read() as view, pytest.raises(again.CannotRunAgain, match="there is no"):
        getattr(preview, look)(view, 4711)


def test_what_retention_deleted_cannot_be_repeated_and_says_so(road: Road) -> None:
    receipt = road.receive(interchange([order()]))
    road.work()
    road.deliver(kinds=("envelope",))
    (document,) = road.rows(schema.document, direction="in")
    sent = road.rows(schema.delivery, kind="envelope")[0]
    with road.store.begin() as tx:
        tx.execute(update(schema.payload).values(purged_at=tx.now))
    with road.store.begin() as tx, pytest.raises(again.CannotRunAgain, match=r"were deleted on .* send them anew"):
        again.resend(tx, sent.id, by="clerk")
    with (
        road.store.begin() as tx,
        pytest.raises(again.CannotRunAgain, match=f"the bytes of T-{receipt.transmission_id}"),
    ):
        again.reprocess_transmission(tx, receipt.transmission_id, by="clerk")
    with road.store.begin() as tx, pytest.raises(again.CannotRunAgain, match=f"D-{document.id}"):
        again.reprocess_document(tx, document.id, by="clerk")
    assert [row.code for row in road.rows(schema.work_item)] == []
