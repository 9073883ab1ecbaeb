"""Many callers, one commit: how doors store arrivals.

A caller hands in an item and gets its receipt when the item is durable. While one commit runs, the items of other
callers gather; the next commit takes them all. A full waiting room says Busy at once instead of growing.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from gateway.store.engine import Store, Tx
from gateway.worker.moments import Moment, Reached, nothing

Item = TypeVar("Item")
Receipt = TypeVar("Receipt")


class Busy(Exception):
    """The waiting room is full; nothing was stored. A door answers 429 or 503 with Retry-After."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too much is waiting to be stored; try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Closed(Exception):
    """The process is ending; nothing was stored."""


class Committer(Generic[Item, Receipt]):
    """Groups items of concurrent callers into shared transactions."""

    def __init__(
        self,
        store: Store,
        apply: Callable[[Tx, Sequence[Item]], Sequence[Receipt]],
        *,
        batch: int = 200,
        capacity: int = 64_000_000,
        weigh: Callable[[Item], int] = lambda item: 1,
        reached: Reached = nothing,
    ) -> None:
        """`apply` stores items and returns their receipts in order; `capacity` is in units of `weigh` (bytes, say).

        If `apply` raises for a group, each item is stored alone, and only the callers whose item raises again see it.
        """
        self._store = store
        self._apply = apply
        self._batch = batch
        self._capacity = capacity
        self._weigh = weigh
        self._reached = reached
        self._waiting: deque[tuple[Item, int, Future[Receipt]]] = deque()
        self._weight = 0
        self._per_second = 1.0
        self._change = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    def submit(self, item: Item) -> Future[Receipt]:
        """Queue an item; the future ends with its receipt once it is durable. Raises Busy or Closed."""
        weight = self._weigh(item)
        future: Future[Receipt] = Future()
        with self._change:
            if self._closing:
                raise Closed("the gateway is shutting down")
            if self._weight and self._weight + weight > self._capacity:  # what is being stored is in memory too
                raise Busy(min(60, 1 + int(self._weight / self._per_second)))
            self._waiting.append((item, weight, future))
            self._weight += weight
            self._change.notify()
        return future

    def store(self, item: Item) -> Receipt:
        """Store an item from a thread; returns when it is durable."""
        return self.submit(item).result()

    async def stored(self, item: Item) -> Receipt:
        """Store an item from a coroutine; returns when it is durable. Cancelling the caller does not unstore it."""
        return await asyncio.shield(asyncio.wrap_future(self.submit(item)))

    def close(self) -> None:
        """Store what is waiting, then stop."""
        with self._change:
            self._closing = True
            self._change.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            began = time.monotonic()
            self._store_group(group)
            weight = sum(weight for _, weight, _ in group)
            with self._change:
                self._weight -= weight
                self._per_second = 0.8 * self._per_second + 0.2 * weight / max(time.monotonic() - began, 1e-6)

    def _next_group(self) -> list[tuple[Item, int, Future[Receipt]]]:
        with self._change:
            while not self._waiting and not self._closing:
                self._change.wait()
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), self._batch))]

    def _store_group(self, group: Sequence[tuple[Item, int, Future[Receipt]]]) -> None:
        try:
            with self._store.begin() as tx:
                receipts = self._apply(tx, [item for item, _, _ in group])
                if len(receipts) != len(group):
                    raise RuntimeError(f"{len(group)} items but {len(receipts)} receipts")
                self._reached(Moment.STORED)
        except Exception as error:
            if len(group) == 1:
                group[0][2].set_exception(error)
            else:
                for one in group:
                    self._store_group([one])
            return
        self._reached(Moment.DURABLE)
        for (_, _, future), receipt in zip(group, receipts, strict=True):
            future.set_result(receipt)
