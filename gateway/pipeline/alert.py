"""Every stop has an owner: a situation and its data become a work item in plain words."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gateway.pipeline.situations import SITUATIONS, say
from gateway.store import work_items
from gateway.store.engine import Tx


@dataclass(frozen=True, slots=True)
class Alert:
    """A stop on the road that a person has to look at."""

    code: str  # entry in SITUATIONS
    lane: str
    dedupe_key: str | None  # at most one open item of a lane has it; None: it is one of its own
    data: dict[str, Any] = field(default_factory=dict)  # the values of the sentences
    where: str = ""  # "850, segment 15, PO1-03"
    subject: tuple[str, int] | None = None  # (table, id) of the row it is about
    partner: str | None = None
    correlation_id: str | None = None
    lost_at: int | None = None  # microseconds UTC: from when something is lost


def raise_alerts(tx: Tx, alerts: Iterable[Alert]) -> None:
    """Open a work item for each alert that has none open yet."""
    rows = [_row(alert) for alert in alerts]
    if rows:
        work_items.open_items(tx, rows)


LETTERS = {"transmission": "T", "document": "D", "envelope": "E", "delivery": "L", "work item": "W"}
"""What stands before a number in an id that people see: D-90417."""


def _row(alert: Alert) -> dict[str, Any]:
    situation = SITUATIONS[alert.code]
    subject, subject_id = alert.subject or (None, None)
    it = {"it": f"{LETTERS[subject]}-{subject_id}"} if subject in LETTERS else {}
    data = {"partner": alert.partner or "an unknown sender", **it, **alert.data}
    return {
        "lane": alert.lane,
        "code": alert.code,
        "category": situation.category,
        "title": say(situation.title, data),
        "where_": alert.where,
        "why": say(situation.why, data),
        "who": say(situation.who, data),
        "what_to_do": say(situation.what_to_do, data).strip(),
        "lost_at": alert.lost_at,
        "subject": subject,
        "subject_id": subject_id,
        "partner": alert.partner,
        "correlation_id": alert.correlation_id,
        "data": json.dumps(alert.data, default=str),
        "dedupe_key": alert.dedupe_key,
    }
