"""Bodies as they came and as they went: sealed chunks of 1 MB, in the same commit as the row that names them.

Nothing is shared between owners, even where the bytes are equal: retention and legal hold belong to an owner.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import bindparam, delete, select

from gateway.store import ids, schema
from gateway.store.among import among
from gateway.store.crypto import Keys
from gateway.store.engine import Record, Store, Tx, View

CHUNK = 1_000_000
"""A body is sealed in pieces of this size, so that a part of a large one can be read without all of it."""

SEGMENTS = "application/vnd.gateway.segments+json"

_chunk = schema.payload_chunk
_chunks_n = (
    select(_chunk.c.payload_id, _chunk.c.key_id, _chunk.c.sealed, schema.payload.c.owner)
    .join(schema.payload, schema.payload.c.id == _chunk.c.payload_id)
    .where(_chunk.c.n == bindparam("_n"))
)
_chunks = _chunks_n.where(among(_chunk.c.payload_id))
_one_chunk = _chunks_n.where(_chunk.c.payload_id == bindparam("_id"))
_one = select(schema.payload).where(schema.payload.c.id == bindparam("_id"))


class PayloadPurged(Exception):
    """The body was deleted by retention; its hash and size are still known."""


@dataclass(frozen=True, slots=True)
class Body:
    """A body to be stored."""

    data: bytes
    owner: str
    lane: str
    media_type: str | None = None
    digest: str | None = None  # instead of its SHA-256, where whoever brings it has hashed it in another way


@dataclass(frozen=True, slots=True)
class Stored:
    """A body that is stored."""

    id: int
    sha256: str
    size: int


def store(
    tx: Tx,
    content: bytes | Iterable[bytes],
    *,
    owner: str,
    lane: str,
    media_type: str | None = None,
    digest: str | None = None,
) -> Stored:
    """Store one body; of one that comes in pieces, one chunk is held in memory."""
    if isinstance(content, bytes):
        return store_many(tx, [Body(content, owner, lane, media_type, digest)])[0]
    (payload_id,) = ids.take(tx, "payload")
    hasher, size = hashlib.sha256(), 0
    for n, chunk in enumerate(in_chunks(content)):
        if digest is None:
            hasher.update(chunk)
        size += len(chunk)
        tx.insert(_chunk, [_sealed(tx.keys, payload_id, n, owner, chunk)])
    digest = digest or hasher.hexdigest()
    tx.insert(schema.payload, [_row(tx, payload_id, owner, lane, digest, size, media_type)])
    return Stored(payload_id, digest, size)


def in_chunks(content: Iterable[bytes]) -> Iterator[bytes]:
    """A body that comes in pieces of any size, as it is stored: CHUNK bytes at a time, the last one shorter."""
    waiting = bytearray()
    for piece in content:
        waiting += piece
        while len(waiting) >= CHUNK:
            yield bytes(waiting[:CHUNK])
            del waiting[:CHUNK]
    if waiting:
        yield bytes(waiting)


def store_many(tx: Tx, bodies: Sequence[Body]) -> list[Stored]:
    """Store many bodies with two statements."""
    stored, rows, chunks = [], [], []
    for payload_id, body in zip(ids.take(tx, "payload", len(bodies)), bodies, strict=True):
        digest = body.digest or hashlib.sha256(body.data).hexdigest()
        stored.append(Stored(payload_id, digest, len(body.data)))
        rows.append(_row(tx, payload_id, body.owner, body.lane, digest, len(body.data), body.media_type))
        data = memoryview(body.data)
        for n, start in enumerate(range(0, len(data), CHUNK)):
            chunks.append(_sealed(tx.keys, payload_id, n, body.owner, data[start : start + CHUNK]))
    tx.insert(schema.payload, rows)
    tx.insert(_chunk, chunks)
    return stored


Plain: TypeAlias = bytes | bytearray | memoryview

Sealed: TypeAlias = Mapping[str, Any]
"""A chunk as it is stored."""


def seal(keys: Keys, payload_id: int, owner: str, pieces: Iterable[tuple[int, Plain]]) -> list[Sealed]:
    """Chunks (number, plain) of a body, to be staged; no transaction is needed for it."""
    return [_sealed(keys, payload_id, n, owner, plain) for n, plain in pieces]


def stage(tx: Tx, payload_id: int, chunks: Sequence[Sealed], replaced: Sequence[int] = ()) -> None:
    """Store chunks of a body that is still growing; `adopt` makes it one, `discard` takes it back."""
    if replaced:
        again = delete(_chunk).where(_chunk.c.payload_id == payload_id, _chunk.c.n.in_(list(replaced)))
        tx.execute(again)
    tx.insert(_chunk, chunks)


def staged(view: View, payload_id: int, n: int, owner: str) -> bytes:
    """One chunk of a body that is still growing."""
    row = view.first(select(_chunk).where(_chunk.c.payload_id == payload_id, _chunk.c.n == n))
    if row is None:
        raise LookupError(f"chunk {n} of the growing payload {payload_id} is missing")
    return view.keys.open(row.key_id, row.sealed, _belongs_to(payload_id, n, owner))


def adopt(tx: Tx, payload_id: int, *, owner: str, lane: str, sha256: str, size: int) -> Stored:
    """All chunks are there: from now on it is a body."""
    tx.insert(schema.payload, [_row(tx, payload_id, owner, lane, sha256, size, None)])
    return Stored(payload_id, sha256, size)


def discard(tx: Tx, payload_ids: Sequence[int]) -> None:
    """Take back bodies that never came to be used, grown up or not."""
    for table, column in ((_chunk, _chunk.c.payload_id), (schema.payload, schema.payload.c.id)):
        tx.execute(delete(table).where(column.in_(list(payload_ids))))


def about(source: Store | View, payload_id: int) -> Stored:
    """What a body is, without reading it."""
    row = _there(payload_id, next(iter(source.quick(_one, {"_id": payload_id})), None))
    return Stored(row.id, row.sha256, row.size)


def read_all(source: Store | View, payload_id: int) -> bytes:
    """A whole body. Raises LookupError, PayloadPurged, KeyMissing or SealBroken, as all readers here do."""
    return b"".join(stream(source, payload_id))


def stream(source: Store | View, payload_id: int, *, offset: int = 0) -> Iterator[bytes]:
    """A body chunk by chunk. From a Store, each chunk is read in a snapshot of its own: bodies never change."""
    for n in range(offset // CHUNK, -(-about(source, payload_id).size // CHUNK)):
        opened = _opened(source, [payload_id], n, source.quick(_one_chunk, {"_id": payload_id, "_n": n}))
        yield opened[payload_id][max(offset - n * CHUNK, 0) :]


def cut(source: Store | View, parts: Sequence[tuple[int, int, int]]) -> list[bytes]:
    """Parts of bodies, each (payload id, offset, size), in their order; opens each chunk that is needed once."""
    with _view(source) as view:
        return _cut(view, parts)


def _cut(view: View, parts: Sequence[tuple[int, int, int]]) -> list[bytes]:
    sizes = {payload_id: row.size for payload_id, row in _about(view, [part[0] for part in parts]).items()}
    needed: dict[int, set[int]] = {}
    for payload_id, offset, size in parts:
        for n in range(offset // CHUNK, -(-min(offset + size, sizes[payload_id]) // CHUNK)):
            needed.setdefault(n, set()).add(payload_id)
    found: list[list[bytes]] = [[] for _ in parts]
    for n in sorted(needed):
        ids = sorted(needed[n])
        opened = _opened(view, ids, n, view.all(_chunks, {"_n": n, "among": ids}))
        start, end = n * CHUNK, (n + 1) * CHUNK
        for pieces, (payload_id, offset, size) in zip(found, parts, strict=True):
            if payload_id in opened and offset < end and offset + size > start:
                pieces.append(opened[payload_id][max(offset - start, 0) : offset + size - start])
    return [b"".join(pieces) for pieces in found]


def store_segments(tx: Tx, segments: Sequence[Sequence[str]], *, owner: str, lane: str) -> Stored:
    """Store a set that is written but not yet in its envelope, which decides its separators."""
    return store_many(tx, [segments_body(segments, owner=owner, lane=lane)])[0]


def segments_body(segments: Sequence[Sequence[str]], *, owner: str, lane: str) -> Body:
    """Such a set as a body, to be stored with others."""
    content = json.dumps(segments, ensure_ascii=False, separators=(",", ":")).encode()
    return Body(content, owner, lane, SEGMENTS)


def segments(source: Store | View, payload_ids: Sequence[int]) -> dict[int, list[list[str]]]:
    """What `store_segments` stored, by payload id."""
    with _view(source) as view:
        sizes = _about(view, payload_ids)
        whole = _cut(view, [(payload_id, 0, sizes[payload_id].size) for payload_id in payload_ids])
    return {payload_id: json.loads(text) for payload_id, text in zip(payload_ids, whole, strict=True)}


@contextmanager
def _view(source: Store | View) -> Iterator[View]:
    if isinstance(source, View):
        yield source
    else:
        with source.read() as view:
            yield view


def _about(view: View, payload_ids: Sequence[int]) -> dict[int, Record]:
    rows = {row.id: row for row in view.by_ids(schema.payload, list(dict.fromkeys(payload_ids)))}
    return {payload_id: _there(payload_id, rows.get(payload_id)) for payload_id in payload_ids}


def _there(payload_id: int, row: Record | None) -> Record:
    if row is None:
        raise LookupError(f"no payload {payload_id}")
    if row.purged_at is not None:
        raise PayloadPurged(f"payload {payload_id} was deleted by retention")
    return row


def _opened(source: Store | View, payload_ids: Sequence[int], n: int, rows: Iterable[Record]) -> dict[int, bytes]:
    """The n-th chunk of each of these bodies."""
    opened = {
        row.payload_id: source.keys.open(row.key_id, row.sealed, _belongs_to(row.payload_id, n, row.owner))
        for row in rows
    }
    if len(opened) != len(payload_ids):
        raise LookupError(f"chunk {n} of a payload is missing: {sorted(set(payload_ids) - set(opened))[:5]}")
    return opened


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


def _sealed(keys: Keys, payload_id: int, n: int, owner: str, plain: Plain) -> Sealed:
    sealed = keys.seal(plain, _belongs_to(payload_id, n, owner))
    return {"payload_id": payload_id, "n": n, "key_id": keys.current, "sealed": sealed}


def _belongs_to(payload_id: int, n: int, owner: str) -> bytes:
    return f"payload {payload_id} {n} {owner}".encode()
