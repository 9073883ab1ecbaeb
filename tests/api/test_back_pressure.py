"""A door whose waiting room is full says 503 and when to come back; it takes nothing and loses nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from road_documents import interchange, order
from served_site import Site
from sqlalchemy import text

from benchmarks.road import door
from gateway.api.serving import application
from gateway.settings import Settings
from gateway.store import schema
from gateway.store.engine import Store

SENDERS, SIZE = 6, 400_000  # of which a waiting room of 1 MB holds two


@contextmanager
def nobody_else_writes(store: Store) -> Iterator[threading.Event]:
    """Commits of others wait until the event is set."""
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with store.begin() as tx:
            if not store.is_sqlite:
                tx.execute(text("LOCK TABLE transmission IN EXCLUSIVE MODE"))
            held.set()
            go_on.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(60)
    yield go_on
    go_on.set()
    holder.join()


def test_a_full_waiting_room_answers_503_and_keeps_what_it_took(store: Store, site: Site, tmp_path: Path) -> None:
    app = application(store, site.road.house, Settings(home=tmp_path, waiting_limit_mb=1))
    key = {"Authorization": site.partner.headers["Authorization"]}

    async def flooded() -> list[httpx.Response]:
        wire = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=wire, base_url="http://gateway", headers=key, timeout=60) as client,
        ):
            with nobody_else_writes(store) as go_on:
                sends = [asyncio.create_task(client.post(door.DOOR, content=large(n))) for n in range(SENDERS)]
                while sum(one.done() for one in sends) < SENDERS - 2:
                    await asyncio.wait(sends, timeout=0.01)
                go_on.set()
                return await asyncio.gather(*sends)

    answers = asyncio.run(flooded())
    refused = [answer for answer in answers if answer.status_code != 202]
    assert [answer.status_code for answer in refused] == [503] * (SENDERS - 2)
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert {answer.json()["type"] for answer in refused} == {"urn:gateway:busy"}
    assert len(site.road.rows(schema.transmission)) == 2


def large(number: int) -> bytes:
    return interchange([order(f"HP-{number}")], number=number + 1).ljust(SIZE, b"\n")


@pytest.mark.slow
def test_a_large_interchange_takes_the_road_in_little_memory(tmp_path: Path) -> None:
    """Red when a process gathers it: the body alone is 20 MB, its documents as objects many times that."""
    grown = door.memory(lambda name: f"sqlite:///{tmp_path}/{name}.db", 20, lambda said: None)
    assert grown["web"] + grown["worker"] + grown["supervisor"] < 150
