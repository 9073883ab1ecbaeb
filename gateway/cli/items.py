"""`gateway items`: what waits for a person, by the moment something is lost; settles what was dealt with elsewhere."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from gateway.cli.deciding import number_of, who
from gateway.cli.opening import opened_store
from gateway.cli.stop import Stop
from gateway.cli.times import moment, rfc3339, zone_name
from gateway.pipeline import answering
from gateway.pipeline.again import note
from gateway.store import work_items
from gateway.store.engine import Record, View
from gateway.store.schema import work_item

app = typer.Typer(add_completion=False)


@app.command()
def items(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[ITEM]...", help="These only, W-7; every open one by default.")
    ] = None,
    settle: Annotated[
        bool, typer.Option("--settle", help="They are dealt with: they leave the list, under your name.")
    ] = False,
    lane: Annotated[str | None, typer.Option("--lane", help="production or test; without it both.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object an item, a line each.")] = False,
) -> None:
    """What waits for a person, by the moment something is lost: what, where, why it matters, who mends it, what to do.

    Most settle by themselves once the cause is mended: `gateway answer`, `reprocess` and `resend` do what they ask.
    Exit code 0: shown or settled. 2: there is no such item.
    """
    if lane not in (None, "production", "test"):
        raise Stop(f"{lane!r} is no lane; write production or test")
    numbers = [number_of(name, "W")[1] for name in names or ()]
    if settle and not numbers:
        raise Stop("name what is dealt with: gateway items W-7 --settle")
    with opened_store() as store:
        if settle:
            with store.begin() as tx:
                rows = _these(tx, numbers)
                for number in work_items.settle(tx, numbers, by=who()):
                    note(tx, who(), "settle", f"work_item:{number}")
        with store.read() as view:
            rows = _these(view, numbers) if numbers else list(work_items.waiting(view))
    rows = [row for row in rows if lane in (None, row.lane)]
    if as_json:
        for row in rows:
            print(json.dumps(_plain(row), ensure_ascii=False))
        return
    if not numbers:
        print(f"Waits for a person: {len(rows)}. Times are {zone_name()}." if rows else "Nothing waits for a person.")
    for row in rows:
        print("\n".join(["", *told(row)]))


def told(row: Record) -> list[str]:
    """One item as a person reads it: the sentence first, then where, why, who and what to do."""
    lost = f"Lost from {moment(row.lost_at):%d %b %H:%M}." if row.lost_at else "No deadline runs out by itself."
    if row.settled_at:
        lost = f"Settled {moment(row.settled_at):%d %b %H:%M} by {row.settled_by}."
    ways = {answering.HELD: "--release"} | dict.fromkeys(answering.CODES, "...")
    commands = [f"gateway answer W-{row.id} {ways[row.code]}"] if row.code in ways else []
    commands.append(f"gateway items W-{row.id} --settle   (once it is dealt with)")
    return [
        f"W-{row.id}  {row.title}",
        f"      Where: {row.where_}. {lost}",
        f"      Why it matters: {row.why}",
        f"      Who mends it: {row.who.rstrip('.')}. What to do: {row.what_to_do}",
        *(f"      {command}" for command in commands if not row.settled_at),
    ]


def _these(view: View, numbers: list[int]) -> list[Record]:
    rows = {row.id: row for row in view.by_ids(work_item, numbers)}
    if missing := [number for number in numbers if number not in rows]:
        raise Stop(f"there is no work item W-{missing[0]}")
    return [rows[number] for number in numbers]


def _plain(row: Record) -> dict[str, object]:
    said = {name: getattr(row, name) for name in ("status", "code", "category", "title", "why", "who", "what_to_do")}
    times = {name: rfc3339(value) if (value := getattr(row, name)) else None for name in ("lost_at", "settled_at")}
    return {"id": f"W-{row.id}", "where": row.where_, "partner": row.partner, "lane": row.lane, **said, **times}
