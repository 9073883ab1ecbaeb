"""How much may go to a target at once, and whether it is asked at all: concurrency, rate, breaker.

- Concurrency is counted from leased rows, so a dead worker's share comes back when its leases end.
- Rate tokens are taken for a whole claim at once; a target without a rate has no row to write.
- The breaker is stored when it changes, so all workers share it and a healthy target costs no write.
  closed -> open after `breaker_after` failures in a row; open -> half-open after `cool_down_us`: one try; it succeeds:
  closed, it fails: open again.
- On PostgreSQL the target's row is locked during a claim, so that two workers cannot both count the last free place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from gateway.store import lease, schema
from gateway.store.engine import Record, Tx
from gateway.store.retry import SECOND

_t, _d = schema.target_state, schema.delivery

MICRO = 1_000_000
"""A token is one call; the table counts millionths, so that slow rates refill evenly."""

_with_work = text(
    """
    WITH RECURSIVE next(target) AS (
        SELECT min(target) FROM delivery WHERE stage = :stage AND due_at IS NOT NULL
        UNION ALL
        SELECT (SELECT min(d.target) FROM delivery d
                WHERE d.stage = :stage AND d.due_at IS NOT NULL AND d.target > next.target)
        FROM next WHERE next.target IS NOT NULL)
    SELECT target FROM next WHERE target IS NOT NULL
    """
)
_state = select(_t).where(_t.c.target == bindparam("_target"))
_leased = select(func.count()).where(_d.c.target == bindparam("_target"), _d.c.lease_until > bindparam("_now"))


@dataclass(frozen=True, slots=True)
class Limits:
    """What a target bears; from its connection or system."""

    concurrency: int = 4  # calls at the same time, from all workers together
    per_second: float | None = None  # calls a second on average; None: no limit
    burst: int = 10  # calls that may come at once after a pause
    breaker_after: int = 5  # failures in a row that open the breaker
    cool_down_us: int = 30 * SECOND  # how long an open breaker lets nothing through


def claim(
    tx: Tx,
    stage: str,
    owner: str,
    limit: int,
    lease_us: int,
    limits: Callable[[str], Limits],
) -> list[Record]:
    """Lease due deliveries, heads of their keys only, no more than each target bears and `limit` in all.

    Each target gets an equal share first, and what the others leave of theirs after that: one that is slow, broken or
    has a long backlog keeps no place another could use.
    """
    hungry = list(tx.execute(_with_work, {"stage": stage}).scalars())
    start = tx.now // SECOND % len(hungry) if hungry else 0
    hungry = hungry[start:] + hungry[:start]  # the first does not stay the first
    claimed: list[Record] = []
    while hungry and len(claimed) < limit:
        share = -(-(limit - len(claimed)) // len(hungry))
        still_hungry = []
        for target in hungry:
            portion = min(share, limit - len(claimed))
            rows = _claim_one(tx, stage, owner, target, portion, lease_us, limits(target))
            claimed += rows
            if rows and len(rows) == portion:
                still_hungry.append(target)
        hungry = still_hungry
    return claimed


def record(tx: Tx, outcomes: Mapping[str, Sequence[bool]], limits: Callable[[str], Limits]) -> None:
    """Tell the breakers how calls ended: per target, in their order, True for one that succeeded.

    Writes only what changes. Targets are locked in their order, so that two workers never wait for each other.
    """
    for target in sorted(outcomes):
        state = tx.first(_state, {"_target": target})
        if state is not None and state.breaker == "closed" and not state.failures and all(outcomes[target]):
            continue
        state = _locked_state(tx, target)
        now_is = _after(state, outcomes[target], limits(target).breaker_after, tx.now)
        if now_is != {"failures": state.failures, "breaker": state.breaker, "opened_at": state.opened_at}:
            tx.execute(update(_t).where(_t.c.target == target).values(now_is))


def _after(state: Record, outcomes: Sequence[bool], breaker_after: int, now: int) -> dict[str, object]:
    failures, breaker, opened_at = state.failures, state.breaker, state.opened_at
    for succeeded in outcomes:
        if succeeded:
            failures, breaker, opened_at = 0, "closed", None
            continue
        failures += 1
        if breaker == "half-open" or failures >= breaker_after:
            breaker, opened_at = "open", now
    return {"failures": failures, "breaker": breaker, "opened_at": opened_at}


def close_breaker(tx: Tx, target: str) -> None:
    """A person says that the target works again."""
    closed = {"failures": 0, "breaker": "closed", "opened_at": None}
    tx.execute(update(_t).where(_t.c.target == target).values(closed))
    tx.wake("deliver")


def _claim_one(tx: Tx, stage: str, owner: str, target: str, limit: int, lease_us: int, limits: Limits) -> list[Record]:
    if limit <= 0:
        return []
    state = _free_state(tx, target)
    if state is None and tx.first(_state, {"_target": target}) is None:
        _make(tx, target)
        state = _free_state(tx, target)
    if state is None:
        return []  # another worker is claiming for this target
    changed: dict[str, object] = {}
    under_way: int = tx.scalar(_leased, {"_target": target, "_now": tx.now})
    free = min(limit, limits.concurrency - under_way)
    if state.breaker == "open":
        if tx.now < state.opened_at + limits.cool_down_us:
            return []
        changed["breaker"] = "half-open"
    if state.breaker != "closed":
        free = min(free, 1 - under_way)
    tokens = None
    if limits.per_second is not None:
        tokens = _refilled(state, tx.now, limits.per_second, limits.burst)
        free = min(free, tokens // MICRO)
    if free <= 0:
        return []
    rows = lease.claim(tx, _d, stage, owner, free, lease_us, target=target)
    if rows and tokens is not None:
        changed |= {"tokens": tokens - len(rows) * MICRO, "refilled_at": tx.now}
    if rows and changed:
        tx.execute(update(_t).where(_t.c.target == target).values(changed))
    return rows


def _refilled(state: Record, now: int, per_second: float, burst: int) -> int:
    full = burst * MICRO
    if state.refilled_at is None:
        return full
    refilled: int = state.tokens + int(max(now - state.refilled_at, 0) * per_second)
    return min(full, refilled)


def _locked_state(tx: Tx, target: str) -> Record:
    """The target's row, locked until the commit."""
    found = _free_state(tx, target)
    if found is None:
        _make(tx, target)
        found = tx.first(_state.with_for_update(), {"_target": target})
    assert found is not None
    return found


def _free_state(tx: Tx, target: str) -> Record | None:
    """The target's row, locked until the commit; None if there is none or another transaction has it locked."""
    return tx.first(_state if tx.is_sqlite else _state.with_for_update(skip_locked=True), {"_target": target})


def _make(tx: Tx, target: str) -> None:
    insert = sqlite_insert if tx.is_sqlite else postgresql_insert
    tx.execute(insert(_t).values(target=target, breaker="closed", failures=0, tokens=0).on_conflict_do_nothing())
