"""`gateway trace`: everything about one order, document, delivery or number, in the order it became known."""

from __future__ import annotations

import json as jsonlib
from typing import Annotated

import typer

from gateway.cli.opening import opened_store
from gateway.cli.stop import Stop
from gateway.cli.times import MINUTE, clock, day, instant, rfc3339, zone_name
from gateway.pipeline.trace import Line, Trace
from gateway.pipeline.trace import trace as traced

app = typer.Typer(add_completion=False)

NOTHING = 1  # exit code: nothing is known under this key


@app.command()
def trace(
    key: Annotated[
        str,
        typer.Argument(
            help="An order, shipment or invoice number, a control number, or one of our ids: "
            "T-1 transmission, E-1 envelope, D-7 document, L-5 delivery, W-3 work item."
        ),
    ],
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="TIME", help="Only what was known then: 2026-11-19T12:30:00-05:00.")
    ] = None,
    lane: Annotated[str | None, typer.Option("--lane", help="production or test; without it both.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say what happened to it, who knew what and when, and what waits for a person.

    Exit code 0: found. 1: nothing is known under this key.
    """
    if lane not in (None, "production", "test"):
        raise Stop(f"{lane!r} is no lane; write production or test")
    at = instant(as_of) if as_of else None
    with opened_store() as store, store.read() as view:
        found = traced(view, key, lane=lane, as_of=at)
    if json:
        print(jsonlib.dumps(_plain(found), ensure_ascii=False, indent=2))
    else:
        for line in told(found, at):
            print(line)
    raise typer.Exit(0 if found.lines else NOTHING)


def told(found: Trace, as_of: int | None = None) -> list[str]:
    """The trace as text, a line a fact."""
    if not found.lines:
        when = f" as of {rfc3339(as_of)}" if as_of is not None else ""
        return [
            f"Nothing is known of {found.key}{when}.",
            "Looked for as: order, shipment and invoice number; interchange and group control number; our own ids.",
        ]
    wide = max(len(line.subject) for line in found.lines)
    several = len(found.lanes) > 1
    lines = [f"{found.key}, {' and '.join(found.lanes)} lane. Times are {zone_name()}."]
    if as_of is not None:
        lines.append(f"As of {rfc3339(as_of)}: what became known later is left out.")
    today = ""
    for line in found.lines:
        if (its_day := day(line.recorded_at)) != today:
            today = its_day
            lines += ["", today]
        mark = "!" if line.trouble else " "
        where = f" [{line.lane}]" if several else ""
        lines.append(f"  {clock(line.recorded_at)} {mark} {line.subject:<{wide}}  {line.text}{_earlier(line)}{where}")
    if found.open_items and as_of is None:
        lines += ["", f"Waits for a person: {', '.join(found.open_items)}."]
    if found.cut_short:
        lines += ["", "There is more than is shown; trace one of its documents."]
    return lines


def _earlier(line: Line) -> str:
    """Where we learnt of it more than a minute after it happened."""
    late = line.recorded_at - line.occurred_at > MINUTE
    return f" (happened {day(line.occurred_at)} {clock(line.occurred_at)})" if late else ""


def _plain(found: Trace) -> dict[str, object]:
    return {
        "key": found.key,
        "lanes": list(found.lanes),
        "documents": list(found.documents),
        "open_work_items": list(found.open_items),
        "complete": not found.cut_short,
        "lines": [
            {
                "recorded_at": rfc3339(line.recorded_at),
                "occurred_at": rfc3339(line.occurred_at),
                "lane": line.lane,
                "kind": line.kind,
                "id": line.subject,
                "text": line.text,
                "trouble": line.trouble,
            }
            for line in found.lines
        ],
    }
