"""The server: takes connections, gives each a transport with its thread, and ends what must end.

A connection is a `Guest`: not known until it has logged in. One thread, the warden, looks at all of them every second:
who has not logged in in time, who asks nothing any more, whose profile is gone. Everything a stranger can make us hold
is bounded: guests who have not logged in, the size of a packet, the bytes that wait in a channel, the failures
remembered.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import paramiko

from gateway.pipeline.alert import Alert
from gateway.sftpd.door import Door
from gateway.sftpd.downloading import Begun
from gateway.sftpd.keeping import Keeper, Noted
from gateway.sftpd.limits import Bans, Pace, neighbourhood
from gateway.sftpd.login import Login, Logins
from gateway.sftpd.session import GONE, Session
from gateway.sftpd.tending import tend
from gateway.sftpd.transport import Transport
from gateway.sftpd.uploading import Memory

log = logging.getLogger(__name__)

LOGIN_S = 30.0  # to greet, exchange keys and log in
STRANGERS = 64  # guests who have not logged in: a new one is turned away
STRANGERS_OF_ONE = 16  # of them from one address
TEND_EVERY_S = 60.0


@dataclass(eq=False, slots=True)
class Guest:
    """One connection, from its first byte to its end."""

    transport: Transport
    door: Door
    address: str
    came: float = field(default_factory=time.monotonic)
    sessions: list[Session] = field(default_factory=list)
    why_ended: str = ""

    @property
    def is_known(self) -> bool:
        """Whether they logged in, here still or gone already."""
        handler = self.transport.auth_handler
        return self.door.login is not None and handler is not None and handler.is_authenticated()

    def end(self, why: str) -> None:
        self.why_ended = self.why_ended or why
        self.transport.close()

    @property
    def last_request(self) -> float:
        return max([self.came, *(session.counts.last_request for session in self.sessions)])


class Server:
    """Partners' SFTP logins over one house."""

    def __init__(
        self,
        keeper: Keeper,
        logins: Callable[[], Logins],
        host_keys: Sequence[paramiko.PKey],
        address: tuple[str, int],
        *,
        most_guests: int,
        login_s: float = LOGIN_S,
    ) -> None:
        self._keeper = keeper
        self._logins = logins
        self._host_keys = host_keys
        self._most_guests = most_guests
        self._login_s = login_s
        self._bans = Bans()
        self._memory = Memory()
        self._begun = Begun()
        self._paces: dict[str, tuple[int | None, Pace]] = {}
        self._guests: set[Guest] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._listener = socket.create_server(address, family=family, backlog=128)
        self.port: int = self._listener.getsockname()[1]

    def serve(self) -> None:
        """Until `stop` has ended everything."""
        warden = threading.Thread(target=self._watch, name="warden", daemon=True)
        warden.start()
        while not self._stopping.is_set():
            try:
                connection, where = self._listener.accept()
            except OSError:  # closed by `stop`; or out of descriptors, until the warden has freed some
                self._stopping.wait(0.1)
                continue
            try:
                self._greet(connection, where[0])
            except (*GONE, RuntimeError):  # they are gone again, or there is no thread left for them
                connection.close()
        warden.join()
        self._stopped.wait()

    def stop(self, grace_s: float = 10.0) -> None:
        """Take nobody new, keep what is being uploaded, say goodbye."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            guests = list(self._guests)
        for guest in guests:
            guest.end("the gateway is stopped")
        deadline = time.monotonic() + grace_s
        for guest in guests:
            guest.transport.join(max(0.0, deadline - time.monotonic()))
        self._stopped.set()

    def _greet(self, connection: socket.socket, address: str) -> None:
        who = neighbourhood(address)
        with self._lock:
            strangers = Counter(neighbourhood(one.address) for one in self._guests if not one.is_known)
            is_full = len(self._guests) >= self._most_guests + STRANGERS or strangers.total() >= STRANGERS
        if is_full or strangers[who] >= STRANGERS_OF_ONE or self._bans.is_closed(who):
            connection.close()
            return
        transport = Transport(connection, self._host_keys)
        guest: Guest

        def open_session(channel: paramiko.Channel, login: Login) -> bool:
            return self._open(guest, channel, login)

        def failed(user: str) -> None:
            self._failed(address, user)

        door = Door(self._logins, address, self._bans, open_session, failed)
        door.open_channels = partial(len, transport.opened)
        guest = Guest(transport, door, address)
        transport.start_server(event=threading.Event(), server=door)
        with self._lock:
            self._guests.add(guest)
        if self._stopping.is_set():  # `stop` may have looked before
            guest.end("the gateway is stopped")

    def _open(self, guest: Guest, channel: paramiko.Channel, login: Login) -> bool:
        began = time.monotonic()

        def ended(session: Session, why: str) -> None:
            self._ended(guest, session, time.monotonic() - began, why)

        with self._lock:
            known = [one for one in self._guests if one.sessions]
            theirs = sum(len(one.sessions) for one in known if one.door.login and one.door.login.user == login.user)
            if theirs >= login.settings.max_sessions or len(known) >= self._most_guests:
                log.warning("%s has %d sessions open; another one was turned away", login.connection, theirs)
                return False
            pace = self._pace(login)
            remote = f"{login.user}@{guest.address}"
            session = Session(channel, login, remote, self._keeper, self._memory, pace, self._begun, ended)
            guest.sessions.append(session)
        self._bans.succeeded(neighbourhood(guest.address))
        came = {"from": guest.address, "with": guest.door.how}
        self._keeper.note(Noted(f"sftp:{login.user}", "sftp-login", login.connection, came))
        guest.transport.talks[channel.chanid] = session
        return True

    def _pace(self, login: Login) -> Pace:
        wanted = login.settings.bytes_per_second
        limit, pace = self._paces.get(login.connection, (None, Pace(None)))
        if limit != wanted:
            pace = Pace(wanted)
            self._paces[login.connection] = (wanted, pace)
        return pace

    def _ended(self, guest: Guest, session: Session, seconds: float, why: str) -> None:
        counts, login = session.counts, session.login
        detail = {
            "from": guest.address,
            "seconds": round(seconds, 1),
            "received": counts.received,
            "bytes_in": counts.bytes_in,
            "fetched": counts.fetched,
            "bytes_out": counts.bytes_out,
            "refused": counts.refused,
            "ended": guest.why_ended or why,
        }
        self._keeper.note(Noted(f"sftp:{login.user}", "sftp-session", login.connection, detail))
        log.info("%s: %s", login.connection, ", ".join(f"{name} {value}" for name, value in detail.items()))
        with self._lock:
            guest.sessions.remove(session)

    def _watch(self) -> None:
        tended, logins = 0.0, None
        while not self._stopping.wait(1.0):
            try:
                self._look_round(logins)  # guests are watched all the same when the database is away for a while
                logins = self._logins()
                if time.monotonic() - tended > TEND_EVERY_S:
                    tended = time.monotonic()
                    tend(self._keeper.house.store, logins.by_user.values())
            except Exception:
                log.warning("guests, logins or old uploads could not be looked at", exc_info=True)

    def _look_round(self, logins: Logins | None) -> None:
        with self._lock:
            guests = list(self._guests)
        for guest in guests:
            if not guest.transport.is_alive():
                self._leave(guest)
            elif why := self._over(guest, logins):
                guest.end(why)

    def _over(self, guest: Guest, logins: Logins | None) -> str:
        """Why a guest must go; empty while all is well."""
        now = time.monotonic()
        login = guest.door.login
        if not guest.is_known or login is None:
            return "they did not log in in time" if now - guest.came > self._login_s else ""
        if logins is not None:
            current = logins.by_user.get(login.user)
            if current is None or current.connection != login.connection:
                return "their login was taken away"
        idle = login.settings.idle.total_seconds()
        return f"they asked nothing for {idle:.0f} seconds" if now - guest.last_request > idle else ""

    def _leave(self, guest: Guest) -> None:
        with self._lock:
            if guest not in self._guests:
                return
            self._guests.discard(guest)
        # who only looks whether we are there (a load balancer) has not failed; a guessed password was counted at once
        door = guest.door
        if not guest.is_known and not door.has_guessed and (door.tried or guest.why_ended):
            self._failed(guest.address, door.tried)

    def _failed(self, address: str, user: str) -> None:
        """Too many failures close the door for an address; a person is told if it tried a name that exists."""
        if not self._bans.failed(neighbourhood(address)):
            return
        logins = self._logins()
        login, meant = logins.by_user.get(user), logins.closest(user)
        closest = f"; closest login is {meant.user}, the name differs" if meant else ""
        log.warning("%s failed too often to log in (last as %r%s) and is not answered", address, user, closest)
        alert = None
        if meant is not None:
            detail = {"tried": user, "user": meant.user, "connection": meant.connection, "address": address}
            key = f"sftp:{meant.user}:misnamed"
            alert = Alert("sftp-login-unknown", meant.lane, key, detail, f"SFTP login {meant.user}")
        if login is not None:
            alert = Alert(
                "sftp-guessing",
                login.lane,
                f"sftp:{login.user}:guessing",
                {"user": login.user, "connection": login.connection, "address": address},
                f"SFTP login {login.user}",
            )
        self._keeper.note(Noted(f"sftp:{address}", "sftp-closed", "address", {"user": user}, alert))
