"""One shape for every ERP, CRM and warehouse system we are bridged to.

Theory of operation. A command is something we owe a system: create this order, post this shipment. It is sent over a
wire that fails in the middle, to systems most of which create a second record when asked twice. So:

1. An outcome is a value. `Done`, `Retry` (surely nothing happened there), `Rejected` (their business said no: a
   person's work, never sent again by itself) or `Unknown` (it may have happened).
2. Whatever is in doubt is looked up before anything is sent again. `settle` is the one place where that rule stands.
3. A connector holds no state between calls but its token and its sockets. What is already certain travels as `progress`
   inside the outcome; the store writes it down and hands it in with the next try.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

Values = Mapping[str, Any]  # JSON values under names
Progress = Mapping[str, Values]  # step name -> what it answered: steps that certainly happened


class Operation(StrEnum):
    """What a system may be told to do."""

    SUBMIT_ORDER = "submit_order"  # a new sales order (ERP), or an order made known (CRM)
    CHANGE_ORDER = "change_order"  # other quantities, dates or address for an order that is there
    CANCEL_ORDER = "cancel_order"  # the partner no longer wants it
    UPDATE_ORDER = "update_order"  # how an order that is there stands: accepted, shipped, invoiced
    POST_SHIPMENT = "post_shipment"  # what left a warehouse, with tracking
    SETTLE_SHORTAGE = "settle_shortage"  # what becomes of pieces a warehouse did not ship: backordered or cancelled
    POST_INVOICE = "post_invoice"  # what was billed
    ADJUST_INVENTORY = "adjust_inventory"  # a count or a difference at a warehouse
    OPEN_RETURN = "open_return"  # a return asked for
    OPEN_CASE = "open_case"  # an exception somebody has to talk to the customer about


@dataclass(frozen=True, slots=True)
class Command:
    """One thing owed to a system, with everything any try of it needs."""

    operation: Operation
    key: str  # idempotency key: the same on every try, different for everything else
    lane: str  # production | test
    document: Values  # the canonical document it is about, as JSON
    data: Values = dataclasses.field(default_factory=dict)  # what else the flow says: the new status, a number, ...
    refs: Mapping[str, str] = dataclasses.field(default_factory=dict)  # system -> its id of the object, where known
    progress: Progress = dataclasses.field(default_factory=dict)  # as the last outcome said
    uncertain: bool = False  # an earlier try began and its end is not known, or was Unknown


@dataclass(frozen=True, slots=True)
class Ref:
    """The record in the system: its own id, and which system."""

    system: str
    id: str


@dataclass(frozen=True, slots=True)
class Done:
    """It is there, exactly once as far as the system can tell."""

    ref: Ref
    data: Values = dataclasses.field(default_factory=dict)  # what else it answered: status, promised date, ...


@dataclass(frozen=True, slots=True)
class Retry:
    """Nothing happened there, and another try is right."""

    why: str
    after: float | None = None  # seconds the system asked us to wait; None leaves it to the retry policy
    progress: Progress = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """Their business rules said no. The same command will be refused again: a person decides."""

    code: str
    message: str
    field: str | None = None  # what it is about, in the system's or the document's words
    progress: Progress = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unknown:
    """It was sent and we do not know what became of it. The next try looks before it sends."""

    why: str
    after: float | None = None
    progress: Progress = dataclasses.field(default_factory=dict)


Outcome = Done | Retry | Rejected | Unknown


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at the system made certain: some, or none, of the command's steps have happened."""

    progress: Progress


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that happened there: already in our words."""

    id: str  # the system's own id of the change: the same change is the same id on every reading
    event: str  # "order.accepted", "shipment.confirmed", ...
    keys: Mapping[str, str]  # the business objects it touches: {"order": "..."}
    ids: Mapping[str, str]  # ids to remember for them: {"erp": "SO-1001"}
    data: Values  # the canonical document, or the facts of the event
    occurred_at: str | None  # as the system wrote it


@dataclass(frozen=True, slots=True)
class Stranger:
    """One thing that happened there which no rule of the connector names: a person must say what it means."""

    id: str
    raw: Any


@dataclass(frozen=True, slots=True)
class Page:
    """Changes since a cursor, in order. Storing them and the cursor in one commit loses and repeats nothing."""

    changes: tuple[Change, ...]
    cursor: str
    more: bool
    strangers: tuple[Stranger, ...] = ()


class Connector(Protocol):
    """A system of ours, over whatever it speaks."""

    @property
    def name(self) -> str: ...

    @property
    def lane(self) -> str: ...

    @property
    def supports(self) -> frozenset[Operation]: ...

    def apply(self, command: Command) -> Outcome:
        """Send what is not in `command.progress`. Looks nothing up: call `settle` instead."""
        ...

    def find(self, command: Command) -> Done | Found | Retry | Rejected:
        """What of this command is already there. `Retry`: it cannot be told now, so nothing may be sent."""
        ...

    def changes(self, cursor: str | None) -> Page | Retry:
        """What happened there since; `None` begins at the beginning."""
        ...


def settle(connector: Connector, command: Command) -> Outcome:
    """One try of a command, by the rule: what is in doubt is looked up, and never sent again in the same breath.

    After an `Unknown` one look is taken at once, because most systems that answer 500 have finished. If it is not there
    the answer stays `Unknown`: the far side may still be working, and only a later look may allow another send.
    """
    if command.uncertain:
        seen = connector.find(command)
        if isinstance(seen, Retry):
            return Unknown(seen.why, seen.after, seen.progress)  # as much in doubt as before
        if not isinstance(seen, Found):
            return seen
        command = replace(command, progress=seen.progress, uncertain=False)
    outcome = connector.apply(command)
    if not isinstance(outcome, Unknown):
        return outcome
    seen = connector.find(replace(command, progress=outcome.progress, uncertain=True))
    if isinstance(seen, Done):
        return seen
    if isinstance(seen, Found):
        return replace(outcome, progress=seen.progress)
    return outcome
