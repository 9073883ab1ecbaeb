"""A partner's SFTP server: folders on this disk, one a login, all with the same password. It listens on loopback."""

from __future__ import annotations

import hmac
import os
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import paramiko
from paramiko import SFTPAttributes, SFTPHandle, SFTPServer, SFTPServerInterface
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED, OPEN_SUCCEEDED
from paramiko.sftp import SFTP_FAILURE, SFTP_OK

BLOCK = 1 << 20


def serve(port: int, host_key: Path, folders: Mapping[str, Path], password: str) -> None:
    """Take logins until the process ends; each sees its own folder as the root."""
    key = paramiko.Ed25519Key.from_private_key_file(str(host_key))
    listener = socket.create_server(("127.0.0.1", port), backlog=16)
    threading.Thread(target=_accept, args=(listener, key, folders, password), daemon=True).start()


def _accept(listener: socket.socket, key: paramiko.PKey, folders: Mapping[str, Path], password: str) -> None:
    while True:
        connection, _ = listener.accept()
        transport = paramiko.Transport(connection)
        transport.add_server_key(key)
        transport.set_subsystem_handler("sftp", SFTPServer, _Files)
        transport.start_server(event=threading.Event(), server=_Door(folders, password))


class _Door(paramiko.ServerInterface):
    def __init__(self, folders: Mapping[str, Path], password: str) -> None:
        self.folders, self.password = folders, password
        self.root = Path()

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_auth_password(self, username: str, password: str) -> int:
        if username not in self.folders or not hmac.compare_digest(password, self.password):
            return AUTH_FAILED
        self.root = self.folders[username]
        return AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


class _Handle(SFTPHandle):
    readfile: Any  # paramiko reads and writes these
    writefile: Any

    def stat(self) -> Any:
        file = self.writefile if self.writefile is not None else self.readfile
        return SFTPAttributes.from_stat(os.fstat(file.fileno()))


class _Files(SFTPServerInterface):
    def __init__(self, server: paramiko.ServerInterface, *args: Any, **kwargs: Any) -> None:
        super().__init__(server, *args, **kwargs)
        assert isinstance(server, _Door)
        self.root = server.root

    def list_folder(self, path: str) -> Any:
        return _tried(lambda: [SFTPAttributes.from_stat(e.stat(), e.name) for e in os.scandir(self._at(path))])

    def stat(self, path: str) -> Any:
        return _tried(lambda: SFTPAttributes.from_stat(self._at(path).stat()))

    lstat = stat

    def open(self, path: str, flags: int, attr: Any) -> Any:
        def opened() -> _Handle:
            handle, writes = _Handle(flags), flags & (os.O_WRONLY | os.O_RDWR)
            file = os.fdopen(
                os.open(self._at(path), flags, 0o600), "r+b" if writes else "rb", buffering=0 if writes else BLOCK
            )
            handle.readfile, handle.writefile = (None, file) if writes else (file, None)
            return handle

        return _tried(opened)

    def remove(self, path: str) -> Any:
        return _done(self._at(path).unlink)

    def rename(self, oldpath: str, newpath: str) -> Any:
        if self._at(newpath).exists():  # as OpenSSH: a rename of version 3 replaces nothing
            return SFTP_FAILURE
        return self.posix_rename(oldpath, newpath)

    def posix_rename(self, oldpath: str, newpath: str) -> Any:
        return _done(lambda: self._at(oldpath).rename(self._at(newpath)))

    def mkdir(self, path: str, attr: Any) -> Any:
        return _done(self._at(path).mkdir)

    def _at(self, path: str) -> Path:
        return self.root / self.canonicalize(path).lstrip("/")


def _tried(do: Callable[[], Any]) -> Any:
    try:
        return do()
    except OSError as error:
        return SFTPServer.convert_errno(error.errno or 0)


def _done(do: Callable[[], Any]) -> int:
    failed = _tried(do)
    return failed if isinstance(failed, int) else SFTP_OK
