"""match: a person says which warehouse order a shipping advice answers, also after it was counted for another one.

Where it counts is withdrawn by a fact of its own, so that the history keeps both; the advice then runs again and counts
for the order it is put to. What nobody has of it yet is taken back. What somebody has is a work item: only people can
take back what a system has booked or a customer was told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select, update

from gateway.canonical import WarehouseShippingAdvice
from gateway.flows import advice, order, warehouse_order
from gateway.lifecycle import DOCUMENT_MOVES, DeliveryStatus, DocumentStatus, Outcome, move
from gateway.pipeline import advices, again
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.house import House
from gateway.pipeline.preview import Preview
from gateway.pipeline.route import Fact, FlowStateOf, Key, happen, states, warehouse_order_key
from gateway.pipeline.telling import delivery_words, kind_words
from gateway.store import canonical_documents, lease
from gateway.store.engine import Record, Tx, View
from gateway.store.schema import delivery, delivery_document, document

_GIVEN_UP = {was for (was, what), now in DOCUMENT_MOVES.items() if what is Outcome.GAVE_UP and now is not was}
NOT_GONE = frozenset(_GIVEN_UP - {DocumentStatus.WRAPPED})
"""Documents of ours that are in no envelope yet."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Where a shipment counts: the facts of its warehouse order and of the order that belongs to."""

    key: Key
    fact: dict[str, Any]
    state: warehouse_order.WarehouseOrderState
    order_key: Key
    order: order.OrderState

    @property
    def number(self) -> str:
        return str((self.state.released or {})["number"])


@dataclass(slots=True)
class Told:
    """What follows from a shipment outside this house."""

    deliveries: list[Record] = field(default_factory=list)  # not taken yet
    documents: list[Record] = field(default_factory=list)  # not in an envelope yet
    gone: list[str] = field(default_factory=list)  # somebody has it, or acted on it: one sentence each


@dataclass(frozen=True, slots=True)
class Match:
    """An advice, the 940 it is put to, and where it counts until then."""

    row: Record
    ordered: Record
    number: str  # of the shipment
    misfit: str | None  # why it does not go into the lines of that order
    before: Counted | None
    same: bool  # it stays with the same order of the same customer
    told: Told


def preview(view: View, document_id: int, number: str) -> Preview:
    """What the match would change. Raises CannotRunAgain."""
    match = _match(view, document_id, number)
    row, ordered, before = match.row, match.ordered, match.before
    effects = [f"D-{row.id} is used as an answer to warehouse order {ordered.business_key} (D-{ordered.id})."]
    if before is not None:
        pieces = ", ".join(f"{n} of line {line}" for line, n in before.fact["lines"].items()) or "no pieces"
        effects.insert(0, f"It counts for warehouse order {before.number} ({pieces}), and will not any more.")
    effects += [
        f"Not taken yet, and taken back: {delivery_words(one)} for {one.target} (L-{one.id})."
        for one in match.told.deliveries
    ]
    effects += [f"Not sent yet, and taken back: D-{one.id} ({kind_words(one)})." for one in match.told.documents]
    effects += [f"Yours to take back, a work item keeps the list: {said}." for said in match.told.gone]
    if match.misfit is None:
        effects.append("What it ships is posted, and the customer gets the ship notice.")
    else:
        effects.append(f"Nothing of it is posted at first, but a work item: {match.misfit}.")
    return Preview(f"Match shipping advice {match.number} with {ordered.business_key}", tuple(effects))


def match(tx: Tx, house: House, document_id: int, number: str, *, by: str) -> str:
    """Put it there; returns the number of the warehouse order. Raises CannotRunAgain."""
    tx.take_turns([f"match D-{document_id}"])
    found = _match(tx, document_id, number)
    put = update(document).where(document.c.id == document_id).values(answers_document_id=found.ordered.id)
    tx.execute(put)
    again.reprocess_document(tx, document_id, by=by)
    if found.before is not None:
        happen(tx, house, [_withdrawn(tx, found, found.before, by)])
        for one in found.told.deliveries:
            again.skip(tx, one.id, by=by)
        _take_back(tx, found.told.documents)
        if found.told.gone:
            raise_alerts(tx, [_alert(found, found.before)])
    earlier = found.before.number if found.before else None
    again.note(tx, by, "match", f"D-{document_id}", order=found.ordered.business_key, before=earlier)
    return str(found.ordered.business_key)


def _match(view: View, document_id: int, number: str) -> Match:
    row = view.get(document, document_id)
    if row is None or row.kind != advices.KIND or row.direction != "in":
        raise again.CannotRunAgain(f"D-{document_id} is no shipping advice")
    if lease.is_stopped(row):
        raise again.CannotRunAgain(
            f"a defect of ours stopped D-{document_id}: `gateway reprocess D-{document_id}` first"
        )
    again.way_back(view, row)
    ordered = _ordered(view, row, number.strip())
    if ordered is None:
        raise again.CannotRunAgain(f"we sent {row.partner} no warehouse order {number!r}")
    key = warehouse_order_key(ordered.partner, ordered.business_key)
    released = _warehouse_order(view, key, row.lane).released
    before = _counted(view, row)
    if before is not None and before.key == key:
        raise again.CannotRunAgain(f"D-{document_id} counts for warehouse order {ordered.business_key} already")
    made = canonical_documents.load(view, {row.id}).get(row.id)
    misfit = None
    if isinstance(made, WarehouseShippingAdvice) and released is not None:
        try:
            advice.placed(advice.said(made), released, row.partner)
        except advice.LineUnknown as error:
            misfit = str(error)
    if before is None:
        return Match(row, ordered, row.business_key, misfit, None, False, Told())
    same = released is not None and tuple(released["order"]) == before.order_key
    return Match(row, ordered, before.fact["number"], misfit, before, same, _told(view, row, before, same))


def _ordered(view: View, row: Record, number: str) -> Record | None:
    """The 940 that gave the warehouse this number."""
    d = document.c
    ours = select(document).where(d.business_key == number, d.kind == warehouse_order.KIND, d.direction == "out")
    return view.first(ours.where(d.partner == row.partner, d.lane == row.lane).order_by(d.id).limit(1))


def _warehouse_order(view: View, key: Key, lane: str) -> warehouse_order.WarehouseOrderState:
    return _state(view, warehouse_order.WarehouseOrderState, key, lane)


def _state(view: View, model: type[FlowStateOf], key: Key, lane: str) -> FlowStateOf:
    return states(view, model, {(*key, lane)}).get((*key, lane)) or model()


def _counted(view: View, row: Record) -> Counted | None:
    """Where the shipment of this document counts, if anywhere."""
    ours = view.get(document, row.answers_document_id) if row.answers_document_id is not None else None
    if ours is None or ours.kind != warehouse_order.KIND:
        return None
    key = warehouse_order_key(ours.partner, ours.business_key)
    state = _warehouse_order(view, key, row.lane)
    facts = [fact for fact in state.shipments.values() if fact.get("document_id") == row.id]
    if not facts or state.released is None:
        return None
    kind, name = state.released["order"]
    of_order = _state(view, order.OrderState, (kind, name), row.lane)
    return Counted(key, facts[0], state, (kind, name), of_order)


def _told(view: View, row: Record, before: Counted, same: bool) -> Told:
    """What followed from the shipment where it counts. Its customer hears nothing new where the order is the `same`."""
    told = Told()
    name, number = advice.name_of(before.fact), before.fact["number"]
    posts = [one for one in before.state.given if one.startswith("post:") and one.endswith(f":{name}")]
    for command in posts:
        target, key = command.split(":")[1], f"{row.lane}:{before.key[0]}:{before.key[1]}:{command}"
        call = view.first(select(delivery).where(delivery.c.target == target, delivery.c.idempotency_key == key))
        if call is not None:
            _sort(view, call, told, f"{target} has {delivery_words(call)} {number} (L-{call.id})")
    for one in before.state.decisions.values():
        told.gone.append(f"{one['quantity']} of line {one['line']} are to {one['decision']}, as {one['by']} said")
    if same or before.order.order is None:
        return told
    d = document.c
    kinds = ("shipment", advices.KIND)
    ours = select(document).where(d.business_key == number, d.kind.in_(kinds), d.direction == "out")
    for notice in view.all(ours.where(d.answers_document_id == before.order.order["document_id"]).order_by(d.id)):
        said = f"{notice.partner} has D-{notice.id} ({kind_words(notice)})"
        if notice.status in NOT_GONE and not _is_leased(view, notice):
            told.documents.append(notice)
        elif notice.status != DocumentStatus.WRAPPED:
            if notice.status != DocumentStatus.UNDELIVERED:
                told.gone.append(said)
        elif (envelope := _alone(view, notice)) is not None:
            _sort(view, envelope, told, said)
        else:
            told.gone.append(f"D-{notice.id} ({kind_words(notice)}) is on its way to {notice.partner} with others")
    told.gone += [f"invoice {one} of the order was made" for one in before.order.invoices]
    return told


def _sort(view: View, row: Record, told: Told, said: str) -> None:
    """A delivery that is taken back, or one that somebody has."""
    if row.status == DeliveryStatus.REJECTED or (row.stage is not None and not _is_leased(view, row)):
        told.deliveries.append(row)
    elif row.status != DeliveryStatus.SKIPPED:
        told.gone.append(said)


def _is_leased(view: View, row: Record) -> bool:
    return row.lease_until is not None and row.lease_until > view.now


def _alone(view: View, notice: Record) -> Record | None:
    """The delivery whose envelope holds this document and no other."""
    of = delivery_document.c
    ids = [one.delivery_id for one in view.all(select(of.delivery_id).where(of.document_id == notice.id))]
    carried = view.all(select(of.document_id).where(of.delivery_id.in_(ids)))
    return view.get(delivery, ids[0]) if len(ids) == len(carried) == 1 else None


def _take_back(tx: Tx, documents: list[Record]) -> None:
    for row in documents:
        ended = {"status": move(row.status, Outcome.GAVE_UP), "updated_at": tx.now}
        if row.stage is None:
            tx.update(document, [{"id": row.id, **ended}])
        elif not lease.finish(tx, document, [row.id], **ended):
            raise again.CannotRunAgain(f"D-{row.id} is being written at this moment; try it again")
        again.settle_about(tx, "document", row.id, "a match")


def _withdrawn(tx: Tx, match: Match, before: Counted, by: str) -> Fact:
    released = before.state.released or {}
    names = ("number", "match", "warehouse", "release", "lines")
    return Fact(
        type=warehouse_order.WITHDRAWN,
        lane=match.row.lane,
        partner=before.order_key[1].partition("/")[0],
        keys=(before.key,) if match.same else (before.key, before.order_key),
        data={
            **{name: before.fact[name] for name in names if name in before.fact},
            "document_id": match.row.id,
            "instead": match.ordered.business_key,
            "by": by,
        },
        document_id=match.row.id,
        correlation_id=released.get("correlation_id"),
        causation_id=f"D-{match.row.id}",
        ids=before.state.ids,
    )


def _alert(match: Match, before: Counted) -> Alert:
    data = {
        "number": match.number,
        "warehouse": match.row.partner,
        "before": before.number,
        "after": match.ordered.business_key,
        "order_number": before.order_key[1].partition("/")[2],
        "told": "; ".join(match.told.gone),
    }
    where = f"Shipping advice {match.number}, document D-{match.row.id}"
    partner, correlation = before.order_key[1].partition("/")[0], (before.state.released or {}).get("correlation_id")
    return Alert("shipment-matched-anew", match.row.lane, None, data, where, None, partner, correlation)
