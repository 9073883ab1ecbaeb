"""The AS2 endpoint. What came, the receipt for it and the first work are stored in one commit before the answer."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from gateway.api.door import Used
from gateway.pipeline import as2_receive

router = APIRouter(tags=["as2"])

PATIENCE = 4
"""How many times the largest body is read and dropped, so that a sender can end and sees our answer."""


@router.post(
    "/as2",
    summary="An AS2 message (RFC 4130)",
    response_class=Response,
    responses={
        200: {"description": "Stored for good; the receipt, if one was asked for, says whether it was accepted."},
        400: {"description": "Not an AS2 message, or refused and no receipt was asked for"},
        403: {"description": "No relation between these two AS2 names, and no receipt was asked for"},
        413: {"description": "Larger than we take, and no receipt was asked for"},
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/pkcs7-mime": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def as2(request: Request, use: Used) -> Response:
    """A repeated Message-ID gets the receipt of the first time and is processed once."""
    headers = [
        (name.decode("ascii", "replace"), value.decode("utf-8", "surrogateescape"))
        for name, value in request.headers.raw
    ]
    whose = await run_in_threadpool(as2_receive.relation, use.house, headers, use.largest_body)
    try:
        body = await _read(request, whose.largest)
    except ClientDisconnect:  # they went away in the middle of it: nobody was told anything, so they send it again
        return Response(status_code=400)
    remote = request.client.host if request.client else None
    now = datetime.now(UTC)
    opened = await run_in_threadpool(
        as2_receive.open_message, whose, headers, body, remote=remote, now=now, entropy=os.urandom
    )
    receipt = await use.receive(opened.arrival)
    if receipt.repeated:
        first = await run_in_threadpool(as2_receive.first_answer, use.store, receipt, opened)
        if first is not None:
            return _answer(*first)
        opened = as2_receive.other_content(whose, opened, now=now, entropy=os.urandom)
        await use.receive(opened.arrival)
    return _answer(*opened.answer)


async def _read(request: Request, largest: int) -> bytes:
    """The body, or one byte more than the largest, which is how its judge knows."""
    pieces, size = [], 0
    async for piece in request.stream():
        if size <= largest:
            pieces.append(piece[: largest + 1 - size])
        size += len(piece)
        if size > PATIENCE * largest:
            break
    return b"".join(pieces)


def _answer(status: int, headers: list[tuple[str, str]], body: bytes) -> Response:
    made = Response(body, status)
    for name, value in headers:
        made.headers[name] = value
    return made
