"""route: append business facts, let the flows decide, and store what is now owed to somebody.

One commit holds the fact, the flow's new state and everything owed because of it. A flow row is locked (PostgreSQL) or
the whole database is ours (SQLite) while it decides, and its version is compared and set, so no decision is made on a
state that somebody else has changed.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select, tuple_, update

from gateway.canonical import Document, Order
from gateway.flows import answers, order
from gateway.flows.commands import Ask, Call, Command, Compose
from gateway.lifecycle import DeliveryStatus, DocumentStatus
from gateway.partners.agreement import Agreement
from gateway.partners.book import Book
from gateway.pipeline import deadlines
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.house import House
from gateway.store import canonical_documents, events
from gateway.store.engine import Tx
from gateway.store.ids import take
from gateway.store.schema import delivery, delivery_document, document, flow

Key = tuple[str, str]  # (kind of flow, key)


@dataclass(frozen=True, slots=True)
class Fact:
    """A business fact that just became known."""

    type: str  # "order.received"
    lane: str
    partner: str | None
    keys: tuple[Key, ...]
    data: dict[str, Any]
    document_id: int | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    ids: Mapping[str, str] = field(default_factory=dict)
    occurred_at: int | None = None  # None = now


class FlowMoved(Exception):
    """Somebody else changed the flow in between; the whole commit is done again."""


def order_key(partner: str, order_number: str, release: str | None = None) -> Key:
    """A purchase order number is unique only for the partner who gave it; each release of a blanket is an order."""
    return order.KIND, f"{partner}/{order_number}" + (f"/{release}" if release else "")


def happen(tx: Tx, house: House, facts: Sequence[Fact]) -> list[int]:
    """Append the facts and store everything they make us owe. Returns the ids of the event rows."""
    if not facts:
        return []
    ids = events.append(tx, [_event(tx, fact) for fact in facts])
    book = house.book()
    _subscribers(tx, book, list(zip(ids, facts, strict=True)))
    touched: dict[tuple[str, str, str], list[tuple[int, Fact]]] = defaultdict(list)
    for i, fact in zip(ids, facts, strict=True):
        for kind, key in fact.keys:
            if kind == order.KIND:
                touched[kind, key, fact.lane].append((i, fact))
    if touched:
        _advance(tx, house, book, touched)
    return list(ids)


def _event(tx: Tx, fact: Fact) -> events.Fact:
    return events.Fact(
        type=fact.type,
        lane=fact.lane,
        keys=fact.keys,
        data={**fact.data, "partner": fact.partner},
        occurred_at=fact.occurred_at or tx.now,
        correlation_id=fact.correlation_id,
        causation_id=fact.causation_id,
        document_id=fact.document_id,
        ids=fact.ids,
    )


def _subscribers(tx: Tx, book: Book, facts: Iterable[tuple[int, Fact]]) -> None:
    """A delivery for every consumer who asked to be sent events of this kind."""
    rows = [
        {
            "kind": "webhook",
            "target": subscription.name,
            "lane": fact.lane,
            "partner": fact.partner,
            "ordering_key": ":".join(fact.keys[0]) if fact.keys else None,
            "body": json.dumps({"event_id": event_id}),
            "idempotency_key": f"event:{event_id}",
            "correlation_id": fact.correlation_id,
            "causation_id": str(event_id),
        }
        for event_id, fact in facts
        for subscription in book.subscriptions(fact.type, fact.lane)
    ]
    owe(tx, rows)


def owe(tx: Tx, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Store deliveries that are due at once. A row may name the documents it carries, and a first stage of its own."""
    if not rows:
        return []
    ids = take(tx, "delivery", len(rows))
    tx.wake(*{row.get("stage", "deliver") for row in rows})
    carried = [
        {"delivery_id": i, "document_id": d} for i, row in zip(ids, rows, strict=True) for d in row.pop("documents", ())
    ]
    blank = {"payload_id": None, "body": None, "ordering_key": None, "deadline_at": None, "causation_id": None}
    tx.execute(
        insert(delivery),
        [
            {
                **blank,
                **row,
                "id": i,
                "status": DeliveryStatus.DUE,
                "created_at": tx.now,
                "stage": row.get("stage", "deliver"),
                "due_at": row.get("due_at") or tx.now,
            }
            for i, row in zip(ids, rows, strict=True)
        ],
    )
    if carried:
        tx.insert(delivery_document, carried)
    return list(ids)


def _advance(
    tx: Tx, house: House, book: Book, touched: Mapping[tuple[str, str, str], Sequence[tuple[int, Fact]]]
) -> None:
    rows = {
        (row.kind, row.key, row.lane): row
        for row in tx.execute(
            select(flow)
            .where(tuple_(flow.c.kind, flow.c.key, flow.c.lane).in_(sorted(touched)))
            .order_by(flow.c.kind, flow.c.key, flow.c.lane)
            .with_for_update()
        )
    }
    created, changed, given = [], [], []
    owing: list[deadlines.Owing] = []
    for key, facts in touched.items():
        row = rows.get(key)
        was = order.OrderState.model_validate_json(row.state) if row else order.OrderState()
        state = was
        for _, fact in facts:
            state = order.evolve(state, fact.type, fact.data)
        partner = next((fact.partner for _, fact in facts if fact.partner), row.partner if row else None)
        policy = _policy(book, partner, key[2])
        commands = order.decide(state, policy)
        state = order.given(state, commands)
        given.append((key, partner, state, commands, facts[-1]))
        if partner is not None:
            before, now = order.awaited(was, policy.answers), order.awaited(state, policy.answers)
            owing.append(deadlines.Owing(*key, partner, before, now))
        values = {"partner": partner, "state": state.model_dump_json(exclude_defaults=True), "updated_at": tx.now}
        if row is None:
            created.append({"kind": key[0], "key": key[1], "lane": key[2], "version": 1, **values})
        elif state != was:
            changed.append((key, row.version, values))
    if created:
        tx.insert(flow, created)  # a second creator breaks the primary key and does its commit again
    for (kind, name, lane), version, values in changed:
        done = tx.execute(
            update(flow)
            .where(flow.c.kind == kind, flow.c.key == name, flow.c.lane == lane, flow.c.version == version)
            .values(version=version + 1, **values)
        )
        if done.rowcount != 1:
            raise FlowMoved(f"{kind} {name}")
    deadlines.keep(tx, book, owing)
    _give(tx, house, book, given)


def _policy(book: Book, partner: str | None, lane: str) -> order.Policy:
    if partner is None:
        return order.Policy()
    return order.Policy(
        submit_to=tuple(s.name for s in book.destinations(partner, "order", lane) if "submit_order" in s.supports),
        inform=tuple(s.name for s in book.destinations(partner, "order", lane) if "update_order" in s.supports),
        answers=frozenset(
            kind for kind in ("order-response", "shipment", "invoice") if book.sending(partner, kind, lane)
        ),
    )


Given = tuple[tuple[str, str, str], str | None, order.OrderState, list[Command], tuple[int, Fact]]


def _give(tx: Tx, house: House, book: Book, given: Sequence[Given]) -> None:
    """Store every command as what it is: a call that is owed, an outbound document, a question for a person."""
    calls: list[dict[str, Any]] = []
    documents: list[dict[str, Any]] = []
    alerts: list[Alert] = []
    for (kind, key, lane), partner, state, commands, (event_id, fact) in given:
        subject = {"lane": lane, "partner": partner, "correlation_id": fact.correlation_id}
        for command in commands:
            match command:
                case Call():
                    body = {"operation": command.operation, "flow": [kind, key], "data": command.data, "ids": state.ids}
                    calls.append(
                        {
                            **subject,
                            "kind": "call",
                            "target": command.system,
                            "ordering_key": f"{kind}:{key}",
                            "body": json.dumps(body),
                            "idempotency_key": f"{lane}:{kind}:{key}:{command.name}",
                            "causation_id": str(event_id),
                        }
                    )
                case Compose():
                    documents.append({**subject, "command": command, "state": state, "key": key})
                case Ask():
                    alerts.append(
                        Alert(
                            command.code,
                            lane,
                            f"{kind}:{key}:{command.name}",
                            {"business_key": key.partition("/")[2], **command.data},
                            where=f"Order {key.partition('/')[2]}",
                            partner=partner,
                            correlation_id=fact.correlation_id,
                        )
                    )
    owe(tx, calls)
    _compose(tx, book, documents, alerts)
    raise_alerts(tx, alerts)


def send(tx: Tx, book: Book, partner: str, lane: str, made: Document) -> int | None:
    """A document that a system of ours, or a person, wants a partner to have; None where no agreement takes it."""
    agreement = book.sending(partner, made.kind, lane)
    if agreement is None:
        return None
    (number,) = take(tx, "document")
    tx.insert(document, [_outbound(tx, number, agreement, made, f"D-{number}", None)])
    canonical_documents.store(tx, [(number, made)])
    tx.wake("write")
    return number


def _outbound(
    tx: Tx, number: int, agreement: Agreement, made: Document, correlation_id: str | None, answers_id: int | None
) -> dict[str, Any]:
    """The row of a document that is due for its map."""
    return {
        "id": number,
        "direction": "out",
        "lane": agreement.lane,
        "company": agreement.company,
        "partner": agreement.partner,
        "agreement": agreement.name,
        "standard": agreement.document.standard,
        "set_id": agreement.document.set_id,
        "version": agreement.document.release,
        "status": DocumentStatus.COMPOSED,
        "released": True,
        "kind": made.kind,
        "business_key": made.key(),
        "correlation_id": correlation_id,
        "answers_document_id": answers_id,
        "received_at": tx.now,
        "updated_at": tx.now,
        "stage": "write",
        "due_at": tx.now,
    }


def _local(tx: Tx, book: Book, agreement: Agreement) -> dt.datetime:
    """Now, by the clock on our company's wall."""
    zone = ZoneInfo(book.companies[agreement.company].zone)
    return dt.datetime.fromtimestamp(tx.now / 1_000_000, zone)


def _compose(tx: Tx, book: Book, wanted: Sequence[dict[str, Any]], alerts: list[Alert]) -> None:
    """Outbound documents in canonical form, due for their map."""
    rows, bodies = [], []
    orders = canonical_documents.load(tx, {w["state"].order["document_id"] for w in wanted}) if wanted else {}
    for want, document_id in zip(wanted, take(tx, "document", len(wanted)), strict=True):
        command, state = want["command"], want["state"]
        agreement = book.sending(want["partner"], command.kind, want["lane"])
        if agreement is None:
            raise LookupError(f"the flow composed a {command.kind} that {want['partner']} takes under no agreement")
        source = orders[state.order["document_id"]]
        if not isinstance(source, Order):
            raise TypeError(f"document {state.order['document_id']} is no order")
        try:
            made = answers.compose(
                command.kind, source, {**command.fact, "ids": state.ids}, _local(tx, book, agreement)
            )
        except (answers.FactIncomplete, ValueError) as error:
            data = {"kind": command.kind, "reason": str(error).splitlines()[0]}
            where = f"Order {source.key()}"
            key = f"compose:{want['key']}:{command.name}"
            alerts.append(
                Alert("cannot-write", want["lane"], key, data, where, None, want["partner"], want["correlation_id"])
            )
            continue
        correlation_id = want["correlation_id"]
        rows.append(_outbound(tx, document_id, agreement, made, correlation_id, state.order["document_id"]))
        bodies.append((document_id, made))
    if rows:
        tx.insert(document, rows)
        canonical_documents.store(tx, bodies)
