"""One SFTP process over one store: everything it runs, put together from the settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import paramiko

from gateway.partners import secrets
from gateway.pipeline.house import House
from gateway.settings import Settings
from gateway.sftpd.keeping import Keeper
from gateway.sftpd.login import Logins
from gateway.sftpd.server import Server


def server(house: House, keeper: Keeper, host_keys: Sequence[paramiko.PKey], chosen: Settings) -> Server:
    """The server these settings ask for; it listens."""
    address = (chosen.sftp_host, chosen.sftp_port)
    return Server(keeper, logins_of(house), host_keys, address, most_guests=chosen.sftp_sessions)


def logins_of(house: House) -> Callable[[], Logins]:
    """The logins of the active book, made anew when it changes."""
    known: list[Logins] = []

    def current() -> Logins:
        book = house.book()
        if not known or known[0].revision != book.revision:
            known[:] = [Logins(book, secrets.resolve)]
        return known[0]

    return current
