"""What paramiko asks about one connection: who may log in, and what they may open (SFTP, and nothing else)."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)

from gateway.sftpd.limits import Bans
from gateway.sftpd.login import Login, Logins, takes_password

OpenSession = Callable[[paramiko.Channel, Login], bool]

PASSWORDS = threading.BoundedSemaphore(1)  # bcrypt takes a core for 50 ms and more: guessing gets one of them at most
CHANNELS = 4  # sessions one connection may open side by side


class Door(paramiko.ServerInterface):
    """The rules for one connection; paramiko calls them in its thread."""

    def __init__(
        self,
        logins: Callable[[], Logins],
        address: str,
        bans: Bans,
        open_session: OpenSession,
        failed: Callable[[str], None],
    ) -> None:
        self.login: Login | None = None
        self.has_guessed = False
        self.tried = ""  # the last user name that was asked for
        self.how = ""
        self._logins = logins
        self._address = address
        self._bans = bans
        self.open_channels: Callable[[], int] = lambda: 0  # of this connection; known once there is a transport
        self._open_session = open_session
        self._failed = failed

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password"  # the same for everybody: it tells nothing about who exists

    def check_auth_none(self, username: str) -> int:
        return AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        login = self._known(username)
        if login is None or not login.takes_key(key.asbytes(), dt.datetime.now(dt.UTC).date()):
            return AUTH_FAILED
        # paramiko asks first without, then with a signature, which it has checked before it believes this answer
        self.login, self.how = login, f"key {key.fingerprint}"
        return AUTH_SUCCESSFUL

    def check_auth_password(self, username: str, password: str) -> int:
        login = self._known(username)
        # a name that is being guessed at is closed for passwords; a key cannot be guessed and goes on working
        if self._bans.is_closed(f"user {username[:64]}"):
            return AUTH_FAILED
        with PASSWORDS:
            is_right = takes_password(login, password)
        if not is_right:
            self.has_guessed = True
            self._bans.failed(f"user {username[:64]}")
            self._failed(username[:64])
            return AUTH_FAILED
        self.login, self.how = login, "password"
        return AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        if kind != "session" or self.open_channels() >= CHANNELS:
            return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        return OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        if name != "sftp" or self.login is None:
            return False
        return self._open_session(channel, self.login)

    def _known(self, username: str) -> Login | None:
        self.tried = username[:64]
        login = self._logins().by_user.get(username)
        return login if login is not None and login.takes_address(self._address) else None
