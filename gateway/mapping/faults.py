"""What a wrong map says when it is loaded, and what a wrong document says when it goes through one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.formats.file import Code
from gateway.formats.finding import Finding, Severity


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in a map: where it stands, what is wrong, what to do."""

    file: str
    line: int
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}" + (f" ({self.remedy})" if self.remedy else "")


class MapFaults(Exception):
    """A map that cannot be used, with all of its faults."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(dict.fromkeys(faults))  # a part's fault shows wherever the part is used
        super().__init__("\n".join(map(str, self.faults)))


@dataclass(frozen=True, slots=True)
class Origin:
    """The file and line something was written on."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    def fault(self, text: str, remedy: str = "") -> MapFault:
        """A fault at this place, to be raised and gathered."""
        return MapFault(Fault(self.file, self.line, text, remedy))


class MapFault(Exception):
    """One fault on its way to being gathered."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(str(fault))


MISSING = "is missing"


@dataclass(frozen=True, slots=True)
class Problem:
    """One value that could not be carried: where in the document, which field, which line of the map."""

    place: str  # "PO102"; a column; a path of elements
    position: int | None  # segment, row: counted from 1; None where nothing can be pointed at
    field: str  # "lines.quantity.value"
    value: str | None
    why: str
    line: str  # "x12-850-order.yaml:37"
    column: int | None = None  # of a row, counted from 1

    def __str__(self) -> str:
        at = f"{self.place} at {self.position}" if self.position else self.place
        said = f": {self.field} = {self.value!r}:" if self.field else f" = {self.value!r}:" if self.value else ""
        return f"{at}{said} {self.why}" + (f" [{self.line}]" if self.line else "")

    def finding(self, part: str = "") -> Finding:
        """The same as a fault of the partner's document; `part`: where the document stands in its file."""
        path = self.place if self.place.startswith("/") else part if part.startswith("/") else ""
        code = Code.PART_REFUSED if self.value is None else Code.VALUE_REFUSED
        return Finding(
            Code.VALUE_MISSING.value if self.why == MISSING else code.value,
            Severity.REJECTS,
            segment=path or "row",
            position=self.position,
            element=None if path else self.column,
            value=self.value,
            expected=self.why,
            reference=None if self.place in ("row", path) else self.place,
        )


_REFUSALS = (  # how the type of a pydantic error begins -> what is meant
    ("extra_forbidden", "is no member of this document"),
    ("date", "is not a date, e.g. 2026-12-25"),
    ("time", "is not a time, e.g. 16:30:00"),
    ("decimal", "is not a number"),
    ("string_too_short", "is empty"),
    ("string_unicode", "holds half a character"),
    ("string", "is not a text"),
    ("list", "is not a list"),
    ("model", "is not an object"),
    ("dict", "is not an object"),
)


def refusal(error: Mapping[str, Any]) -> str:
    """Why the canonical model refuses a value, in plain words."""
    return next((said for kind, said in _REFUSALS if str(error["type"]).startswith(kind)), str(error["msg"]))


class MapError(Exception):
    """A document that cannot go through a map, with every reason found in one pass."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))
