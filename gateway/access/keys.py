"""API keys: random, shown once, kept only as a hash.

A token is 256 random bits, so one SHA-256 without salt keeps it as safe as a slow hash keeps a password, and a request
costs one indexed lookup.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from enum import StrEnum

MARK = "gwk"  # so that secret scanners and people recognise one


class Scope(StrEnum):
    """What a key may do."""

    PARTNER = "partner"  # send documents as one partner, and see only that partner's
    READ = "internal:read"  # see everything of its lane
    WRITE = "internal:write"  # tell facts, resend, settle; includes reading
    ADMIN = "admin"  # publish profiles, make keys; includes everything


INCLUDED: dict[Scope, frozenset[Scope]] = {
    Scope.PARTNER: frozenset({Scope.PARTNER}),
    Scope.READ: frozenset({Scope.READ}),
    Scope.WRITE: frozenset({Scope.READ, Scope.WRITE}),
    Scope.ADMIN: frozenset({Scope.READ, Scope.WRITE, Scope.ADMIN}),
}


@dataclass(frozen=True, slots=True)
class Key:
    """Whose request this is."""

    name: str
    scopes: frozenset[Scope]
    lane: str
    partner: str | None = None  # set for a partner's key, and then nothing of another partner exists for it


class NotAllowed(Exception):
    """The key is valid and its scopes do not include this."""


def new_token() -> str:
    """A new key, to be shown once."""
    return f"{MARK}_{secrets.token_urlsafe(32)}"


def hash_of(token: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(token.encode()).hexdigest()


def require(key: Key, scope: Scope) -> None:
    """Raises NotAllowed unless one of the key's scopes includes this one."""
    if not any(scope in INCLUDED[one] for one in key.scopes):
        raise NotAllowed(f"this key may not do that: it needs the scope {scope}")
