"""The internal API for a shipping advice that belongs to another warehouse order than it names or was counted for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from gateway.api.door import Used, Writer
from gateway.api.names import number_of
from gateway.api.problems import RESPONSES, cannot, not_found
from gateway.pipeline import matching
from gateway.store.engine import Tx
from gateway.store.schema import document

router = APIRouter(prefix="/v1/documents", tags=["documents"], responses=RESPONSES)


class MatchAdvice(BaseModel):
    """The warehouse order it answers."""

    order: str = Field(max_length=100, description="The number we gave the warehouse.", examples=["SO-1001"])


class MatchShape(BaseModel):
    """What a match did, or would do."""

    id: str = Field(examples=["D-90417"])
    title: str = Field(examples=["Match shipping advice 88120 with SO-1001"])
    effects: list[str] = Field(
        examples=[["It counts for warehouse order SO-1002 (24 of line 1), and will not any more."]]
    )
    done: bool = Field(description="False: a dry run.", examples=[True])


@router.post("/{document_id}/match", status_code=202, summary="Which warehouse order a shipping advice answers")
def match(
    document_id: str,
    body: MatchAdvice,
    use: Used,
    who: Writer,
    dry_run: Annotated[bool, Query(description="Say what it would do, and do nothing.")] = False,
) -> MatchShape:
    """It counts for that order and no other. What nobody has yet of where it counted before is taken back; what
    somebody has is a work item.
    """
    number = number_of("document", document_id)
    with use.store.read() if dry_run else use.store.begin() as view:
        row = view.get(document, number)
        if row is None or row.lane != who.lane or not row.released:
            raise not_found("document", document_id)
        with cannot("match", "This cannot be matched", document_id):
            look = matching.preview(view, number, body.order)
            if isinstance(view, Tx):
                matching.match(view, use.house, number, body.order, by=who.name)
    return MatchShape(id=document_id, title=look.title, effects=list(look.effects), done=not dry_run)
