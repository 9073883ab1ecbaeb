"""Many callers, one commit: how doors store arrivals.

A caller hands in an item and gets its receipt when the item is durable. While one commit runs, the items of other
callers gather; the next commit takes them all. A full waiting room says Busy at once instead of growing. Who waits for
its items anyway, and finds nobody storing, stores them itself: handing them over to another thread and waking up again
costs more than the commit.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import Generic, TypeAlias, TypeVar

from gateway.store.engine import Store, Tx
from gateway.worker.moments import Moment, Reached, nothing

Item = TypeVar("Item")
Receipt = TypeVar("Receipt")
Waiting: TypeAlias = tuple[Item, int, Future[Receipt]]  # with its weight
Group: TypeAlias = Sequence[Waiting[Item, Receipt]]


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
        may_be_lost: Callable[[Item], bool] = lambda item: False,
        reached: Reached = nothing,
    ) -> None:
        """`apply` stores items and returns their receipts in order; `capacity` is in units of `weigh` (bytes, say).

        What `may_be_lost` with the power, until something that may not was stored after it, is committed more cheaply.

        If `apply` raises for a group, each item is stored alone, and only the callers whose item raises again see it.
        """
        self._store = store
        self._apply = apply
        self._batch = batch
        self._capacity = capacity
        self._weigh = weigh
        self._may_be_lost = may_be_lost
        self._reached = reached
        self._waiting: deque[Waiting[Item, Receipt]] = deque()
        self._weight = 0
        self._per_second = 1.0
        self._change = threading.Condition()
        self._closing = False
        self._storing = False  # a thread is at it: this committer's own, or a caller's
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    def submit(self, item: Item) -> Future[Receipt]:
        """Queue an item; the future ends with its receipt once it is durable. Raises Busy or Closed."""
        group = self._group([item])
        with self._change:
            self._admit(group)
            self._queue(group)
        return group[0][2]

    def settle(self, items: Sequence[Item]) -> list[Future[Receipt]]:
        """Store items from a thread, in one commit; the futures have ended. Raises Busy or Closed.

        If nobody is storing the caller does, else it waits for the next commit.
        """
        group = self._group(items)
        with self._change:
            self._admit(group)
            if is_ours := not self._storing and not self._waiting:
                self._storing = True
            else:
                self._queue(group)
        futures = [future for _, _, future in group]
        if is_ours:
            self._work(group)
        else:
            wait(futures)
        return futures

    def store(self, item: Item) -> Receipt:
        """Store an item from a thread; returns when it is durable."""
        return self.settle([item])[0].result()

    async def stored(self, item: Item) -> Receipt:
        """Store an item from a coroutine; returns when it is durable. Cancelling the caller does not unstore it."""
        return await asyncio.shield(asyncio.wrap_future(self.submit(item)))

    def close(self) -> None:
        """Store what is waiting, then stop."""
        with self._change:
            self._closing = True
            self._change.notify()
        self._thread.join()

    def _group(self, items: Sequence[Item]) -> Group[Item, Receipt]:
        return [(item, self._weigh(item), Future()) for item in items]

    def _admit(self, group: Group[Item, Receipt]) -> None:
        if self._closing:
            raise Closed("the gateway is shutting down")
        weight = sum(weight for _, weight, _ in group)
        if self._weight and self._weight + weight > self._capacity:  # what is being stored is in memory too
            raise Busy(min(60, 1 + int(self._weight / self._per_second)))
        self._weight += weight

    def _queue(self, group: Group[Item, Receipt]) -> None:
        self._waiting.extend(group)
        self._change.notify()

    def _run(self) -> None:
        while group := self._next_group():
            self._work(group)

    def _next_group(self) -> Group[Item, Receipt]:
        with self._change:
            while self._storing or not (self._waiting or self._closing):
                self._change.wait()
            self._storing = bool(self._waiting)
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), self._batch))]

    def _work(self, group: Group[Item, Receipt]) -> None:
        began = time.monotonic()
        try:
            self._store_group(group)
        finally:
            weight = sum(weight for _, weight, _ in group)
            with self._change:
                self._storing = False
                self._weight -= weight
                self._per_second = 0.8 * self._per_second + 0.2 * weight / max(time.monotonic() - began, 1e-6)
                if self._waiting or self._closing:
                    self._change.notify()

    def _store_group(self, group: Group[Item, Receipt]) -> None:
        try:
            lasting = not all(self._may_be_lost(item) for item, _, _ in group)
            with self._store.begin(lasting=lasting) as tx:
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
