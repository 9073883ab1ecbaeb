"""What we owe a partner by when, and what a warehouse owes us: the reminder before it is late.

A reminder is a row of `timer`: made when a flow begins to owe something, due when a quarter of the agreed time is left,
deleted when it is owed no more. The work item it opens settles itself by the same fact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import delete, select, tuple_

from gateway.flows.warehouse_order import ADVICE
from gateway.partners.book import Book
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.house import House
from gateway.store import work_items
from gateway.store.engine import Record, Tx
from gateway.store.ids import take
from gateway.store.schema import event, event_key, timer

STAGE = "remind"
LEFT = 4  # one part in so many of the time is left when a person is reminded

WORDS = {
    "order-response": ("our answer to order {key}", "No system of ours has accepted or refused it yet."),
    "shipment": (
        "the ship notice for order {key}",
        "Goods were reported as shipped, and the order is not accepted yet.",
    ),
    "invoice": ("the invoice for order {key}", "Goods were shipped and nobody has billed them."),
}
"""What is owed, and why it is not sent."""


class Owing(NamedTuple):
    """What a flow owed before and owes now: names of answers, `order-response`, `shipment:SH-1`, `invoice`."""

    kind: str
    key: str
    lane: str
    partner: str
    before: frozenset[str]
    now: frozenset[str]


def keep(tx: Tx, book: Book, flows: Iterable[Owing]) -> None:
    """Make and take away reminders as flows begin and cease to owe something."""
    made: list[dict[str, Any]] = []
    gone: list[tuple[str, str, str, str]] = []
    for flow in flows:
        gone += [(flow.kind, flow.key, flow.lane, name) for name in flow.before - flow.now]
        for name in sorted(flow.now - flow.before):
            time = book.within(flow.partner, flow.lane, _kind(name))
            if time is not None:
                due = tx.now + _us(time) * (LEFT - 1) // LEFT
                row = {"kind": flow.kind, "key": flow.key, "lane": flow.lane, "partner": flow.partner, "name": name}
                made.append({**row, "stage": STAGE, "due_at": due})
    if gone:
        c = timer.c
        tx.execute(delete(timer).where(tuple_(c.kind, c.key, c.lane, c.name).in_(gone)))
        work_items.settle_keys(
            tx, [(lane, _dedupe(kind, key, name)) for kind, key, lane, name in gone], by="the answer"
        )
    if made:
        tx.insert(timer, [{"id": i, **row} for i, row in zip(take(tx, "timer", len(made)), made, strict=True)])


def remind(tx: Tx, house: House, rows: Sequence[Record]) -> list[tuple[Record, dict[str, Any]]]:
    """Tell a person of each answer that is not sent and soon late. The row stays, so nobody is told twice."""
    book = house.book()
    alerts = []
    for row in rows:
        time = book.within(row.partner, row.lane, _kind(row.name))
        number = row.key.partition("/")[2]
        theirs = row.name == ADVICE
        what, waits = ("", "") if theirs else WORDS[_kind(row.name)]
        alerts.append(
            Alert(
                "advice-due" if theirs else "answer-due",
                row.lane,
                _dedupe(row.kind, row.key, row.name),
                {"what": what.format(key=number), "waits": waits, "business_key": number},
                where=f"{'Warehouse order' if theirs else 'Order'} {number}",
                partner=row.partner,
                correlation_id=_correlation(tx, row),
                lost_at=row.due_at + _us(time) // LEFT if time is not None else None,
            )
        )
    raise_alerts(tx, alerts)
    return [(row, {}) for row in rows]


def dated(tx: Tx, book: Book, alerts: Iterable[Alert]) -> Iterator[Alert]:
    """The alerts with the moment something is lost, where an agreement says one.

    What came and was not used may be an order: its sender must have our answer within the agreed time.
    """
    for alert in alerts:
        time = book.within(alert.partner, alert.lane, "order-response")
        if alert.lost_at is None and time is not None:
            yield replace(alert, lost_at=tx.now + _us(time))
        else:
            yield alert


def _kind(name: str) -> str:
    return name.partition(":")[0]


def _us(time: timedelta) -> int:
    return int(time.total_seconds() * 1_000_000)


def _dedupe(kind: str, key: str, name: str) -> str:
    return f"{kind}:{key}:due:{name}"


def _correlation(tx: Tx, row: Record) -> str | None:
    of_flow = (event_key.c.kind == row.kind, event_key.c.key == row.key, event_key.c.lane == row.lane)
    query = select(event.c.correlation_id).join(event_key, event_key.c.event_id == event.c.id).where(*of_flow)
    found: str | None = tx.scalar(query.where(event.c.correlation_id.is_not(None)).order_by(event.c.id).limit(1))
    return found
