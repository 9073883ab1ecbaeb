"""API keys as they are stored: the hash of each, never the key."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import bindparam, select

from gateway.access import ApiKey, Scope
from gateway.store.engine import Tx, View
from gateway.store.ids import take
from gateway.store.schema import api_key

_valid = select(api_key).where(api_key.c.hash == bindparam("_hash"), api_key.c.revoked_at.is_(None))


def add(tx: Tx, keys: Sequence[ApiKey]) -> None:
    """Keys that were issued; from the commit on they open doors."""
    numbers = take(tx, "api_key", len(keys))
    tx.insert(api_key, [_row(number, key) | {"created_at": tx.now} for number, key in zip(numbers, keys, strict=True)])


def valid(view: View, digest: str) -> ApiKey | None:
    """The key with this hash, unless it was revoked."""
    row = view.first(_valid, {"_hash": digest})
    if row is None:
        return None
    scopes = frozenset(Scope(scope) for scope in json.loads(row.scopes))
    return ApiKey(row.name, row.hash, scopes, row.lane, row.partner)


def _row(number: int, key: ApiKey) -> dict[str, object]:
    row = {"id": number, "name": key.name, "hash": key.hash, "scopes": json.dumps(sorted(key.scopes))}
    return row | {"lane": key.lane, "partner": key.partner, "revoked_at": None}
