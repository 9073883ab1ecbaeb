"""SFTP under fire: many small files and a large one each way, whoever calls, with our process killed in the middle.

    python -m benchmarks.sftp_fire [--large-mb 1000] [--files 1000] [--kills 5] [--json]

Four legs. A partner puts into our server and fetches from it with OpenSSH's `sftp`, going on where it was cut off as a
script of theirs would; then our worker collects from OpenSSH's server and sends to it. In each leg our process is
killed (SIGKILL) so many times while files are under way, and started again at once. Afterwards every file is looked
for: lost (not there), doubled (there twice) or partial (other bytes). MB/s are by the clock, kills, starts and all that
was sent twice included; memory is the highest resident size any of our processes ever had.
"""

from __future__ import annotations

import argparse
import getpass
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import select

from benchmarks.sftp import CIPHER, OPTIONS, ROOT, keygen, openssh, until_open
from gateway.cli.story.parties import free_port
from gateway.partners.book import Book
from gateway.pipeline import publishing
from gateway.pipeline.route import owe
from gateway.settings import Settings
from gateway.store import payloads, schema
from gateway.store.engine import Store, Tx

TOGETHER = 50  # files in one batch of their script
PATIENCE_S = 1800.0


@dataclass
class Leg:
    """What became of the files of one direction."""

    name: str
    files: int
    megabytes: float
    kills: int = 0
    seconds: float = 0.0
    lost: int = 0
    doubled: int = 0
    partial: int = 0
    memory_mb: float = 0.0


@dataclass
class Ours:
    """One process of the gateway, which is killed and started again."""

    part: str
    environment: dict[str, str]
    port: int
    peak_mb: float = 0.0
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        command = [sys.executable, "-m", "gateway", "run", "--only", self.part]
        self.process = subprocess.Popen(command, env=self.environment, cwd=ROOT)
        if self.part == "sftp":
            until_open(self.port)
        else:
            self._until_connected()

    def _until_connected(self) -> None:
        """A worker at work has a connection to the server it calls; not so if there is nothing left to do."""
        us, deadline = psutil.Process(self.process.pid), time.monotonic() + 10
        while time.monotonic() < deadline and not any(one.status == "ESTABLISHED" for one in us.net_connections()):
            time.sleep(0.02)

    def kill(self) -> None:
        with suppress(OSError):
            told = Path(f"/proc/{self.process.pid}/status").read_text()
            peak = next(line for line in told.splitlines() if line.startswith("VmHWM"))
            self.peak_mb = max(self.peak_mb, int(peak.split()[1]) / 1000)
        self.process.kill()
        self.process.wait()


@dataclass
class Site:
    """Our gateway, OpenSSH's server, and the files."""

    folder: Path
    store: Store
    environment: dict[str, str]
    port: int
    there: str  # OpenSSH's folder
    files: dict[str, Path]

    def run(self, leg: Leg, part: str, kills: int, work: Callable[[], None]) -> None:
        """Do the work while the process of this part is killed so many times."""
        ours, dice = Ours(part, self.environment, self.port), random.Random(os.urandom(8))
        failed: list[BaseException] = []

        def working() -> None:
            try:
                work()
            except BaseException as error:
                failed.append(error)

        ours.start()
        pace = max(0.3, leg.megabytes / 400)  # so that all kills fall into the leg, whatever its size
        began, worker = time.monotonic(), threading.Thread(target=working, daemon=True)
        worker.start()
        while worker.is_alive() and leg.kills < kills:
            worker.join(pace * dice.uniform(0.3, 1.0))
            if worker.is_alive():
                ours.kill()
                leg.kills += 1
                ours.start()
        worker.join(PATIENCE_S)
        leg.seconds = round(time.monotonic() - began, 1)
        ours.kill()
        leg.memory_mb = round(ours.peak_mb)
        if failed or worker.is_alive():
            raise SystemExit(f"{leg.name}: {failed or 'it does not come to an end'}")

    def sftp(self, *commands: str) -> str | None:
        """What OpenSSH's client printed; None if it was cut off or refused."""
        command = ["sftp", "-q", "-b", "-", "-P", str(self.port), "-i", str(self.folder / "user")]
        command += [f"-oCiphers={CIPHER}", *(f"-o{option}" for option in OPTIONS), "edi@127.0.0.1"]
        ran = subprocess.run(command, input="\n".join(commands), capture_output=True, text=True, check=False)
        return ran.stdout if ran.returncode == 0 else None

    def size_there(self, name: str) -> int:
        listed = (self.sftp("ls -l /inbox") or "").splitlines()
        return next((int(line.split()[4]) for line in listed if line.endswith(f" {name}")), 0)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def batches(names: Iterable[str]) -> Iterator[list[str]]:
    left = list(names)
    return (left[at : at + TOGETHER] for at in range(0, len(left), TOGETHER))


def together(*works: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# -- the four legs -----------------------------------------------------------
def they_put(site: Site, kills: int) -> Leg:
    """Their script: a batch that failed is sent again, a large file goes on where it was."""
    leg = _leg("they put", site.files)

    def small() -> None:
        for names in batches(name for name in site.files if name != "large"):
            while site.sftp(*(f"put {site.files[name]} /inbox/{name}" for name in names)) is None:
                time.sleep(0.2)

    def large() -> None:
        verb, size = "put", site.files["large"].stat().st_size
        while site.sftp(f"{verb} {site.files['large']} /inbox/large") is None:
            time.sleep(0.2)
            verb = "reput" if 0 < site.size_there("large") < size else "put"

    site.run(leg, "sftp", kills, lambda: together(small, large))
    return _judged_received(leg, site, "edi")


def they_get(site: Site, kills: int) -> Leg:
    """Their script: fetch whatever is in the outbox until nothing is."""
    leg, back = _leg("they get", site.files), site.folder / "fetched"
    back.mkdir()
    _owe(site.store, "edi", site.files)
    with site.store.begin() as tx:  # as a worker leaves it: ready to be fetched
        rows = tx.all(select(schema.delivery.c.id, schema.delivery.c.body))
        for row in rows:
            lies = {"stage": "fetch", "status": "offered", "due_at": tx.now + 10**12}
            result = json.dumps({"name": json.loads(row.body)["name"], "within": 1e6})
            tx.update(schema.delivery, [{"id": row.id, "result": result, **lies}])

    def waiting() -> list[str] | None:
        listed = site.sftp("ls -1 /outbox")
        return None if listed is None else [line[8:] for line in listed.splitlines() if line.startswith("/outbox/")]

    def small() -> None:
        while (names := waiting()) is None or [name for name in names if name != "large"]:
            for some in batches(name for name in names or () if name != "large"):
                site.sftp(*(f"get /outbox/{name} {back}/{name}" for name in some))

    def large() -> None:
        local, size = back / "large", site.files["large"].stat().st_size
        while (names := waiting()) is None or "large" in names:
            is_part = local.exists() and 0 < local.stat().st_size < size
            site.sftp(f"{'reget' if is_part else 'get'} /outbox/large {local}")

    site.run(leg, "sftp", kills, lambda: together(small, large))
    with site.store.read() as view:
        left = [row for row in view.all(select(schema.delivery)) if row.status != "delivered"]
    leg.lost = len(left)
    return _judged_folder(leg, site, back)


def we_get(site: Site, kills: int) -> Leg:
    leg, theirs = _leg("we get", site.files), Path(site.there, "inbox")
    for name, path in site.files.items():
        shutil.copy(path, theirs / name)

    def until_empty() -> None:
        while [path for path in theirs.rglob("*") if path.is_file()]:
            time.sleep(0.1)

    site.run(leg, "worker", kills, until_empty)
    return _judged_received(leg, site, "openssh")


def we_put(site: Site, kills: int) -> Leg:
    leg, theirs = _leg("we put", site.files), Path(site.there, "outbox")
    _owe(site.store, "openssh", site.files)

    def until_delivered() -> None:
        query = select(schema.delivery.c.id).where(
            schema.delivery.c.target == "openssh", schema.delivery.c.status.not_in(("delivered", "dead", "rejected"))
        )
        while True:
            with site.store.read() as view:
                if not view.all(query.limit(1)):
                    return
            time.sleep(0.2)

    site.run(leg, "worker", kills, until_delivered)
    return _judged_folder(leg, site, theirs)


# -- what became of them -----------------------------------------------------
def _leg(name: str, files: Mapping[str, Path]) -> Leg:
    return Leg(name, len(files), sum(path.stat().st_size for path in files.values()) / 1e6)


def _judged_received(leg: Leg, site: Site, connection: str) -> Leg:
    with site.store.read() as view:
        t = schema.transmission.c
        rows = view.all(select(t.filename, t.payload_id).where(t.connection == connection))
    count = Counter(row.filename for row in rows)
    leg.lost = sum(name not in count for name in site.files)
    leg.doubled = sum(count.values()) - len(count)
    for row in rows:
        read = hashlib.sha256()
        for block in payloads.stream(site.store, row.payload_id):
            read.update(block)
        leg.partial += row.filename not in site.files or read.hexdigest() != digest(site.files[row.filename])
    return leg


def _judged_folder(leg: Leg, site: Site, folder: Path) -> Leg:
    found = {path.name: path for path in folder.iterdir()}
    leg.lost += sum(name not in found for name in site.files)
    leg.doubled = len(set(found) - set(site.files))
    leg.partial = sum(digest(found[name]) != digest(path) for name, path in site.files.items() if name in found)
    return leg


def _owe(store: Store, target: str, files: Mapping[str, Path]) -> None:
    for names in batches(files):
        with store.begin() as tx:
            owe(tx, [_envelope(tx, target, name, files[name]) for name in names])


def _envelope(tx: Tx, target: str, name: str, path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        stored = payloads.store(tx, iter(lambda: file.read(1_000_000), b""), owner=target, lane="production")
    row = {"kind": "envelope", "target": target, "lane": "production", "partner": None, "correlation_id": None}
    body = json.dumps({"name": name, "media_type": "application/octet-stream"})
    return {**row, "payload_id": stored.id, "body": body, "idempotency_key": f"{target}:{name}"}


# -- the house ---------------------------------------------------------------
@contextmanager
def standing(folder: Path, sizes: argparse.Namespace) -> Iterator[Site]:
    keygen(folder / "host")
    keygen(folder / "user")
    (folder / "files").mkdir()
    files = {"large": folder / "files" / "large"}
    with files["large"].open("wb") as file:
        for _ in range(sizes.large_mb):
            file.write(os.urandom(1_000_000))
    for n in range(sizes.files):
        files[f"small-{n}.edi"] = folder / "files" / f"small-{n}.edi"
        files[f"small-{n}.edi"].write_bytes(os.urandom(2048))
    port = free_port()
    environment = {
        **os.environ,
        "GATEWAY_HOME": str(folder / "ours"),
        "GATEWAY_SFTP_BIND": f"127.0.0.1:{port}",
        "GATEWAY_LOG_LEVEL": "error",
        "GATEWAY_LEASE_SECONDS": "3",
    }
    chosen = Settings.load(environment)
    chosen.first_run()
    with openssh(folder) as there, chosen.open_store() as store:
        store.migrate()
        printed = subprocess.run(
            ["ssh-keygen", "-lf", str(folder / "host.pub")], capture_output=True, text=True, check=True
        )
        most = {"lane": "production", "max_size": 10**11}
        login = {"kind": "sftp-server", "user": "edi", "keys": [{"key": (folder / "user.pub").read_text().strip()}]}
        calls = {"kind": "sftp", "host": "127.0.0.1", "port": there.port, "user": getpass.getuser(), "every": "1s"}
        calls |= {"private_key": f"file:{folder / 'user'}", "host_keys": [printed.stdout.split()[1]]}
        calls |= {"inbox": f"{there.root}/inbox", "outbox": there.outbox, "stable_for": "0s"}
        said = {"edi": {**most, **login}, "openssh": {**most, **calls}}
        with store.begin() as tx:
            whose = 'name: Fire\nids: {x12: ["ZZ:FIRE"]}\n'
            written = {"partners/fire/partner.yaml": whose, "partners/fire/connections.yaml": json.dumps(said)}
            book = Book.from_files(written)
            publishing.publish(tx, book, by="benchmark")
        yield Site(folder, store, environment, port, there.root, files)


LEGS = (they_put, they_get, we_get, we_put)


def run(sizes: argparse.Namespace) -> list[Leg]:
    with tempfile.TemporaryDirectory(prefix="gateway-fire-") as place, standing(Path(place), sizes) as site:
        return [leg(site, sizes.kills) for leg in LEGS]


def table(legs: list[Leg]) -> str:
    lines = ["| | files | MB | kills | seconds | MB/s | lost | doubled | partial | memory, MB |"]
    lines.append("|---" * 10 + "|")
    for leg in legs:
        ends = f"{leg.lost} | {leg.doubled} | {leg.partial} | {leg.memory_mb:.0f}"
        pace = leg.megabytes / leg.seconds
        lines.append(
            f"| {leg.name} | {leg.files} | {leg.megabytes:.0f} | {leg.kills} | {leg.seconds} | {pace:.0f} | {ends} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large-mb", type=int, default=1000)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    legs = run(arguments)
    print(json.dumps([asdict(leg) for leg in legs]) if arguments.json else table(legs))
    if any(leg.lost or leg.doubled or leg.partial or leg.kills != arguments.kills for leg in legs):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
