"""What keeps one partner, or a stranger, from taking everything: pace, failures counted, a bounded memory of both."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict
from typing import TypeVar

Value = TypeVar("Value")

REMEMBERED = 10_000  # addresses and users; the longest unseen is forgotten
TRIES = 10  # failures within WITHIN_S that close the door ...
WITHIN_S = 600.0
CLOSED_S = 900.0  # ... for this long


class Pace:
    """Bytes a second of all sessions of one connection together; they may run a second ahead."""

    def __init__(self, per_second: int | None) -> None:
        self._per_second = per_second
        self._lock = threading.Lock()
        self._free_at = 0.0

    def owe(self, size: int) -> None:
        """So many bytes came or went."""
        if self._per_second is None:
            return
        with self._lock:
            self._free_at = max(self._free_at, time.monotonic() - 1.0) + size / self._per_second

    @property
    def is_due(self) -> bool:
        """Whether it is time to go on."""
        return self._per_second is None or self._free_at <= time.monotonic()


class Bans:
    """Failures by address and by user. Forgets the oldest instead of growing."""

    def __init__(self, tries: int = TRIES) -> None:
        self._tries = tries
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()  # who -> how many, since when
        self._closed: OrderedDict[str, float] = OrderedDict()  # who -> until when

    def failed(self, who: str) -> bool:
        """Count a failure; true if it closed the door just now."""
        now = time.monotonic()
        with self._lock:
            count, since = self._failures.pop(who, (0, now))
            if now - since > WITHIN_S:
                count, since = 0, now
            count += 1
            if count < self._tries:
                _remember(self._failures, who, (count, since))
                return False
            _remember(self._closed, who, now + CLOSED_S)
            return True

    def is_closed(self, who: str) -> bool:
        with self._lock:
            until = self._closed.get(who)
            if until is not None and until <= time.monotonic():
                del self._closed[who]
                until = None
            return until is not None

    def succeeded(self, who: str) -> None:
        with self._lock:
            self._failures.pop(who, None)


def _remember(memory: OrderedDict[str, Value], who: str, value: Value) -> None:
    memory[who] = value
    memory.move_to_end(who)
    while len(memory) > REMEMBERED:
        memory.popitem(last=False)


def neighbourhood(address: str) -> str:
    """Who counts as one: an IPv4 address, or the /64 one IPv6 host can move in at will."""
    found = ipaddress.ip_address(address)
    if found.version == 4:
        return address
    mapped = found.ipv4_mapped
    return str(mapped) if mapped else str(ipaddress.ip_network(f"{address}/64", strict=False))
