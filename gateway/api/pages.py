"""Lists in pages: newest first, `?after=` the last id of the page before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Generic, Protocol, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy import Select, Table, select

from gateway.api.names import number_of


class Named(Protocol):
    """What a page may hold."""

    id: str


T = TypeVar("T")
N = TypeVar("N", bound=Named)

Limit = Annotated[int, Query(ge=1, le=500, description="How many at the most.")]
After = Annotated[str | None, Query(description="The `next` of the page before.")]


class Page(BaseModel, Generic[T]):
    """Some of a list."""

    items: list[T]
    next: str | None = Field(
        None, description="Give it as `after` to get what follows; absent on the last page.", examples=["90417"]
    )


def newest(
    what: str, table: Table, lane: str, after: str | None, limit: int, only: Mapping[str, str | None]
) -> Select[Any]:
    """The rows of a page and one more, which says whether another page follows. What nobody asked for (None) is no
    filter."""
    wanted = select(table).where(table.c.lane == lane).order_by(table.c.id.desc()).limit(limit + 1)
    if after:
        wanted = wanted.where(table.c.id < number_of(what, after))
    return wanted.where(*[table.c[name] == value for name, value in only.items() if value is not None])


def page(rows: Sequence[Any], limit: int, shape: Callable[[Any], N]) -> Page[N]:
    """Of the rows of `newest`."""
    items = [shape(row) for row in rows[:limit]]
    return Page(items=items, next=items[-1].id if len(rows) > limit else None)
