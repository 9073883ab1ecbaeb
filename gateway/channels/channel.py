"""What every wire has in common: what arrives, what is sent, what became of it.

A channel belongs to one connection and knows no database. The order of things is the caller's promise, and the shape
makes it easy to keep: `poll` gives arrivals, the caller stores and commits, only then `after_commit` takes the thing
away on the other side. Killed in between, the same arrival comes again under the same `transport_id`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

Resolve = Callable[[str], str]  # secret reference -> its value


@dataclass(frozen=True, slots=True)
class Arrival:
    """One thing a partner left for us."""

    name: str  # as the partner called it, made printable; never used as a path
    transport_id: str  # the same for the same arrival on every poll, different for every other
    size: int
    open: Callable[[], BinaryIO]  # raises `Unsettled` at its end if the partner was still writing
    place: str  # where the channel keeps it until `after_commit`; of no meaning outside


@dataclass(frozen=True, slots=True)
class Streamed:
    """Bytes too many for memory, read where they lie as often as it takes."""

    size: int
    sha256: str
    read: Callable[[int], Iterator[bytes]]  # from an offset on


@dataclass(frozen=True, slots=True)
class Parcel:
    """One thing we send. Every try of it carries the same bytes, name and id."""

    body: bytes | Streamed
    filename: str
    media_type: str
    message_id: str

    @property
    def content(self) -> bytes:
        """All of it in memory, for wires that need it so."""
        return self.body if isinstance(self.body, bytes) else b"".join(self.body.read(0))

    @property
    def size(self) -> int:
        return len(self.body) if isinstance(self.body, bytes) else self.body.size

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest() if isinstance(self.body, bytes) else self.body.sha256

    def blocks(self, start: int = 0) -> Iterator[bytes | memoryview]:
        """From an offset on, a few at a time."""
        return iter([memoryview(self.body)[start:]]) if isinstance(self.body, bytes) else self.body.read(start)

    def equals(self, other: Iterable[bytes]) -> bool:
        """Whether what is there already is this."""
        digest = hashlib.sha256()
        for block in other:
            digest.update(block)
        return digest.hexdigest() == self.sha256


@dataclass(frozen=True, slots=True)
class Sent:
    """The other side has it: what it said, for people and for the trace."""

    receipt: str


@dataclass(frozen=True, slots=True)
class Retry:
    """It has not arrived, and another try is right."""

    after: float | None  # seconds the other side asked for; None leaves it to the retry policy
    why: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The other side, or our own settings, say no: trying again changes nothing. A person decides."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have arrived. Sending again sends the same bytes under the same id, and may be a repetition there."""

    why: str


@dataclass(frozen=True, slots=True)
class Offered:
    """It lies ready for the other side, who fetches it; only then has it arrived."""

    name: str  # what they see it called
    within: float  # seconds after which a person is asked


@dataclass(frozen=True, slots=True)
class Stopped:
    """Nothing goes over this wire until a person has done something; it is tried again now and then."""

    why: str


SendOutcome = Sent | Retry | Refused | Unknown | Offered | Stopped


class ChannelError(Exception):
    """The wire cannot be used just now, or not as it is set up; the message says what and whose."""


class Unsettled(ChannelError):
    """What we were reading changed under us: it must not be used, and will be offered again."""


class ConnectionStopped(ChannelError):
    """The wire stands still until a person has done something; asking often only makes it worse."""

    pause_s = 300.0


class HostKeyChanged(ConnectionStopped):
    """The other side is not who it was. Nothing was sent or read; a person compares fingerprints."""


class LoginRefused(ConnectionStopped):
    """The server does not take our user, key or password."""


class Polls(Protocol):
    """A wire on which things wait for us."""

    def poll(self) -> Iterator[Arrival]:
        """What waits, what an earlier run left unfinished first. Raises `ChannelError`."""
        ...

    def after_commit(self, arrival: Arrival) -> None:
        """It is stored: delete, move or archive it there. Doing it twice is harmless."""
        ...

    def close(self) -> None: ...


class Sends(Protocol):
    """A wire on which we send."""

    def send(self, parcel: Parcel) -> SendOutcome: ...

    def close(self) -> None: ...
