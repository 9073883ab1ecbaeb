"""A large message is stored once: its document, and what stood around it. All that a stored one is for still holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from as2_pair import new_certificate
from as2_site import DAY, OURS, As2Site, as2_site, certificates
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from road_documents import interchange, order
from sqlalchemy import func, select, update

from gateway.as2.build import Document, build
from gateway.as2.identity import OwnCertificate
from gateway.as2.mime import Headers
from gateway.as2.partnership import Sends
from gateway.pipeline import as2_wire
from gateway.store import payloads, retention, schema
from gateway.store.engine import Record, Store
from gateway.store.payloads import PayloadPurged
from gateway.store.spool import IN_MEMORY

EDI = interchange([order()])
BLANK = b"\r\n" * 50_000  # between interchanges, which nobody minds


@pytest.fixture(scope="module")
def pair() -> tuple[OwnCertificate, OwnCertificate]:
    return certificates()


@pytest.fixture
def site(store: Store, pair: tuple[OwnCertificate, OwnCertificate], tmp_path: Path) -> Iterator[As2Site]:
    with as2_site(store, tmp_path, *pair, body_limit_mb=4) as served:
        yield served


def came(site: As2Site, row: Record) -> bytes:
    with site.road.store.read() as view:
        return as2_wire.whole(view, row)


def stored_bytes(site: As2Site) -> int:
    with site.road.store.read() as view:
        return int(view.scalar(select(func.sum(func.length(schema.payload_chunk.c.sealed)))) or 0)


def headers_and(site: As2Site, data: bytes, sends: Sends = Sends()) -> tuple[list[tuple[str, str]], bytes]:
    message = site.message(data, "<large@hp>", side=replace(site.their_side, sends=sends))
    return message.headers, message.body()


@pytest.mark.parametrize("data", [EDI + BLANK, EDI + BLANK * (IN_MEMORY // len(BLANK) + 1)], ids=["memory", "spooled"])
@pytest.mark.parametrize(
    "sends", [Sends(), Sends(cipher="aes256-gcm"), Sends(cipher=None)], ids=["cbc", "gcm", "signed"]
)
def test_it_is_stored_once_and_had_as_it_came(site: As2Site, data: bytes, sends: Sends) -> None:
    site.agree(require_encrypted=sends.cipher is not None)
    headers, body = headers_and(site, data, sends)
    assert site.post(headers, body).status_code == 200
    (row,) = site.road.rows(schema.transmission)
    assert row.status == "received", row.reason
    assert payloads.read_all(site.road.store, row.payload_id) == data
    whole = came(site, row)
    assert whole.endswith(b"\r\n\r\n" + body)
    assert Headers.parse(whole[: -len(body)]).get("Message-ID") == "<large@hp>"
    assert stored_bytes(site) < len(data) + 20_000
    site.road.work()
    assert site.road.rows(schema.document)[0].business_key == "HP-1001"


def test_its_digest_is_the_mic_that_both_sides_have_in_the_receipt(site: As2Site) -> None:
    answer = site.send(EDI + BLANK)
    (row,) = site.road.rows(schema.transmission)
    digest = payloads.about(site.road.store, row.payload_id).sha256
    assert digest == f"{as2_wire.MIC}{site.receipt(answer).mic}"


def test_a_compressed_one_is_kept_whole(site: As2Site) -> None:
    headers, body = headers_and(site, EDI + BLANK, Sends(compress="before-signing"))
    site.post(headers, body)
    (row,) = site.road.rows(schema.transmission)
    assert came(site, row).endswith(b"\r\n\r\n" + body)


def test_a_repetition_gets_the_stored_receipt_however_it_is_packed(site: As2Site) -> None:
    headers, body = headers_and(site, EDI + BLANK)
    first = site.post(headers, body)
    assert site.post(headers, body).content == first.content
    assert site.send(EDI + BLANK, "<large@hp>").content == first.content  # encrypted anew
    other_name = build(
        [Document(EDI + BLANK, filename="again.edi", content_type="application/edi-x12")],
        site.their_side,
        message_id_="<large@hp>",
        now=datetime.now(UTC),
        entropy=lambda size: b"e" * size,
    )
    assert site.post(other_name.headers, other_name.body()).content == first.content  # another MIC, the same document
    assert len(site.road.rows(schema.transmission)) == 1


def test_another_document_under_its_id_is_refused_and_kept_whole(site: As2Site) -> None:
    site.send(EDI + BLANK, "<large@hp>")
    headers, body = headers_and(site, EDI + BLANK + b"\r\n")
    assert b"unexpected-processing-error" in site.post(headers, body).content
    first, second = site.road.rows(schema.transmission)
    assert (first.status, second.status, second.payload_id) == ("received", "quarantined", None)
    assert came(site, second).endswith(b"\r\n\r\n" + body)


def test_it_is_known_again_although_its_certificate_has_ended(site: As2Site, tmp_path: Path) -> None:
    headers, body = headers_and(site, EDI + BLANK)
    first = site.post(headers, body)
    over = new_certificate(OURS, serial=9, start=datetime.now(UTC) - 2 * DAY, end=datetime.now(UTC) - DAY)
    (tmp_path / "ours.pem").write_bytes(over.pem())
    key = over.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "ours.key").write_bytes(key)
    site.forget_certificates()
    assert site.post(headers, body).content == first.content
    assert b"decryption-failed" in site.post(headers, body[:-1] + bytes([body[-1] ^ 1])).content
    (row, _) = site.road.rows(schema.transmission)
    assert came(site, row).endswith(body), "the key of the content is kept, not the certificate"


def test_when_it_is_purged_nothing_of_it_is_left(site: As2Site) -> None:
    site.send(EDI + BLANK, "<large@hp>")
    (row,) = site.road.rows(schema.transmission)
    with site.road.store.begin() as tx:
        tx.execute(update(schema.transmission).values(stage=None, due_at=None))  # nothing is owed to it
        now = tx.now
    retention.purge(site.road.store, "harbor-pine", now + 1)
    with site.road.store.read() as view, pytest.raises(PayloadPurged):
        as2_wire.whole(view, row)
    ids = {row.payload_id, row.wire_payload_id, row.receipt_payload_id}
    chunks = schema.payload_chunk
    with site.road.store.read() as view:
        assert not view.all(select(chunks.c.n).where(chunks.c.payload_id.in_(ids)))
