"""An SFTP session with a partner's server: who it is, who we are, and the verbs on files.

The host key is compared before anything of ours is said, and a strange one ends it.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import socket
import stat
from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Any, Self

import paramiko
from paramiko.sftp import CMD_DATA, CMD_READ, int64
from pydantic import Field, model_validator

from gateway.channels.channel import ChannelError, HostKeyChanged, LoginRefused, Resolve
from gateway.channels.remote import BLOCK, Found, Reading, RemoteSettings
from gateway.partners.secrets import SecretMissing, SecretRef, Setting
from gateway.partners.values import wrong

HOST_KEY_KINDS = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),  # RFC 8332: an ssh-rsa key, signing with SHA-2
)
SMALL = 1 << 16  # files up to this are read without read-ahead, which costs more than it gains there
REQUEST = 1 << 15  # bytes that every server gives at once
AHEAD = 64  # requests of 32 KB under way: 2 MB, enough for 40 MB/s over 50 ms

Lost = (paramiko.SSHException, EOFError, OSError)

Fingerprint = Annotated[str, Field(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$", examples=["SHA256:" + "A" * 43])]


class SftpSettings(RemoteSettings):
    """A partner's SFTP server, and what we do there."""

    host: Setting = Field(description="Name or address of their server.")
    port: int = Field(default=22, ge=1, le=65535, description="Port of their server.")
    user: Setting = Field(description="Our login there.")
    password: SecretRef | None = Field(default=None, description="Our password there.")
    private_key: SecretRef | None = Field(default=None, description="Our private key there, OpenSSH or PEM.")
    host_keys: tuple[Fingerprint, ...] = Field(
        min_length=1, description="Fingerprints of their host key; another key stops the connection."
    )

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        if self.password is None and self.private_key is None:
            raise wrong("no way to log in", "give it `private_key:`, `password:` or both")
        return self


class SftpSession:
    """The verbs of `Remote` over SFTP."""

    def __init__(self, client: paramiko.SFTPClient) -> None:
        self.client = client
        channel = client.get_channel()
        assert channel is not None
        self._channel = channel
        self._transport = channel.get_transport()

    def is_alive(self) -> bool:
        return bool(self._transport.is_active() and not self._channel.closed)

    def close(self) -> None:
        with suppress(*Lost):  # a broken one cannot say goodbye
            self.client.close()
        self._transport.close()

    def look(self, folder: str) -> list[Found]:
        listed = self.client.listdir_attr(folder)
        return [_found(one.filename, one) for one in listed if stat.S_ISREG(one.st_mode or 0)]

    def find(self, path: str) -> Found | None:
        attributes = self._lstat(path)
        if attributes is None:
            return None
        name = path.rpartition("/")[2]
        return _found(name, attributes) if stat.S_ISREG(attributes.st_mode or 0) else Found(name, -1, "")

    def make_folder(self, path: str) -> bool:
        try:
            if self._lstat(path) is None:
                self.client.mkdir(path, 0o700)
        except PermissionError:
            return False
        return True

    def rename(self, old: str, new: str) -> None:
        self.client.rename(old, new)

    def remove(self, path: str) -> None:
        self.client.remove(path)

    def read(self, path: str, start: int, size: int) -> Reading:
        file = self.client.open(path, "rb")
        if size - start > SMALL:
            return _Ahead(self.client, file, start, size)
        file.seek(start)
        return file

    def write(self, path: str, blocks: Iterable[bytes | memoryview], start: int) -> None:
        with self.client.open(path, "r+b" if start else "wb") as file:
            file.set_pipelined(True)
            file.seek(start)
            for block in blocks:
                for at in range(0, len(block), BLOCK):
                    file.write(bytes(block[at : at + BLOCK]))

    def _lstat(self, path: str) -> paramiko.SFTPAttributes | None:
        try:
            return self.client.lstat(path)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return None
            raise


class _Ahead:
    """A file whose next parts are asked for before they are wanted: over a long line this is the speed.

    paramiko's own `prefetch` asks in a thread. Where that thread is late, reading falls back to one request at a time,
    and what it goes on to ask for is kept until the end: half a gigabyte of a large file. Here the reader asks itself,
    so no more is ever held than `AHEAD` answers.
    """

    def __init__(self, client: Any, file: paramiko.SFTPFile, start: int, size: int) -> None:
        self._client = client
        self._file: Any = file
        self._at = self._next = start  # what is given next, and asked for next
        self._size = size
        self._asked: dict[int, tuple[int, int]] = {}  # number of the request -> offset and length
        self._come: dict[int, bytes] = {}  # offset -> what stands there
        self._error: Exception | None = None

    def read(self, size: int) -> bytes:
        """Some of what is left; empty at the end."""
        while len(self._asked) + len(self._come) < AHEAD and self._next < self._size:
            length = min(REQUEST, self._size - self._next)
            self._ask(self._next, length)
            self._next += length
        while self._at not in self._come and self._asked and self._error is None:
            self._client._read_response()
        data = self._come.pop(self._at, b"")
        if not data and self._error is not None:
            raise self._error
        if len(data) > size:
            self._come[self._at + size] = data[size:]
        self._at += len(data[:size])
        return data[:size]

    def close(self) -> None:
        self._file.close()

    def _ask(self, offset: int, length: int) -> None:
        number = self._client._async_request(self, CMD_READ, self._file.handle, int64(offset), length)
        self._asked[number] = offset, length

    def _async_response(self, kind: int, answer: paramiko.Message, number: int) -> None:
        """paramiko gives us each answer that it reads."""
        offset, length = self._asked.pop(number)
        if kind != CMD_DATA:
            try:
                self._client._convert_status(answer)
            except EOFError:
                return  # nothing stands there; what is before it may still come
            except OSError as error:
                self._error = error
            return
        self._come[offset] = data = answer.get_string()
        if 0 < len(data) < length:
            self._ask(offset + len(data), length - len(data))


def _found(name: str, attributes: paramiko.SFTPAttributes) -> Found:
    return Found(name, attributes.st_size or 0, str(attributes.st_mtime))


def fingerprint(key: paramiko.PKey) -> str:
    """As `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode("ascii").rstrip("=")


def connect(settings: SftpSettings, resolve: Resolve) -> SftpSession:
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
    return SftpSession(session)


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
