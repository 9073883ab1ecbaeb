"""What a person is told of a message that is not true: which bytes, which certificate, which rule, what to ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from as2_pair import EDI, NOW, Pair, new_certificate
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_any_bytes import BER_BYTES, BYTES, HEAD, MIME_BYTES, TYPES

from gateway.as2.compressed import compress
from gateway.as2.explain import Explained, explain, explain_cms
from gateway.as2.identity import OurIdentity, TheirIdentity
from gateway.as2.mime import Headers
from gateway.as2.partnership import Partnership, Sends

PLAIN = Sends(cipher=None)
LINES = EDI.replace(b"~", b"~\r\n") + b"GS*PO~  \r\nSE~\r\n"


def looked_at(
    pair: Pair, sends: Sends, change: Callable[[bytes], bytes] = lambda body: body, **how: object
) -> Explained:
    message = pair.message(LINES, sends, str(how.get("kind", "rsa")), "po.edi")
    inward = how.get("inward", pair.inward(kind=str(how.get("kind", "rsa"))))
    assert inward is None or isinstance(inward, Partnership)
    return explain(Headers(message.headers), change(message.body()), inward, NOW)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
@pytest.mark.parametrize("compress_at", [None, "before-signing", "after-signing"])
def test_of_a_true_message_every_layer_is_shown(pair: Pair, kind: str, compress_at: str | None) -> None:
    transport = "ecdh-sha256" if kind == "ec" else "rsa-pkcs1v15"
    sends = Sends(key_transport=transport, compress=compress_at)  # type: ignore[arg-type]
    found = looked_at(pair, sends, kind=kind)
    assert found.faults == []
    kinds = [layer["kind"] for layer in found.layers]
    assert (
        kinds
        == {
            None: ["encryption", "signature"],
            "before-signing": ["encryption", "signature", "compression"],
            "after-signing": ["encryption", "compression", "signature"],
        }[compress_at]
    )
    own = pair.us.ec if kind == "ec" else pair.us.rsa
    signature = next(layer for layer in found.layers if layer["kind"] == "signature")
    assert (signature["verified"], signature["certificate"]) == (True, own.fingerprint)
    assert (found.layers[0]["algorithm"], found.layers[0]["key_transport"]) == ("aes256-cbc", transport)
    (part,) = found.parts
    assert (part["filename"], part["size"]) == ("po.edi", len(LINES))
    received, _ = pair.arrival(*_sent(pair, sends, kind), kind=kind)
    assert received.message is not None
    assert found.mic == {"digest": received.message.mic.digest, "value": received.message.mic.value}


def _sent(pair: Pair, sends: Sends, kind: str) -> tuple[list[tuple[str, str]], bytes]:
    message = pair.message(LINES, sends, kind, "po.edi")
    return message.headers, message.body()


@pytest.mark.parametrize(
    ("change", "how"),
    [
        (lambda part: part.replace(b"\r\n", b"\n"), "every line end was CRLF"),
        (lambda part: part.replace(b"~  \r\n", b"~\r\n"), ""),
        (lambda part: part + b"\r\n", "there was one line end less at its end"),
        (lambda part: part.removesuffix(b"\r\n"), "there was one line end more at its end"),
        (
            lambda part: part.replace(b"\r\n", b"\n").removesuffix(b"\n"),
            "every line end was CRLF and there was one line end more",
        ),
        (lambda part: part.replace(b"US  ", b"UK  "), ""),
    ],
    ids=["LF", "trimmed", "an end more", "an end less", "both", "another word"],
)
def test_which_bytes_were_changed(pair: Pair, change: Callable[[bytes], bytes], how: str) -> None:
    def changed(body: bytes) -> bytes:
        front, mark, rest = body.partition(b"\r\n")
        part, boundary, end = rest.partition(b"\r\n--=_")
        return front + mark + change(part) + boundary + end

    (fault,) = [one for one in looked_at(pair, PLAIN, changed).faults if one.code == "as2-integrity"]
    assert (f"It is right if {how}" in fault.what) == bool(how), fault.what
    assert "from byte" in fault.bytes
    assert fault.certificate == pair.us.rsa.fingerprint
    assert "RFC 5652" in fault.rule
    assert "Ask them" in fault.ask


def test_blanks_that_were_added(pair: Pair) -> None:
    message = pair.message(b"ISA*1~\r\nGS~\r\n", PLAIN)
    body = message.body().replace(b"ISA*1~\r\n", b"ISA*1~ \r\n")
    (fault,) = explain(Headers(message.headers), body, pair.inward(), NOW).faults
    assert "It is right if no line had blanks at its end" in fault.what


def test_who_signed_if_it_is_nobody_we_trust(pair: Pair) -> None:
    """The certificate in the message is shown, to be compared by telephone, and not believed."""
    stranger = new_certificate("us", serial=99)
    inward = replace(pair.inward(), their=TheirIdentity("us", (stranger,)))
    found = looked_at(pair, PLAIN, inward=inward)
    (fault,) = found.faults
    assert fault.code == "as2-authentication"
    assert pair.us.rsa.fingerprint in fault.certificate
    assert stranger.fingerprint in fault.certificate
    assert "gateway certificate import" in fault.ask
    assert found.layers[0]["pem"] == pair.us.rsa.pem().decode()
    assert found.layers[0]["verified"] is False
    assert found.parts  # the contents are shown all the same


def test_a_certificate_out_of_its_days(pair: Pair) -> None:
    old = TheirIdentity("us", (type(pair.us.rsa)(pair.us.rsa.private_key, pair.us.rsa.x509, None, NOW - timedelta(9)),))
    (fault,) = looked_at(pair, PLAIN, inward=replace(pair.inward(), their=old)).faults
    assert "in use from" in fault.what


def test_for_whom_it_is_encrypted_if_not_for_us(pair: Pair) -> None:
    newer = new_certificate("The Peer", serial=77)
    inward = replace(pair.inward(), our=OurIdentity("The Peer", (newer,)))
    (fault,) = looked_at(pair, Sends(), inward=inward).faults
    assert (fault.code, fault.what) == ("as2-decryption", "the body is not encrypted to us.")
    assert "encrypted to issuer 'the peer', serial number 1; ours in use: CN=The Peer" in fault.certificate
    assert newer.fingerprint in fault.certificate


@pytest.mark.parametrize("cipher", ["aes256-cbc", "aes256-gcm"])
def test_ciphertext_that_was_damaged(pair: Pair, cipher: str) -> None:
    found = looked_at(pair, Sends(cipher=cipher), lambda body: body[:-40] + bytes(40))
    assert {fault.code for fault in found.faults} <= {"as2-decryption", "as2-structure", "as2-integrity"}
    assert found.faults


def test_a_bomb_is_not_unfolded(pair: Pair) -> None:
    bomb = compress([b"Content-Type: text/plain\r\n\r\n", *[bytes(1_000_000)] * 20])
    (fault,) = explain_cms(bomb, pair.inward(), NOW).faults
    assert (fault.code, "grows" in fault.what) == ("as2-decompression", True)


def test_without_a_connection_it_says_what_it_did_not_check(pair: Pair) -> None:
    (fault,) = looked_at(pair, PLAIN, inward=None).faults
    assert (fault.code, fault.is_error) == ("as2-unchecked", False)
    (fault,) = looked_at(pair, Sends(), inward=None).faults
    assert (fault.code, fault.is_error) == ("as2-unchecked", False)


FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FEW
@given(
    kind=TYPES, body=BYTES | MIME_BYTES | BER_BYTES, encoding=st.sampled_from(["", "base64", "quoted-printable", "x"])
)
def test_of_any_bytes_something_is_said(pair: Pair, kind: str, body: bytes, encoding: str) -> None:
    headers = Headers([*HEAD, ("Content-Type", kind), ("Content-Transfer-Encoding", encoding)])
    explain(headers, body, pair.inward(), NOW)
    explain_cms(body, pair.inward(), NOW)


@FEW
@given(at=st.integers(0, 10_000), value=st.integers(0, 255), which=st.sampled_from([0, 1, 2, 3]))
@example(at=60, value=0, which=0)  # a recipient's name of another string type
def test_of_any_changed_byte_something_is_said(pair: Pair, at: int, value: int, which: int) -> None:
    """What is refused has a fault that rejects; what is accepted has none."""
    how = (Sends(), Sends(cipher="aes256-gcm"), PLAIN, Sends(compress="after-signing"))[which]
    message = pair.message(EDI, how, seed="explain")
    body = bytearray(message.body())
    body[at % len(body)] = value
    headers = [(name, text) for name, text in message.headers if name != "Content-Length"]
    found = explain(Headers(headers), bytes(body), pair.inward(), NOW)
    received, _ = pair.arrival(headers, bytes(body))
    assert any(fault.is_error for fault in found.faults) == (received.failure is not None), received.failure
