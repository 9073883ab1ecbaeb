"""Our SFTP server in this process over a test's store, partners who log in to it, and the tools they use."""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import bcrypt
import paramiko
from sqlalchemy import select

from gateway.channels import table
from gateway.partners import secrets
from gateway.partners.book import Book
from gateway.pipeline.house import House
from gateway.pipeline.route import owe
from gateway.sftpd import host_keys
from gateway.sftpd.keeping import Keeper
from gateway.sftpd.login import Logins
from gateway.sftpd.server import Server
from gateway.store import payloads, schema
from gateway.store.engine import Record, Store
from gateway.worker.road import deliveries

PASSWORD = "a long password of theirs"


def new_key(path: Path, kind: str = "ed25519") -> str:
    """A key pair made by OpenSSH; the line of its public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", str(path)], check=True)
    return path.with_name(path.name + ".pub").read_text().strip()


def login(name: str, public: str, **settings: Any) -> str:
    """One connection of connections.yaml, in JSON, which is YAML too."""
    said = {"kind": "sftp-server", "lane": "production", "user": name, "keys": [{"key": public}], **settings}
    return f"\n{name}: {json.dumps(said)}\n"


def book_with(*connections: str) -> Book:
    """A book of nothing but logins."""
    whose = 'name: Logins\nids: {x12: ["ZZ:LOGINS"]}\n'
    said = {"partners/logins/partner.yaml": whose, "partners/logins/connections.yaml": "".join(connections)}
    return Book.from_files(said)


@dataclass
class SftpSite:
    """The server, its store, and one partner's key for each login."""

    store: Store
    house: House
    server: Server
    keeper: Keeper
    folder: Path
    port: int
    clients: list[paramiko.Transport] = field(default_factory=list)

    def transport(
        self, user: str = "blue-ridge", key: Path | None = None, password: str | None = None, cipher: str = ""
    ) -> Any:
        transport = paramiko.Transport(socket.create_connection(("127.0.0.1", self.port)))
        if cipher:
            transport.get_security_options().ciphers = (cipher,)
        self.clients.append(transport)
        pkey = None if password else paramiko.Ed25519Key.from_private_key_file(str(key or self.folder / "key"))
        try:
            transport.connect(username=user, pkey=pkey, password=password)
        except BaseException:
            transport.sock.close()  # paramiko leaves it open when the other side ended it
            raise
        return transport

    def client(self, user: str = "blue-ridge", **how: Any) -> paramiko.SFTPClient:
        client = paramiko.SFTPClient.from_transport(self.transport(user, **how))
        assert client is not None
        return client

    def openssh(
        self, *commands: str, user: str = "blue-ridge", check: bool = True, options: Sequence[str] = (), **more: Any
    ) -> str:
        """OpenSSH's `sftp` with a batch; what it printed."""
        usual = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "IdentitiesOnly=yes"]
        command = [
            "sftp",
            *([] if options else ["-q"]),
            "-b",
            "-",
            "-P",
            str(self.port),
            "-i",
            str(self.folder / "key"),
        ]
        command += [f"-o{option}" for option in (*options, *usual)] + [f"{user}@127.0.0.1"]
        ran = subprocess.run(
            command, input="\n".join(commands), capture_output=True, text=True, check=False, timeout=120, **more
        )
        assert ran.returncode == 0 or not check, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    def received(self) -> dict[str, list[bytes]]:
        """Everything that is in the store, by the name it came under."""
        with self.store.read() as view:
            rows = view.all(select(schema.transmission).order_by(schema.transmission.c.id))
        found: dict[str, list[bytes]] = {}
        for row in rows:
            found.setdefault(row.filename, []).append(payloads.read_all(self.store, row.payload_id))
        return found

    def rows(self, table: Any) -> list[Record]:
        with self.store.read() as view:
            return list(view.all(select(table)))

    def owe(self, content: bytes, number: int = 1, connection: str = "blue-ridge") -> int:
        """A file that is owed to a partner and lies ready for them; the delivery's id."""
        with self.store.begin() as tx:
            stored = payloads.store(tx, content, owner=connection, lane="production")
            row = {"kind": "envelope", "target": connection, "lane": "production", "partner": "harbor-pine"}
            body = json.dumps({"interchange_id": number, "set": "940"})
            more = {"payload_id": stored.id, "body": body, "idempotency_key": f"interchange:{number}"}
            (delivery_id,) = owe(tx, [{**row, **more, "correlation_id": None}])
        errand = deliveries(self.house)
        with self.store.begin() as tx:
            claimed = errand.claim(tx, "test", 100)
        ended = [(row, errand.run(row)) for row in claimed]
        with self.store.begin() as tx:
            errand.record(tx, ended)
        return delivery_id

    def delivery(self, delivery_id: int) -> Record:
        with self.store.read() as view:
            row = view.get(schema.delivery, delivery_id)
        assert row is not None
        return row


@cache
def _host_keys() -> list[paramiko.PKey]:
    with tempfile.TemporaryDirectory() as folder:
        return host_keys.make(Path(folder))


@contextmanager
def sftp_site(store: Store, folder: Path, *more: str, **settings: Any) -> Iterator[SftpSite]:
    """A server with one login `blue-ridge` (settings as given) and more connections as they are written."""
    public = new_key(folder / "key")
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (folder / "hash").write_text(hashed)
    said = login("blue-ridge", public, **{"password_hash": f"file:{folder / 'hash'}", **settings})
    with served(store, book_with(said, *more), folder) as site:
        yield site


@contextmanager
def served(store: Store, book: Book, folder: Path, **options: Any) -> Iterator[SftpSite]:
    def sender(name: str) -> Any:
        said = book.connections[name]
        return table.open_sender(said.kind, said.settings, str)

    house = House(store, lambda: book, dict, sender)
    keeper = Keeper(house)
    logins = Logins(book.connections, secrets.resolve)
    server = Server(keeper, lambda: logins, _host_keys(), ("127.0.0.1", 0), **{"most_guests": 200, **options})
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    site = SftpSite(store, house, server, keeper, folder, server.port)
    try:
        yield site
    finally:
        for transport in site.clients:
            transport.close()
        server.stop()
        thread.join(60)
        keeper.close()
