"""Working days, hours and fixed times, over midnight, over holidays, over a change of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from profile_texts import CONNECTIONS, changed
from pydantic import ValidationError

from gateway.partners.book import Book
from gateway.partners.company import Company
from gateway.partners.faults import ProfileFaults
from gateway.partners.timetable import Timetable

NORTHWIND = Company.model_validate(
    {
        "name": "Northwind",
        "ids": {"x12": ["ZZ:NORTHWIND"]},
        "zone": "America/New_York",
        "calendar": {"holidays": ["2026-11-26"]},  # a Thursday
    }
)


def said(**keys: Any) -> Timetable:
    return Timetable.model_validate({"company": "northwind", **keys})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("keys", "moment", "opens"),
    [
        ({}, "2026-11-25T23:00", "2026-11-25T23:00"),  # Wednesday evening there
        ({}, "2026-11-26T06:00", "2026-11-27T05:00"),  # the holiday, until its midnight
        ({}, "2026-11-28T12:00", "2026-11-30T05:00"),  # Saturday
        ({"days": "all"}, "2026-11-28T12:00", "2026-11-28T12:00"),
        ({"from": "06:00", "until": "20:00"}, "2026-11-25T12:00", "2026-11-25T12:00"),
        ({"from": "06:00", "until": "20:00"}, "2026-11-25T10:59", "2026-11-25T11:00"),
        ({"from": "06:00", "until": "20:00"}, "2026-11-26T01:00", "2026-11-27T11:00"),  # 20:00, then a holiday
        ({"from": "22:00", "until": "04:00"}, "2026-11-26T08:00", "2026-11-26T08:00"),  # Wednesday's night
        ({"from": "22:00", "until": "04:00"}, "2026-11-26T09:00", "2026-11-28T03:00"),  # Thursday has none
        ({"zone": "Asia/Tokyo"}, "2026-11-27T16:00", "2026-11-29T15:00"),  # Saturday there already
    ],
)
def test_when_it_opens(keys: dict[str, Any], moment: str, opens: str) -> None:
    assert said(**keys).next_open(at(moment), NORTHWIND) == at(opens)


def test_fixed_times_keep_to_the_clock_on_the_wall() -> None:
    times = said(at=["13:30", "07:00"], days="all")
    found, moment = [], at("2026-10-31T20:00")
    for _ in range(3):
        moment = times.after(moment, timedelta(seconds=10), NORTHWIND)
        found.append(moment)
    assert found == [at("2026-11-01T12:00"), at("2026-11-01T18:30"), at("2026-11-02T12:00")]


def test_every_is_kept_within_the_hours() -> None:
    hours = said(**{"from": "06:00", "until": "20:00"})
    assert hours.after(at("2026-11-25T12:00"), timedelta(minutes=5), NORTHWIND) == at("2026-11-25T12:05")
    assert hours.after(at("2026-11-26T00:58"), timedelta(minutes=5), NORTHWIND) == at("2026-11-27T11:00")


@pytest.mark.parametrize(
    "keys",
    [{"from": "06:00"}, {"from": "06:00", "until": "06:00"}, {"at": ["07:00"], "from": "06:00", "until": "08:00"}],
)
def test_what_cannot_be_meant_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="`from`"):
        said(**keys)


def test_a_company_nobody_knows_is_a_fault_of_the_line() -> None:
    files = changed(CONNECTIONS, "  kind: directory ", "  schedule: {company: northwnd}\n  kind: directory ")
    with pytest.raises(ProfileFaults, match=r"no company `northwnd`\n.*northwind"):
        Book.from_files(files)
