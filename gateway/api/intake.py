"""How a body is taken in from the wire: in memory while it is small, else in a sealed file, never from a sender so slow
that it holds a place others need."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from gateway.api.door import Door
from gateway.api.problems import Problem
from gateway.store.spool import IN_MEMORY, Spool

PATIENCE = 4
"""How many times the largest body is read and dropped, so that a sender can end and sees our answer."""

EVIDENCE = 64 * 1024
"""What is kept of a message that is larger than we take: its layers begin here, and who they are for."""

SILENCE_S, GRACE_S, SLOWEST = 30.0, 60.0, 32 * 1024
"""A sender may be silent for so long, and after a minute must have sent so many bytes a second on the whole: a line of
256 kbit/s. Slower ones hold a place that others need, and are told so with 408."""


async def taken_in(
    receive: Receive, announced: int, largest: int, use: Door, room: AsyncExitStack
) -> tuple[Spool, int]:
    """The body and its size; of one that is larger than we take, its beginning. Raises TimeoutError if it is slow."""
    spool = Spool(use.spool)
    if announced > PATIENCE * largest:
        return spool, announced
    began, size, more = time.monotonic(), 0, True
    while more:
        async with asyncio.timeout(SILENCE_S):
            event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientDisconnect
        piece, more = event.get("body", b""), event.get("more_body", False)
        if size <= IN_MEMORY < size + len(piece) <= largest:
            await _a_place(use, room)
        size += len(piece)
        if size <= max(largest, EVIDENCE):
            spool.write(piece)
        elif spool.size > EVIDENCE:
            spool = _beginning(spool, use)
        if size > PATIENCE * largest:
            break
        if time.monotonic() - began > GRACE_S + size / SLOWEST:
            raise TimeoutError
    return spool, size


async def _a_place(use: Door, room: AsyncExitStack) -> None:
    """One of the places for bodies too large for memory, until `room` is left."""
    try:
        await asyncio.wait_for(room.enter_async_context(use.large_ones), SILENCE_S)
    except TimeoutError:
        use.refusals.count("no room")
        again = {"Retry-After": str(int(SILENCE_S)), "Connection": "close"}
        detail = "Too many large messages are coming in; nothing was taken."
        raise Problem(503, "busy", "Not now", detail, headers=again) from None


def _beginning(spool: Spool, use: Door) -> Spool:
    """What is kept of a message that is larger than we take."""
    kept = Spool(use.spool)
    kept.write(next(iter(spool))[:EVIDENCE])
    return kept
