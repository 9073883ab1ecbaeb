"""How long bodies are kept, as profiles say it, and the regular deletion of those whose time is over.

Only bodies go: what was sent and received, and what we made of it. Rows, events, hashes and the audit stay, so a trace
still tells the story. Whoever is under a legal hold loses nothing (store/retention.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from gateway.partners.book import Book
from gateway.pipeline.again import note
from gateway.pipeline.house import House
from gateway.store import idempotency, retention
from gateway.store.engine import View
from gateway.store.retention import Purged

KEYS_KEPT = timedelta(days=30)
"""How long an Idempotency-Key is remembered: a client that repeats a request does so within hours."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of one owner."""

    owner: str
    keep: timedelta | None  # None = for ever
    over: Purged  # what would be deleted now


def keep_of(book: Book, owner: str) -> timedelta | None:
    """How long the bodies of a partner or a connection are kept; None = for ever.

    A connection can carry several partners, and may have a partner's name: the longest time of all of them holds.
    """
    concerned = {one.partner for one in book.agreements.values() if owner in (one.partner, one.connection)}
    times = [_of_partner(book, name) for name in concerned]
    if not times or None in times:
        return None
    return max(time for time in times if time is not None)


def _of_partner(book: Book, name: str) -> timedelta | None:
    own = book.partners[name].keep
    if own is not None:
        return own
    companies = {one.company for one in book.agreements.values() if one.partner == name}
    times = [book.companies[company].keep for company in companies]
    return None if not times or None in times else max(time for time in times if time is not None)


def overview(view: View, book: Book) -> Iterator[Kept]:
    """Every owner of bodies, how long they are kept, and what is over its time."""
    for owner in retention.owners(view):
        keep = keep_of(book, owner)
        over = Purged(0, 0, held=bool(retention.holds(view, owner)))
        if keep is not None:
            over = retention.preview(view, owner, _before(view, keep))
        yield Kept(owner, keep, over)


def purge(house: House) -> None:
    """Delete what is over its time, owner by owner, each with a line in the audit."""
    with house.store.read() as view:
        due = [(one.owner, one.keep) for one in overview(view, house.book()) if one.over.bodies and not one.over.held]
        moments = {owner: _before(view, keep) for owner, keep in due if keep is not None}
    for owner, before in moments.items():
        done = retention.purge(house.store, owner, before)
        with house.store.begin() as tx:
            note(tx, "retention", "purge", owner, bodies=done.bodies, bytes=done.bytes)
    with house.store.begin() as tx:
        idempotency.forget(tx, _before(tx, KEYS_KEPT))


def _before(view: View, keep: timedelta) -> int:
    return view.now - int(keep.total_seconds() * 1_000_000)
