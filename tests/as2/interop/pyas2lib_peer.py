"""An AS2 peer in a process of its own, on pyas2lib. Run as a program; prints its port, then serves until it is killed.

POST /as2?q={profile}   a message for it, answered as pyas2lib answers
POST /mdn               an asynchronous receipt for what it sent
POST /send?q={profile}  it sends the body to profile.url and answers with JSON: what pyas2lib made of the receipt
GET  /last              the last document it took, as JSON with base64
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def import_pyas2lib() -> Any:
    """oscrypto 1.3.0 reads the version of OpenSSL with one digit a place and refuses 3.0.10 and later."""
    real = re.search
    narrow = r"\b(\d\.\d\.\d[a-z]*)\b"
    re.search = lambda pattern, *rest: real(r"\b(\d+\.\d+\.\d+[a-z]*)\b" if pattern == narrow else pattern, *rest)  # type: ignore[assignment]
    try:
        from pyas2lib import as2
    finally:
        re.search = real
    return as2


as2 = import_pyas2lib()
FOLDER = Path(sys.argv[1])
SENT: dict[str, Any] = {}
LAST: dict[str, Any] = {}


def organization(name: str, mdn_url: str) -> Any:
    key = (FOLDER / "peer.p12").read_bytes()
    return as2.Organization(
        as2_name=name, sign_key=key, sign_key_pass="x", decrypt_key=key, decrypt_key_pass="x", mdn_url=mdn_url
    )


def partner(name: str, profile: dict[str, Any]) -> Any:
    certificate = (FOLDER / "us.crt").read_bytes()
    known = ("sign", "digest_alg", "encrypt", "enc_alg", "compress", "mdn_mode", "mdn_digest_alg", "sign_alg")
    chosen = {name: profile[name] for name in known if name in profile}
    return as2.Partner(as2_name=name, verify_cert=certificate, encrypt_cert=certificate, validate_certs=False, **chosen)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(json.dumps(LAST).encode(), {"Content-Type": "application/json"})

    def do_POST(self) -> None:
        address = urllib.parse.urlsplit(self.path)
        profile = json.loads(urllib.parse.parse_qs(address.query).get("q", ["{}"])[0])
        body = self.rfile.read(int(self.headers["Content-Length"]))
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items()).encode() + b"\r\n"
        if address.path == "/send":
            self._answer(json.dumps(self._send(body, profile)).encode(), {"Content-Type": "application/json"})
        elif address.path == "/mdn":
            status, detail = as2.Mdn().parse(head + body, lambda message_id, _: SENT.get(message_id))
            LAST.update(mdn_status=status, mdn_detail=detail)
            self._answer(b"", {})
        else:
            self._take(head + body, profile)

    def _take(self, raw: bytes, profile: dict[str, Any]) -> None:
        message = as2.Message()
        status, (error, _), mdn = message.parse(
            raw, lambda name: organization(name, ""), lambda name: partner(name, profile)
        )
        LAST.clear()
        LAST.update(status=status, error=str(error) if error else "", content="")
        if not error:
            content = message.content if isinstance(message.content, bytes) else message.content.encode()
            LAST.update(content=base64.b64encode(content).decode(), compressed=message.compressed)
        if mdn is None:
            self._answer(b"", {})
        elif mdn.mdn_mode == "ASYNC":
            self._answer(b"", {})
            post(mdn.mdn_url, mdn.headers, mdn.content)
        else:
            self._answer(mdn.content, mdn.headers)

    def _send(self, body: bytes, profile: dict[str, Any]) -> dict[str, Any]:
        here = f"http://127.0.0.1:{self.server.server_address[1]}/mdn"
        message = as2.Message(organization(profile["from"], here), partner(profile["to"], profile))
        message.build(body, filename="po.edi", content_type=profile.get("type", "application/octet-stream"))
        SENT[message.message_id] = message
        status, headers, answer = post(profile["url"], message.headers, message.content)
        said: dict[str, Any] = {"http": status, "message_id": f"<{message.message_id}>"}
        if answer:
            raw = "".join(f"{name}: {value}\r\n" for name, value in headers).encode() + b"\r\n" + answer
            said["status"], said["detail"] = as2.Mdn().parse(raw, lambda message_id, _: SENT.get(message_id))
        return said

    def _answer(self, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, " ".join(str(value).split()))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Quiet."""


def post(url: str, headers: dict[str, str], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    address = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=60)
    path = address.path + (f"?{address.query}" if address.query else "")
    connection.request("POST", path, body, {name: " ".join(str(value).split()) for name, value in headers.items()})
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    return response.status, response.getheaders(), answer


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    server.serve_forever()
