"""Certificates: two at once, dates, expiry, rollover, import and export."""

from __future__ import annotations

from datetime import timedelta

import pytest
from as2_pair import EDI, NOW, YEAR, Entropy, Pair, Side, new_certificate
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.as2.ber import SEQUENCE, SET, Node, integer, tlv
from gateway.as2.build import CannotSend, Document, build
from gateway.as2.disposition import Malformed
from gateway.as2.identity import (
    Certificate,
    OurIdentity,
    OwnCertificate,
    TheirIdentity,
    UnusableCertificate,
    expiring,
    our_certificate,
    self_signed,
    their_certificate,
)
from gateway.as2.partnership import Partnership, Sends
from gateway.as2.receive import receive

DAY = timedelta(days=1)


def private(own: OwnCertificate) -> bytes:
    return own.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture(scope="module")
def own() -> OwnCertificate:
    return new_certificate("us")


def test_pem_and_p12_there_and_back(own: OwnCertificate) -> None:
    for data, password in ((own.p12(b"x"), b"x"), (own.pem() + private(own), None), (private(own) + own.pem(), None)):
        again = our_certificate(data, password)
        assert again.fingerprint == own.fingerprint
    for data in (own.pem(), own.der, b"Here is our certificate:\n" + own.pem()):
        assert their_certificate(data).fingerprint == own.fingerprint


def test_the_leaf_of_a_chain(own: OwnCertificate) -> None:
    """Partners mail the authority's certificate in the same file; a self-signed one is its own."""
    other = new_certificate("another", serial=3)
    assert their_certificate(own.pem()).subject == "CN=us"
    assert their_certificate(other.pem()).subject == "CN=another"


@pytest.mark.parametrize(
    ("data", "password", "why"),
    [
        (b"nothing", b"x", "not a PKCS#12"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", None, "no private key"),
    ],
)
def test_what_is_wrong_with_a_file(data: bytes, password: bytes | None, why: str) -> None:
    with pytest.raises(UnusableCertificate, match=why):
        our_certificate(data, password)


def test_a_wrong_password_and_a_key_of_another(own: OwnCertificate) -> None:
    with pytest.raises(UnusableCertificate, match="another password"):
        our_certificate(own.p12(b"x"), b"y")
    other = new_certificate("us")
    with pytest.raises(UnusableCertificate, match="belongs"):
        our_certificate(other.pem() + private(own))
    with pytest.raises(UnusableCertificate, match="belong"):
        OwnCertificate(own.private_key, other.x509)
    with pytest.raises(UnusableCertificate, match="password"):
        own.p12(b"")
    with pytest.raises(UnusableCertificate):
        their_certificate(b"\x30\x00")


def test_what_a_person_should_know_before_trusting_one() -> None:
    weak = self_signed(rsa.generate_private_key(65537, 1024), "weak", 1, NOW - YEAR, NOW + YEAR)
    assert "1024 bits" in weak.faults()[0]
    assert new_certificate("good").faults() == []
    assert new_certificate("good", "ec").faults() == []


def test_named_by_number_and_by_key_identifier(own: OwnCertificate) -> None:
    assert own.key_id is not None
    assert own.is_named_by(Node(own.issuer_and_serial))
    assert own.is_named_by(Node(b"\x80\x14" + own.key_id))
    assert not own.is_named_by(Node(b"\x80\x14" + bytes(20)))
    other = new_certificate("us", serial=2)
    assert not other.is_named_by(Node(own.issuer_and_serial))


def test_a_name_written_in_another_string_type_is_the_same_name(own: OwnCertificate) -> None:
    """Products write the issuer again, as PrintableString for UTF8String."""
    changed = own.issuer_and_serial.replace(b"\x0c\x02us", b"\x13\x02US")
    assert changed != own.issuer_and_serial
    assert own.is_named_by(Node(changed))
    assert not own.is_named_by(Node(own.issuer_and_serial.replace(b"\x0c\x02us", b"\x0c\x02up")))


def ending(days: int, **also: object) -> Certificate:
    return new_certificate("us", "ec", end=NOW + days * DAY + DAY / 2, **also)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("days", "threshold"),
    [(61, None), (60, 60), (31, 60), (30, 30), (14, 14), (8, 14), (7, 7), (1, 1), (0, 1), (-2, 0)],
)
def test_the_alert_that_is_due(days: int, threshold: int | None) -> None:
    found = expiring([ending(days)], NOW)
    assert [expiry.threshold for expiry in found] == ([] if threshold is None else [threshold])
    if found:
        assert found[0].days_left == days


def test_with_a_successor_nobody_needs_to_act() -> None:
    old, new = ending(9), ending(400)
    found = expiring([new, old], NOW)
    assert [(expiry.certificate, expiry.successor) for expiry in found] == [(old, new)]
    gap = new_certificate("us", "ec", start=NOW + 20 * DAY, end=NOW + 500 * DAY)
    assert expiring([old, gap], NOW)[0].successor is None, "it begins after the old one has ended"


def test_a_rollover_day_by_day(pair: Pair) -> None:
    """Both sides hold both certificates for a while: not one message in between is refused."""
    us, peer = Side("us"), Side("The Peer")
    turn = NOW + 10 * DAY
    old_us = new_certificate("us", serial=11, end=NOW + 20 * DAY)
    new_us = OwnCertificate(us.rsa.private_key, us.rsa.x509, use_from=turn)
    old_peer = new_certificate("The Peer", serial=12, end=NOW + 20 * DAY)
    new_peer = OwnCertificate(peer.rsa.private_key, peer.rsa.x509, use_from=turn)
    ours, theirs = OurIdentity("us", (old_us, new_us)), TheirIdentity("The Peer", (old_peer, new_peer))
    used = []
    for day in range(0, 40, 3):
        now = NOW + day * DAY
        message = build([Document(EDI)], Partnership(ours, theirs), message_id_="<1@us>", now=now, entropy=Entropy())
        inward = Partnership(OurIdentity("The Peer", (old_peer, new_peer)), TheirIdentity("us", (old_us, new_us)))
        body = message.body()
        received = receive(message.headers, [body], inward, now=now, mdn_id="<m@peer>", entropy=Entropy())
        assert received.failure is None, day
        assert received.message is not None
        assert received.message.signature is not None
        used.append(received.message.signature.certificate is new_us)
        if day + 5 < 20:  # a slow message that was made before the turn
            late = receive(message.headers, [body], inward, now=now + 5 * DAY, mdn_id="<m@peer>", entropy=Entropy())
            assert late.failure is None
    assert used == [day * 3 >= 10 for day in range(14)]


def test_nothing_to_sign_or_encrypt_with(pair: Pair) -> None:
    late = NOW + 2 * YEAR
    for sends, who in ((Sends(), "us"), (Sends(digest=None), "The Peer")):
        with pytest.raises(CannotSend, match=who):
            build([Document(EDI)], pair.outward(sends), message_id_="<1@us>", now=late, entropy=Entropy())


def test_an_issuer_that_is_no_name_is_a_fault_of_theirs(own: OwnCertificate) -> None:
    issuer = tlv(SEQUENCE, tlv(SET, tlv(SEQUENCE)))
    with pytest.raises(Malformed):
        own.is_named_by(Node(tlv(SEQUENCE, issuer, integer(own.x509.serial_number))))
