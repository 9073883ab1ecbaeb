"""The same request twice is one request: the second gets the first one's answer."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from gateway.store import schema
from gateway.store.engine import Tx

_t = schema.idempotency
_one = select(_t).where(_t.c.scope == bindparam("_scope"), _t.c.key == bindparam("_key"))


class KeyReused(Exception):
    """The key came before with another request: the caller's mistake, answered with 422."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the first request was answered."""

    status: int
    response: str


def begin(tx: Tx, scope: str, key: str, request_sha256: str) -> Answer | None:
    """None if this is the first time; the first answer otherwise. Write the answer in the same transaction (`answer`).

    A second request at the same moment waits for the first one's commit. Raises KeyReused.
    """
    insert = sqlite_insert if tx.is_sqlite else postgresql_insert
    row = {"scope": scope, "key": key, "request_sha256": request_sha256, "created_at": tx.now}
    claimed = tx.execute(insert(_t).values(row).on_conflict_do_nothing().returning(_t.c.key)).first()
    if claimed is not None:
        return None
    found = tx.first(_one, {"_scope": scope, "_key": key})
    assert found is not None
    if found.request_sha256 != request_sha256:
        raise KeyReused(f"Idempotency-Key {key!r} was used before for another request")
    return None if found.status is None else Answer(found.status, found.response)


def answer(tx: Tx, scope: str, key: str, status: int, response: str) -> None:
    """Remember what this request is answered."""
    tx.execute(update(_t).where(_t.c.scope == scope, _t.c.key == key).values(status=status, response=response))


def forget(tx: Tx, before: int) -> int:
    """Delete keys older than an instant; returns how many."""
    return tx.execute(delete(_t).where(_t.c.created_at < before)).rowcount
