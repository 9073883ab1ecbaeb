"""Receipts as products in use write them, and dispositions."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest
from as2_pair import EDI, NOW, OPEN, Entropy, Pair

from gateway.as2.build import Document, build, mic_of
from gateway.as2.disposition import (
    DUPLICATE_DOCUMENT,
    PROCESSED,
    AS2Error,
    AuthenticationFailed,
    DecompressionFailed,
    DecryptionFailed,
    Disposition,
    InsufficientMessageSecurity,
    IntegrityCheckFailed,
    Malformed,
    UnexpectedProcessingError,
    UnknownTradingRelationship,
)
from gateway.as2.mdn import Receipt, Sent, judge, original_message_id, read_mdn
from gateway.as2.message import MdnRequest, Mic
from gateway.as2.mime import Headers
from gateway.as2.partnership import Sends, WantsMdn
from gateway.as2.receive import receive

MIC = base64.b64encode(hashlib.sha256(EDI).digest()).decode()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DecryptionFailed, "processed/error: decryption-failed"),
        (AuthenticationFailed, "processed/error: authentication-failed"),
        (IntegrityCheckFailed, "processed/error: integrity-check-failed"),
        (DecompressionFailed, "processed/error: decompression-failed"),
        (InsufficientMessageSecurity, "processed/error: insufficient-message-security"),
        (UnknownTradingRelationship, "processed/error: unknown-trading-relationship"),
        (UnexpectedProcessingError, "processed/error: unexpected-processing-error"),
    ],
)
def test_each_failure_has_its_word(error: type[AS2Error], said: str) -> None:
    assert str(error.disposition) == f"automatic-action/MDN-sent-automatically; {said}"
    assert Disposition.parse(str(error.disposition)) == error.disposition
    assert error.remedy


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("automatic-action/MDN-sent-automatically; processed", True),
        ("automatic-action/mdn-sent-automatically;processed", True),
        ("Automatic-Action/MDN-Sent-Automatically; Processed/Warning: duplicate-document", True),
        ("automatic-action/MDN-sent-automatically; processed/error: decryption-failed", False),
        ("automatic-action/MDN-sent-automatically; processed/Error: authentication-failed", False),
        ("automatic-action/MDN-sent-automatically; failed/Failure: unsupported format", False),
        ("automatic-action/MDN-sent-automatically; failed", False),
        ("automatic-action/MDN-sent-automatically; processed: something is wrong", False),
        ("displayed", False),
        ("manual-action/MDN-sent-manually; deleted", False),
    ],
)
def test_dispositions_as_written_by_others(text: str, accepted: bool) -> None:
    found = Disposition.parse(text)
    assert found is not None
    assert found.accepted == accepted


def test_a_disposition_that_is_none() -> None:
    assert Disposition.parse("") is None
    assert Disposition.parse("all good") is None


def plain(fields: str, *, line: str = "\r\n", wrap: str = "") -> bytes:
    parts = (
        "--B\nContent-Type: text/plain\n\nwords\n\n--B\nContent-Type: message/disposition-notification\n",
        f"{wrap}\n{fields}\n\n--B--\n",
    )
    return "".join(parts).replace("\n", line).encode()


GOOD = "\n".join(
    (
        "Original-Message-ID: <1@us>",
        "Disposition: automatic-action/MDN-sent-automatically; processed",
        f"Received-Content-MIC: {MIC}, sha256",
    )
)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (GOOD, ""),
        (GOOD.replace("<1@us>", "1@us"), ""),
        (GOOD.replace("sha256", "SHA-256"), ""),
        (GOOD.replace("Received-Content-MIC", "received-content-mic").replace(", sha256", ",sha-256"), ""),
        (GOOD.replace(MIC, MIC[:20] + "\n " + MIC[20:]), ""),
        (GOOD.replace(MIC, MIC.rstrip("=")), ""),
        (GOOD.replace(", sha256", ""), "no MIC"),
        (GOOD.replace("sha256", "sha9"), "no MIC"),
        (GOOD.replace("sha256", "md5"), "not accept"),
        (GOOD.replace("Received-Content-MIC", "X-MIC"), "no MIC"),
        (GOOD.replace(MIC, "!!!"), "other bytes"),
        (GOOD.replace("<1@us>", "<2@us>"), "another message"),
        (GOOD.replace("Original-Message-ID: <1@us>\n", ""), "another message"),
        (GOOD.replace("Disposition:", "X:"), "no disposition"),
        (GOOD.replace("processed", "processed/error: decryption-failed"), "decryption-failed"),
    ],
)
@pytest.mark.parametrize("line", ["\r\n", "\n"])
def test_unsigned_receipts_where_they_are_agreed(pair: Pair, fields: str, reason: str, line: str) -> None:
    headers = Headers([("Content-Type", "multipart/report; report-type=disposition-notification; boundary=B")])
    receipt = read_mdn(headers, plain(fields, line=line), pair.outward(), NOW)
    verdict = judge(receipt, Sent("<1@us>", "us", "The Peer", {"sha256": MIC}, signed_receipt=False))
    assert verdict.acknowledged == (reason == "")
    assert reason in verdict.reason
    assert receipt.text.strip() == "words"


def test_a_notification_in_base64(pair: Pair) -> None:
    fields = base64.b64encode(GOOD.encode()).decode()
    headers = Headers([("Content-Type", "multipart/report; boundary=B")])
    body = plain(fields, wrap="Content-Transfer-Encoding: base64\n")
    assert read_mdn(headers, body, pair.outward(), NOW).original_message_id == "<1@us>"


@pytest.mark.parametrize("body", [b"", b"<html>OK</html>", b"--B--"])
@pytest.mark.parametrize("kind", ["text/html", "multipart/report; boundary=B", "multipart/signed; boundary=B"])
def test_an_answer_that_is_no_receipt(pair: Pair, body: bytes, kind: str) -> None:
    with pytest.raises(Malformed):
        read_mdn(Headers([("Content-Type", kind)]), body, pair.outward(), NOW)


def test_an_encrypted_receipt_is_said_to_be_that(pair: Pair) -> None:
    message = pair.message(b"a receipt", Sends())
    with pytest.raises(Malformed, match="receipts travel in the clear"):
        read_mdn(Headers(message.headers), message.body(), pair.outward(), NOW)


def test_the_mic_is_in_the_digest_that_the_peer_used(pair: Pair) -> None:
    """Of the signature if there is one, else the first they asked for; SHA-1 as an echo where nothing is signed."""
    for sends, digest in (
        (Sends(digest="sha384", mdn=WantsMdn(digests=("sha512",))), "sha384"),
        (Sends(digest=None, mdn=WantsMdn(digests=("sha512", "sha256"))), "sha512"),
        (Sends(digest=None, mdn=WantsMdn(signed=False)), "sha256"),
    ):
        message = pair.message(sends=sends)
        received, _ = pair.arrival(message.headers, message.body(), OPEN)
        assert received.message is not None
        assert received.message.mic.digest == digest
        assert message.mics[digest] == received.message.mic.value


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    "sends",
    [
        Sends(),
        Sends(digest=None),
        Sends(digest=None, cipher=None, transfer_encoding="base64", compress="before-signing"),
        Sends(digest=None, cipher=None),
        Sends(compress="after-signing", transfer_encoding="base64"),
    ],
)
def test_a_mic_that_nobody_expected_is_made_from_the_stored_documents(pair: Pair, sends: Sends, count: int) -> None:
    """Red when `mic_of` hashes anything but what was sent."""
    documents = [Document(EDI * (n + 1), filename=f"{n}.edi") for n in range(count)]

    def built(mdn: WantsMdn) -> dict[str, str]:
        how = pair.outward(replace(sends, mdn=mdn))
        message = build(documents, how, message_id_="<1@us>", now=NOW, entropy=Entropy())
        message.body()
        return message.mics

    mics, truth = built(WantsMdn()), built(WantsMdn(digests=("sha256", "sha512")))["sha512"]
    assert set(mics) == {"sha256"}
    assert mic_of(documents, sends, "<1@us>", "sha512") == truth
    assert mic_of(documents, sends, "<1@us>", "sha1") is None
    receipt = Receipt("<1@us>", PROCESSED, Mic("sha512", truth), "", "The Peer", "us", None, None)
    kept = Sent("<1@us>", "us", "The Peer", mics, False, lambda name: mic_of(documents, sends, "<1@us>", name))
    assert judge(receipt, kept).acknowledged
    assert not judge(replace(receipt, mic=Mic("sha512", mics["sha256"])), kept).acknowledged
    assert not judge(replace(receipt, mic=Mic("sha1", "YQ==")), kept).acknowledged


def test_a_signed_compressed_message_gets_every_mic_at_once(pair: Pair) -> None:
    """Another zlib may compress otherwise, so these could not be made anew."""
    message = pair.message(sends=Sends(compress="before-signing"))
    message.body()
    assert set(message.mics) == {"sha256", "sha384", "sha512"}


@pytest.mark.parametrize(
    ("options", "signed", "digests"),
    [
        (
            "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, sha256",
            True,
            ("sha256",),
        ),
        (
            "signed-receipt-protocol=required,pkcs7-signature;signed-receipt-micalg=required,sha1,md5",
            True,
            ("sha1", "md5"),
        ),
        (
            "signed-receipt-protocol = optional , PKCS7-Signature ; signed-receipt-micalg = optional , SHA-256",
            True,
            ("SHA-256",),
        ),
        ("signed-receipt-micalg=optional, sha1", False, ("sha1",)),
        ("", False, ()),
        ("nonsense", False, ()),
    ],
)
def test_what_was_asked_for(options: str, signed: bool, digests: tuple[str, ...]) -> None:
    request = MdnRequest.read(
        Headers([("Disposition-Notification-To", "x"), ("Disposition-Notification-Options", options)])
    )
    assert request is not None
    assert (request.signed, request.digests) == (signed, digests)


def test_a_required_digest_that_nobody_has(pair: Pair) -> None:
    message = pair.message()
    headers = [(n, v) for n, v in message.headers if n != "Disposition-Notification-Options"]
    options = "signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=required, sha3-256"
    received, _ = pair.arrival([*headers, ("Disposition-Notification-Options", options)], message.body())
    assert str(received.disposition).endswith("failed/failure: unsupported MIC-algorithms")


def test_no_receipt_where_none_was_asked_for(pair: Pair) -> None:
    message = pair.message(sends=Sends(mdn=None))
    received, _ = pair.arrival(message.headers, message.body())
    assert received.mdn is None
    assert received.status == 200
    changed = message.headers, pair.message(EDI, Sends(mdn=None, digest=None)).body()
    received, _ = pair.arrival(*changed)
    assert received.mdn is None
    assert received.status == 400


def test_a_repeated_message_whose_receipt_is_gone(pair: Pair) -> None:
    message = pair.message()
    received = receive(
        message.headers,
        [message.body()],
        pair.inward(),
        now=NOW,
        mdn_id="<m@peer>",
        entropy=Entropy(),
        duplicate=True,
    )
    assert received.disposition == DUPLICATE_DOCUMENT
    assert received.message is None


def test_a_message_for_another_pair_of_names(pair: Pair) -> None:
    message = pair.message()
    headers = [(n, "somebody else" if n == "AS2-From" else v) for n, v in message.headers]
    received, _ = pair.arrival(headers, message.body())
    assert isinstance(received.failure, UnknownTradingRelationship)


def test_asynchronous_receipts_are_told_from_messages(pair: Pair) -> None:
    message = pair.message()
    body = message.body()
    received, _ = pair.arrival(message.headers, body)
    receipt = Headers(received.mdn_headers)
    assert original_message_id(Headers(message.headers), body) is None
    assert original_message_id(receipt, received.mdn_body) == "<1@us>"
    kind = receipt.get("Content-Type").replace("; report-type=disposition-notification", "")
    bare = Headers([(name, kind if name == "Content-Type" else value) for name, value in receipt])
    assert original_message_id(bare, received.mdn_body) == "<1@us>", "most products say it only inside of the signature"


def test_a_signed_document_is_no_receipt(pair: Pair) -> None:
    message = pair.message(sends=Sends(cipher=None))
    assert original_message_id(Headers(message.headers), message.body()) is None


@pytest.mark.parametrize("name", ['a "b" c', "back\\slash", "x" * 128, "A B"])
def test_names_with_blanks_and_quotes(pair: Pair, name: str) -> None:
    from gateway.as2.message import as2_name, as2_name_header

    assert as2_name(as2_name_header(name)) == name


@pytest.mark.parametrize("name", ["", "x" * 129, "ü", "a\nb"])
def test_names_that_are_none(name: str) -> None:
    from gateway.as2.message import as2_name, as2_name_header

    for read in (as2_name, as2_name_header):
        with pytest.raises(Malformed):
            read(name)
