"""Who trickles headers is cut off; who is quick, or slow only with the body, is not."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from fastapi import FastAPI, Request

from gateway.api import patience
from gateway.api.patience import PatientHttp


@pytest.fixture
def port() -> Iterator[int]:
    app = FastAPI()

    @app.post("/")
    async def post(request: Request) -> int:
        return len(await request.body())

    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", http=PatientHttp, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield int(listening.getsockname()[1])
    server.should_exit = True
    thread.join()
    listening.close()


def talk(port: int, *said: bytes, pause: float) -> bytes:
    """Everything that comes back until they close, or have answered all."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as wire:
        answer = b""
        with contextlib.suppress(OSError):  # closed while we were still talking
            for one in said:
                wire.sendall(one)
                time.sleep(pause)
            wire.shutdown(socket.SHUT_WR)
            while piece := wire.recv(65536):
                answer += piece
        return answer


@pytest.mark.parametrize(
    "said",
    [[b"P"] * 6, [b"POST / HTTP/1.1\r\n", *[b"A: b\r\n"] * 5], [b""] * 6],
    ids=["a letter at a time", "a header at a time", "nothing at all"],
)
def test_a_trickle_of_headers_is_cut_off(port: int, said: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_S", 0.4)
    assert talk(port, *said, b"\r\n", pause=0.15) == b""


def test_a_slow_body_is_the_business_of_the_door(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_S", 2.0)
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
    assert talk(port, head, *[b"x"] * 5, pause=0.5).endswith(b"\r\n\r\n5")


def test_one_request_after_another(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_S", 2.0)
    one = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
    assert talk(port, one, one, one, pause=0.8).count(b"200 OK") == 3
