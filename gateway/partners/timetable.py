"""When a connection is looked at: working days of a company, hours of a day, fixed times."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from gateway.partners.company import Company
from gateway.partners.values import TimeOfDay, Written, Zone, wrong


class Timetable(Written):
    """The days and hours of a connection, in the zone of a company."""

    company: str = Field(description="Whose working days, holidays and zone count.", examples=["northwind"])
    days: Literal["working", "all"] = Field(default="working", description="Working days of the company, or every day.")
    from_: TimeOfDay | None = Field(default=None, alias="from", description="From this time of day on.")
    until: TimeOfDay | None = Field(
        default=None, description="Until this time of day; one before `from` is tomorrow's."
    )
    at: tuple[TimeOfDay, ...] = Field(
        default=(), description="At these times instead of `every`.", examples=['["07:00", "13:30"]']
    )
    zone: Zone | None = Field(default=None, description="Another zone than the company's.")

    @model_validator(mode="after")
    def _hours_or_times(self) -> Self:
        if (self.from_ is None) != (self.until is None):
            raise wrong("`from` and `until` belong together", "write both, or neither for the whole day")
        if self.from_ is not None and self.from_ == self.until:
            raise wrong("`from` and `until` are the same", "write neither for the whole day")
        if self.at and self.from_ is not None:
            raise wrong("`at` and `from`, `until` exclude one another", "write the times or the hours")
        return self

    def after(self, moment: datetime, every: timedelta, company: Company) -> datetime:
        """The first moment later than `moment` at which the connection is looked at."""
        if self.at:
            zone = self.zone or company.zone
            days = (moment.astimezone(ZoneInfo(zone)).date() + timedelta(days=n) for n in range(367))
            for day in days:
                times = (datetime.combine(day, at, ZoneInfo(zone)) for at in sorted(self.at))
                found = next((one for one in times if one > moment and self._counts(one, company)), None)
                if found is not None:
                    return found
            raise ValueError("the calendar has no working day within a year")
        return self.next_open(moment + every, company)

    def is_open(self, moment: datetime, company: Company) -> bool:
        """Whether this moment lies in its hours; with fixed times every moment of their days does."""
        local = moment.astimezone(ZoneInfo(self.zone or company.zone))
        if self.from_ is None or self.until is None:
            return self._counts(local, company)
        now = local.time()
        if self.from_ < self.until:
            return self._counts(local, company) and self.from_ <= now < self.until
        # over midnight: the small hours belong to the day before
        begun = local if now >= self.from_ else local - timedelta(days=1)
        return self._counts(begun, company) and (now >= self.from_ or now < self.until)

    def next_open(self, moment: datetime, company: Company) -> datetime:
        """`moment` itself, if it is in the hours; otherwise their next beginning."""
        if self.is_open(moment, company):
            return moment
        zone = ZoneInfo(self.zone or company.zone)
        day = moment.astimezone(zone).date()
        for n in range(367):
            begin = datetime.combine(day + timedelta(days=n), self.from_ or time(), zone)
            if begin > moment and self._counts(begin, company):
                return begin
        raise ValueError("the calendar has no working day within a year")

    def _counts(self, local: datetime, company: Company) -> bool:
        return self.days == "all" or company.calendar.works_on(local.date())
