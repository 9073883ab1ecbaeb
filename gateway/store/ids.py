"""Ids from our own sequences: taken in blocks, never used twice, gaps allowed.

Whoever takes ids of events announces it first (see events.py): it is done here, so that nobody can forget it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, text, update

from gateway.store import schema
from gateway.store.engine import Tx

_counter = schema.id_counter
_take = (
    update(_counter)
    .where(_counter.c.name == bindparam("_name"))
    .values(value=_counter.c.value + bindparam("_n"))
    .returning(_counter.c.value)
)
EVENTS_ANNOUNCED = 0x4556 << 48
"""Marks the advisory locks of the announcement ("EV"); their low 48 bits carry an event id."""

_announce = text(
    "SELECT pg_advisory_xact_lock_shared(:announced | CASE WHEN is_called THEN last_value ELSE 0 END) FROM event_id_seq"
)
_nextval = text("SELECT nextval(CAST(:name AS regclass)) FROM generate_series(1, :n)")


def take(tx: Tx, name: str, n: int = 1) -> Sequence[int]:
    """The next `n` ids of a table, ascending; `name` is the table's."""
    if n <= 0:
        return ()
    if tx.is_sqlite:
        ((last,),) = tx.quick(_take, {"_name": name, "_n": n})
        return range(last - n + 1, last + 1)
    if name == "event":
        tx.execute(_announce, {"announced": EVENTS_ANNOUNCED})
    return tx.execute(_nextval, {"name": f"{name}_id_seq", "n": n}).scalars().all()
