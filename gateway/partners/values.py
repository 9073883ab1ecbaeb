"""The small values profiles are written with: durations, times of day, zones, trading ids, documents."""

from __future__ import annotations

import re
import zoneinfo
from datetime import time, timedelta
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from gateway.partners.faults import nearest

Lane = Literal["production", "test"]
Direction = Literal["in", "out"]


class Written(BaseModel):
    """A model a person fills in by YAML: unknown keys are faults, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True)


def wrong(text: str, remedy: str) -> PydanticCustomError:
    """A fault in a value, with what to write instead."""
    return PydanticCustomError("profile", "{text}", {"text": text, "remedy": remedy})


UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
DURATION = re.compile(r"(\d+)([smhd])")


def parse_duration(text: Any) -> Any:
    """`90s`, `30m`, `4h`, `2d`, or several together: `1h30m`."""
    if not isinstance(text, str):
        return text
    parts = DURATION.findall(text)
    if not parts or "".join(n + unit for n, unit in parts) != text:
        raise wrong(f"`{text}` is no duration", "write a number and s, m, h or d, e.g. 90s, 30m, 4h or 2d")
    return timedelta(seconds=sum(int(n) * UNITS[unit] for n, unit in parts))


def write_duration(value: timedelta) -> str:
    """The shortest form `parse_duration` reads back."""
    seconds = int(value.total_seconds())
    parts = []
    for unit, size in reversed(UNITS.items()):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _time_of_day(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise wrong(f"`{text}` is no time of day", "write hours and minutes, e.g. 16:00")
    return time.fromisoformat(text)


@cache
def _zones() -> frozenset[str]:
    """Their names, from some 600 files."""
    return frozenset(zoneinfo.available_timezones())


def _zone(text: Any) -> Any:
    if isinstance(text, str) and text not in _zones():
        raise wrong(f"`{text}` is no time zone", nearest(text, _zones()))
    return text


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration, json_schema_input_type=str),
    PlainSerializer(write_duration, return_type=str),
    Field(examples=["30m", "4h"]),
]
SHORTEST_KEEP = timedelta(days=30)


def _long_enough(value: timedelta) -> timedelta:
    if value < SHORTEST_KEEP:
        raise wrong(
            f"`{write_duration(value)}` is too short to keep bodies: an open order still needs its own",
            "keep them 30d or longer",
        )
    return value


Keep = Annotated[Duration, AfterValidator(_long_enough), Field(examples=["400d"])]
TimeOfDay = Annotated[
    time,
    BeforeValidator(_time_of_day, json_schema_input_type=str),
    PlainSerializer(lambda value: value.strftime("%H:%M"), return_type=str),
    Field(examples=["16:00"]),
]
Zone = Annotated[str, BeforeValidator(_zone), Field(examples=["America/New_York"])]


class TradingId(NamedTuple):
    """What stands in ISA05/ISA06: a qualifier that says whose numbering it is, and the number."""

    qualifier: str
    id: str

    def __str__(self) -> str:
        return f"{self.qualifier}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> TradingId:
        qualifier, colon, number = text.partition(":")
        # ISA05 is two characters, ISA06 one to fifteen; trailing spaces only pad the envelope.
        if not colon or len(qualifier) != 2 or not 1 <= len(number.strip()) <= 15:
            raise wrong(
                f"`{text}` is no X12 trading id",
                'write the two-character qualifier, a colon and 1 to 15 characters, e.g. "ZZ:HARBORPINE"',
            )
        return cls(qualifier, number.strip())

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: cls.parse(value) if isinstance(value, str) else value,
            core_schema.is_instance_schema(cls),
            serialization=core_schema.to_string_ser_schema(),
            json_schema_input_schema=core_schema.str_schema(pattern="^..:.{1,15}$"),
        )


STANDARDS = {
    "x12": 3,
    "edifact": 3,
    "csv": 2,
    "fixed": 2,
    "xml": 2,
    "json": 2,
}  # standard -> parts of its document name


class DocumentName(NamedTuple):
    """Which document: `x12/004010/850`, `edifact/D96A/ORDERS`, `csv/shipment`, `xml/order`, `json/order`."""

    standard: str
    release: str
    set_id: str

    def __str__(self) -> str:
        return "/".join(part for part in self if part)

    @classmethod
    def parse(cls, text: str) -> DocumentName:
        parts = text.split("/")
        if STANDARDS.get(parts[0]) != len(parts) or not all(parts):
            raise wrong(
                f"`{text}` is no document name", "write standard/release/set, e.g. x12/004010/850, or csv/shipment"
            )
        return cls(parts[0], parts[1] if len(parts) == 3 else "", parts[-1])

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: cls.parse(value) if isinstance(value, str) else value,
            core_schema.is_instance_schema(cls),
            serialization=core_schema.to_string_ser_schema(),
            json_schema_input_schema=core_schema.str_schema(pattern="^[a-z0-9]+/.+$"),
        )
