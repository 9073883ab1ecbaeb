"""The bare peer of benchmarks/sftp.py: paramiko's own SFTP server over a folder, one key, nothing else.

    python -m benchmarks.sftp_peer FOLDER [--fsync]

FOLDER holds `host` and `user.pub`; files go to FOLDER/files. Prints its port, then serves until it is killed. With
--fsync a close is answered when the file is on the disk.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paramiko
from paramiko import SFTPAttributes, SFTPHandle, SFTPServer, SFTPServerInterface
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED, OPEN_SUCCEEDED

FOLDER, FSYNC = Path(sys.argv[1] if len(sys.argv) > 1 else "."), "--fsync" in sys.argv
FILES = str(FOLDER / "files")


class Door(paramiko.ServerInterface):
    """One key."""

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = (FOLDER / "user.pub").read_text().split()[1]
        return AUTH_SUCCESSFUL if key.get_base64() == known else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


class Handle(SFTPHandle):
    """An open file."""

    def stat(self) -> Any:
        file = self.writefile if self.writefile is not None else self.readfile
        return SFTPAttributes.from_stat(os.fstat(file.fileno()))

    def close(self) -> None:
        if FSYNC and self.writefile is not None:
            self.writefile.flush()
            os.fsync(self.writefile.fileno())
        super().close()


class Files(SFTPServerInterface):
    """A folder."""

    def stat(self, path: str) -> Any:
        return _tried(lambda: SFTPAttributes.from_stat(Path(self._at(path)).stat()))

    lstat = stat

    def list_folder(self, path: str) -> Any:
        return _tried(lambda: [SFTPAttributes.from_stat(e.stat(), e.name) for e in os.scandir(self._at(path))])

    def open(self, path: str, flags: int, attr: Any) -> Any:
        def opened() -> Handle:
            descriptor = os.open(self._at(path), flags, 0o644)
            handle = Handle(flags)
            handle.readfile = handle.writefile = None
            if flags & (os.O_WRONLY | os.O_RDWR):
                handle.writefile = os.fdopen(descriptor, "wb", buffering=0)
            else:
                handle.readfile = os.fdopen(descriptor, "rb", buffering=1 << 20)
            return handle

        return _tried(opened)

    def _at(self, path: str) -> str:
        return FILES + self.canonicalize(path)


def _tried(do: Callable[[], Any]) -> Any:
    try:
        return do()
    except OSError as error:
        return SFTPServer.convert_errno(error.errno or 0)


def main() -> None:
    Path(FILES).mkdir(exist_ok=True)
    for folder in ("inbox", "outbox"):
        Path(FILES, folder).mkdir(exist_ok=True)
    key = paramiko.Ed25519Key.from_private_key_file(str(FOLDER / "host"))
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(connection)
        transport.add_server_key(key)
        transport.set_subsystem_handler("sftp", SFTPServer, Files)
        transport.start_server(event=threading.Event(), server=Door())


if __name__ == "__main__":
    main()
