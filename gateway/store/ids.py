"""Ids from our own sequences: taken in blocks, never used twice, gaps allowed.

Whoever takes ids of events announces it first (see events.py): it is done here, so that nobody can forget it.

On SQLite a process takes ids of bodies ahead, for every door stores bodies and nobody looks at them in their order:
asking for an id costs as much as storing what it is for.
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

AHEAD = {"payload": 64}
"""How many ids of a table a process takes at once, where that is done."""

_announce = text(
    "SELECT pg_advisory_xact_lock_shared(:announced | CASE WHEN is_called THEN last_value ELSE 0 END) FROM event_id_seq"
)
_nextval = text("SELECT nextval(CAST(:name AS regclass)) FROM generate_series(1, :n)")


def take(tx: Tx, name: str, n: int = 1) -> Sequence[int]:
    """The next `n` ids of a table, ascending; `name` is the table's."""
    if n <= 0:
        return ()
    if tx.is_sqlite:
        return _from_block(tx, name, n) if n < AHEAD.get(name, 0) else _next(tx, name, n)
    if name == "event":
        tx.execute(_announce, {"announced": EVENTS_ANNOUNCED})
    return tx.execute(_nextval, {"name": f"{name}_id_seq", "n": n}).scalars().all()


def _next(tx: Tx, name: str, n: int) -> range:
    ((last,),) = tx.quick(_take, {"_name": name, "_n": n})
    return range(last - n + 1, last + 1)


def _from_block(tx: Tx, name: str, n: int) -> range:
    block = tx.ids_ahead.get(name, range(0))
    if len(block) < n:
        block = _next(tx, name, AHEAD[name])
    tx.ids_ahead[name] = block[n:]
    return block[:n]
