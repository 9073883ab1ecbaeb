"""Who may do what: keys for machines, scopes, lanes. Pure decisions; the rows are the store's."""

from __future__ import annotations

from gateway.access.decision import Decision, authorize
from gateway.access.keys import ApiKey, IssuedKey, hash_of, issue
from gateway.access.scopes import SCOPES, Scope, parse_scopes

__all__ = ["SCOPES", "ApiKey", "Decision", "IssuedKey", "Scope", "authorize", "hash_of", "issue", "parse_scopes"]
