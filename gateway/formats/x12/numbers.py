"""Control numbers met so far, to see a repetition, in little memory however many there are.

Senders count: a million numbers in a row are one run. What is no number, or comes in disorder, is remembered until
there are too many of them; a repetition of one forgotten goes unsaid.
"""

from __future__ import annotations

from bisect import bisect_right

RUNS = 10_000  # runs, and words that are no numbers, that are remembered
LONGEST = 128  # of a word: three elements of ISA; what is longer is none of ours to remember
DIGITS = 18


class Numbers:
    """The numbers of one level, in the order they come."""

    __slots__ = ("_next", "_runs", "_words")

    def __init__(self, state: list[list[int] | str] | None = None) -> None:
        """None met, or those of a `state`."""
        self._runs = [found for found in state or [] if isinstance(found, list)]  # [first, last], ascending
        self._words = {found for found in state or [] if isinstance(found, str)}
        self._next = self._runs[-1][1] + 1 if self._runs else -1

    def state(self) -> list[list[int] | str]:
        """What is remembered, as JSON."""
        return [*([first, last] for first, last in self._runs), *sorted(self._words)]

    def again(self, number: str) -> bool:
        """Remember a number; True if it came before. Leading zeros make no other number."""
        if not (number.isascii() and number.isdecimal()) or len(number) > DIGITS:
            if number in self._words:
                return True
            if 0 < len(number) <= LONGEST and len(self._words) < RUNS:
                self._words.add(number)
            return False
        value = int(number)
        if value == self._next:
            self._runs[-1][1] = value
            self._next = value + 1
            return False
        return self._among(value)

    def _among(self, value: int) -> bool:
        runs = self._runs
        at = bisect_right(runs, value, key=lambda run: run[0])
        before = runs[at - 1] if at else None
        if before is not None and value <= before[1]:
            return True
        if before is not None and value == before[1] + 1:
            before[1] = value
            if at < len(runs) and runs[at][0] == value + 1:
                before[1] = runs.pop(at)[1]
        elif at < len(runs) and runs[at][0] == value + 1:
            runs[at][0] = value
        elif len(runs) < RUNS:
            runs.insert(at, [value, value])
        self._next = runs[-1][1] + 1
        return False
