"""When a failed attempt is made again: a value, computed without clock or chance of its own."""

from __future__ import annotations

from dataclasses import dataclass

SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again at this instant."""

    due_at: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No further attempt; `reason` is a sentence for a person."""

    reason: str


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how fast to try again. The defaults try for about a day."""

    first_us: int = 2 * SECOND  # pause after the first failure
    factor: float = 2.0  # each pause is this much longer than the one before
    longest_us: int = 3600 * SECOND  # no pause is longer
    attempts: int = 30  # the last try has this number
    jitter: float = 0.2  # a pause is shortened by up to this share, so that many do not come back at once

    def pause_us(self, attempts: int, chance: float) -> int:
        """The pause after this many attempts; `chance` in [0, 1) spreads it."""
        grown = self.first_us * self.factor ** min(attempts - 1, 60)
        return int(min(grown, self.longest_us) * (1 - self.jitter * chance))

    def after_failure(
        self, attempts: int, now: int, chance: float, *, deadline_at: int | None = None, retry_after_us: int = 0
    ) -> RetryAt | GiveUp:
        """What to do after attempt number `attempts` failed.

        `retry_after_us` is what the other side asked for: never sooner than that. A next try after the deadline is
        pulled to the deadline once; from then on there is none.
        """
        if attempts >= self.attempts:
            return GiveUp(f"{attempts} attempts failed")
        if deadline_at is not None and now >= deadline_at:
            return GiveUp("its deadline has passed")
        due_at = now + max(self.pause_us(attempts, chance), retry_after_us)
        if deadline_at is not None and due_at > deadline_at:
            if now + retry_after_us > deadline_at:
                return GiveUp("the other side asked to wait until after the deadline")
            due_at = deadline_at
        return RetryAt(due_at)
