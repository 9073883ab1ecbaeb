"""follow: what happened in our systems since the last look. Facts and cursor are stored in one commit."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from sqlalchemy import select

from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.house import House
from gateway.pipeline.route import Fact, Key, happen
from gateway.store.engine import Tx
from gateway.store.schema import delivery
from gateway.systems.connector import Change, Page


def record(tx: Tx, house: House, system: str, lane: str, page: Page) -> str:
    """Append the facts of one page of a system's changes; returns the cursor to store."""
    facts, alerts = [], []
    for change in page.changes:
        fact = _fact(tx, system, lane, change)
        if fact is None:
            alerts.append(_stranger(system, lane, change.id, dict(change.keys)))
        else:
            facts.append(fact)
    alerts += [_stranger(system, lane, stranger.id, stranger.raw) for stranger in page.strangers]
    happen(tx, house, facts)
    raise_alerts(tx, alerts)
    return page.cursor


def _fact(tx: Tx, system: str, lane: str, change: Change) -> Fact | None:
    """The fact, tied to the flow whose call gave the record its reference; None if nothing of ours is meant."""
    found = _call(tx, system, lane, change)
    if found is None:
        return None
    key: Key = tuple(json.loads(found.body)["flow"])
    return Fact(
        type=change.event,
        lane=lane,
        partner=found.partner,
        keys=(key,),
        data={**change.data, "system": system, **{f"{name}_ref": ref for name, ref in change.ids.items()}},
        correlation_id=found.correlation_id,
        causation_id=f"{system}:{change.id}",
        ids=change.ids,
        occurred_at=_instant(change.occurred_at),
    )


def _call(tx: Tx, system: str, lane: str, change: Change) -> Any:
    reference = change.data.get("reference")
    if not reference:
        return None
    return tx.first(
        select(delivery.c.body, delivery.c.partner, delivery.c.correlation_id).where(
            delivery.c.target == system, delivery.c.lane == lane, delivery.c.idempotency_key == reference
        )
    )


def _instant(written: str | None) -> int | None:
    """Microseconds UTC of an ISO 8601 time; None where the system wrote none that we can read, or one without zone."""
    try:
        moment = dt.datetime.fromisoformat(written or "")
    except ValueError:
        return None
    return None if moment.tzinfo is None else int(moment.timestamp() * 1_000_000)


def _stranger(system: str, lane: str, change_id: str, raw: Any) -> Alert:
    data = {"system": system, "change": change_id, "what": json.dumps(raw, default=str)}
    return Alert("change-unmatched", lane, f"change:{system}:{change_id}", data, f"{system}, change {change_id}")
