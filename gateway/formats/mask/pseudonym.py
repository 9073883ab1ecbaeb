"""Pseudonyms: the same value gets the same other value of the same shape; without the key nobody finds the way back.

A letter becomes a letter of the same case, a digit a digit; everything else stays, so that lengths, types, separators
and the pattern of a number survive.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from string import ascii_lowercase, ascii_uppercase, digits

_DATE = re.compile(
    r"\d{4}-\d\d-\d\d([T ].*)?|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])(\d{4,6})?"
)
_NUMBER = re.compile(r"[+-]?\d{1,5}|[+-]?\d*[.,]\d+|[+-]?\d{1,3}([.,]\d{3})+([.,]\d+)?")
_WORD_OF_A_STANDARD = re.compile(r"urn:.*|true|false|utf-?8", re.IGNORECASE)
SHORT = 3  # codes of units, currencies, countries and qualifiers are no longer

Mask = Callable[[str], str]


class Pseudonyms:
    """Values to pseudonyms under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[str, str] = {}

    def __call__(self, value: str) -> str:
        """The pseudonym of a value; blanks around it stay where they are."""
        core = value.strip()
        if not core:
            return value
        known = self._known.get(core)
        if known is None:
            known = self._known[core] = self._made(core)
        return value.replace(core, known, 1)

    def unless_plain(self, value: str) -> str:
        """The pseudonym, but not of what names nobody: short codes, amounts, dates. Where there is no dictionary."""
        core = value.strip()
        if len(core) <= SHORT or any(p.fullmatch(core) for p in (_DATE, _NUMBER, _WORD_OF_A_STANDARD)):
            return value
        return self(value)

    def _made(self, value: str) -> str:
        stream = b""
        while len(stream) < len(value):
            stream += hmac.digest(self._key, f"{len(stream)}:{value}".encode(), "sha256")
        made = [_like(character, byte) for character, byte in zip(value, stream, strict=False)]
        if value[0] in "123456789" and made[0] == "0":
            made[0] = "7"  # a number keeps its digits where leading zeros are dropped
        return "".join(made)


def _like(character: str, byte: int) -> str:
    if character in digits or character.isdecimal():
        return digits[byte % 10]
    if character.isupper():
        return ascii_uppercase[byte % 26]
    if character.isalpha():
        return ascii_lowercase[byte % 26]
    return character
