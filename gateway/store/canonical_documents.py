"""What a document says in our own language, sealed. Newer code upcasts what older code stored; nothing rewrites it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select

from gateway import canonical
from gateway.canonical import Document
from gateway.store import schema
from gateway.store.among import among
from gateway.store.engine import Tx, View

_these = among(schema.canonical.c.document_id)
_replaced = delete(schema.canonical).where(_these)
_kept = select(schema.canonical.c.document_id).where(_these)


@dataclass(frozen=True, slots=True)
class Form:
    """A canonical document, written out to be stored."""

    kind: str
    schema_version: int
    plain: bytes


def form_of(made: Document) -> Form:
    """Defaults are written out: a later change of a default must not change what an old row says."""
    return Form(made.kind, made.schema_version, made.model_dump_json(exclude_none=True).encode())


def store(tx: Tx, documents: Sequence[tuple[int, Document]]) -> None:
    """Store canonical documents by document id."""
    store_forms(tx, [(document_id, form_of(made)) for document_id, made in documents])


def store_forms(tx: Tx, forms: Sequence[tuple[int, Form]], again: Sequence[int] = ()) -> None:
    """Store forms by document id; `again` are the documents that may have one, which is replaced."""
    if not forms:
        return
    rows = [
        {
            "document_id": document_id,
            "kind": form.kind,
            "schema_version": form.schema_version,
            "key_id": tx.keys.current,
            "sealed": tx.keys.seal(form.plain, _belongs_to(document_id, form.kind)),
        }
        for document_id, form in forms
    ]
    if again:
        tx.execute(_replaced, {"among": again})
    tx.insert(schema.canonical, rows)


def kept(view: View, document_ids: Sequence[int]) -> frozenset[int]:
    """Which of these documents have a canonical form still."""
    return frozenset(view.execute(_kept, {"among": list(document_ids)}).scalars())


def load(view: View, document_ids: Iterable[int]) -> dict[int, Document]:
    """Canonical forms by document id, as today's models; documents that have none are missing."""
    found = {}
    for row in view.by_ids(schema.canonical, list(document_ids), column="document_id"):
        plain = view.keys.open(row.key_id, row.sealed, _belongs_to(row.document_id, row.kind))
        found[row.document_id] = canonical.load(row.kind, row.schema_version, plain)
    return found


def _belongs_to(document_id: int, kind: str) -> bytes:
    return f"canonical {document_id} {kind}".encode()
