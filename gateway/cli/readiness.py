"""What must be there before a partner goes into production, and whether it is: the checklist of `gateway test`.

Each point looks at the profiles, at this machine, or at the gateway that runs here, and says what to do where it is not
met. What needs a gateway that has run is open, not missing, where there is none.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import func, select

from gateway.cli.opening import settings
from gateway.flows.commands import OPERATIONS
from gateway.partners import secrets
from gateway.partners.agreement import Agreement
from gateway.partners.book import Book
from gateway.partners.secrets import SecretMissing, is_reference
from gateway.partners.system import System
from gateway.pipeline import certificates, publishing, revisions
from gateway.pipeline.telling import KINDS
from gateway.pipeline.translate import FACTS
from gateway.store.engine import View
from gateway.store.schema import api_key, document

State = Literal["met", "missing", "open"]
ROLES = ("EDI", "API")
LEAST_LIFE = dt.timedelta(days=30)  # of a certificate on the first day of production
KEY, EXCHANGE = "a key for what they post", "a test exchange of every document"
OWED = {"order-response": "order_response", "shipment": "ship_notice", "invoice": "invoice"}


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the checklist."""

    what: str
    state: State
    todo: str = ""


def checklist(book: Book, partner: str) -> list[Point]:
    """Every point for one partner."""
    mine = [a for a in book.agreements.values() if a.partner == partner]
    return [
        _contacts(book, partner),
        *_lanes(mine),
        *_deadlines(book, mine),
        *_heard(book, mine),
        *_wires(book, mine),
        *_certificates(book, mine),
        *_here(book, partner, mine),
    ]


def _point(what: str, met: bool, todo: str) -> Point:
    return Point(what, "met") if met else Point(what, "missing", todo)


def _contacts(book: Book, partner: str) -> Point:
    reached = [c for c in book.partners[partner].contacts if c.email or c.phone]
    desks = [c for c in reached if any(role.lower() in c.role.lower() for role in ROLES)]
    todo = "name somebody of their EDI desk with e-mail or telephone under `contacts:`"
    return _point("somebody to ask when a document is wrong", bool(desks), todo)


def _lanes(mine: Sequence[Agreement]) -> Iterator[Point]:
    live = {(a.direction, a.document) for a in mine if a.lane == "production"}
    tried = {(a.direction, a.document) for a in mine if a.lane == "test"}
    yield _point("a test lane", bool(tried), "write the same agreements with `lane: test` on a wire of their own")
    lacking = ", ".join(sorted(f"{way} {name}" for way, name in tried - live))
    yield _point(
        "agreements of the production lane for all that was tested",
        bool(live) and not lacking,
        f"add them when both sides are content: {lacking or 'none is written yet'}",
    )


def _deadlines(book: Book, mine: Sequence[Agreement]) -> Iterator[Point]:
    orders = [a for a in mine if a.direction == "in" and book.kind(a) == "order"]
    told = {book.kind(a) for a in mine if a.direction == "out"}
    for kind, name in OWED.items() if orders else ():
        if kind in told:
            met = all(getattr(a.deadlines, name) is not None for a in orders)
            yield _point(
                f"how soon they want the {KINDS[kind]}", met, f"their guide says it: `deadlines: {{{name}: 24h}}`"
            )


def _heard(book: Book, mine: Sequence[Agreement]) -> Iterator[Point]:
    """A document nobody is told of is used by nobody, whatever the partner was told."""
    for agreement in (a for a in mine if a.direction == "in" and a.lane == "production"):
        kind = book.kind(agreement)
        if kind is None or any(system.supports & OPERATIONS.get(kind, set()) for system in _told(book, agreement)):
            continue
        event = FACTS[kind]
        heard = bool(book.subscriptions(event, agreement.lane))
        todo = f"no system takes it: subscribe a webhook to {event}, or see that somebody reads /v1/events"
        what = f"somebody hears of each {KINDS.get(kind, kind)}"
        yield Point(what, "met") if heard else Point(what, "open", todo)


def _told(book: Book, agreement: Agreement) -> Sequence[System]:
    return [book.systems[name] for name in agreement.destinations]


def _wires(book: Book, mine: Sequence[Agreement]) -> Iterator[Point]:
    names = sorted({a.connection for a in mine if a.lane == "production"})
    for name in names:
        lacking = sorted(set(_unset(book.connections[name].settings)))
        todo = f"set on this machine: {', '.join(lacking)}"
        yield _point(f"addresses and secrets of {name}", not lacking, todo)


def _unset(said: Any) -> Iterator[str]:
    if isinstance(said, dict):
        for inner in said.values():
            yield from _unset(inner)
    elif isinstance(said, list):
        for inner in said:
            yield from _unset(inner)
    elif isinstance(said, str) and is_reference(said):
        try:
            secrets.resolve(said, os.environ)
        except SecretMissing:
            yield said


def _certificates(book: Book, mine: Sequence[Agreement]) -> Iterator[Point]:
    wires = {a.connection for a in mine if a.lane == "production" and book.connections[a.connection].kind == "as2"}
    loaded, unusable = certificates.held(book, secrets.resolve) if wires else ([], {})
    soonest = dt.datetime.now(dt.UTC) + LEAST_LIFE
    for name in sorted(wires):
        what = f"certificates of {name}, ours and theirs, good for {LEAST_LIFE.days} days"
        if name in unusable:
            yield Point(what, "missing", unusable[name])
            continue
        last = {
            side.ours: max((c.use_until for c in side.certificates), default=soonest)
            for side in loaded
            if side.connection.name == name
        }
        ending = [
            ("ours" if ours else "theirs") + f" ends {day:%Y-%m-%d}" for ours, day in last.items() if day < soonest
        ]
        yield _point(what, not ending, f"a successor is needed: {', '.join(ending)}")


# -- what the gateway that runs here knows ---------------------------------------------------------
def _here(book: Book, partner: str, mine: Sequence[Agreement]) -> Iterator[Point]:
    posts = any(a.direction == "in" and book.connections[a.connection].kind == "http" for a in mine)
    names = ["what is written is published", *([KEY] if posts else []), EXCHANGE]
    chosen = settings()
    if not chosen.database_url and not (chosen.home / "gateway.db").exists():
        yield from (Point(name, "open", "no gateway has run here yet") for name in names)
        return
    with chosen.open_store() as store:
        if store.pending_migrations():
            yield from (Point(name, "open", "`gateway migrate` first") for name in names)
            return
        with store.read() as view:
            yield _published(view, book, partner)
            if posts:
                yield _key(view, partner)
            yield _exchanged(view, mine)


def _published(view: View, book: Book, partner: str) -> Point:
    held = publishing.active_hash(view)
    published = publishing.files_of(view, held) if held else {}
    same = revisions.files_of(published, partner) == revisions.files_of(book.files, partner)
    return _point("what is written is published", same, "gateway apply")


def _key(view: View, partner: str) -> Point:
    wanted = select(func.count()).where(
        api_key.c.partner == partner, api_key.c.lane == "production", api_key.c.revoked_at.is_(None)
    )
    todo = f"gateway key new {partner} --partner {partner} --lane production"
    return _point(KEY, view.scalar(wanted) > 0, todo)


def _exchanged(view: View, mine: Sequence[Agreement]) -> Point:
    trial = {a.name for a in mine if a.lane == "test"}
    good = select(document.c.agreement).where(
        document.c.agreement.in_(trial), document.c.status.in_(("done", "sent", "confirmed"))
    )
    lacking = sorted(name.partition("/")[2] for name in trial - {row.agreement for row in view.all(good.distinct())})
    return _point(EXCHANGE, not lacking, f"not exchanged yet: {', '.join(lacking)}")
