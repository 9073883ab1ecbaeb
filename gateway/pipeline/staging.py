"""What `unwrap` has read and `release` will store: interchanges, groups and documents before they have ids."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from pydantic_core import to_json

from gateway.formats.finding import Finding, Severity
from gateway.formats.x12.acknowledge import SetOutcome
from gateway.formats.x12.guide import Guide
from gateway.formats.x12.separators import Separators
from gateway.formats.x12.tolerance import Tolerance
from gateway.lifecycle import InterchangeStatus
from gateway.partners.agreement import Agreement
from gateway.pipeline.alert import Alert
from gateway.store.engine import View
from gateway.store.schema import interchange


class Terms(NamedTuple):
    """On what terms one kind of set comes in a group: found for its first."""

    agreement: Agreement | None
    guide: Guide | None
    approximated: tuple[Finding, ...]  # that this is the guide of another release
    tolerate: Tolerance
    columns: Mapping[str, Any]  # of the row of each of its documents


@dataclass(slots=True)
class Group:
    """One GS..GE while it is read."""

    values: dict[str, Any]
    gs: list[str]
    id: int | None = None
    closed: bool = False
    counted: int = 0
    staged: bool = False  # an earlier portion stored it
    findings: list[Finding] = field(default_factory=list)
    sets: list[SetOutcome] = field(default_factory=list)
    terms: dict[str, Terms] = field(default_factory=dict)  # by set id

    @property
    def refused(self) -> bool:
        """Whether nothing of it may be used, whatever its sets are worth: its sender is told so."""
        return any(finding.severity is Severity.REJECTS for finding in self.findings)

    def kept(self) -> str:
        """What its row keeps of it, to go on reading after a crash."""
        said = {"gs": self.gs, "closed": self.closed, "counted": self.counted, "findings": plain(self.findings)}
        return to_json(said).decode()


@dataclass(slots=True)
class Line:
    """The documents of one transmission on their way to `route`."""

    queued: bool = False  # some wait for that stage: those of later interchanges go behind them


@dataclass(slots=True)
class Interchange:
    """One ISA..IEA while it is read."""

    row: Any  # the transmission it came in
    values: dict[str, Any]
    isa: list[str]
    separators: Separators
    id: int | None = None
    groups: list[Group] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    status: InterchangeStatus = InterchangeStatus.STAGED
    aside: Alert | None = None  # why nothing of it may be used until a person decides
    closed: bool = False
    truncated: bool = False
    staged: bool = False  # an earlier portion stored it
    waiting: bool = False  # and documents of it that nobody may see until it is judged
    digest: Any = None
    agreement: str = ""  # of a file without an envelope; where there is one, its groups say
    head: str = ""  # of a file: what of its beginning each of its documents is read with
    refused: int = 0  # documents of a file that cannot be used
    line: Line = field(default_factory=Line)

    def kept(self) -> str:
        """What its row keeps of it, to read its documents again or to go on reading after a crash."""
        aside = asdict(self.aside) if self.aside and not self.closed else None
        said = {"isa": self.isa, "separators": self.separators, "head": self.head, "findings": plain(self.findings)}
        return to_json({**said, "aside": aside}).decode()


@dataclass(slots=True)
class Staged:
    """One document, before it has an id."""

    interchange: Interchange
    group: Group | None  # a file without an envelope has none
    values: dict[str, Any]
    carried: Any = None  # what its map made of it (translate.py), where it was run at once


@dataclass(frozen=True, slots=True)
class Turn:
    """Where a portion ends within a transmission."""

    reader: dict[str, Any]  # its state
    open: Interchange | None  # which goes on in the next portion; that one may have been read when this is stored
    kept: Mapping[int, str]  # what is kept of `open` and of each of its groups, as they stood here; by identity
    line: Line

    @classmethod
    def at(cls, reader: dict[str, Any], current: Interchange | None, line: Line) -> Turn:
        parts: list[Interchange | Group] = [] if current is None else [current, *current.groups]
        return cls(reader, current, {id(part): part.kept() for part in parts}, line)


@dataclass(slots=True)
class Portion:
    """What one commit stores."""

    documents: list[Staged] = field(default_factory=list)
    interchanges: list[Interchange] = field(default_factory=list)
    answers: list[tuple[Interchange, list[str]]] = field(default_factory=list)  # TA1 segments that came
    alerts: list[Alert] = field(default_factory=list)
    finished: list[tuple[Any, dict[str, Any]]] = field(default_factory=list)  # transmissions read to their end
    turn: Turn | None = None  # reading goes on behind it

    @classmethod
    def together(cls, portions: Iterable[Portion]) -> Portion:
        """The last portions of several transmissions, to be stored in one commit."""
        one = cls()
        for portion in portions:
            one.documents += portion.documents
            one.interchanges += portion.interchanges
            one.answers += portion.answers
            one.alerts += portion.alerts
            one.finished += portion.finished
        return one


def plain(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    return [{name: value for name, value in asdict(f).items() if value is not None} for f in findings]


def as_json(findings: Iterable[Finding]) -> str:
    return to_json(plain(findings)).decode()


def findings_of(plain: Iterable[dict[str, Any]]) -> list[Finding]:
    return [Finding(**{**values, "severity": Severity(values["severity"])}) for values in plain]


def read_with(view: View, interchange_ids: Iterable[int]) -> dict[int, tuple[Separators, str]]:
    """The characters, or the head, that stored interchanges were read with, by id."""
    rows = [(row.id, json.loads(row.findings)) for row in view.by_ids(interchange, list(interchange_ids))]
    return {number: (Separators(**kept["separators"]), kept.get("head", "")) for number, kept in rows}
