"""API keys: a random token a person sees once; we keep its hash.

The token holds 256 random bits, so one round of SHA-256 is enough: there is nothing to guess, and a door must check a
key in microseconds. The readable front (`gw_test_...`) lets a person, and a scanner for leaked secrets, see what it is.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from gateway.access.scopes import Scope

FRONT = {"production": "gw_live_", "test": "gw_test_"}


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as we keep it."""

    name: str
    hash: str
    scopes: frozenset[Scope]
    lane: str  # what comes in with it belongs to this lane and to no other
    partner: str | None = None  # whose it is; a partner's key sees only its own
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key and the token that is shown this once."""

    key: ApiKey
    token: str


def issue(name: str, scopes: frozenset[Scope], lane: str, partner: str | None = None) -> IssuedKey:
    """Make a key. Raises ValueError when its scopes and its partner do not fit together."""
    ours = {scope for scope in scopes if not scope.startswith("partner:")}
    if not scopes:
        raise ValueError("a key without scopes opens nothing")
    if partner is not None and ours:
        raise ValueError(f"a partner's key cannot have {', '.join(sorted(ours))}: it would see other partners")
    if partner is None and ours != scopes:
        raise ValueError("a key with partner scopes must name its partner")
    token = FRONT[lane] + secrets.token_urlsafe(32)
    return IssuedKey(ApiKey(name, hash_of(token), scopes, lane, partner), token)


def hash_of(token: str) -> str:
    """What is stored, and what a presented token is looked up by."""
    return hashlib.sha256(token.encode()).hexdigest()
