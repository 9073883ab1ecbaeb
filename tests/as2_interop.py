"""What the interop tests share: the table of capabilities, all pairs of its values, and our own server."""

from __future__ import annotations

import itertools
import json
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml
from as2_pair import NOW, Entropy

from gateway.as2.message import Collected
from gateway.as2.partnership import Partnership
from gateway.as2.receive import Received, receive
from gateway.channels.as2_settings import As2Settings

TABLE = yaml.safe_load((Path(__file__).parent / "as2/interop/capabilities.yaml").read_text())

Case = dict[str, Any]


def cases(peer: str, direction: str) -> list[Case]:
    """All pairs of the values in one row of the table, each case written out."""
    row: dict[str, list[Any]] = dict(TABLE[peer][direction])
    return all_pairs(row, row.pop("apart", []))


def meaningful(case: Case) -> bool:
    """Without a signature there is nothing to compress behind it, and so on."""
    no_signature = case.get("digest") == "none"
    if no_signature and case.get("compress") == "after-signing":
        return False
    curve = str(case.get("key_transport", "")).startswith("ecdh")
    return not ("signature" in case and not no_signature and (case["signature"] == "ecdsa") != curve)


def all_pairs(row: dict[str, list[Any]], apart: list[list[Any]]) -> list[Case]:
    """Greedy and the same every time: the next case is the one that shows most pairs not yet seen."""
    names = sorted(row)
    every = [dict(zip(names, values, strict=True)) for values in itertools.product(*(row[name] for name in names))]
    every = [case for case in every if meaningful(case) and not any(set(two) <= set(case.values()) for two in apart)]
    pairs = {
        id(case): {(a, str(case[a]), b, str(case[b])) for a, b in itertools.combinations(names, 2)} for case in every
    }
    missing = set().union(*pairs.values())
    chosen = []
    while missing:
        best = max(every, key=lambda case: len(pairs[id(case)] & missing))
        chosen.append(best)
        missing -= pairs[id(best)]
    return chosen


def name_of(case: Case) -> str:
    return " ".join(f"{value}" for value in case.values())


@dataclass
class Arrivals:
    """Our own receiver in this process, on the real core; and what came."""

    partnership: Partnership
    port: int = 0
    received: list[Received] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    posted: list[tuple[list[tuple[str, str]], bytes]] = field(default_factory=list)  # asynchronous receipts
    came: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/as2"


@contextmanager
def arrivals(partnership: Partnership) -> Iterator[Arrivals]:
    """Serve until the block ends."""
    seen = Arrivals(partnership)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            headers = list(self.headers.items())
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer: list[tuple[str, str]] = []
            content = b""
            if self.path == "/mdn":
                seen.posted.append((headers, body))
            else:
                sink = Collected()
                arrived = receive(
                    headers, [body], seen.partnership, now=NOW, mdn_id="<m@us>", entropy=Entropy(), sink=sink
                )
                seen.received.append(arrived)
                seen.contents.append(b"".join(data for _, data in sink.parts) if arrived.message else b"")
                answer, content = arrived.mdn_headers, arrived.mdn_body
            self.send_response(200)
            for name, value in answer:
                if name != "Content-Length":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            seen.came.set()

        def log_message(self, *words: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    seen.port = int(server.server_address[1])
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()


def posting_to(url: str, **settings: Any) -> As2Settings:
    """Settings for a channel that only posts what is already made."""
    bare = {"sign": "none", "encrypt": "none", "require_signed": False, "require_encrypted": False}
    names = {"our_as2_name": "us", "their_as2_name": "The Peer"}
    return As2Settings.model_validate({"url": url} | names | bare | settings)


def with_profile(url: str, profile: Case) -> str:
    return f"{url}?{urllib.parse.urlencode({'q': json.dumps(profile)})}"
