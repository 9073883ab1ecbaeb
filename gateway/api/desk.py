"""One thread for work that is short, and that several callers can have done in one go.

What holds the GIL gets no faster by a second thread: they only wait for each other, and a message judged by six threads
by turns cost a tenth more than by one. What came while one batch was under way is the next.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeAlias, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Outcome: TypeAlias = Result | Exception


class Desk(Generic[Item, Result]):
    """Coroutines hand in items and get each its result."""

    def __init__(self, work: Callable[[Sequence[Item]], Sequence[Outcome[Result]]], at_once: int) -> None:
        """`work` takes so many items at once at most, and gives a result or an exception for each, in their order."""
        self._work = work
        self._at_once = at_once
        self._waiting: SimpleQueue[tuple[Item, asyncio.Future[Result]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)
        self._thread.start()

    def done(self, item: Item) -> asyncio.Future[Result]:
        """To be awaited: the result of this item."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.put((item, future))
        return future

    def close(self) -> None:
        """Work on what is waiting, then stop."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, is_last = [first], False
            while len(batch) < self._at_once and not is_last:
                try:
                    more = self._waiting.get_nowait()
                except Empty:
                    break
                is_last = more is None
                if more is not None:
                    batch.append(more)
            self._do(batch)
            if is_last:
                return

    def _do(self, batch: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        outcomes: Sequence[Outcome[Result]]
        try:
            outcomes = self._work([item for item, _ in batch])
        except Exception as error:
            outcomes = [error] * len(batch)
        futures = [future for _, future in batch]
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            futures[0].get_loop().call_soon_threadsafe(_give, futures, outcomes)


def _give(futures: Sequence[asyncio.Future[Result]], outcomes: Sequence[Outcome[Result]]) -> None:
    for future, outcome in zip(futures, outcomes, strict=True):
        if future.done():  # cancelled
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
