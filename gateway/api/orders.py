"""The internal API for orders: what came, and what our systems say to it (accept, reject, ship, bill)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import select

from gateway.access.keys import ApiKey
from gateway.api.door import Door, IdempotencyKey, Reader, Used, Writer, once
from gateway.api.names import instant, name_of, number_of
from gateway.api.pages import After, Limit, Page, newest, page
from gateway.api.problems import RESPONSES, Problem, not_found
from gateway.api.shapes import (
    AcceptOrder,
    BillOrder,
    CancelOrder,
    OrderShape,
    RejectOrder,
    ReleaseOrder,
    ShipOrder,
    Told,
)
from gateway.canonical.warehouse import TAKEN_BACK
from gateway.flows import order as order_flow
from gateway.pipeline.route import Fact, happen, order_key
from gateway.store import canonical_documents
from gateway.store.engine import View
from gateway.store.schema import document, flow

KINDS = ("order", "warehouse-order")  # a depositor's warehouse order is an order of the house that ships for them

router = APIRouter(prefix="/v1", tags=["orders"], responses=RESPONSES)


@router.get("/orders", summary="Orders, newest first")
def orders(
    use: Used,
    who: Reader,
    limit: Limit = 50,
    after: After = None,
    partner: Annotated[str | None, Query(description="Only of this partner.")] = None,
    order_number: Annotated[str | None, Query(description="Only with this number.")] = None,
) -> Page[OrderShape]:
    only = {"direction": "in", "status": "done", "partner": partner or None, "business_key": order_number or None}
    wanted = newest("document", document, who.lane, after, limit, only).where(
        document.c.kind.in_(KINDS), document.c.business_key.not_like(f"%{TAKEN_BACK}")
    )
    with use.store.read() as view:
        return page(view.all(wanted), limit, lambda row: _shape(view, row))


@router.get("/orders/{order_id}", summary="One order, with its canonical form")
def order(order_id: str, use: Used, who: Reader) -> OrderShape:
    with use.store.read() as view:
        row = _order(view, order_id, who.lane)
        made = canonical_documents.load(view, {row.id}).get(row.id)  # None: deleted by retention
        said = made.model_dump(mode="json", exclude_none=True) if made else None
        return _shape(view, row).model_copy(update={"order": said})


@router.post("/orders/{order_id}/accept", status_code=202, summary="Take an order; the partner gets its answer")
def accept(order_id: str, body: AcceptOrder, use: Used, who: Writer, key: IdempotencyKey = None) -> Told:
    data = {"system": who.name, "ids": body.ids} | ({"lines": body.lines} if body.lines else {})
    return _tell(use, who, order_id, "order.accepted", data, body.ids, key)


@router.post("/orders/{order_id}/reject", status_code=202, summary="Refuse an order; the partner gets its answer")
def reject(order_id: str, body: RejectOrder, use: Used, who: Writer, key: IdempotencyKey = None) -> Told:
    return _tell(use, who, order_id, "order.rejected", {"system": who.name, "reason": body.reason}, {}, key)


@router.post("/orders/{order_id}/release", status_code=202, summary="Release an order to the site that ships it")
def release(order_id: str, body: ReleaseOrder, use: Used, who: Writer, key: IdempotencyKey = None) -> Told:
    """Where a 3PL runs the site, it gets a warehouse order; at a site of ours, our own systems ship."""
    data = {"system": who.name, **body.model_dump(exclude_none=True)}
    return _tell(use, who, order_id, "order.released", data, {}, key)


@router.post("/orders/{order_id}/cancel", status_code=202, summary="Take an order back, from its warehouse too")
def cancel(order_id: str, body: CancelOrder, use: Used, who: Writer, key: IdempotencyKey = None) -> Told:
    return _tell(use, who, order_id, "order.cancelled", {"system": who.name, "reason": body.reason}, {}, key)


@router.post("/shipments", status_code=202, summary="Tell a shipment; the partner gets its ship notice")
def ship(body: ShipOrder, use: Used, who: Writer, key: IdempotencyKey = None) -> Told:
    return _tell(
        use, who, body.order, "shipment.confirmed", body.model_dump(exclude={"order"}, exclude_none=True), {}, key
    )


@router.post("/invoices", status_code=202, summary="Tell an invoice; the partner gets it")
def bill(body: BillOrder, use: Used, who: Writer, key: IdempotencyKey = None) -> Told:
    data = body.model_dump(exclude={"order"}, exclude_none=True)
    return _tell(use, who, body.order, "invoice.issued", data, {}, key)


def _tell(
    use: Door, who: ApiKey, order_id: str, event: str, data: dict[str, Any], ids: dict[str, str], given: str | None
) -> Told:
    """Append one fact of an order, told by an internal system through this API."""
    with use.store.begin() as tx:
        row = _order(tx, order_id, who.lane)

        def act() -> dict[str, Any]:
            _refuse_contradiction(_state(tx, row), event, order_id)
            fact = Fact(
                type=event,
                lane=row.lane,
                partner=row.partner,
                keys=(order_key(row.partner, row.business_key),),
                data=data,
                document_id=row.id,
                correlation_id=row.correlation_id,
                causation_id=f"api:{who.name}",
                ids=ids,
            )
            (event_id,) = happen(tx, use.house, [fact])
            return {"event": f"evt_{event_id}", "order": order_id}

        return Told(**once(tx, who, given, [event, order_id, data], act))


def _refuse_contradiction(state: order_flow.OrderState, event: str, order_id: str) -> None:
    """What can never take effect is refused at the door instead of being stored and ignored."""
    if event == "order.accepted" and state.rejected is not None:
        detail = "It cannot be accepted any more."
        raise Problem(409, "order-rejected", "This order was rejected", detail, instance=order_id)
    if event == "order.rejected" and state.accepted is not None:
        detail = "It cannot be rejected any more."
        raise Problem(409, "order-accepted", "This order was accepted", detail, instance=order_id)


def _order(view: View, order_id: str, lane: str) -> Any:
    row = view.get(document, number_of("document", order_id))
    if row is None or row.kind not in KINDS or row.lane != lane or row.status != "done":
        raise not_found("order", order_id)
    if row.direction != "in" or row.business_key.endswith(TAKEN_BACK):
        raise not_found("order", order_id)
    return row


def _state(view: View, row: Any) -> order_flow.OrderState:
    kind, key = order_key(row.partner, row.business_key)
    stored = view.scalar(select(flow.c.state).where(flow.c.kind == kind, flow.c.key == key, flow.c.lane == row.lane))
    return order_flow.OrderState.model_validate_json(stored) if stored else order_flow.OrderState()


def _shape(view: View, row: Any) -> OrderShape:
    state = _state(view, row)
    return OrderShape(
        id=name_of("document", row.id),
        partner=row.partner,
        lane=row.lane,
        order_number=row.business_key,
        status=state.status,
        ids=state.ids,
        open_lines={number: str(quantity) for number, quantity in state.open_lines().items()},
        updated_at=instant(row.updated_at),
    )
