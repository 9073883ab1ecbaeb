"""skipped: what stands between interchanges is noise, unless documents are in it: those are asked for again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.formats.detect import Format, detect
from gateway.formats.x12.codes import Code
from gateway.formats.x12.frames import Skipped
from gateway.pipeline.alert import Alert

NO_HEADER = (
    "no ISA segment with its 16 elements begins it",
    "Ask for this interchange again, with its header as the standard has it; there is nothing to undo.",
)
NOT_CARRIED = (
    "it is EDIFACT, which is not carried on to our systems",
    "Enter what is in it by hand (`gateway inspect` shows it), and agree with them on X12 or a file a map reads.",
)


def alerts(row: Any, frame: Skipped) -> Iterator[Alert]:
    """What a person is told of it; `row` is its transmission."""
    kind = detect(frame.data.encode()).format
    bare = kind is Format.X12 and not frame.data.lstrip().startswith("IEA")  # groups or sets without an ISA
    if kind is Format.EDIFACT:
        reason, remedy = NOT_CARRIED
    elif bare or frame.finding.code == Code.INTERCHANGE_HEADER_INVALID:
        reason, remedy = NO_HEADER
    else:
        return
    yield Alert(
        "interchange-unreadable",
        row.lane,
        f"transmission:{row.id}:{frame.offset}:unreadable",
        {"partner": f"connection {row.connection}", "reason": reason, "remedy": remedy},
        f"Transmission T-{row.id}, from byte {frame.offset:,} on",
        ("transmission", row.id),
    )
