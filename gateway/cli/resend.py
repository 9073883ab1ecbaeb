"""`gateway resend`: the same bytes again, with what the other side will see said first."""

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
def resend(
    name: Annotated[str, typer.Argument(metavar="ID", help="A delivery, L-5, or a document we sent, D-7.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object; does it only with --yes.")] = False,
) -> None:
    """Send a delivery's bytes again: same numbers, same ids. Shows who sees what before anything is sent.

    Exit code 0: it is on its way. 1: nothing was done. 2: it cannot be sent again.
    """
    letter, number = number_of(name, "LD")
    with opened_store() as store:
        try:
            with store.read() as view:
                delivery_id = preview.delivery_of(view, number) if letter == "D" else number
                look = preview.resend(view, delivery_id)
            if not shown_and_decided("send", look, yes=yes, as_json=as_json):
                raise typer.Exit(LEFT)
            with store.begin() as tx:
                sending = again.resend(tx, delivery_id, by=who())
        except again.CannotRunAgain as error:
            raise Stop(str(error)) from None
    if as_json:
        print(json.dumps(plain(look, done=True) | {"id": f"L-{sending}"}))
        return
    print(f"On its way as L-{sending}. `gateway trace L-{sending}` shows what comes of it.")
