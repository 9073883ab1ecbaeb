"""The AS2 endpoint. What came, the receipt for it and the first work are stored in one commit before the answer."""

from __future__ import annotations

import asyncio
import logging
import os
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
from gateway.api.door import Door
from gateway.api.intake import taken_in
from gateway.api.problems import Problem
from gateway.as2.receive import STRANGER
from gateway.pipeline import as2_receive
from gateway.pipeline.as2_receive import Opened, Relation
from gateway.pipeline.receive import Arrival, Receipt
from gateway.store.spool import Spool

log = logging.getLogger(__name__)
router = APIRouter(tags=["as2"])

Answer = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body."""

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
async def as2() -> None:  # described here for the reference; `exchange` takes the request before FastAPI sees it
    """A repeated Message-ID gets the receipt of the first time and is processed once.

    Receipts that partners post for what we sent come here too: stored before they are answered.
    """


async def exchange(use: Door, scope: Scope, receive: Receive, send: Send) -> None:
    """One request, in plain ASGI: what FastAPI does for a request is a tenth of a message of 2 KB."""
    headers = [
        (name.decode("ascii", "replace"), value.decode("utf-8", "surrogateescape")) for name, value in scope["headers"]
    ]
    client = scope.get("client")
    try:
        async with AsyncExitStack() as room:
            status, said, body = await _answered(use, headers, client[0] if client else None, receive, room)
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
    use: Door, headers: list[tuple[str, str]], remote: str | None, receive: Receive, room: AsyncExitStack
) -> Answer:
    in_thread = asyncio.get_running_loop().run_in_executor
    announced = next((int(value) for name, value in headers if name == "content-length"), None)
    whose = None
    if announced is None or announced > STRANGER:  # more than is read of anybody's
        whose = await in_thread(None, as2_receive.relation, use.house, headers, use.largest_body)
        if _is_flooded(use, whose):
            return await _too_many(use, whose)
    body, size = await taken_in(receive, announced or 0, whose.largest if whose else STRANGER, use, room)
    taken = await in_thread(None, _take, use, whose, headers, body, size, remote)
    if taken.stored is None:
        return await _too_many(use, taken.whose)
    receipt = await asyncio.shield(asyncio.wrap_future(taken.stored))
    return await _answer(use, taken.whose, taken.judged, receipt, body, size)


@dataclass(frozen=True, slots=True)
class _Taken:
    """A message that was judged, and is stored or about to be; not stored if too many like it were refused."""

    whose: Relation
    judged: Opened | Arrival | None = None  # an arrival alone: a receipt for something of ours
    stored: Future[Receipt] | None = None


def _take(
    use: Door,
    whose: Relation | None,
    headers: list[tuple[str, str]],
    body: Spool,
    size: int,
    remote: str | None,
) -> _Taken:
    """All that is done with a message, in one thread: to hand it to another costs as much as its commit."""
    if whose is None:
        whose = as2_receive.relation(use.house, headers, use.largest_body)
        if _is_flooded(use, whose):
            return _Taken(whose)
    judged = _judged(use, whose, headers, body, size, remote)
    arrival = judged.arrival if isinstance(judged, Opened) else judged
    if arrival.refused is not None and not use.refusals.keep(whose.name, body.size):
        return _Taken(whose)
    return _Taken(whose, judged, use.begin(arrival))


def _is_flooded(use: Door, whose: Relation) -> bool:
    """Whether a stranger comes after too many others."""
    return whose.connection is None and use.refusals.full(whose.name)


def _judged(
    use: Door, whose: Relation, headers: list[tuple[str, str]], body: Spool, size: int, remote: str | None
) -> Opened | Arrival:
    """What came, in a thread: a receipt for something of ours, or a message and the answer to it."""
    posted = as2_receive.receipt_arrival(use.store, whose, body, remote)
    if posted is not None:
        return posted
    now = datetime.now(UTC)
    opened = as2_receive.open_message(whose, headers, body, size=size, remote=remote, now=now, entropy=os.urandom)
    return opened if opened.arrival.refused is None else as2_receive.as_it_came_before(use.store, opened, body)


async def _answer(
    use: Door, whose: Relation, judged: Opened | Arrival | None, receipt: Receipt, body: Spool, size: int
) -> Answer:
    if not isinstance(judged, Opened):
        return 200, [], b""
    if receipt.repeated:
        first = await run_in_threadpool(as2_receive.first_answer, use.store, receipt, judged)
        if first is not None:
            return first
        judged = as2_receive.other_content(whose, judged, body, now=datetime.now(UTC), entropy=os.urandom)
        await use.receive(judged.arrival)
    status, headers, content = judged.answer
    closing = [("Connection", "close")] if size > whose.largest else []  # what is still to come is read by nobody
    return status, [*headers, *closing], content


async def _too_many(use: Door, whose: Relation) -> Answer:
    if use.refusals.tell(whose.name):
        await run_in_threadpool(as2_receive.tell_of_flood, use.store, whose, use.refusals.messages)
    again = ("Retry-After", str(use.refusals.seconds_left(whose.name)))
    return 429, [again, *_NOT_NOW], b"Too many messages were refused; nothing was kept of this one."
