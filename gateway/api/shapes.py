"""What the doors answer: one model a thing, made from its row. Descriptions become the OpenAPI reference."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, Field

from gateway.api.names import instant, name_of


class TransmissionShape(BaseModel):
    """One transport unit that came in: a request, a file, a message."""

    id: str = Field(examples=["T-12"])
    status: str = Field(examples=["done"])
    reason: str | None = Field(None, description="Why it was set aside, in plain words.")
    connection: str
    lane: str
    filename: str | None = None
    size: int | None = None
    received_at: str | None
    documents: list[DocumentShape] = Field(default_factory=list, description="What was found in it so far.")

    @classmethod
    def of(cls, row: Any, documents: list[DocumentShape]) -> TransmissionShape:
        return cls(
            id=name_of("transmission", row.id),
            status=row.status,
            reason=row.reason,
            connection=row.connection,
            lane=row.lane,
            filename=row.filename,
            size=row.size,
            received_at=instant(row.received_at),
            documents=documents,
        )


class DocumentShape(BaseModel):
    """One document, in or out."""

    id: str = Field(examples=["D-90417"])
    direction: str = Field(examples=["in"])
    status: str = Field(examples=["done"], description="Where it stands; docs/lifecycle.md explains each word.")
    partner: str | None
    lane: str
    standard: str | None = Field(examples=["x12"])
    set: str | None = Field(examples=["850"])
    version: str | None = Field(examples=["004010"])
    control_number: str | None
    kind: str | None = Field(examples=["order"], description="What it is in our language.")
    business_key: str | None = Field(examples=["HP-4471960"])
    findings: list[dict[str, Any]] = Field(
        default_factory=list, description="What is wrong with it, each with its place."
    )
    answers: str | None = Field(None, description="The document this one answers.")
    received_at: str | None
    updated_at: str | None

    @classmethod
    def of(cls, row: Any) -> DocumentShape:
        return cls(
            id=name_of("document", row.id),
            direction=row.direction,
            status=row.status,
            partner=row.partner,
            lane=row.lane,
            standard=row.standard,
            set=row.set_id,
            version=row.version,
            control_number=row.control_number,
            kind=row.kind,
            business_key=row.business_key,
            findings=json.loads(row.findings) if row.findings else [],
            answers=name_of("document", row.answers_document_id) if row.answers_document_id else None,
            received_at=instant(row.received_at),
            updated_at=instant(row.updated_at),
        )


class DeliveryShape(BaseModel):
    """One thing we owe somebody: an envelope to a partner, a call to a system, an event to a consumer."""

    id: str = Field(examples=["L-5"])
    kind: str = Field(examples=["envelope"])
    target: str
    lane: str
    partner: str | None
    status: str = Field(examples=["delivered"])
    attempts: int
    due_at: str | None
    created_at: str | None
    result: dict[str, Any] | None = None
    tries: list[dict[str, Any]] = Field(default_factory=list, description="Every attempt, oldest first.")

    @classmethod
    def of(cls, row: Any, tries: list[Any] | None = None) -> DeliveryShape:
        return cls(
            id=name_of("delivery", row.id),
            kind=row.kind,
            target=row.target,
            lane=row.lane,
            partner=row.partner,
            status=row.status,
            attempts=row.attempts,
            due_at=instant(row.due_at),
            created_at=instant(row.created_at),
            result=json.loads(row.result) if row.result else None,
            tries=[
                {
                    "n": t.n,
                    "started_at": instant(t.started_at),
                    "finished_at": instant(t.finished_at),
                    "outcome": t.outcome,
                    "detail": t.detail,
                }
                for t in tries or ()
            ],
        )


class OrderShape(BaseModel):
    """One order with where it stands in every system."""

    id: str = Field(examples=["D-90417"], description="The document that brought it.")
    partner: str
    lane: str
    order_number: str
    status: str = Field(examples=["accepted"])
    ids: dict[str, str] = Field(default_factory=dict, description="Its number in each system.")
    open_lines: dict[str, str] = Field(default_factory=dict, description="Line number -> quantity not shipped yet.")
    order: dict[str, Any] | None = Field(None, description="The canonical order; only when one order is asked for.")
    updated_at: str | None


class ExceptionShape(BaseModel):
    """Something a person has to look at, in plain words."""

    id: str = Field(examples=["W-1041"])
    status: str
    code: str
    category: str
    title: str = Field(description="What is wrong.")
    where: str
    why: str = Field(description="Why it matters.")
    who: str = Field(description="Who mends it.")
    what_to_do: str
    lost_at: str | None = Field(description="The moment from which something is lost.")
    partner: str | None
    lane: str
    about: str | None = Field(description="What it is about: table and id.")
    opened_at: str | None
    settled_at: str | None
    settled_by: str | None

    @classmethod
    def of(cls, row: Any) -> ExceptionShape:
        return cls(
            id=name_of("work item", row.id),
            status=row.status,
            code=row.code,
            category=row.category,
            title=row.title,
            where=row.where_,
            why=row.why,
            who=row.who,
            what_to_do=row.what_to_do,
            lost_at=instant(row.lost_at),
            partner=row.partner,
            lane=row.lane,
            about=f"{row.subject} {row.subject_id}" if row.subject else None,
            opened_at=instant(row.opened_at),
            settled_at=instant(row.settled_at),
            settled_by=row.settled_by,
        )


class ReceiptShape(BaseModel):
    """The proof that something is stored. Ask for its status under `location`."""

    id: str = Field(examples=["T-12"])
    repeated: bool = Field(description="True: the same Idempotency-Key came before; nothing was stored again.")
    location: str


class AcceptOrder(BaseModel):
    """An internal system takes an order."""

    lines: dict[str, str] | None = Field(
        None,
        description="Line number -> quantity taken; the rest is backordered. Absent: all of it.",
        examples=[{"1": "24"}],
    )
    ids: dict[str, str] = Field(
        default_factory=dict, description="Its number in your systems.", examples=[{"erp": "SO-7"}]
    )


class RejectOrder(BaseModel):
    """An internal system refuses an order."""

    reason: str = Field(min_length=1, max_length=500, examples=["discontinued"])


class ShipOrder(BaseModel):
    """What left the dock for one order."""

    order: str = Field(examples=["D-90417"], description="The order's id.")
    number: str = Field(
        min_length=1, max_length=30, examples=["SH-1001"], description="The shipment's number; told once."
    )
    lines: dict[str, str] | None = Field(None, description="Line number -> quantity. Absent: all of it.")
    tracking_number: str | None = None
    bill_of_lading: str | None = None
    scac: str | None = Field(None, examples=["RDWY"], description="The carrier's code.")
    date: str | None = Field(None, pattern=r"^\d{4}-\d{2}-\d{2}$")
    package_count: str | None = None
    weight: str | None = None
    weight_unit: str | None = None
    document: dict[str, Any] | None = Field(None, description="A whole canonical shipment, used as it stands.")


class BillOrder(BaseModel):
    """What is to be paid for one order."""

    order: str = Field(examples=["D-90417"], description="The order's id.")
    number: str = Field(
        min_length=1, max_length=22, examples=["INV-2001"], description="The invoice's number; told once."
    )
    lines: dict[str, str] | None = Field(None, description="Line number -> quantity. Absent: all of it.")
    total: str | None = Field(None, description="Absent: the sum of the lines.")
    date: str | None = Field(None, pattern=r"^\d{4}-\d{2}-\d{2}$")
    document: dict[str, Any] | None = Field(None, description="A whole canonical invoice, used as it stands.")


class Told(BaseModel):
    """The fact is stored; what follows from it is on its way."""

    event: str = Field(examples=["evt_17"])
    order: str = Field(examples=["D-90417"])


TransmissionShape.model_rebuild()
