"""The processes of the story: the gateway under its supervisor, and counterparties that speak only over the wire."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.access.keys import IssuedKey
from gateway.settings import Settings, variable
from gateway.store import keys
from gateway.store.engine import Store

ROOT = Path(__file__).parents[3]  # where the package `gateway` stands
STARTER = ROOT / "gateway" / "starter"  # the example partners and maps, as `gateway init` gives them
UNPLAYED = ("ironhill-freight", "juniper-row")  # partners who wait for a server or a certificate of somebody else


def profiles(home: Path) -> Path:
    """The example profiles, without the partners nobody plays."""
    return shutil.copytree(STARTER / "partners", home / "partners", ignore=shutil.ignore_patterns(*UNPLAYED))


class StoryFailed(Exception):
    """Something the story stands on did not happen; the message says what."""


@dataclass
class Simulator:
    """A counterparty in a process of its own; `log` holds every request that reached it, as it came."""

    name: str
    process: subprocess.Popen[str]
    url: str
    log: Path

    @classmethod
    def start(cls, name: str, folder: Path, *options: str, called: str = "") -> Simulator:
        called = called or name
        log = folder / f"{called}.arrivals.jsonl"
        command = [sys.executable, "-m", f"gateway.simulators.{name}", "--log", str(log)]
        command += ["--state", str(folder / f"{called}.db"), *options]
        errors = (folder / f"{called}.stderr").open("w")
        with errors:
            process = subprocess.Popen(  # noqa: S603 - our own command line
                command, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
            )
        return cls(called, process, "", log)

    def ready(self) -> None:
        """It says its address when it listens."""
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        if not said:
            raise StoryFailed(f"the simulated {self.name} did not start; see {self.log.with_suffix('').stem}.stderr")
        self.url = json.loads(said)["url"]

    def tell(self, **order: Any) -> Any:
        """An order by its control door."""
        return post(f"{self.url}/control", json.dumps(order).encode(), {"Content-Type": "application/json"})

    def holds(self) -> Any:
        return get(f"{self.url}/control")

    def arrivals(self) -> list[dict[str, Any]]:
        """Every request that reached it, repetitions and all."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return [json.loads(line) for line in lines]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@dataclass
class Gateway:
    """The gateway as `gateway run` starts it; its log is a file."""

    home: Path
    log: Path
    url: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "run"],
                stdout=out,
                stderr=out,
                env=self.environment,
                cwd=self.home,
                start_new_session=True,
            )

    def ready(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise StoryFailed(f"the gateway ended by itself; its log is {self.log}")
        try:
            return bool(get(f"{self.url}/readyz")["status"] == "ready")
        except OSError:
            return False

    def worker_pids(self) -> list[int]:
        """Every worker process there was, the present one last."""
        said = self.log.read_text(encoding="utf-8", errors="replace")
        return [int(pid) for pid in re.findall(r"the worker process runs, pid (\d+)", said)]

    def kill_worker(self) -> int:
        """SIGKILL, as a power cut or the kernel would: it can save nothing."""
        pid = self.worker_pids()[-1]
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill(self) -> None:
        """SIGKILL to the supervisor and all its children at once."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        said = self.log.read_text(encoding="utf-8", errors="replace")
        for pid in re.findall(r"process runs, pid (\d+)", said)[-2:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
            self.process.kill()
            self.process.wait()


def surroundings(settings: Settings, chosen: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, str]:
    """The environment a gateway runs in: nothing of ours but these settings and what its profiles look up."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")},
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "GATEWAY_HOME": str(settings.home),
        "GATEWAY_PARTNERS": str(settings.partners),
        "GATEWAY_MAPS": str(settings.maps),
        **{variable(name): str(value) for name, value in chosen.items()},
        "GATEWAY_HTTP_BIND": settings.http_bind,
        **secrets,
    }


def hand_out(store: Store, made: Sequence[IssuedKey]) -> tuple[str, ...]:
    """Store keys; their tokens, in the same order."""
    with store.begin() as tx:
        keys.add(tx, [one.key for one in made])
    return tuple(one.token for one in made)


def free_port() -> int:
    """A port on loopback where nobody listens.

    It is below those a system gives to outgoing connections: of those, one could take it while its server is down.
    """
    while True:
        port = random.randrange(15_000, 30_000)  # noqa: S311 - not a secret
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def get(url: str, key: str | None = None) -> Any:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})  # noqa: S310 - ours
    with _opener().open(request, timeout=10) as reply:
        return json.loads(reply.read())


def post(url: str, body: bytes, headers: dict[str, str]) -> Any:
    """The answer as JSON; one that says no is an answer too."""
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - ours
    try:
        with _opener().open(request, timeout=30) as reply:
            return json.loads(reply.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return json.loads(error.read() or b"null")


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback, whatever proxy is set


def wait_until(happened: Callable[[], bool], deadline: float, what: str) -> None:
    """Look every 100 ms. Raises StoryFailed when the time is over."""
    while not happened():
        if time.monotonic() > deadline:
            raise StoryFailed(f"this did not happen in time: {what}")
        time.sleep(0.1)


@contextlib.contextmanager
def ended(*parties: Simulator | Gateway) -> Iterator[None]:
    """Whatever happens, no process stays behind."""
    try:
        yield
    finally:
        for party in reversed(parties):
            party.stop()
