"""What every stage may use: the store, the profiles that are active now, and the outside world's connectors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from gateway.channels import table
from gateway.channels.channel import Resolve, Sends
from gateway.partners import secrets
from gateway.partners.book import Book
from gateway.partners.secrets import SecretMissing
from gateway.pipeline import publishing
from gateway.store.engine import Store, View
from gateway.store.targets import Limits
from gateway.systems import description
from gateway.systems.connector import Command, Connector, Operation, Retry
from gateway.systems.declarative import DeclarativeConnector
from gateway.systems.exchange import BadAddress

NOT_PUBLISHED = "no profiles are published yet; `gateway apply` does it"

LOOK_S = 0.5
"""How old the answer to "which book is active?" may be: one indexed read a process in this time."""


LONGEST_CALL_S = 4 * 3600.0
"""How long a call over what an older book opened may still be under way: a large file on a slow line."""


@dataclass(frozen=True, slots=True)
class House:
    """The surroundings of one stage's run. Profiles are asked for anew each run, so a published change is seen."""

    store: Store
    book: Callable[[], Book]
    systems: Callable[[], Mapping[str, Connector]]  # by name
    sender: Callable[[str], Sends]  # connection name -> its open channel


@dataclass(slots=True)
class _Furnished:
    """A book and what is open because of it."""

    book: Book
    described: dict[str, description.System] = field(default_factory=dict)
    systems: dict[str, DeclarativeConnector] = field(default_factory=dict)
    senders: dict[str, Sends] = field(default_factory=dict)

    def opened(self) -> list[DeclarativeConnector | Sends]:
        return [*self.systems.values(), *self.senders.values()]


@dataclass(frozen=True, slots=True)
class CannotOpen:
    """A system whose settings are not complete on this machine: everything owed to it waits."""

    name: str
    lane: str
    supports: frozenset[Operation]
    why: str

    def apply(self, command: Command) -> Retry:
        return Retry(self.why, progress=command.progress)

    def find(self, command: Command) -> Retry:
        return Retry(self.why, progress=command.progress)

    def changes(self, cursor: str | None) -> Retry:
        return Retry(self.why)


def at_desk(view: View) -> House:
    """The profiles that hold now, for what a person decides: carried out by whoever has the database."""

    @cache
    def book() -> Book:
        active = publishing.active_hash(view)
        if active is None:
            raise publishing.NotPublished(NOT_PUBLISHED)
        return Book.from_files(publishing.files_of(view, active))

    def nobody(name: str) -> Sends:
        raise LookupError(name)

    return House(view.store, book, dict, nobody)


class Furniture:
    """The active book, its connectors and open channels: made when first asked for, made anew when the book changes.

    What belonged to an older book is closed long after it, because a call over it may be under way.
    """

    def __init__(self, store: Store, resolve: Resolve = secrets.resolve) -> None:
        self._store = store
        self._resolve = resolve
        self._lock = threading.Lock()
        self._now: _Furnished | None = None
        self._before: list[tuple[float, list[DeclarativeConnector | Sends]]] = []  # since when nothing new begins there
        self._looked_at = -LOOK_S

    def house(self) -> House:
        return House(self._store, self.book, self.systems, self.sender)

    def book(self) -> Book:
        """The active book. Raises NotPublished before the first `gateway apply`."""
        return self._current().book

    def systems(self) -> Mapping[str, Connector]:
        """A connector for every system; one that cannot be opened is tried anew each time it is asked for."""
        now = self._current()
        with self._lock:
            return {name: now.systems.get(name) or self._open(now, name) for name in now.book.systems}

    def _open(self, now: _Furnished, name: str) -> Connector:
        said = now.book.systems[name]
        if name not in now.described:
            now.described[name] = description.load(said.file, said.text)
        system = now.described[name]
        try:
            made = now.systems[name] = DeclarativeConnector(system, self._resolve)
        except (SecretMissing, BadAddress) as error:
            return CannotOpen(name, said.lane, frozenset(system.operations), f"{name}: {error}")
        return made

    def sender(self, connection: str) -> Sends:
        """The open channel of a connection. Raises KeyError where there is none, or nothing is sent on its kind."""
        now = self._current()
        with self._lock:
            found = now.senders.get(connection)
            if found is None:
                said = now.book.connections[connection]
                found = now.senders[connection] = table.open_sender(said.kind, said.settings, self._resolve)
            return found

    def limits(self, target: str) -> Limits:
        """What a system bears; a connection gets the usual."""
        system = self.systems().get(target)
        if not isinstance(system, DeclarativeConnector):
            return Limits()
        said = system.system.limits
        if said.rate is None:
            return Limits(concurrency=said.concurrency)
        per_second = said.rate.count / said.rate.per.total_seconds()
        return Limits(concurrency=said.concurrency, per_second=per_second, burst=max(1, min(said.rate.count, 10)))

    def close(self) -> None:
        with self._lock:
            self._put_away()
            self._close(over=float("inf"))

    def _put_away(self) -> None:
        """Of what is not the newest any more, only what is open is kept."""
        if self._now is not None:
            self._before.append((time.monotonic(), self._now.opened()))
            self._now = None

    def _close(self, over: float) -> None:
        """What has not been the newest since then."""
        for since, opened in self._before:
            for one in opened if since <= over else ():
                one.close()
        self._before = [one for one in self._before if one[0] > over]

    def _current(self) -> _Furnished:
        with self._lock:
            if self._now is not None and time.monotonic() - self._looked_at < LOOK_S:
                return self._now
            with self._store.read() as view:
                wanted = publishing.active_hash(view)
                if wanted is None:
                    raise publishing.NotPublished(NOT_PUBLISHED)
                if self._now is None or self._now.book.revision != wanted:
                    self._put_away()
                    self._close(over=time.monotonic() - LONGEST_CALL_S)
                    self._now = _Furnished(Book.from_files(publishing.files_of(view, wanted)))
            self._looked_at = time.monotonic()
            assert self._now is not None
            return self._now
