"""How much of what we refuse is kept. Whoever knows two AS2 names, which are no secret, can send us rubbish under them.

Every refused message is stored with its reason, up to a number and a size an hour for each connection; all strangers
together are one. What comes beyond that is answered "not now", counted, and told once an hour: an honest partner whose
certificate ran out tries again later and then gets through. Each web process counts for itself.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

WINDOW_S = 3600.0
MESSAGES = 200  # of one connection; an honest partner with the wrong certificate sends some dozens an hour
BYTES = 256 * 1024 * 1024


@dataclass(slots=True)
class _Hour:
    began: float
    messages: int = 0
    size: int = 0
    told: bool = False


@dataclass(slots=True)
class Refusals:
    """The refusals of one process. Safe to use from several threads."""

    messages: int = MESSAGES
    size: int = BYTES
    clock: Callable[[], float] = time.monotonic
    not_kept: Counter[str] = field(default_factory=Counter)  # by reason, since the process began
    _hours: dict[str, _Hour] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, connection: str, size: int) -> bool:
        """Whether one more refused message of this size is kept; it is counted then."""
        with self._lock:
            hour = self._hour(connection)
            if self._is_full(hour):
                self.not_kept["too many"] += 1
                return False
            hour.messages += 1
            hour.size += size
            return True

    def full(self, connection: str) -> bool:
        """Whether nothing more is kept of it, so that its body need not even be read."""
        with self._lock:
            is_full = self._is_full(self._hour(connection))
            if is_full:
                self.not_kept["too many"] += 1
            return is_full

    def tell(self, connection: str) -> bool:
        """Whether a person has to be told now: once an hour."""
        with self._lock:
            hour = self._hour(connection)
            hour.told, before = True, hour.told
            return not before

    def count(self, why: str) -> None:
        """One arrival of which nothing was kept."""
        with self._lock:
            self.not_kept[why] += 1

    def seconds_left(self, connection: str) -> int:
        """Until it may be tried again."""
        with self._lock:
            return max(1, int(self._hour(connection).began + WINDOW_S - self.clock()))

    def _is_full(self, hour: _Hour) -> bool:
        return hour.messages >= self.messages or hour.size >= self.size

    def _hour(self, connection: str) -> _Hour:
        now, found = self.clock(), self._hours.get(connection)
        if found is None or now - found.began >= WINDOW_S:
            found = self._hours[connection] = _Hour(now)
        return found
