"""Telling a waiting worker that there is work: NOTIFY on PostgreSQL, a named pipe a listener on SQLite.

Only a hint. A lost hint costs the time until the next poll, never work. The pipes stand in a folder beside the
database, so any process that opens the database can ring (the web process, a command, a second worker); a pipe whose
reader died is removed by the next one who rings.
"""

from __future__ import annotations

import errno
import logging
import os
import secrets
import select
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, text

log = logging.getLogger(__name__)

CHANNEL = "gateway"


class Listener(Protocol):
    """Waits for hints."""

    def wait(self, timeout_s: float) -> set[str]:
        """The stages that were woken meanwhile; empty after the time-out."""

    def poke(self) -> None:
        """End a `wait` of another thread at once."""

    def close(self) -> None: ...


def notify(connection: Connection, stages: Iterable[str]) -> None:
    """Sent by PostgreSQL itself when the transaction commits."""
    connection.execute(
        text("SELECT pg_notify(:channel, :stages)"), {"channel": CHANNEL, "stages": ",".join(sorted(stages))}
    )


def ring(database: Path, stages: Iterable[str]) -> None:
    """Write the stages into every listener's pipe. A full pipe already holds a hint, so nothing is lost."""
    line = (",".join(sorted(stages)) + "\n").encode()
    try:
        for pipe in _pipes(_folder(database)):
            _ring(Path(pipe), line)
    except OSError as error:  # what was committed is committed: without a hint it is found at the next poll
        log.warning("nobody could be told that there is work: %s", error)


def _ring(pipe: Path, line: bytes) -> None:
    try:
        handle = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        pipe.unlink(missing_ok=True)  # nobody reads it any more
        return
    with suppress(BlockingIOError, BrokenPipeError):
        os.write(handle, line)
    os.close(handle)


def _pipes(folder: Path) -> list[str]:
    """Of every listener; pathlib takes longer to find none than the commit took."""
    try:
        with os.scandir(folder) as found:
            return [one.path for one in found if one.name.endswith(".pipe")]
    except FileNotFoundError:
        return []


@cache
def _folder(database: Path) -> Path:
    return database.with_name(database.name + "-wake")


class Pokes:
    """A pipe inside this process that ends another thread's wait."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def poke(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._writer, b"\n")

    def drain(self) -> None:
        with suppress(BlockingIOError):
            os.read(self.reader, 65536)

    def close(self) -> None:
        os.close(self.reader)
        os.close(self._writer)


class FifoListener:
    """SQLite: reads its own named pipe."""

    def __init__(self, database: Path) -> None:
        folder = _folder(database)
        folder.mkdir(mode=0o700, exist_ok=True)
        self._path = folder / f"{os.getpid()}-{secrets.token_hex(4)}.pipe"
        os.mkfifo(self._path, 0o600)
        # Read and write: with a writer of our own the pipe never reports an end when the last ringer closes it.
        self._pipe = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._pokes = Pokes()

    def wait(self, timeout_s: float) -> set[str]:
        ready, _, _ = select.select([self._pipe, self._pokes.reader], [], [], max(timeout_s, 0))
        if self._pokes.reader in ready:
            self._pokes.drain()
        if self._pipe not in ready:
            return set()
        return stages_in(os.read(self._pipe, 65536).decode(errors="replace"))

    def poke(self) -> None:
        self._pokes.poke()

    def close(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._pipe)
        self._pokes.close()


def stages_in(text: str) -> set[str]:
    return {stage for line in text.splitlines() for stage in line.split(",") if stage}
