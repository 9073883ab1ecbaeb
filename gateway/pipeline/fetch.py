"""fetch: what lies ready for a partner until they take it from us themselves.

A delivery over such a wire is offered, not sent (`ends.LiesReady`). Its row stays in this stage, due at the moment
from which a person is asked; the door where the partner fetches says `fetched`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select

from gateway.pipeline import deliver
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.ends import Arrived
from gateway.pipeline.house import House
from gateway.store import lease, work_items
from gateway.store.among import among
from gateway.store.engine import Record, Tx, View
from gateway.store.schema import delivery, payload

_offered = (
    select(delivery.c.id, delivery.c.payload_id, delivery.c.result, delivery.c.created_at, payload.c.size)
    .join(payload, payload.c.id == delivery.c.payload_id)
    .where(
        delivery.c.stage == deliver.FETCH,
        delivery.c.due_at.is_not(None),
        delivery.c.target == bindparam("_target"),
        delivery.c.lane == bindparam("_lane"),
        payload.c.purged_at.is_(None),
    )
    .order_by(delivery.c.due_at, delivery.c.id)
    .limit(bindparam("_limit"))
)
_ready = (
    select(delivery)
    .where(among(delivery.c.id), delivery.c.stage == deliver.FETCH)
    .order_by(delivery.c.id)
    .with_for_update()  # SQLite is not told
)


@dataclass(frozen=True, slots=True)
class Owed:
    """One thing that lies ready."""

    delivery_id: int
    payload_id: int
    name: str
    size: int
    since: int  # microseconds UTC


def waiting(view: View, target: str, lane: str, limit: int) -> list[Owed]:
    """What lies ready for a connection, the longest waiting first; every name once."""
    found: dict[str, Owed] = {}
    for row in view.all(_offered, {"_target": target, "_lane": lane, "_limit": limit}):
        name = json.loads(row.result)["name"]
        if name in found:  # the same bytes owed twice because a person sent them again
            name = f"L-{row.id}-{name}"
        found[name] = Owed(row.id, row.payload_id, name, row.size, row.created_at)
    return list(found.values())


def fetched(tx: Tx, house: House, said: Mapping[int, str]) -> list[int]:
    """They have these deliveries (id -> who and how, in words). Returns those that lay ready until now."""
    rows = tx.all(_ready, {"among": list(said)})
    ended = [deliver.Tried(row, Arrived(said[row.id])) for row in rows]
    for row, values in deliver.record(tx, house, ended):
        tx.update(delivery, [{"id": row.id, **lease.FINISHED, "lease_owner": None, "lease_until": None, **values}])
        if row.due_at > row.created_at + int(2 * json.loads(row.result)["within"] * 1_000_000):  # a person was asked
            items = work_items.open_about(tx, "delivery", row.id)
            work_items.settle(tx, [item.id for item in items if item.code == "not-fetched"], by="the partner")
    return [row.id for row in rows]


def remind(tx: Tx, rows: Sequence[Record]) -> list[tuple[Record, dict[str, Any]]]:
    """Ask a person about everything that has waited too long; it stays where it is."""
    alerts, again = [], []
    for row in rows:
        about = json.loads(row.result)
        hours = (tx.now - row.created_at) / 3_600_000_000
        data = {"target": row.target, "name": about["name"], "waited": f"{hours:.0f} hours"}
        alerts.append(
            Alert(
                "not-fetched",
                row.lane,
                f"delivery:{row.id}:not-fetched",
                data,
                f"Delivery L-{row.id}",
                ("delivery", row.id),
                row.partner,
                row.correlation_id,
            )
        )
        again.append((row, {"stage": deliver.FETCH, "due_at": tx.now + int(about["within"] * 1_000_000)}))
    raise_alerts(tx, alerts)
    return again
