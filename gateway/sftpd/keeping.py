"""What sessions store, many of them in one commit: pieces of uploads, finished files, given names, the session log.

Everything goes through one `Committer` in the order it was submitted, so a file is never finished before its pieces are
there. An answer to the partner comes after the commit of what it answers.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gateway.pipeline import again, fetch
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.house import House
from gateway.pipeline.receive import Arrival, receive
from gateway.sftpd.login import Login
from gateway.store import payloads, uploads
from gateway.store.engine import Record, Tx
from gateway.store.retry import SECOND
from gateway.worker.committer import Busy, Closed, Committer

log = logging.getLogger(__name__)

WAITING = 64_000_000  # bytes that may wait for their commit before sessions are held up
MANY = 10_000  # unfinished uploads of one connection: more is a broken or hostile client


class QuotaFull(Exception):
    """A connection has too much that is not finished."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """Chunks of an upload that is under way; from now on it can be continued after any crash of ours."""

    login: Login
    name: str
    payload_id: int
    writer: str
    chunks: Sequence[payloads.Sealed]
    replaced: Sequence[int]  # numbers among them that were stored before
    size: int  # of the upload, with them
    is_first: bool
    may_be_lost: bool  # with the power; the partner was told of nothing yet


@dataclass(frozen=True, slots=True)
class Grown:
    """An upload whose pieces are all stored, or stand in `last`."""

    payload_id: int
    writer: str
    sha256: str
    size: int
    last: Sequence[payloads.Sealed]
    replaced: Sequence[int]


@dataclass(frozen=True, slots=True)
class Finished:
    """A file was closed: received, or held where its name says that a rename follows."""

    login: Login
    name: str
    content: bytes | Grown
    remote: str
    is_temporary: bool


@dataclass(frozen=True, slots=True)
class Named:
    """A file got another name; a held one is received if its new name is final."""

    login: Login
    old: str
    new: str
    remote: str
    is_temporary: bool


@dataclass(frozen=True, slots=True)
class Removed:
    """A partner took a name out of their inbox."""

    login: Login
    name: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """A partner has a file of ours."""

    delivery_id: int
    words: str


@dataclass(frozen=True, slots=True)
class Noted:
    """A line of the session log, and what a person has to know of it."""

    actor: str
    action: str
    subject: str
    detail: dict[str, Any] = field(default_factory=dict)
    alert: Alert | None = None


Kept: TypeAlias = Pieces | Finished | Named | Removed | Fetched | Noted


class NotThere(Exception):
    """The file to be named is gone, or was received already."""


class Keeper:
    """The one way from sessions into the store."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._committer: Committer[Kept, None] = Committer(
            house.store, self._apply, capacity=WAITING, weigh=_weight, may_be_lost=_may_be_lost
        )

    def submit(self, item: Kept) -> Future[None]:
        """Ends when the item is durable. Waits while too much waits already: the partner's window closes meanwhile."""
        while True:
            try:
                return self._committer.submit(item)
            except Busy:
                time.sleep(0.02)

    def keep(self, item: Kept) -> None:
        self.keep_all([item])[0].result()

    def keep_all(self, items: Sequence[Kept]) -> list[Future[None]]:
        """In one commit, in this thread if nobody else is at it. The futures have ended."""
        while True:
            try:
                return self._committer.settle(items)
            except Busy:
                time.sleep(0.02)

    def note(self, line: Noted) -> None:
        """Keep a line of the session log; nobody waits for it. With the store closed, the process's log has it."""
        try:
            self.submit(line)
        except Closed:
            log.info("%s: %s at the very end, %s", line.subject, line.action, line.detail)

    def close(self) -> None:
        self._committer.close()

    def _apply(self, tx: Tx, items: Sequence[Kept]) -> list[None]:
        for item in items:
            match item:
                case Pieces():
                    _stage(tx, item)
                case Named():
                    _name(tx, item)
                case Removed():
                    uploads.remove(tx, item.login.connection, item.name)
                case Noted():
                    again.note(tx, item.actor, item.action, item.subject, **item.detail)
        _finish(tx, [item for item in items if isinstance(item, Finished)])
        if fetched := {item.delivery_id: item.words for item in items if isinstance(item, Fetched)}:
            fetch.fetched(tx, self.house, fetched)
        raise_alerts(tx, [item.alert for item in items if isinstance(item, Noted) and item.alert is not None])
        return [None] * len(items)


def _weight(item: Kept) -> int:
    match item:
        case Pieces(chunks=chunks):
            return sum(len(chunk["sealed"]) for chunk in chunks)
        case Finished(content=bytes() as content):
            return len(content)
    return 1


def _may_be_lost(item: Kept) -> bool:
    return isinstance(item, Pieces) and item.may_be_lost


def _stage(tx: Tx, item: Pieces) -> None:
    login = item.login
    if item.is_first:
        key = (login.connection, item.name)
        row = _row(login, item.name, uploads.PARTIAL, size=item.size, payload_id=item.payload_id, writer=item.writer)
        uploads.put(tx, [row], uploads.standing(tx, [key]))
    else:
        uploads.grow(tx, login.connection, item.name, item.writer, item.size)
    payloads.stage(tx, item.payload_id, item.chunks, item.replaced)
    _has_room(tx, login)


def _has_room(tx: Tx, login: Login) -> None:
    count, size = uploads.unfinished(tx, login.connection)
    if size > login.settings.max_unfinished or count > MANY:
        raise QuotaFull(f"{count} unfinished uploads of {size} bytes are more than this login may have")


def _row(login: Login, name: str, status: str, **values: Any) -> dict[str, Any]:
    return {"connection": login.connection, "name": name, "lane": login.lane, "status": status, **values}


def _finish(tx: Tx, items: Sequence[Finished]) -> None:
    given = []
    for item in items:
        body = _body(tx, item)
        if item.is_temporary:
            _hold(tx, item.login, item.name, _stored(tx, item.login, body))
        else:
            given.append(_Given(item.login, item.name, body, item.remote))
    _receive(tx, given)


def _body(tx: Tx, item: Finished) -> bytes | payloads.Stored:
    content, login = item.content, item.login
    if isinstance(content, bytes):
        return content
    uploads.grow(tx, login.connection, item.name, content.writer, content.size)
    payloads.stage(tx, content.payload_id, content.last, content.replaced)
    return payloads.adopt(
        tx, content.payload_id, owner=login.connection, lane=login.lane, sha256=content.sha256, size=content.size
    )


def _stored(tx: Tx, login: Login, body: bytes | payloads.Stored) -> payloads.Stored:
    if isinstance(body, bytes):
        return payloads.store(tx, body, owner=login.connection, lane=login.lane)
    return body


def _hold(tx: Tx, login: Login, name: str, body: payloads.Stored) -> None:
    row = _row(login, name, uploads.HELD, size=body.size, payload_id=body.id, sha256=body.sha256)
    uploads.put(tx, [row], uploads.standing(tx, [(login.connection, name)]))
    _has_room(tx, login)


def _name(tx: Tx, item: Named) -> None:
    login = item.login
    row = uploads.find(tx, login.connection, item.old)
    if row is None or row.status != uploads.HELD:
        raise NotThere(f"{item.old} is not waiting for its name")
    body = payloads.Stored(row.payload_id, row.sha256, row.size)
    uploads.let_go(tx, login.connection, item.old)
    if item.is_temporary:
        _hold(tx, login, item.new, body)
    else:
        _receive(tx, [_Given(login, item.new, body, item.remote)])


@dataclass(frozen=True, slots=True)
class _Given:
    """A whole file under its final name."""

    login: Login
    name: str
    body: bytes | payloads.Stored
    remote: str

    @property
    def key(self) -> uploads.Key:
        return self.login.connection, self.name


def _receive(tx: Tx, given: Sequence[_Given]) -> None:
    """Into the road. The same bytes as what is in view under the name: sent again because our answer was lost."""
    if not given:
        return
    before = uploads.standing(tx, sorted({one.key for one in given}))
    in_view = {key: row.sha256 for key, row in before.items() if _is_in_view(tx, row, given)}
    fresh, hashes = [], []
    for one in given:
        sha256 = one.body.sha256 if isinstance(one.body, payloads.Stored) else hashlib.sha256(one.body).hexdigest()
        if in_view.get(one.key) != sha256:
            in_view[one.key] = sha256
            fresh.append(one)
            hashes.append(sha256)
        elif isinstance(one.body, payloads.Stored):
            payloads.discard(tx, [one.body.id])
    if not fresh:
        return
    receipts = receive(tx, [_arrival(tx, *each) for each in zip(fresh, hashes, strict=True)])
    rows = [
        _row(
            one.login,
            one.name,
            uploads.RECEIVED,
            size=one.body.size if isinstance(one.body, payloads.Stored) else len(one.body),
            sha256=sha256,
            transmission_id=receipt.transmission_id,
        )
        for one, sha256, receipt in zip(fresh, hashes, receipts, strict=True)
    ]
    adopted = {one.body.id for one in fresh if isinstance(one.body, payloads.Stored)}
    uploads.put(tx, rows, {key: row for key, row in before.items() if row.payload_id not in adopted})


def _is_in_view(tx: Tx, row: Record, given: Sequence[_Given]) -> bool:
    listed_for = next(one.login.settings.listed_for for one in given if one.login.connection == row.connection)
    age = tx.now - row.touched_at
    return bool(row.status == uploads.RECEIVED and age <= listed_for.total_seconds() * SECOND)


def _arrival(tx: Tx, one: _Given, sha256: str) -> Arrival:
    return Arrival(
        one.login.connection,
        one.login.lane,
        f"sftp:{tx.now}:{secrets.token_hex(8)}",  # one after the other, so that the index grows at one end
        one.body,
        filename=one.name,
        remote=one.remote,
        digest=sha256,
        is_new=True,
    )
