"""The smallest things documents are made of, and the rules that make maps provable.

* Text is never empty and never padded, so "absent" has one spelling: None.
* An object is None or holds something; a list is never None.
* Numbers are Decimal; a quantity carries its unit; money has the currency of its document.
* A date without a time stays a date: Moment invents neither midnight nor a zone.
* leftovers: what the partner sent and no map line names, kept by its place in the document it came from.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

Leftovers = list[tuple[str, list[str]]]


class Node(BaseModel):
    """Part of a document. Documents are values: a change is a copy (`model_copy(update=...)`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    in_unit_of: ClassVar[dict[str, str]] = {}  # a bare number's field -> the quantity whose unit it is in

    leftovers: Leftovers | None = None


class Moment(Node):
    """A calendar date, with a time of day where one was given."""

    date: dt.date
    time: dt.time | None = None
    zone: Text | None = None  # IANA name or offset; None is "the local time of whoever wrote it"


class Measure(Node):
    """A number in a unit, as somebody wrote it."""

    value: Decimal
    unit: Text


class Quantity(Node):
    """How much of something, in our unit where the map converts, and in the partner's where it does not."""

    value: Decimal
    unit: Text | None = None  # a word of UN/ECE Recommendation 20 where we know it, else the partner's own
    sent: Measure | None = None  # what the partner wrote, where the map converted it

    @property
    def priced(self) -> Decimal:
        """What a unit price is multiplied with: prices stay per the unit the partner wrote."""
        return self.value if self.sent is None else self.sent.value


class Reference(Node):
    """A number somebody knows this by."""

    type: Text | None = None
    value: Text | None = None
    description: Text | None = None


class Note(Node):
    """Words for people, with what they are about."""

    type: Text | None = None
    reference: Text | None = None
    title: Text | None = None
    text: list[Text] = Field(default_factory=list)  # a paragraph each
