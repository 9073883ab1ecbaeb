"""The far side: takes whatever arrives, logs it raw, and removes nothing that came twice."""

from __future__ import annotations

import socketserver
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler
from typing import Self


class Receiver:
    """An HTTP server on loopback; `arrivals` holds (idempotency key, body) in the order in which they came."""

    def __init__(self, *, delay_s: float = 0.0) -> None:
        self.arrivals: list[tuple[str, bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:  # its sender was killed in the middle: nothing has arrived
                    return
                receiver.arrivals.append((self.headers["Idempotency-Key"], body))
                threading.Event().wait(delay_s)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A sender that was killed is what these tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def by_key(self) -> dict[str, list[bytes]]:
        found = defaultdict(list)
        for key, body in list(self.arrivals):
            found[key].append(body)
        return found

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
