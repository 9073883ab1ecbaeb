"""What the doors answer: one model a thing, made from its row. Descriptions become the OpenAPI reference."""

from __future__ import annotations

import json
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gateway.api.names import instant, name_of
from gateway.formats.names import names_for
from gateway.formats.words import as_plain
from gateway.pipeline.staging import findings_of


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _id(what: str) -> BeforeValidator:
    return BeforeValidator(lambda value: name_of(what, value) if isinstance(value, int) else value)


Instant = Annotated[
    str | None,
    BeforeValidator(lambda value: instant(value) if isinstance(value, int) else value),
    Field(examples=["2026-11-20T14:03:07.412Z"]),
]
Json = BeforeValidator(_json)
Partner = Annotated[str | None, Field(examples=["harbor-pine"])]
Lane = Annotated[str, Field(examples=["production"])]


class FromRow(BaseModel):
    """A row of the store as the doors show it: its columns by name, ids with their letter, instants as RFC 3339."""

    model_config = ConfigDict(from_attributes=True, validate_by_name=True, validate_by_alias=True)

    @classmethod
    def of(cls, row: Any, **more: Any) -> Self:
        return cls.model_validate(row).model_copy(update=more)


class DocumentShape(FromRow):
    """One document, in or out."""

    id: Annotated[str, _id("document")] = Field(examples=["D-90417"])
    direction: str = Field(examples=["in"])
    status: str = Field(examples=["done"], description="Where it stands; docs/lifecycle.md explains each word.")
    partner: Partner
    lane: Lane
    standard: str | None = Field(examples=["x12"])
    set: str | None = Field(validation_alias="set_id", examples=["850"])
    version: str | None = Field(examples=["004010"])
    control_number: str | None = Field(examples=["0001"])
    kind: str | None = Field(examples=["order"], description="What it is in our language.")
    business_key: str | None = Field(examples=["HP-4471960"])
    findings: Annotated[list[dict[str, Any]], BeforeValidator(lambda value: _json(value) or [])] = Field(
        default_factory=list,
        description="What is wrong with it, each with its place.",
        examples=[
            [{"code": "element-mandatory-missing", "segment": "PO1", "position": 15, "message": "PO1-02 is missing."}]
        ],
    )
    answers: Annotated[str | None, _id("document")] = Field(
        None,
        validation_alias="answers_document_id",
        description="The document this one answers.",
        examples=["D-90401"],
    )
    received_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, row: Any, **more: Any) -> Self:
        names = names_for(row.standard, row.version)
        said = [as_plain(finding, names) for finding in findings_of(json.loads(row.findings or "[]"))]
        return super().of(row, findings=said, **more)


class TransmissionShape(FromRow):
    """One transport unit that came in: a request, a file, a message."""

    id: Annotated[str, _id("transmission")] = Field(examples=["T-12"])
    status: str = Field(examples=["done"])
    reason: str | None = Field(
        description="Why it was set aside, in plain words.", examples=["it ends inside interchange 000034120"]
    )
    connection: str = Field(examples=["harbor-pine"])
    lane: Lane
    filename: str | None = Field(examples=["po-20261120.edi"])
    size: int | None = Field(examples=[2048], description="Bytes.")
    received_at: Instant
    documents: list[DocumentShape] = Field(default_factory=list, description="What was found in it so far.")


class TryShape(FromRow):
    """One attempt at a delivery."""

    n: int = Field(examples=[1])
    started_at: Instant
    finished_at: Instant
    outcome: str | None = Field(examples=["retry"])
    detail: str | None = Field(examples=["erp answers 503"])


class DeliveryShape(FromRow):
    """One thing we owe somebody: an envelope to a partner, a call to a system, an event to a consumer."""

    id: Annotated[str, _id("delivery")] = Field(examples=["L-5"])
    kind: str = Field(examples=["envelope"])
    target: str = Field(examples=["harbor-pine"])
    lane: Lane
    partner: Partner
    status: str = Field(examples=["delivered"])
    attempts: int = Field(examples=[1])
    due_at: Instant
    created_at: Instant
    result: Annotated[dict[str, Any] | None, Json] = Field(None, examples=[{"ref": "SO-7"}])
    tries: list[TryShape] = Field(default_factory=list, description="Every attempt, oldest first.")


class OrderShape(BaseModel):
    """One order with where it stands in every system."""

    id: str = Field(examples=["D-90417"], description="The document that brought it.")
    partner: str = Field(examples=["harbor-pine"])
    lane: Lane
    order_number: str = Field(examples=["HP-4471960"])
    status: str = Field(examples=["accepted"])
    ids: dict[str, str] = Field(
        default_factory=dict, description="Its number in each system.", examples=[{"erp": "SO-7", "crm": "77"}]
    )
    open_lines: dict[str, str] = Field(
        default_factory=dict, description="Line number -> quantity not shipped yet.", examples=[{"2": "6"}]
    )
    order: dict[str, Any] | None = Field(
        None,
        description="The canonical order; only when one order is asked for.",
        examples=[{"order_number": "HP-4471960", "order_date": "2026-11-20"}],
    )
    updated_at: Instant


class ExceptionShape(FromRow):
    """Something a person has to look at, in plain words."""

    id: Annotated[str, _id("work item")] = Field(examples=["W-1041"])
    status: str = Field(examples=["open"])
    code: str = Field(examples=["business-key-reused"])
    category: str = Field(examples=["source data"])
    title: str = Field(
        description="What is wrong.", examples=["The same order number came again with other content: HP-4471902."]
    )
    where: str = Field(validation_alias="where_", examples=["850, document D-90417"])
    why: str = Field(description="Why it matters.", examples=["If both are used, we ship or bill twice."])
    who: str = Field(description="Who mends it.", examples=["The partner's buyer"])
    what_to_do: str = Field(examples=["Compare, then keep the first, or run the second as one of its own."])
    lost_at: Instant = Field(description="The moment from which something is lost.")
    partner: Partner
    lane: Lane
    about: str | None = Field(None, description="What it is about: table and id.", examples=["document 90417"])
    opened_at: Instant
    settled_at: Instant
    settled_by: str | None = Field(examples=["Dana Reyes"])

    @classmethod
    def of(cls, row: Any, **more: Any) -> Self:
        return super().of(row, about=f"{row.subject} {row.subject_id}" if row.subject else None, **more)


class ReceiptShape(BaseModel):
    """The proof that something is stored. Ask for its status under `location`."""

    id: str = Field(examples=["T-12"])
    repeated: bool = Field(description="True: the same Idempotency-Key came before; nothing was stored again.")
    location: str = Field(examples=["/partner/v1/transmissions/T-12"])


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


class ReleaseOrder(BaseModel):
    """An internal system releases an order, or some of it, to one of our sites."""

    number: str = Field(
        min_length=1, max_length=22, examples=["WO-30001"], description="The release's own number; told once."
    )
    site: str | None = Field(
        None, examples=["roanoke"], description="A site of the company's profile. Absent: the agreement's `ship_from`."
    )
    lines: dict[str, str] | None = Field(
        None, description="Line number -> quantity. Absent: all of it.", examples=[{"1": "24", "2": "18"}]
    )


class CancelOrder(BaseModel):
    """An accepted order is not wanted any more."""

    reason: str = Field(min_length=1, max_length=500, examples=["the customer does not want it any more"])


class ShipOrder(BaseModel):
    """What left the dock for one order."""

    order: str = Field(examples=["D-90417"], description="The order's id.")
    number: str = Field(
        min_length=1, max_length=30, examples=["SH-1001"], description="The shipment's number; told once."
    )
    lines: dict[str, str] | None = Field(
        None, description="Line number -> quantity. Absent: all of it.", examples=[{"1": "24", "2": "18"}]
    )
    tracking_number: str | None = Field(None, examples=["1Z999AA10123456784"])
    bill_of_lading: str | None = Field(None, examples=["BOL-88120"])
    scac: str | None = Field(None, examples=["RDWY"], description="The carrier's code.")
    date: str | None = Field(None, pattern=r"^\d{4}-\d{2}-\d{2}$", examples=["2026-11-20"])
    package_count: str | None = Field(None, examples=["3"])
    weight: str | None = Field(None, examples=["41.5"])
    weight_unit: str | None = Field(None, examples=["LBR"])
    document: dict[str, Any] | None = Field(
        None, description="A whole canonical shipment, used as it stands.", examples=[{"shipment_number": "SH-1001"}]
    )


class BillOrder(BaseModel):
    """What is to be paid for one order."""

    order: str = Field(examples=["D-90417"], description="The order's id.")
    number: str = Field(
        min_length=1, max_length=22, examples=["INV-2001"], description="The invoice's number; told once."
    )
    lines: dict[str, str] | None = Field(
        None, description="Line number -> quantity. Absent: all of it.", examples=[{"1": "24", "2": "18"}]
    )
    total: str | None = Field(None, description="Absent: the sum of the lines.", examples=["574.80"])
    date: str | None = Field(None, pattern=r"^\d{4}-\d{2}-\d{2}$", examples=["2026-11-20"])
    document: dict[str, Any] | None = Field(
        None, description="A whole canonical invoice, used as it stands.", examples=[{"invoice_number": "INV-2001"}]
    )


class SendDocument(BaseModel):
    """A document in our language, for a partner."""

    partner: str = Field(examples=["pine-street"])
    kind: str = Field(examples=["order"], description="order, warehouse-order, load-tender, ...")
    document: dict[str, Any] = Field(
        description="Its canonical form, as `gateway translate` prints it.",
        examples=[{"purpose": "original", "order_number": "PO-1", "lines": []}],
    )


class Sent(BaseModel):
    """The document is stored and on its way."""

    document: str = Field(examples=["D-90417"])


class Told(BaseModel):
    """The fact is stored; what follows from it is on its way."""

    event: str = Field(examples=["evt_17"])
    order: str = Field(examples=["D-90417"])
