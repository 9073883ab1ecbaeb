"""Before the internal API: a stranger's body is not read at all, and nobody's without end.

FastAPI reads a JSON body whole before it asks whose it is. The partner door and the AS2 door read theirs themselves, in
pieces and after the key or the name is known; for everything under /v1/ this stands in front.
"""

from __future__ import annotations

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.door import bearer, door, key_of
from gateway.api.problems import Problem, answer

LARGEST = 8_000_000  # bytes; an order of ten thousand lines has some 3 MB as JSON
TOO_LARGE = "This body is larger than we take"


class Bodies:
    """Passes on requests whose key is valid, and of their bodies no more than LARGEST."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/") or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        request, read = Request(scope), 0
        try:
            await key_of(await door(request), await bearer(request))
            if int(request.headers.get("content-length") or 0) > LARGEST:
                raise _too_large()
        except Problem as problem:
            await answer(problem.status, problem.body, problem.headers)(scope, receive, send)
            return

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > LARGEST:
                raise HTTPException(413, TOO_LARGE)  # the one exception FastAPI lets through here
            return message

        await self.app(scope, counted, send)


def _too_large() -> Problem:
    return Problem(413, "too-large", TOO_LARGE, f"The limit is {LARGEST:,} bytes.")
