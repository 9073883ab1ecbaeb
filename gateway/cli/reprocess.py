"""`gateway reprocess`: the same input through today's profiles and maps, with what follows said first."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from gateway.cli.deciding import number_of, plain, shown_then_done, who
from gateway.pipeline import again, preview

app = typer.Typer(add_completion=False)


@app.command()
def reprocess(
    name: Annotated[str, typer.Argument(metavar="ID", help="A transmission, T-1, or a document, D-7.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object; does it only with --yes.")] = False,
) -> None:
    """Run a transmission or a document again, after its cause was mended. Shows what follows before it begins.

    Exit code 0: it is on its way. 1: nothing was done. 2: it cannot be run again.
    """
    letter, number = number_of(name, "TD")
    look = preview.reprocess_transmission if letter == "T" else preview.reprocess_document
    run = again.reprocess_transmission if letter == "T" else again.reprocess_document
    shown, _ = shown_then_done(
        "run", lambda view: look(view, number), lambda tx: run(tx, number, by=who()), yes=yes, as_json=as_json
    )
    if as_json:
        print(json.dumps(plain(shown, done=True) | {"id": f"{letter}-{number}"}))
        return
    print(f"{letter}-{number} is on its way. `gateway trace {letter}-{number}` shows what comes of it.")
