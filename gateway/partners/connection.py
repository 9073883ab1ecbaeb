"""How bytes travel: one connection is one peer on one wire, in one lane. A VAN's connection carries many partners.

What a wire needs (addresses, logins, folders) is described in the file of that wire in `gateway/channels/`; here stands
what every connection says. `checking.wire_faults` judges the two together.
"""

from __future__ import annotations

import fnmatch
from typing import Any

from pydantic import Field

from gateway.partners.timetable import Timetable
from gateway.partners.values import Duration, Lane, Written, parse_duration


class Connection(Written):
    """One entry of `connections.yaml`. Keys not listed here are the settings of its kind."""

    name: str = Field(default="", exclude=True, description="Its key in the file.")
    owner: str = Field(default="", exclude=True, description="The folder it stands in.")
    kind: str = Field(min_length=1, description="The wire.", examples=["http"])
    lane: Lane = Field(description="production or test. What comes in here belongs to this lane and to no other.")
    every: Duration = Field(default=parse_duration("10s"), description="How often we look, where looking is needed.")
    schedule: Timetable | None = Field(
        default=None, description="On which days and at which hours we look; without it always."
    )
    events: tuple[str, ...] = Field(
        default=(),
        description="For a webhook: the events it is sent, `*` standing for anything.",
        examples=['["order.*", "shipment.confirmed"]'],
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, exclude=True, description="What its wire needs; written beside these keys."
    )

    def wants(self, event_type: str, lane: str) -> bool:
        """Whether this is a subscription to events of this type."""
        return self.lane == lane and any(fnmatch.fnmatchcase(event_type, pattern) for pattern in self.events)
