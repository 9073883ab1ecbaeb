"""What a reader of X12 yields, in the order it stands in the stream. Offsets count bytes of the original stream."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.formats.finding import Finding
from gateway.formats.x12.separators import Separators

Row = list[str]  # a segment split at its element separators; row[0] is the tag


@dataclass(frozen=True, slots=True)
class Skipped:
    """Bytes between interchanges that belong to none."""

    offset: int
    size: int
    data: str  # how they begin
    finding: Finding


@dataclass(frozen=True, slots=True)
class InterchangeOpened:
    """An ISA segment."""

    isa: Row  # the tag and 16 elements, as they stood
    separators: Separators
    offset: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A TA1 segment: the sender's answer to an interchange of ours."""

    ta1: Row
    offset: int


@dataclass(frozen=True, slots=True)
class GroupOpened:
    """A GS segment; empty if sets stand outside of any group."""

    gs: Row
    offset: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class SetFramed:
    """A transaction set, ST to SE; without SE if it is cut short, which a finding then says."""

    rows: list[Row]
    text: str  # the set without line ends and last terminator, for the guide's check
    offset: int
    size: int  # with the last terminator; the same bytes cut out again give the same rows (`rows_of`)
    position: int  # counted from 1 in its interchange
    findings: tuple[Finding, ...]

    @property
    def set_id(self) -> str:
        """ST01."""
        return self.rows[0][1].strip() if len(self.rows[0]) > 1 else ""

    @property
    def control_number(self) -> str:
        """ST02."""
        return self.rows[0][2].strip() if len(self.rows[0]) > 2 else ""


@dataclass(frozen=True, slots=True)
class GroupClosed:
    """A GE segment, or the place where it is missing."""

    ge: Row | None
    counted: int  # sets
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class InterchangeClosed:
    """An IEA segment, or the place where it is missing."""

    iea: Row | None
    counted: int  # groups
    truncated: bool  # no IEA: nothing of it may be processed
    findings: tuple[Finding, ...]


Frame = Skipped | InterchangeOpened | Acknowledged | GroupOpened | SetFramed | GroupClosed | InterchangeClosed
