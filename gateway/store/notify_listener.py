"""Waiting for PostgreSQL's hints. A file of its own: a gateway on SQLite has no use for 13 MB of psycopg."""

from __future__ import annotations

import select
from contextlib import suppress

import psycopg
from sqlalchemy import URL

from gateway.store.wake import CHANNEL, Pokes, stages_in


class NotifyListener:
    """PostgreSQL: LISTEN on a connection of its own, opened again when it breaks."""

    def __init__(self, url: URL) -> None:
        self._dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._pokes = Pokes()
        self._connection: psycopg.Connection | None = None
        self._listen()

    def _listen(self) -> psycopg.Connection:
        self._connection = psycopg.connect(self._dsn, autocommit=True)
        self._connection.execute(f"LISTEN {CHANNEL}")
        return self._connection

    def wait(self, timeout_s: float) -> set[str]:
        try:
            connection = self._connection or self._listen()
            ready, _, _ = select.select([connection.fileno(), self._pokes.reader], [], [], max(timeout_s, 0))
            if self._pokes.reader in ready:
                self._pokes.drain()
            if connection.fileno() not in ready:
                return set()
            return stages_in("\n".join(notice.payload for notice in connection.notifies(timeout=0)))
        except psycopg.OperationalError:
            self._drop()
            # The database is away. The worker's own statements will say so; here only the hint is missing.
            select.select([self._pokes.reader], [], [], min(max(timeout_s, 0), 1.0))
            return set()

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    def poke(self) -> None:
        self._pokes.poke()

    def close(self) -> None:
        self._drop()
        self._pokes.close()
