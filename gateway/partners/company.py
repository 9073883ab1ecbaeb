"""Us: a company or division of ours, its ids, sites and working days."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from gateway.partners.values import Keep, TimeOfDay, TradingId, Written, Zone

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")  # as date.weekday() counts


class Ids(Written):
    """The numbers we or they go by."""

    x12: tuple[TradingId, ...] = Field(
        default=(),
        description="Qualifier and id as in ISA05/ISA06, the usual one first.",
        examples=['["ZZ:HARBORPINE"]'],
    )
    gln: str | None = Field(
        default=None, pattern=r"^\d{13}$", description="Global Location Number, 13 digits.", examples=["0614141000012"]
    )
    gs1_prefix: str | None = Field(
        default=None,
        pattern=r"^\d{7,10}$",
        description="GS1 company prefix: cartons we number (SSCC) begin with it.",
        examples=["0614141"],
    )


class Address(Written):
    """Where something is."""

    line1: str = Field(description="Street and number.")
    line2: str | None = Field(default=None, description="Building, dock, suite.")
    city: str = Field(description="City.")
    region: str | None = Field(default=None, description="State or province.")
    postal_code: str = Field(description="Postal code.")
    country: str = Field(pattern="^[A-Z]{2}$", description="ISO 3166 code of two letters.", examples=["US"])


class Calendar(Written):
    """Which days count as working days."""

    workdays: tuple[Weekday, ...] = Field(
        default=WEEKDAYS[:5], min_length=1, description="The days of the week somebody works."
    )
    holidays: tuple[date, ...] = Field(
        default=(), description="Days nobody works, as YYYY-MM-DD.", examples=["[2026-12-25]"]
    )

    def works_on(self, day: date) -> bool:
        return WEEKDAYS[day.weekday()] in self.workdays and day not in self.holidays

    def next_time(self, after: datetime, at: time, zone: str) -> datetime:
        """The first moment later than `after` that is `at` o'clock there on a working day."""
        local = after.astimezone(ZoneInfo(zone))
        # A calendar without a working day in a year is a mistake, not a reason to search for ever.
        for offset in range(367):
            day = local.date() + timedelta(days=offset)
            moment = datetime.combine(day, at, ZoneInfo(zone))
            if self.works_on(day) and moment > local:
                return moment
        raise ValueError("the calendar has no working day within a year")


class Site(Written):
    """A place of ours that ships or receives."""

    warehouse: str | None = Field(
        default=None,
        description="The partner who runs it for us (a 3PL): what is released to this site goes to them as a "
        "warehouse order. Without one it is our own, and our own systems ship from it.",
        examples=["blue-ridge"],
    )

    address: Address | None = Field(default=None, description="Where it is.")
    gln: str | None = Field(default=None, pattern=r"^\d{13}$", description="Its Global Location Number.")
    zone: Zone | None = Field(default=None, description="Its time zone; without it the company's.")
    calendar: Calendar | None = Field(default=None, description="Its working days; without it the company's.")
    cutoffs: dict[str, TimeOfDay] = Field(
        default_factory=dict,
        description="The time of day something leaves, by name: a carrier's truck, the end of picking.",
        examples=['{parcel: "16:00"}'],
    )


class Company(Written):
    """`company.yaml`: who we are when we trade."""

    id: str = Field(default="", exclude=True, description="The folder's name; not written in the file.")
    name: str = Field(min_length=1, description="The name people know us by.")
    ids: Ids = Field(description="The ids we send and receive with.")
    zone: Zone = Field(description="The time zone our days and deadlines are counted in.")
    calendar: Calendar = Field(default=Calendar(), description="Our working days.")
    address: Address | None = Field(default=None, description="Our address.")
    sites: dict[str, Site] = Field(default_factory=dict, description="Our warehouses and offices, by name.")
    keep: Keep | None = Field(
        default=None,
        description="How long the bodies of messages are kept; without it for ever. Rows, hashes and events stay.",
    )
    terms: dict[str, Any] | None = Field(
        default=None, exclude=True, description="House rules: terms of every agreement of ours (see Terms)."
    )

    def calendar_of(self, site: str | None = None) -> tuple[Calendar, str]:
        """Working days and zone of a site, or of the company where the site says nothing."""
        place = self.sites.get(site) if site else None
        calendar = place.calendar if place and place.calendar else self.calendar
        return calendar, place.zone if place and place.zone else self.zone
