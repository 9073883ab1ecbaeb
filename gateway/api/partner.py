"""The partner API: a partner's own key sends documents and sees what became of them, and nothing of anybody else."""

from __future__ import annotations

import hashlib
import uuid
from contextlib import AsyncExitStack
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from sqlalchemy import select

from gateway.access.keys import ApiKey
from gateway.api.door import Door, IdempotencyKey, Partner, Sender, Used
from gateway.api.intake import taken_in
from gateway.api.names import name_of, number_of
from gateway.api.pages import After, Limit, Page, newest, page
from gateway.api.problems import RESPONSES, Problem, answer, not_found
from gateway.api.shapes import DocumentShape, ReceiptShape, TransmissionShape
from gateway.formats.detect import Format, detect
from gateway.pipeline.receive import Arrival
from gateway.store import payloads
from gateway.store.schema import document, transmission
from gateway.store.spool import IN_MEMORY, Spool

router = APIRouter(prefix="/partner/v1", tags=["partner"], responses=RESPONSES)

HEAD = 4096  # bytes that tell what a file is


@router.post(
    "/documents",
    status_code=202,
    response_model=ReceiptShape,
    summary="Send a file of documents",
    responses={202: {"description": "Stored for good; it is read next."}, 413: {"description": "Larger than we take"}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in (
                    "application/edi-x12",
                    "application/edifact",
                    "application/json",
                    "application/xml",
                    "text/csv",
                    "text/plain",
                )
            },
        }
    },
)
async def send(
    request: Request,
    use: Used,
    who: Sender,
    key: IdempotencyKey = None,
    filename: Annotated[str | None, Header(alias="X-Filename", max_length=200)] = None,
) -> Response:
    """The answer comes when the file is on disk: after a 202 it cannot be lost. The same Idempotency-Key again gets the
    same receipt and stores nothing; without a key every request is a new file.
    """
    connection = _connection(use, who)
    async with AsyncExitStack() as room:
        return await _sent(request, use, who.lane, connection, key, filename, await _taken_in(request, use, room))


async def _sent(
    request: Request, use: Door, lane: str, connection: str, key: str | None, filename: str | None, body: Spool
) -> Response:
    if not body.size:
        raise Problem(422, "empty-body", "There is nothing in this request", "Send the file as the request's body.")
    arrival = Arrival(
        connection=connection,
        lane=lane,
        transport_id=await _transport_id(key, body),
        content=body.content(),
        filename=filename,
        media_type=request.headers.get("content-type"),
        remote=request.client.host if request.client else None,
    )
    receipt = await use.receive(arrival)
    name = name_of("transmission", receipt.transmission_id)
    location = f"/partner/v1/transmissions/{name}"
    head = body.start(HEAD)
    unknown = detect(head).format is Format.UNKNOWN
    if unknown and use.house.book().by_file(connection, filename, head, arrival.media_type).agreement is None:
        detail = "This is no X12, EDIFACT, XML, CSV or JSON that we can read. It is kept, and a person will look at it."
        return answer(
            422,
            Problem(422, "unreadable", "We cannot read this file", detail, instance=name).body,
            {"Location": location},
        )
    return JSONResponse({"id": name, "repeated": receipt.repeated, "location": location}, 202, {"Location": location})


async def _transport_id(key: str | None, body: Spool) -> str:
    """Key and content together: a key used for another file is another transmission, and nothing is swallowed."""
    if key is None:
        return f"http:{uuid.uuid4()}"
    content = body.sha256 if body.size <= IN_MEMORY else await run_in_threadpool(lambda: body.sha256)
    return f"key:{hashlib.sha256(key.encode()).hexdigest()[:32]}:{content[:32]}"


async def _taken_in(request: Request, use: Door, room: AsyncExitStack) -> Spool:
    """The body; a Problem where it is too large, or comes too slowly."""
    too_large = Problem(
        413, "too-large", "This file is larger than we take", f"The limit is {use.largest_body:,} bytes."
    )
    announced = int(request.headers.get("content-length") or 0)
    if announced > use.largest_body:
        raise too_large
    try:
        body, size = await taken_in(request.receive, announced, use.largest_body, use, room)
    except TimeoutError:
        detail = "Nothing was kept of it. Send it again over a better line."
        raise Problem(408, "too-slow", "This file came too slowly", detail, headers={"Connection": "close"}) from None
    if size > use.largest_body:
        raise too_large
    return body


def _connection(use: Door, who: ApiKey) -> str:
    """The HTTP connection this partner sends on in the lane of the key."""
    book = use.house.book()
    for agreement in book.agreements.values():
        mine = agreement.partner == who.partner and agreement.lane == who.lane
        if mine and book.connections[agreement.connection].kind == "http":
            return agreement.connection
    raise Problem(403, "no-connection", "There is no HTTP connection for this key", "Ask us to set one up.")


@router.get("/transmissions/{transmission_id}", summary="What became of a file you sent")
def transmission_status(transmission_id: str, use: Used, who: Partner) -> TransmissionShape:
    connection = _connection(use, who)
    with use.store.read() as view:
        row = view.get(transmission, number_of("transmission", transmission_id))
        if row is None or row.connection != connection or row.lane != who.lane:
            raise not_found("transmission", transmission_id)
        released = select(document).where(document.c.payload_id == row.payload_id, document.c.released)
        documents = view.all(released.where(document.c.partner == who.partner).order_by(document.c.id).limit(1000))
        if not documents and view.first(released) is not None:  # one connection may carry many partners
            raise not_found("transmission", transmission_id)
    return TransmissionShape.of(row, documents=[DocumentShape.of(one) for one in documents])


@router.get("/documents", summary="Your documents, newest first")
def documents(
    use: Used,
    who: Partner,
    limit: Limit = 50,
    after: After = None,
    direction: Annotated[str | None, Query(pattern="^(in|out)$", description="in: from you; out: to you.")] = None,
) -> Page[DocumentShape]:
    wanted = newest("document", document, who.lane, after, limit, {"direction": direction})
    mine = document.c.partner == who.partner  # also where a key names no partner: then nothing is theirs
    with use.store.read() as view:
        return page(view.all(wanted.where(mine, document.c.released)), limit, DocumentShape.of)


@router.get("/documents/{document_id}", summary="One document of yours")
def one_document(document_id: str, use: Used, who: Partner) -> DocumentShape:
    return DocumentShape.of(_mine(use, who, document_id))


@router.get("/documents/{document_id}/content", response_class=Response, summary="The bytes of a document of yours")
def content(document_id: str, use: Used, who: Partner) -> Response:
    row = _mine(use, who, document_id)
    if row.payload_id is None or row.direction == "out":
        raise not_found("content", document_id)
    (data,) = payloads.cut(use.store, [(row.payload_id, row.offset, row.size)])
    return Response(data, media_type="application/octet-stream")


def _mine(use: Door, who: ApiKey, document_id: str) -> Any:
    with use.store.read() as view:
        row = view.get(document, number_of("document", document_id))
    if row is None or row.partner != who.partner or row.lane != who.lane or not row.released:
        raise not_found("document", document_id)
    return row
