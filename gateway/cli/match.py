"""`gateway match`: which warehouse order a shipping advice answers, also after it was counted for another one."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from gateway.cli.deciding import number_of, plain, shown_then_done, who
from gateway.pipeline import matching
from gateway.pipeline.house import at_desk

app = typer.Typer(add_completion=False)


@app.command()
def match(
    name: Annotated[str, typer.Argument(metavar="ID", help="A shipping advice, D-7.")],
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The warehouse order it answers, SO-1001.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object; does it only with --yes.")] = False,
) -> None:
    """A shipping advice answers this warehouse order and no other. Shows what follows first: what does not count any
    more, what is taken back before anybody has it, and what somebody has and must take back.

    Exit code 0: it runs again, for that order. 1: nothing was done. 2: it cannot be matched.
    """
    _, number = number_of(name, "D")
    shown, _ = shown_then_done(
        "match",
        lambda view: matching.preview(view, number, order),
        lambda tx: matching.match(tx, at_desk(tx), number, order, by=who()),
        yes=yes,
        as_json=as_json,
    )
    if as_json:
        print(json.dumps(plain(shown, done=True) | {"id": f"D-{number}"}))
        return
    print(f"D-{number} is on its way. `gateway trace D-{number}` shows what comes of it.")
