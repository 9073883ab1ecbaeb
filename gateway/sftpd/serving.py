"""One SFTP process over one store: everything it runs, put together from the settings."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import paramiko

from gateway.partners import secrets
from gateway.pipeline.house import House
from gateway.settings import Settings
from gateway.sftpd.keeping import Keeper
from gateway.sftpd.login import Logins
from gateway.sftpd.server import Server

log = logging.getLogger(__name__)

SECRETS_S = 60.0  # how old a password's hash may be


def server(house: House, keeper: Keeper, host_keys: Sequence[paramiko.PKey], chosen: Settings) -> Server:
    """The server these settings ask for; it listens."""
    address = (chosen.sftp_host, chosen.sftp_port)
    return Server(keeper, logins_of(house), host_keys, address, most_guests=chosen.sftp_sessions)


def logins_of(house: House) -> Callable[[], Logins]:
    """The logins of the active book, made anew when it changes, and now and then because a secret may have changed."""
    known: list[tuple[float, Logins]] = []

    def current() -> Logins:
        book, now = house.book(), time.monotonic()
        if known and known[0][1].revision == book.revision and now - known[0][0] < SECRETS_S:
            return known[0][1]
        made = Logins(book, secrets.resolve)
        if not known or known[0][1].faults != made.faults:
            for fault in made.faults:
                log.error("%s", fault)
        known[:] = [(now, made)]
        return made

    return current
