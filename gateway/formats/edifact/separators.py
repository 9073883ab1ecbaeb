"""The characters that give one EDIFACT interchange its shape: from UNA, or the standard's own (ISO 9735)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Separators:
    """Component, element, decimal mark, release character, repetition and terminator, in UNA's order."""

    component: str = ":"
    element: str = "+"
    decimal: str = "."
    release: str = "?"  # "" where a UNA puts a blank: nothing is released
    repetition: str = ""  # since syntax version 4, "*" unless UNA says a blank
    segment: str = "'"

    @classmethod
    def from_una(cls, una: str) -> Separators:
        """From the nine characters of a UNA."""
        component, element, decimal, release, repetition, segment = tuple(una[3:9])
        return cls(component, element, decimal, release.strip(), repetition.strip(), segment)

    def split(self, text: str) -> list[list[str]]:
        """A segment's elements, each a list of components, release characters resolved."""
        if not self.release or self.release not in text:
            return [element.split(self.component) for element in text.split(self.element)]
        return [
            [self._resolved(component) for component in self._cut(element, self.component)]
            for element in self._cut(text, self.element)
        ]

    def join(self, elements: list[list[str]]) -> str:
        """A segment's text with its terminator; empty ends are left away."""
        parts = [self.component.join(self._escaped(c) for c in _trimmed(element)) for element in elements]
        return self.element.join(_trimmed(parts)) + self.segment

    def una(self) -> str:
        """The UNA segment that announces these separators."""
        return "".join(
            (
                "UNA",
                self.component,
                self.element,
                self.decimal,
                self.release or " ",
                self.repetition or " ",
                self.segment,
            )
        )

    def pieces(self, text: str, separator: str) -> list[str]:
        """Text cut at every separator that is not released; release characters stay."""
        return self._cut(text, separator) if self.release and self.release in text else text.split(separator)

    def _cut(self, text: str, separator: str) -> list[str]:
        pieces: list[str] = []
        held: list[str] = []
        for piece in text.split(separator):
            held.append(piece)
            if not released(piece, self.release):
                pieces.append(separator.join(held))
                held = []
        if held:
            pieces.append(separator.join(held))
        return pieces

    def _resolved(self, text: str) -> str:
        if self.release not in text:
            return text
        out: list[str] = []
        characters = iter(text)
        for character in characters:
            out.append(next(characters, "") if character == self.release else character)
        return "".join(out)

    def _escaped(self, text: str) -> str:
        if not self.release:
            return text
        special = {self.component, self.element, self.release, self.segment, self.repetition} - {""}
        return "".join(self.release + c if c in special else c for c in text)


def released(piece: str, release: str) -> bool:
    """Whether the separator behind this piece is data, because an odd number of release characters stands before it."""
    return released_at(piece, len(piece), release)


def released_at(text: str, end: int, release: str) -> bool:
    """The same for the separator at this place of a text."""
    start = end
    while release and start and text[start - 1] == release:
        start -= 1
    return (end - start) % 2 == 1


def _trimmed(items: list[str]) -> list[str]:
    end = len(items)
    while end > 1 and not items[end - 1]:
        end -= 1
    return items[:end]
