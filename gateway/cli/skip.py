"""`gateway skip`: a delivery is not owed any more; what waits behind it goes on."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from gateway.cli.deciding import number_of, plain, shown_then_done, who
from gateway.pipeline import again, preview

app = typer.Typer(add_completion=False)


@app.command()
def skip(
    name: Annotated[str, typer.Argument(metavar="ID", help="A delivery, L-5.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object; does it only with --yes.")] = False,
) -> None:
    """A delivery is not owed any more, and what waits behind it goes on. Shows what follows first.

    Exit code 0: it is skipped. 1: nothing was done. 2: it cannot be skipped.
    """
    _, number = number_of(name, "L")
    shown, _ = shown_then_done(
        "skip",
        lambda view: preview.skip(view, number),
        lambda tx: again.skip(tx, number, by=who()),
        yes=yes,
        as_json=as_json,
    )
    print(json.dumps(plain(shown, done=True) | {"id": f"L-{number}"}) if as_json else f"L-{number} is skipped.")
