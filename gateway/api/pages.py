"""Lists in pages: newest first, `?after=` the last id of the page before."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=500, description="How many at the most.")]
After = Annotated[str | None, Query(description="The `next` of the page before.")]


class Page(BaseModel, Generic[T]):
    """Some of a list."""

    items: list[T]
    next: str | None = Field(
        None, description="Give it as `after` to get what follows; absent on the last page.", examples=["90417"]
    )
