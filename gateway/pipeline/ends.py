"""How one try of a Delivery can end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Arrived:
    """The other side has it."""

    said: str
    ref: str | None = None  # its own number for it
    data: dict[str, Any] = field(default_factory=dict)
    receipt: bytes | None = None  # what it said, where that is evidence (AS2)


@dataclass(frozen=True, slots=True)
class TryAgain:
    """It has not arrived, or nobody knows; the next try repeats it (and looks first, where `uncertain`)."""

    why: str
    after: float | None  # seconds the other side asked for
    uncertain: bool
    progress: dict[str, Any] = field(default_factory=dict)
    situation: str = ""  # a person is asked about this at once, while it is tried on
    enough: bool = False  # there is no further try
    receipt: bytes | None = None


@dataclass(frozen=True, slots=True)
class TurnedDown:
    """The other side, or our own settings, refuse it: a person decides."""

    why: str
    code: str = ""
    situation: str = "delivery-rejected"
    receipt: bytes | None = None


@dataclass(frozen=True, slots=True)
class ReceiptOwed:
    """Their server took it; whether it is accepted they say later, by a call of their own (asynchronous MDN)."""

    within: float  # seconds until the same bytes go again


@dataclass(frozen=True, slots=True)
class LiesReady:
    """The other side fetches it (fetch.py); until then nothing has arrived."""

    name: str
    within: float  # seconds until a person is asked


End = Arrived | TryAgain | TurnedDown | ReceiptOwed | LiesReady
