"""What a key may do."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """One thing a key may do."""

    PARTNER_SEND = "partner:send"
    PARTNER_READ = "partner:read"
    INTERNAL_READ = "internal:read"
    INTERNAL_WRITE = "internal:write"
    ADMIN = "admin"

    @property
    def includes(self) -> frozenset[Scope]:
        """Itself and what comes with it."""
        if self is Scope.ADMIN:
            return frozenset({Scope.ADMIN, Scope.INTERNAL_READ, Scope.INTERNAL_WRITE})
        return frozenset({self})


SCOPES = {  # what each allows, in the words of `gateway key new --help` and the docs
    Scope.PARTNER_SEND: "hand documents in, for its own partner",
    Scope.PARTNER_READ: "fetch what is for its own partner and see what became of what it sent",
    Scope.INTERNAL_READ: "see orders, shipments, documents and events of every partner",
    Scope.INTERNAL_WRITE: "hand in answers, shipments and invoices, settle work items",
    Scope.ADMIN: "publish profiles and maps, make keys; includes reading and writing",
}


def parse_scopes(words: Iterable[str]) -> frozenset[Scope]:
    """Scopes as a person writes them; `partner:*` is all a partner may do. Raises ValueError naming the unknown one."""
    found: set[Scope] = set()
    for word in words:
        if word == "partner:*":
            found |= {Scope.PARTNER_SEND, Scope.PARTNER_READ}
        elif word in set(Scope):
            found.add(Scope(word))
        else:
            raise ValueError(f"there is no scope `{word}`; there are {', '.join(Scope)} and partner:*")
    return frozenset(found)
