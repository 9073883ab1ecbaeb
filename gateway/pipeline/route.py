"""route: append business facts, let the flows decide, and store what is now owed to somebody.

One commit holds the fact, the flow's new state and everything owed because of it. A flow row is locked (PostgreSQL) or
the whole database is ours (SQLite) while it decides, and its version is compared and set, so no decision is made on a
state that somebody else has changed.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

from pydantic_core import to_json
from sqlalchemy import bindparam, select, tuple_, update

from gateway.flows import advice, order, returns, stock, warehouse_order
from gateway.flows.commands import Ask, Call, Command, Compose, Release, Settle
from gateway.flows.flow import FlowState, decide, given
from gateway.lifecycle import DeliveryStatus
from gateway.partners.agreement import Agreement
from gateway.partners.book import Book
from gateway.pipeline import deadlines, policies
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.compose import Composed, Wanted, compose
from gateway.pipeline.house import House
from gateway.store import events, work_items
from gateway.store.among import among
from gateway.store.engine import Record, Tx, View
from gateway.store.ids import take
from gateway.store.schema import delivery, delivery_document, flow

Key = tuple[str, str]  # (kind of flow, key)


class Fact(NamedTuple):
    """A business fact that just became known."""

    type: str  # "order.received"
    lane: str
    partner: str | None
    keys: tuple[Key, ...]
    data: dict[str, Any]
    document_id: int | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    ids: Mapping[str, str] = events.NO_IDS
    occurred_at: int | None = None  # None = now


class FlowMoved(Exception):
    """Somebody else changed the flow in between; the whole commit is done again."""


def order_key(partner: str, order_number: str, release: str | None = None) -> Key:
    """A purchase order number is unique only for the partner who gave it; each release of a blanket is an order."""
    return order.KIND, f"{partner}/{order_number}" + (f"/{release}" if release else "")


def warehouse_order_key(warehouse: str, number: str) -> Key:
    """A depositor order number is unique only at the warehouse it was given to."""
    return warehouse_order.KIND, f"{warehouse}/{number}"


FLOWS = frozenset({order.KIND, warehouse_order.KIND, returns.KIND, *stock.KINDS})


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
            if kind in FLOWS:
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
    blank: dict[str, Any] = {
        "payload_id": None,
        "body": None,
        "ordering_key": None,
        "deadline_at": None,
        "causation_id": None,
    }
    blank |= {"status": DeliveryStatus.DUE, "created_at": tx.now, "stage": "deliver", "due_at": tx.now}
    tx.insert(delivery, [{**blank, **row, "id": i} for i, row in zip(ids, rows, strict=True)])
    if carried:
        tx.insert(delivery_document, carried)
    return list(ids)


def _advance(
    tx: Tx, house: House, book: Book, touched: Mapping[tuple[str, str, str], Sequence[tuple[int, Fact]]]
) -> None:
    rows = {(row.kind, row.key, row.lane): row for row in _flows(tx, touched)}
    created, changed, given = [], [], []
    owing: list[deadlines.Owing] = []
    wants = policies.Policies(book)
    for key, facts in touched.items():
        row = rows.get(key)
        partner = key[1].partition("/")[0]
        before = row.state if row else None
        was, state, commands = _decide(wants, key, before, [fact for _, fact in facts], owing)
        given.append(Given(key, partner, state, commands, *facts[-1]))
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


_these_flows = (
    select(flow)
    .where(flow.c.kind == bindparam("_kind"), flow.c.lane == bindparam("_lane"))
    .where(among(flow.c.key, "_keys"))
    .order_by(flow.c.key)
    .with_for_update()
)


def _flows(tx: Tx, touched: Iterable[tuple[str, str, str]]) -> Iterator[Record]:
    """The rows of flows, locked in one order, so that two workers never wait for each other."""
    keys: dict[tuple[str, str], list[str]] = defaultdict(list)
    for kind, key, lane in touched:
        keys[kind, lane].append(key)
    for kind, lane in sorted(keys):
        yield from tx.all(_these_flows, {"_kind": kind, "_lane": lane, "_keys": keys[kind, lane]})


State = order.OrderState | warehouse_order.WarehouseOrderState | stock.StockState | returns.ReturnState


FlowStateOf = TypeVar("FlowStateOf", bound=FlowState)


def _state(model: type[FlowStateOf], stored: str | None) -> FlowStateOf:
    return model.model_validate_json(stored) if stored else _at_first(model)


@cache
def _at_first(model: type[FlowStateOf]) -> FlowStateOf:
    return model()


FlowKey = tuple[str, str, str]  # kind, key, lane


def states(view: View, model: type[FlowStateOf], wanted: Collection[FlowKey]) -> dict[FlowKey, FlowStateOf]:
    """How flows of one kind stand, of those that have begun; nothing is locked."""
    rows = view.all(select(flow).where(tuple_(flow.c.kind, flow.c.key, flow.c.lane).in_(sorted(wanted))))
    return {(row.kind, row.key, row.lane): model.model_validate_json(row.state) for row in rows}


def _decide(
    wants: policies.Policies,
    key: tuple[str, str, str],
    stored: str | None,
    facts: Sequence[Fact],
    owing: list[deadlines.Owing],
) -> tuple[State, State, list[Command]]:
    """The state before and after these facts, and what must be done because of them."""
    kind, name, lane = key
    partner = name.partition("/")[0]
    if kind == warehouse_order.KIND:
        was = _state(warehouse_order.WarehouseOrderState, stored)
        now = was
        for fact in facts:
            now = warehouse_order.evolve(now, fact.type, fact.data)
        commands = decide(now, warehouse_order.allowed(now, wants.of_warehouse_order(partner, lane)))
        silent = warehouse_order.awaited(was), warehouse_order.awaited(now)
        owing.append(deadlines.Owing(kind, name, lane, partner, *silent))
        return was, given(now, commands), commands
    if kind == returns.KIND:
        asked = _state(returns.ReturnState, stored)
        opened = asked
        for fact in facts:
            opened = returns.evolve(opened, fact.type, fact.data)
        commands = decide(opened, returns.allowed(opened, wants.of_return(partner, lane)))
        return asked, given(opened, commands), commands
    if kind in stock.KINDS:
        held = _state(stock.StockState, stored)
        kept = held
        for fact in facts:
            kept = stock.evolve(kept, fact.type, fact.data)
        commands = decide(kept, stock.allowed(kept, wants.of_stock(kind, partner, lane)))
        return held, given(kept, commands), commands
    before = _state(order.OrderState, stored)
    after = before
    for fact in facts:
        after = order.evolve(after, fact.type, fact.data)
    policy = wants.of_order(partner, lane)
    commands = decide(after, order.allowed(after, policy))
    after = given(after, commands)
    waited, waits = order.awaited(before, policy.answers), order.awaited(after, policy.answers)
    owing.append(deadlines.Owing(kind, name, lane, partner, waited, waits))
    return before, after, commands


class Given(NamedTuple):
    """The commands of one flow, and the event that made them due."""

    key: tuple[str, str, str]
    partner: str
    state: State
    commands: list[Command]
    event_id: int
    fact: Fact


def _give(tx: Tx, house: House, book: Book, flows: Sequence[Given]) -> None:
    """Store every command as what it is: a call that is owed, an outbound document, a question for a person."""
    calls: list[dict[str, Any]] = []
    documents: list[tuple[Given, Wanted]] = []
    alerts: list[Alert] = []
    answered: list[tuple[str, str]] = []
    for one in flows:
        (kind, key, lane), fact = one.key, one.fact
        for command in one.commands:
            match command:
                case Call():
                    calls.append(_call(one, command))
                case Compose():
                    agreement = book.sending(one.partner, command.kind, lane)
                    wanted = _wanted(one, command.name, command.kind, command.fact, one.partner, agreement)
                    documents.append((one, wanted))
                case Release():
                    documents.append((one, _released(book, one, command)))
                case Ask():
                    name = key.partition("/")[2]
                    data = {"business_key": name, "flow": [kind, key], **command.data}
                    where = f"{kind.replace('-', ' ').capitalize()} {name}"
                    about = f"{kind}:{key}:{command.name}"
                    alerts.append(Alert(command.code, lane, about, data, where, None, one.partner, fact.correlation_id))
                case Settle():
                    answered.append((lane, f"{kind}:{key}:{command.name}"))
    owe(tx, calls)
    work_items.settle_keys(tx, answered, by="what came later")
    composed = compose(tx, book, [wanted for _, wanted in documents], alerts)
    if len(composed) < len(documents):
        _take_back(tx, documents, composed)
    raise_alerts(tx, alerts)
    happen(tx, house, [_began(one) for one in composed if one.wanted.kind == warehouse_order.KIND])


def _take_back(tx: Tx, documents: Sequence[tuple[Given, Wanted]], composed: Sequence[Composed]) -> None:
    """What could not be written is not given: the next fact of its flow, or its order run again, asks for it anew."""
    made = {id(one.wanted) for one in composed}
    failed: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    states = {}
    for one, wanted in documents:
        if id(wanted) not in made:
            failed[one.key].add(wanted.name)
            states[one.key] = one.state
    for key, names in failed.items():
        left = tuple(name for name in states[key].given if name not in names)
        state = states[key].model_copy(update={"given": left}).model_dump_json(exclude_defaults=True)
        mine = zip((flow.c.kind, flow.c.key, flow.c.lane), key, strict=True)
        tx.execute(update(flow).where(*(column == value for column, value in mine)).values(state=state))


def _call(one: Given, command: Call) -> dict[str, Any]:
    kind, key, lane = one.key
    body = {"operation": command.operation, "flow": [kind, key], "data": command.data, "ids": one.state.ids}
    return {
        "lane": lane,
        "partner": one.partner,
        "correlation_id": one.fact.correlation_id,
        "kind": "call",
        "target": command.system,
        "ordering_key": f"{kind}:{key}",
        "body": to_json(body).decode(),
        "idempotency_key": f"{lane}:{kind}:{key}:{command.name}",
        "causation_id": str(one.event_id),
    }


def _wanted(
    one: Given, name: str, kind: str, fact: Mapping[str, Any], partner: str, agreement: Agreement | None
) -> Wanted:
    state = one.state
    if not isinstance(state, order.OrderState) or state.order is None:
        raise TypeError(f"the flow {one.key} composed a {kind} without an order")
    whole = {**fact, "ids": state.ids}
    return Wanted(
        name,
        kind,
        whole,
        state.order["document_id"],
        one.key[1],
        one.key[2],
        partner,
        agreement,
        one.fact.correlation_id,
    )


def _released(book: Book, one: Given, command: Release) -> Wanted:
    state = one.state
    assert isinstance(state, order.OrderState)
    ordered = (state.order or {}).get("lines", {})
    fact = {"lines": ordered, **command.fact, "number": command.number, "purpose": command.purpose}
    fact |= {"flow": list(one.key[:2])}
    company = policies.company(book, one.partner, one.key[2])
    agreement = book.sending(command.warehouse, warehouse_order.KIND, one.key[2], company)
    return _wanted(one, command.name, warehouse_order.KIND, fact, command.warehouse, agreement)


def _began(one: Composed) -> Fact:
    """The flow of a warehouse order begins with its 940, or ends with the one that takes it back."""
    fact, wanted, source = one.wanted.fact, one.wanted, one.source
    identifiers, words = advice.lines_of(source.lines)
    kind, key = fact["flow"]
    ended = fact["purpose"] == "cancellation"
    return Fact(
        type=warehouse_order.CANCELLED if ended else warehouse_order.RELEASED,
        lane=wanted.lane,
        partner=key.partition("/")[0],
        keys=(warehouse_order_key(wanted.partner, fact["number"]), (kind, key)),
        data={
            "number": fact["number"],
            "warehouse": wanted.partner,
            "site": fact.get("site"),
            "order": [kind, key],
            "order_number": source.key(),
            "lines": fact["lines"],
            "identifiers": identifiers,
            "items": words,
            "ids": fact["ids"],
            "document_id": one.id,
            "order_document_id": wanted.source_id,
            "correlation_id": wanted.correlation_id,
        },
        document_id=one.id,
        correlation_id=wanted.correlation_id,
        causation_id=f"D-{wanted.source_id}",
        ids=fact["ids"],
    )
