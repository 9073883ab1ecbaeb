"""A paramiko transport for strangers: today's algorithms only, and a bound on everything the other side can send."""

from __future__ import annotations

import hmac
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any

import paramiko

from gateway.sftpd.wire import LONGEST_PACKET

# theirs is a loop over the bytes of every packet's MAC
paramiko.util.constant_time_bytes_eq = hmac.compare_digest  # type: ignore[assignment]
logging.getLogger("gateway.sftpd.ssh").setLevel(logging.CRITICAL)  # what strangers do is no news

LONGEST_SSH_PACKET = 300_000  # RFC 4253 6.1 wants 35,000; no client sends more than OpenSSH's 256 KB
WINDOW = 2 * 1024 * 1024  # bytes a client may send ahead
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


class TooMuch(paramiko.SSHException):
    """The other side sends more than the protocol lets it."""


def transport_over(connection: socket.socket, host_keys: Sequence[paramiko.PKey]) -> paramiko.Transport:
    """A transport that is not started."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = paramiko.Transport(connection, default_window_size=WINDOW)
    transport.set_log_channel("gateway.sftpd.ssh")
    options = transport.get_security_options()
    options.ciphers = CIPHERS
    options.digests = MACS
    for key in host_keys:
        transport.add_server_key(key)
    _bound_packets(transport)
    return transport


def bound_channel(channel: paramiko.Channel) -> None:
    """Nothing waits in a channel beyond its window: a client that sends more is cut off."""
    pipe: Any = channel.in_buffer
    feed: Callable[[bytes], None] = pipe.feed

    def bounded(data: bytes) -> None:
        if len(pipe) + len(data) > WINDOW + LONGEST_PACKET:
            raise TooMuch("a client that sends beyond its window")
        feed(data)

    pipe.feed = bounded


def _bound_packets(transport: paramiko.Transport) -> None:
    """paramiko believes the length a packet gives for itself, before anybody has logged in."""
    packetizer: Any = transport.packetizer
    read_all = packetizer.read_all

    def bounded(n: int, check_rekey: bool = False) -> bytes:
        if not 0 <= n <= LONGEST_SSH_PACKET:
            raise TooMuch(f"an SSH packet of {n} bytes")
        data: bytes = read_all(n, check_rekey)
        return data

    packetizer.read_all = bounded
