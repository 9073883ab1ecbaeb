"""Work that waits for the network: each row in a thread of its own, their ends stored together.

The loop claims no more rows than it has free threads, commits that they are started, then lets the threads go. While
one commit runs, other threads end; the next commit stores all their ends and claims as many new rows. So the network is
never used inside a transaction, and a thousand small calls do not cost a thousand commits.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import Table

from gateway.store.engine import Record, Store, Tx, View, is_trouble
from gateway.worker.keeper import Keeper
from gateway.worker.moments import Moment, Reached, nothing

log = logging.getLogger(__name__)

ALONE = 3
"""How often an end is stored alone, after it could not be with others: two workers may meet in the same place."""


class Errand(Protocol):
    """A kind of such work: deliveries.py, polls.py."""

    @property
    def table(self) -> Table: ...

    @property
    def stage(self) -> str:
        """The value in its column `stage` that makes a row one of these."""

    @property
    def lease_us(self) -> int:
        """How long a claim lasts; the keeper renews it while `run` goes on."""

    def is_due(self, view: View) -> bool:
        """Whether `claim` would find something to do; asking takes no writer's turn."""

    def claim(self, tx: Tx, owner: str, limit: int) -> list[Record]:
        """Lease rows and note that they are started."""

    def run(self, row: Record) -> Any:
        """Do it, outside every transaction, in a thread. Must not raise."""

    def record(self, tx: Tx, ended: Sequence[tuple[Record, Any]]) -> None:
        """Store how rows ended, and end their leases; rows that are not ours any more are left alone."""

    def give_up(self, tx: Tx, row: Record, error: str) -> None:
        """The end of a row cannot be stored: a defect of ours. End its lease, if it is ours still."""


class Errands:
    """Runs one kind of errand on a fixed number of threads."""

    def __init__(
        self,
        store: Store,
        errand: Errand,
        owner: str,
        keeper: Keeper,
        *,
        threads: int,
        name: str,
        reached: Reached = nothing,
    ) -> None:
        self._store = store
        self._errand = errand
        self._owner = owner
        self._keeper = keeper
        self._reached = reached
        self._todo: queue.SimpleQueue[Record | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[tuple[Record, Any]] = queue.SimpleQueue()
        self._unstored: list[tuple[Record, Any]] = []
        self._under_way = 0
        self._news = threading.Event()
        self._threads = [threading.Thread(target=self._serve, name=f"{name}-{n}", daemon=True) for n in range(threads)]

    @property
    def under_way(self) -> int:
        return self._under_way

    @property
    def stage(self) -> str:
        return self._errand.stage

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def poke(self) -> None:
        """There may be something to claim."""
        self._news.set()

    def wait(self, timeout_s: float) -> None:
        """Until something ended, somebody poked, or the time is over."""
        self._news.wait(timeout_s)
        self._news.clear()

    def step(self, *, claiming: bool = True) -> bool:
        """Store what ended and claim what there are free threads for; False if there was neither."""
        self._unstored += _drain(self._ended)
        free = len(self._threads) - self._under_way + len(self._unstored) if claiming else 0
        if not self._unstored and free <= 0:
            return False
        ended = list(self._unstored)
        if not ended:
            with self._store.read() as view:
                if not self._errand.is_due(view):
                    return False
        try:
            with self._store.begin() as tx:
                if ended:
                    self._errand.record(tx, ended)
                claimed = self._errand.claim(tx, self._owner, free) if free > 0 else []
                self._reached(Moment.RECORDED)
        except Exception as error:
            if not ended or is_trouble(error):
                raise
            self._one_by_one()
            return True
        self._unstored = []  # kept until here: a failed commit stores the same ends again
        self._under_way += len(claimed) - len(ended)
        if ended:
            self._reached(Moment.SETTLED)
        if claimed:
            self._reached(Moment.STARTED)
        for row in claimed:
            self._todo.put(row)
        return bool(ended or claimed)

    def _one_by_one(self) -> None:
        """One end that cannot be stored must not hold up the others, nor what is to be claimed."""
        while self._unstored:
            self._store_alone(*self._unstored[0])
            del self._unstored[0]
            self._under_way -= 1

    def _store_alone(self, row: Record, end: Any) -> None:
        for tries in range(1, ALONE + 1):
            try:
                with self._store.begin() as tx:
                    self._errand.record(tx, [(row, end)])
                return
            except Exception as error:
                if is_trouble(error):
                    raise
                if tries == ALONE:
                    log.exception("%s %s: its end cannot be stored", self._errand.table.name, row.id)
                    with self._store.begin() as tx:
                        self._errand.give_up(tx, row, f"{type(error).__name__}: {error}")

    def stop(self, timeout_s: float) -> None:
        """Claim nothing more; let the calls under way end and store their ends."""
        deadline = time.monotonic() + timeout_s
        while self._under_way and time.monotonic() < deadline:
            try:
                if self.step(claiming=False):
                    continue
            except Exception:  # the database may be back before the time is over
                log.warning("the end of %s could not be stored yet", self._errand.stage, exc_info=True)
            self.wait(0.05)
        for _ in self._threads:
            self._todo.put(None)

    def _serve(self) -> None:
        while (row := self._todo.get()) is not None:
            with self._keeper.keep(self._errand.table, [row], self._errand.lease_us):
                end = self._errand.run(row)
            self._reached(Moment.SENT)
            self._ended.put((row, end))
            self._news.set()


def _drain(ended: queue.SimpleQueue[tuple[Record, Any]]) -> list[tuple[Record, Any]]:
    found = []
    while True:
        try:
            found.append(ended.get_nowait())
        except queue.Empty:
            return found
