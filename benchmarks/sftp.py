"""Our SFTP server beside OpenSSH's and a bare paramiko server, with OpenSSH's client, in one run.

    python -m benchmarks.sftp [--large-mb 200] [--files 1000] [--sessions 200] [--rounds 9] [--json]

Every file that ours takes is sealed, hashed and committed before its close is answered; the limits beside it leave that
to the system (paramiko), or flush the file at its close (paramiko + fsync, the peer of ours for small files). Servers
begin anew for each round, are warm when it counts, and take turns, in every other one in the opposite order. A ratio is
the median of those of the rounds, each of two servers within seconds of each other, with the middle half of them behind
it: disks and cores are shared, and a median of each server alone would compare their luck. MB/s and files/s are by the
clock, CPU is what the server process and its children spent. Memory is the resident size with that many sessions open,
beside what the process had before.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from gateway.cli.story.parties import free_port
from gateway.partners.book import Book, texts
from gateway.pipeline import publishing
from gateway.pipeline.route import owe
from gateway.settings import Settings
from gateway.store import payloads, schema
from gateway.store.engine import Store, Tx

ROOT = Path(__file__).parents[1]
SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
CONNECTIONS = "partners/harbor-pine/connections.yaml"
GRAIN = 0.01  # seconds: the system counts CPU time in these
CIPHER = "aes128-gcm@openssh.com"
OPTIONS = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "IdentitiesOnly=yes")


@dataclass
class Figures:
    """What was seen of one server."""

    name: str
    rates: dict[str, list[float]] = field(default_factory=dict)  # units a second by the clock, a round each
    spent: dict[str, list[float]] = field(default_factory=dict)  # milliseconds of the server's CPU a unit
    memory: tuple[float, float] = (0, 0)  # MB before and with the sessions


@dataclass
class Peer:
    """One running server."""

    name: str
    port: int
    process: subprocess.Popen[str]
    user: str
    root: str  # before /inbox and /outbox
    offer: Callable[[dict[str, bytes]], None]  # lay files out to be fetched

    @property
    def outbox(self) -> str:
        return f"{self.root}/outbox"

    def tree(self) -> list[psutil.Process]:
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def cpu(self) -> float:
        times = [one.cpu_times() for one in self.tree()]
        return sum(t.user + t.system + t.children_user + t.children_system for t in times)

    def resident(self) -> float:
        return sum(one.memory_info().rss for one in self.tree()) / 1e6


def keygen(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)


@contextmanager
def bare(folder: Path, *, fsync: bool) -> Iterator[Peer]:
    own = folder / ("fsync" if fsync else "bare")
    own.mkdir()
    for name in ("host", "user.pub"):
        shutil.copy(folder / name, own / name)
    command = [sys.executable, "-m", "benchmarks.sftp_peer", str(own), *(["--fsync"] if fsync else [])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    port = int(process.stdout.readline())
    name = "paramiko + fsync" if fsync else "paramiko"
    yield Peer(name, port, process, "edi", "", lambda files: _write(own / "files" / "outbox", files))
    _end(process)


@contextmanager
def openssh(folder: Path) -> Iterator[Peer]:
    own = folder / "openssh"
    for name in ("inbox", "outbox"):
        (own / name).mkdir(parents=True)
    port = free_port()
    config = [f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {folder}/host", "PidFile none", "StrictModes no"]
    config += [f"AuthorizedKeysFile {folder}/user.pub", "UsePAM no", "PermitRootLogin yes", "MaxStartups 400"]
    config += ["MaxSessions 400", "Subsystem sftp internal-sftp"]
    (own / "config").write_text("\n".join(config) + "\n")
    Path("/run/sshd").mkdir(exist_ok=True)
    process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(own / "config")], stderr=subprocess.DEVNULL, text=True)
    until_open(port)
    yield Peer("OpenSSH", port, process, getpass.getuser(), str(own), lambda files: _write(own / "outbox", files))
    _end(process)


@contextmanager
def ours(folder: Path) -> Iterator[Peer]:
    port = free_port()
    environment = {
        **os.environ,
        "GATEWAY_HOME": str(folder / "ours"),
        "GATEWAY_SFTP_BIND": f"127.0.0.1:{port}",
        "GATEWAY_LOG_LEVEL": "warning",
    }
    chosen = Settings.load(environment)
    chosen.first_run()
    said = {"kind": "sftp-server", "lane": "production", "user": "edi", "max_sessions": 1000, "max_size": 10**11}
    said["keys"] = [{"key": (folder / "user.pub").read_text().strip()}]
    files = texts(ROOT / "partners", ROOT / "maps")
    files = {**files, CONNECTIONS: files[CONNECTIONS] + f"\nedi: {json.dumps(said)}\n"}
    with chosen.open_store() as store:
        store.migrate()
        with store.begin() as tx:
            publishing.publish(tx, Book.from_files(files), by="benchmark")
        command = [sys.executable, "-m", "gateway", "run", "--only", "sftp"]
        process = subprocess.Popen(command, env=environment, text=True, cwd=ROOT)
        until_open(port)
        yield Peer("ours", port, process, "edi", "", lambda files: _owe(store, files))
        _end(process)


def _owe(store: Store, files: dict[str, bytes]) -> None:
    with store.begin() as tx:
        ids = owe(tx, [_envelope(tx, name, content) for name, content in files.items()])
        for delivery_id, name in zip(ids, files, strict=True):
            result = json.dumps({"name": name, "within": 1e6})
            later = {"id": delivery_id, "stage": "fetch", "status": "offered", "due_at": tx.now + 10**12}
            tx.update(schema.delivery, [{**later, "result": result}])


def _envelope(tx: Tx, name: str, content: bytes) -> dict[str, Any]:
    pieces = (content[at : at + 1_000_000] for at in range(0, len(content), 1_000_000))
    stored = payloads.store(tx, pieces, owner="edi", lane="production")
    row = {"kind": "envelope", "target": "edi", "lane": "production", "partner": "harbor-pine"}
    body = json.dumps({"interchange_id": 0, "set": "940"})
    return {**row, "payload_id": stored.id, "body": body, "idempotency_key": name, "correlation_id": None}


def _write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)


def until_open(port: int) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    if process.stdout is not None:
        process.stdout.close()


# -- what is measured --------------------------------------------------------
def batch(peer: Peer, folder: Path, commands: list[str]) -> float:
    """Seconds that OpenSSH's client needs for these commands, login and all."""
    command = ["sftp", "-q", "-b", "-", "-P", str(peer.port), "-i", str(folder / "user"), f"-oCiphers={CIPHER}"]
    command += [f"-o{option}" for option in OPTIONS] + [f"{peer.user}@127.0.0.1"]
    began = time.perf_counter()
    ran = subprocess.run(command, input="\n".join(commands), capture_output=True, text=True, check=False)
    spent = time.perf_counter() - began
    if ran.returncode:
        raise SystemExit(f"{peer.name}: {ran.stderr[-500:]}")
    return spent


def one_round(peer: Peer, figures: Figures, folder: Path, sizes: argparse.Namespace) -> None:
    large, back = folder / "large", folder / "back"
    small = [folder / "many" / f"f{n}" for n in range(sizes.files)]
    peer.offer({"first.edi": small[0].read_bytes()})
    batch(peer, folder, [f"put {small[0]} {peer.root}/inbox/first", f"get {peer.outbox}/first.edi {back}"])
    login = min(batch(peer, folder, ["pwd"]) for _ in range(3))

    def measure(name: str, count: int, commands: list[str]) -> None:
        before = peer.cpu()
        spent = max(batch(peer, folder, commands) - login, 1e-6)
        cpu = max(peer.cpu() - before, GRAIN) / count * 1000
        figures.rates.setdefault(name, []).append(count / spent)
        figures.spent.setdefault(name, []).append(cpu)

    measure("put large", sizes.large_mb, [f"put {large} {peer.root}/inbox/large"])
    peer.offer({"large.edi": large.read_bytes()})
    measure("get large", sizes.large_mb, [f"get {peer.outbox}/large.edi {back}"])
    if back.stat().st_size != large.stat().st_size:
        raise SystemExit(f"{peer.name}: what came back is not what was sent")
    back.unlink()
    measure("put small", sizes.files, [f"put {path} {peer.root}/inbox/{path.name}" for path in small])
    peer.offer({f"{path.name}.edi": path.read_bytes() for path in small})
    measure("get small", sizes.files, [f"get {peer.outbox}/{path.name}.edi {back}" for path in small])


SESSIONS = """
import sys, paramiko
port, user, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[4])
key = paramiko.Ed25519Key.from_private_key_file(sys.argv[3])
held = []
for _ in range(count):
    transport = paramiko.Transport(("127.0.0.1", port))
    transport.connect(username=user, pkey=key)
    client = paramiko.SFTPClient.from_transport(transport)
    client.listdir(sys.argv[5])
    held.append(client)
print("open", flush=True)
sys.stdin.read()
"""


def sessions(peer: Peer, folder: Path, count: int) -> tuple[float, float]:
    """MB before and with so many of them."""
    before = peer.resident()
    command = [sys.executable, "-c", SESSIONS, str(peer.port), peer.user, str(folder / "user"), str(count)]
    command.append(peer.outbox)
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert client.stdin is not None
    assert client.stdout is not None
    if client.stdout.readline() != "open\n":
        raise SystemExit(f"{peer.name}: {count} sessions cannot be opened")
    during = peer.resident()
    client.stdin.close()
    client.wait(60)
    client.stdout.close()
    return before, during


def run(sizes: argparse.Namespace) -> list[Figures]:
    """Ours, paramiko, paramiko + fsync, and OpenSSH where it is."""
    figures: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory(prefix="gateway-sftp-") as place:
        given = Path(place)
        keygen(given / "host")
        keygen(given / "user")
        with (given / "large").open("wb") as file:
            for _ in range(sizes.large_mb):
                file.write(os.urandom(1_000_000))
        (given / "many").mkdir()
        for n in range(sizes.files):
            (given / "many" / f"f{n}").write_bytes(os.urandom(2048))
        for number in range(sizes.rounds):
            with launched(given) as peers:
                for peer in peers[:: 1 if number % 2 else -1]:
                    of_peer = figures.setdefault(peer.name, Figures(peer.name))
                    if number == 0:
                        of_peer.memory = sessions(peer, given, sizes.sessions)
                    one_round(peer, of_peer, given, sizes)
    return [figures[name] for name in ("ours", "paramiko", "paramiko + fsync", "OpenSSH") if name in figures]


@contextmanager
def launched(given: Path) -> Iterator[list[Peer]]:
    """All servers, begun anew in a folder of their own."""
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(dir=given)))
        for name in ("host", "host.pub", "user", "user.pub"):
            shutil.copy(given / name, folder)
        servers = [ours(folder), bare(folder, fsync=False), bare(folder, fsync=True)]
        servers += [openssh(folder)] if SSHD is not None else []
        yield [ends.enter_context(server) for server in servers]


def table(peers: list[Figures]) -> str:
    lines = ["| | " + " | ".join(peer.name for peer in peers) + " | ours / paramiko | ours / paramiko + fsync |"]
    lines.append("|---" * (len(peers) + 3) + "|")
    us, plain, flushed = peers[:3]
    for name, unit in (
        ("put large", "MB/s"),
        ("get large", "MB/s"),
        ("put small", "files/s"),
        ("get small", "files/s"),
    ):
        middle = statistics.median
        values = [f"{middle(peer.rates[name]):,.0f} ({middle(peer.spent[name]):.2f} ms CPU)" for peer in peers]
        ratios = [ratio(us, other, name) for other in (plain, flushed)]
        lines.append(f"| {name}, {unit} | " + " | ".join([*values, *ratios]) + " |")
    values = [f"{after:.0f} ({before:.0f} before)" for before, after in (peer.memory for peer in peers)]
    lines.append("| memory of the sessions, MB | " + " | ".join([*values, "", ""]) + " |")
    return "\n".join(lines)


def ratio(us: Figures, other: Figures, name: str) -> str:
    """By the clock, its middle half, and by the server's CPU."""
    of_rounds = sorted(ours / theirs for ours, theirs in zip(us.rates[name], other.rates[name], strict=True))
    by_cpu = statistics.median(theirs / ours for ours, theirs in zip(us.spent[name], other.spent[name], strict=True))
    quarter = len(of_rounds) // 4
    middle = f"{of_rounds[quarter]:.0%} to {of_rounds[-1 - quarter]:.0%}"
    return f"{statistics.median(of_rounds):.0%} ({middle}; CPU {by_cpu:.0%})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large-mb", type=int, default=200)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    peers = run(arguments)
    if arguments.json:
        print(json.dumps({peer.name: {"rates": peer.rates, "cpu": peer.spent, "MB": peer.memory} for peer in peers}))
    else:
        print(table(peers))


if __name__ == "__main__":
    main()
