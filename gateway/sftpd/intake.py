"""What comes over one connection, read ahead: many packets in one call of the system, and a word when nothing has come.

paramiko asks the system twice for every packet, believes the length a packet gives for itself before anybody has logged
in, and keeps reading a greeting that does not end. Here each of them has a bound.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable

import paramiko
from paramiko.packet import NeedRekeyException, Packetizer

LONGEST_SSH_PACKET = 300_000  # RFC 4253 6.1 wants 35,000; no client sends more than OpenSSH's 256 KB
LONGEST_GREETING = 4096  # RFC 4253 4.2: 255 bytes
AHEAD = 1 << 16  # bytes asked for at once
TICK_S = 0.25  # how long one call waits; after it the sessions look whether it is time for what waits


class TooMuch(paramiko.SSHException):
    """The other side sends more than the protocol lets it."""


def waits_in_the_system(connection: socket.socket) -> None:
    """Time-outs of the system's own: with those of Python every call is two."""
    connection.settimeout(None)
    tick = struct.pack("ll", 0, int(TICK_S * 1_000_000))
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        connection.setsockopt(socket.SOL_SOCKET, option, tick)


class Intake(Packetizer):
    """paramiko's packets over our own reading."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self.idle: Callable[[], None] = lambda: None  # called whenever we are about to wait
        self._connection = connection
        self._came = b""
        self._at = 0
        self._shook_hands = False

    def complete_handshake(self) -> None:
        """paramiko says so after every message."""
        if not self._shook_hands:
            self._shook_hands = True
            super().complete_handshake()

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """The next `n` bytes. Raises EOFError at the end of the connection."""
        if not 0 <= n <= LONGEST_SSH_PACKET:
            raise TooMuch(f"an SSH packet of {n} bytes")
        while len(self._came) - self._at < n:
            is_between_packets = check_rekey and self._at == len(self._came)
            if not self._more() and is_between_packets and self.need_rekey():
                raise NeedRekeyException
        start, self._at = self._at, self._at + n
        return self._came[start : self._at]

    def readline(self, timeout: float) -> str:
        """A line of their greeting."""
        until = time.monotonic() + timeout
        while (end := self._came.find(b"\n", self._at)) < 0:
            if len(self._came) - self._at > LONGEST_GREETING:
                raise TooMuch("a greeting that does not end")
            if not self._more() and time.monotonic() > until:
                raise TimeoutError
        line, self._at = self._came[self._at : end], end + 1
        return line.removesuffix(b"\r").decode()

    def _more(self) -> bool:
        """Wait for what comes next; false if nothing has come."""
        if self.handshake_timed_out():
            raise EOFError
        self.idle()
        try:
            data = self._connection.recv(AHEAD)
        except BlockingIOError:
            if self.closed:
                raise EOFError from None
            return False
        except OSError:
            if self.closed:
                raise EOFError from None
            raise
        if not data:
            raise EOFError
        self._came = self._came[self._at :] + data
        self._at = 0
        return True
