"""Deliveries as errands: what a target bears, each attempt on record, the retry policy, the breaker."""

from __future__ import annotations

import logging
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table, bindparam, update

from gateway.store import lease, schema, targets
from gateway.store.engine import Record, Tx, View
from gateway.store.retry import SECOND, GiveUp, RetryAt, RetryPolicy

log = logging.getLogger(__name__)

_attempt = schema.delivery_attempt
_ended = (
    update(_attempt)
    .where(_attempt.c.delivery_id == bindparam("_delivery"), _attempt.c.n == bindparam("_n"))
    .values(finished_at=bindparam("_at"), outcome=bindparam("_outcome"), detail=bindparam("_detail"))
)


@dataclass(frozen=True, slots=True)
class Again:
    """An end that asks for another try."""

    why: str
    after_us: int = 0  # what the other side asked for
    taken: bool = False  # the other side works; what is missing is its word
    enough: bool = False  # nothing is gained by a further try


@dataclass(frozen=True, slots=True)
class Tried:
    """A delivery, how its try ended, and what follows: a further try, giving up, or nothing more (None)."""

    row: Record
    end: Any
    decision: RetryAt | GiveUp | None


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The errand of everything we owe. The functions are the pipeline's (deliver.py)."""

    send: Callable[[Record], Any]
    """One try, in a thread; the end is a value of the pipeline's."""
    again: Callable[[Any], Again | None]
    """Whether an end asks for another try; None if it is final."""
    unexpected: Callable[[Exception], Any]
    """The end of a try in which our own code failed: nobody knows whether it arrived."""
    record_ends: Callable[[Tx, Sequence[Tried]], Sequence[tuple[Record, Mapping[str, Any]]]]
    """Stores what follows from the ends and returns each delivery with its column values (status, result)."""
    overtaken: Callable[[Tx, Sequence[tuple[Record, Any]]], Sequence[tuple[Record, Any]]] = lambda tx, ended: ended
    """What the database has learnt while the tries were under way may be another end than the try's."""
    limits: Callable[[str], targets.Limits] = field(default=lambda target: targets.Limits())
    retry: Callable[[Record], RetryPolicy] = field(default=lambda row: RetryPolicy())
    stop: Callable[[Tx, Record, str], Mapping[str, Any]] = lambda tx, row, error: {}
    """Tells a person that the end of a try cannot be stored, and returns the delivery's column values."""
    stage: str = "deliver"
    lease_us: int = 60 * SECOND
    table: Table = schema.delivery

    def is_due(self, view: View) -> bool:
        return any(lease.due(view, ((self.table, self.stage),)))

    def claim(self, tx: Tx, owner: str, limit: int) -> list[Record]:
        rows = targets.claim(tx, self.stage, owner, limit, self.lease_us, self.limits)
        # The fence numbers the attempts: it grows with every claim, also after a person set `attempts` back.
        blank = {"finished_at": None, "outcome": None, "detail": None, "request_id": None}
        tx.insert(
            _attempt,
            [{"delivery_id": row.id, "n": row.lease_fence, "started_at": tx.now, **blank} for row in rows],
        )
        return rows

    def run(self, row: Record) -> Any:
        try:
            return self.send(row)
        except Exception as error:
            log.exception("delivery L-%s to %s: a defect of ours", row.id, row.target)
            return self.unexpected(error)

    def record(self, tx: Tx, ended: Sequence[tuple[Record, Any]]) -> None:
        held = {row.id for row in lease.hold(tx, schema.delivery, [row for row, _ in ended])}
        mine = [(row, end) for row, end in ended if row.id in held]
        tried = [Tried(row, end, self._decide(tx, row, end)) for row, end in self.overtaken(tx, mine)]
        if not tried:
            return
        self._note_attempts(tx, tried)
        decisions = {one.row.id: one.decision for one in tried}
        outcomes = self.record_ends(tx, tried)
        if {row.id for row, _ in outcomes} != set(decisions):
            raise RuntimeError("the pipeline did not say what became of each delivery")
        done = [(row, values) for row, values in outcomes if decisions[row.id] is None]
        lease.complete(tx, schema.delivery, [row for row, _ in done], [values for _, values in done])
        for row, values in outcomes:
            decision = decisions[row.id]
            if isinstance(decision, RetryAt):
                lease.fail(tx, schema.delivery, row, due_at=decision.due_at, error=self._why(tried, row), values=values)
            elif isinstance(decision, GiveUp):
                lease.stop(tx, schema.delivery, row, error=self._why(tried, row), values=values)
        by_target: dict[str, list[bool]] = defaultdict(list)
        for one in tried:
            # A final refusal comes from a target that works.
            wish = self.again(one.end)
            by_target[one.row.target].append(wish is None or wish.taken)
        targets.record(tx, by_target, self.limits)

    def give_up(self, tx: Tx, row: Record, error: str) -> None:
        if lease.hold(tx, schema.delivery, [row]):
            lease.stop(tx, schema.delivery, row, error=error, values=self.stop(tx, row, error))

    def _decide(self, tx: Tx, row: Record, end: Any) -> RetryAt | GiveUp | None:
        wish = self.again(end)
        if wish is None:
            return None
        if wish.enough:
            return GiveUp(wish.why)
        return self.retry(row).after_failure(
            row.attempts,
            tx.now,
            random.random(),  # noqa: S311 - spreads retries, guards nothing
            deadline_at=row.deadline_at,
            retry_after_us=wish.after_us,
        )

    def _why(self, tried: Sequence[Tried], row: Record) -> str:
        wish = next(self.again(one.end) for one in tried if one.row.id == row.id)
        return wish.why if wish else ""

    def _note_attempts(self, tx: Tx, tried: Sequence[Tried]) -> None:
        notes = []
        for one in tried:
            wish = self.again(one.end)
            match one.decision:
                case None:
                    outcome = "ended"
                case RetryAt():
                    outcome = "taken" if wish is not None and wish.taken else "again"
                case GiveUp(reason):
                    outcome = f"gave up: {reason}"
            detail = (wish.why if wish else str(one.end))[:2000]
            notes.append(
                {
                    "_delivery": one.row.id,
                    "_n": one.row.lease_fence,
                    "_at": tx.now,
                    "_outcome": outcome,
                    "_detail": detail,
                }
            )
        tx.execute(_ended, notes)
