"""Deleting bodies whose time is over, owner by owner; and the holds that forbid it.

What goes: the sealed chunks of a body, and the canonical form of every document that was in it. What stays: its row
with hash, size and dates, so a trace still says what there was and when it was deleted. A body that unfinished work or
an open work item still needs is not deleted, however old it is; nothing of an owner under a legal hold is.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, exists, func, select, update

from gateway.store import ids, schema
from gateway.store.among import among
from gateway.store.engine import Record, Store, Tx, View

BATCH = 500
"""Bodies a commit: deleting never holds up the road for longer than a batch of work."""

_p, _h, _d = schema.payload, schema.legal_hold, schema.document


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge deleted, or would delete."""

    bodies: int
    bytes: int
    held: bool = False  # a legal hold forbids it; nothing was deleted


def purge(store: Store, owner: str, before: int, *, lane: str | None = None) -> Purged:
    """Delete an owner's bodies that were stored before an instant, in small commits."""
    bodies = size = 0
    while True:
        with store.begin() as tx:
            if holds(tx, owner):
                return Purged(bodies, size, held=True)
            over = tx.all(select(_p.c.id, _p.c.size).where(*_over(owner, before, lane)).order_by(_p.c.id).limit(BATCH))
            if not over:
                return Purged(bodies, size)
            _delete(tx, [row.id for row in over])
            bodies += len(over)
            size += sum(row.size for row in over)


def preview(view: View, owner: str, before: int, *, lane: str | None = None) -> Purged:
    """What `purge` would delete now."""
    count, size = view.all(select(func.count(), func.sum(_p.c.size)).where(*_over(owner, before, lane)))[0]
    return Purged(count, int(size or 0), held=bool(holds(view, owner)))


def owners(view: View) -> list[str]:
    """Everybody who has bodies here."""
    return list(
        view.execute(select(_p.c.owner).where(_p.c.purged_at.is_(None)).distinct().order_by(_p.c.owner)).scalars()
    )


def hold(tx: Tx, owner: str, reason: str, by: str) -> int:
    """Forbid deleting anything of an owner until the hold is released."""
    (hold_id,) = ids.take(tx, "legal_hold")
    row = {"id": hold_id, "owner": owner, "reason": reason, "placed_at": tx.now, "placed_by": by}
    tx.insert(_h, [row])
    return hold_id


def release(tx: Tx, hold_id: int, by: str) -> bool:
    """End a hold; false if there is no such open hold."""
    ended = update(_h).where(_h.c.id == hold_id, _h.c.released_at.is_(None))
    return tx.execute(ended.values(released_at=tx.now, released_by=by)).rowcount == 1


def holds(view: View, owner: str) -> list[Record]:
    """The open holds of an owner."""
    return list(view.all(select(_h).where(_h.c.owner == owner, _h.c.released_at.is_(None)).order_by(_h.c.id)))


def _over(owner: str, before: int, lane: str | None) -> list[ColumnElement[bool]]:
    conditions = [_p.c.owner == owner, _p.c.created_at < before, _p.c.purged_at.is_(None)]
    if lane is not None:
        conditions.append(_p.c.lane == lane)
    item, message = schema.work_item, schema.as2_message
    for name in ("transmission", "document", "delivery"):
        table = schema.LEASED[name]
        open_item = exists().where(item.c.subject == name, item.c.subject_id == table.c.id, item.c.settled_at.is_(None))
        unfinished = table.c.stage.is_not(None) | open_item
        conditions.append(~exists().where(table.c.payload_id == _p.c.id, unfinished))
        if name == "delivery":  # the AS2 message around it, which every try sends
            carried = (message.c.payload_id == _p.c.id, message.c.delivery_id == table.c.id)
            conditions.append(~exists().where(*carried, unfinished))
    calls = schema.delivery.c  # which say what is in the document they follow from
    owed = (calls.kind == "call", calls.stage.is_not(None), calls.correlation_id == _d.c.correlation_id)
    conditions.append(~exists().where(_d.c.payload_id == _p.c.id, *owed))
    return conditions


def _delete(tx: Tx, payload_ids: list[int]) -> None:
    these = {"among": payload_ids}
    chunk, canonical = schema.payload_chunk, schema.canonical
    documents = select(_d.c.id).where(among(_d.c.payload_id))
    tx.execute(delete(chunk).where(among(chunk.c.payload_id)), these)
    tx.execute(delete(canonical).where(canonical.c.document_id.in_(documents)), these)
    tx.execute(update(_p).where(among(_p.c.id)).values(purged_at=tx.now), these)
