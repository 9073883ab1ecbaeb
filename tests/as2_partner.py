"""A partner's AS2 server in this process, on the real core: it answers as a test tells it, and logs what came raw."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from as2_pair import Entropy

from gateway.as2.disposition import Disposition
from gateway.as2.identity import OwnCertificate
from gateway.as2.mdn import Mdn, make_mdn
from gateway.as2.message import Collected
from gateway.as2.partnership import Partnership
from gateway.as2.receive import Received, receive


class How(StrEnum):
    """What it does with one message."""

    ANSWERS = "answers as it should"
    LOSES = "takes it, and the answer is lost"
    LATER = "takes it, and posts the receipt when told"
    EMPTY = "says 200 and nothing else"
    BROKEN = "says 500"


@dataclass
class As2Partner:
    """What came, as raw bytes; and the receipts that it owes."""

    side: Partnership
    url: str
    how: list[How] = field(default_factory=list)  # for the next messages; ANSWERS after them
    says: list[Disposition] = field(default_factory=list)  # instead of what is true, without a MIC
    signs_with: OwnCertificate | None = None  # instead of what is known of it
    came: list[tuple[list[tuple[str, str]], bytes]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    documents: list[bytes] = field(default_factory=list)

    @property
    def message_ids(self) -> list[str]:
        return [dict(headers)["Message-ID"] for headers, _ in self.came]

    def owed(self, nth: int = -1) -> Mdn:
        """The receipt for a message that came."""
        mdn = self.received[nth].mdn
        assert mdn is not None
        return mdn

    def post(self, url: str, mdn: Mdn) -> int:
        return httpx.post(url, headers=mdn.headers, content=mdn.body, timeout=60, verify=False).status_code


@contextmanager
def as2_partner(side: Partnership) -> Iterator[As2Partner]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                return  # its sender died in the middle: what came is no message (RFC 9112 8)
            how = seen.how.pop(0) if seen.how else How.ANSWERS
            seen.came.append((list(self.headers.items()), body))
            sink = Collected()
            now, name = datetime.now(UTC), f"<r{len(seen.came)}@partner>"
            got = receive(
                self.headers.items(), [body], seen.side, now=now, mdn_id=name, entropy=Entropy(name), sink=sink
            )
            seen.received.append(got)
            if got.head is not None and got.mdn is not None and (seen.says or seen.signs_with):
                certificates = (seen.signs_with,) if seen.signs_with else seen.side.our.certificates
                said = seen.says.pop(0) if seen.says else got.disposition
                mic = got.message.mic if got.message and said == got.disposition else None
                our = replace(seen.side.our, certificates=certificates)
                other = make_mdn(
                    got.head, said, our=our, mic=mic, text="", message_id_=name, now=now, entropy=Entropy(name)
                )
                got = replace(got, mdn=other)
            seen.documents += [data for _, data in sink.parts if got.message is not None]
            if how is How.LOSES:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            answer = got.mdn if how is How.ANSWERS and got.post_to is None and not got.refused_url else None
            self.send_response(500 if how is How.BROKEN else 200)
            for header, value in answer.headers if answer else []:
                if header != "Content-Length":
                    self.send_header(header, value)
            self.send_header("Content-Length", str(len(answer.body) if answer else 0))
            self.end_headers()
            self.wfile.write(answer.body if answer else b"")

        def log_message(self, *words: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    seen = As2Partner(side, f"http://127.0.0.1:{server.server_port}/as2")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
