"""The row is the job: claiming due rows, finishing them, giving them back.

Rules a reviewer can hold this file to:

- A row is owed work while `stage` is set, and due once `due_at` has passed. A leased row is due again only after
  `lease_until`, so a dead worker's rows come back by themselves.
- Every claim raises `lease_fence` by one. Whoever finishes, fails or renews a row shows owner AND fence: a worker that
  slept through its lease holds nothing any more, whatever its own clock says. Time alone never decides who may write.
- `attempts` is counted at the claim, in the claim's own commit: a row that kills the process counts its kills.
- A row whose lease ran out is a suspect: it may be what killed the worker. It is claimed alone, so it takes nothing
  with it the next time, and its neighbours keep their attempts.
- Order (delivery only): of one (target, ordering_key) only the first unfinished row may be claimed, leased or not,
  dead or not. Skipping locked rows would hand out a leased head's successor, so the rule is a condition, not a lock.
  A row found behind another is parked (`due_at` NULL, `blocked_by` its predecessor) and woken when that one finishes;
  parking saves the scan, the condition alone decides.
- All of this is one commit with whatever the caller does in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import accumulate
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    Select,
    Table,
    bindparam,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from gateway.store import schema
from gateway.store.among import among
from gateway.store.engine import Record, Tx, View

FINISHED: Mapping[str, Any] = {"stage": None, "due_at": None}
"""Column values of a row that owes nothing any more."""

NOTHING: Mapping[str, Any] = MappingProxyType({})

DIED = "the process that worked on it ended in the middle"
"""`last_error` of a suspect."""

_NOT_LEASED = {"lease_owner": None, "lease_until": None}


def claim(
    tx: Tx,
    table: Table,
    stage: str,
    owner: str,
    limit: int,
    lease_us: int,
    *,
    target: str | None = None,
    bytes_limit: int | None = None,
) -> list[Record]:
    """Lease up to `limit` due rows of a stage, oldest first; rows another transaction is claiming are passed over.
    Of deliveries, those to one target only if it is named.

    Returns the rows as they are now (with their new fence and attempts). Fewer than `limit` does not mean there are no
    more: a suspect comes alone, and heads come without the rows parked behind them. With `bytes_limit` (of a table
    with `size`) no more are taken once they have so many bytes together.
    """
    if limit <= 0:
        return []
    limits = {"_stage": stage, "_now": tx.now, "_limit": limit} | ({} if target is None else {"_target": target})
    while True:
        candidates = tx.all(_due(table, target is not None), limits)
        mine, blocked = _heads(tx, candidates) if table is schema.delivery else (list(candidates), {})
        parked = _park(tx, blocked)
        if bytes_limit is not None:
            sizes = accumulate(row.size or 0 for row in mine)
            mine = [row for row, size in zip(mine, sizes, strict=True) if size - (row.size or 0) < bytes_limit]
        if mine or not parked:
            return _take(tx, table, mine, owner, lease_us)


def hold(tx: Tx, table: Table, rows: Sequence[Record]) -> list[Record]:
    """Lock the claimed rows and return those that are still ours by owner and fence. Call it before writing effects."""
    leases: dict[int, tuple[str, int]] = {}
    if rows:
        found = tx.all(_leases(table), {"among": [row.id for row in rows]})
        leases = {row.id: (row.lease_owner, row.lease_fence) for row in found}
    held = [row for row in rows if leases.get(row.id) == (row.lease_owner, row.lease_fence)]
    tx.locked.update((table.name, row.id, row.lease_fence) for row in held)
    return held


@cache
def _leases(table: Table) -> Select[Any]:
    c = table.c
    query = select(c.id, c.lease_owner, c.lease_fence).where(among(c.id))
    return query.order_by(c.id).with_for_update()  # in key order, so two workers cannot wait for each other


def _still_held(tx: Tx, table: Table, rows: Sequence[Record]) -> list[Record]:
    """As `hold`; what this transaction has locked already nobody can have changed since."""
    if all((table.name, row.id, row.lease_fence) in tx.locked for row in rows):
        return list(rows)
    return hold(tx, table, rows)


def complete(tx: Tx, table: Table, rows: Sequence[Record], values: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Write the outcome of claimed rows and end their leases; returns the rows that were still held.

    `values[i]` are columns of `rows[i]`. With `stage` the row goes on to that stage (due now, or at its `due_at`), with
    its attempts at 0; without, it owes nothing any more. Rows that are not ours any more stay as they are: the worker
    that has them now does the work.
    """
    return _settle(tx, table, rows, [_outcome(tx, value) for value in values])


def fail(tx: Tx, table: Table, row: Record, *, due_at: int, error: str, values: Mapping[str, Any] = NOTHING) -> bool:
    """Give a row back, to be tried again at `due_at`; its attempts stay counted. False if it was not ours any more."""
    again = {**_NOT_LEASED, "due_at": due_at, "last_error": error[:2000], **values}
    return bool(_settle(tx, table, [row], [again]))


def stop(tx: Tx, table: Table, row: Record, *, error: str, values: Mapping[str, Any] = NOTHING) -> bool:
    """No machine tries this row again, but it is not finished: it keeps its stage, and a key's head keeps its key.

    A person retries it (`restart`) or finishes it (`finish`). False if it was not ours any more.
    """
    dead = {**_NOT_LEASED, "due_at": None, "last_error": error[:2000], **values}
    return bool(_settle(tx, table, [row], [dead]))


def is_stopped(row: Record) -> bool:
    """Whether `stop` ended its tries: it is owed work that only a person starts again.

    What merely waits for something (a document for the trailer of its interchange) was never tried.
    """
    return bool(row.stage is not None and row.due_at is None and row.lease_owner is None and row.last_error)


def release(tx: Tx, table: Table, rows: Sequence[Record]) -> None:
    """Give back rows that were claimed and not begun, as if they had never been claimed."""
    _settle(tx, table, rows, [{**_NOT_LEASED, "attempts": row.attempts - 1} for row in rows])


def renew(tx: Tx, table: Table, rows: Sequence[Record], lease_us: int) -> list[Record]:
    """Keep leases for another while; returns the rows that are still ours."""
    held = hold(tx, table, rows)
    if held:
        c = table.c
        mine = update(table).where(among(c.id))
        tx.execute(mine.values(lease_until=tx.now + lease_us), {"among": [row.id for row in held]})
    return held


def expire(tx: Tx, owner: str) -> int:
    """The process of this name is known to be dead: what it had is due at once, as suspects. Returns how many rows."""
    count = 0
    for table in schema.LEASED.values():
        c = table.c
        ended = update(table).where(c.lease_until > tx.now, c.lease_owner == owner).values(lease_until=tx.now)
        stages = list(tx.execute(ended.returning(c.stage)).scalars())
        tx.wake(*{stage for stage in stages if stage})
        count += len(stages)
    return count


def restart(tx: Tx, table: Table, ids: Sequence[int], *, due_at: int | None = None, **values: Any) -> None:
    """A person wants stopped or waiting rows tried again, from the first attempt. A leased row is left alone."""
    c = table.c
    again = {"due_at": tx.now if due_at is None else due_at, "attempts": 0, **values}
    tx.execute(update(table).where(c.id.in_(list(ids)), c.lease_owner.is_(None), c.stage.is_not(None)).values(again))
    tx.wake(*{row.stage for row in tx.by_ids(table, ids) if row.stage})


def finish(tx: Tx, table: Table, ids: Sequence[int], **values: Any) -> list[int]:
    """A person ends rows whatever they waited for (skips a dead head). Returns the ids that were not under way."""
    c = table.c
    query = select(c.id).where(c.id.in_(list(ids)), c.stage.is_not(None), _free(tx, table)).order_by(c.id)
    done = list(tx.execute(query if tx.is_sqlite else query.with_for_update()).scalars())
    if done:
        ended = {**FINISHED, **_NOT_LEASED, **values}
        if table is schema.delivery:
            ended["blocked_by"] = None
        tx.execute(update(table).where(c.id.in_(done)).values(ended))
        _unpark(tx, table, done)
    return done


def backlog(view: View) -> list[tuple[str, str, int, int]]:
    """What is due and not under way: (table, stage, rows, age of the oldest in seconds) for /metrics.

    It reads the index of due work only.
    """
    found: list[tuple[str, str, int, int]] = []
    for table in schema.LEASED.values():
        c = table.c
        query = select(c.stage, func.count(), func.min(c.due_at)).where(c.due_at <= view.now, _free(view, table))
        for stage, count, oldest in view.all(query.group_by(c.stage)):
            found.append((table.name, stage, count, (view.now - oldest) // 1_000_000))
    return found


def oldest_due_seconds(view: View) -> int:
    """How long the oldest due row has been waiting for a worker: 0 on a healthy machine."""
    return max((age for *_, age in backlog(view)), default=0)


def next_due(view: View, table: Table, stage: str) -> int | None:
    """When the next row of a stage is due, so that a worker without work knows how long it may sleep."""
    c = table.c
    soonest: int | None = view.scalar(select(func.min(c.due_at)).where(c.stage == stage, c.due_at.is_not(None)))
    return soonest


def _free(view: View, table: Table) -> ColumnElement[bool]:
    return or_(table.c.lease_until.is_(None), table.c.lease_until <= view.now)


def _is_due(table: Table) -> tuple[ColumnElement[bool], ...]:
    c, now = table.c, bindparam("_now", type_=BigInteger)
    return c.due_at <= now, or_(c.lease_until.is_(None), c.lease_until <= now)


@cache
def _due(table: Table, of_target: bool) -> Select[Any]:
    c = table.c
    told = [c[name] for name in ("id", "due_at", "lease_owner", "size", "target", "ordering_key") if name in c]
    query = select(*told).where(c.stage == bindparam("_stage"), *_is_due(table))
    if of_target:
        query = query.where(c.target == bindparam("_target"))
    return query.order_by(c.due_at, c.id).limit(bindparam("_limit")).with_for_update(skip_locked=True)


def due(view: View, stages: tuple[tuple[Table, str], ...]) -> list[bool]:
    """Whether there is something to claim, for each (table, stage). Asking costs nobody the writers' turn."""
    found = view.first(_any_due(stages), {"_now": view.now})
    return [bool(one) for one in found or ()]


@cache
def _any_due(stages: tuple[tuple[Table, str], ...]) -> Executable:
    return select(
        *(
            exists().where(table.c.stage == stage, *_is_due(table)).label(f"due_{n}")
            for n, (table, stage) in enumerate(stages)
        )
    )


def _take(tx: Tx, table: Table, rows: Sequence[Record], owner: str, lease_us: int) -> list[Record]:
    if not rows:
        return []
    suspect = rows[0].lease_owner is not None
    chosen = [rows[0].id] if suspect else [row.id for row in rows if row.lease_owner is None]
    leased = tx.all(_lease(table, suspect), {"among": chosen, "_owner": owner, "_until": tx.now + lease_us})
    return sorted(leased, key=lambda row: (row.due_at, row.id))


@cache
def _lease(table: Table, suspect: bool) -> ReturningUpdate[Any]:
    c = table.c
    leased: dict[str, Any] = {"lease_owner": bindparam("_owner"), "lease_until": bindparam("_until")}
    if suspect:
        leased["last_error"] = DIED
    chosen = update(table).where(among(c.id)).values(leased)
    return chosen.values(lease_fence=c.lease_fence + 1, attempts=c.attempts + 1).returning(*c)


def _outcome(tx: Tx, value: Mapping[str, Any]) -> dict[str, Any]:
    outcome: dict[str, Any] = {**_NOT_LEASED, **FINISHED, "attempts": 0, "last_error": None, **value}
    if outcome["stage"] is None:
        outcome["due_at"] = None
    elif "due_at" not in value:
        outcome["due_at"] = tx.now
    if outcome["stage"] is not None:
        tx.wake(outcome["stage"])
    return outcome


def _settle(tx: Tx, table: Table, rows: Sequence[Record], values: Sequence[Mapping[str, Any]]) -> list[Record]:
    if len(rows) != len(values):
        raise ValueError(f"{len(rows)} rows but {len(values)} outcomes")
    if not rows:
        return []
    held = _still_held(tx, table, rows)
    tx.locked.difference_update((table.name, row.id, row.lease_fence) for row in held)
    still = {row.id for row in held}
    tx.set(table, [(row.id, value) for row, value in zip(rows, values, strict=True) if row.id in still])
    ended = [
        row.id for row, value in zip(rows, values, strict=True) if row.id in still and value.get("stage", "") is None
    ]
    _unpark(tx, table, ended)
    return held


# --- order: heads only ------------------------------------------------------------


def _heads(tx: Tx, candidates: Sequence[Record]) -> tuple[list[Record], dict[int, int]]:
    """Split candidates into those that may go and those with an unfinished predecessor (id -> predecessor's id)."""
    keyed = [row.id for row in candidates if row.ordering_key is not None]
    if not keyed:
        return list(candidates), {}
    row, earlier = schema.delivery.alias("row"), schema.delivery.alias("earlier")
    predecessor = (
        select(func.max(earlier.c.id))
        .where(
            earlier.c.target == row.c.target,
            earlier.c.ordering_key == row.c.ordering_key,
            earlier.c.ordering_key.is_not(None),
            earlier.c.stage.is_not(None),
            earlier.c.id < row.c.id,
        )
        .scalar_subquery()
    )
    query = select(row.c.id, predecessor).where(among(row.c.id))
    blocked = {row_id: before for row_id, before in tx.all(query, {"among": keyed}) if before is not None}
    return [row for row in candidates if row.id not in blocked], blocked


def _park(tx: Tx, blocked: Mapping[int, int]) -> int:
    """Take rows out of the due index until their predecessor finishes; returns how many were taken out.

    The predecessor is locked first: one that is finishing at this moment cannot be locked, and its successor stays due
    for the next claim; one that is locked here finishes after us and finds what it has to wake.
    """
    if not blocked:
        return 0
    c = schema.delivery.c
    predecessors = set(blocked.values())
    query = select(c.id).where(among(c.id), c.stage.is_not(None))
    if not tx.is_sqlite:
        query = query.with_for_update(read=True, skip_locked=True)
    waiting = set(tx.execute(query, {"among": sorted(predecessors)}).scalars())
    parked = [
        {"id": row_id, "due_at": None, "blocked_by": before}
        for row_id, before in sorted(blocked.items())
        if before in waiting
    ]
    tx.update(schema.delivery, parked)
    return len(parked)


def _unpark(tx: Tx, table: Table, finished: Sequence[int]) -> None:
    if table is not schema.delivery or not finished:
        return
    c = table.c
    successors = update(table).where(among(c.blocked_by))
    successors = successors.values(due_at=tx.now, blocked_by=None).returning(c.stage)
    tx.wake(*{stage for stage in tx.execute(successors, {"among": list(finished)}).scalars() if stage})
