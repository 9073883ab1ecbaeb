"""The AS2 endpoint. What came, the receipt for it and the first work are stored in one commit before the answer."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import OperationalError
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from gateway.api import problems
from gateway.api.desk import Desk
from gateway.api.door import Door
from gateway.api.intake import taken_in
from gateway.api.problems import Problem
from gateway.as2.receive import STRANGER
from gateway.pipeline import as2_receive
from gateway.pipeline.as2_receive import Opened, Relation
from gateway.pipeline.receive import Arrival, Receipt
from gateway.store.spool import IN_MEMORY, Spool

log = logging.getLogger(__name__)
router = APIRouter(tags=["as2"])

Answer = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body."""

SHORT = 64 * 1024
"""Shorter bodies do not wait for longer ones."""

SHORT_AT_ONCE, LONG_AT_ONCE = 16, 8
"""Messages in one commit: it costs each of them little by then, and the first one waits for the last."""

_NOT_NOW = [("Connection", "close"), ("Content-Type", "text/plain; charset=utf-8")]


@router.post(
    "/as2",
    summary="An AS2 message (RFC 4130)",
    response_class=Response,
    responses={
        200: {"description": "Stored for good; the receipt, if one was asked for, says whether it was accepted."},
        400: {"description": "Not an AS2 message, or refused and no receipt was asked for"},
        403: {"description": "No relation between these two AS2 names, and no receipt was asked for"},
        408: {"description": "It came too slowly; nothing was kept"},
        413: {"description": "Larger than we take, and no receipt was asked for"},
        429: {"description": "Too many refused messages; nothing was kept of this one, try again after Retry-After"},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/pkcs7-mime": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def as2() -> None:  # described here for the reference; `As2Door` takes the request before FastAPI sees it
    """A repeated Message-ID gets the receipt of the first time and is processed once.

    Receipts that partners post for what we sent come here too: stored before they are answered.
    """


class As2Door:
    """Takes AS2 messages, in plain ASGI: what FastAPI does for a request is a tenth of a message of 2 KB."""

    def __init__(self, use: Door) -> None:
        self.use = use
        self.short, self.long = (Desk(judge, store, at_once) for at_once in (SHORT_AT_ONCE, LONG_AT_ONCE))

    def close(self) -> None:
        """What is under way is stored; nothing else comes."""
        self.short.close()
        self.long.close()

    async def exchange(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        use = self.use
        headers = [
            (name.decode("ascii", "replace"), value.decode("utf-8", "surrogateescape"))
            for name, value in scope["headers"]
        ]
        client = scope.get("client")
        try:
            async with AsyncExitStack() as room:
                status, said, body = await _answered(self, headers, client[0] if client else None, receive, room)
        except ClientDisconnect:  # they went away in the middle of it: nobody was told anything, so they send it again
            use.refusals.count("cut off")
            status, said, body = 400, [], b""
        except TimeoutError:
            use.refusals.count("too slow")
            status, said, body = 408, [*_NOT_NOW], b"The message came too slowly; nothing was kept."
        except Problem as problem:
            await problems.answer(problem.status, problem.body, problem.headers)(scope, receive, send)
            return
        except Exception as error:
            if not isinstance(error, OperationalError):
                log.exception("an AS2 message could not be taken")
            await problems.unforeseen(error)(scope, receive, send)
            return
        raw = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in said]
        if not any(name == b"content-length" for name, _ in raw):
            raw.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})


async def _answered(
    by: As2Door, headers: list[tuple[str, str]], remote: str | None, receive: Receive, room: AsyncExitStack
) -> Answer:
    use, in_thread = by.use, asyncio.get_running_loop().run_in_executor
    announced = next((int(value) for name, value in headers if name == "content-length"), None)
    whose = None
    if announced is None or announced > STRANGER:  # more than is read of anybody's
        whose = await in_thread(None, as2_receive.relation, use.house, headers, use.largest_body)
        if _is_flooded(use, whose):
            return await _too_many(use, whose)
    body, size = await taken_in(receive, announced or 0, whose.largest if whose else STRANGER, use, room)
    came = Came(use, whose, headers, body, size, remote)
    if body.size <= IN_MEMORY:
        stored = await (by.short if body.size <= SHORT else by.long).done(came)
    else:
        stored = await in_thread(None, _alone, came)
    return await _answer(*stored)


@dataclass(frozen=True, slots=True)
class Came:
    """A message that was read, and is neither judged nor stored."""

    use: Door
    whose: Relation | None  # where it was asked for already
    headers: list[tuple[str, str]]
    body: Spool
    size: int
    remote: str | None


@dataclass(frozen=True, slots=True)
class Judged:
    """A message that was judged; nothing is to be stored of it if too many like it were refused."""

    came: Came
    whose: Relation
    what: Opened | Arrival | None = None  # an arrival alone: a receipt for something of ours

    @property
    def arrival(self) -> Arrival | None:
        return self.what.arrival if isinstance(self.what, Opened) else self.what


Stored = tuple[Judged, Receipt | None]
"""A message, and the proof that it is stored."""


def judge(came: Came) -> Judged:
    """In a thread: a receipt for something of ours, or a message and the answer to it."""
    use, whose = came.use, came.whose
    if whose is None:
        whose = as2_receive.relation(use.house, came.headers, use.largest_body)
        if _is_flooded(use, whose):
            return Judged(came, whose)
    judged = Judged(came, whose, _opened(came, whose))
    arrival = judged.arrival
    is_kept = arrival is None or arrival.refused is None or use.refusals.keep(whose.name, came.body.size)
    return judged if is_kept else Judged(came, whose)


def store(judged: Sequence[Judged]) -> list[Stored | Exception]:
    """In the same thread, since to hand them to another costs as much as a commit; and all in one commit."""
    arrivals = [arrival for one in judged if (arrival := one.arrival) is not None]
    receipts = iter(judged[0].came.use.settle(arrivals) if arrivals else ())
    return [_stored(one, next(receipts)) if one.what is not None else (one, None) for one in judged]


def _stored(judged: Judged, receipt: Future[Receipt]) -> Stored | Exception:
    try:
        return judged, receipt.result()
    except Exception as error:
        return error


def _alone(came: Came) -> Stored:
    (stored,) = store([judge(came)])
    if isinstance(stored, Exception):
        raise stored
    return stored


def _is_flooded(use: Door, whose: Relation) -> bool:
    """Whether a stranger comes after too many others."""
    return whose.connection is None and use.refusals.full(whose.name)


def _opened(came: Came, whose: Relation) -> Opened | Arrival:
    posted = as2_receive.receipt_arrival(came.use.store, whose, came.body, came.remote)
    if posted is not None:
        return posted
    opened = as2_receive.open_message(
        whose,
        came.headers,
        came.body,
        size=came.size,
        remote=came.remote,
        now=datetime.now(UTC),
        entropy=os.urandom,
    )
    if opened.arrival.refused is None:
        return opened
    return as2_receive.as_it_came_before(came.use.store, opened, came.body)


async def _answer(judged: Judged, receipt: Receipt | None) -> Answer:
    came, whose, what = judged.came, judged.whose, judged.what
    if receipt is None:
        return await _too_many(came.use, whose)
    if not isinstance(what, Opened):
        return 200, [], b""
    if receipt.repeated:
        first = await run_in_threadpool(as2_receive.first_answer, came.use.store, receipt, what)
        if first is not None:
            return first
        what = as2_receive.other_content(whose, what, came.body, now=datetime.now(UTC), entropy=os.urandom)
        await came.use.receive(what.arrival)
    status, headers, content = what.answer
    closing = [("Connection", "close")] if came.size > whose.largest else []  # the rest of it is read by nobody
    return status, [*headers, *closing], content


async def _too_many(use: Door, whose: Relation) -> Answer:
    if use.refusals.tell(whose.name):
        await run_in_threadpool(as2_receive.tell_of_flood, use.store, whose, use.refusals.messages)
    again = ("Retry-After", str(use.refusals.seconds_left(whose.name)))
    return 429, [again, *_NOT_NOW], b"Too many messages were refused; nothing was kept of this one."
