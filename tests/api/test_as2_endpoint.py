"""The AS2 endpoint as a partner meets it: over HTTP, with its own certificates."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from as2_pair import new_certificate
from as2_site import DAY, OURS, As2Site, as2_site, certificates, collecting
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from road_documents import interchange, order

from gateway.as2.build import Document, Outgoing, build
from gateway.as2.identity import OurIdentity, OwnCertificate, TheirIdentity
from gateway.as2.mdn import Sent, judge, read_mdn
from gateway.as2.mime import Headers
from gateway.as2.partnership import Partnership, WantsMdn
from gateway.store import payloads, schema
from gateway.store.engine import Store

EDI = interchange([order()])
Pair = tuple[OwnCertificate, OwnCertificate]


@pytest.fixture(scope="module")
def pair() -> Pair:
    return certificates()


@pytest.fixture
def site(store: Store, pair: Pair, tmp_path: Path) -> Iterator[As2Site]:
    with as2_site(store, tmp_path, *pair) as served:
        yield served


def kept(site: As2Site, message: Outgoing, message_id: str) -> Sent:
    return Sent(message_id, site.their_side.our.as2_name, OURS, message.mics, signed_receipt=True)


def test_an_order_comes_in_and_its_signed_receipt_goes_back(site: As2Site) -> None:
    message = site.message(EDI, "<a@hp>")
    answer = site.post(message.headers, message.body())
    assert answer.status_code == 200
    assert judge(site.receipt(answer), kept(site, message, "<a@hp>")).acknowledged
    (row,) = site.road.rows(schema.transmission)
    assert (row.connection, row.transport_id, row.status, row.stage) == ("harbor-pine", "<a@hp>", "received", "unwrap")
    assert (row.filename, row.media_type) == ("po.edi", "application/edi-x12")
    assert payloads.read_all(site.road.store, row.payload_id) == EDI
    assert payloads.read_all(site.road.store, row.receipt_payload_id).endswith(answer.content)
    site.road.work()
    (first, acknowledgement) = site.road.rows(schema.document)
    assert (first.business_key, first.status, acknowledgement.set_id) == ("HP-1001", "done", "997")


def test_the_message_is_kept_as_it_came(site: As2Site) -> None:
    message = site.message(EDI)
    body = message.body()
    site.post(message.headers, body)
    (row,) = site.road.rows(schema.transmission)
    assert payloads.read_all(site.road.store, row.wire_payload_id).endswith(b"\r\n\r\n" + body)


def test_a_repeated_message_gets_the_stored_receipt_and_is_processed_once(site: As2Site) -> None:
    message = site.message(EDI, "<same@hp>")
    body = message.body()
    first, second = (site.post(message.headers, body) for _ in range(2))
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["message-id"] == first.headers["message-id"]
    again = site.send(EDI, "<same@hp>")  # encrypted anew, as some products do
    assert again.content == first.content
    assert len(site.road.rows(schema.transmission)) == 1


def test_a_repeated_id_with_another_order_is_refused_and_asked_about(site: As2Site) -> None:
    site.send(EDI, "<same@hp>")
    answer = site.send(interchange([order("HP-2")], number=2), "<same@hp>")
    said = site.receipt(answer)
    assert (said.disposition is not None, said.mic) == (True, None)
    assert not said.disposition.accepted if said.disposition else False
    assert [row.status for row in site.road.rows(schema.transmission)] == ["received", "quarantined"]
    (item,) = site.road.rows(schema.work_item)
    assert "came before with other content" in item.title


def test_a_repeated_message_gets_its_receipt_although_its_certificate_has_ended(site: As2Site, tmp_path: Path) -> None:
    """The first answer was lost, and our certificate ended before the message came again."""
    message = site.message(EDI, "<same@hp>")
    body = message.body()
    first = site.post(message.headers, body)
    over = new_certificate(OURS, serial=9, start=datetime.now(UTC) - 2 * DAY, end=datetime.now(UTC) - DAY)
    private = over.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "ours.pem").write_bytes(over.pem())
    (tmp_path / "ours.key").write_bytes(private)
    site.forget_certificates()
    assert site.post(message.headers, body).content == first.content
    changed = site.post(message.headers, body[:-1] + bytes([body[-1] ^ 1]))
    assert b"decryption-failed" in changed.content
    assert [row.status for row in site.road.rows(schema.transmission)] == ["received", "quarantined"]


def refusals(site: As2Site, answer_text: str) -> None:
    """Stored with its reason, asked about once, nothing to be worked."""
    (row,) = site.road.rows(schema.transmission)
    assert (row.status, row.stage, row.payload_id) == ("quarantined", None, None)
    assert row.wire_payload_id is not None
    (item,) = site.road.rows(schema.work_item)
    assert (item.subject, item.subject_id) == ("transmission", row.id)
    assert answer_text in item.title + item.why


def test_a_stranger_is_told_so_and_kept(site: As2Site, pair: Pair) -> None:
    side = Partnership(OurIdentity("Stranger", (pair[1],)), TheirIdentity(OURS, (pair[0],)))
    answer = site.send(EDI, side=side)
    assert answer.status_code == 200
    assert str(site.receipt(answer).disposition).endswith("unknown-trading-relationship")
    refusals(site, "unknown-trading-relationship")
    assert site.road.rows(schema.transmission)[0].connection == "/as2"


def test_a_wrong_recipient_is_told_so(site: As2Site, pair: Pair) -> None:
    side = replace(site.their_side, their=TheirIdentity("SOUTHWIND", (pair[0],)))
    answer = site.send(EDI, side=side)
    assert b"unknown-trading-relationship" in answer.content
    refusals(site, "SOUTHWIND")


def test_a_stranger_who_asks_for_no_receipt_gets_a_status(site: As2Site, pair: Pair) -> None:
    plain = replace(site.their_side.sends, mdn=None)
    side = Partnership(OurIdentity("Stranger", (pair[1],)), TheirIdentity(OURS, (pair[0],)), sends=plain)
    assert site.send(EDI, side=side).status_code == 403


@pytest.mark.parametrize("body", [b"", b"\x30\x80garbage", b"\x00" * 5000], ids=["nothing", "no CMS", "zeros"])
def test_garbage_under_a_known_name_is_a_disposition(site: As2Site, body: bytes) -> None:
    headers = [(name, value) for name, value in site.message(EDI).headers if name != "Content-Length"]
    answer = site.post(headers, body)
    assert answer.status_code == 200
    said = site.receipt(answer).disposition
    assert said is not None
    assert not said.accepted
    refusals(site, "They were told")


def test_a_refused_message_does_not_take_its_id(site: As2Site) -> None:
    message = site.message(EDI, "<real@hp>")
    headers = [(name, value) for name, value in message.headers if name != "Content-Length"]
    site.post(headers, b"garbage")
    answer = site.post(message.headers, message.body())
    assert judge(site.receipt(answer), kept(site, message, "<real@hp>")).acknowledged


def test_what_is_no_as2_at_all_is_refused_and_kept(site: As2Site) -> None:
    assert site.post([("Content-Type", "text/plain")], b"hello").status_code == 400
    refusals(site, "AS2")


def test_a_message_without_the_agreed_signature_is_refused(site: As2Site) -> None:
    side = replace(site.their_side, sends=replace(site.their_side.sends, digest=None))
    answer = site.send(EDI, side=side)
    assert str(site.receipt(answer).disposition).endswith("insufficient-message-security")
    refusals(site, "insufficient-message-security")


def test_more_than_we_take_is_refused_without_reading_it_all(site: As2Site) -> None:
    headers = [(name, value) for name, value in site.message(EDI).headers if name != "Content-Length"]
    answer = site.post(headers, b"\x30" + bytes(1_500_000))
    assert answer.status_code == 200
    refusals(site, "They were told")


def test_without_a_receipt_asked_for_the_status_speaks(site: As2Site) -> None:
    side = replace(site.their_side, sends=replace(site.their_side.sends, mdn=None))
    answer = site.send(EDI, side=side)
    assert (answer.status_code, answer.content) == (200, b"")
    assert len(site.road.rows(schema.transmission, status="received")) == 1


def test_a_receipt_to_be_posted_is_owed_in_the_same_commit(site: As2Site) -> None:
    wants = WantsMdn(asynchronous_url="http://127.0.0.1:9/mdn")
    side = replace(site.their_side, sends=replace(site.their_side.sends, mdn=wants))
    answer = site.send(EDI, side=side)
    assert (answer.status_code, answer.content) == (200, b"")
    (owed,) = site.road.rows(schema.delivery)
    (row,) = site.road.rows(schema.transmission)
    assert (owed.kind, owed.target, owed.payload_id) == ("receipt", "harbor-pine", row.receipt_payload_id)


def test_a_receipt_is_posted_to_a_listed_address(store: Store, pair: Pair, tmp_path: Path) -> None:
    with collecting() as posted, as2_site(store, tmp_path, *pair, their_receipt_urls=[posted.url]) as site:
        wants = WantsMdn(asynchronous_url=posted.url)
        side = replace(site.their_side, sends=replace(site.their_side.sends, mdn=wants))
        message = site.message(EDI, "<later@hp>", side=side)
        body = message.body()
        site.post(message.headers, body)
        site.road.deliver(kinds=["receipt"])
        ((headers, mdn),) = posted.came
        receipt = read_mdn(Headers(headers), mdn, side, datetime.now(UTC))
        assert judge(receipt, kept(site, message, "<later@hp>"), asynchronous=True).acknowledged
        assert [row.status for row in site.road.rows(schema.delivery)] == ["delivered"]
        site.post(message.headers, body)  # they have lost it
        site.road.deliver(kinds=["receipt"])
        assert posted.came[1] == posted.came[0]


def test_a_receipt_goes_to_no_other_address(site: As2Site) -> None:
    with collecting() as posted:
        wants = WantsMdn(asynchronous_url=posted.url)
        side = replace(site.their_side, sends=replace(site.their_side.sends, mdn=wants))
        site.send(EDI, side=side)
        site.road.deliver(kinds=["receipt"])
        assert posted.came == []
    (owed,) = site.road.rows(schema.delivery)
    (item,) = site.road.rows(schema.work_item)
    assert (owed.status, item.code) == ("rejected", "delivery-rejected")


def test_an_encrypted_receipt_is_kept_and_said_to_be_that(site: As2Site) -> None:
    """Some products encrypt receipts too. It is no document, and nobody may think that none came."""
    report = b"--b\r\nContent-Type: message/disposition-notification\r\n\r\nDisposition: x\r\n\r\n--b--\r\n"
    side = replace(site.their_side, sends=replace(site.their_side.sends, mdn=None))
    document = Document(report, 'multipart/report; report-type=disposition-notification; boundary="b"')
    made = build([document], side, message_id_="<r@them>", now=datetime.now(UTC), entropy=os.urandom)
    answer = site.post(made.headers, made.body())
    assert (answer.status_code, answer.content) == (200, b"")
    site.road.work()
    assert site.road.rows(schema.document) == []
    (item,) = site.road.rows(schema.work_item)
    assert (item.code, "it is encrypted" in item.title) == ("as2-receipt-unread", True)
