"""Posting against servers that behave, and servers that do not."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from as2_interop import posting_to
from as2_pair import NOW, Entropy, Pair, Side
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.as2.build import Document, build
from gateway.as2.mdn import Sent as Kept
from gateway.as2.mdn import judge, read_mdn
from gateway.as2.mime import Headers
from gateway.as2.partnership import Partnership, Sends, WantsMdn
from gateway.as2.receive import receive
from gateway.channels.as2 import As2Channel, join, split
from gateway.channels.as2_settings import As2Settings
from gateway.channels.channel import Parcel, Refused, Retry, Unknown
from gateway.channels.channel import Sent as Delivered
from gateway.cli.story.parties import free_port


@pytest.fixture(scope="module")
def pair() -> Pair:
    return Pair(Side("us"), Side("The Peer"))


class Peer(BaseHTTPRequestHandler):
    """A receiver on the real core; what it saw is kept on the server."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server: Any = self.server
        body = self._body()
        server.seen.append((list(self.headers.items()), body))
        status, headers = server.status, list(server.extra)
        answer = b""
        if status == 200 and server.partnership is not None:
            received = receive(
                self.headers.items(),
                [body],
                server.partnership,
                now=NOW,
                mdn_id="<m@peer>",
                entropy=Entropy(),
            )
            headers, answer = received.mdn_headers, received.mdn_body
        self.send_response(status)
        for name, value in headers:
            if name != "Content-Length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def log_message(self, *words: object) -> None:
        """Quiet."""


@contextmanager
def serving(partnership: Partnership | None = None, tls: ssl.SSLContext | None = None, **said: Any) -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Peer)
    server.partnership, server.seen = partnership, []
    server.status, server.extra = said.get("status", 200), said.get("extra", [])
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.handle_error = lambda *_: None  # refused handshakes are what is tested
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def channel_to(port: int, **settings: Any) -> Iterator[As2Channel]:
    made = posting_to(settings.pop("url", f"http://127.0.0.1:{port}/as2"), **settings)
    channel = As2Channel(
        made, lambda reference: {"env:USER": "edi", "env:PASSWORD": "s3cret"}.get(reference, reference)
    )
    try:
        yield channel
    finally:
        channel.close()


@pytest.mark.parametrize("chunked", [False, True])
def test_a_message_and_its_receipt(pair: Pair, chunked: bool) -> None:
    message = pair.message(sends=Sends(), filename="po.edi")
    body = message.body()
    with serving(pair.inward()) as server, channel_to(server.server_port, chunked=chunked) as channel:
        exchange = channel.exchange(message.headers, body)
        assert isinstance(exchange.outcome, Delivered)
        assert exchange.answer is not None
        receipt = read_mdn(Headers(exchange.answer.headers), exchange.answer.body, pair.outward(), NOW)
        assert judge(receipt, Kept("<1@us>", "us", "The Peer", message.mics, True)).acknowledged
        headers = {name.lower(): value for name, value in server.seen[0][0]}
        assert ("transfer-encoding" in headers) == chunked
        assert ("content-length" in headers) != chunked
        assert headers["accept-encoding"] == "identity"
        assert "content-encoding" not in headers


def test_every_try_carries_the_same_bytes(pair: Pair) -> None:
    """A stored message sent twice is the same message, Message-ID and all."""
    message = pair.message()
    stored = b"".join(join(message.headers, message.chunks()))
    parcel = Parcel(stored, "po.edi", "message/as2", "<1@us>")
    with serving(pair.inward()) as server, channel_to(server.server_port) as channel:
        assert isinstance(channel.send(parcel), Delivered)
        assert isinstance(channel.send(parcel), Delivered)
        assert server.seen[0] == server.seen[1]
        assert dict(server.seen[0][0])["Message-ID"] == "<1@us>"
        assert server.seen[0][1] == split(stored)[1]


def test_basic_auth(pair: Pair) -> None:
    message = pair.message()
    settings = {"user": "env:USER", "password": "env:PASSWORD"}
    with serving(pair.inward()) as server, channel_to(server.server_port, **settings) as channel:
        assert isinstance(channel.exchange(message.headers, message.body()).outcome, Delivered)
        assert dict(server.seen[0][0])["Authorization"] == "Basic ZWRpOnMzY3JldA=="


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, Refused),
        (400, Refused),
        (401, Retry),
        (404, Refused),
        (413, Refused),
        (429, Retry),
        (500, Retry),
        (503, Retry),
    ],
)
def test_what_an_answer_means(pair: Pair, status: int, kind: type) -> None:
    message = pair.message()
    extra = [("Location", "http://127.0.0.1:1/elsewhere"), ("Retry-After", "7")]
    with serving(status=status, extra=extra) as server, channel_to(server.server_port) as channel:
        outcome = channel.exchange(message.headers, message.body()).outcome
        assert type(outcome) is kind
        assert len(server.seen) == 1, "no redirect is followed"
        if status == 429:
            assert outcome == Retry(7.0, "their server answers 429")


def test_an_answer_without_the_receipt_is_unknown(pair: Pair) -> None:
    message = pair.message()
    with serving(None) as server, channel_to(server.server_port) as channel:
        assert isinstance(channel.exchange(message.headers, message.body()).outcome, Unknown)
    later = pair.message(sends=Sends(mdn=WantsMdn(asynchronous_url="https://us.example.com/as2")))
    with serving(None) as server, channel_to(server.server_port) as channel:
        assert isinstance(channel.exchange(later.headers, later.body()).outcome, Delivered)


def test_nobody_there(pair: Pair) -> None:
    message = pair.message()
    with channel_to(free_port()) as channel:
        assert isinstance(channel.exchange(message.headers, message.body()).outcome, Retry)


class Raw(socketserver.StreamRequestHandler):
    """A server that says what it is told, byte by byte."""

    def handle(self) -> None:
        server: Any = self.server
        length = 0
        while (line := self.rfile.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        for before, wait in server.script:
            if wait:
                self.rfile.read(length)
            self.wfile.write(before)
            self.wfile.flush()


@contextmanager
def scripted(*script: tuple[bytes, bool]) -> Iterator[int]:
    server: Any = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Raw)
    server.script = script
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def test_100_continue_before_the_answer(pair: Pair) -> None:
    """Servers send it whether or not it was asked for."""
    message = pair.message(sends=Sends(mdn=None))
    with (
        scripted(
            (b"HTTP/1.1 100 Continue\r\n\r\n", False), (b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", True)
        ) as port,
        channel_to(port) as channel,
    ):
        assert channel.exchange(message.headers, message.body()).outcome == Delivered("their server answers 204")


def test_a_connection_cut_while_we_wait_is_unknown(pair: Pair) -> None:
    """It may have arrived: the same bytes under the same Message-ID go again."""
    message = pair.message()
    with scripted((b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhalf", True)) as port, channel_to(port) as channel:
        assert isinstance(channel.exchange(message.headers, message.body()).outcome, Unknown)


def test_a_server_that_never_answers_is_unknown(pair: Pair) -> None:
    message = pair.message()
    with socket.create_server(("127.0.0.1", 0)) as silent, channel_to(silent.getsockname()[1], timeout="1s") as channel:
        assert isinstance(channel.exchange(message.headers, message.body()).outcome, Unknown)


def test_no_more_of_an_answer_than_a_receipt(pair: Pair) -> None:
    message = pair.message()
    flood = b"HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n" + bytes(3_000_000)
    with scripted((flood, True)) as port, channel_to(port) as channel:
        exchange = channel.exchange(message.headers, message.body())
        assert exchange.answer is not None
        assert len(exchange.answer.body) < 2_000_000


def test_receipts_go_to_listed_addresses_only(pair: Pair) -> None:
    """Security rule 9 once more, at the moment of the POST."""
    with serving(None) as server, channel_to(server.server_port) as channel:
        url = f"http://127.0.0.1:{server.server_port}/mdn"
        wants = Sends(mdn=WantsMdn(asynchronous_url=url))
        message = pair.message(sends=wants)
        allowed, other = pair.inward(urls=(url,)), pair.inward()
        received, _ = pair.arrival(message.headers, message.body(), urls=(url,))
        assert received.mdn is not None
        assert received.post_to == url
        assert isinstance(channel.post_receipt(received.mdn, url, other).outcome, Refused)
        assert server.seen == []
        assert isinstance(channel.post_receipt(received.mdn, url, allowed).outcome, Delivered)
        headers, body = server.seen[0]
        receipt = read_mdn(Headers(headers), body, pair.outward(), NOW)
        kept = Kept("<1@us>", "us", "The Peer", message.mics, True)
        assert judge(receipt, kept, asynchronous=True).acknowledged


def tls_certificate(name: str) -> bytes:
    """Certificate and key in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(pem) + private


def test_tls_with_a_client_certificate(pair: Pair, tmp_path: Path) -> None:
    """Their server lets nobody in without one, and is itself checked against the authority that we name."""
    for name in ("server", "client"):
        (tmp_path / f"{name}.pem").write_bytes(tls_certificate(name))
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_tls.load_cert_chain(tmp_path / "server.pem")
    server_tls.load_verify_locations(tmp_path / "client.pem")
    server_tls.verify_mode = ssl.CERT_REQUIRED
    message = pair.message()
    body = message.body()
    with serving(pair.inward(), tls=server_tls) as server:
        address = {"url": f"https://127.0.0.1:{server.server_port}/as2", "timeout": "5s"}
        trusting = {"ca": str(tmp_path / "server.pem")}
        ours = {"client_certificate": str(tmp_path / "client.pem")}
        for settings in ({}, trusting, ours):
            with channel_to(0, **address, **settings) as channel:
                assert isinstance(channel.exchange(message.headers, body).outcome, Retry | Unknown)
        assert server.seen == []
        with channel_to(0, **address, **trusting, **ours) as channel:
            assert isinstance(channel.exchange(message.headers, body).outcome, Delivered)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"user": "env:USER"}, "password"),
        ({"client_key": "/x"}, "client_key"),
        ({"receipt": "async"}, "receipt_url"),
        ({"sign": "sha256"}, "sign with"),
        ({"encrypt": "aes256-cbc"}, "encrypt to"),
        ({"require_signed": True}, "signatures"),
        ({"require_encrypted": True}, "open their messages"),
        ({"compress": "after-signing"}, "compressed after"),
        ({"their_as2_name": "ü"}, "AS2 name"),
        ({"sign": "sha1"}, "sha256"),
        ({"encrypt": "3des-cbc"}, "aes256-cbc"),
    ],
)
def test_settings_say_what_is_missing(said: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        posting_to("https://x/", **said)


def test_an_address_that_is_not_encrypted(pair: Pair) -> None:
    with channel_to(0, url="http://partner.example.com/as2") as channel:
        outcome = channel.exchange([("Content-Type", "x/y")], b"").outcome
        assert isinstance(outcome, Refused)
        assert "not encrypted" in outcome.why


def test_a_connection_is_a_partnership(pair: Pair, tmp_path: Path) -> None:
    """From the words of a profile to a message that the other side accepts, and its receipt."""
    secrets = {}
    for name, side in (("us", pair.us), ("peer", pair.peer)):
        pem = side.rsa.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        secrets |= {f"file:/{name}.pem": side.rsa.pem().decode(), f"file:/{name}.key": pem.decode()}

    def said(our: str, their: str, our_name: str, their_name: str, **more: object) -> As2Settings:
        return As2Settings.model_validate(
            {
                "url": "https://partner.example.com/as2",
                "our_as2_name": our_name,
                "their_as2_name": their_name,
                "our_certificates": [{"certificate": f"file:/{our}.pem", "key": f"file:/{our}.key"}],
                "their_certificates": [{"certificate": f"file:/{their}.pem", "use_from": "2026-01-01"}],
                **more,
            }
        )

    resolve = lambda reference: secrets.get(reference, reference)  # noqa: E731
    outward = said("us", "peer", "us", "The Peer", sign="sha512", encrypt="aes256-gcm", accept_old=["sha1"])
    inward = said("peer", "us", "The Peer", "us", their_receipt_urls=["https://us.example.com/as2"], max_size=1_000_000)
    ours, theirs = outward.partnership(resolve), inward.partnership(resolve)
    message = build([Document(b"ISA*00")], ours, message_id_="<1@us>", now=NOW, entropy=Entropy())
    received = receive(message.headers, [message.body()], theirs, now=NOW, mdn_id="<m@p>", entropy=Entropy())
    assert received.failure is None
    assert received.message is not None
    assert received.message.encryption is not None
    assert (received.message.mic.digest, received.message.encryption.cipher) == ("sha512", "aes256-gcm")
    receipt = read_mdn(Headers(received.mdn_headers), received.mdn_body, ours, NOW)
    assert judge(receipt, Kept("<1@us>", "us", "The Peer", message.mics, True)).acknowledged
    assert "sha1" in message.mics
    assert theirs.may_post_to("https://us.example.com/as2")
    assert theirs.limits.message == 1_000_000
