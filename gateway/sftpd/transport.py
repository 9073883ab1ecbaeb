"""A paramiko transport for strangers: today's algorithms only, a bound on all the other side can send, one thread.

paramiko reads in a thread of its own and hands the bytes of a channel over to another one. Here the thread that reads
works the requests too: half the threads, and nothing to hand over. It must never wait for the other side in any other
place than at its next packet: what cannot be said now is kept (outlet.py), what cannot be worked now stays in its
session, and `go_on` is called whenever nothing more has come.
"""

from __future__ import annotations

import hmac
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol, cast

import paramiko
from paramiko.common import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_EXTENDED_DATA,
)

from gateway.sftpd.intake import Intake, TooMuch, waits_in_the_system
from gateway.sftpd.outlet import WINDOW

# theirs is a loop over the bytes of every packet's MAC
paramiko.util.constant_time_bytes_eq = hmac.compare_digest  # type: ignore[assignment]
logging.getLogger("gateway.sftpd.ssh").setLevel(logging.CRITICAL)  # what strangers do is no news

CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)


class Talk(Protocol):
    """What one channel is used for; called in its connection's thread."""

    def take(self, data: bytes) -> None:
        """They sent this."""

    def left(self) -> None:
        """They will send nothing more, and wait for what is still to be said."""

    def go_on(self) -> None:
        """Nothing more has come just now."""

    def end(self, why: str) -> None:
        """It is over; may be called again."""


class Transport(paramiko.Transport):
    """One connection and its thread."""

    def __init__(self, connection: socket.socket, host_keys: Sequence[paramiko.PKey]) -> None:
        super().__init__(connection, default_window_size=WINDOW, packetizer_class=Intake)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        waits_in_the_system(connection)
        self.set_log_channel("gateway.sftpd.ssh")
        options = self.get_security_options()
        options.ciphers = CIPHERS
        options.digests = MACS
        for key in host_keys:
            self.add_server_key(key)
        self.opened: dict[int, paramiko.Channel] = {}  # paramiko itself holds them weakly
        self.talks: dict[int, Talk] = {}
        self.packetizer: Intake
        self.packetizer.idle = self._go_on
        self.packetizer.deliver = self._deliver

    def run(self) -> None:
        try:
            super().run()
        finally:
            error = self.saved_exception
            has_left = error is None or isinstance(error, EOFError)
            for talk in self.talks.values():
                talk.end("they left" if has_left else f"the connection broke ({type(error).__name__})")

    def _go_on(self) -> None:
        if self.clear_to_send.is_set():  # otherwise keys are being exchanged
            for talk in list(self.talks.values()):
                talk.go_on()

    def _deliver(self, channel_id: int, data: bytes) -> bool:
        talk = self.talks.get(channel_id)
        if talk is None or not self.clear_to_send.is_set():  # paramiko knows whether that may be
            return False
        talk.take(data)
        return True

    def _queue_incoming_channel(self, channel: paramiko.Channel) -> None:
        self.opened[channel.chanid] = channel

    def talk_of(self, channel: paramiko.Channel) -> Talk:
        talk = self.talks.get(channel.chanid)
        if talk is None:
            raise TooMuch("bytes on a channel where nothing was asked for")
        return talk

    def close_channel(self, channel: paramiko.Channel) -> None:
        self.opened.pop(channel.chanid, None)
        if talk := self.talks.pop(channel.chanid, None):
            talk.end("they left")

    _channel_handler_table: ClassVar[dict[int, Callable[[paramiko.Channel, Any], None]]] = {
        **paramiko.Transport._channel_handler_table,  # type: ignore[attr-defined]
        MSG_CHANNEL_DATA: lambda channel, message: _of(channel).talk_of(channel).take(message.get_binary()),
        MSG_CHANNEL_EXTENDED_DATA: lambda channel, message: None,  # clients have no second stream
        MSG_CHANNEL_EOF: lambda channel, message: _end_of_theirs(channel, message),
        MSG_CHANNEL_CLOSE: lambda channel, message: _close(channel, message),
    }


def _of(channel: paramiko.Channel) -> Transport:
    return cast(Transport, channel.get_transport())


def _end_of_theirs(channel: Any, message: Any) -> None:
    channel._handle_eof(message)
    if talk := _of(channel).talks.get(channel.chanid):
        talk.left()


def _close(channel: Any, message: Any) -> None:
    channel._handle_close(message)
    _of(channel).close_channel(channel)
