"""Instants for people: absolute first, the zone written where it is read."""

from __future__ import annotations

import datetime as dt

from gateway.cli.stop import Stop

MINUTE = 60_000_000  # microseconds


def zone_name() -> str:
    """The zone of this terminal, as its times are written."""
    now = dt.datetime.now().astimezone()
    offset = now.strftime("%z")
    name = now.tzname() or ""
    return name if name == "UTC" else f"{name} (UTC{offset[:3]}:{offset[3:]})"


def moment(value: int) -> dt.datetime:
    """Microseconds UTC in the zone of this terminal."""
    return dt.datetime.fromtimestamp(value / 1_000_000, dt.UTC).astimezone()


def clock(value: int) -> str:
    """13:04:09.250"""
    return moment(value).strftime("%H:%M:%S.%f")[:-3]


def day(value: int) -> str:
    """Thursday 19 November 2026"""
    return moment(value).strftime("%A %-d %B %Y")


def rfc3339(value: int) -> str:
    return moment(value).astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant(written: str) -> int:
    """Microseconds UTC of an ISO 8601 time; without a zone it is in the zone of this terminal."""
    try:
        found = dt.datetime.fromisoformat(written)
    except ValueError:
        raise Stop(f"{written!r} is not a time; write e.g. 2026-11-19T12:30:00-05:00") from None
    return int(found.astimezone(dt.UTC).timestamp() * 1_000_000)
