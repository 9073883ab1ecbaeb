"""What stood around a content is enough to have the message again.

`Pair.arrival` holds it for every message of these tests, mutated ones and those of openssl, BouncyCastle and pyas2lib
among them. Here stands of which messages it must be had.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from as2_pair import EDI, NOW, OPEN, Entropy, Pair

from gateway.as2.around import NEAR, again
from gateway.as2.ber import END, chunked_octets, element, head, octets, open_shell, tlv
from gateway.as2.build import Document, build
from gateway.as2.cms import EXPLICIT_0, open_content_info
from gateway.as2.message import Message
from gateway.as2.partnership import Accepts, Sends
from gateway.as2.stream import Stream

LONG = EDI * 40_000  # 4 MB: several chunks of every layer


def arrived(pair: Pair, headers: list[tuple[str, str]], body: bytes, accepts: Accepts = OPEN) -> Message:
    received, _ = pair.arrival(headers, body, accepts)
    assert received.message is not None, received.failure
    return received.message


@pytest.mark.parametrize("data", [b"", EDI, LONG], ids=["empty", "small", "long"])
@pytest.mark.parametrize("cipher", [None, "aes128-cbc", "aes256-cbc", "aes256-gcm"])
@pytest.mark.parametrize("digest", [None, "sha256"])
def test_it_is_had_of_what_went_through_unchanged(pair: Pair, data: bytes, cipher: str | None, digest: str) -> None:
    message = pair.message(data, Sends(digest=digest, cipher=cipher))
    body = message.body()
    around = arrived(pair, message.headers, body).around
    assert around is not None
    assert len(around.packed(b"", [body])) < 5000


@pytest.mark.parametrize("place", ["before-signing", "after-signing"])
def test_it_is_not_had_of_what_was_compressed(pair: Pair, place: str) -> None:
    """Another zlib writes other bytes."""
    message = pair.message(EDI, Sends(compress=place))  # type: ignore[arg-type]
    assert arrived(pair, message.headers, message.body()).around is None


def test_it_is_not_had_of_several_parts(pair: Pair) -> None:
    documents = [Document(EDI, filename=name) for name in ("a", "b")]
    message = build(documents, pair.outward(), message_id_="<1@us>", now=NOW, entropy=Entropy())
    assert arrived(pair, message.headers, message.body()).around is None


def test_a_related_of_one_part_is_not_taken_for_its_content(pair: Pair) -> None:
    body = b"--B\r\nContent-Type: application/edi-x12\r\n\r\n" + EDI + b"\r\n--B--\r\n"
    headers = [("AS2-From", "us"), ("AS2-To", "The Peer"), ("Message-ID", "<1@us>")]
    assert arrived(pair, [*headers, ("Content-Type", "multipart/related; boundary=B")], body).around is None


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_it_is_not_had_through_a_transfer_encoding(pair: Pair, encoding: str) -> None:
    headers = [("AS2-From", "us"), ("AS2-To", "The Peer"), ("Message-ID", "<1@us>"), ("Content-Type", "text/plain")]
    assert arrived(pair, [*headers, ("Content-Transfer-Encoding", encoding)], b"QUJD").around is None


def in_pieces(body: bytes, size: Iterator[int]) -> bytes:
    """The same envelope with its ciphertext in pieces, as BouncyCastle writes it."""
    stream = Stream([body])
    kind = open_content_info(stream)
    open_shell(stream, 0x30, "an envelope")
    version, recipients = element(stream, 16, ""), element(stream, 10_000, "")
    open_shell(stream, 0x30, "the content")
    content_type, cipher = element(stream, 64, ""), element(stream, 1024, "")
    ciphertext = Stream(octets(stream, 0x80))
    pieces = iter(lambda: ciphertext.some(next(size)), b"")
    return b"".join(
        [
            *(head(0x30, None), tlv(0x06, kind), head(EXPLICIT_0, None), head(0x30, None)),
            *(version.raw, recipients.raw, head(0x30, None), content_type.raw, cipher.raw),
            *chunked_octets(pieces, 0x80),
            END * 4,
        ]
    )


def lengths(*several: int) -> Iterator[int]:
    while True:
        yield from several


@pytest.mark.parametrize("sizes", [(1000,), (200, 10, 30), (999, 16)])
def test_pieces_stand_where_they_stood(pair: Pair, sizes: tuple[int, ...]) -> None:
    message = pair.message(EDI * 10)
    headers = [(name, value) for name, value in message.headers if name != "Content-Length"]
    assert arrived(pair, headers, in_pieces(message.body(), lengths(*sizes))).around is not None


def test_thousands_of_equal_pieces_cost_little(pair: Pair) -> None:
    message = pair.message(LONG)
    headers = [(name, value) for name, value in message.headers if name != "Content-Length"]
    body = in_pieces(message.body(), lengths(1000))
    around = arrived(pair, headers, body).around
    assert around is not None
    assert len(around.packed(b"", [body])) < 6000


def test_what_a_vandal_cuts_up_is_kept_whole(pair: Pair) -> None:
    message = pair.message(EDI * 100)
    headers = [(name, value) for name, value in message.headers if name != "Content-Length"]
    assert arrived(pair, headers, in_pieces(message.body(), lengths(1, 2, 3))).around is None


def test_crumbs_all_of_one_size_are_kept_whole(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Millions of them would be one run, and more shell than message."""
    monkeypatch.setattr("gateway.as2.around.SHELL", 10_000)
    message = pair.message(EDI * 100)
    headers = [(name, value) for name, value in message.headers if name != "Content-Length"]
    body = message.body()
    assert arrived(pair, headers, in_pieces(body, lengths(1000))).around is not None
    assert arrived(pair, headers, in_pieces(body, lengths(1))).around is None


def test_what_stands_far_before_the_content_is_kept_whole(pair: Pair) -> None:
    message = pair.message(EDI, Sends(cipher=None))
    body = message.body()
    headers = [(name, value) for name, value in message.headers if name != "Content-Length"]
    assert arrived(pair, headers, b"x" * 70_000 + b"\r\n" + body).around is not None
    assert arrived(pair, headers, b"x" * NEAR + b"\r\n" + body).around is None


def test_the_head_can_be_left_out(pair: Pair) -> None:
    message = pair.message(EDI, Sends(cipher=None))
    body = message.body()
    around = arrived(pair, message.headers, body).around
    assert around is not None
    packed = around.packed(b"head", [body])
    assert b"".join(again(packed, [EDI], with_head=False)) == body
    assert b"".join(again(packed, [EDI])) == b"head" + body
