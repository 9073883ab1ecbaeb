"""Ids as people and programs see them: a letter and a number (D-90417), and times as RFC 3339."""

from __future__ import annotations

import datetime as dt
import re

from gateway.api.problems import not_found
from gateway.pipeline.alert import LETTERS


def name_of(what: str, number: int) -> str:
    return f"{LETTERS[what]}-{number}"


def number_of(what: str, name: str) -> int:
    """The number in an id; a Problem 404 where it is not one of this kind."""
    match = re.fullmatch(rf"{LETTERS[what]}-(\d{{1,18}})", name)
    if match is None:
        raise not_found(what, name)
    return int(match[1])


def instant(value: int | None) -> str | None:
    """Microseconds UTC as RFC 3339."""
    if value is None:
        return None
    return (
        dt.datetime.fromtimestamp(value / 1_000_000, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
