"""Posting a document to a partner's HTTP endpoint, the way a partner's API or an old HTTP mailbox wants it.

The bytes are sent as they are, with `Idempotency-Key` = the id of the message on every try. No redirect is followed, no
proxy and no password is taken from the environment, and no more of an answer is read than a receipt needs.
"""

from __future__ import annotations

import base64
import datetime as dt
import email.utils
import ipaddress
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Self
from urllib.parse import urlsplit

import httpx
from pydantic import Field, model_validator

from gateway.channels.channel import Parcel, Refused, Resolve, Retry, SendOutcome, Sent, Unknown
from gateway.channels.filename import safe
from gateway.channels.signing import SecretUnusable, sign
from gateway.clients import Clients
from gateway.partners.secrets import SecretMissing, SecretRef, Setting, Url
from gateway.partners.values import Duration, Written, wrong

RECEIPT = 64_000  # bytes of an answer we read: a receipt is a line or a small document
WORDS = 300  # characters of their answer that are kept
LONGEST_PAUSE = 3600.0  # seconds: a longer Retry-After is taken as this
NOT_TAKEN_UP = frozenset({408, 425, 429, 503})
OUR_KEY = frozenset({401, 403})
NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.InvalidURL,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
)


HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]


class HttpSettings(Written):
    """Their endpoint, and how we show who we are. What they send comes to /partner/v1 and needs no settings."""

    url: Url | None = Field(
        default=None, description="Where we post what we send. Without it they fetch from /partner/v1."
    )
    allow_http: bool = Field(default=False, description="Plain http to another machine, inside a network you trust.")
    bearer: SecretRef | None = Field(default=None, description="The token their address asks of us.")
    user: Setting | None = Field(default=None, description="Our user there, where they want user and password.")
    password: SecretRef | None = Field(default=None, description="The password of that user.")
    key_header: HeaderName | None = Field(default=None, description="A header of theirs for a key.")
    key: SecretRef | None = Field(default=None, description="The key in that header.")
    headers: dict[HeaderName, str] = Field(default_factory=dict, description="Other headers they want.")
    signing_secrets: tuple[SecretRef, ...] = Field(
        default=(), max_length=4, description="Sign what we post (Standard Webhooks); the newest first."
    )
    timeout: Duration = Field(default=timedelta(seconds=30), description="How long we wait without a byte.")

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise wrong("one of `user` and `password` is missing", "give both, or neither")
        if (self.key_header is None) != (self.key is None):
            raise wrong("one of `key_header` and `key` is missing", "give both, or neither")
        return self


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, as far as we read it."""

    status: int
    headers: httpx.Headers
    text: str


class HttpChannel:
    """Documents out, one request each."""

    def __init__(self, settings: HttpSettings, resolve: Resolve, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._resolve = resolve
        self._clock = clock
        self._clients = Clients(settings.timeout.total_seconds())

    def close(self) -> None:
        self._clients.close()

    def send(self, parcel: Parcel) -> SendOutcome:
        if self.settings.url is None:
            return Refused("this connection has no address: the partner fetches from /partner/v1/outbox")
        headers = {
            **self.settings.headers,
            "Content-Type": parcel.media_type,
            "Idempotency-Key": parcel.message_id,
            "Content-Disposition": f'attachment; filename="{safe(parcel.filename)}"',
        }
        try:
            url = checked(self._resolve(self.settings.url), allow_http=self.settings.allow_http)
            headers |= self._credentials(parcel)
        except (BadUrl, SecretMissing, SecretUnusable) as error:
            return Refused(str(error))
        with self._clients.one() as client:
            said = post(client, url, headers, parcel.content)
        return _meaning(said) if isinstance(said, Reply) else said

    def _credentials(self, parcel: Parcel) -> dict[str, str]:
        settings = self.settings
        headers: dict[str, str] = {}
        if settings.bearer is not None:
            headers["Authorization"] = f"Bearer {self._resolve(settings.bearer)}"
        if settings.user is not None and settings.password is not None:
            pair = f"{self._resolve(settings.user)}:{self._resolve(settings.password)}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
        if settings.key_header is not None and settings.key is not None:
            headers[settings.key_header] = self._resolve(settings.key)
        if settings.signing_secrets:
            secrets = [self._resolve(reference) for reference in settings.signing_secrets]
            headers |= sign(secrets, parcel.message_id, int(self._clock()), parcel.content)
        return headers


class BadUrl(ValueError):
    """An address we will not send to."""


def checked(url: str, *, allow_http: bool) -> str:
    """The address as it is, or `BadUrl` with what to write instead."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise BadUrl(f"{url!r} is no http address; write e.g. https://edi.example.com/inbound")
    if parts.username or parts.password:
        raise BadUrl("the address holds credentials; put them under `user:` and `password:`")
    if parts.scheme == "http" and not allow_http and not _is_loopback(parts.hostname):
        raise BadUrl(f"{url!r} is not encrypted; use https, or say `allow_http: true` for a trusted network")
    return url


def post(client: httpx.Client, url: str, headers: Mapping[str, str], content: bytes) -> Reply | Retry | Unknown:
    """One POST: the reply, or whether the request can have been understood without one."""
    body = bytearray()
    try:
        with client.stream("POST", url, headers=dict(headers), content=content) as response:
            for chunk in response.iter_raw():
                body += chunk
                if len(body) >= RECEIPT:
                    break
            return Reply(response.status_code, response.headers, _line(bytes(body[:RECEIPT])))
    except NOT_SENT as error:
        return Retry(None, f"the partner's server cannot be reached ({error or type(error).__name__})")
    except (httpx.HTTPError, httpx.StreamError) as error:
        return Unknown(f"no answer came ({error or type(error).__name__})")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """RFC 9110 10.2.3: seconds, or a date."""
    said = headers.get("retry-after", "").strip()
    if said.isdecimal():
        return min(float(said), LONGEST_PAUSE)
    try:
        moment = email.utils.parsedate_to_datetime(said)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return min(max((moment - dt.datetime.now(dt.UTC)).total_seconds(), 0.0), LONGEST_PAUSE)


def _meaning(reply: Reply) -> SendOutcome:
    said = f"{reply.status}" + (f": {reply.text}" if reply.text else "")
    if 200 <= reply.status < 300:
        return Sent(said)
    if reply.status in NOT_TAKEN_UP | OUR_KEY:
        return Retry(retry_after(reply.headers), f"their server answers {said}")
    if 400 <= reply.status < 500:
        return Refused(f"their server answers {said}")
    return Unknown(f"their server answers {said}")  # 3xx and 5xx may follow something done


def _line(content: bytes) -> str:
    """Their words as one printable line."""
    text = " ".join(content.decode("utf-8", "replace").split())
    return "".join(c for c in text if c.isprintable())[:WORDS]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
