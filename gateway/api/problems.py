"""One error shape for every door: RFC 9457 problem details."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, OperationalError
from starlette.exceptions import HTTPException

from gateway.pipeline.again import CannotRunAgain
from gateway.store.payloads import PayloadPurged

MEDIA_TYPE = "application/problem+json"

SEND_AGAIN = "Nothing is promised. Send the same request again: with the same Idempotency-Key it happens once."

log = logging.getLogger(__name__)


class ProblemDetails(BaseModel):
    """What went wrong, and what to do about it."""

    type: str = Field(
        "about:blank", description="Names the kind of problem; stable.", examples=["urn:gateway:no-such-order"]
    )
    title: str = Field(description="The kind of problem in a few words.", examples=["There is no such order"])
    status: int = Field(description="The HTTP status code.", examples=[404])
    detail: str | None = Field(
        None,
        description="What is wrong with this request, and what to do.",
        examples=["Nothing of yours is called D-9."],
    )
    instance: str | None = Field(None, description="The id of what this is about.", examples=["T-12"])


class Problem(Exception):
    """Raised by a door; becomes the answer."""

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str | None = None,
        *,
        instance: str | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(title)
        self.status, self.headers = status, headers
        self.body = {
            "type": f"urn:gateway:{kind}",
            "title": title,
            "status": status,
            "detail": detail,
            "instance": instance,
        }
        self.body = {name: value for name, value in self.body.items() if value is not None} | more


def not_found(what: str, name: str) -> Problem:
    return Problem(404, f"no-such-{what}", f"There is no such {what}", f"Nothing of yours is called {name}.")


@contextmanager
def cannot(verb: str, title: str, name: str) -> Iterator[None]:
    """A conflict where what a person wants done again, or not at all, is under way, gone or final."""
    try:
        yield
    except CannotRunAgain as error:
        raise Problem(409, f"cannot-{verb}", title, str(error), instance=name) from None


def answer(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(body, status, headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Every error of this app, foreseen or not, leaves in this shape and without a traceback."""

    @app.exception_handler(Problem)
    async def _problem(_: Request, problem: Problem) -> JSONResponse:
        return answer(problem.status, problem.body, problem.headers)

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        return answer(
            error.status_code,
            {"type": "about:blank", "title": str(error.detail), "status": error.status_code},
            dict(error.headers or {}),
        )

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        faults = [{"pointer": "/" + "/".join(str(p) for p in e["loc"]), "detail": e["msg"]} for e in error.errors()]
        body = {
            "type": "urn:gateway:invalid-request",
            "title": "The request is not what this door takes",
            "status": 422,
        }
        return answer(422, {**body, "errors": faults})

    @app.exception_handler(OperationalError)
    async def _database(_: Request, error: OperationalError) -> JSONResponse:
        return unforeseen(error)

    @app.exception_handler(DataError)
    async def _beyond_text(_: Request, error: DataError) -> JSONResponse:
        log.warning("a request holds what no column takes: %s", str(error.orig).partition("\n")[0])
        detail = "A text may not hold a NUL (\\u0000), nor a number be beyond all measure. Nothing was done."
        return answer(422, Problem(422, "invalid-request", "The request holds a value nobody can keep", detail).body)

    @app.exception_handler(PayloadPurged)
    async def _deleted(_: Request, error: PayloadPurged) -> JSONResponse:
        detail = "What it was stays on record: its size, its hash and what came of it."
        return answer(410, Problem(410, "deleted", "Its bytes were deleted by retention", detail).body)

    @app.exception_handler(Exception)  # the server logs its traceback
    async def _our_fault(_: Request, error: Exception) -> JSONResponse:
        return unforeseen(error)


def unforeseen(error: Exception) -> JSONResponse:
    """What a door says where something failed that is not the sender's."""
    if isinstance(error, OperationalError):
        log.error("the database cannot be used: %s", str(error.orig).partition("\n")[0])
        title = "The database cannot be used now"
        return answer(503, Problem(503, "database", title, SEND_AGAIN).body, {"Retry-After": "10"})
    return answer(500, Problem(500, "our-fault", "Something failed on our side", SEND_AGAIN).body)


RESPONSES: dict[int | str, dict[str, Any]] = {
    code: {"model": ProblemDetails, "description": words, "content": {MEDIA_TYPE: {}}}
    for code, words in {
        401: "No key, or one that is not valid",
        403: "This key may not do that",
        404: "Nothing of yours has this id",
        409: "The same Idempotency-Key came with another request",
        422: "The request is not what this door takes",
        503: "Too much is waiting; try again after Retry-After seconds",
    }.items()
}
