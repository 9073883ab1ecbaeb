"""One event as CloudEvents 1.0 JSON (structured mode): what webhooks carry and the event feed answers.

Extension attributes are lower-case letters and digits only, as the specification asks: `lane`, `correlationid`,
`causationid`, `keys` and `ids` would be objects, so they stand in `data` beside what happened.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

MEDIA_TYPE = "application/cloudevents+json"


def envelope(
    *,
    event_id: str,
    event_type: str,
    version: int,
    source: str,
    subject: str,
    occurred_at: dt.datetime,
    lane: str,
    correlation_id: str,
    causation_id: str | None,
    keys: Mapping[str, Sequence[str]],
    ids: Mapping[str, str],
    data: Mapping[str, Any],
) -> dict[str, Any]:
    """The attributes and the data. `source` names this gateway, `subject` the business object it is about first.

    `keys` has every one it touches, by kind: always a list, since a shipment can be of two orders.
    """
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": event_type,
        "subject": subject,
        "time": occurred_at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "dataschema": f"{source}/schemas/events/{event_type}/{version}",
        "lane": lane,
        "correlationid": correlation_id,
    }
    if causation_id is not None:
        attributes["causationid"] = causation_id
    return {**attributes, "data": {"keys": dict(keys), "ids": dict(ids), **data}}


def encode(event: Mapping[str, Any]) -> bytes:
    """The bytes: the same event is the same bytes, so a retry repeats them."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
