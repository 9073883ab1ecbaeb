"""One worker process: the batch loop, the deliveries, the polls, the keeper of leases, and what wakes them.

Each loop survives whatever happens to it: it says what went wrong, waits a little longer each time, and goes on. Work
is found by asking the database; hints (wake.py) only make it sooner.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence

from sqlalchemy.exc import OperationalError

from gateway.store.engine import Store
from gateway.store.retry import SECOND
from gateway.worker.batches import Batches
from gateway.worker.deliveries import Deliveries
from gateway.worker.errands import Errand, Errands
from gateway.worker.keeper import Keeper
from gateway.worker.moments import Reached, nothing
from gateway.worker.polls import Polls
from gateway.worker.stage import Stage
from gateway.worker.supervisor import own_name

log = logging.getLogger(__name__)

POLL_S = 1.0
"""How long an idle loop sleeps without a hint. One indexed look a stage a second is far below 2 % of a core."""

LONGEST_PAUSE_S = 30.0


class Worker:
    """Everything one worker process runs. `run` returns after `stop`, when what was under way has ended."""

    def __init__(
        self,
        store: Store,
        stages: Sequence[Stage],
        *,
        deliveries: Deliveries | None = None,
        polls: Polls | None = None,
        threads: int = 16,
        poll_threads: int = 4,
        drain_s: float = 20.0,
        reached: Reached = nothing,
    ) -> None:
        self._store = store
        self._drain_s = drain_s
        self.owner = own_name(os.environ)
        leases = [stage.lease_us for stage in stages]
        errands: list[tuple[str, Errand, int]] = []
        if deliveries is not None:
            errands.append(("deliver", deliveries, threads))
        if polls is not None:
            errands.append(("poll", polls, poll_threads))
        leases += [errand.lease_us for _, errand, _ in errands]
        self._keeper = Keeper(store, every_s=min(leases, default=60 * SECOND) / SECOND / 3)
        self._batches = Batches(store, stages, self.owner, self._keeper, reached) if stages else None
        self._errands = [
            Errands(store, errand, self.owner, self._keeper, threads=count, name=name, reached=reached)
            for name, errand, count in errands
        ]
        self._stages = {stage.name for stage in stages}
        self._news = threading.Event()
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End soon: nothing more is claimed, calls under way may end. Safe in a signal handler."""
        self._stopping.set()
        self._news.set()
        for errands in self._errands:
            errands.poke()

    def run(self) -> None:
        """Work until `stop`."""
        log.info("worker %s begins", self.owner)
        self._keeper.start()
        loops = [threading.Thread(target=self._listen, name="hints", daemon=True)]
        if self._batches is not None:
            loops.append(threading.Thread(target=self._run_batches, args=(self._batches,), name="batches"))
        for errands in self._errands:
            errands.start()
            loops.append(threading.Thread(target=self._run_errands, args=(errands,), name="errands"))
        for loop in loops:
            loop.start()
        for loop in loops[1:]:
            loop.join()
        self._stopping.wait()
        self._keeper.stop()
        log.info("worker %s ended", self.owner)

    def _run_batches(self, batches: Batches) -> None:
        pause = _Pause(self._stopping)
        while not self._stopping.is_set():
            if not pause.after(batches.step):
                self._news.wait(POLL_S)
                self._news.clear()
        pause.after(batches.give_back)

    def _run_errands(self, errands: Errands) -> None:
        pause = _Pause(self._stopping)
        while not self._stopping.is_set():
            if not pause.after(errands.step):
                errands.wait(POLL_S)
        pause.after(lambda: errands.stop(self._drain_s))

    def _listen(self) -> None:
        pause = _Pause(self._stopping)
        while not self._stopping.is_set():
            pause.after(self._hear)

    def _hear(self) -> None:
        listener = self._store.listen()
        try:
            while not self._stopping.is_set():
                stages = listener.wait(5 * POLL_S)
                if not stages.isdisjoint(self._stages):
                    self._news.set()
                for errands in self._errands:
                    if errands.stage in stages:
                        errands.poke()
        finally:
            listener.close()


class _Pause:
    """Calls something that may fail, and waits longer after each failure in a row."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._seconds = 0.1

    def after(self, call: Callable[[], bool | None]) -> bool:
        try:
            worked = call()
        except Exception as error:
            if isinstance(error, OperationalError):  # full, locked, gone: a traceback a second would not help the disk
                said = str(error.orig).partition("\n")[0]
                log.error("the database cannot be used: %s; asked again in %.1f s", said, self._seconds)
            else:
                log.exception("the worker's loop failed; it goes on in %.1f s", self._seconds)
            self._stopping.wait(self._seconds)
            self._seconds = min(self._seconds * 2, LONGEST_PAUSE_S)
            return True
        self._seconds = 0.1
        return bool(worked)
