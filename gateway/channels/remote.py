"""Files on a partner's server, whatever carries them: what SFTP and FTPS have in common.

In: two looks `stable_for` apart must agree before a file counts. It is claimed by renaming it into a working folder
there, as directory.py does here; where the partner's server lets us make no folder, its name, size and time are its
transport id. A connection that breaks in the middle of a file is opened again and reading goes on where it
stopped, if the file is still the same.

Out: written under a temporary name that follows from its bytes, then renamed without replacing anything. A try that was
cut off is found by that name and continued.

Rules a reviewer can hold this file to: what the server calls a file is never a path; nothing is deleted there but what
was stored here.
"""

from __future__ import annotations

import fnmatch
import hashlib
import io
import posixpath
import secrets
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, BinaryIO, ClassVar, Generic, Protocol, Self, TypeVar

from pydantic import Field, model_validator

from gateway.channels.channel import (
    Arrival,
    ChannelError,
    ConnectionStopped,
    Parcel,
    Refused,
    Resolve,
    Retry,
    SendOutcome,
    Sent,
    Stopped,
    Unknown,
    Unsettled,
)
from gateway.channels.filename import LONGEST, is_partial, is_plain, safe, shown
from gateway.partners.values import Duration, Written, wrong

WORKING = ".in-work"
BLOCK = 1 << 18  # bytes a read or write
OVERLAP = 1 << 20  # bytes written again when an upload goes on: what a crashed server may not have kept
TRIES = 3  # connections for one file without a byte of progress


class RemoteSettings(Written):
    """What we do on a partner's server of files."""

    inbox: str | None = Field(default=None, description="The remote folder we fetch from.")
    outbox: str | None = Field(default=None, description="The remote folder we put into.")
    pattern: str = Field(default="*", description="Which remote files are meant for us.", examples=["*.edi"])
    stable_for: Duration = Field(
        default=timedelta(seconds=5), description="Two looks so far apart must agree before a file is taken."
    )
    archive: str | None = Field(
        default=None, description="The remote folder a file goes to once it is stored. Without it the file is deleted."
    )
    renamed: str | None = Field(
        default=None,
        pattern=r"^\.[A-Za-z0-9_.-]{1,20}$",
        description="What is put behind the name of a file once it is stored, instead of deleting it.",
        examples=[".done"],
    )
    max_size: int = Field(
        default=2_000_000_000,
        ge=1,
        description="Bytes of the largest file we take; a larger one stays and is reported.",
    )
    timeout: Duration = Field(
        default=timedelta(seconds=30), description="How long we wait for a connection, an answer, a block."
    )

    @model_validator(mode="after")
    def _some_folder(self) -> Self:
        if self.inbox is None and self.outbox is None:
            raise wrong("a server of files without a folder", "give it `inbox:`, `outbox:` or both")
        if self.archive is not None and self.renamed is not None:
            raise wrong("two ends for one file", "give it `archive:` or `renamed:`, or neither and it is deleted")
        return self


@dataclass(frozen=True, slots=True)
class Found:
    """A plain file over there."""

    name: str
    size: int
    changed: str  # when, as the server says it

    @property
    def identity(self) -> str:
        """The transport id of a file that could not be claimed."""
        return hashlib.sha256(f"{self.name}\0{self.size}\0{self.changed}".encode()).hexdigest()[:32]


class Reading(Protocol):
    """A file over there, open."""

    def read(self, size: int) -> bytes: ...

    def close(self) -> None: ...


class Remote(Protocol):
    """An open session with a server of files. Every verb raises what the channel counts as `lost`."""

    def is_alive(self) -> bool: ...

    def close(self) -> None: ...

    def look(self, folder: str) -> list[Found]:
        """The plain files of a folder. Raises UnicodeDecodeError for a name that is not UTF-8."""
        ...

    def find(self, path: str) -> Found | None:
        """A plain file or nothing; anything else of that name is `Found` with size -1."""
        ...

    def make_folder(self, path: str) -> bool:
        """Have a folder there; False where the server lets us make none."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Raises FileNotFoundError if it is gone; never replaces a file, where the server can tell."""
        ...

    def remove(self, path: str) -> None: ...

    def read(self, path: str, start: int, size: int) -> Reading: ...

    def write(self, path: str, blocks: Iterable[bytes | memoryview], start: int) -> None:
        """Everything from `start` on, which is where the blocks begin; the file is there if `start` is not 0."""
        ...


Settings = TypeVar("Settings", bound=RemoteSettings)
Session = TypeVar("Session", bound=Remote)


class RemoteChannel(ABC, Generic[Settings, Session]):
    """One partner's server. One thread at a time polls; sends wait for one another."""

    lost: ClassVar[tuple[type[Exception], ...]]  # what a session raises when the wire breaks or the server says no

    def __init__(self, settings: Settings, resolve: Resolve) -> None:
        self.settings = settings
        self._resolve = resolve
        self._lock = threading.RLock()
        self._session: Session | None = None

    @abstractmethod
    def _connect(self) -> Session:
        """A new session with a server that is who it was, and that takes our login. Raises ChannelError."""

    @abstractmethod
    def _where(self) -> str:
        """The server, for people."""

    def _broke(self, session: Session, error: Exception) -> bool:
        """Whether the connection is gone, or the server just said no."""
        return not session.is_alive()

    def close(self) -> None:
        with self._lock:
            session, self._session = self._session, None
            if session is not None:
                session.close()

    def session(self) -> Session:
        """The open session, or a new one; raises `ChannelError`."""
        with self._lock:
            if self._session is not None and not self._session.is_alive():
                self.close()
            if self._session is None:
                self._session = self._connect()
            return self._session

    def poll(self) -> Iterator[Arrival]:
        """One file that cannot be taken never stops the others: `ChannelError` speaks of it when they are through."""
        if self.settings.inbox is None:
            return
        with self._words("looking into the inbox"):
            waiting, oversized = self._settled(self.settings.inbox)
            arrivals = self._claimed(self.settings.inbox, waiting)
        yield from arrivals
        if oversized:
            raise ChannelError(f"larger than the {self.settings.max_size} bytes taken here: {', '.join(oversized)}")

    def after_commit(self, arrival: Arrival) -> None:
        with self._lock, self._words("taking away what is stored"):
            session = self.session()
            found = session.find(arrival.place)
            # gone: this is the second time. Another file under the same name: not ours to touch, it comes in by itself.
            claimed = posixpath.basename(posixpath.dirname(arrival.place)) == WORKING
            if found is None or (not claimed and found.identity != arrival.transport_id):
                return
            name = posixpath.basename(arrival.place).removeprefix(f"{arrival.transport_id}~")
            if self.settings.archive is not None:
                session.rename(arrival.place, posixpath.join(self.settings.archive, f"{arrival.transport_id}~{name}"))
            elif self.settings.renamed is not None:
                session.rename(arrival.place, self._done(session, name, arrival.transport_id, self.settings.renamed))
            else:
                session.remove(arrival.place)

    def _done(self, session: Session, name: str, transport_id: str, ending: str) -> str:
        """Where a stored file stays; a name is used again and again by some, and none replaces another."""
        assert self.settings.inbox is not None
        target = posixpath.join(self.settings.inbox, name + ending)
        if session.find(target) is None:
            return target
        return posixpath.join(self.settings.inbox, f"{name}.{transport_id}{ending}")

    def send(self, parcel: Parcel) -> SendOutcome:
        if self.settings.outbox is None:
            return Refused("this connection has no outbox")
        if not is_plain(parcel.filename) or is_partial(parcel.filename):
            return Refused(f"{shown(parcel.filename)!r} is not a file name we can write")
        with self._lock:
            try:
                return self._put(self.session(), self.settings.outbox, parcel)
            except ConnectionStopped as error:
                return Stopped(str(error))
            except ChannelError as error:
                return Retry(None, str(error))
            except self.lost as error:
                return Retry(None, str(self.why_lost(error, f"sending {parcel.filename}")))

    def _settled(self, inbox: str) -> tuple[list[Found], list[str]]:
        """What is there and has not changed between two looks, and what of it is too large."""
        found = self._candidates(inbox)
        wait = self.settings.stable_for.total_seconds()
        if found and wait > 0:
            time.sleep(wait)
            again = self._candidates(inbox)
            found = {name: one for name, one in again.items() if found.get(name) == one}
        small = [one for _, one in sorted(found.items()) if one.size <= self.settings.max_size]
        large = [one for _, one in sorted(found.items()) if one.size > self.settings.max_size]
        return small, [f"{shown(one.name)} ({one.size} bytes)" for one in large]

    def _candidates(self, inbox: str) -> dict[str, Found]:
        try:
            listed = self.session().look(inbox)
        except UnicodeDecodeError:
            raise ChannelError(f"a name in {inbox} is not UTF-8; the partner must rename it") from None
        return {
            found.name: found
            for found in listed
            if is_plain(found.name)
            and not is_partial(found.name)
            and not (self.settings.renamed and found.name.endswith(self.settings.renamed))
            and fnmatch.fnmatchcase(found.name, self.settings.pattern)
        }

    def _claimed(self, inbox: str, waiting: list[Found]) -> list[Arrival]:
        """Everything in the working folder: what an earlier run left there, and what is claimed now."""
        session = self.session()
        working = posixpath.join(inbox, WORKING)
        if not session.make_folder(working):
            return [self._arrival(one.identity, one.name, one, posixpath.join(inbox, one.name)) for one in waiting]
        for one in waiting:
            # time first: what waits in the working folder comes out in the order it was claimed
            claim = f"{time.time_ns():x}-{secrets.token_hex(8)}"
            name = one.name if len(one.name.encode()) <= LONGEST else safe(one.name)
            with suppress(FileNotFoundError):  # somebody else was quicker
                session.rename(posixpath.join(inbox, one.name), f"{working}/{claim}~{name}")
        arrivals = []
        for one in sorted(session.look(working), key=lambda one: one.name):
            claim, mark, name = one.name.partition("~")
            if mark and is_plain(one.name):
                arrivals.append(self._arrival(claim, name, one, f"{working}/{one.name}"))
        return arrivals

    def _arrival(self, transport_id: str, name: str, found: Found, place: str) -> Arrival:
        def opened() -> BinaryIO:
            return io.BufferedReader(_RemoteFile(self, place, found), BLOCK)

        return Arrival(shown(name), transport_id, found.size, opened, place)

    def _put(self, session: Session, outbox: str, parcel: Parcel) -> SendOutcome:
        target = posixpath.join(outbox, parcel.filename)
        if (there := session.find(target)) is not None:
            return self._already_there(session, target, there, parcel)
        temporary = posixpath.join(outbox, f".{parcel.sha256[:32]}.tmp")
        self._write(session, temporary, parcel)
        try:
            session.rename(temporary, target)
        except FileNotFoundError:
            return Retry(None, f"the temporary file for {parcel.filename} is gone")
        except self.lost as error:
            if self._broke(session, error):
                self.close()
                return Unknown(f"the connection broke while {parcel.filename} was given its name")
            return self._lost_race(session, temporary, target, parcel, error)
        return Sent(f"{parcel.filename}, {parcel.size} bytes")

    def _write(self, session: Session, temporary: str, parcel: Parcel) -> None:
        """All of it under its temporary name, going on where an earlier try was cut off."""
        there = session.find(temporary)
        start = max(0, there.size - OVERLAP) if there is not None and 0 <= there.size <= parcel.size else 0
        session.write(temporary, parcel.blocks(start), start)
        # pipelined writes are answered late: only the size says that every one of them arrived
        written = session.find(temporary)
        if written is None or written.size != parcel.size:
            raise ChannelError(f"{written.size if written else 0} of {parcel.size} bytes arrived")

    def _lost_race(
        self, session: Session, temporary: str, target: str, parcel: Parcel, error: Exception
    ) -> SendOutcome:
        there = session.find(target)
        if there is None:
            return Retry(None, f"{parcel.filename} cannot be given its name: {error}")
        with suppress(*self.lost):
            session.remove(temporary)
        return self._already_there(session, target, there, parcel)

    def _already_there(self, session: Session, target: str, there: Found, parcel: Parcel) -> SendOutcome:
        if there.size == parcel.size:
            reading = session.read(target, 0, there.size)
            try:
                same = parcel.equals(iter(lambda: reading.read(BLOCK), b""))
            finally:
                reading.close()
            if same:
                return Sent(f"{parcel.filename}, as an earlier try left it")
        return Refused(f"another file called {parcel.filename} is waiting there")

    def why_lost(self, error: Exception, doing: str) -> ChannelError:
        """What a failure was, in words; a broken session is forgotten."""
        if self._session is None or self._broke(self._session, error):
            self.close()
            return ChannelError(f"the connection to {self._where()} broke while {doing}")
        return ChannelError(f"{self._where()} refuses {doing}: {error}")

    @contextmanager
    def _words(self, doing: str) -> Iterator[None]:
        """Turns what a session raises into a `ChannelError` that says what was being done."""
        try:
            yield
        except ChannelError:
            raise
        except self.lost as error:
            raise self.why_lost(error, doing) from None


class _RemoteFile(io.RawIOBase):
    """A file over there, read from its beginning to its end, over as many connections as it takes."""

    def __init__(self, channel: RemoteChannel[Any, Any], path: str, found: Found) -> None:
        self._channel = channel
        self._path = path
        self._expected = found
        self._position = 0
        self._file: Reading | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        assert isinstance(buffer, memoryview | bytearray)
        data = b"" if self._position == self._expected.size else self._read(len(buffer))
        if not data:
            self._end()
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        self._let_go()
        super().close()

    def _let_go(self) -> None:
        if self._file is not None:
            with suppress(*self._channel.lost):
                self._file.close()
            self._file = None

    def _end(self) -> None:
        """Raises Unsettled unless it is still the file it was."""
        if self._position != self._expected.size:
            raise Unsettled(f"{shown(self._path)} ended after {self._position} of {self._expected.size} bytes")
        self._let_go()
        if not _same(self._expected, self._channel.session().find(self._path)):
            raise Unsettled(f"{shown(self._path)} changed while it was read")

    def _read(self, size: int) -> bytes:
        """Some of what is left. A torn connection can look like the end of the file: only fresh ones are believed."""
        why: ChannelError | None = None
        for _ in range(TRIES):
            try:
                if self._file is None:
                    self._file = self._open_again()
                if data := self._file.read(size):
                    return data
                self._let_go()
            except ChannelError:
                raise
            except self._channel.lost as error:
                self._let_go()
                why = self._channel.why_lost(error, f"reading {shown(self._path)}")
        if why is not None:
            raise why
        return b""

    def _open_again(self) -> Reading:
        session: Remote = self._channel.session()
        if self._position and not _same(self._expected, session.find(self._path)):
            raise Unsettled(f"{shown(self._path)} changed while it was read")
        return session.read(self._path, self._position, self._expected.size)


def _same(one: Found, other: Found | None) -> bool:
    return other is not None and (one.size, one.changed) == (other.size, other.changed)
