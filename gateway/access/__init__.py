"""Who may do what: API keys with scopes, one lane and, for a partner, one partner."""

from __future__ import annotations

from gateway.access.keys import Key, NotAllowed, Scope, hash_of, new_token, require

__all__ = ["Key", "NotAllowed", "Scope", "hash_of", "new_token", "require"]
