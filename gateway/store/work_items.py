"""What a person must decide or mend. One open item a dedupe key: the same trouble again is the same item."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, select, update

from gateway.store import ids, schema
from gateway.store.among import among
from gateway.store.engine import Record, Tx, View

_t = schema.work_item
_BLANK = {column.name: None for column in _t.c if column.nullable}


def open_items(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Open an item for each row of columns, or find the open one with its lane and dedupe key; returns their ids.

    A row without `dedupe_key` is always a new item. Two workers with the same trouble at the same moment get one item.
    """
    keys = sorted({(row["lane"], row["dedupe_key"]) for row in rows if row.get("dedupe_key") is not None})
    tx.take_turns([f"work item {lane} {key}" for lane, key in keys])
    is_open = {(row.lane, row.dedupe_key): row.id for row in _open(tx, keys)}
    opened, fresh = [], []
    for row in rows:
        key = (row["lane"], row.get("dedupe_key"))
        if key not in is_open or key[1] is None:
            (is_open[key],) = ids.take(tx, "work_item")
            fresh.append({**_BLANK, **row, "id": is_open[key], "status": "open", "opened_at": tx.now})
        opened.append(is_open[key])
    tx.insert(_t, fresh)
    return opened


_these = select(_t).where(_t.c.lane == bindparam("_lane"), among(_t.c.dedupe_key), _t.c.settled_at.is_(None))


def _open(tx: Tx, keys: Iterable[tuple[str, str]]) -> list[Record]:
    """The open items with these (lane, dedupe key)."""
    by_lane: dict[str, list[str]] = {}
    for lane, key in keys:
        by_lane.setdefault(lane, []).append(key)
    return [row for lane, theirs in by_lane.items() for row in tx.all(_these, {"_lane": lane, "among": theirs})]


def waiting(view: View) -> Sequence[Record]:
    """Every open item, by what is lost first."""
    return view.all(select(_t).where(_t.c.status == "open").order_by(_t.c.lost_at.is_(None), _t.c.lost_at, _t.c.id))


def settle(tx: Tx, item_ids: Sequence[int], by: str) -> list[int]:
    """Close items; returns those that were open."""
    settled = update(_t).where(_t.c.id.in_(list(item_ids)), _t.c.settled_at.is_(None))
    settled = settled.values(status="settled", settled_at=tx.now, settled_by=by).returning(_t.c.id)
    return sorted(tx.execute(settled).scalars())


def settle_keys(tx: Tx, keys: Sequence[tuple[str, str]], by: str) -> list[int]:
    """Close the open items that have these (lane, dedupe key); returns them."""
    found = [row.id for row in _open(tx, keys)]
    return settle(tx, found, by) if found else []


def is_open(view: View, lane: str, key: str) -> bool:
    """Whether there is an open item with this dedupe key."""
    query = select(_t.c.id).where(_t.c.lane == lane, _t.c.dedupe_key == key, _t.c.settled_at.is_(None))
    return view.first(query) is not None


def open_about(view: View, subject: str, subject_id: int) -> Sequence[Record]:
    """The open items about one row."""
    query = select(_t).where(_t.c.subject == subject, _t.c.subject_id == subject_id, _t.c.settled_at.is_(None))
    return view.all(query.order_by(_t.c.id))
