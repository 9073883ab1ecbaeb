"""Profiles and maps as published: immutable texts by hash, and which book of them is active from when.

A file's text is stored once, whatever books it stands in; a book is a manifest of names and hashes under the book's own
hash. So every document's `profile_revision` can be opened again, and two nodes with one hash have the same book.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from sqlalchemy import select

from gateway.partners.book import Book
from gateway.store.engine import Tx, View
from gateway.store.schema import active_revision, revision

BOOK, FILE = "book", "file"  # values of the column `kind`


class NotPublished(LookupError):
    """There is no book under this hash, or none is active yet."""


def publish(tx: Tx, book: Book, *, by: str, active_from: int | None = None) -> bool:
    """Store a book and make it the active one from now, or a later instant, on; False if it is active already."""
    if active_from is None and active_hash(tx) == book.revision:
        return False
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in book.files.items()}
    wanted = {book.revision: (BOOK, BOOK, json.dumps(hashes, sort_keys=True))}
    wanted |= {hashes[name]: (FILE, name, text) for name, text in book.files.items()}
    known = {row.hash for row in tx.by_ids(revision, sorted(wanted), column="hash")}
    tx.insert(
        revision,
        [
            {"hash": name, "kind": kind, "name": file, "body": body, "published_at": tx.now, "published_by": by}
            for name, (kind, file, body) in wanted.items()
            if name not in known
        ],
    )
    active = {"kind": BOOK, "name": BOOK, "active_from": active_from or tx.now, "hash": book.revision}
    tx.insert(active_revision, [active])
    return True


def alone(tx: Tx) -> None:
    """Until this transaction ends nobody else publishes: what is added to the active book is not lost to another."""
    tx.take_turns(["publishing"])


def active_hash(view: View, at: int | None = None) -> str | None:
    """The hash of the book that is active now, or was at an instant; None before the first one."""
    wanted = (
        select(active_revision.c.hash)
        .where(
            active_revision.c.kind == BOOK,
            active_revision.c.name == BOOK,
            active_revision.c.active_from <= (view.now if at is None else at),
        )
        .order_by(active_revision.c.active_from.desc())
        .limit(1)
    )
    found: str | None = view.scalar(wanted)
    return found


def files_of(view: View, book_hash: str, ending: str = "") -> Mapping[str, str]:
    """The texts of a published book by name, or those whose name ends so. Raises NotPublished."""
    manifest = view.scalar(select(revision.c.body).where(revision.c.hash == book_hash, revision.c.kind == BOOK))
    if manifest is None:
        raise NotPublished(f"no book is published as {book_hash}")
    said: dict[str, str] = json.loads(manifest)
    hashes = {name: file_hash for name, file_hash in said.items() if name.endswith(ending)}
    texts = {row.hash: row.body for row in view.by_ids(revision, sorted(set(hashes.values())), column="hash")}
    return {name: texts[file_hash] for name, file_hash in hashes.items()}
