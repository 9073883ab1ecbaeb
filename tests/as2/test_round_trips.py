"""The full product of what we can make, sent from one of our sides to the other and acknowledged."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from as2_pair import EDI, NOW, OPEN, Entropy, Pair

from gateway.as2.algorithms import MADE_KEY_TRANSPORTS, MODERN_CIPHERS
from gateway.as2.build import Document, build
from gateway.as2.mdn import Sent, judge, read_mdn
from gateway.as2.message import Collected
from gateway.as2.mime import Headers
from gateway.as2.partnership import Accepts, Place, Sends, WantsMdn
from gateway.as2.receive import receive

DIGESTS = (None, "sha256", "sha384", "sha512")
SIGNATURES = ("rsa-pkcs1v15", "rsa-pss")
PLACES: tuple[Place | None, ...] = (None, "before-signing", "after-signing")
MDNS = (
    None,
    WantsMdn(signed=False),
    WantsMdn(),
    WantsMdn(digests=("sha512",)),
    WantsMdn(asynchronous_url="https://us.example.com/mdn"),
)


def product() -> Iterator[tuple[str, Sends, WantsMdn | None]]:
    """Every (kind of certificate, Sends) that means something."""
    for kind, digest, cipher, place, mdn in itertools.product(
        ("rsa", "ec"), DIGESTS, (None, *sorted(MODERN_CIPHERS)), PLACES, MDNS
    ):
        if place == "after-signing" and digest is None:
            continue
        transports = [name for name in MADE_KEY_TRANSPORTS if name.startswith("ecdh") == (kind == "ec")]
        for transport in transports if cipher else transports[:1]:
            for signature in SIGNATURES if kind == "rsa" and digest else ("rsa-pkcs1v15",):
                yield kind, Sends(digest, signature, cipher, transport, place, mdn=mdn), mdn


EVERY = list(product())


def there_and_back(pair: Pair, kind: str, sends: Sends, mdn: WantsMdn | None) -> None:
    message = pair.message(EDI * 3, sends, kind, "po.edi")
    body = message.body()
    assert len(body) == message.size
    urls = ("https://us.example.com/mdn",)
    accepts = Accepts(signed=sends.digest is not None, encrypted=sends.cipher is not None)
    received, sink = pair.arrival(message.headers, body, accepts, kind, urls=urls)
    assert received.failure is None
    assert received.message is not None
    assert [(part.filename, data) for part, data in sink.parts] == [("po.edi", EDI * 3)]
    assert received.message.compressed == (sends.compress is not None)
    assert (received.message.signature is not None) == (sends.digest is not None)
    if received.message.encryption is not None:
        assert received.message.encryption.cipher == sends.cipher
        assert received.message.encryption.key_transport == sends.key_transport
    if mdn is None:
        assert received.mdn is None
        return
    assert received.mdn is not None
    assert received.post_to == mdn.asynchronous_url
    receipt = read_mdn(Headers(received.mdn.headers), received.mdn.body, pair.outward(sends, kind), NOW)
    assert receipt.mic == received.message.mic
    sent = Sent("<1@us>", "us", "The Peer", message.mics, mdn.signed)
    assert judge(receipt, sent, asynchronous=mdn.asynchronous_url is not None).acknowledged


@pytest.mark.parametrize("share", range(8))
def test_a_cut_of_the_product(pair: Pair, share: int) -> None:
    """Every 29th combination: a prime stride meets all pairs of values."""
    for kind, sends, mdn in EVERY[share * 29 :: 29 * 8]:
        there_and_back(pair, kind, sends, mdn)


@pytest.mark.slow
@pytest.mark.parametrize("share", range(16))
def test_the_full_product(pair: Pair, share: int) -> None:
    assert len(EVERY) > 3000
    for kind, sends, mdn in EVERY[share::16]:
        there_and_back(pair, kind, sends, mdn)


def test_several_documents_and_their_names(pair: Pair) -> None:
    """RFC 6362: multipart/related, each with its own type and name."""
    names = ["po.edi", "Zeichnung ä.pdf", "日本.bin"]
    documents = [Document(EDI + bytes([n]), f"application/x{n}", name) for n, name in enumerate(names)]
    for sends in (
        Sends(),
        Sends(digest=None, cipher=None),
        Sends(compress="before-signing", transfer_encoding="base64"),
    ):
        message = build(documents, pair.outward(sends), message_id_="<1@us>", now=NOW, entropy=Entropy())
        received, sink = pair.arrival(message.headers, message.body(), OPEN)
        assert received.failure is None
        assert [(part.filename, part.content_type, data) for part, data in sink.parts] == [
            (name, f"application/x{n}", EDI + bytes([n])) for n, name in enumerate(names)
        ]
        assert received.message is not None
        assert message.mics[received.message.mic.digest] == received.message.mic.value
        assert "multiple-attachments" in received.message.head.features


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 47, 48, 49, 262_143, 262_144, 262_145, 5_000_000])
@pytest.mark.parametrize(
    "sends",
    [
        Sends(),
        Sends(transfer_encoding="base64", cipher="aes128-gcm"),
        Sends(compress="before-signing"),
        Sends(compress="after-signing", signature="rsa-pss"),
    ],
    ids=["plain", "base64 gcm", "compressed before", "compressed after"],
)
def test_every_size_in_pieces_of_every_size(pair: Pair, size: int, sends: Sends) -> None:
    """Whatever the size, whatever the pieces it comes in: the same bytes, in the length announced."""
    data = Entropy()(size)
    message = pair.message(data, sends)
    body = message.body()
    if message.size is not None:
        assert len(body) == message.size
    for piece in (len(body), 65_537, 1009):
        chunks = (body[at : at + piece] for at in range(0, len(body), piece))
        sink = Collected()
        received = receive(
            message.headers, chunks, pair.inward(), now=NOW, mdn_id="<m@peer>", entropy=Entropy(), sink=sink
        )
        assert received.failure is None
        assert sink.parts[0][1] == data


def test_an_elliptic_curve_signature_over_something_large(pair: Pair) -> None:
    """Its length is not known before it is made, so the message is sent without one."""
    data = Entropy()(5_000_000)
    for sends in (Sends(), Sends(cipher="aes256-gcm")):
        message = pair.message(data, sends, "ec")
        assert message.size is None
        received, sink = pair.arrival(message.headers, message.body(), kind="ec")
        assert received.failure is None
        assert sink.parts[0][1] == data
