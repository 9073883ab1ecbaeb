"""A folder as a wire: files a partner, or a tool of theirs, leaves and takes.

In: a file counts once nobody has touched it for `stable_for`. It is claimed by renaming it into a working folder under
a name of its own, which is its transport id: two pollers cannot both have it, and a crash leaves it there to be offered
again under the same id. It leaves the working folder only after the commit.

Out: written under a hidden temporary name, fsynced, renamed, and the folder fsynced: a reader sees all of it or
nothing.

Rules a reviewer can hold this file to: folders are opened once and everything is done relative to them, so exchanging a
folder for a link in the middle changes nothing; no link is ever followed, and a file that has a second name (a hard
link) is not touched; a name from outside is never joined to a path.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import fnmatch
import io
import os
import secrets
import stat
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Self

from pydantic import Field, model_validator

from gateway.channels.channel import (
    Arrival,
    ChannelError,
    Parcel,
    Refused,
    Resolve,
    Retry,
    SendOutcome,
    Sent,
    Unsettled,
)
from gateway.channels.filename import LONGEST, is_partial, is_plain, safe, shown
from gateway.partners.secrets import Setting
from gateway.partners.values import Duration, Written, wrong

WORKING = ".in-work"
BLOCK = 1 << 20
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class DirectorySettings(Written):
    """A folder we read, a folder we write, or both."""

    inbox: Setting | None = Field(default=None, description="The folder we take files from.")
    outbox: Setting | None = Field(default=None, description="The folder we put files into.")
    pattern: str = Field(default="*", description="Which files of the inbox are meant for us.", examples=["*.edi"])
    stable_for: Duration = Field(
        default=timedelta(seconds=2), description="A file is taken once nobody has touched it for this long."
    )
    archive: Setting | None = Field(
        default=None, description="Where a file goes once it is stored. Without it the file is deleted."
    )
    max_size: int = Field(
        default=200_000_000, ge=1, description="Bytes of the largest file we take; a larger one is left and reported."
    )

    @model_validator(mode="after")
    def _some_folder(self) -> Self:
        if self.inbox is None and self.outbox is None:
            raise wrong("a folder connection without a folder", "give it `inbox:`, `outbox:` or both")
        return self


class DirectoryChannel:
    """Files in, files out."""

    def __init__(self, settings: DirectorySettings, resolve: Resolve) -> None:
        self.settings = settings
        self._inbox = resolve(settings.inbox) if settings.inbox else None
        self._outbox = resolve(settings.outbox) if settings.outbox else None
        self._archive = resolve(settings.archive) if settings.archive else None

    def close(self) -> None:
        """Nothing stays open between calls."""

    def poll(self) -> Iterator[Arrival]:
        """One file that cannot be taken never stops the others: `ChannelError` speaks of it when they are through."""
        if self._inbox is None:
            return
        with _folder(self._inbox) as inbox, _folder(WORKING, inside=inbox) as working:
            oversized: list[str] = []
            for name in _names(inbox):
                if is_partial(name) or not fnmatch.fnmatchcase(name, self.settings.pattern):
                    continue
                size = self._finished_size(inbox, name)
                if size is not None and size > self.settings.max_size:
                    oversized.append(f"{shown(name)} ({size} bytes)")
                elif size is not None:
                    _claim(inbox, working, name)
            # The claims must outlive a power failure before anything is stored under their ids: otherwise the file
            # would be back under its old name, to be claimed and received a second time.
            os.fsync(working)
            for claimed in _names(working):
                if arrival := self._arrival(working, claimed):
                    yield arrival
        if oversized:
            raise ChannelError(f"larger than the {self.settings.max_size} bytes taken here: {', '.join(oversized)}")

    def after_commit(self, arrival: Arrival) -> None:
        assert self._inbox is not None
        with (
            _folder(self._inbox) as inbox,
            _folder(WORKING, inside=inbox) as working,
            # gone already: this is the second time, after a crash between doing it and remembering it
            contextlib.suppress(FileNotFoundError),
        ):
            if self._archive is None:
                os.unlink(arrival.place, dir_fd=working)
                return
            day = dt.datetime.now(dt.UTC).date().isoformat()
            Path(self._archive).mkdir(0o700, parents=True, exist_ok=True)  # ours, unlike the inbox
            with _folder(self._archive) as archive, _folder(day, inside=archive) as today:
                _move(working, today, arrival.place)

    def send(self, parcel: Parcel) -> SendOutcome:
        if self._outbox is None:
            return Refused("this connection has no outbox")
        if not is_plain(parcel.filename) or is_partial(parcel.filename):
            return Refused(f"{shown(parcel.filename)!r} is not a file name we can write")
        try:
            with _folder(self._outbox) as outbox:
                return _put(outbox, parcel)
        except ChannelError as error:
            return Retry(None, str(error))
        except OSError as error:
            return Retry(None, f"{self._outbox}: {error.strerror}")

    def _finished_size(self, folder: int, name: str) -> int | None:
        """The size of a file nobody writes any more; None for everything else."""
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        # ctime too: it cannot be set by the uploader, as mtime often is
        if not _is_ours(found) or _age(max(found.st_mtime, found.st_ctime)) < self.settings.stable_for:
            return None
        return found.st_size

    def _arrival(self, working: int, claimed: str) -> Arrival | None:
        try:
            found = os.stat(claimed, dir_fd=working, follow_symlinks=False)
        except FileNotFoundError:  # another poller's, stored and taken away just now
            return None
        # our rename moved ctime; a young mtime says that somebody writes through a handle opened before the claim
        if not _is_ours(found) or _age(found.st_mtime) < self.settings.stable_for:
            return None
        claim, _, name = claimed.partition("~")
        assert self._inbox is not None
        inbox = self._inbox
        return Arrival(shown(name), claim, found.st_size, lambda: _open(inbox, claimed), claimed)


def _is_ours(found: os.stat_result) -> bool:
    """A plain file with one name."""
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1


def _age(moment: float) -> timedelta:
    return timedelta(seconds=time.time() - moment)


class _Watched(io.RawIOBase):
    """A file that says at its end whether it was written to while we read."""

    def __init__(self, descriptor: int, name: str) -> None:
        self._descriptor = descriptor
        self._name = name
        self._before = _fingerprint(descriptor)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        assert isinstance(buffer, memoryview | bytearray)
        data = os.read(self._descriptor, len(buffer))
        buffer[: len(data)] = data
        if not data and _fingerprint(self._descriptor) != self._before:
            raise Unsettled(f"{self._name} changed while it was read")
        return len(data)

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()


@contextlib.contextmanager
def _folder(path: str, *, inside: int | None = None) -> Iterator[int]:
    """A folder, open. One inside another is made when missing and must not be a link."""
    try:
        if inside is None:
            descriptor = os.open(path, FOLDER)
        else:
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, 0o700, dir_fd=inside)
            descriptor = os.open(path, FOLDER | os.O_NOFOLLOW, dir_fd=inside)
    except OSError as error:
        raise ChannelError(f"the folder {path} cannot be used: {error.strerror}") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries)


def _move(working: int, archive: int, name: str) -> None:
    try:
        os.rename(name, name, src_dir_fd=working, dst_dir_fd=archive)
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise ChannelError("the archive folder is on another disk than the inbox; put both on one") from None
        raise


def _claim(inbox: int, working: int, name: str) -> None:
    """Take the file for ourselves, unless somebody else was quicker."""
    # time first: what waits in the working folder comes out in the order it was claimed
    claim = f"{time.time_ns():x}-{secrets.token_hex(8)}"
    called = name if len(os.fsencode(name)) <= LONGEST else safe(shown(name))
    try:
        os.rename(name, f"{claim}~{called}", src_dir_fd=inbox, dst_dir_fd=working)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ChannelError(f"{shown(name)} cannot be claimed: {error.strerror}") from None


def _open(inbox: str, claimed: str) -> BinaryIO:
    with _folder(inbox) as outer, _folder(WORKING, inside=outer) as working:
        descriptor = os.open(claimed, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=working)
    return io.BufferedReader(_Watched(descriptor, shown(claimed)), BLOCK)


def _fingerprint(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_size, found.st_mtime_ns


def _put(outbox: int, parcel: Parcel) -> SendOutcome:
    there = _is_there(outbox, parcel)
    if there:
        os.fsync(outbox)  # that try may have died before it did
        return Sent(f"{parcel.filename}, as an earlier try left it")
    if there is not None:
        return Refused(f"another file called {parcel.filename} is waiting there")
    temporary = f".{secrets.token_hex(8)}.tmp"
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640, dir_fd=outbox
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            for block in parcel.blocks():
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, parcel.filename, src_dir_fd=outbox, dst_dir_fd=outbox)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=outbox)
        raise
    os.fsync(outbox)
    return Sent(f"{parcel.filename}, {parcel.size} bytes")


def _is_there(folder: int, parcel: Parcel) -> bool | None:
    """Whether what waits under its name is the parcel; None if nothing does."""
    try:
        descriptor = os.open(parcel.filename, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False  # a link: somebody else's, and certainly not our bytes
        raise
    with os.fdopen(descriptor, "rb") as file:
        is_as_long = os.fstat(descriptor).st_size == parcel.size
        return is_as_long and parcel.equals(iter(lambda: file.read(BLOCK), b""))
