from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from profile_texts import COMPANY, FILES, changed

from gateway.partners import Book
from gateway.partners.company import Calendar

NEW_YORK = "America/New_York"


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=ZoneInfo(NEW_YORK))


CALENDAR = Calendar(holidays=(date(2026, 11, 26),))


@pytest.mark.parametrize(
    ("now", "next_one"),
    [
        (at(24, 15), at(24, 16)),  # Tuesday afternoon: today
        (at(24, 16), at(25, 16)),  # the moment itself has passed
        (at(25, 17), at(27, 16)),  # Thursday is a holiday
        (at(27, 17), at(30, 16)),  # the weekend
    ],
)
def test_the_next_cut_off(now: datetime, next_one: datetime) -> None:
    assert CALENDAR.next_time(now, time(16), NEW_YORK) == next_one


def test_a_cut_off_keeps_its_hour_when_the_clocks_change() -> None:
    before = datetime(2026, 10, 30, 17, tzinfo=ZoneInfo(NEW_YORK))  # Friday; the clocks go back on Sunday
    after = CALENDAR.next_time(before, time(16), NEW_YORK)
    assert after.isoformat() == "2026-11-02T16:00:00-05:00"


def test_a_calendar_without_a_working_day_says_so() -> None:
    every_day = tuple(date.fromordinal(date(2026, 1, 1).toordinal() + n) for n in range(800))
    with pytest.raises(ValueError, match="no working day"):
        Calendar(holidays=every_day).next_time(at(24, 15), time(16), NEW_YORK)


def test_a_site_has_its_own_zone_and_days_or_the_company_s() -> None:
    company = Book.from_files(FILES).companies["northwind"]
    assert company.calendar_of("newark") == (company.calendar, NEW_YORK)
    files = changed(COMPANY, "  newark:\n", "  newark:\n    zone: America/Chicago\n    calendar: {workdays: [sat]}\n")
    calendar, zone = Book.from_files(files).companies["northwind"].calendar_of("newark")
    assert (calendar.workdays, zone) == (("sat",), "America/Chicago")
