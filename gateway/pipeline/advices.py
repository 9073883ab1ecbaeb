"""advices: a shipping advice is put beside the warehouse order it answers, before its fact goes onto the road."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from sqlalchemy import select

from gateway.flows import advice, warehouse_order
from gateway.flows.order import OrderState, shipment_key
from gateway.flows.warehouse_order import WarehouseOrderState
from gateway.pipeline.alert import Alert
from gateway.pipeline.route import Fact, states, warehouse_order_key
from gateway.store.engine import Tx
from gateway.store.schema import document, flow

KIND = "warehouse-shipping-advice"
FACT = "shipment.confirmed"
NEWEST = 1000  # warehouse orders of one warehouse among which a near miss is looked for


@dataclass(frozen=True, slots=True)
class Placed:
    """Facts that found their warehouse order, and what else is known of the documents they came in."""

    facts: list[Fact]
    values: Mapping[int, Mapping[str, Any]]  # document id -> columns
    alerts: list[Alert]
    set_aside: frozenset[int]  # documents that wait for a person


def place(tx: Tx, facts: Sequence[Fact], advised: frozenset[int]) -> Placed:
    """`advised` are the documents that are shipping advices; every other fact passes unchanged."""
    mine = [fact for fact in facts if fact.document_id in advised]
    if not mine:
        return Placed(list(facts), {}, [], frozenset())
    matched = _matched(tx, mine)
    wanted = {(*matched.get(fact.document_id or 0, fact.keys[0]), fact.lane) for fact in mine}
    standing = states(tx, WarehouseOrderState, wanted)
    orders = {key: state.released for key, state in standing.items() if state.released is not None}
    customers = states(tx, OrderState, {(*released["order"], key[2]) for key, released in orders.items()})
    placed: dict[int, Fact] = {}
    values: dict[int, Mapping[str, Any]] = {}
    alerts: list[Alert] = []
    for fact in mine:
        assert fact.document_id is not None
        key = matched.get(fact.document_id, fact.keys[0])
        released = orders.get((*key, fact.lane))
        if released is None:
            alerts.append(_stranger(tx, fact))
            continue
        try:
            data = advice.placed(fact.data, released, fact.partner or "")
        except advice.LineUnknown as error:
            alerts.append(_alert("advice-line-unknown", fact, {"reason": str(error)}))
            continue
        kind, name = released["order"]
        customer = customers.get((kind, name, fact.lane)) or OrderState()
        data |= _told_again(data, standing[(*key, fact.lane)], customer.withdrawn)
        correlation_id = released["correlation_id"] or fact.correlation_id
        placed[fact.document_id] = fact._replace(
            partner=name.partition("/")[0],
            keys=(key, (kind, name)),
            data=data,
            correlation_id=correlation_id,
            ids=released["ids"],
        )
        values[fact.document_id] = {
            "correlation_id": correlation_id,
            "answers_document_id": released["document_id"],
        }
    kept = [placed.get(fact.document_id or 0, fact) for fact in facts if fact not in mine or fact.document_id in placed]
    return Placed(kept, values, alerts, frozenset(f.document_id or 0 for f in mine) - set(placed))


def _matched(tx: Tx, facts: Sequence[Fact]) -> dict[int, tuple[str, str]]:
    """Document -> the warehouse order a person said it answers."""
    rows = tx.by_ids(document, [fact.document_id for fact in facts if fact.document_id])
    said = {row.id: row.answers_document_id for row in rows if row.answers_document_id is not None}
    orders = {row.id: row for row in tx.by_ids(document, sorted(set(said.values())))}
    return {i: warehouse_order_key(orders[d].partner, orders[d].business_key) for i, d in said.items() if d in orders}


def _told_again(shipment: Mapping[str, Any], state: WarehouseOrderState, withdrawn: Collection[str]) -> dict[str, int]:
    """What tells a shipment from one of its number that was withdrawn: what followed from that one follows anew."""
    for standing in state.shipments.values():
        if standing.get("document_id") == shipment["document_id"]:
            return {"match": standing["match"]} if "match" in standing else {}

    def is_free(told: Mapping[str, int]) -> bool:
        named = {**shipment, **told}
        return advice.name_of(named) not in state.withdrawn and shipment_key(named) not in withdrawn

    return next(told for told in chain(({},), ({"match": n} for n in count(2))) if is_free(told))


def _stranger(tx: Tx, fact: Fact) -> Alert:
    number = str(fact.data.get("release", ""))
    mine = select(flow.c.key).where(
        flow.c.kind == warehouse_order.KIND, flow.c.lane == fact.lane, flow.c.key.startswith(f"{fact.partner}/")
    )
    newest = mine.order_by(flow.c.updated_at.desc()).limit(NEWEST)
    known = [key.partition("/")[2] for key in tx.execute(newest).scalars()]
    close = difflib.get_close_matches(number, known, n=1, cutoff=0.5)
    closest = f"The closest warehouse order is {close[0]}." if close else "No warehouse order has a number like it."
    return _alert("advice-unmatched", fact, {"closest": closest, "candidate": close[0] if close else None})


def _alert(code: str, fact: Fact, more: dict[str, Any]) -> Alert:
    told = {"number": fact.data.get("number"), "release": fact.data.get("release") or "(none)"}
    where = f"Shipping advice {told['number']}, document D-{fact.document_id}"
    key = f"document:{fact.document_id}:{code}"
    subject = ("document", fact.document_id or 0)
    return Alert(code, fact.lane, key, {**told, **more}, where, subject, fact.partner, fact.correlation_id)
