"""Which kinds of wire there are. A new one is a file in this room and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gateway.channels.as2 import As2Channel
from gateway.channels.as2_settings import As2Settings
from gateway.channels.channel import Polls, Resolve, Sends
from gateway.channels.directory import DirectoryChannel, DirectorySettings
from gateway.channels.ftps import FtpsChannel, FtpsSettings
from gateway.channels.http import HttpChannel, HttpSettings
from gateway.channels.sftp import SftpChannel
from gateway.channels.sftp_server import SftpServerChannel, SftpServerSettings
from gateway.channels.sftp_session import SftpSettings
from gateway.channels.webhook import WebhookChannel, WebhookSettings
from gateway.partners.values import Written

# kind -> what a connection of this kind may say beside what every connection says
SETTINGS: dict[str, type[Written]] = {
    "as2": As2Settings,
    "directory": DirectorySettings,
    "ftps": FtpsSettings,
    "http": HttpSettings,
    "sftp": SftpSettings,
    "sftp-server": SftpServerSettings,
    "webhook": WebhookSettings,
}

# kind -> a wire on which things wait for us
POLLERS: dict[str, Callable[[Any, Resolve], Polls]] = {
    "directory": DirectoryChannel,
    "ftps": FtpsChannel,
    "sftp": SftpChannel,
}

# kind -> a wire on which we send
SENDERS: dict[str, Callable[[Any, Resolve], Sends]] = {
    "as2": As2Channel,
    "directory": DirectoryChannel,
    "ftps": FtpsChannel,
    "http": HttpChannel,
    "sftp": SftpChannel,
    "sftp-server": SftpServerChannel,
    "webhook": WebhookChannel,
}

# kinds on which a message of its own is made around what is sent, and stored before the first try
PACKED = frozenset({"as2"})


def settings_of(kind: str, raw: Mapping[str, Any]) -> Written:
    """The settings of one connection, checked; raises KeyError for an unknown kind, or pydantic's ValidationError."""
    return SETTINGS[kind].model_validate(dict(raw))


def open_poller(kind: str, raw: Mapping[str, Any], resolve: Resolve) -> Polls | None:
    """The wire to look at for what came in; None for kinds on which nothing waits."""
    make = POLLERS.get(kind)
    return make(settings_of(kind, raw), resolve) if make else None


def open_sender(kind: str, raw: Mapping[str, Any], resolve: Resolve) -> Sends:
    """The wire to send on; raises KeyError for kinds on which nothing is sent."""
    return SENDERS[kind](settings_of(kind, raw), resolve)
