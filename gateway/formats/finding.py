"""What is wrong in a partner's document, as data.

A finding names a catalogue entry, the standard's own code and a place. The sentence a person reads, its reason, its
remedy and who mends it are made from the catalogue (words.py), so terminal, JSON and API show the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FormatError(ValueError):
    """Bytes that are no document of the format; the only exception a reader may raise for what it is given."""


class Severity(StrEnum):
    """How much a finding weighs."""

    WARNING = "warning"  # tolerated, and said
    ERROR = "error"  # wrong, rejects nothing by itself
    REJECTS = "rejects"  # the set, group or interchange it stands in is refused


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem in a document: the standard's code for the acknowledgement, and a place to point at."""

    code: str  # our catalogue entry, e.g. "mandatory-element-missing"
    severity: Severity = Severity.ERROR
    standard_code: str | None = None  # X12 code of the level: AK304, AK403, AK502, AK905, TA105
    segment: str | None = None  # "N1"
    position: int | None = None  # segment position counted from ST = 1
    element: int | None = None
    component: int | None = None
    loop: str | None = None  # loop path in the guide, "PO1/N1"
    value: str | None = None  # what stood there, whole
    expected: str | None = None  # what would be right: "1 to 9 digits", "850", "one of EA CA"
    reference: str | None = None  # the standard's number of the data element, "353": AK402
