"""The internal API for what went over the road: documents, deliveries, events."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import ValidationError
from sqlalchemy import select, text

from gateway.api.door import Door, IdempotencyKey, Reader, Used, Writer, once
from gateway.api.names import name_of, number_of
from gateway.api.pages import After, Limit, Page, newest, page
from gateway.api.problems import RESPONSES, Problem, cannot, not_found
from gateway.api.shapes import DeliveryShape, DocumentShape, SendDocument, Sent, TryShape
from gateway.canonical import DOCUMENTS
from gateway.lifecycle import DeliveryStatus
from gateway.pipeline import again, compose
from gateway.pipeline.deliver import as_cloudevent
from gateway.store import canonical_documents, events, payloads
from gateway.store.schema import ASTRAY, IS_ASTRAY, delivery, delivery_attempt, document

router = APIRouter(prefix="/v1", responses=RESPONSES)


@router.get("/documents", tags=["documents"], summary="Documents, newest first")
def documents(
    use: Used,
    who: Reader,
    limit: Limit = 50,
    after: After = None,
    partner: Annotated[str | None, Query(description="Only of this partner.")] = None,
    status: Annotated[str | None, Query(description="Only in this status; docs/lifecycle.md lists them.")] = None,
    kind: Annotated[str | None, Query(description="order, order-response, shipment, invoice, ...")] = None,
    direction: Annotated[str | None, Query(pattern="^(in|out)$", description="in or out.")] = None,
    business_key: Annotated[str | None, Query(description="Only with this number.")] = None,
) -> Page[DocumentShape]:
    only = {"partner": partner, "status": status, "kind": kind, "direction": direction, "business_key": business_key}
    wanted = newest("document", document, who.lane, after, limit, only).where(document.c.released)
    with use.store.read() as view:
        return page(view.all(wanted), limit, DocumentShape.of)


@router.post("/documents", tags=["documents"], status_code=202, summary="Send a partner a document in our language")
def send(body: SendDocument, use: Used, who: Writer, key: IdempotencyKey = None) -> Sent:
    """For what no order brings about by itself: our own order to a supplier, a warehouse order, a load tender. What
    answers an order is told by /v1/orders, /v1/shipments and /v1/invoices.
    """
    try:
        made = DOCUMENTS[body.kind].model_validate(body.document)
    except KeyError:
        detail = f"There are {', '.join(DOCUMENTS)}."
        raise Problem(422, "no-such-kind", "Our language has no such document", detail) from None
    except ValidationError as error:
        faults = [{"pointer": "/document/" + "/".join(map(str, e["loc"])), "detail": e["msg"]} for e in error.errors()]
        raise Problem(422, "invalid-document", f"This is no {body.kind}", errors=faults) from None
    with use.store.begin() as tx:

        def act() -> dict[str, Any]:
            number = compose.send(tx, use.house.book(), body.partner, who.lane, made)
            if number is None:
                detail = f"{body.partner} takes no {body.kind} from us in the {who.lane} lane."
                raise Problem(422, "no-agreement", "No agreement says how it is sent", detail)
            return {"document": name_of("document", number)}

        return Sent(**once(tx, who, key, body.model_dump(), act))


@router.get("/shipments", tags=["orders"], summary="Shipments, newest first")
def shipments(use: Used, who: Reader, limit: Limit = 50, after: After = None) -> Page[DocumentShape]:
    return documents(use, who, limit, after, kind="shipment")


@router.get("/invoices", tags=["orders"], summary="Invoices, newest first")
def invoices(use: Used, who: Reader, limit: Limit = 50, after: After = None) -> Page[DocumentShape]:
    return documents(use, who, limit, after, kind="invoice")


@router.get("/documents/{document_id}", tags=["documents"], summary="One document")
def one_document(document_id: str, use: Used, who: Reader) -> DocumentShape:
    return DocumentShape.of(_document(use, document_id, who.lane))


@router.get("/documents/{document_id}/canonical", tags=["documents"], summary="A document in our language")
def canonical(document_id: str, use: Used, who: Reader) -> dict[str, Any]:
    row = _document(use, document_id, who.lane)
    with use.store.read() as view:
        made = canonical_documents.load(view, {row.id}).get(row.id)
    if made is None:
        raise not_found("canonical form", document_id)
    return {"kind": made.kind, "schema_version": made.schema_version, **made.model_dump(mode="json", exclude_none=True)}


@router.get("/documents/{document_id}/content", tags=["documents"], response_class=Response, summary="The bytes we got")
def content(document_id: str, use: Used, who: Reader) -> Response:
    row = _document(use, document_id, who.lane)
    if row.payload_id is None or row.direction != "in":
        raise not_found("content", document_id)
    (data,) = payloads.cut(use.store, [(row.payload_id, row.offset, row.size)])
    return Response(data, media_type="application/octet-stream")


@router.post("/documents/{document_id}/reprocess", tags=["documents"], status_code=202, summary="Run it again")
def reprocess(document_id: str, use: Used, who: Writer) -> DocumentShape:
    """The same input through today's maps. A document that waits for a person is used from now on."""
    row = _document(use, document_id, who.lane)
    with use.store.begin() as tx, cannot("run-again", "This cannot be run again", document_id):
        again.reprocess_document(tx, row.id, by=who.name)
    return DocumentShape.of(_document(use, document_id, who.lane))


def _document(use: Door, document_id: str, lane: str) -> Any:
    with use.store.read() as view:
        row = view.get(document, number_of("document", document_id))
    if row is None or row.lane != lane or not row.released:
        raise not_found("document", document_id)
    return row


@router.get("/deliveries", tags=["deliveries"], summary="What we owe and owed, newest first")
def deliveries(
    use: Used,
    who: Reader,
    limit: Limit = 50,
    after: After = None,
    status: Annotated[str | None, Query(description=f"Only in this status: {', '.join(DeliveryStatus)}.")] = None,
    target: Annotated[str | None, Query(description="Only to this connection or system.")] = None,
) -> Page[DeliveryShape]:
    wanted = newest("delivery", delivery, who.lane, after, limit, {"status": status, "target": target})
    if status in ASTRAY:
        wanted = wanted.where(text(IS_ASTRAY))
    with use.store.read() as view:
        return page(view.all(wanted), limit, DeliveryShape.of)


@router.get("/deliveries/{delivery_id}", tags=["deliveries"], summary="One delivery with every attempt")
def one_delivery(delivery_id: str, use: Used, who: Reader) -> DeliveryShape:
    row = _delivery(use, delivery_id, who.lane)
    with use.store.read() as view:
        tries = view.all(
            select(delivery_attempt).where(delivery_attempt.c.delivery_id == row.id).order_by(delivery_attempt.c.n)
        )
    return DeliveryShape.of(row, tries=[TryShape.of(one) for one in tries])


@router.post("/deliveries/{delivery_id}/resend", tags=["deliveries"], status_code=202, summary="The same bytes again")
def resend(delivery_id: str, use: Used, who: Writer) -> DeliveryShape:
    row = _delivery(use, delivery_id, who.lane)
    with use.store.begin() as tx, cannot("resend", "This cannot be sent again", delivery_id):
        new = again.resend(tx, row.id, by=who.name)
    return DeliveryShape.of(_delivery(use, name_of("delivery", new), who.lane))


@router.post("/deliveries/{delivery_id}/skip", tags=["deliveries"], status_code=202, summary="It is not owed any more")
def skip(delivery_id: str, use: Used, who: Writer) -> DeliveryShape:
    row = _delivery(use, delivery_id, who.lane)
    with use.store.begin() as tx, cannot("skip", "This cannot be skipped", delivery_id):
        again.skip(tx, row.id, by=who.name)
    return DeliveryShape.of(_delivery(use, delivery_id, who.lane))


def _delivery(use: Door, delivery_id: str, lane: str) -> Any:
    with use.store.read() as view:
        row = view.get(delivery, number_of("delivery", delivery_id))
    if row is None or row.lane != lane:
        raise not_found("delivery", delivery_id)
    return row


@router.get("/events", tags=["events"], summary="Business events in order, as CloudEvents 1.0")
def feed(
    use: Used,
    who: Reader,
    cursor: Annotated[int, Query(ge=0, description="The `cursor` of the answer before; 0 begins.")] = 0,
    limit: Limit = 100,
    type: Annotated[list[str] | None, Query(description="Only these types.")] = None,  # noqa: A002 - the field's name
) -> dict[str, Any]:
    """Nothing is left out and nothing comes twice: store the cursor with what you did because of the events."""
    found, after = events.feed(use.store, cursor, limit, lane=who.lane, types=type or ())
    return {"events": [as_cloudevent(row) for row in found], "cursor": after}
