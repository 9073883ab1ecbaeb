"""A file a partner reads: one chunk of it open at a time, and how much of it they have asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator

from gateway.pipeline.fetch import Owed
from gateway.store import payloads
from gateway.store.engine import Store
from gateway.store.payloads import CHUNK

REMEMBERED = 1000  # files that were read in part; the longest untouched is forgotten, and then read anew
PARTS = 1000  # of one file; a reader that jumps about more than that is not fetching it

Parts = list[tuple[int, int]]  # what was read, in order, never touching


class Begun:
    """What all sessions read of each file: who was cut off goes on in another session, and then has all of it."""

    def __init__(self) -> None:
        self._parts: OrderedDict[int, Parts] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, delivery_id: int) -> Parts:
        with self._lock:
            parts = self._parts.setdefault(delivery_id, [])
            self._parts.move_to_end(delivery_id)
            while len(self._parts) > REMEMBERED:
                self._parts.popitem(last=False)
            return parts


class Download:
    """One open handle for reading."""

    def __init__(self, store: Store, payload_id: int, size: int, owed: Owed | None, read: Parts) -> None:
        self.size = size
        self.owed = owed  # None for what they gave us themselves
        self._store = store
        self._payload_id = payload_id
        self._coming: Iterator[bytes] = payloads.stream(store, payload_id)
        self._n = -1
        self._chunk = b""
        self._read = read
        self._reached_end = size == 0

    def read(self, offset: int, size: int) -> bytes:
        """Empty at the end."""
        end = min(offset + size, self.size)
        parts, at = [], offset
        while at < end:
            n, start = divmod(at, CHUNK)
            parts.append(self._open(n)[start : start + end - at])
            at += len(parts[-1])
        if parts:
            self._note(offset, end)
            self._reached_end |= end == self.size
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _open(self, n: int) -> bytes:
        if n != self._n:
            if n != self._n + 1:  # they jump; otherwise the stream is where they go on
                self._coming = payloads.stream(self._store, self._payload_id, offset=n * CHUNK)
            self._chunk, self._n = next(self._coming), n
        return self._chunk

    @property
    def is_whole(self) -> bool:
        """They have all of it: of what was cut off some may not have arrived, so this handle went on to the end."""
        return self._reached_end and (self.size == 0 or self._read == [(0, self.size)])

    def _note(self, start: int, end: int) -> None:
        if self._read and self._read[-1][1] == start:  # the usual case: one read after the other
            self._read[-1] = (self._read[-1][0], end)
            return
        parts: Parts = []
        for part in sorted([*self._read, (start, end)]):
            if parts and part[0] <= parts[-1][1]:
                parts[-1] = (parts[-1][0], max(parts[-1][1], part[1]))
            else:
                parts.append(part)
        self._read[:] = parts[:PARTS]
