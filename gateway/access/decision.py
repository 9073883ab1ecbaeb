"""May the holder of a key do what was asked?"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.access.keys import ApiKey
from gateway.access.scopes import Scope


@dataclass(frozen=True, slots=True)
class Decision:
    """Yes, or no with the reason that may be told to whoever asks."""

    allowed: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.allowed


YES = Decision(True)


def authorize(key: ApiKey | None, scope: Scope, *, lane: str | None = None, partner: str | None = None) -> Decision:
    """May the holder of this key do that, in this lane, with what belongs to this partner?

    `lane` and `partner` are those of the thing asked for; None where it has none. What a partner may not see is refused
    in words that do not say whether it exists.
    """
    if key is None or key.revoked:
        return Decision(False, "the key is not known")
    if not any(scope in held.includes for held in key.scopes):
        return Decision(False, f"the key lacks the scope {scope}")
    if lane is not None and lane != key.lane:
        return Decision(False, f"the key belongs to the {key.lane} lane")
    if key.partner is not None and partner is not None and partner != key.partner:
        return Decision(False, "there is nothing here for this key")
    return YES
