"""One HTTP request and what became of it: answered, surely not sent, or in doubt.

Rules a reviewer can hold this file to: no address but those under base_url (and the token address) is ever asked; no
redirect is followed; no answer larger or slower than allowed is read; no compression is accepted, so that a small
answer cannot become a large one; no proxy and no password is taken from the environment.
"""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx

NOT_SENT = (  # nothing of the request can have been understood on the other side
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.InvalidURL,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
)


class BadAddress(ValueError):
    """An address we will not talk to; the message says why and what to write."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: httpx.Headers
    content: bytes

    def value(self) -> Any:
        """The JSON in it; raises ValueError. Numbers with a point stay text, so that 12.50 loses nothing."""
        try:
            return json.loads(self.content, parse_float=str, parse_constant=_refuse) if self.content else None
        except RecursionError:
            raise ValueError("nested too deeply") from None


@dataclass(frozen=True, slots=True)
class NotSent:
    """The other side cannot have acted on it."""

    why: str


@dataclass(frozen=True, slots=True)
class InDoubt:
    """It was sent, wholly or in part, and no usable answer came."""

    why: str


Result = Answer | NotSent | InDoubt


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds we wait, and bytes we read."""

    connect: float
    read: float
    total: float
    response_bytes: int

    @property
    def timeout(self) -> httpx.Timeout:
        return httpx.Timeout(self.read, connect=self.connect, pool=self.connect)


def checked_base(url: str, *, allow_http: bool) -> str:
    """The base address without its last slash, or `BadAddress`."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise BadAddress(f"{url!r} is no http address; write e.g. https://erp.example.com/api")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadAddress("the address holds more than scheme, host, port and path; put credentials under `auth:`")
    if parts.scheme == "http" and not allow_http and not is_loopback(parts.hostname):
        raise BadAddress(f"{url!r} sends our key in clear; use https, or say `allow_http: true` for a trusted network")
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """This machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def exchange(
    client: httpx.Client,
    patience: Patience,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: bytes | None,
) -> Result:
    """Send one request and read its whole answer within the patience given."""
    deadline = time.monotonic() + patience.total
    body = bytearray()
    try:
        with client.stream(method, url, headers=dict(headers), content=content) as response:
            if response.headers.get("content-encoding", "identity") != "identity":
                return InDoubt(f"answered {response.status_code} compressed, though asked not to")
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > patience.response_bytes:
                    return InDoubt(f"answered {response.status_code} with more than {patience.response_bytes} bytes")
                if time.monotonic() > deadline:
                    return InDoubt(f"did not finish its answer within {patience.total:g} s")
            return Answer(response.status_code, response.headers, bytes(body))
    except NOT_SENT as error:
        return NotSent(_words(error))
    except (httpx.HTTPError, httpx.StreamError) as error:
        return InDoubt(_words(error))


def _words(error: Exception) -> str:
    match error:
        case httpx.ConnectTimeout():
            return "does not take the connection"
        case httpx.ConnectError():
            return f"cannot be reached ({error})"
        case httpx.TimeoutException():
            return "did not answer in time"
        case _:
            return f"the connection broke ({error or type(error).__name__})"


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")
