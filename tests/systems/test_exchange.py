"""Answers no decent server gives, from small servers that give them; each must end in the outcome that is safe."""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from gateway.systems.connector import Command, Done, Operation, Outcome, Rejected, Retry, Unknown, settle
from gateway.systems.declarative import DeclarativeConnector
from gateway.systems.description import load
from gateway.systems.exchange import BadAddress, checked_base

Talk = Callable[[socket.socket, str], None]  # a connection and the request's first line

YAML = """\
system: odd
lane: test
base_url: env:URL
timeouts: {connect: 60s, read: 60s, total: 120s}
limits: {response_bytes: 20000}
errors: {code: /code, message: /message, rules: [RULES]}
operations:
  submit_order:
    steps:
    - name: create
      find:
        request: GET /orders
        query: {ref: "{key}"}
        items: /hits
        match: {/ref: "{key}"}
      request: POST /orders
      body: {ref: "{key}"}
      take: {id: /id}
    ref: "{steps.create.id}"
"""


class Server:
    """Speaks HTTP by hand: POST is answered by `post`, every search finds nothing."""

    def __init__(self, post: Talk) -> None:
        self.post = post
        self.seen: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with closing(connection):
                data = b""
                while b"\r\n\r\n" not in data:
                    data += connection.recv(65536)
                head, _, rest = data.partition(b"\r\n\r\n")
                length = next((int(h[15:]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length:")), 0)
                while len(rest) < length:
                    rest += connection.recv(65536)
                first = head.split(b"\r\n")[0].decode()
                self.seen.append(first)
                try:
                    if first.startswith("GET"):
                        answer(200, {"hits": []})(connection, first)
                    else:
                        self.post(connection, first)
                except OSError:
                    pass

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)


def raw(head: str, body: bytes = b"") -> Talk:
    return lambda connection, first: connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)


def answer(status: int, value: object, *headers: str) -> Talk:
    body = json.dumps(value).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return raw("\n".join(lines), body)


def trickle(connection: socket.socket, first: str) -> None:
    connection.sendall(b"HTTP/1.1 201 X\r\nContent-Length: 1000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.1)


def silence(connection: socket.socket, first: str) -> None:
    connection.recv(1)  # until they have gone


def squeezed() -> Talk:
    body = gzip.compress(b" " * 10_000_000)
    return raw(f"HTTP/1.1 201 X\nContent-Encoding: gzip\nContent-Length: {len(body)}\nConnection: close", body)


@pytest.fixture
def talk() -> Iterator[Callable[..., tuple[Outcome, list[str]]]]:
    servers: list[Server] = []

    def once(post: Talk, rules: str = "", patience: str = "") -> tuple[Outcome, list[str]]:
        server = Server(post)
        servers.append(server)
        said = YAML.replace("[RULES]", f"[{rules}]")
        if patience:
            said = re.sub("(?m)^timeouts: .*$", f"timeouts: {patience}", said)
        system = load("odd.yaml", said)
        connector = DeclarativeConnector(system, {"env:URL": server.url}.__getitem__)
        outcome = settle(connector, Command(Operation.SUBMIT_ORDER, "D-1", "test", {}))
        connector.close()
        return outcome, server.seen

    yield once
    for server in servers:
        server.close()


BIG = b'{"id": "' + b"x" * 30_000 + b'"}'


@pytest.mark.parametrize(
    ("post", "says"),
    [
        (answer(500, {}), "answers 500"),
        (answer(502, {}), "answers 502"),
        (answer(504, {}), "answers 504"),
        (answer(302, {}, "Location: http://169.254.169.254/latest/meta-data"), "answers 302"),
        (answer(201, {"number": "SO-1"}), "without id"),
        (raw("HTTP/1.1 201 X\nContent-Length: 5\nConnection: close", b"<ok/>"), "not with JSON"),
        (raw(f"HTTP/1.1 201 X\nContent-Length: {len(BIG)}\nConnection: close", BIG), "more than 20000 bytes"),
        (raw("HTTP/1.1 201 X\nContent-Length: 400\nConnection: close", b'{"id": "SO'), "broke"),
        (raw("HTTP/1.1 201 X\nContent-Length: 20\nConnection: close", b"[" * 20), "not with JSON"),
        (raw("nonsense"), "broke"),
        (squeezed(), "compressed"),
        (lambda connection, first: None, "broke"),
    ],
)
def test_after_sending_anything_unclear_is_unknown_and_looked_up_once(
    talk: Callable[..., tuple[Outcome, list[str]]], post: Talk, says: str
) -> None:
    outcome, seen = talk(post)
    assert isinstance(outcome, Unknown), outcome
    assert says in outcome.why
    assert seen == ["POST /orders HTTP/1.1", "GET /orders?ref=D-1 HTTP/1.1"]


@pytest.mark.parametrize(
    ("post", "patience", "says"),
    [
        (trickle, "{connect: 60s, read: 60s, total: 2s}", "within 2 s"),
        (silence, "{connect: 60s, read: 2s, total: 60s}", "in time"),
    ],
)
def test_an_answer_that_takes_too_long_is_unknown_and_looked_up_once(
    talk: Callable[..., tuple[Outcome, list[str]]], post: Talk, patience: str, says: str
) -> None:
    outcome, seen = talk(post, patience=patience)
    assert isinstance(outcome, Unknown), outcome
    assert says in outcome.why
    assert seen == ["POST /orders HTTP/1.1", "GET /orders?ref=D-1 HTTP/1.1"]


@pytest.mark.parametrize(
    ("status", "header", "after"),
    [
        (408, "X: y", None),
        (425, "X: y", None),
        (429, "Retry-After: 12", 12.0),
        (429, "Retry-After: 99999999", 3600.0),
        (503, "Retry-After: soon", None),
        (503, "Retry-After: Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        (412, "X: y", 0.0),
        (401, "X: y", 300.0),
        (403, "X: y", 300.0),
    ],
)
def test_what_was_not_taken_up_is_tried_again_without_looking(
    talk: Callable[..., tuple[Outcome, list[str]]], status: int, header: str, after: float | None
) -> None:
    outcome, seen = talk(answer(status, {}, header))
    assert isinstance(outcome, Retry)
    assert outcome.after == after
    assert seen == ["POST /orders HTTP/1.1"]


@pytest.mark.parametrize("status", [400, 404, 405, 409, 410, 422])
def test_their_business_said_no(talk: Callable[..., tuple[Outcome, list[str]]], status: int) -> None:
    outcome, seen = talk(answer(status, {"code": "blocked", "message": "credit\x1b[31m\nhold"}))
    assert outcome == Rejected("blocked", "credit [31m hold")
    assert seen == ["POST /orders HTTP/1.1"]


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ("{status: 409, code: duplicate, outcome: unknown}", Unknown),
        ("{status: 409, outcome: retry, after: 9s}", Retry),
        ("{status: 409, code: other, outcome: retry}", Rejected),
        ("{status: 409, outcome: done}", Done),
    ],
)
def test_a_system_may_mean_something_else(
    talk: Callable[..., tuple[Outcome, list[str]]], rule: str, kind: type[Outcome]
) -> None:
    outcome, _ = talk(answer(409, {"code": "duplicate", "id": "SO-7"}), rule)
    assert isinstance(outcome, kind)
    if isinstance(outcome, Retry):
        assert outcome.after == 9


@pytest.mark.parametrize(
    "url",
    [
        "ftp://erp.example.com",
        "erp.example.com",
        "http://erp.example.com",
        "https://user:secret@erp.example.com",
        "https://erp.example.com/?tenant=1",
        "https:///orders",
        "file:///etc/passwd",
    ],
)
def test_addresses_we_do_not_talk_to(url: str) -> None:
    with pytest.raises(BadAddress):
        checked_base(url, allow_http=False)


def test_plain_http_is_for_this_machine_or_by_name() -> None:
    assert checked_base("http://127.0.0.1:9/x/", allow_http=False) == "http://127.0.0.1:9/x"
    assert checked_base("http://erp:8069", allow_http=True) == "http://erp:8069"
