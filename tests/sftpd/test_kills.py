"""kill -9 in the middle of uploads, again and again: nothing is lost, doubled or partial."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import paramiko
import pytest
from sftp_site import book_with, login, new_key
from sqlalchemy import select

from gateway.cli.story.parties import free_port
from gateway.pipeline import publishing
from gateway.settings import Settings
from gateway.store import payloads, schema

pytestmark = pytest.mark.faults

LOST = (OSError, EOFError, paramiko.SSHException)


class Process:
    """`gateway run --only sftp`, killed and started again on its port."""

    def __init__(self, home: Path, public: str) -> None:
        self.port = free_port()
        self.environment = {
            **os.environ,
            "GATEWAY_HOME": str(home),
            "GATEWAY_SFTP_BIND": f"127.0.0.1:{self.port}",
            "GATEWAY_LOG_LEVEL": "warning",
        }
        self.settings = Settings.load(self.environment)
        self.settings.first_run()
        with self.settings.open_store() as store:
            store.migrate()
            with store.begin() as tx:
                publishing.publish(tx, book_with(login("blue-ridge", public)), by="test")
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "run", "--only", "sftp"], env=self.environment
        )
        deadline = time.monotonic() + 60
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Partner:
    """Sends every file until the close of each was answered, as a partner's script does."""

    def __init__(self, port: int, key: Path) -> None:
        self._port = port
        self._key = paramiko.Ed25519Key.from_private_key_file(str(key))
        self._client: paramiko.SFTPClient | None = None
        self.tries = 0
        self.done = 0  # files

    def send(self, name: str, content: bytes) -> None:
        while True:
            self.tries += 1
            try:
                self._put(name, content)
                self.done += 1
                return
            except LOST:
                self.leave()
                time.sleep(0.05)

    def leave(self) -> None:
        if self._client is not None:
            self._client.get_channel().get_transport().close()  # type: ignore[union-attr]
        self._client = None

    def _put(self, name: str, content: bytes) -> None:
        if self._client is None:
            transport = paramiko.Transport(socket.create_connection(("127.0.0.1", self._port)))
            try:
                transport.connect(username="blue-ridge", pkey=self._key)
                self._client = paramiko.SFTPClient.from_transport(transport)
            except BaseException:
                transport.close()
                raise
        assert self._client is not None
        temporary = f"/inbox/{name}.part" if name.startswith("renamed") else f"/inbox/{name}"
        with suppress(FileNotFoundError):
            there = self._client.stat(f"/inbox/{name}").st_size
            if there == len(content):
                return  # our answer was lost, the file was not
        start = 0
        with suppress(FileNotFoundError):
            start = self._client.stat(temporary).st_size or 0
        if start < len(content) or temporary == f"/inbox/{name}":
            file = self._client.open(temporary, "r+b" if start else "wb")
            file.set_pipelined(True)
            file.seek(start)
            for at in range(start, len(content), 32_000):
                file.write(content[at : at + 32_000])
            file.close()
        if temporary != f"/inbox/{name}":
            self._client.rename(temporary, f"/inbox/{name}")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kills", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_nothing_is_lost_doubled_or_partial(tmp_path: Path, kills: int) -> None:
    dice = random.Random(os.urandom(8))
    server = Process(tmp_path / "home", new_key(tmp_path / "key"))
    files = {f"small-{n}": os.urandom(2048) for n in range(40 * kills)}
    files |= {f"renamed-{n}": os.urandom(5000) for n in range(8 * kills)}
    large = {f"large-{n}": os.urandom(6_000_000 * kills) for n in range(2)}
    partners = [Partner(server.port, tmp_path / "key") for _ in range(4)]

    def send(partner: Partner, mine: dict[str, bytes]) -> None:
        for name, content in mine.items():
            partner.send(name, content)

    shares = [dict(list(files.items())[::2]), dict(list(files.items())[1::2])]
    shares += [{name: content} for name, content in large.items()]
    threads = [threading.Thread(target=send, args=pair) for pair in zip(partners, shares, strict=True)]
    try:
        for thread in threads:
            thread.start()
        killed = 0
        for at in sorted(dice.sample(range(1, len(files) // 2), kills)):  # while there is much left to send
            while sum(partner.done for partner in partners) < at and any(thread.is_alive() for thread in threads):
                time.sleep(0.005)
            server.kill()
            killed += any(thread.is_alive() for thread in threads)
            server.start()
        for thread in threads:
            thread.join(120)
        assert not any(thread.is_alive() for thread in threads)
    finally:
        for partner in partners:
            partner.leave()
        server.kill()
    assert killed == kills, "the files were through before the kills were: send more"
    assert sum(partner.tries for partner in partners) > len(files) + len(large)
    with server.settings.open_store() as store:
        with store.read() as view:
            rows = view.all(select(schema.transmission))
            left = view.all(select(schema.upload).where(schema.upload.c.status != "received"))
            chunks = set(view.execute(select(schema.payload_chunk.c.payload_id).distinct()).scalars())
            bodies = set(view.execute(select(schema.payload.c.id)).scalars())
        assert sorted(row.filename for row in rows) == sorted({**files, **large}), "each once"
        assert left == []
        assert chunks == bodies, "no chunk of a body that is not there"
        for row in rows:
            assert payloads.read_all(store, row.payload_id) == {**files, **large}[row.filename]
