"""Carriage: the load we offer a carrier, what it answers, and where the load is."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from gateway.canonical.document import Document
from gateway.canonical.party import Party
from gateway.canonical.terms import Carrier
from gateway.canonical.values import Moment, Node, Note, Quantity, Reference, Text


class Stop(Node):
    """A place where a load is picked up or delivered, and when."""

    number: Text
    reason: Text  # load, unload, part-load, part-unload, complete-load, complete-unload
    weight: Quantity | None = None
    pieces: Quantity | None = None
    references: list[Reference] = Field(default_factory=list)
    pickup_from: Moment | None = None
    pickup_until: Moment | None = None
    deliver_from: Moment | None = None
    deliver_until: Moment | None = None
    place: Party | None = None


class LoadTender(Document):
    """A load offered to a carrier, changed or taken back."""

    kind: ClassVar[str] = "load-tender"
    schema_version: ClassVar[int] = 1

    purpose: Text
    tender_number: Text
    carrier: Carrier | None = None
    respond_by: Moment | None = None
    references: list[Reference] = Field(default_factory=list)
    notes: list[Note] = Field(default_factory=list)
    parties: list[Party] = Field(default_factory=list)
    stops: list[Stop]
    weight: Quantity | None = None

    def key(self) -> str:
        return self.tender_number


class TenderResponse(Document):
    """Whether a carrier takes a load."""

    kind: ClassVar[str] = "tender-response"
    schema_version: ClassVar[int] = 1

    tender_number: Text
    decision: Text  # accepted, declined, ...
    scac: Text | None = None
    date: dt.date | None = None
    pro_number: Text | None = None  # the carrier's own number of the load
    pickup: Moment | None = None
    reason: Text | None = None

    def key(self) -> str:
        return self.tender_number


class Report(Node):
    """Something that happened to a load, and where."""

    status: Text  # picked-up, departed, arrived, delivered, ...
    reason: Text | None = None
    moment: Moment | None = None
    city: Text | None = None
    region: Text | None = None
    country: Text | None = None
    equipment_number: Text | None = None
    references: list[Reference] = Field(default_factory=list)
    weight: Quantity | None = None
    pieces: Decimal | None = None


class TransportStatus(Document):
    """Where a load is: one or several reports of its carrier."""

    kind: ClassVar[str] = "transport-status"
    schema_version: ClassVar[int] = 1

    tender_number: Text | None = None  # some carriers name their own number only
    pro_number: Text | None = None
    scac: Text | None = None
    references: list[Reference] = Field(default_factory=list)
    reports: list[Report] = Field(default_factory=list)

    def key(self) -> str:
        return self.tender_number or self.pro_number or ""
