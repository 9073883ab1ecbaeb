"""A large file that was collected, stored in pieces: no commit of a gigabyte, during which nobody else could write.

The pieces stand under the file's transport id as an unfinished upload does (store/uploads.py): who is killed in the
middle leaves them to the next try, which takes them back and begins anew. The last commit makes them a body and
receives it, and fails if another worker has taken the file over meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.store import ids, payloads, uploads
from gateway.store.engine import Store, Tx
from gateway.store.retry import SECOND

TOGETHER = 8  # pieces a commit
GIVEN_UP = 7 * 86_400 * SECOND  # of a file that never came again, its pieces go

Piece = tuple[int, bytes]  # number and content


@dataclass(frozen=True, slots=True)
class LargeFile:
    """All of it is stored but `last`, which comes with the commit that receives it."""

    connection: str
    lane: str
    name: str
    payload_id: int
    sha256: str
    size: int
    last: Sequence[Piece]

    def adopt(self, tx: Tx) -> payloads.Stored:
        """A body from now on. Raises Overtaken."""
        _stage(tx, self.connection, self.name, self.payload_id, self.last, self.size)
        uploads.let_go(tx, self.connection, self.name)
        return payloads.adopt(
            tx, self.payload_id, owner=self.connection, lane=self.lane, sha256=self.sha256, size=self.size
        )


def store(store: Store, connection: str, lane: str, name: str, content: Iterable[bytes]) -> LargeFile:
    """Everything but its last pieces, some pieces a commit. Raises Overtaken."""
    with store.begin() as tx:
        for row in uploads.abandoned(tx, connection, tx.now - GIVEN_UP):
            uploads.remove(tx, connection, row.name)
        (payload_id,) = ids.take(tx, "payload")
        begun = {"connection": connection, "name": name, "lane": lane, "status": uploads.PARTIAL, "size": 0}
        before = uploads.standing(tx, [(connection, name)])
        uploads.put(tx, [{**begun, "payload_id": payload_id, "writer": str(payload_id)}], before)
    digest, size, pieces = hashlib.sha256(), 0, list[Piece]()
    for n, plain in enumerate(payloads.in_chunks(content)):
        if len(pieces) == TOGETHER:
            with store.begin(lasting=False) as tx:
                _stage(tx, connection, name, payload_id, pieces, size)
            pieces = []
        digest.update(plain)
        size += len(plain)
        pieces.append((n, plain))
    return LargeFile(connection, lane, name, payload_id, digest.hexdigest(), size, pieces)


def _stage(tx: Tx, connection: str, name: str, payload_id: int, pieces: Sequence[Piece], size: int) -> None:
    uploads.grow(tx, connection, name, str(payload_id), size)
    payloads.stage(tx, payload_id, payloads.seal(tx.keys, payload_id, connection, pieces))
