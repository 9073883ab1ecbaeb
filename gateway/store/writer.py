"""SQLite's one writer: whose turn it is, the connection it keeps, and its way into a transaction and out of it.

BEGIN and COMMIT go straight to the driver. SQLAlchemy's own way costs more than most statements between them; it finds
itself in a transaction when it is asked for a statement, and is told afterwards that it is over.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine

from gateway.store import statements
from gateway.store.moving import Mover

FIRM = ("synchronous=FULL", "wal_autocheckpoint=1000")
LOOSE = ("synchronous=NORMAL", "wal_autocheckpoint=8000")
"""How SQLite commits what lasts, and what may be taken back: without a flush, and with the log moved into the database
by a thread beside it as long as that keeps up (8,000 pages are 32 MB)."""


class Writer:
    """The transactions of one process, one after the other."""

    def __init__(self, database: Path, engine: Engine, readers: Engine) -> None:
        self._engine = engine
        self._queue = _Queue(database)
        self._mover = Mover(readers)
        self._kept: Connection | None = None
        self.ids_ahead: dict[str, range] = {}  # taken in a transaction that was committed, or in this one

    @contextmanager
    def transaction(self, *, lasting: bool) -> Iterator[Connection]:
        with self._queue:
            connection, self._kept = self._kept or self._engine.connect(), None
            driver, dialect = statements.driver_of(connection), connection.dialect
            try:
                if not lasting:
                    for pragma in LOOSE:
                        statements.run(driver, dialect, f"PRAGMA {pragma}")
                statements.run(driver, dialect, "BEGIN IMMEDIATE")
                yield connection
                statements.run(driver, dialect, "COMMIT")
                if connection.in_transaction():
                    connection.commit()  # nothing is left to be committed: SQLAlchemy is told that it is over
                if not lasting:
                    for pragma in FIRM:
                        statements.run(driver, dialect, f"PRAGMA {pragma}")
            except BaseException:
                self.ids_ahead.clear()  # they may not have been taken after all
                if not lasting:
                    connection.invalidate()  # the next one is opened anew, and firm
                connection.close()  # rolled back
                raise
            self._kept = connection
        if not lasting:
            self._mover.start()

    def close(self) -> None:
        self._mover.close()
        if self._kept:
            self._kept.close()
        self._queue.close()


class _Queue:
    """Who may ask SQLite for its write lock next: one thread of this process, and of all processes one at a time."""

    def __init__(self, database: Path) -> None:
        database.parent.mkdir(parents=True, exist_ok=True)
        self._turn = threading.Lock()
        self._file = os.open(database.with_name(database.name + "-turn"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> None:
        self._turn.acquire()
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._turn.release()

    def close(self) -> None:
        os.close(self._file)
