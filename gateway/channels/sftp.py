"""SFTP, our side calling: files on a partner's server, in and out.

In: two looks `stable_for` apart must agree before a file counts. It is claimed by renaming it into a working folder
there, as directory.py does here; where the partner's server lets us make no folder, its name, size and time are its
transport id. A connection that breaks in the middle of a file is opened again and reading goes on where it
stopped, if the file is still the same.

Out: written under a temporary name that follows from its bytes, then renamed without replacing anything. A try that was
cut off is found by that name and continued.

Rules a reviewer can hold this file to: the host key is compared before anything of ours is said, and a strange one ends
it; what the server calls a file is never a path; nothing is deleted there but what was stored here.
"""

from __future__ import annotations

import base64
import errno
import fnmatch
import hashlib
import io
import posixpath
import secrets
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, BinaryIO, Self

import paramiko
from pydantic import Field, model_validator

from gateway.channels.channel import (
    Arrival,
    ChannelError,
    HostKeyChanged,
    Parcel,
    Refused,
    Resolve,
    Retry,
    SendOutcome,
    Sent,
    Unknown,
    Unsettled,
)
from gateway.channels.filename import LONGEST, is_partial, is_plain, safe, shown
from gateway.partners.secrets import SecretMissing, SecretRef, Setting
from gateway.partners.values import Duration, Written, wrong

WORKING = ".in-work"
HOST_KEY_KINDS = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),  # RFC 8332: an ssh-rsa key, signing with SHA-2
)
BLOCK = 1 << 18  # bytes a read or write; 8 of paramiko's own requests
SMALL = 1 << 16  # files up to this are read without read-ahead, which costs more than it gains there
AHEAD = 64  # requests of 32 KB under way: 2 MB, enough for 40 MB/s over 50 ms
OVERLAP = 1 << 20  # bytes written again when an upload goes on: what a crashed server may not have kept
TRIES = 3  # connections for one file without a byte of progress
KEY_PAUSE = 300.0  # seconds: a refused login is mended by a person, asking often only locks accounts

Lost = (paramiko.SSHException, EOFError, OSError)

Fingerprint = Annotated[str, Field(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$", examples=["SHA256:" + "A" * 43])]


class LoginRefused(ChannelError):
    """The server does not take our user, key or password."""


class SftpSettings(Written):
    """A partner's SFTP server, and what we do there."""

    host: Setting = Field(description="Name or address of their server.")
    port: int = Field(default=22, ge=1, le=65535, description="Port of their server.")
    user: Setting = Field(description="Our login there.")
    password: SecretRef | None = Field(default=None, description="Our password there.")
    private_key: SecretRef | None = Field(default=None, description="Our private key there, OpenSSH or PEM.")
    host_keys: tuple[Fingerprint, ...] = Field(
        min_length=1, description="Fingerprints of their host key; another key stops the connection."
    )
    inbox: str | None = Field(default=None, description="The remote folder we fetch from.")
    outbox: str | None = Field(default=None, description="The remote folder we put into.")
    pattern: str = Field(default="*", description="Which remote files are meant for us.", examples=["*.edi"])
    stable_for: Duration = Field(
        default=timedelta(seconds=5), description="Two looks so far apart must agree before a file is taken."
    )
    archive: str | None = Field(
        default=None, description="The remote folder a file goes to once it is stored. Without it the file is deleted."
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
    def _complete(self) -> Self:
        if self.password is None and self.private_key is None:
            raise wrong("no way to log in", "give it `private_key:`, `password:` or both")
        if self.inbox is None and self.outbox is None:
            raise wrong("an SFTP connection without a folder", "give it `inbox:`, `outbox:` or both")
        return self


class SftpChannel:
    """One partner's server. One thread at a time polls; sends wait for one another."""

    def __init__(self, settings: SftpSettings, resolve: Resolve) -> None:
        self.settings = settings
        self._resolve = resolve
        self._lock = threading.RLock()
        self._session: paramiko.SFTPClient | None = None

    def close(self) -> None:
        with self._lock:
            session, self._session = self._session, None
            if session is None:
                return
            transport = session.get_channel().get_transport()  # type: ignore[union-attr]
            with suppress(*Lost):  # a broken one cannot say goodbye
                session.close()
            transport.close()

    def poll(self) -> Iterator[Arrival]:
        """One file that cannot be taken never stops the others: `ChannelError` speaks of it when they are through."""
        if self.settings.inbox is None:
            return
        with self._words("looking into the inbox"):
            waiting, oversized = self._settled()
            arrivals = self._claimed(waiting)
        yield from arrivals
        if oversized:
            raise ChannelError(f"larger than the {self.settings.max_size} bytes taken here: {', '.join(oversized)}")

    def after_commit(self, arrival: Arrival) -> None:
        with self._lock, self._words("taking away what is stored"):
            session = self.session()
            found = _lstat(session, arrival.place)
            # gone: this is the second time. Another file under the same name: not ours to touch, it comes in by itself.
            claimed = posixpath.basename(posixpath.dirname(arrival.place)) == WORKING
            if found is None or (not claimed and _identity(found, arrival) != arrival.transport_id):
                return
            if self.settings.archive is None:
                session.remove(arrival.place)
                return
            name = posixpath.basename(arrival.place).removeprefix(f"{arrival.transport_id}~")
            session.rename(arrival.place, posixpath.join(self.settings.archive, f"{arrival.transport_id}~{name}"))

    def send(self, parcel: Parcel) -> SendOutcome:
        if self.settings.outbox is None:
            return Refused("this connection has no outbox")
        if not is_plain(parcel.filename) or is_partial(parcel.filename):
            return Refused(f"{shown(parcel.filename)!r} is not a file name we can write")
        with self._lock:
            try:
                return self._put(self.session(), self.settings.outbox, parcel)
            except HostKeyChanged as error:
                return Refused(str(error))
            except LoginRefused as error:
                return Retry(KEY_PAUSE, str(error))
            except ChannelError as error:
                return Retry(None, str(error))
            except Lost as error:
                why = self._lost(error, f"sending {parcel.filename}")
                return Retry(None, str(why))

    def session(self) -> paramiko.SFTPClient:
        """The open session, or a new one; raises `ChannelError`."""
        with self._lock:
            if self._session is not None:
                transport = self._session.get_channel().get_transport()  # type: ignore[union-attr]
                if transport.is_active() and not self._session.get_channel().closed:  # type: ignore[union-attr]
                    return self._session
                self.close()
            self._session = _connect(self.settings, self._resolve)
            return self._session

    def _settled(self) -> tuple[list[paramiko.SFTPAttributes], list[str]]:
        """What is there and has not changed between two looks, and what of it is too large."""
        first = self._candidates()
        wait = self.settings.stable_for.total_seconds()
        if first and wait > 0:
            time.sleep(wait)
            second = self._candidates()
            first = {name: found for name, found in second.items() if _same(first.get(name), found)}
        small = [found for _, found in sorted(first.items()) if (found.st_size or 0) <= self.settings.max_size]
        large = [found for _, found in sorted(first.items()) if (found.st_size or 0) > self.settings.max_size]
        return small, [f"{shown(found.filename)} ({found.st_size} bytes)" for found in large]

    def _candidates(self) -> dict[str, paramiko.SFTPAttributes]:
        assert self.settings.inbox is not None
        try:
            listed = self.session().listdir_attr(self.settings.inbox)
        except UnicodeDecodeError:
            raise ChannelError(f"a name in {self.settings.inbox} is not UTF-8; the partner must rename it") from None
        return {
            found.filename: found
            for found in listed
            if stat.S_ISREG(found.st_mode or 0)
            and is_plain(found.filename)
            and not is_partial(found.filename)
            and fnmatch.fnmatchcase(found.filename, self.settings.pattern)
        }

    def _claimed(self, waiting: list[paramiko.SFTPAttributes]) -> list[Arrival]:
        """Everything in the working folder: what an earlier run left there, and what is claimed now."""
        assert self.settings.inbox is not None
        session = self.session()
        working = posixpath.join(self.settings.inbox, WORKING)
        try:
            if _lstat(session, working) is None:
                session.mkdir(working, 0o700)
        except PermissionError:
            return [self._arrival(_identity(found), found.filename, found) for found in waiting]
        for found in waiting:
            # time first: what waits in the working folder comes out in the order it was claimed
            claim = f"{time.time_ns():x}-{secrets.token_hex(8)}"
            name = found.filename if len(found.filename.encode()) <= LONGEST else safe(found.filename)
            with suppress(FileNotFoundError):  # somebody else was quicker
                session.rename(posixpath.join(self.settings.inbox, found.filename), f"{working}/{claim}~{name}")
        arrivals = []
        for found in sorted(session.listdir_attr(working), key=lambda found: found.filename):
            claim, mark, name = found.filename.partition("~")
            if mark and is_plain(found.filename) and stat.S_ISREG(found.st_mode or 0):
                arrivals.append(self._arrival(claim, name, found, f"{working}/{found.filename}"))
        return arrivals

    def _arrival(
        self, transport_id: str, name: str, found: paramiko.SFTPAttributes, path: str | None = None
    ) -> Arrival:
        assert self.settings.inbox is not None
        place = path or posixpath.join(self.settings.inbox, found.filename)
        return Arrival(shown(name), transport_id, found.st_size or 0, lambda: self._open(place, found), place)

    def _open(self, path: str, found: paramiko.SFTPAttributes) -> BinaryIO:
        return io.BufferedReader(_RemoteFile(self, path, found), BLOCK)

    def _put(self, session: paramiko.SFTPClient, outbox: str, parcel: Parcel) -> SendOutcome:
        target = posixpath.join(outbox, parcel.filename)
        if (there := _lstat(session, target)) is not None:
            return self._already_there(session, target, there, parcel)
        temporary = posixpath.join(outbox, f".{hashlib.sha256(parcel.content).hexdigest()[:32]}.tmp")
        _write(session, temporary, parcel.content)
        try:
            session.rename(temporary, target)
        except FileNotFoundError:
            return Retry(None, f"the temporary file for {parcel.filename} is gone")
        except Lost as error:
            if _broke(session, error):
                self.close()
                return Unknown(f"the connection broke while {parcel.filename} was given its name")
            return self._lost_race(session, temporary, target, parcel, error)
        return Sent(f"{parcel.filename}, {len(parcel.content)} bytes")

    def _lost_race(
        self, session: paramiko.SFTPClient, temporary: str, target: str, parcel: Parcel, error: Exception
    ) -> SendOutcome:
        there = _lstat(session, target)
        if there is None:
            return Retry(None, f"{parcel.filename} cannot be given its name: {error}")
        with suppress(OSError):
            session.remove(temporary)
        return self._already_there(session, target, there, parcel)

    def _already_there(
        self, session: paramiko.SFTPClient, target: str, there: paramiko.SFTPAttributes, parcel: Parcel
    ) -> SendOutcome:
        if stat.S_ISREG(there.st_mode or 0) and there.st_size == len(parcel.content):
            with session.open(target, "rb") as file:
                _read_ahead(file, there.st_size)
                if file.read() == parcel.content:
                    return Sent(f"{parcel.filename}, as an earlier try left it")
        return Refused(f"another file called {parcel.filename} is waiting there")

    def _lost(self, error: Exception, doing: str) -> ChannelError:
        """What a failure was, in words; a broken session is forgotten."""
        if self._session is None or _broke(self._session, error):
            self.close()
            return ChannelError(f"the connection to {self.settings.host} broke while {doing}")
        return ChannelError(f"{self.settings.host} refuses {doing}: {error}")

    def _words(self, doing: str) -> _InWords:
        return _InWords(self, doing)


class _InWords:
    """Turns what paramiko raises into a `ChannelError` that says what was being done."""

    def __init__(self, channel: SftpChannel, doing: str) -> None:
        self._channel = channel
        self._doing = doing

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Lost) and not isinstance(error, ChannelError):
            raise self._channel._lost(error, self._doing) from None


class _RemoteFile(io.RawIOBase):
    """A file over there, read from its beginning to its end, over as many connections as it takes."""

    def __init__(self, channel: SftpChannel, path: str, found: paramiko.SFTPAttributes) -> None:
        self._channel = channel
        self._path = path
        self._expected = found
        self._position = 0
        self._file: paramiko.SFTPFile | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        assert isinstance(buffer, memoryview | bytearray)
        if self._position == self._expected.st_size:
            if not _same(self._expected, _lstat(self._channel.session(), self._path)):
                raise Unsettled(f"{shown(self._path)} changed while it was read")
            return 0
        data = self._read(len(buffer))
        if not data:
            raise Unsettled(f"{shown(self._path)} ended after {self._position} of {self._expected.st_size} bytes")
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        if self._file is not None:
            with suppress(*Lost):
                self._file.close()
            self._file = None
        super().close()

    def _read(self, size: int) -> bytes:
        for _ in range(TRIES):
            try:
                if self._file is None:
                    self._file = self._reopen()
                return self._file.read(size)
            except ChannelError:
                raise
            except Lost as error:
                self._file = None
                why = self._channel._lost(error, f"reading {shown(self._path)}")
        raise why

    def _reopen(self) -> paramiko.SFTPFile:
        session = self._channel.session()
        file = session.open(self._path, "rb")
        if self._position and not _same(self._expected, file.stat()):
            raise Unsettled(f"{shown(self._path)} changed while it was read")
        size = self._expected.st_size or 0
        file.seek(self._position)
        if size - self._position > SMALL:
            _read_ahead(file, size)
        return file


def fingerprint(key: paramiko.PKey) -> str:
    """As `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode("ascii").rstrip("=")


def _connect(settings: SftpSettings, resolve: Resolve) -> paramiko.SFTPClient:
    """A session with a server that is who it was, and that takes our login."""
    try:
        host, user = resolve(settings.host), resolve(settings.user)
        password = resolve(settings.password) if settings.password else None
        key = _private_key(settings, resolve)
    except SecretMissing as error:
        raise LoginRefused(str(error)) from None
    transport = _known_host(settings, host)
    try:
        if key is not None:
            with suppress(paramiko.BadAuthenticationType):
                transport.auth_publickey(user, key)
        if password is not None and not transport.is_authenticated():
            transport.auth_password(user, password)
        if not transport.is_authenticated():
            raise LoginRefused(f"{host} does not take our login for {user}")
        session = paramiko.SFTPClient.from_transport(transport)
        assert session is not None
        session.get_channel().settimeout(settings.timeout.total_seconds())  # type: ignore[union-attr]
    except BaseException as error:
        transport.close()
        if isinstance(error, paramiko.AuthenticationException):
            raise LoginRefused(f"{host} does not take our login for {user}") from None
        if isinstance(error, Lost) and not isinstance(error, ChannelError):
            raise ChannelError(f"{host} gives us no SFTP session ({error or type(error).__name__})") from None
        raise
    return session


def _known_host(settings: SftpSettings, host: str) -> paramiko.Transport:
    """A transport to a server whose key we know; nothing of ours has been said on it yet.

    A server has keys of several kinds and shows the one it prefers. So before a strange key counts as strange, the
    server is asked for each other kind.
    """
    seen: paramiko.PKey | None = None
    for kinds in (None, *HOST_KEY_KINDS):
        try:
            transport = _greet(host, settings.port, settings.timeout.total_seconds(), kinds)
        except paramiko.ssh_exception.IncompatiblePeer:
            continue  # it has no key of this kind
        key = transport.get_remote_server_key()
        if fingerprint(key) in settings.host_keys:
            return transport
        transport.close()
        seen = seen or key
    if seen is None:
        raise ChannelError(f"{host} and we share no cipher or host key kind")
    raise HostKeyChanged(
        f"{host} shows the host key {fingerprint(seen)} ({seen.get_name()}), none of those we know it by; "
        "nothing was sent. Compare it with the partner by telephone, then add it to `host_keys:`"
    )


def _greet(host: str, port: int, timeout: float, kinds: tuple[str, ...] | None) -> paramiko.Transport:
    try:
        transport = paramiko.Transport(socket.create_connection((host, port), timeout))
    except OSError as error:
        raise ChannelError(f"{host}:{port} cannot be reached ({error.strerror or error})") from None
    try:
        transport.banner_timeout = transport.auth_timeout = timeout
        if kinds is not None:
            transport.get_security_options().key_types = kinds
        transport.start_client(timeout=timeout)
    except BaseException as error:
        transport.close()
        if isinstance(error, Lost) and not isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
            raise ChannelError(f"{host}:{port} speaks no SSH with us ({error or type(error).__name__})") from None
        raise
    return transport


def _private_key(settings: SftpSettings, resolve: Resolve) -> paramiko.PKey | None:
    if settings.private_key is None:
        return None
    text = resolve(settings.private_key)
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        with suppress(paramiko.SSHException, ValueError):
            return kind.from_private_key(io.StringIO(text.rstrip() + "\n"))
    raise LoginRefused(f"{settings.private_key} holds no private key we can read (OpenSSH or PEM, no passphrase)")


def _write(session: paramiko.SFTPClient, temporary: str, content: bytes) -> None:
    """All of it under its temporary name, going on where an earlier try was cut off."""
    there = _lstat(session, temporary)
    start = 0
    if there is not None and stat.S_ISREG(there.st_mode or 0) and (there.st_size or 0) <= len(content):
        start = max(0, (there.st_size or 0) - OVERLAP)
    with session.open(temporary, "r+b" if start else "wb") as file:
        file.set_pipelined(True)
        file.seek(start)
        for at in range(start, len(content), BLOCK):
            file.write(content[at : at + BLOCK])
    # pipelined writes are answered late: only the size says that every one of them arrived
    written = _lstat(session, temporary)
    if written is None or written.st_size != len(content):
        raise ChannelError(f"{written.st_size if written else 0} of {len(content)} bytes arrived")


def _read_ahead(file: paramiko.SFTPFile, size: int) -> None:
    """Ask for what comes next before it is wanted: over a long line this is the speed."""
    asking = file._prefetch_thread  # type: ignore[attr-defined]

    def quietly(*arguments: object) -> None:
        # the reader meets the broken connection too and goes on with a new one: no traceback of paramiko's thread
        with suppress(*Lost):
            asking(*arguments)

    file._prefetch_thread = quietly  # type: ignore[attr-defined]
    file.prefetch(size, max_concurrent_requests=AHEAD)


def _lstat(session: paramiko.SFTPClient, path: str) -> paramiko.SFTPAttributes | None:
    try:
        return session.lstat(path)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        raise


def _broke(session: paramiko.SFTPClient, error: Exception) -> bool:
    """Whether the connection is gone, or the server just said no."""
    if isinstance(error, EOFError | paramiko.SSHException | TimeoutError | ConnectionError):
        return True  # the transport notices a moment later
    channel = session.get_channel()
    return channel is None or channel.closed or not channel.get_transport().is_active()


def _same(one: paramiko.SFTPAttributes | None, other: paramiko.SFTPAttributes | None) -> bool:
    if one is None or other is None:
        return False
    return (one.st_size, one.st_mtime) == (other.st_size, other.st_mtime)


def _identity(found: paramiko.SFTPAttributes, arrival: Arrival | None = None) -> str:
    """The transport id of a file that could not be claimed: its name, size and time there."""
    name = posixpath.basename(arrival.place) if arrival else found.filename
    return hashlib.sha256(f"{name}\0{found.st_size}\0{found.st_mtime}".encode()).hexdigest()[:32]
