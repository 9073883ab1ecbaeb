"""One web process over one store: the doors, and the committer behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from fastapi import FastAPI

from gateway.api.app import build
from gateway.api.door import Door
from gateway.api.problems import Problem
from gateway.pipeline.house import House
from gateway.pipeline.receive import Arrival, Receipt, receive
from gateway.settings import Settings
from gateway.store.engine import Store, Tx
from gateway.worker.committer import Busy, Closed, Committer
from gateway.worker.moments import Reached, nothing

MEGABYTE = 1_000_000


def application(store: Store, house: House, chosen: Settings, reached: Reached = nothing) -> FastAPI:
    """The application; its committer ends with it."""
    committer: Committer[Arrival, Receipt] = Committer(
        store, _store, capacity=chosen.waiting_limit_mb * MEGABYTE, weigh=_size, reached=reached
    )

    async def stored(arrival: Arrival) -> Receipt:
        with _not_now():
            return await committer.stored(arrival)

    def settle(arrivals: Sequence[Arrival]) -> list[Future[Receipt]]:
        with _not_now():
            return committer.settle(arrivals)

    spool = chosen.home if chosen.home.is_dir() else None
    app = build(Door(house, stored, settle, chosen.body_limit_mb * MEGABYTE, spool=spool))
    app.router.lifespan_context = _closing(app.state.as2.close, committer.close)
    return app


def _store(tx: Tx, arrivals: Any) -> list[Receipt]:
    receipts = receive(tx, arrivals)
    tx.wake("unwrap")
    return receipts


def _size(arrival: Arrival) -> int:
    """Bytes in memory; what waits in a spool is on disk."""
    return 1 + sum(len(held) for held in (arrival.content, arrival.wire) if isinstance(held, bytes))


@contextmanager
def _not_now() -> Iterator[None]:
    try:
        yield
    except Busy as busy:
        raise _later("Too much is waiting to be stored; nothing was taken.", busy.retry_after_s) from None
    except Closed:
        raise _later("The gateway is being restarted; nothing was taken.", 5) from None


def _later(detail: str, seconds: int) -> Problem:
    return Problem(503, "busy", "Not now", detail, headers={"Retry-After": str(seconds)})


def _closing(*close: Callable[[], None]) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        for one in close:
            one()

    return lifespan
