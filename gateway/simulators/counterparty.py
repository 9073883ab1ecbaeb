"""What the simulated systems have in common: a server that logs every arrival, keeps its state, and fails on demand.

POST /control takes one JSON object; each member is a fault or an order of this kind:

    {"down": 5}                          take no connections for 5 seconds; with "how": "503" answer 503 instead
    {"fail_after_commit": 1}             the next request that changes something is done, and answered with 500
    {"hang_up_after_commit": 1}          ... and not answered at all
    {"slow": 3, "times": 1}              the next answer takes 3 seconds
    {"throttle": 2, "retry_after": 1}    the next 2 requests are answered with 429

Anything else is handed to the simulator itself. GET /control shows what it holds.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import datetime as dt
import json
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

LARGEST = 64_000_000  # bytes of one request


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def steps(self) -> tuple[str, ...]:
        """The parts of the path, unquoted: ("v1", "orders", "SO-1001")."""
        return tuple(unquote(step) for step in self.path.strip("/").split("/"))

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered."""

    status: int
    value: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None  # instead of a value; the headers say of which type


class NotAllowed(Exception):
    """Ends a request with this answer."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__(response.status)


@dataclass
class Faults:
    """What goes wrong next."""

    down_until: float = 0.0
    fail_after_commit: int = 0
    hang_up_after_commit: int = 0
    slow: float = 0.0
    slow_times: int = 0
    throttle: int = 0
    retry_after: int = 1


class Counterparty:
    """One simulated system. A subclass answers requests in `answer` and obeys `command`."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.lane: str = options.lane
        self.key: str = options.key
        self.faults = Faults()
        self.lock = threading.RLock()
        self._log = Path(options.log).open("a", encoding="utf-8")  # noqa: SIM115 - open for as long as we are
        self._log_lock = threading.Lock()
        self._seen = 0
        self.db = sqlite3.connect(options.state, check_same_thread=False, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA journal_mode=WAL")

    def answer(self, request: Request) -> Response:
        """One request to the system itself. Runs under the lock, in one transaction."""
        raise NotImplementedError

    def command(self, order: dict[str, Any]) -> Any:
        """One order of /control that is no fault."""
        raise ValueError(f"no such order: {order}")

    def summary(self) -> Any:
        """What GET /control shows."""
        raise NotImplementedError

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        with self.lock:
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self.db.execute("ROLLBACK")
                raise
            self.db.execute("COMMIT")

    def witness(self, what: Mapping[str, Any]) -> None:
        """One line in the log, on its way to the disk before anything else happens."""
        with self._log_lock:
            self._seen += 1
            line = {"n": self._seen, "at": dt.datetime.now(dt.UTC).isoformat(), **what}
            self._log.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._log.flush()

    def authorise(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            raise NotAllowed(Response(401, {"error": {"code": "key", "message": "unknown key"}}))

    def check_lane(self, request: Request) -> None:
        if request.headers.get("x-lane", self.lane) != self.lane:
            raise NotAllowed(
                Response(422, {"error": {"code": "lane", "message": f"this is the {self.lane} system"}}),
            )

    def serve(self, request: Request) -> Response | None:
        """Log, misbehave as told, answer. None: hang up without a word."""
        self.witness(
            {
                "method": request.method,
                "path": request.path,
                "query": dict(request.query),
                "headers": {name: "..." if name == "authorization" else v for name, v in request.headers.items()},
                "body": _written(request.body),
            }
        )
        with self.lock:
            if time.monotonic() < self.faults.down_until:
                return Response(503, {"error": {"code": "down", "message": "down for maintenance"}})
            if self.faults.throttle > 0:
                self.faults.throttle -= 1
                headers = {"Retry-After": str(self.faults.retry_after)}
                return Response(429, {"error": {"code": "busy", "message": "too many requests"}}, headers)
            pause = self.faults.slow if self.faults.slow_times > 0 else 0.0
            self.faults.slow_times -= 1 if pause else 0
        try:
            with self.transaction():
                response = self.answer(request)
        except NotAllowed as stop:
            response = stop.response
        except (KeyError, TypeError, ValueError) as error:
            response = Response(400, {"error": {"code": "malformed", "message": f"{type(error).__name__}: {error}"}})
        if request.method not in ("GET", "HEAD") and response.status < 300:
            with self.lock:
                if self.faults.hang_up_after_commit > 0:
                    self.faults.hang_up_after_commit -= 1
                    return None
                if self.faults.fail_after_commit > 0:
                    self.faults.fail_after_commit -= 1
                    response = Response(500, {"error": {"code": "internal", "message": "unexpected error"}})
        time.sleep(pause)
        return response

    def control(self, order: dict[str, Any]) -> tuple[Any, float]:
        """Obey; the second value is how many seconds to take no connections."""
        if "down" in order and order.get("how", "refuse") == "refuse":
            return {"ok": True}, float(order["down"])
        with self.lock:
            if self._is_fault(order):
                return {"ok": True}, 0.0
        # outside the lock: an order may make the simulator call somebody who calls back
        return self.command(order), 0.0

    def _is_fault(self, order: dict[str, Any]) -> bool:
        faults = self.faults
        if "down" in order:
            faults.down_until = time.monotonic() + float(order["down"])
        elif "fail_after_commit" in order:
            faults.fail_after_commit = int(order["fail_after_commit"])
        elif "hang_up_after_commit" in order:
            faults.hang_up_after_commit = int(order["hang_up_after_commit"])
        elif "slow" in order:
            faults.slow, faults.slow_times = float(order["slow"]), int(order.get("times", 1))
        elif "throttle" in order:
            faults.throttle, faults.retry_after = int(order["throttle"]), int(order.get("retry_after", 1))
        else:
            return False
        return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _respond(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        if not 0 <= length <= LARGEST:
            self._answer(Response(413))
            self.close_connection = True
            return
        body = self.rfile.read(length)
        if len(body) < length:  # its sender died in the middle: nothing has arrived
            self.close_connection = True
            return
        parts = urlsplit(self.path)
        request = Request(
            self.command,
            parts.path,
            dict(parse_qsl(parts.query)),
            {name.lower(): value for name, value in self.headers.items()},
            body,
        )
        party = self.server.party
        if parts.path == "/control":
            self._control(request)
            return
        if self.server.refusing:  # a connection kept alive from before we went down
            self.close_connection = True
            return
        response = party.serve(request)
        if response is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._answer(response)

    def _control(self, request: Request) -> None:
        if request.method == "GET":
            self._answer(Response(200, self.server.party.summary()))
            return
        try:
            value, away = self.server.party.control(request.json())
        except (KeyError, TypeError, ValueError) as error:
            self._answer(Response(400, {"error": str(error)}))
            return
        self._answer(Response(200, value))
        if away:
            self.close_connection = True
            self.server.go_away(away)

    def _answer(self, response: Response) -> None:
        content = response.content
        if content is None:
            content = b"" if response.value is None else json.dumps(response.value, ensure_ascii=False).encode()
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if content and response.content is None:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _respond

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """The witness log says more."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], party: Counterparty) -> None:
        self.party = party
        self.refusing = False
        self.away = 0.0
        super().__init__(address, _Handler)

    def go_away(self, seconds: float) -> None:
        self.refusing = True
        self.away = seconds
        threading.Thread(target=self.shutdown, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is nothing to report."""


def options(name: str) -> argparse.ArgumentParser:
    """The options every simulator has."""
    parser = argparse.ArgumentParser(prog=f"python -m gateway.simulators.{name}", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--log", required=True, help="every arrival is appended here as a JSON line")
    parser.add_argument("--state", default=":memory:", help="SQLite file; with it a restart forgets nothing")
    parser.add_argument("--key", default=f"{name}-key", help="the bearer key callers must show")
    parser.add_argument("--lane", default="production", choices=["production", "test"])
    return parser


def run(party: Counterparty, name: str, port: int) -> None:
    """Serve until killed. The first line on stdout is the address; being down closes the socket and opens it again."""
    server = _Server(("127.0.0.1", port), party)
    port = server.server_address[1]
    print(json.dumps({"simulator": name, "url": f"http://127.0.0.1:{port}"}), flush=True)
    while True:
        server.serve_forever(poll_interval=0.05)
        away = server.away
        server.server_close()
        time.sleep(away)
        server = _Server(("127.0.0.1", port), party)


def _written(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(body).decode("ascii")
