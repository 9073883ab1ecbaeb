"""What is wrong in a profile: the place, the sentence, what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One mistake in a file a person wrote."""

    file: str
    line: int
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        said = f"{self.file}:{self.line}: {self.text}"
        return f"{said}\n    {self.remedy}" if self.remedy else said


class ProfileFaults(Exception):
    """The profiles cannot be used; every fault found in one pass, in the order of the files."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        # An industry's line is judged once for each agreement that inherits it, and said once.
        self.faults = sorted(set(faults))
        super().__init__("\n".join(map(str, self.faults)))


def nearest(word: str, known: Iterable[str]) -> str:
    """The remedy for a word nobody knows: the closest ones, or all of them when they are few."""
    names = sorted(set(known))
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.6)
    if close:
        return f"did you mean {listed(close)}?"
    if not names:
        return "there is none yet"
    if len(names) <= 12:
        return f"write {listed(names)}"
    return f"write one of {len(names)} names, e.g. {listed(names[:3])}"


def listed(words: Iterable[str]) -> str:
    """Words as a person lists choices: a, b or c."""
    items = list(words)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} or {items[-1]}"
