"""Work handed in by coroutines is done by one thread, together where it waited together, and each gets its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence

import pytest

from gateway.api.desk import Desk


class Work:
    """Doubles numbers; the first one waits until it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self.batches: list[list[int]] = []

    def prepare(self, number: int) -> int:
        self.begun.set()
        assert self.go.wait(60)
        if number == 0:
            raise ZeroDivisionError
        return 2 * number

    def finish(self, numbers: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(numbers))
        if 26 in numbers:
            raise ValueError("nothing of this batch")
        return [ValueError(str(n)) if n < 0 else n for n in numbers]


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def desk(work: Work) -> Iterator[Desk[int, int, int]]:
    made = Desk(work.prepare, work.finish, 3)
    yield made
    work.go.set()
    made.close()


def test_what_waited_together_is_done_together(desk: Desk[int, int, int], work: Work) -> None:
    async def callers() -> list[int | BaseException]:
        first = desk.done(1)
        await asyncio.to_thread(work.begun.wait)
        others = [desk.done(n) for n in (0, -2, 3, 4, 5)]
        work.go.set()
        return await asyncio.gather(first, *others, return_exceptions=True)

    one, unfit, refused, *rest = asyncio.run(callers())
    assert (one, rest) == (2, [6, 8, 10])
    assert isinstance(unfit, ZeroDivisionError)
    assert isinstance(refused, ValueError)
    assert work.batches == [[2, -4, 6], [8, 10]]


def test_a_batch_that_fails_fails_for_those_in_it(desk: Desk[int, int, int], work: Work) -> None:
    work.go.set()

    async def callers() -> tuple[int | BaseException, int]:
        (failed,) = await asyncio.gather(desk.done(13), return_exceptions=True)
        return failed, await desk.done(7)

    failed, fine = asyncio.run(callers())
    assert isinstance(failed, ValueError)
    assert fine == 14


def test_who_went_away_is_not_waited_for(desk: Desk[int, int, int], work: Work) -> None:
    async def callers() -> int:
        first = desk.done(1)
        await asyncio.to_thread(work.begun.wait)
        first.cancel()
        work.go.set()
        return await desk.done(2)

    assert asyncio.run(callers()) == 4


def test_closing_ends_what_waits(work: Work) -> None:
    desk: Desk[int, int, int] = Desk(work.prepare, work.finish, 3)

    async def callers() -> list[int]:
        results = [desk.done(n) for n in (1, 2, 3, 4)]
        work.go.set()
        await asyncio.to_thread(desk.close)
        return await asyncio.gather(*results)

    assert asyncio.run(callers()) == [2, 4, 6, 8]
