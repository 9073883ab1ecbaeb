"""A store whose clock a test turns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.store.crypto import Keys
from gateway.store.engine import Store

MINUTE = 60_000_000


class Clock:
    """A database clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1_000 * MINUTE

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timed(database_url: str, keys: Keys, clock: Clock) -> Iterator[Store]:
    with Store.open(database_url, keys, clock=clock) as store:
        yield store
