"""Keeps leases alive while long work goes on, so that leases can be short and a dead worker's rows come back soon."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Table

from gateway.store import lease
from gateway.store.engine import Record, Store

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Kept:
    table: Table
    rows: Sequence[Record]
    lease_us: int


class Keeper:
    """Renews every lease it is told of, well before it ends."""

    def __init__(self, store: Store, *, every_s: float) -> None:
        self._store = store
        self._every_s = every_s
        self._kept: dict[int, _Kept] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    @contextmanager
    def keep(self, table: Table, rows: Sequence[Record], lease_us: int) -> Iterator[None]:
        """Keep these leases while the block runs."""
        number = next(self._numbers)
        with self._lock:
            self._kept[number] = _Kept(table, rows, lease_us)
        try:
            yield
        finally:
            with self._lock:
                self._kept.pop(number, None)

    def renew(self) -> None:
        """Renew what is being worked on now. A row that is not ours any more is dropped; its fence says the rest."""
        with self._lock:
            kept = list(self._kept.values())
        for one in kept:
            with self._store.begin() as tx:
                one.rows = lease.renew(tx, one.table, one.rows, one.lease_us)

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                self.renew()
            except Exception:
                # The leases may run out and the rows be worked elsewhere too; fences keep that harmless.
                log.warning("leases could not be renewed", exc_info=True)
