"""`gateway resend`: the same bytes again, with what the other side will see said first."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from gateway.cli.deciding import number_of, plain, shown_then_done, who
from gateway.pipeline import again, preview
from gateway.store.engine import View

app = typer.Typer(add_completion=False)


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
    delivery_id = number

    def look(view: View) -> preview.Preview:
        nonlocal delivery_id  # what was shown is what is sent
        if letter == "D":
            delivery_id = preview.delivery_of(view, number)
        return preview.resend(view, delivery_id)

    shown, sending = shown_then_done(
        "send", look, lambda tx: again.resend(tx, delivery_id, by=who()), yes=yes, as_json=as_json
    )
    if as_json:
        print(json.dumps(plain(shown, done=True) | {"id": f"L-{sending}"}))
        return
    print(f"On its way as L-{sending}. `gateway trace L-{sending}` shows what comes of it.")
