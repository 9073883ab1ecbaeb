"""The loop that works stages batch by batch: one commit stores a batch's effects and claims the next batch.

- Stages take turns: after each batch the next claim begins with the stage after it, so a flood in one stage holds up
  no other.
- A batch that raises is worked row by row, each as the database has it now; rows that raise again fail alone and the
  rest go on. Results are stored at most once: those of a commit that failed are made anew.
- A failure of the database is nobody's fault: those rows are tried again later and never given up.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.store import lease
from gateway.store.engine import Record, Store, Tx, is_trouble
from gateway.store.retry import GiveUp
from gateway.worker.keeper import Keeper
from gateway.worker.moments import Moment, Reached, nothing
from gateway.worker.stage import Stage

log = logging.getLogger(__name__)

PACE_S = 0.02
"""How far apart the commits of small batches are at least, while one follows the other."""


@dataclass(frozen=True, slots=True)
class _Batch:
    stage: Stage
    rows: Sequence[Record]


class Batches:
    """Works the stages it is given, one batch at a time, in the calling thread."""

    def __init__(
        self, store: Store, stages: Sequence[Stage], owner: str, keeper: Keeper, reached: Reached = nothing
    ) -> None:
        self._store = store
        self._stages = list(stages)
        self._owner = owner
        self._keeper = keeper
        self._reached = reached
        self._claimed: _Batch | None = None
        self._names = tuple((stage.table, stage.name) for stage in stages)
        self._committed_at = 0.0

    def step(self) -> bool:
        """Work the claimed batch and claim the next one; False if there is none."""
        batch = self._claimed
        if batch is None:
            with self._store.read() as view:
                if not any(lease.due(view, self._names)):
                    return False
            with self._store.begin() as tx:
                self._claimed = self._claim(tx)
        else:
            self._claimed = None
            self._reached(Moment.CLAIMED)
            with self._keeper.keep(batch.stage.table, batch.rows, batch.stage.lease_us):
                self._work(batch)
            self._reached(Moment.COMMITTED)
        return self._claimed is not None

    def give_back(self) -> None:
        """Before the worker ends: what is claimed and not begun goes to others at once."""
        if self._claimed is not None:
            with self._store.begin() as tx:
                lease.release(tx, self._claimed.stage.table, self._claimed.rows)
                tx.wake(self._claimed.stage.name)
            self._claimed = None

    def _claim(self, tx: Tx) -> _Batch | None:
        due = {name for name, is_due in zip(self._names, lease.due(tx, self._names), strict=True) if is_due}
        for _ in self._stages:
            stage = self._stages[0]
            self._stages.append(self._stages.pop(0))
            if (stage.table, stage.name) not in due:
                continue
            rows = lease.claim(
                tx,
                stage.table,
                stage.name,
                self._owner,
                stage.batch,
                stage.lease_us,
                bytes_limit=stage.batch_bytes,
            )
            if rows:
                return _Batch(stage, rows)
        return None

    def _work(self, batch: _Batch) -> None:
        try:
            if any(row.last_error == lease.DIED and row.attempts > batch.stage.attempts for row in batch.rows):
                raise RuntimeError(lease.DIED)
            results = list(zip(batch.rows, batch.stage.work(batch.rows), strict=True))
            self._reached(Moment.WORKED)
            self._gather(batch)
            with self._store.begin() as tx:
                self._apply(tx, batch.stage, results)
                self._claimed = self._claim(tx)
                self._reached(Moment.APPLIED)
            self._committed_at = time.monotonic()
        except Exception as error:
            self._claimed = None
            if len(batch.rows) == 1:
                self._fail(batch.stage, batch.rows[0], error)
            else:
                self._one_by_one(batch)

    def _gather(self, batch: _Batch) -> None:
        """A small batch just after the last commit waits a moment: what comes meanwhile is claimed by its commit.

        A commit costs much the same for one row and for fifty.
        """
        if len(batch.rows) < batch.stage.batch // 4:
            time.sleep(max(self._committed_at + PACE_S - time.monotonic(), 0))

    def _one_by_one(self, batch: _Batch) -> None:
        """Work may have stored part of its effects in commits of its own: what it left in a row counts, not the row
        as it was claimed. A row that somebody else has claimed since is theirs."""
        with self._store.begin() as tx:
            held = {row.id for row in lease.hold(tx, batch.stage.table, batch.rows)}
            now = {row.id: row for row in tx.by_ids(batch.stage.table, sorted(held))}
        for row in (now[row.id] for row in batch.rows if row.id in held):
            try:
                results = list(zip([row], batch.stage.work([row]), strict=True))
                with self._store.begin() as tx:
                    self._apply(tx, batch.stage, results)
            except Exception as error:
                self._fail(batch.stage, row, error)

    def _apply(self, tx: Tx, stage: Stage, results: Sequence[tuple[Record, Any]]) -> None:
        held = {row.id for row in lease.hold(tx, stage.table, [row for row, _ in results])}
        if not held:
            return
        outcomes = list(stage.apply(tx, [result for row, result in results if row.id in held]))
        if {row.id for row, _ in outcomes} != held:
            raise RuntimeError(f"stage {stage.name} did not say what became of each row")
        lease.complete(tx, stage.table, [row for row, _ in outcomes], [values for _, values in outcomes])

    def _fail(self, stage: Stage, row: Record, error: Exception) -> None:
        said = f"{type(error).__name__}: {error}"
        log.warning("%s %s %s failed: %s", stage.name, stage.table.name, row.id, said, exc_info=error)
        with self._store.begin() as tx:
            if not lease.hold(tx, stage.table, [row]):
                return
            tries = min(row.attempts, stage.retry.attempts - 1) if is_trouble(error) else row.attempts
            decision = stage.retry.after_failure(tries, tx.now, random.random())  # noqa: S311 - spreads retries
            if isinstance(decision, GiveUp) or (row.attempts >= stage.attempts and not is_trouble(error)):
                values = stage.give_up(tx, row, said)
                if "stage" in values:
                    lease.complete(tx, stage.table, [row], [{"last_error": said[:2000], **values}])
                else:
                    lease.stop(tx, stage.table, row, error=said, values=values)
            else:
                lease.fail(tx, stage.table, row, due_at=decision.due_at, error=said)
