"""The moments between which a process may die: a list of them, so that a test can die at each.

Whoever is about to pass one says so to a `Reached`. In service that does nothing; the fault tests pass one that kills
the process with SIGKILL. tests/worker/test_crash_points.py fails if a moment here is never reached.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Moment(StrEnum):
    """Where a crash must neither lose nor double anything."""

    CLAIMED = "batch claimed, its work not begun"
    WORKED = "batch worked, its effects not stored"
    APPLIED = "effects written, not committed"
    COMMITTED = "effects and the next claim committed"
    STARTED = "delivery marked as started, not sent"
    SENT = "sent, its end not recorded"
    RECORDED = "its end written, not committed"
    SETTLED = "its end committed"
    STORED = "arrival written, not committed"
    DURABLE = "arrival committed, not acknowledged"


Reached = Callable[[Moment], None]


def nothing(moment: Moment) -> None:
    """What happens at every moment in service."""
