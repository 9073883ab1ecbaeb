"""`gateway retention`: how long bodies are kept, what is over its time, and the holds that forbid deleting."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gateway.cli.deciding import who
from gateway.cli.opening import opened_store
from gateway.cli.stop import Stop
from gateway.partners.book import Book
from gateway.partners.values import write_duration
from gateway.pipeline import keeping, publishing
from gateway.pipeline.again import note
from gateway.store import retention as bodies

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def retention() -> None:
    """What is kept, for how long, and what may not be deleted. The time stands in the profiles: `keep: 400d`."""


@app.command()
def show(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object an owner, a line each.")] = False,
) -> None:
    """Every partner and connection we hold bodies of: how long they are kept, what the next run deletes, holds."""
    with opened_store() as store, store.read() as view:
        active = publishing.active_hash(view)
        if active is None:
            raise Stop("no profiles are published yet; `gateway apply` does it")
        found = list(keeping.overview(view, Book.from_files(publishing.files_of(view, active))))
        reasons = {one.owner: [hold.reason for hold in bodies.holds(view, one.owner)] for one in found}
    if as_json:
        for one in found:
            keep = write_duration(one.keep) if one.keep else None
            said = {"owner": one.owner, "keep": keep, "over": one.over.bodies, "over_bytes": one.over.bytes}
            print(json.dumps({**said, "holds": reasons[one.owner]}))
        return
    if not found:
        print("No bodies are stored yet.")
        return
    table = Table("Owner", "Kept for", "Over its time", "Hold")
    for one in found:
        over = f"{one.over.bodies:,} bodies, {one.over.bytes:,} bytes" if one.over.bodies else "nothing"
        table.add_row(one.owner, write_duration(one.keep) if one.keep else "ever", over, "; ".join(reasons[one.owner]))
    Console().print(table)


@app.command()
def hold(
    owner: Annotated[str, typer.Argument(help="A partner or a connection, as `gateway retention show` names it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit for ever.")],
) -> None:
    """Forbid deleting anything of an owner until the hold is released."""
    with opened_store() as store, store.begin() as tx:
        if owner not in bodies.owners(tx):
            raise Stop(f"we hold no bodies of {owner!r}; `gateway retention show` lists the owners")
        bodies.hold(tx, owner, reason, who())
        note(tx, who(), "hold", owner, reason=reason)
    print(f"Nothing of {owner} is deleted until `gateway retention release {owner}`.")


@app.command()
def release(owner: Annotated[str, typer.Argument(help="Whose holds end.")]) -> None:
    """End every hold on an owner."""
    with opened_store() as store, store.begin() as tx:
        holds = bodies.holds(tx, owner)
        if not holds:
            raise Stop(f"there is no hold on {owner!r}")
        for one in holds:
            bodies.release(tx, one.id, who())
        note(tx, who(), "release", owner)
    print(
        f"{len(holds)} hold{'s' if len(holds) > 1 else ''} on {owner} ended; bodies over their time go within the hour."
    )
