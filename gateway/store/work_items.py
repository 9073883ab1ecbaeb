"""What a person must decide or mend. One open item a dedupe key: the same trouble again is the same item."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select, update

from gateway.store import ids, schema
from gateway.store.engine import Record, Tx, View

_t = schema.work_item
_open = select(_t).where(
    _t.c.lane == bindparam("lane"), _t.c.dedupe_key == bindparam("dedupe_key"), _t.c.settled_at.is_(None)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkItem:
    """A stop with an owner, in plain words."""

    lane: str
    code: str
    category: str  # source data, partner, platform, orchestration
    title: str
    where: str
    why: str
    who: str
    what_to_do: str
    lost_at: int | None = None  # the moment from which something is lost
    owner: str | None = None
    subject: tuple[str, int] | None = None  # table and id of the row it is about
    partner: str | None = None
    correlation_id: str | None = None
    data: Mapping[str, Any] | None = None
    dedupe_key: str | None = None


def open_item(tx: Tx, item: WorkItem) -> int:
    """Open an item, or return the open one with the same dedupe key. Concurrent openers get the same one."""
    if item.dedupe_key is not None:
        if not tx.is_sqlite:
            # Two workers with the same trouble at the same moment: the second waits for the first one's commit.
            tx.connection.exec_driver_sql(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"work item {item.lane} {item.dedupe_key}",)
            )
        found = tx.first(_open, {"lane": item.lane, "dedupe_key": item.dedupe_key})
        if found is not None:
            return int(found.id)
    (item_id,) = ids.take(tx, "work_item")
    tx.insert(
        _t,
        [
            {
                "id": item_id,
                "lane": item.lane,
                "code": item.code,
                "category": item.category,
                "title": item.title,
                "where_": item.where,
                "why": item.why,
                "who": item.who,
                "what_to_do": item.what_to_do,
                "lost_at": item.lost_at,
                "owner": item.owner,
                "status": "open",
                "subject": item.subject[0] if item.subject else None,
                "subject_id": item.subject[1] if item.subject else None,
                "partner": item.partner,
                "correlation_id": item.correlation_id,
                "opened_at": tx.now,
                "data": None if item.data is None else json.dumps(item.data),
                "dedupe_key": item.dedupe_key,
            }
        ],
    )
    return item_id


def settle(tx: Tx, item_ids: Sequence[int], by: str) -> list[int]:
    """Close items; returns those that were open."""
    settled = update(_t).where(_t.c.id.in_(list(item_ids)), _t.c.settled_at.is_(None))
    settled = settled.values(status="settled", settled_at=tx.now, settled_by=by).returning(_t.c.id)
    return sorted(tx.execute(settled).scalars())


def open_about(view: View, subject: str, subject_id: int) -> Sequence[Record]:
    """The open items about one row."""
    query = select(_t).where(_t.c.subject == subject, _t.c.subject_id == subject_id, _t.c.settled_at.is_(None))
    return view.all(query.order_by(_t.c.id))
