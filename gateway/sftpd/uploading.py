"""A file a partner is writing: a small one waits in memory for its close, a large one is staged in the store meanwhile.

Chunks are of the store's size. `_dirty` holds those that are not stored yet; the file is always whole from 0 to `size`,
so what is staged can be continued after any crash. Digest and seals are made beside the session's thread (they take
half of all that a large file costs), one batch of chunks after the other; a partner who goes back and writes over what
is staged pays with a second reading at the close.

What is staged on the way is flushed with what lasts after it: a partner is promised nothing before their close, their
fsync, or the end of their session.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait

from gateway.sftpd.keeping import Finished, Grown, Keeper, Pieces
from gateway.sftpd.login import Login
from gateway.sftpd.wire import Code, Refusal
from gateway.store import ids, payloads
from gateway.store.engine import Record
from gateway.store.payloads import CHUNK

TOGETHER = 8  # chunks a commit
UNDER_WAY = 2  # commits of one upload that may run while the next bytes come
WORTH_STAGING = 4096  # bytes an upload may hold even when memory is full
WORTH_CONTINUING = 65_536  # bytes of a file that was cut off; a shorter one is sent again faster than it is looked up
GAP = 16_000_000  # bytes a write may lie behind the end: far more than any client has under way
BESIDE = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="upload")


class Memory:
    """What all uploads of this process together hold in memory."""

    def __init__(self, limit: int = 256_000_000) -> None:
        self.limit = limit
        self.held = 0
        self._lock = threading.Lock()

    def add(self, size: int) -> None:
        with self._lock:
            self.held += size

    @property
    def is_full(self) -> bool:
        return self.held > self.limit


class Upload:
    """One open handle for writing. Only its session's thread uses it."""

    def __init__(self, keeper: Keeper, login: Login, name: str, memory: Memory, resumed: Record | None = None) -> None:
        self.login = login
        self.name = name
        self.writer = secrets.token_hex(16)
        self.size = resumed.size if resumed is not None else 0
        self.payload_id: int | None = resumed.payload_id if resumed is not None else None
        self._keeper = keeper
        self._memory = memory
        self._dirty: dict[int, bytearray] = {}
        self._held = 0
        self._staged = -(-self.size // CHUNK)  # chunks in the store: 0 up to here
        self._digest = hashlib.sha256()
        self._hashed = 0 if resumed is None else -1  # chunks in the digest; -1: what is stored is read again at the end
        self._under_way: list[Future[Future[None]]] = []  # sealed; stored
        self._failed: Exception | None = None

    def write(self, offset: int, content: bytes) -> None:
        """Raises Refusal; what was written before stays."""
        end = offset + len(content)
        if end > self.login.settings.max_size:
            raise Refusal(Code.FAILURE, f"larger than the {self.login.settings.max_size} bytes taken here")
        if offset > self.size + GAP:
            raise Refusal(Code.FAILURE, "this write leaves too large a hole")
        if offset > self.size:
            self._put(self.size, bytes(offset - self.size))
        self._put(offset, content)
        if len(self._dirty) > TOGETHER:
            self._stage(whole_only=True, may_be_lost=True)
        elif self._memory.is_full and self._held > WORTH_STAGING:
            self._stage(whole_only=False, may_be_lost=True)
            self._settle(0)

    def flush(self) -> None:
        """All of it durable, to be continued by anybody who knows the login."""
        self._stage(whole_only=False, may_be_lost=False)
        self._settle(0)

    def finish(self, remote: str, *, is_temporary: bool) -> Finished:
        """The file is complete: what is to be kept now, to be received or held."""
        if self._staged == 0:
            whole: bytes | Grown = b"".join(self._dirty[n] for n in sorted(self._dirty))
        else:
            self._settle(0)
            whole = self._grown()
        self._let_go()
        return Finished(self.login, self.name, whole, remote, is_temporary)

    def suspend(self) -> None:
        """The connection is gone: keep what came, if it is worth continuing."""
        try:
            if self._staged or self.size >= WORTH_CONTINUING:
                self.flush()
        finally:
            self._let_go()

    def _put(self, offset: int, content: bytes) -> None:
        view, at = memoryview(content), offset
        while view:
            n, start = divmod(at, CHUNK)
            part = view[: CHUNK - start]
            chunk = self._dirty.get(n)
            if chunk is None:
                chunk = self._dirty[n] = self._chunk(n)
            before = len(chunk)
            chunk[start : start + len(part)] = part
            self._memory.add(len(chunk) - before)
            self._held += len(chunk) - before
            at += len(part)
            view = view[len(part) :]
        self.size = max(self.size, at)

    def _chunk(self, n: int) -> bytearray:
        if n >= self._staged:
            return bytearray()
        self._settle(0)
        if n < self._hashed:
            self._hashed = -1
        assert self.payload_id is not None
        with self._keeper.house.store.read() as view:
            stored = bytearray(payloads.staged(view, self.payload_id, n, self.login.connection))
        self._memory.add(len(stored))
        self._held += len(stored)
        return stored

    def _stage(self, *, whole_only: bool, may_be_lost: bool) -> None:
        chunks = [n for n in sorted(self._dirty) if not whole_only or len(self._dirty[n]) == CHUNK]
        if not chunks and (may_be_lost or not self._staged):
            return
        self._settle(UNDER_WAY - 1)
        is_first = self.payload_id is None
        payload_id, owner = self._number(), self.login.connection
        wait(self._under_way)  # one batch after the other, as the digest needs it
        replaced = [n for n in chunks if n < self._staged]
        self._staged = max([self._staged, *(n + 1 for n in chunks)])
        size = min(self.size, self._staged * CHUNK)
        plain = [(n, self._dirty.pop(n)) for n in chunks]
        held = sum(len(content) for _, content in plain)
        self._held -= held
        hashed = self._hashed_now(plain)

        def keep() -> Future[None]:
            try:
                for chunk in hashed:
                    self._digest.update(chunk)
                sealed = payloads.seal(self._keeper.house.store.keys, payload_id, owner, plain)
                about = (self.login, self.name, payload_id, self.writer)
                return self._keeper.submit(Pieces(*about, sealed, replaced, size, is_first, may_be_lost))
            finally:
                self._memory.add(-held)

        self._under_way.append(BESIDE.submit(keep))

    def _hashed_now(self, chunks: list[tuple[int, bytearray]]) -> list[bytearray]:
        """Those among the chunks to be staged that continue the digest."""
        next_ones = []
        for n, plain in chunks:
            if n == self._hashed and len(plain) == CHUNK:
                next_ones.append(plain)
                self._hashed += 1
            elif n < self._hashed:
                self._hashed = -1
        return next_ones

    def _number(self) -> int:
        if self.payload_id is None:
            with self._keeper.house.store.begin(lasting=False) as tx:
                (self.payload_id,) = ids.take(tx, "payload")
        return self.payload_id

    def _grown(self) -> Grown:
        assert self.payload_id is not None
        owner, store = self.login.connection, self._keeper.house.store
        digest, start = (self._digest.copy(), self._hashed) if self._hashed >= 0 else (hashlib.sha256(), 0)
        for n in range(start, -(-self.size // CHUNK)):
            if n in self._dirty:
                digest.update(self._dirty[n])
                continue
            with store.read() as view:
                digest.update(payloads.staged(view, self.payload_id, n, owner))
        last = payloads.seal(store.keys, self.payload_id, owner, sorted(self._dirty.items()))
        replaced = [n for n in self._dirty if n < self._staged]
        return Grown(self.payload_id, self.writer, digest.hexdigest(), self.size, last, replaced)

    def _settle(self, left: int) -> None:
        """Wait until no more than so many commits are under way. Raises what they raised."""
        if self._failed is not None:
            raise self._failed
        while len(self._under_way) > left:
            try:
                self._under_way.pop(0).result().result()
            except Exception as error:
                self._failed = error  # a piece is missing: nothing can finish this upload any more
                raise

    def _let_go(self) -> None:
        self._memory.add(-self._held)
        self._held = 0
        self._dirty.clear()
