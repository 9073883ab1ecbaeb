"""Who may log in: the connections of kind `sftp-server` in the active book, by their user name."""

from __future__ import annotations

import datetime as dt
import difflib
import ipaddress
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import bcrypt

from gateway.channels.channel import Resolve
from gateway.channels.sftp_server import SftpServerSettings, key_blob
from gateway.channels.table import settings_of
from gateway.partners.connection import Connection
from gateway.partners.secrets import SecretMissing

log = logging.getLogger(__name__)

KIND = "sftp-server"
_NOBODY = bcrypt.hashpw(b"nobody", bcrypt.gensalt(10))  # asked for users we do not know, so that they take as long


@dataclass(frozen=True, slots=True)
class Login:
    """One connection that partners open."""

    connection: str
    lane: str
    user: str
    settings: SftpServerSettings
    password_hash: bytes | None = field(repr=False)

    def takes_key(self, blob: bytes, day: dt.date) -> bool:
        return any(key.is_used_on(day) and key_blob(key.key) == blob for key in self.settings.keys)

    def takes_address(self, address: str) -> bool:
        networks = [ipaddress.ip_network(one) for one in self.settings.addresses]
        return not networks or any(ipaddress.ip_address(address) in one for one in networks)


def takes_password(login: Login | None, password: str) -> bool:
    """Whether this is the login's password; takes as long where there is no such login."""
    stored = login.password_hash if login is not None else None
    given = password.encode()[:72]  # bcrypt looks at no more, and newer versions refuse more
    try:
        return bcrypt.checkpw(given, stored or _NOBODY) and stored is not None
    except ValueError:
        log.error("the password hash of %s is no bcrypt hash", login.connection if login else "nobody")
        return False


class Logins:
    """The logins among connections, with the secrets as they are now. One whose secrets are not there has none."""

    def __init__(self, connections: Mapping[str, Connection], resolve: Resolve) -> None:
        found: dict[str, Login] = {}
        twice: set[str] = set()
        faults: list[str] = []
        for name, said in connections.items():
            if said.kind != KIND:
                continue
            settings = settings_of(said.kind, said.settings)
            assert isinstance(settings, SftpServerSettings)
            try:
                user = resolve(settings.user)
                hashed = resolve(settings.password_hash).encode() if settings.password_hash else None
            except SecretMissing as error:
                faults.append(f"nobody can log in as {name}: {error}")
                continue
            if user in found:
                twice.add(user)
            found[user] = Login(name, said.lane, user, settings, hashed)
        faults += [f"two connections have the SFTP user {user}: nobody can log in as it" for user in sorted(twice)]
        self.faults = tuple(faults)
        self.by_user: Mapping[str, Login] = {user: one for user, one in found.items() if user not in twice}

    def closest(self, user: str) -> Login | None:
        """The login a name that is none was probably meant to be; nothing for what strangers guess."""
        spelled = {known.lower(): one for known, one in self.by_user.items()}
        close = difflib.get_close_matches(user.lower(), spelled, n=1, cutoff=0.8)
        return spelled[close[0]] if close and user not in self.by_user else None

    def of(self, connection: str) -> Login | None:
        return next((one for one in self.by_user.values() if one.connection == connection), None)
