"""What a document says in our own language, sealed. Newer code upcasts what older code stored; nothing rewrites it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import bindparam, delete

from gateway import canonical
from gateway.canonical import Document
from gateway.store import schema
from gateway.store.engine import Tx, View

_replaced = delete(schema.canonical).where(schema.canonical.c.document_id.in_(bindparam("among", expanding=True)))


def store(tx: Tx, documents: Sequence[tuple[int, Document]]) -> None:
    """Store canonical forms by document id; a document that is processed again has its form replaced."""
    if not documents:
        return
    rows = [
        {
            "document_id": document_id,
            "kind": made.kind,
            "schema_version": made.schema_version,
            "key_id": tx.keys.current,
            # Defaults are written out: a later change of a default must not change what an old row says.
            "sealed": tx.keys.seal(
                made.model_dump_json(exclude_none=True).encode(), _belongs_to(document_id, made.kind)
            ),
        }
        for document_id, made in documents
    ]
    tx.execute(_replaced, {"among": [document_id for document_id, _ in documents]})
    tx.insert(schema.canonical, rows)


def load(view: View, document_ids: Iterable[int]) -> dict[int, Document]:
    """Canonical forms by document id, as today's models; documents that have none are missing."""
    found = {}
    for row in view.by_ids(schema.canonical, list(document_ids), column="document_id"):
        plain = view.keys.open(row.key_id, row.sealed, _belongs_to(row.document_id, row.kind))
        found[row.document_id] = canonical.load(row.kind, row.schema_version, plain)
    return found


def _belongs_to(document_id: int, kind: str) -> bytes:
    return f"canonical {document_id} {kind}".encode()
