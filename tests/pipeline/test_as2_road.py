"""What leaves over AS2, from the envelope to the receipt that ends it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from as2_pair import Entropy
from as2_partner import As2Partner, How, as2_partner
from as2_site import OURS, THEIRS, As2Site, as2_site, certificates
from road_documents import interchange, order

from gateway.as2.disposition import AuthenticationFailed, Disposition, UnexpectedProcessingError
from gateway.as2.identity import OurIdentity, OwnCertificate, TheirIdentity
from gateway.as2.mdn import Mdn, make_mdn
from gateway.as2.message import Mic
from gateway.as2.partnership import Partnership
from gateway.pipeline import again, preview
from gateway.pipeline.trace import trace
from gateway.store import payloads, retention, schema
from gateway.store.engine import Record, Store
from gateway.worker.road import deliveries

Pair = tuple[OwnCertificate, OwnCertificate]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def pair() -> Pair:
    return certificates()


@pytest.fixture
def partner(pair: Pair) -> Iterator[As2Partner]:
    """Harbor & Pine's server. It opens what we send with what it knows of us."""
    with as2_partner(Partnership(OurIdentity(THEIRS, (pair[1],)), TheirIdentity(OURS, (pair[0],)))) as served:
        yield served


@pytest.fixture
def site(store: Store, pair: Pair, partner: As2Partner, tmp_path: Path) -> Iterator[As2Site]:
    with as2_site(store, tmp_path, *pair, url=partner.url) as served:
        yield served


@pytest.fixture
def later(store: Store, pair: Pair, partner: As2Partner, tmp_path: Path) -> Iterator[As2Site]:
    """The same, with receipts that are posted."""
    settings = {"receipt": "async", "receipt_url": "https://edi.northwind.example/as2"}
    with as2_site(store, tmp_path, *pair, url=partner.url, **settings) as served:
        yield served


def owe_an_answer(site: As2Site) -> None:
    """An order has come in, and its 997 is owed over AS2."""
    site.send(interchange([order()]))
    site.road.work()


def delivery(site: As2Site) -> Record:
    (row,) = site.road.rows(schema.delivery, kind="envelope")
    return row


def message(site: As2Site) -> Record:
    with site.road.store.read() as view:
        (row,) = view.all(schema.as2_message.select())
    return row


def standing(site: As2Site) -> tuple[str, str, str]:
    """Of the delivery, of its message, of its document."""
    (answer,) = site.road.rows(schema.document, direction="out")
    return delivery(site).status, message(site).standing, answer.status


def items(site: As2Site, *, settled: bool = False) -> list[str]:
    return [row.code for row in site.road.rows(schema.work_item) if (row.settled_at is not None) == settled]


def time_passes(site: As2Site) -> None:
    """Whatever waits for its time is due."""
    with site.road.store.begin() as tx:
        tx.execute(schema.delivery.update().where(schema.delivery.c.due_at.is_not(None)).values(due_at=tx.now))


def post(site: As2Site, partner: As2Partner, mdn: Mdn) -> int:
    """The partner posts a receipt, and it is worked."""
    status = partner.post(f"{site.address}/as2", mdn)
    site.road.work()
    return status


def receipt(partner: As2Partner, disposition: Disposition, mic: Mic | None = None, **changed: Any) -> Mdn:
    """A receipt for the last message that says something else than it should."""
    got = partner.received[-1]
    assert got.head is not None
    head = replace(got.head, **changed)
    now = datetime.now(UTC)
    our, name = partner.side.our, f"<{disposition.modifier}@hp>"
    return make_mdn(head, disposition, our=our, mic=mic, text="", message_id_=name, now=now, entropy=Entropy(name))


# --- packing and trying -------------------------------------------------------------------------------------------


def test_a_997_goes_out_and_its_receipt_ends_it(site: As2Site, partner: As2Partner) -> None:
    owe_an_answer(site)
    site.road.deliver()
    assert standing(site) == ("delivered", "acknowledged", "sent")
    (sent,) = partner.documents
    assert sent == payloads.read_all(site.road.store, delivery(site).payload_id)
    assert b"ST*997*" in sent
    assert partner.owed().body in payloads.read_all(site.road.store, message(site).receipt_payload_id)
    assert items(site) == []


def test_the_message_is_stored_before_the_first_try_and_every_try_is_the_same(
    site: As2Site, partner: As2Partner
) -> None:
    partner.how = [How.BROKEN, How.LOSES]
    owe_an_answer(site)
    stored = payloads.read_all(site.road.store, message(site).payload_id)
    assert delivery(site).attempts == 0
    for _ in range(3):
        time_passes(site)
        site.road.deliver()
    assert len(partner.came) == 3
    assert len({body for _, body in partner.came}) == 1
    assert set(partner.message_ids) == {message(site).message_id}
    assert stored.endswith(b"\r\n\r\n" + partner.came[0][1])
    assert standing(site) == ("delivered", "acknowledged", "sent")


def test_what_is_not_ended_yet_outlives_its_retention(later: As2Site, partner: As2Partner) -> None:
    owe_an_answer(later)
    later.road.deliver()
    retention.purge(later.road.store, "harbor-pine", 2**60)
    time_passes(later)
    later.road.deliver()
    assert partner.came[1] == partner.came[0]
    post(later, partner, partner.owed())
    retention.purge(later.road.store, "harbor-pine", 2**60)
    with pytest.raises(payloads.PayloadPurged):
        payloads.read_all(later.road.store, message(later).payload_id)


def test_mics_are_kept_in_every_digest_a_receipt_may_name(site: As2Site) -> None:
    owe_an_answer(site)
    assert sorted(json.loads(message(site).mics)) == ["sha256", "sha384", "sha512"]


def test_without_a_certificate_it_waits_and_a_person_is_asked(
    store: Store, pair: Pair, partner: As2Partner, tmp_path: Path
) -> None:
    over = {"our_certificates": [{"certificate": f"file:{tmp_path}/ours.pem", "key": f"file:{tmp_path}/ours.key"}]}
    with as2_site(store, tmp_path, *pair, url=partner.url, **over) as site:
        site.send(interchange([order()]))
        key = (tmp_path / "ours.key").read_text()
        (tmp_path / "ours.key").unlink()
        site.forget_certificates()
        site.road.work()
        assert (delivery(site).stage, delivery(site).status) == ("pack", "due")
        assert items(site) == ["as2-cannot-pack"]
        assert delivery(site).due_at > site.road.rows(schema.document)[0].received_at + 5_000_000
        (tmp_path / "ours.key").write_text(key)
        time_passes(site)
        site.road.work()
        site.road.deliver()
        assert standing(site) == ("delivered", "acknowledged", "sent")
        assert items(site) == []


def test_a_connection_that_became_as2_packs_what_was_owed_before(site: As2Site, partner: As2Partner) -> None:
    owe_an_answer(site)
    with site.road.store.begin() as tx:
        tx.execute(schema.as2_message.delete())
    site.road.deliver()
    assert standing(site) == ("delivered", "acknowledged", "sent")


# --- receipts in the answer ---------------------------------------------------------------------------------------


def test_a_refusal_that_is_believed_is_for_a_person(site: As2Site, partner: As2Partner, pair: Pair) -> None:
    stranger = certificates()[0]
    partner.side = replace(partner.side, their=replace(partner.side.their, certificates=(stranger,)))
    owe_an_answer(site)
    site.road.deliver()
    assert standing(site) == ("rejected", "refused", "undelivered")
    assert items(site) == ["as2-not-taken"]
    (item,) = site.road.rows(schema.work_item)
    assert "authentication-failed" in item.title
    partner.side = replace(partner.side, their=replace(partner.side.their, certificates=(pair[0],)))
    with site.road.store.begin() as tx:
        anew = again.resend(tx, delivery(site).id, by="lena")
    site.road.work()
    site.road.deliver()
    assert len(set(partner.message_ids)) == 2, "a new message: they refused the old one"
    assert partner.documents == [payloads.read_all(site.road.store, delivery_of(site, anew).payload_id)]
    assert [row.status for row in site.road.rows(schema.document, direction="out")] == ["sent"]
    assert items(site) == []


def delivery_of(site: As2Site, number: int) -> Record:
    (row,) = site.road.rows(schema.delivery, id=number)
    return row


def test_a_receipt_by_nobody_we_know_is_no_receipt(site: As2Site, partner: As2Partner, pair: Pair) -> None:
    """Rule 4: tried on, and a person is asked at once; when their new certificate is loaded it settles itself."""
    owe_an_answer(site)
    partner.signs_with = certificates()[1]
    site.road.deliver()
    assert delivery(site).status == "due"
    assert message(site).standing is None
    assert items(site) == ["as2-receipt-doubted"]
    partner.signs_with = pair[1]
    time_passes(site)
    site.road.deliver()
    assert standing(site) == ("delivered", "acknowledged", "sent")
    assert items(site) == []
    assert items(site, settled=True) == ["as2-receipt-doubted"]


def test_their_own_failure_is_tried_again(site: As2Site, partner: As2Partner) -> None:
    owe_an_answer(site)
    partner.says = [UnexpectedProcessingError.disposition]
    site.road.deliver()
    assert delivery(site).status == "due"
    time_passes(site)
    site.road.deliver()
    assert standing(site) == ("delivered", "acknowledged", "sent")


def test_a_receipt_without_the_mic_of_our_bytes_proves_nothing(site: As2Site, partner: As2Partner) -> None:
    """As django-pyas2 answers a repetition: `duplicate-document`, and no MIC."""
    owe_an_answer(site)
    partner.says = [Disposition("processed", "warning", "duplicate-document")]
    site.road.deliver()
    assert standing(site) == ("rejected", "unproven", "undelivered")
    assert items(site) == ["as2-receipt-unproven"]


# --- receipts that are posted -------------------------------------------------------------------------------------


def test_a_receipt_that_is_posted_ends_it_once(later: As2Site, partner: As2Partner) -> None:
    owe_an_answer(later)
    later.road.deliver()
    assert standing(later) == ("receipt-owed", None, "wrapped")
    assert delivery(later).due_at - message(later).made_at > 1_700_000_000, "half an hour"
    assert post(later, partner, partner.owed()) == 200
    assert standing(later) == ("delivered", "acknowledged", "sent")
    assert delivery(later).stage is None
    before = later.road.rows(schema.document), delivery(later)
    assert post(later, partner, partner.owed()) == 200
    assert (later.road.rows(schema.document), delivery(later)) == before
    assert items(later) == []


def test_a_receipt_is_stored_before_it_is_answered(later: As2Site, partner: As2Partner) -> None:
    owe_an_answer(later)
    later.road.deliver()
    assert partner.post(f"{later.address}/as2", partner.owed()) == 200
    (row,) = later.road.rows(schema.transmission, stage="settle")
    assert payloads.read_all(later.road.store, row.payload_id).endswith(partner.owed().body)


def test_no_receipt_sends_the_same_again_and_then_asks(later: As2Site, partner: As2Partner) -> None:
    owe_an_answer(later)
    waits = []
    for _ in range(4):
        later.road.deliver()
        assert delivery(later).status == "receipt-owed"
        waits.append(delivery(later).due_at)
        time_passes(later)
    assert items(later) == []
    later.road.deliver()
    assert (delivery(later).status, delivery(later).stage, delivery(later).due_at) == ("dead", "deliver", None)
    assert items(later) == ["as2-receipt-missing"]
    assert len(partner.came) == 4
    assert len({(body, name) for (_, body), name in zip(partner.came, partner.message_ids, strict=True)}) == 1
    pauses = [after - before for before, after in pairwise(waits)]
    assert pauses == sorted(pauses)
    assert post(later, partner, partner.owed(0)) == 200, "late is not never"
    assert standing(later) == ("delivered", "acknowledged", "sent")
    assert items(later) == []


def test_a_person_may_have_it_sent_again_at_once(later: As2Site, partner: As2Partner) -> None:
    owe_an_answer(later)
    later.road.deliver()
    with later.road.store.read() as view:
        said = preview.resend(view, delivery(later).id)
    assert "under the same Message-ID" in " ".join(said.effects)
    with later.road.store.begin() as tx:
        again.resend(tx, delivery(later).id, by="lena")
    later.road.deliver()
    assert partner.came[0][1] == partner.came[1][1]
    assert len(set(partner.message_ids)) == 1


def test_a_receipt_that_overtakes_its_own_try(later: As2Site, partner: As2Partner) -> None:
    """It comes while their server has not answered yet: the try that then fails changes nothing."""
    owe_an_answer(later)
    errand = deliveries(later.road.house)
    with later.road.store.begin() as tx:
        claimed = [row for row in errand.claim(tx, "test", 10) if row.kind == "envelope"]
    partner.how = [How.LOSES]
    ended = [(row, errand.run(row)) for row in claimed]
    post(later, partner, partner.owed())
    assert delivery(later).status == "due", "a try is under way"
    with later.road.store.begin() as tx:
        errand.record(tx, ended)
    assert standing(later) == ("delivered", "acknowledged", "sent")


def test_a_receipt_that_came_while_the_worker_was_dead_is_not_followed_by_a_try(
    later: As2Site, partner: As2Partner
) -> None:
    owe_an_answer(later)
    errand = deliveries(later.road.house)
    with later.road.store.begin() as tx:
        claimed = [row for row in errand.claim(tx, "dies", 10) if row.kind == "envelope"]
    for row in claimed:
        errand.run(row)  # and the process dies before its end is stored
    post(later, partner, partner.owed())
    with later.road.store.begin() as tx:
        tx.execute(schema.delivery.update().values(lease_until=0))
    time_passes(later)
    later.road.deliver()
    assert len(partner.came) == 1
    assert standing(later) == ("delivered", "acknowledged", "sent")


def test_a_receipt_that_says_otherwise_than_the_first_is_for_a_person(later: As2Site, partner: As2Partner) -> None:
    owe_an_answer(later)
    later.road.deliver()
    post(later, partner, partner.owed())
    post(later, partner, receipt(partner, AuthenticationFailed.disposition))
    assert standing(later) == ("delivered", "acknowledged", "sent")
    assert items(later) == ["as2-receipt-contradicts"]


def test_a_posted_refusal_ends_it_too(later: As2Site, partner: As2Partner) -> None:
    owe_an_answer(later)
    later.road.deliver()
    post(later, partner, receipt(partner, AuthenticationFailed.disposition))
    assert standing(later) == ("rejected", "refused", "undelivered")
    assert items(later) == ["as2-not-taken"]


def test_a_receipt_without_a_mic_is_made_good_by_the_real_one(later: As2Site, partner: As2Partner) -> None:
    """The first receipt was slow, the message went again, and the repetition was answered first."""
    owe_an_answer(later)
    later.road.deliver()
    post(later, partner, receipt(partner, Disposition("processed", "warning", "duplicate-document")))
    assert items(later) == ["as2-receipt-unproven"]
    post(later, partner, partner.owed())
    assert standing(later) == ("delivered", "acknowledged", "sent")
    assert items(later) == []


def test_rule_10_another_partner_cannot_speak_for_this_one(later: As2Site, partner: As2Partner, pair: Pair) -> None:
    """Red without the connection in `as2_messages.spoken_of`: a partner of ours would settle what another is owed."""
    owe_an_answer(later)
    later.road.deliver()
    with later.road.store.begin() as tx:
        tx.execute(schema.as2_message.update().values(connection="somebody-else"))
    assert post(later, partner, partner.owed()) == 200
    assert (delivery(later).status, message(later).standing) == ("receipt-owed", None)
    assert items(later) == ["as2-receipt-unmatched"]


def test_a_receipt_for_nothing_we_sent_is_kept_and_asked_about(later: As2Site, partner: As2Partner) -> None:
    owe_an_answer(later)
    later.road.deliver()
    got = partner.received[-1].message
    assert got is not None
    post(later, partner, receipt(partner, Disposition("processed"), got.mic, message_id="<never@sent>"))
    assert items(later) == ["as2-receipt-unmatched"]
    (row,) = later.road.rows(schema.transmission, status="quarantined")
    assert "<never@sent>" in row.reason


def test_a_receipt_from_a_stranger_is_refused_without_an_answer_of_its_own(later: As2Site, partner: As2Partner) -> None:
    owe_an_answer(later)
    later.road.deliver()
    mdn = partner.owed()
    headers = [(name, "Stranger" if name == "AS2-From" else value) for name, value in mdn.headers]
    assert partner.post(f"{later.address}/as2", replace(mdn, headers=headers)) == 403
    later.road.work()
    assert delivery(later).status == "receipt-owed"
    assert items(later) == ["as2-stranger"]


def test_a_stranger_with_a_slip_in_the_name_is_told_apart_by_the_closest_connection(
    later: As2Site, partner: As2Partner
) -> None:
    owe_an_answer(later)
    later.road.deliver()
    mdn = partner.owed()
    headers = [(name, "Harbor & Pin" if name == "AS2-From" else value) for name, value in mdn.headers]
    assert partner.post(f"{later.address}/as2", replace(mdn, headers=headers)) == 403
    (item,) = later.road.rows(schema.work_item, code="as2-stranger")
    assert "Closest connection is harbor-pine, agreed for Harbor & Pine to NORTHWIND." in item.what_to_do


# --- what people see ----------------------------------------------------------------------------------------------


def test_the_trace_tells_it(later: As2Site, partner: As2Partner) -> None:
    owe_an_answer(later)
    later.road.deliver()
    post(later, partner, partner.owed())
    with later.road.store.read() as view:
        told = "\n".join(line.text for line in trace(view, "HP-1001").lines)
        assert trace(view, message(later).message_id).lines == trace(view, f"L-{delivery(later).id}").lines
    assert "their server took it; whether it is accepted they say by a call of their own" in told
    assert f"as AS2 message {message(later).message_id}" in told
    assert "their receipt: processed" in told
