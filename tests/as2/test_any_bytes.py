"""Whatever bytes arrive, the answer is a message, a disposition or AS2Error; in linear time and bounded memory."""

from __future__ import annotations

import base64
import contextlib

import pytest
from as2_pair import EDI, NOW, OPEN, Entropy, Pair
from growth import is_linear
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.as2.ber import DEPTH, Node, element, octets, tlv
from gateway.as2.disposition import AS2Error, Disposition
from gateway.as2.identity import UnusableCertificate, our_certificate, their_certificate
from gateway.as2.mdn import original_message_id, read_mdn
from gateway.as2.mime import ContentType, Headers, Multipart, decoded, file_name, parse_parameters, read_headers
from gateway.as2.partnership import Accepts, Sends
from gateway.as2.receive import receive
from gateway.as2.stream import Stream

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MANY = settings(FEW, max_examples=300)

TYPES = st.sampled_from(
    [
        "application/pkcs7-mime",
        'multipart/signed; boundary="B"; micalg=sha-256',
        "multipart/related; boundary=B",
        "application/edi-x12",
        "multipart/signed",
        "",
        ";;;=",
    ]
)
BYTES = st.binary(max_size=400)
MIME_BYTES = st.lists(
    st.sampled_from(
        [b"--B", b"--B--", b"\r\n", b"\n", b"Content-Type: ", b"multipart/signed", b": ", b"\x30\x80", b"MIIB"]
    )
    | st.binary(max_size=12),
    max_size=30,
).map(b"".join)
BER_BYTES = st.recursive(
    st.builds(lambda tag, data: tlv(tag, data), st.sampled_from([2, 4, 5, 6, 0x30, 0x80]), st.binary(max_size=20)),
    lambda inner: st.builds(
        lambda tag, parts, ends: (
            bytes([tag]) + b"\x80" + b"".join(parts) + ends if ends is not None else tlv(tag, *parts)
        ),
        st.sampled_from([0x30, 0x31, 0x24, 0xA0, 0xA1]),
        st.lists(inner, max_size=4),
        st.sampled_from([None, b"\0\0", b"", b"\0"]),
    ),
    max_leaves=12,
)
HEAD = [
    ("AS2-From", "us"),
    ("AS2-To", '"The Peer"'),
    ("Message-ID", "<1@us>"),
    ("Disposition-Notification-To", "us"),
]


@MANY
@given(
    kind=TYPES, body=BYTES | MIME_BYTES | BER_BYTES, encoding=st.sampled_from(["", "base64", "quoted-printable", "x"])
)
def test_a_body(pair: Pair, kind: str, body: bytes, encoding: str) -> None:
    headers = [*HEAD, ("Content-Type", kind), ("Content-Transfer-Encoding", encoding)]
    received, _ = pair.arrival(headers, body, OPEN)
    assert (received.message is None) == (received.failure is not None)
    assert isinstance(received.disposition, Disposition)
    assert received.mdn is not None


@FEW
@given(headers=st.lists(st.tuples(st.text(max_size=20), st.text(max_size=60)), max_size=6), body=BYTES)
def test_headers(pair: Pair, headers: list[tuple[str, str]], body: bytes) -> None:
    received = receive(headers, [body], pair.inward(), now=NOW, mdn_id="<m@peer>", entropy=Entropy())
    assert received.message is None


@FEW
@given(body=BYTES | MIME_BYTES, kind=TYPES)
def test_a_receipt(pair: Pair, body: bytes, kind: str) -> None:
    headers = Headers([("Content-Type", kind)])
    with contextlib.suppress(AS2Error):
        read_mdn(headers, body, pair.outward(), NOW)
    original_message_id(headers, body)  # never raises


@MANY
@given(data=BYTES | BER_BYTES, cut=st.integers(1, 40))
def test_ber_whole_or_in_pieces(data: bytes, cut: int) -> None:
    """Whole or byte by byte, the answer is the same."""
    outcomes = []
    for size in (len(data) or 1, cut):
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        for reads in (lambda s: element(s, 1000, "it").der(), lambda s: b"".join(octets(s))):
            try:
                outcomes.append(reads(Stream(pieces)))
            except AS2Error as error:
                outcomes.append(type(error))
    assert outcomes[:2] == outcomes[2:]
    with contextlib.suppress(AS2Error):
        Node.whole(data).der()


@MANY
@given(body=MIME_BYTES, cut=st.integers(1, 20))
def test_mime_whole_or_in_pieces(body: bytes, cut: int) -> None:
    """Whole or byte by byte, the parts are the same."""
    outcomes: list[object] = []
    for size in (len(body) or 1, cut):
        multipart = Multipart(Stream([body[at : at + size] for at in range(0, len(body), size)]), "B")
        parts: list[object] = []
        try:
            while (chunks := multipart.next()) is not None:
                parts.append(b"".join(chunks))
        except AS2Error as error:
            parts.append(type(error))
        outcomes.append(parts)
    assert outcomes[0] == outcomes[1]


@FEW
@given(data=st.binary(max_size=3000), cut=st.integers(1, 500))
def test_base64_in_pieces(data: bytes, cut: int) -> None:
    text = base64.encodebytes(data)
    pieces = [text[at : at + cut] for at in range(0, len(text), cut)]
    assert b"".join(decoded(pieces, "base64")) == data


@FEW
@given(text=st.text(max_size=200), block=BYTES | MIME_BYTES)
def test_small_readers(text: str, block: bytes) -> None:
    """None of them raises anything but AS2Error; a file name is a name whatever went in."""
    parse_parameters(text)
    ContentType.parse(text)
    Disposition.parse(text)
    name = file_name(text)
    assert "/" not in name
    assert "\\" not in name
    assert name not in (".", "..")
    assert name.isprintable()
    with contextlib.suppress(AS2Error):
        read_headers(Stream([block]))
    with contextlib.suppress(UnusableCertificate):
        their_certificate(block)
    with contextlib.suppress(UnusableCertificate):
        our_certificate(block, b"x")


@MANY
@given(at=st.integers(0, 10_000), value=st.integers(0, 255), sends=st.sampled_from([0, 1, 2, 3]))
def test_one_byte_changed_is_refused_or_harmless(pair: Pair, at: int, value: int, sends: int) -> None:
    """A message that was changed on its way is refused, or what is delivered is still what was signed."""
    how = (Sends(), Sends(cipher="aes256-gcm"), Sends(cipher=None), Sends(compress="after-signing"))[sends]
    message = pair.message(EDI, how, seed="fuzz")
    body = message.body()
    at %= len(body)
    changed = body[:at] + bytes([value]) + body[at + 1 :]
    received, sink = pair.arrival(
        [(n, v) for n, v in message.headers if n != "Content-Length"], changed, Accepts(encrypted=False)
    )
    if received.message is not None:
        assert [data for _, data in sink.parts] == [EDI]


@pytest.mark.parametrize("size", [1024, 262_144])
@pytest.mark.parametrize(
    "piece",
    [
        b"\r\n--B",
        b"\r\n--Bx\r\n",
        b"\n--",
        b"\r",
        b"--B",
        b"A: b\r\n",
        b"\x30\x80",
        b"\x24\x80\x04\x00\x00\x00",
        b"=",
        b"QUJD",
    ],
)
@pytest.mark.parametrize(
    "kind", ['multipart/signed; boundary="B"', "application/pkcs7-mime", "multipart/related; boundary=B"]
)
def test_linear_time(pair: Pair, piece: bytes, kind: str, size: int) -> None:
    """Red when a reader looks at what it holds once more for every chunk. 4 MB of any pattern."""
    headers = [*HEAD, ("Content-Type", kind)]

    def read(length: int) -> None:
        body = piece * (length // len(piece))
        chunks = [b"--B\r\n\r\n", *(body[at : at + size] for at in range(0, len(body), size))]
        receive(headers, chunks, pair.inward(OPEN), now=NOW, mdn_id="<m@peer>", entropy=Entropy())

    assert is_linear(read, 500_000)
    assert DEPTH < 100
