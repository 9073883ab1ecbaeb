"""The internal API for what waits for a person: what it is, an answer to it, and that it is dealt with."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlalchemy import select

from gateway.api.door import Reader, Used, Writer
from gateway.api.names import name_of, number_of
from gateway.api.pages import Limit, Page
from gateway.api.problems import RESPONSES, Problem, not_found
from gateway.api.shapes import ExceptionShape
from gateway.partners.faults import ProfileFaults
from gateway.pipeline import answering
from gateway.pipeline.again import CannotRunAgain
from gateway.pipeline.answering import AnsweredBefore, CannotAnswer, Scope
from gateway.pipeline.preview import Preview
from gateway.store import work_items
from gateway.store.engine import View
from gateway.store.schema import work_item

router = APIRouter(prefix="/v1", tags=["exceptions"], responses=RESPONSES)


class AnswerItem(BaseModel):
    """A person's answer to a work item."""

    answer: str | None = Field(
        None, max_length=100, description="What the unit or code means.", examples=["6 each", "buyer"]
    )
    scope: Scope = Field(
        "document",
        description="What it holds for: this document, the article of its line, every document of theirs.",
    )
    release: bool = Field(
        False, description="Instead of an answer: a document that a rule holds goes out as it is.", examples=[False]
    )


class AnswerShape(BaseModel):
    """What an answer did, or would do."""

    id: str = Field(examples=["W-1041"])
    title: str = Field(examples=["Answer W-1041: 1 PK is 6 each"])
    effects: list[str] = Field(examples=[["From now on it holds for every document of harbor-pine, in both lanes."]])
    done: bool = Field(description="False: a dry run.", examples=[True])
    settled: list[str] = Field(default_factory=list, description="Every work item this settled.", examples=[["W-1041"]])
    running: list[str] = Field(default_factory=list, description="Documents that run again.", examples=[["D-90417"]])
    revision: str | None = Field(
        None, description="Of the profiles that now hold, if a row was published.", examples=["9f2c41d07be3"]
    )


@router.get("/exceptions", summary="What a person has to look at, by what is lost first")
def exceptions(
    use: Used,
    who: Reader,
    limit: Limit = 50,
    status: Annotated[str, Query(pattern="^(open|settled)$", description="open or settled.")] = "open",
) -> Page[ExceptionShape]:
    wanted = (
        select(work_item)
        .where(work_item.c.lane == who.lane, work_item.c.status == status)
        .order_by(work_item.c.lost_at.is_(None), work_item.c.lost_at, work_item.c.id)
        .limit(limit)
    )
    with use.store.read() as view:
        return Page(items=[ExceptionShape.of(row) for row in view.all(wanted)])


@router.post("/exceptions/{item_id}/settle", status_code=202, summary="It is dealt with")
def settle(item_id: str, use: Used, who: Writer) -> ExceptionShape:
    number = number_of("work item", item_id)
    with use.store.begin() as tx:
        row = tx.get(work_item, number)
        if row is None or row.lane != who.lane:
            raise not_found("exception", item_id)
        work_items.settle(tx, [number], by=who.name)
        return ExceptionShape.of(tx.get(work_item, number))


@router.get("/exceptions/{item_id}", summary="One thing a person has to look at")
def one_exception(item_id: str, use: Used, who: Reader) -> ExceptionShape:
    with use.store.read() as view:
        return ExceptionShape.of(_item(view, item_id, who.lane))


@router.post("/exceptions/{item_id}/answer", status_code=202, summary="Say what a code or a unit means, or release")
def answer(
    item_id: str,
    body: AnswerItem,
    use: Used,
    who: Writer,
    dry_run: Annotated[bool, Query(description="Say what it would do, and do nothing.")] = False,
) -> AnswerShape:
    """The answer is published as a row of the partner's codes, and everything that waited for it runs again by itself.
    Somebody who was faster is named with what they said; your answer is then not saved.
    """
    number = number_of("work item", item_id)
    try:
        with use.store.read() as view:
            _item(view, item_id, who.lane)
            look = _preview(view, number, body)
        if dry_run:
            return AnswerShape(id=item_id, title=look.title, effects=list(look.effects), done=False)
        if body.release:
            document = answering.release(use.store, number, by=who.name)
            settled, running, revision = [item_id], [name_of("document", document)], None
        else:
            made = answering.answer(use.store, number, body.answer or "", body.scope, by=who.name)
            settled = [name_of("work item", n) for n in made.settled]
            running, revision = [name_of("document", n) for n in made.running], made.revision
    except AnsweredBefore as error:
        raise Problem(409, "answered-before", "Somebody answered this", str(error), instance=item_id) from None
    except (CannotAnswer, CannotRunAgain) as error:
        raise Problem(422, "no-answer", "This is no answer to it", str(error), instance=item_id) from None
    except ProfileFaults as error:
        faults = [{"file": f.file, "line": f.line, "text": f.text, "remedy": f.remedy} for f in error.faults]
        title = "The answer does not fit the profiles"
        raise Problem(422, "profile-faults", title, "Nothing was saved.", instance=item_id, faults=faults) from None
    shape = AnswerShape(id=item_id, title=look.title, effects=list(look.effects), done=True)
    return shape.model_copy(update={"settled": settled, "running": running, "revision": revision})


def _preview(view: View, number: int, body: AnswerItem) -> Preview:
    if body.release:
        return answering.preview_release(view, number)
    return answering.preview(view, number, body.answer or "", body.scope)


def _item(view: View, item_id: str, lane: str) -> Any:
    row = view.get(work_item, number_of("work item", item_id))
    if row is None or row.lane != lane:
        raise not_found("exception", item_id)
    return row
