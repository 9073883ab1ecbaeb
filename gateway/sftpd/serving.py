"""One SFTP process over one store: everything it runs, put together from the settings."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence

import paramiko

from gateway.partners import secrets
from gateway.partners.connection import Connection
from gateway.partners.loading import load
from gateway.pipeline import publishing
from gateway.pipeline.house import LOOK_S
from gateway.settings import Settings
from gateway.sftpd.keeping import Keeper
from gateway.sftpd.login import Logins
from gateway.sftpd.server import Server
from gateway.store.engine import Store

log = logging.getLogger(__name__)

SECRETS_S = 60.0  # how old a password's hash may be
CONNECTIONS = "/connections.yaml"


def server(keeper: Keeper, host_keys: Sequence[paramiko.PKey], chosen: Settings) -> Server:
    """The server these settings ask for; it listens."""
    address = (chosen.sftp_host, chosen.sftp_port)
    return Server(keeper, Roll(keeper.house.store), host_keys, address, most_guests=chosen.sftp_sessions)


class Roll:
    """The logins of the active book, made anew when it changes, and now and then because a secret may have changed.

    Of the book its connections alone are read: the maps and agreements take the memory of a hundred sessions.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._revision: str | None = None
        self._connections: Mapping[str, Connection] = {}
        self._logins = Logins({}, secrets.resolve)
        self._looked_at = self._made_at = -SECRETS_S

    def __call__(self) -> Logins:
        with self._lock:
            now = time.monotonic()
            if now - self._looked_at >= LOOK_S:
                if self._has_changed() or now - self._made_at >= SECRETS_S:
                    self._make()
                    self._made_at = now
                self._looked_at = now
            return self._logins

    def _has_changed(self) -> bool:
        with self._store.read() as view:
            revision = publishing.active_hash(view)
            if revision is None or revision == self._revision:  # nothing is published yet: nobody can log in
                return False
            self._connections = load(publishing.files_of(view, revision, CONNECTIONS)).connections
            self._revision = revision
            return True

    def _make(self) -> None:
        made = Logins(self._connections, secrets.resolve)
        if made.faults != self._logins.faults:
            for fault in made.faults:
                log.error("%s", fault)
        self._logins = made
