"""An event is one fact with a name, a version and a moment that cannot be mistaken."""

from __future__ import annotations

import datetime as dt

import pytest
from pydantic import ValidationError

from gateway.canonical import Event

NOON = dt.datetime(2026, 3, 1, 23, 30, tzinfo=dt.timezone(dt.timedelta(hours=-5)))
KNOWN = {"type": "order.received", "lane": "test", "keys": {"order": ["7"]}, "correlation_id": "c", "occurred_at": NOON}


def test_an_event_survives_being_stored() -> None:
    event = Event.model_validate(KNOWN)
    assert Event.model_validate_json(event.model_dump_json()) == event
    assert event.occurred_on() == dt.date(2026, 3, 2)


@pytest.mark.parametrize(
    "wrong", [{"type": "OrderReceived"}, {"lane": "staging"}, {"occurred_at": NOON.replace(tzinfo=None)}]
)
def test_a_vague_event_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Event.model_validate(KNOWN | wrong)
