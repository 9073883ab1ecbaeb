"""gateway/clients.py: a client is one thread's at a time, few wait, and none stays open when all is closed."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx

from gateway.clients import KEPT, Clients


def test_no_two_threads_ever_have_the_same_client_and_few_are_kept() -> None:
    made: list[httpx.Client] = []
    users: Counter[int] = Counter()
    together = threading.Barrier(8, timeout=60)

    clients = Clients(60)

    def use() -> int:
        with clients.one() as client:
            made.append(client)
            users[id(client)] += 1
            together.wait()
            most = max(users.values())
            together.wait()
            users[id(client)] -= 1
        together.wait()
        return most

    with ThreadPoolExecutor(8) as pool:
        assert {one.result() for one in [pool.submit(use) for _ in range(8)]} == {1}
    assert len(made) == 8
    assert sum(not client.is_closed for client in made) == KEPT
    with clients.one() as lent:
        assert lent in made, "one that waits is used again"
        clients.close()
        assert not lent.is_closed
    assert all(client.is_closed for client in made)
