"""When a document that is ready goes into an envelope: at once, or together with others of its agreement.

The first document of an agreement that collects opens the collection: it closes after the window, at the next cut-off
of the company's working day, or once as many wait as an envelope takes, whatever is first. Those that become ready
meanwhile get the same moment, so that `wrap` claims all of them together. Two workers that open a collection at the
same moment make two envelopes of what could have been one; nothing is lost by that.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select, update

from gateway.partners.agreement import Agreement
from gateway.partners.book import Book
from gateway.store.engine import Tx
from gateway.store.schema import document

STAGE = "wrap"


def due(tx: Tx, book: Book, ready: Sequence[str]) -> Mapping[str, int]:
    """Agreement -> when its documents that became ready in this commit are wrapped; one name a document."""
    moments = dict.fromkeys(ready, tx.now)
    collecting = [name for name in moments if book.agreements[name].envelope.collects]
    waiting = {row.agreement: row for row in _waiting(tx, collecting)}
    counts = Counter(ready)
    for name in collecting:
        agreement, before = book.agreements[name], waiting.get(name)
        if counts[name] + (before.waiting if before else 0) >= agreement.envelope.max_documents:
            _close(tx, name)
        else:
            moments[name] = before.closes if before else _closes(tx, book, agreement)
    return moments


def _closes(tx: Tx, book: Book, agreement: Agreement) -> int:
    terms = agreement.envelope
    closes = tx.now + int(terms.window.total_seconds() * 1_000_000)
    if terms.cutoff is None:
        return closes
    calendar, zone = book.companies[agreement.company].calendar_of()
    now = dt.datetime.fromtimestamp(tx.now / 1_000_000, dt.UTC)
    return min(closes, int(calendar.next_time(now, terms.cutoff, zone).timestamp() * 1_000_000))


def _waiting(tx: Tx, agreements: list[str]) -> Sequence[Any]:
    if not agreements:
        return []
    c = document.c
    query = select(c.agreement, func.count().label("waiting"), func.min(c.due_at).label("closes"))
    return tx.all(query.where(*_open(tx), c.agreement.in_(agreements)).group_by(c.agreement))


def _close(tx: Tx, agreement: str) -> None:
    tx.execute(update(document).where(*_open(tx), document.c.agreement == agreement).values(due_at=tx.now))


def _open(tx: Tx) -> tuple[Any, ...]:
    """What waits for its collection to close; a row that is being tried again has attempts and is no part of it."""
    return document.c.stage == STAGE, document.c.due_at > tx.now, document.c.attempts == 0
