"""Bodies as they came and as they went: sealed chunks of 1 MB, in the same commit as the row that names them.

Nothing is shared between owners, even where the bytes are equal: retention and legal hold belong to an owner.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, insert, select

from gateway.store import ids, schema
from gateway.store.engine import IN_LIMIT, Tx, View

CHUNK = 1_000_000
"""A body is sealed in pieces of this size, so that a part of a large one can be read without all of it."""

_chunk = schema.payload_chunk
_chunks = (
    select(_chunk.c.n, _chunk.c.key_id, _chunk.c.sealed)
    .where(_chunk.c.payload_id == bindparam("payload"), _chunk.c.n.between(bindparam("first"), bindparam("last")))
    .order_by(_chunk.c.n)
)


class PayloadPurged(Exception):
    """The body was deleted by retention; its hash and size are still known."""


@dataclass(frozen=True, slots=True)
class Body:
    """A body to be stored."""

    data: bytes
    owner: str
    lane: str
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A body that is stored."""

    id: int
    sha256: str
    size: int


def put(tx: Tx, body: Body) -> Stored:
    """Store one body."""
    return put_many(tx, [body])[0]


def put_many(tx: Tx, bodies: Sequence[Body]) -> list[Stored]:
    """Store many bodies with two statements."""
    stored, rows, chunks = [], [], []
    for payload_id, body in zip(ids.take(tx, "payload", len(bodies)), bodies, strict=True):
        digest = hashlib.sha256(body.data).hexdigest()
        stored.append(Stored(payload_id, digest, len(body.data)))
        rows.append(_row(tx, payload_id, body.owner, body.lane, digest, len(body.data), body.media_type))
        for n, start in enumerate(range(0, len(body.data), CHUNK)):
            chunks.append(_sealed(tx, payload_id, n, body.owner, body.data[start : start + CHUNK]))
    tx.insert(schema.payload, rows)
    tx.insert(_chunk, chunks)
    return stored


def put_stream(tx: Tx, pieces: Iterable[bytes], *, owner: str, lane: str, media_type: str | None = None) -> Stored:
    """Store a body that does not fit in memory; at most one chunk of it is held."""
    (payload_id,) = ids.take(tx, "payload")
    digest, size, n, waiting = hashlib.sha256(), 0, 0, bytearray()
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
        waiting += piece
        while len(waiting) >= CHUNK:
            tx.execute(insert(_chunk), _sealed(tx, payload_id, n, owner, bytes(waiting[:CHUNK])))
            del waiting[:CHUNK]
            n += 1
    if waiting:
        tx.execute(insert(_chunk), _sealed(tx, payload_id, n, owner, bytes(waiting)))
    tx.insert(schema.payload, [_row(tx, payload_id, owner, lane, digest.hexdigest(), size, media_type)])
    return Stored(payload_id, digest.hexdigest(), size)


def get(view: View, payload_id: int) -> bytes:
    """A whole body. Raises LookupError, PayloadPurged, KeyMissing or SealBroken."""
    return get_many(view, [payload_id])[payload_id]


def get_many(view: View, payload_ids: Sequence[int]) -> dict[int, bytes]:
    """Whole bodies by id, with two statements a thousand."""
    wanted = list(dict.fromkeys(payload_ids))
    rows = {row.id: row for row in view.by_ids(schema.payload, wanted)}
    pieces: dict[int, list[tuple[int, bytes]]] = {payload_id: [] for payload_id in wanted}
    for start in range(0, len(wanted), IN_LIMIT):
        for chunk in view.by_ids(_chunk, wanted[start : start + IN_LIMIT], column="payload_id"):
            if chunk.payload_id in rows:
                belongs_to = _belongs_to(chunk.payload_id, chunk.n, rows[chunk.payload_id].owner)
                plain = view.keys.open(chunk.key_id, chunk.sealed, belongs_to)
                pieces[chunk.payload_id].append((chunk.n, plain))
    found = {}
    for payload_id in wanted:
        if payload_id not in rows:
            raise LookupError(f"no payload {payload_id}")
        if rows[payload_id].purged_at is not None:
            raise PayloadPurged(f"payload {payload_id} was deleted by retention")
        found[payload_id] = b"".join(plain for _, plain in sorted(pieces[payload_id]))
    return found


def stream(view: View, payload_id: int, *, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
    """A body, or a part of it, chunk by chunk; opens only the chunks it needs."""
    row = view.get(schema.payload, payload_id)
    if row is None:
        raise LookupError(f"no payload {payload_id}")
    if row.purged_at is not None:
        raise PayloadPurged(f"payload {payload_id} was deleted by retention")
    end = row.size if size is None else min(row.size, offset + size)
    for n in range(offset // CHUNK, -(-end // CHUNK)):
        found = view.first(_chunks, {"payload": payload_id, "first": n, "last": n})
        if found is None:
            raise LookupError(f"payload {payload_id} has no chunk {n}")
        plain = view.keys.open(found.key_id, found.sealed, _belongs_to(payload_id, n, row.owner))
        yield plain[max(offset - n * CHUNK, 0) : end - n * CHUNK]


def cut(view: View, payload_id: int, offset: int, size: int) -> bytes:
    """A part of a body: one document of an interchange."""
    return b"".join(stream(view, payload_id, offset=offset, size=size))


def _row(
    tx: Tx, payload_id: int, owner: str, lane: str, digest: str, size: int, media_type: str | None
) -> dict[str, object]:
    return {
        "id": payload_id,
        "owner": owner,
        "lane": lane,
        "sha256": digest,
        "size": size,
        "media_type": media_type,
        "created_at": tx.now,
    }


def _sealed(tx: Tx, payload_id: int, n: int, owner: str, plain: bytes) -> dict[str, object]:
    sealed = tx.keys.seal(plain, _belongs_to(payload_id, n, owner))
    return {"payload_id": payload_id, "n": n, "key_id": tx.keys.current, "sealed": sealed}


def _belongs_to(payload_id: int, n: int, owner: str) -> bytes:
    return f"payload {payload_id} {n} {owner}".encode()
