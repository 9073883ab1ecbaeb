"""What comes over one connection, read ahead: many packets in one call of the system, and a word when nothing has come.

paramiko asks the system twice for every packet, believes the length a packet gives for itself before anybody has logged
in, and keeps reading a greeting that does not end. Here each of them has a bound.

Under AES-GCM, packets do not go through paramiko at all: what is for a session is delivered to it at once.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import paramiko
from paramiko.common import MSG_CHANNEL_DATA
from paramiko.packet import NeedRekeyException, Packetizer

from gateway.sftpd.gcm import TAG, Gcm

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
        self.deliver: Callable[[int, bytes], bool] = lambda channel, data: False  # false: it is for paramiko
        self._connection = connection
        self._came = b""
        self._at = 0
        self._shook_hands = False
        self._theirs: Gcm | None = None
        self._ours: Gcm | None = None
        self._saying = threading.Lock()
        self._number = 0  # of the packet that comes next

    def set_inbound_cipher(self, block_engine: Any, *rest: Any, **how: Any) -> None:
        super().set_inbound_cipher(block_engine, *rest, **how)
        self._theirs = _gcm(self._theirs, block_engine, how["aead"], how["iv_in"])

    def set_outbound_cipher(self, block_engine: Any, *rest: Any, **how: Any) -> None:
        super().set_outbound_cipher(block_engine, *rest, **how)
        self._ours = _gcm(self._ours, block_engine, how["aead"], how["iv_out"])

    def reset_seqno_in(self) -> None:
        super().reset_seqno_in()
        self._number = 0

    def read_message(self) -> tuple[int, paramiko.Message]:
        """The next message that is for paramiko."""
        while (theirs := self._theirs) is not None:
            size = self.read_all(4, check_rekey=True)
            plain = theirs.opened(size, self.read_all(int.from_bytes(size, "big") + TAG))
            number, self._number = self._number, (self._number + 1) & 0xFFFFFFFF
            if theirs.passed >= self.REKEY_BYTES:
                self._want_new_keys(theirs)
            kind, end = plain[1], len(plain) - plain[0]
            if kind != MSG_CHANNEL_DATA or not self.deliver(int.from_bytes(plain[2:6], "big"), plain[10:end]):
                message = paramiko.Message(plain[2:end])
                message.seqno = number
                return kind, message
            if self.need_rekey():
                raise NeedRekeyException
        kind, message = super().read_message()
        self._number = message.seqno + 1
        return kind, message

    def send_message(self, data: paramiko.Message) -> None:
        if self._ours is None:
            super().send_message(data)
        else:
            self.say(data.asbytes())

    def say(self, *parts: bytes) -> None:
        """Send a message."""
        if self._ours is None:
            super().send_message(paramiko.Message(b"".join(parts)))
            return
        with self._saying:
            self.write_all(self._ours.sealed(*parts))
        if self._ours.passed >= self.REKEY_BYTES:
            self._want_new_keys(self._ours)

    def _want_new_keys(self, way: Gcm) -> None:
        """Raises TooMuch where the other side goes on without them."""
        if not self.need_rekey():
            self._trigger_rekey()  # type: ignore[attr-defined]
        elif way.passed > self.REKEY_BYTES + self.REKEY_BYTES_OVERFLOW_MAX:
            raise TooMuch("a client that takes no new keys")

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

    def write_all(self, out: Any) -> None:
        """Raises EOFError if the connection is gone."""
        while out:
            try:
                out = out[self._connection.send(out) :]
            except BlockingIOError:
                if self.closed:
                    raise EOFError from None
            except OSError:
                raise EOFError from None

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


def _gcm(before: Gcm | None, engine: Any, is_gcm: bool, nonce: bytes) -> Gcm | None:
    if is_gcm:
        return Gcm(engine, nonce)
    if before is not None:  # its packets were not counted where the others are
        raise paramiko.SSHException("another kind of cipher in the middle of a connection")
    return None
