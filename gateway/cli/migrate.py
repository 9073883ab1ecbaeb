"""`gateway migrate`: bring the database to the shape this version needs."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from gateway.cli.opening import made_store
from gateway.cli.stop import Stop
from gateway.store.migrations import newer_than_code

app = typer.Typer(add_completion=False)


@app.command()
def migrate(
    check: Annotated[bool, typer.Option("--check", help="Only look; exit code 1 if something is missing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")] = False,
) -> None:
    """Apply what the database named by GATEWAY_DATABASE_URL is missing. Running it again changes nothing."""
    with made_store() as store:
        if not check:
            applied = store.migrate()
        elif missing := store.pending_migrations():
            print(json.dumps({"missing": missing}) if as_json else f"missing: {', '.join(missing)}")
            raise typer.Exit(1)
        else:
            applied = []
        if newer_than_code(store):
            raise Stop("the database was made by a newer version of the gateway; run that version", code=1)
    if as_json:
        print(json.dumps({"missing": []} if check else {"applied": applied}))
        return
    print(f"applied: {', '.join(applied)}" if applied else "the database is up to date")
