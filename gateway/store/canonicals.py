"""What a document says in our own language, sealed. Newer code upcasts what older code stored; nothing rewrites it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete

from gateway.store import schema
from gateway.store.engine import Tx, View

_c = schema.canonical.c


@dataclass(frozen=True, slots=True)
class Canonical:
    """One document's canonical form: `kind` and `schema_version` say how to read `json`."""

    document_id: int
    kind: str
    schema_version: int
    json: bytes


def put_many(tx: Tx, canonicals: Sequence[Canonical]) -> None:
    """Store canonical forms; a document that is processed again has its form replaced."""
    if not canonicals:
        return
    rows = [
        {
            "document_id": one.document_id,
            "kind": one.kind,
            "schema_version": one.schema_version,
            "key_id": tx.keys.current,
            "sealed": tx.keys.seal(one.json, _belongs_to(one.document_id, one.kind)),
        }
        for one in canonicals
    ]
    tx.execute(
        delete(schema.canonical).where(_c.document_id.in_(bindparam("among", expanding=True))),
        {"among": [one.document_id for one in canonicals]},
    )
    tx.insert(schema.canonical, rows)


def get_many(view: View, document_ids: Sequence[int]) -> dict[int, Canonical]:
    """Canonical forms by document id; documents that have none are missing."""
    return {
        row.document_id: Canonical(
            row.document_id,
            row.kind,
            row.schema_version,
            view.keys.open(row.key_id, row.sealed, _belongs_to(row.document_id, row.kind)),
        )
        for row in view.by_ids(schema.canonical, document_ids, column="document_id")
    }


def get(view: View, document_id: int) -> Canonical | None:
    return get_many(view, [document_id]).get(document_id)


def _belongs_to(document_id: int, kind: str) -> bytes:
    return f"canonical {document_id} {kind}".encode()
