"""What the worker knows of a stage of the road: where its rows are, how they are worked, what is stored of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table

from gateway.store.engine import Record, Tx
from gateway.store.retry import SECOND, RetryPolicy

Outcomes = Iterable[tuple[Record, Mapping[str, Any]]]
"""Each row with the column values it gets: `stage` (and `due_at`) for the next work, no `stage` when it is finished."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One kind of work on the rows of one table."""

    name: str  # the value in the column `stage`
    table: Table
    work: Callable[[Sequence[Record]], Sequence[Any]]
    """Runs outside every transaction; one result a row, in the order of the rows.

    If it raises, each row is worked alone, and only the rows for which it raises again have failed."""
    apply: Callable[[Tx, Sequence[Any]], Outcomes]
    """Stores the results of rows that are still ours, in the transaction that ends their leases."""
    give_up: Callable[[Tx, Record, str], Mapping[str, Any]]
    """Says in the database that a row failed for the last time (opens a work item) and returns its column values.

    Without `stage` among them the row keeps its stage, so that `lease.restart` can run it again."""
    batch: int = 100
    batch_bytes: int | None = None  # of a table with `size`: no more rows once they have so many together
    lease_us: int = 60 * SECOND  # a long batch keeps its leases: keeper.py renews them
    attempts: int = 5  # a defect of ours does not go away by trying: five tell it from bad luck
    retry: RetryPolicy = field(default=RetryPolicy(first_us=SECOND, longest_us=60 * SECOND))
