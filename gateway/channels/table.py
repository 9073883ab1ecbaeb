"""Which kinds of wire there are. A new one is a file in this room and a line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.channels.channel import Polls, Resolve, Sends
from gateway.channels.directory import DirectoryChannel
from gateway.channels.http import HttpChannel
from gateway.channels.sftp import SftpChannel
from gateway.partners.connections import Connection

# kind -> a wire on which things wait for us
POLLERS: dict[str, Callable[[Any, Resolve], Polls]] = {
    "directory": DirectoryChannel,
    "sftp": SftpChannel,
}

# kind -> a wire on which we send
SENDERS: dict[str, Callable[[Any, Resolve], Sends]] = {
    "directory": DirectoryChannel,
    "http": HttpChannel,
    "sftp": SftpChannel,
}


def open_poller(kind: str, connection: Connection, resolve: Resolve) -> Polls | None:
    """The wire to look at for what came in; None for kinds on which nothing waits."""
    make = POLLERS.get(kind)
    return make(connection, resolve) if make else None


def open_sender(kind: str, connection: Connection, resolve: Resolve) -> Sends:
    """The wire to send on; raises KeyError for kinds on which nothing is sent."""
    return SENDERS[kind](connection, resolve)
