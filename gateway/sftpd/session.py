"""One SFTP session: requests in, answers out, in the thread of its connection (transport.py).

Everything that has come is worked before one answer goes out for all of it, so a client that has many requests under
way costs one packet, not many. A close waits for its commit, which is made when nothing more has come, so that further
files of the same client are in it too. Any other request waits until the closes before it are answered.

Requests wait while too many answers do, or while it is not their time (bytes_per_second). The client is told of room
for more only when what it sent is worked.
"""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

import paramiko

from gateway.sftpd import wire
from gateway.sftpd.downloading import Begun, Download
from gateway.sftpd.folders import Folder, Folders, Inbox, Outbox, resolved
from gateway.sftpd.intake import TooMuch
from gateway.sftpd.keeping import Fetched, Finished, Keeper, Kept, Named, NotThere, QuotaFull, Removed
from gateway.sftpd.limits import Pace
from gateway.sftpd.login import Login
from gateway.sftpd.outlet import WINDOW, Outlet
from gateway.sftpd.uploading import Memory, Upload
from gateway.sftpd.wire import Code, Entry, Fields, Kind, Refusal
from gateway.store import uploads
from gateway.worker.committer import Closed

log = logging.getLogger(__name__)

CLOSING = 64  # closes that wait for their commit at once
WORTH_A_COMMIT = 1 << 18  # bytes of a file whose close waits for no other
PAGE = 100  # names in one answer of a listing

GONE = (EOFError, OSError, paramiko.SSHException)

_SIDE_BY_SIDE = (Kind.OPEN, Kind.WRITE, Kind.READ, Kind.CLOSE)


@dataclass(slots=True)
class Counts:
    """What a session did, for its line in the log."""

    received: int = 0
    bytes_in: int = 0
    fetched: int = 0
    bytes_out: int = 0
    refused: int = 0
    last_request: float = field(default_factory=time.monotonic)


Open = TypeVar("Open", Upload, Download)
Handle = Upload | Download | Iterator[Entry]


class Session:
    """One partner at work."""

    def __init__(
        self,
        channel: paramiko.Channel,
        login: Login,
        remote: str,
        keeper: Keeper,
        memory: Memory,
        pace: Pace,
        begun: Begun,
        ended: Callable[[Session, str], None],
    ) -> None:
        self.counts = Counts()
        self.login = login
        self._pace = pace
        self._channel = channel
        self._outlet = Outlet(channel)
        self._remote = remote
        self._keeper = keeper
        self._memory = memory
        self._begun = begun
        self._ended = ended
        self._packets = wire.Packets()
        self._folders = Folders(keeper.house.store, login)
        self._handles: dict[bytes, Handle] = {}
        self._number = 0
        self._closing: list[tuple[int, Kept, Callable[[], None]]] = []
        self._greeted = False
        self._has_left = False
        self._is_over = False

    def take(self, data: bytes) -> None:
        """They sent this. Raises TooMuch for more than they may send ahead."""
        if self._packets.size + len(data) > WINDOW + wire.LONGEST_PACKET:
            raise TooMuch("a client that sends beyond its window")
        self._guarded(self._work, data)

    def left(self) -> None:
        """They have said all they will say, and wait for the rest of their answers."""
        self._has_left = True

    def go_on(self) -> None:
        """Nothing more has come just now: answer, and work what waited."""
        self._guarded(self._catch_up)

    def end(self, why: str) -> None:
        """What was not closed is kept; the first reason counts."""
        if self._is_over:
            return
        self._is_over = True
        self._suspend()
        self._ended(self, why)
        with suppress(*GONE):
            self._channel.close()

    def _guarded(self, work: Callable[..., None], *what: bytes) -> None:
        if self._is_over:
            return
        try:
            work(*what)
        except wire.BadPacket as error:
            self.end(f"what they sent is no SFTP: {error}")
        except GONE:
            raise  # the connection is gone, and this session with it
        except Exception:
            log.exception("a session of %s ended", self.login.connection)
            self.end("a defect of ours")

    def _catch_up(self) -> None:
        if self._closing:
            self._say_closed()
        self._outlet.flush()
        if self._packets.whole:
            self._work()
            self._say_closed()
            self._outlet.flush()
        if self._has_left and self._outlet.is_empty and self._pace.is_due:
            self._channel.send_exit_status(0)  # scp counts anything else as its failure
            self.end("they left")

    def _work(self, came: bytes = b"") -> None:
        """The requests that have come, as far as their answers have room and it is their time."""
        packets = self._packets
        if came:
            packets.feed(came)
        before = packets.size
        while packets.whole and self._pace.is_due and self._outlet.has_room():
            request = packets.next()
            self.counts.last_request = time.monotonic()
            if self._closing and (request.kind not in _SIDE_BY_SIDE or len(self._closing) >= CLOSING):
                self._say_closed()
            if answer := self._answer(request):
                self._outlet.say(answer)
        worked = before - packets.size
        self._outlet.worked(worked)
        self._pace.owe(worked)

    def _say_closed(self) -> None:
        """The answers of all closes under way, after their commit."""
        if not self._closing:
            return
        closing, self._closing = self._closing, []
        try:
            kept = self._keeper.keep_all([item for _, item, _ in closing])
        except Closed as closed:
            for number, _, _ in closing:
                self._outlet.say(self._refused(number, closed))
            return
        for (number, _, then), future in zip(closing, kept, strict=True):
            if (error := future.exception()) is not None:
                self._outlet.say(self._refused(number, error))
                continue
            then()
            self._outlet.say(wire.status(number, Code.OK))

    def _answer(self, request: Fields) -> bytes:
        kind = request.kind
        if kind == Kind.INIT:
            self._greeted = True
            return wire.version()
        if not self._greeted:
            raise wire.BadPacket("a request before the greeting")
        number = request.number()
        try:
            return self._do(kind, number, request)
        except wire.BadPacket:
            raise
        except Exception as error:
            return self._refused(number, error)

    def _refused(self, number: int, error: BaseException) -> bytes:
        self.counts.refused += 1
        match error:
            case Refusal():
                return wire.status(number, error.code, str(error))
            case QuotaFull() | uploads.Overtaken():
                return wire.status(number, Code.FAILURE, str(error))
            case Closed():
                return wire.status(number, Code.FAILURE, "the gateway is being stopped; send it again in a minute")
            case NotThere():
                return wire.status(number, Code.NO_SUCH_FILE, str(error))
        log.error("a request of %s failed", self.login.connection, exc_info=error)
        return wire.status(number, Code.FAILURE, "it could not be stored just now; send it again later")

    def _do(self, kind: int, number: int, fields: Fields) -> bytes:
        match kind:
            case Kind.WRITE:
                upload = self._handle(fields.string(), Upload)
                offset, content = fields.long(), fields.string()
                upload.write(offset, content)
                self.counts.bytes_in += len(content)
                return wire.status(number, Code.OK)
            case Kind.READ:
                return self._read(number, fields)
            case Kind.OPEN:
                return self._open(number, fields)
            case Kind.CLOSE:
                return self._close(number, fields.string())
            case Kind.STAT | Kind.LSTAT:
                return wire.attributes(number, self._folders.stat(fields.path()))
            case Kind.FSTAT:
                return wire.attributes(number, self._fstat(fields.string()))
            case Kind.SETSTAT | Kind.FSETSTAT:
                return self._setstat(kind, number, fields)
            case Kind.OPENDIR:
                return wire.handle(number, self._new(self._folders.listing(self._existing(fields.path()))))
            case Kind.READDIR:
                return self._readdir(number, fields.string())
            case Kind.REALPATH:
                return wire.names(number, [Entry(resolved(fields.path()), 0, 0)])
            case Kind.REMOVE:
                return self._remove(number, fields.path())
            case Kind.RENAME:
                return self._rename(number, fields.path(), fields.path())
            case Kind.EXTENDED:
                return self._extended(number, fields)
            case Kind.MKDIR | Kind.RMDIR | Kind.SYMLINK | Kind.READLINK:
                raise Refusal(Code.PERMISSION_DENIED, "folders are fixed here, and there are no links")
        raise Refusal(Code.UNSUPPORTED, "this is not done here")

    def _existing(self, path: str) -> str:
        if not isinstance(self._folders.place(path), Folder):
            raise Refusal(Code.NO_SUCH_FILE, "no such folder")
        return path

    def _handle(self, name: bytes, kind: type[Open]) -> Open:
        found = self._handles.get(name)
        if not isinstance(found, kind):
            raise Refusal(Code.FAILURE, "no such handle")
        return found

    def _new(self, handle: Handle) -> bytes:
        self._number += 1
        name = struct.pack(">I", self._number)
        self._handles[name] = handle
        return name

    def _open(self, number: int, fields: Fields) -> bytes:
        path, flags = fields.path(), fields.number()
        if len(self._handles) >= self.login.settings.max_handles:
            raise Refusal(Code.FAILURE, f"more than {self.login.settings.max_handles} files are open")
        place = self._folders.place(path)
        if isinstance(place, Inbox) and place.name in {
            one.name for _, one, _ in self._closing if isinstance(one, Finished)
        }:
            self._say_closed()  # the file they closed last under this name is there first
        match place:
            case Folder():
                raise Refusal(Code.FAILURE, "this is a folder")
            case Inbox(name) if flags & wire.WRITE:
                return wire.handle(number, self._new(self._upload(name, flags)))
            case Outbox() if flags & wire.WRITE:
                raise Refusal(Code.PERMISSION_DENIED, "this folder is for fetching only")
            case Inbox(name):
                return wire.handle(number, self._new(self._again(name)))
            case Outbox(name):
                owed = self._folders.owed(name)
                self._keeper.house.book()  # the commit that they have it needs it: not to be loaded in there
                read = self._begun.of(owed.delivery_id)
                download = Download(self._keeper.house.store, owed.payload_id, owed.size, owed, read)
                return wire.handle(number, self._new(download))

    def _upload(self, name: str, flags: int) -> Upload:
        self._folders.new_name(name)
        if flags & wire.CREATE and flags & wire.TRUNCATE and not flags & wire.EXCLUSIVE:
            return Upload(self._keeper, self.login, name, self._memory)
        try:
            row = self._folders.upload(name)
        except Refusal:
            row = None
        if row is None and not flags & wire.CREATE:
            raise Refusal(Code.NO_SUCH_FILE, "no such file")
        if row is not None and flags & wire.CREATE and flags & wire.EXCLUSIVE:
            raise Refusal(Code.FAILURE, "there is a file of this name")
        if row is None or flags & wire.TRUNCATE:
            return Upload(self._keeper, self.login, name, self._memory)
        if row.status != uploads.PARTIAL:
            raise Refusal(Code.PERMISSION_DENIED, "this file is complete; send it anew, or under another name")
        upload = Upload(self._keeper, self.login, name, self._memory, row)
        with self._keeper.house.store.begin() as tx:
            uploads.take_over(tx, self.login.connection, name, row.payload_id, upload.writer)
        return upload

    def _again(self, name: str) -> Download:
        """What they gave us themselves, while it is in view."""
        payload_id, size = self._folders.given(name)
        return Download(self._keeper.house.store, payload_id, size, None, [])

    def _close(self, number: int, name: bytes) -> bytes:
        handle = self._handles.pop(name, None)
        match handle:
            case None:
                raise Refusal(Code.FAILURE, "no such handle")
            case Upload():
                is_temporary = self._folders.is_temporary(handle.name)
                finished = handle.finish(self._remote, is_temporary=is_temporary)
                self._closing.append((number, finished, self._count_received))
                if handle.size > WORTH_A_COMMIT:
                    self._say_closed()
                return b""
            case Download() if handle.owed is not None and handle.is_whole:
                owed = handle.owed
                self.counts.fetched += 1
                if self.login.settings.fetched == "read" and owed.name not in self._folders.taken:
                    self._folders.taken[owed.name] = owed
                    self._closing.append((number, Fetched(owed.delivery_id, f"read by {self._remote}"), lambda: None))
                    return b""
        return wire.status(number, Code.OK)

    def _count_received(self) -> None:
        self.counts.received += 1

    def _read(self, number: int, fields: Fields) -> bytes:
        download = self._handle(fields.string(), Download)
        offset, size = fields.long(), fields.number()
        content = download.read(offset, min(size, wire.LONGEST_DATA))
        if not content:
            return wire.status(number, Code.EOF)
        self.counts.bytes_out += len(content)
        self._pace.owe(len(content))
        return wire.data(number, content)

    def _fstat(self, name: bytes) -> Entry:
        match self._handles.get(name):
            case Upload() as upload:
                return Entry(upload.name, upload.size, int(time.time()), is_writable=True)
            case Download() as download:
                return Entry("", download.size, int(time.time()))
        raise Refusal(Code.FAILURE, "no such handle")

    def _setstat(self, kind: int, number: int, fields: Fields) -> bytes:
        """Times and rights mean nothing here; clients set them all the same. A size cannot be changed."""
        there = self._fstat(fields.string()) if kind == Kind.FSETSTAT else self._folders.stat(fields.path())
        size = fields.size_attribute()
        if size is not None and size != there.size:
            raise Refusal(Code.UNSUPPORTED, "the size of a file cannot be set")
        return wire.status(number, Code.OK)

    def _readdir(self, number: int, name: bytes) -> bytes:
        listing = self._handles.get(name)
        if listing is None or isinstance(listing, Upload | Download):
            raise Refusal(Code.FAILURE, "no such handle")
        page = list(islice(listing, PAGE))
        return wire.names(number, page) if page else wire.status(number, Code.EOF)

    def _remove(self, number: int, path: str) -> bytes:
        match self._folders.place(path):
            case Folder():
                raise Refusal(Code.PERMISSION_DENIED, "folders are fixed here")
            case Inbox(name):
                self._folders.upload(name)
                self._keeper.keep(Removed(self.login, name))
            case Outbox(name):
                owed = self._folders.owed(name)
                self._keeper.keep(Fetched(owed.delivery_id, f"removed by {self._remote}"))
                self._folders.taken.pop(name, None)
                self._folders.removed.add(owed.delivery_id)
        return wire.status(number, Code.OK)

    def _rename(self, number: int, old: str, new: str) -> bytes:
        match self._folders.place(old), self._folders.place(new):
            case Inbox(name), Inbox(final):
                self._folders.new_name(final)
                row = self._folders.upload(name)
                if row.status == uploads.RECEIVED:
                    raise Refusal(Code.PERMISSION_DENIED, "this file was received already and keeps its name")
                is_temporary = self._folders.is_temporary(final)
                self._keeper.keep(Named(self.login, name, final, self._remote, is_temporary))
                if not is_temporary:
                    self.counts.received += 1
                return wire.status(number, Code.OK)
        raise Refusal(Code.PERMISSION_DENIED, "files are renamed within the inbox only")

    def _extended(self, number: int, fields: Fields) -> bytes:
        match fields.string():
            case b"posix-rename@openssh.com":
                return self._rename(number, fields.path(), fields.path())
            case b"limits@openssh.com":
                return wire.limits(number, self.login.settings.max_handles)
            case b"fsync@openssh.com":
                upload = self._handle(fields.string(), Upload)
                upload.flush()
                return wire.status(number, Code.OK)
        raise Refusal(Code.UNSUPPORTED, "this is not done here")

    def _suspend(self) -> None:
        self._say_closed()
        for handle in self._handles.values():
            if isinstance(handle, Upload):
                try:
                    handle.suspend()
                except Exception as error:
                    log.warning("an upload of %s is not kept: %s", self.login.connection, error)
        self._handles.clear()
