"""Events to a consumer's address, signed as Standard Webhooks 1.0.0 says, so that any of its libraries verifies them.

Signed is `{webhook-id}.{webhook-timestamp}.{body}` with HMAC-SHA256; during a change of secrets every valid one signs
and the signatures stand side by side. The id stays the same on every try and the timestamp does not: a consumer drops
repetitions by the id, so here an answer that never came simply means another try.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

from pydantic import Field

from gateway.channels.channel import Parcel, Refused, Resolve, Retry, SendOutcome, Sent
from gateway.channels.http import BadUrl, Reply, checked, open_client, post, retry_after
from gateway.partners.secrets import SecretMissing, SecretRef, Setting
from gateway.partners.values import Duration, Written

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64  # bytes of a secret, as the specification bounds them
TOLERANCE = 300  # seconds a timestamp may be off: what the specification's own libraries allow


class WebhookSettings(Written):
    """Where a consumer listens, and the secrets it verifies with."""

    url: Setting
    secrets: tuple[SecretRef, ...] = Field(min_length=1, max_length=4)  # the newest first; old ones until they expire
    allow_http: bool = False  # plain http to another machine: only inside a network you trust
    timeout: Duration = timedelta(seconds=20)  # the specification recommends 15 to 30 s


class SecretUnusable(ValueError):
    """A webhook secret is not what the specification asks for; the message never holds it."""


class NotVerified(Exception):
    """A webhook that must not be believed."""


class WebhookChannel:
    """Signed events out."""

    def __init__(self, settings: WebhookSettings, resolve: Resolve, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._resolve = resolve
        self._clock = clock
        self._client = open_client(settings.timeout)

    def close(self) -> None:
        self._client.close()

    def send(self, parcel: Parcel) -> SendOutcome:
        try:
            url = checked(self._resolve(self.settings.url), allow_http=self.settings.allow_http)
            secrets = [self._resolve(reference) for reference in self.settings.secrets]
            headers = sign(secrets, parcel.message_id, int(self._clock()), parcel.content)
        except (BadUrl, SecretMissing, SecretUnusable) as error:
            return Refused(str(error))
        reply = post(self._client, url, {**headers, "Content-Type": parcel.media_type}, parcel.content)
        if not isinstance(reply, Reply):
            return Retry(None, reply.why)
        said = f"{reply.status}" + (f": {reply.text}" if reply.text else "")
        if 200 <= reply.status < 300:
            return Sent(said)
        if reply.status == 410:  # the specification: the consumer wants no more of these
            return Refused(f"the consumer has closed this address ({said})")
        return Retry(retry_after(reply.headers), f"the consumer answers {said}")


def sign(secrets: Iterable[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers. An id with a dot could be read as another id and timestamp, so there is none."""
    if not message_id or "." in message_id or not message_id.isascii() or not message_id.isprintable():
        raise SecretUnusable(f"{message_id!r} cannot be a webhook id")
    signatures = [f"v1,{_signature(_key(secret), message_id, timestamp, body)}" for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def verify(
    secrets: Iterable[str], headers: Mapping[str, str], body: bytes, now: float, tolerance: int = TOLERANCE
) -> str:
    """The id of a webhook one of the secrets has signed; raises `NotVerified`. Header names are lower case."""
    try:
        message_id, timestamp = headers["webhook-id"], int(headers["webhook-timestamp"])
        signatures = headers["webhook-signature"].split(" ")
    except (KeyError, ValueError):
        raise NotVerified("a webhook header is missing or unreadable") from None
    if abs(now - timestamp) > tolerance:
        raise NotVerified(f"signed at {timestamp}, which is more than {tolerance} s from now")
    theirs = [signature.removeprefix("v1,").encode() for signature in signatures if signature.startswith("v1,")]
    for secret in secrets:
        ours = _signature(_key(secret), message_id, timestamp, body).encode()
        if any(hmac.compare_digest(ours, signature) for signature in theirs):
            return message_id
    raise NotVerified("no signature fits")


def _key(secret: str) -> bytes:
    if not secret.startswith(PREFIX):
        raise SecretUnusable(f"a webhook secret begins with {PREFIX}; this one does not")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise SecretUnusable(f"after {PREFIX} a webhook secret is base64; this one is not") from None
    if not SHORTEST <= len(key) <= LONGEST:
        raise SecretUnusable(f"a webhook secret has {SHORTEST} to {LONGEST} bytes; this one has {len(key)}")
    return key


def _signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode("ascii")
