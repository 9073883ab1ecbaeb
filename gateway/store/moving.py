"""Moving SQLite's log into the database beside the writer, who then waits for one write of the disk and not for two."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

from sqlalchemy import Engine

log = logging.getLogger(__name__)


class Mover:
    """One thread at most, from the first call on. The log keeps whatever could not be moved."""

    def __init__(self, readers: Engine) -> None:
        self._readers = readers
        self._lock = threading.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._under_way: Future[None] | None = None

    def start(self) -> None:
        """Move what is there, unless that is being done."""
        with self._lock:
            self._thread = self._thread or ThreadPoolExecutor(1, "mover")
            if self._under_way is None or self._under_way.done():
                self._under_way = self._thread.submit(self._move)

    def close(self) -> None:
        with self._lock:
            if self._thread is not None:
                self._thread.shutdown()
                self._thread = None

    def _move(self) -> None:
        try:
            with closing(self._readers.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").close()
        except Exception as error:
            log.warning("the log of the database could not be moved into it just now: %s", error)
