"""What a schema of a partner's says of a document, whether it is an XSD or a JSON Schema."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Broken:
    """One rule of a schema that a document breaks: where, in the document's own steps, and what is wrong there."""

    place: str  # "Line[2]/Quantity/@unit", "lines/1/quantity"; "" is the document itself
    line: int | None  # in the bytes that were judged
    value: str | None  # None: not one value is wrong, but what stands there
    why: str  # goes on behind the value or the place: "is not one of EA, CA"


class SchemaFault(Exception):
    """A schema that cannot be used: the file, the line and what to do."""

    def __init__(self, file: str, line: int, text: str, remedy: str) -> None:
        self.file, self.line, self.text, self.remedy = file, line, text, remedy
        super().__init__(f"{file}:{line}: {text} ({remedy})")


LONGEST_LIST = 8  # choices that are named in a sentence; more are counted


def one_of(choices: list[str]) -> str:
    """A few choices as words."""
    if len(choices) > LONGEST_LIST:
        return f"{', '.join(choices[:LONGEST_LIST])} or {len(choices) - LONGEST_LIST} others"
    return " or ".join(filter(None, [", ".join(choices[:-1]), choices[-1]])) if choices else "nothing"
