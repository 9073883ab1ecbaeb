"""Signed messages as Standard Webhooks 1.0.0 says, so that any of its libraries verifies them.

Signed is `{webhook-id}.{webhook-timestamp}.{body}` with HMAC-SHA256; during a change of secrets every valid one signs
and the signatures stand side by side.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64  # bytes of a secret, as the specification bounds them
TOLERANCE = 300  # seconds a timestamp may be off: what the specification's own libraries allow


class SecretUnusable(ValueError):
    """A webhook secret is not what the specification asks for; the message never holds it."""


class NotVerified(Exception):
    """A webhook that must not be believed."""


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
