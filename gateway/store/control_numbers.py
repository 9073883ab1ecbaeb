"""Control numbers: given out once and in order; one taken by a transaction that rolls back is given out next."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from gateway.store import schema
from gateway.store.engine import Tx

HIGHEST = 999_999_999
"""ISA13 and GS06 have nine digits; after the highest comes 1."""

FOR_EVER = "SSCC"  # counters of this kind do not roll
BEGIN = ("", "", "", "begin")  # after a restore: what a counter that is not there yet begins behind

_t = schema.control_number


class Counter(NamedTuple):
    """Whose numbers these are. The order of the fields is the order in which counters are locked."""

    company: str
    partner: str
    lane: str
    kind: str  # "ISA", "GS PO", "UNB", "SSCC 0614141" ...


_is_counter = [_t.c[name] == bindparam(f"_{name}") for name in Counter._fields]
_value = select(_t.c.value).where(*_is_counter)
_locked = _value.with_for_update()
_set = update(_t).where(*_is_counter).values(value=bindparam("_value"))


def draw(
    tx: Tx, counters: Iterable[tuple[str, str, str, str]], *, rolls: bool = True
) -> dict[tuple[str, str, str, str], list[int]]:
    """The next numbers of several counters; one that is named n times gives n numbers.

    Counters are locked in key order, so that two workers never wait for each other, and until the commit, so that
    numbers leave in the order in which they were taken. Numbers that do not roll are never given out a second time.
    """
    drawn: dict[tuple[str, str, str, str], list[int]] = {}
    for counter, n in sorted(Tally(counters).items()):
        key = {f"_{name}": value for name, value in zip(Counter._fields, counter, strict=True)}
        last = tx.scalar(_locked, key)
        if last is None:
            insert = sqlite_insert if tx.is_sqlite else postgresql_insert
            begin = {f"_{name}": value for name, value in zip(Counter._fields, BEGIN, strict=True)}
            fresh = dict(zip(Counter._fields, counter, strict=True)) | {"value": tx.scalar(_value, begin) or 0}
            tx.execute(insert(_t).values(fresh).on_conflict_do_nothing())
            last = tx.scalar(_locked, key)
        drawn[counter] = [(last + place) % HIGHEST + 1 if rolls else last + place + 1 for place in range(n)]
        tx.execute(_set, {**key, "_value": drawn[counter][-1]})
    return drawn


def skip_ahead(tx: Tx, by: int) -> None:
    """After a restore: numbers given out since the backup must not be given out again, also of counters begun since."""
    draw(tx, [BEGIN])
    for row in tx.all(select(_t).order_by(_t.c.company, _t.c.partner, _t.c.lane, _t.c.kind)):
        counter = Counter(row.company, row.partner, row.lane, row.kind)
        value = row.value + by if row.kind.startswith(FOR_EVER) else (row.value + by - 1) % HIGHEST + 1
        tx.execute(_set, {f"_{name}": part for name, part in counter._asdict().items()} | {"_value": value})
