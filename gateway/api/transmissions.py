"""The internal API for what came in as it came: requests, files, messages, and reading one of them again."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import select

from gateway.api.door import Door, Reader, Used, Writer
from gateway.api.names import number_of
from gateway.api.pages import After, Limit, Page, newest, page
from gateway.api.problems import RESPONSES, cannot, not_found
from gateway.api.shapes import DocumentShape, TransmissionShape
from gateway.lifecycle import TransmissionStatus
from gateway.pipeline import again
from gateway.store.schema import document, transmission

router = APIRouter(prefix="/v1/transmissions", tags=["transmissions"], responses=RESPONSES)

SHOWN = 1000
"""Documents of one transmission that are shown with it; `GET /v1/documents` has the others."""


@router.get("", summary="What came in, newest first")
def transmissions(
    use: Used,
    who: Reader,
    limit: Limit = 50,
    after: After = None,
    status: Annotated[str | None, Query(description=f"Only in this status: {', '.join(TransmissionStatus)}.")] = None,
    connection: Annotated[str | None, Query(description="Only over this connection.")] = None,
) -> Page[TransmissionShape]:
    """The documents found in each are shown with one transmission, not here."""
    only = {"direction": "in", "status": status, "connection": connection}
    with use.store.read() as view:
        rows = view.all(newest("transmission", transmission, who.lane, after, limit, only))
    return page(rows, limit, TransmissionShape.of)


@router.get("/{transmission_id}", summary="One transmission, with the documents found in it")
def one_transmission(transmission_id: str, use: Used, who: Reader) -> TransmissionShape:
    return _shape(use, transmission_id, who.lane)


@router.post("/{transmission_id}/reprocess", status_code=202, summary="Read it again")
def reprocess(transmission_id: str, use: Used, who: Writer) -> TransmissionShape:
    """The same bytes from the beginning, by today's profiles. What was used of them is not used again."""
    row = _transmission(use, transmission_id, who.lane)
    with use.store.begin() as tx, cannot("run-again", "This cannot be run again", transmission_id):
        again.reprocess_transmission(tx, row.id, by=who.name)
    return _shape(use, transmission_id, who.lane)


def _shape(use: Door, transmission_id: str, lane: str) -> TransmissionShape:
    row = _transmission(use, transmission_id, lane)
    found = select(document).where(document.c.payload_id == row.payload_id, document.c.released)
    with use.store.read() as view:
        documents = view.all(found.order_by(document.c.id).limit(SHOWN))
    return TransmissionShape.of(row, documents=[DocumentShape.of(one) for one in documents])


def _transmission(use: Door, transmission_id: str, lane: str) -> Any:
    with use.store.read() as view:
        row = view.get(transmission, number_of("transmission", transmission_id))
    if row is None or row.lane != lane or row.direction != "in":
        raise not_found("transmission", transmission_id)
    return row
