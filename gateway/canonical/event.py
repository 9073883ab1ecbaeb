"""Event: one business fact, said once."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from gateway.canonical.values import Text

# subject.past-participle, as in order.received
EventType = Annotated[str, StringConstraints(pattern=r"^[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*$")]


class Event(BaseModel):
    """What happened, to what, and what it followed from. Its data holds changes, never whole tables."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: EventType
    version: int = Field(default=1, ge=1)
    lane: Literal["production", "test"]
    keys: dict[str, list[Text]]  # everything it touches, by kind: order -> the numbers of a shipment's orders
    ids: dict[str, Text] = Field(default_factory=dict)  # system -> its id
    correlation_id: Text
    causation_id: Text | None = None
    occurred_at: AwareDatetime
    data: dict[str, JsonValue] = Field(default_factory=dict)

    def occurred_on(self) -> dt.date:
        """The UTC calendar day it happened."""
        return self.occurred_at.astimezone(dt.UTC).date()
