"""A file a partner reads: one chunk of it open at a time, and how much of it they have asked for."""

from __future__ import annotations

from gateway.pipeline.fetch import Owed
from gateway.store import payloads
from gateway.store.engine import Store
from gateway.store.payloads import CHUNK


class Download:
    """One open handle for reading."""

    def __init__(self, store: Store, payload_id: int, size: int, owed: Owed | None) -> None:
        self.size = size
        self.owed = owed  # None for what they gave us themselves
        self._store = store
        self._payload_id = payload_id
        self._n = -1
        self._chunk = b""
        self._read: list[tuple[int, int]] = []  # parts that were asked for, in order, never touching

    def read(self, offset: int, size: int) -> bytes:
        """Empty at the end."""
        if offset >= self.size:
            return b""
        n, start = divmod(offset, CHUNK)
        if n != self._n:
            (self._chunk,) = payloads.cut(self._store, [(self._payload_id, n * CHUNK, CHUNK)])
            self._n = n
        content = self._chunk[start : start + size]
        if start + size > CHUNK and offset + len(content) < self.size:
            (more,) = payloads.cut(self._store, [(self._payload_id, offset + len(content), size - len(content))])
            content += more
        self._note(offset, offset + len(content))
        return content

    @property
    def is_whole(self) -> bool:
        return self.size == 0 or self._read == [(0, self.size)]

    def _note(self, start: int, end: int) -> None:
        if self._read and self._read[-1][1] == start:  # the usual case: one read after the other
            self._read[-1] = (self._read[-1][0], end)
            return
        parts: list[tuple[int, int]] = []
        for part in sorted([*self._read, (start, end)]):
            if parts and part[0] <= parts[-1][1]:
                parts[-1] = (parts[-1][0], max(parts[-1][1], part[1]))
            else:
                parts.append(part)
        self._read = parts[:1000]  # a reader that jumps about more than that is not fetching a file
