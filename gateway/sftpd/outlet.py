"""What one session says: gathered, and sent as far as the other side's window takes it, without ever waiting for it."""

from __future__ import annotations

import struct
from typing import Any

import paramiko
from paramiko.common import MSG_CHANNEL_DATA, MSG_CHANNEL_WINDOW_ADJUST

WINDOW = 2 * 1024 * 1024  # bytes a client may send ahead
ANSWERS = 1 << 18  # bytes of answers that wait before requests do

_DATA = struct.Struct(">BII")
_ADJUST = struct.Struct(">BII")


class Outlet:
    """The way out of one channel. Only its connection's thread uses it."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel: Any = channel
        self._waiting: list[bytes] = []
        self._size = 0
        self._worked = 0  # bytes of theirs since they were told that there is room again

    def say(self, answer: bytes) -> None:
        self._waiting.append(answer)
        self._size += len(answer)

    def worked(self, size: int) -> None:
        """So many bytes of theirs wait no longer."""
        self._worked += size

    @property
    def is_empty(self) -> bool:
        return not self._size

    def has_room(self) -> bool:
        """Whether more answers may be gathered."""
        if self._size > ANSWERS:
            self.flush()
        return self._size <= ANSWERS

    def flush(self) -> None:
        """Send what can be sent. Raises EOFError if the connection is gone."""
        channel = self._channel
        if not channel.transport.clear_to_send.is_set():  # keys are being exchanged: nothing else may go
            return
        if self._worked > WINDOW // 10:
            self._send(_ADJUST.pack(MSG_CHANNEL_WINDOW_ADJUST, channel.remote_chanid, self._worked))
            self._worked = 0
        if channel.closed:
            self._waiting, self._size = [], 0
        if not self._size:
            return
        said, at = b"".join(self._waiting), 0
        longest = channel.out_max_packet_size - 64  # what paramiko leaves for the head of a packet
        while at < len(said) and (size := min(len(said) - at, longest, channel.out_window_size)) > 0:
            channel.out_window_size -= size
            self._send(_DATA.pack(MSG_CHANNEL_DATA, channel.remote_chanid, size), said[at : at + size])
            at += size
        self._waiting = [said[at:]] if at < len(said) else []
        self._size = len(said) - at

    def _send(self, *parts: bytes) -> None:
        if not self._channel.closed:
            self._channel.transport.packetizer.say(*parts)
