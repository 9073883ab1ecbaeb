"""Polls and schedules as errands: asking a channel or a system what is new, and the house's own regular work.

Each is a row of `poll`, leased like any other work, so that of many workers one asks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from gateway.channels.channel import ConnectionStopped
from gateway.store import ids, lease, schema
from gateway.store.engine import Record, Tx, View
from gateway.store.retry import SECOND, RetryPolicy

log = logging.getLogger(__name__)

STAGE = "poll"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Something that is done again and again."""

    name: str  # "connection acme-folder", "house purge"
    lane: str
    every_us: int
    run: Callable[[str | None], str | None]
    """Takes the cursor and returns the next one. Stores what it finds itself, before it acknowledges it outside."""
    opens: Callable[[int], int] = lambda now: now
    """The next moment at which it may run: this one, in its hours."""
    after: Callable[[int], int] | None = None
    """The moment of the next run, where it does not simply come `every_us` later."""


@dataclass(frozen=True, slots=True)
class _Failed:
    error: str
    pause_us: int = 0  # what the trouble itself asks for


class Polls:
    """The errand of all schedules. A failing one is tried again with growing pauses, never given up."""

    table = schema.poll
    stage = STAGE
    lease_us = 120 * SECOND
    pauses = RetryPolicy(first_us=2 * SECOND, longest_us=300 * SECOND)

    def __init__(self, schedules: Callable[[], Mapping[tuple[str, str], Schedule]]) -> None:
        self._schedules = schedules
        self._planned: frozenset[tuple[str, str]] | None = None

    def plan(self, tx: Tx) -> None:
        """Make a row for each schedule there is, due now, and rest the rows whose schedule is gone."""
        wanted = self._schedules()
        if self._planned == frozenset(wanted):
            return
        tx.after_commit(lambda: setattr(self, "_planned", frozenset(wanted)))
        c = schema.poll.c
        known = {(row.name, row.lane): row for row in tx.all(select(schema.poll))}
        missing = [key for key in sorted(wanted) if key not in known]
        blank = {"cursor": None, "stage": STAGE, "due_at": tx.now}
        numbers = ids.take(tx, "poll", len(missing))
        rows = [
            {"id": number, "name": name, "lane": lane, **blank}
            for number, (name, lane) in zip(numbers, missing, strict=True)
        ]
        if rows:
            insert = sqlite_insert if tx.is_sqlite else postgresql_insert
            tx.execute(insert(schema.poll).on_conflict_do_nothing(), rows)  # another worker may plan the same
        resting = [row.id for key, row in known.items() if key in wanted and row.stage is None]
        if resting:
            tx.execute(update(schema.poll).where(c.id.in_(resting)).values(stage=STAGE, due_at=tx.now))
        lease.finish(tx, schema.poll, [row.id for key, row in known.items() if key not in wanted and row.stage])

    def is_due(self, view: View) -> bool:
        return self._planned != frozenset(self._schedules()) or any(lease.due(view, ((self.table, self.stage),)))

    def claim(self, tx: Tx, owner: str, limit: int) -> list[Record]:
        self.plan(tx)
        return lease.claim(tx, schema.poll, STAGE, owner, limit, self.lease_us)

    def run(self, row: Record) -> Any:
        schedule = self._schedules().get((row.name, row.lane))
        if schedule is None:
            return row.cursor, lambda now: now  # taken away just now; back by the end, it is due at once
        claimed_at = row.lease_until - self.lease_us  # by the database's clock
        if (opens := schedule.opens(claimed_at)) > claimed_at:
            return row.cursor, lambda now: opens
        try:
            return schedule.run(row.cursor), schedule.after or (lambda now: now + schedule.every_us)
        except ConnectionStopped as error:
            log.warning("%s (%s lane): %s", row.name, row.lane, error)
            return _Failed(f"{type(error).__name__}: {error}", int(error.pause_s * SECOND))
        except Exception as error:
            log.warning("%s (%s lane): %s", row.name, row.lane, error, exc_info=log.isEnabledFor(logging.DEBUG))
            return _Failed(f"{type(error).__name__}: {error}")

    def record(self, tx: Tx, ended: Sequence[tuple[Record, Any]]) -> None:
        wanted = self._schedules()
        for row, end in ended:
            if (row.name, row.lane) not in wanted:  # it went while it ran: `plan` rests no row that is under way
                reached = end[0] if isinstance(end, tuple) else row.cursor
                lease.complete(tx, schema.poll, [row], [{"cursor": reached}])
                continue
            match end:
                case _Failed(error, pause_us):
                    pause = max(pause_us, self.pauses.pause_us(row.attempts, 0.0))
                    lease.fail(tx, schema.poll, row, due_at=tx.now + pause, error=error)
                case (cursor, after):
                    again = {"stage": STAGE, "due_at": after(tx.now), "cursor": cursor}
                    lease.complete(tx, schema.poll, [row], [again])

    def give_up(self, tx: Tx, row: Record, error: str) -> None:
        lease.fail(tx, schema.poll, row, due_at=tx.now + self.pauses.longest_us, error=error)
