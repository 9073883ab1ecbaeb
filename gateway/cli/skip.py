"""`gateway skip`: a delivery is not owed any more; what waits behind it goes on."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from gateway.cli.deciding import number_of, plain, shown_and_decided, who
from gateway.cli.opening import opened_store
from gateway.cli.stop import Stop
from gateway.pipeline import again, preview

app = typer.Typer(add_completion=False)

LEFT = 1  # exit code: it was shown and not done


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
    with opened_store() as store:
        try:
            with store.read() as view:
                look = preview.skip(view, number)
            if not shown_and_decided("skip", look, yes=yes, as_json=as_json):
                raise typer.Exit(LEFT)
            with store.begin() as tx:
                again.skip(tx, number, by=who())
        except again.CannotRunAgain as error:
            raise Stop(str(error)) from None
    print(json.dumps(plain(look, done=True) | {"id": f"L-{number}"}) if as_json else f"L-{number} is skipped.")
