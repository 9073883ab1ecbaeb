"""What the AS2 endpoint costs: a real web process over SQLite, posted to over loopback, durable before it answers.

Its CPU seconds are read from the kernel, so the senders, which run here, do not count. The limit is the cryptography of
receiving and nothing else: one key decrypted, one signature verified, one receipt signed, AES-256-CBC and SHA-256 over
the contents. Both take turns of some 100 ms, and the median turn counts: what else a machine does changes from second
to second, and a limit measured before and after moved the share by ten points. `python -m benchmarks.as2` prints it
below its own table.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from gateway.as2.build import Document, build
from gateway.as2.identity import OurIdentity, OwnCertificate, TheirIdentity
from gateway.as2.mdn import Sent, judge, read_mdn
from gateway.as2.mime import Headers
from gateway.as2.partnership import Partnership
from gateway.cli.run import prepare
from gateway.cli.story.parties import free_port
from gateway.settings import Settings

ROOT = Path(__file__).parent.parent
CHUNK = 256 * 1024
WARM = 100
PLAN = (("2 KB", 2048, (1, 4, 16), 32, 20), ("1 MB", 1 << 20, (1, 4, 16), 4, 12), ("50 MB", 50 << 20, (4,), 4, 2))
"""Size, how many senders, how many messages a turn (one of each sender at least), how many turns."""


@dataclass(frozen=True, slots=True)
class Served:
    """A web process and the partner's view of its one AS2 connection."""

    pid: int
    port: int
    their_side: Partnership

    def cpu_seconds(self) -> float:
        return time.clock_gettime(~self.pid << 3 | 2)  # the clock of another process (Linux: CPUCLOCK_SCHED)

    def memory(self, name: str) -> int:
        """VmRSS or VmHWM in KB."""
        found = re.search(rf"{name}:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        assert found is not None
        return int(found[1])


@contextmanager
def served(us: OwnCertificate, peer: OwnCertificate) -> Iterator[Served]:
    """`gateway run --only web` over a database of its own, with one AS2 connection."""
    with tempfile.TemporaryDirectory(prefix="gateway-benchmark-") as folder:
        port = free_port()
        home = Path(folder)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")},
            "GATEWAY_HOME": folder,
            "GATEWAY_PARTNERS": str(_profiles(home, us, peer)),
            "GATEWAY_MAPS": str(ROOT / "maps"),
            "GATEWAY_HTTP_BIND": f"127.0.0.1:{port}",
            "GATEWAY_LOG_LEVEL": "warning",
        }
        prepare(Settings.load(environment))
        command = [sys.executable, "-m", "gateway", "run", "--only", "web"]
        with subprocess.Popen(command, env=environment, cwd=ROOT) as process:
            _until_it_answers(port)
            side = Partnership(OurIdentity("peer", (peer,)), TheirIdentity("us", (us,)))
            try:
                yield Served(process.pid, port, side)
            finally:
                process.terminate()


def _profiles(home: Path, us: OwnCertificate, peer: OwnCertificate) -> Path:
    key = us.private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (home / "us.key").write_bytes(key)
    (home / "us.pem").write_bytes(us.pem())
    (home / "partners/us").mkdir(parents=True)
    (home / "partners/peer").mkdir()
    (home / "partners/us/company.yaml").write_text("name: Us\nids: {x12: ['ZZ:US']}\nzone: America/Chicago\n")
    (home / "partners/peer/partner.yaml").write_text("name: Peer\nids: {x12: ['ZZ:PEER']}\n")
    wire = {
        "kind": "as2",
        "lane": "production",
        "our_as2_name": "us",
        "their_as2_name": "peer",
        "our_certificates": [{"certificate": f"file:{home}/us.pem", "key": f"file:{home}/us.key"}],
        "their_certificates": [{"certificate": peer.pem().decode()}],
    }
    (home / "partners/peer/connections.yaml").write_text(yaml.safe_dump({"peer": wire}))
    return home / "partners"


def _until_it_answers(port: int) -> None:
    for _ in range(600):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the web process does not answer")


def limit(own: OwnCertificate, data: bytes) -> Callable[[], None]:
    """The cryptography of receiving this once."""
    key, public = own.private_key, own.key
    assert isinstance(key, rsa.RSAPrivateKey)
    assert isinstance(public, rsa.RSAPublicKey)
    plain, sha = padding.PKCS1v15(), hashes.SHA256()
    attributes, content_key = bytes(150), bytes(32)
    signature, encrypted = key.sign(attributes, plain, sha), public.encrypt(content_key, plain)
    pieces = [data[at : at + CHUNK] for at in range(0, len(data) // 16 * 16, CHUNK)]

    def once() -> None:
        key.decrypt(encrypted, plain)
        decryptor = Cipher(algorithms.AES(content_key), modes.CBC(bytes(16))).decryptor()
        hasher = hashes.Hash(sha)
        for piece in pieces:
            hasher.update(decryptor.update(piece))
        public.verify(signature, attributes, plain, sha)
        key.sign(attributes, plain, sha)

    return once


class Sender:
    """Posts one body under ever new Message-IDs: what the receiver has to do for it is the same each time."""

    def __init__(self, server: Served, data: bytes) -> None:
        self._server = server
        now = datetime.now(UTC)
        made = build([Document(data)], server.their_side, message_id_="<0@peer>", now=now, entropy=os.urandom)
        self._body = made.body()
        self._mics = made.mics
        self._headers = made.headers
        self._count = 0

    def post(self, connection: http.client.HTTPConnection) -> float:
        """Seconds until the receipt, which must be signed and true."""
        self._count += 1
        message_id = f"<{os.urandom(12).hex()}@peer>"
        headers = {name: value for name, value in self._headers if name != "Content-Length"}
        headers["Message-ID"] = message_id
        start = time.monotonic()
        connection.request("POST", "/as2", self._body, headers)
        answer = connection.getresponse()
        body = answer.read()
        took = time.monotonic() - start
        assert answer.status == 200, (answer.status, body[:300])
        receipt = read_mdn(Headers(answer.getheaders()), body, self._server.their_side, datetime.now(UTC))
        assert judge(receipt, Sent(message_id, "peer", "us", self._mics, True)).acknowledged
        return took

    @contextmanager
    def many(self, at_once: int) -> Iterator[Callable[[int], list[float]]]:
        """Posts so many messages over connections that stay open."""
        ours = [http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=300) for _ in range(at_once)]

        def turn(count: int) -> list[float]:
            def one(connection: http.client.HTTPConnection) -> list[float]:
                return [self.post(connection) for _ in range(count // at_once)]

            return [took for found in pool.map(one, ours) for took in found]

        with ThreadPoolExecutor(at_once) as pool:
            yield turn
        for connection in ours:
            connection.close()


def measure(us: OwnCertificate, peer: OwnCertificate, document: Callable[[int], bytes]) -> list[dict[str, Any]]:
    """A row for each size and number of senders."""
    rows = []
    with served(us, peer) as server:
        with Sender(server, document(2048)).many(4) as warm:
            warm(WARM)
        for name, size, at_once, messages, turns in PLAN:
            data = document(size)
            sender, receive = Sender(server, data), limit(us, data)
            for senders in at_once:
                with sender.many(senders) as posted:
                    posted(senders)
                    Path(f"/proc/{server.pid}/clear_refs").write_text("5")  # the high-water mark begins anew
                    memory = server.memory("VmRSS")
                    done = [_turn(server, posted, receive, max(messages, senders)) for _ in range(turns)]
                times = sorted(took for turn in done for took in turn.times)
                rows.append(
                    {
                        "size": name,
                        "senders": senders,
                        "per_cpu_s": round(1 / statistics.median(turn.spent for turn in done), 2),
                        "limit_per_cpu_s": round(1 / statistics.median(turn.limit for turn in done), 1),
                        "share": round(statistics.median(turn.limit / turn.spent for turn in done), 3),
                        "p50_ms": round(times[len(times) // 2] * 1000, 1),
                        "p99_ms": round(times[int(len(times) * 0.99)] * 1000, 1),
                        "growth_mb": (server.memory("VmHWM") - memory) // 1024,
                    }
                )
    return rows


@dataclass(frozen=True, slots=True)
class Turn:
    """CPU seconds a message, of the server and of the limit, and how long each sender waited."""

    spent: float
    limit: float
    times: list[float]


def _turn(server: Served, posted: Callable[[int], list[float]], receive: Callable[[], None], messages: int) -> Turn:
    before = server.cpu_seconds()
    times = posted(messages)
    spent = (server.cpu_seconds() - before) / len(times)
    start = time.process_time()
    for _ in range(messages):
        receive()
    return Turn(spent, (time.process_time() - start) / messages, times)


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| received over HTTP | senders | messages per CPU s | limit | share | p50 / p99 ms | memory grows by |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['size']} | {row['senders']} | {row['per_cpu_s']} | {row['limit_per_cpu_s']} | {row['share']:.0%} "
        f"| {row['p50_ms']} / {row['p99_ms']} | {row['growth_mb']} MB |"
        for row in rows
    ]
    return "\n".join(lines)
