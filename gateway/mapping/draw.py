"""Where the values of generated documents come from."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Protocol, TypeVar

ALPHABET = string.ascii_letters + string.digits + " .,-/#&'()"
WORD = string.ascii_uppercase + string.digits

T = TypeVar("T")
_MASK = (1 << 64) - 1


class Draw(Protocol):
    """The three draws a document needs."""

    def number(self, low: int, high: int) -> int: ...

    def pick(self, choices: Sequence[T]) -> T: ...

    def text(self, alphabet: str, low: int, high: int) -> str: ...


class Dice:
    """A sequence of draws that is the same for the same seed, on every machine (SplitMix64)."""

    def __init__(self, seed: int) -> None:
        self._state = (seed * 0x9E3779B97F4A7C15) & _MASK

    def _next(self) -> int:
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def number(self, low: int, high: int) -> int:
        return low + self._next() % (high - low + 1)

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self._next() % len(choices)]

    def text(self, alphabet: str, low: int, high: int) -> str:
        return "".join(alphabet[self._next() % len(alphabet)] for _ in range(self.number(low, high)))
