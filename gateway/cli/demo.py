"""`gateway demo`: the whole story on loopback, with counterparties in processes of their own, checked at their side."""

from __future__ import annotations

import contextlib
import logging
import shutil
import signal
import tempfile
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(add_completion=False)

PATIENCE_S = 150.0
"""On a machine with nothing else to do the story takes some 25 s; a busy one may take longer, and is told so."""

FAILED = 1  # exit code: something did not hold


class Story(StrEnum):
    """What is played."""

    ORDERS = "orders"  # a retailer orders, and things break
    WAREHOUSES = "warehouses"  # three 3PLs ship, each in its own format
    THIRD_PARTY = "third-party"  # the gateway is the 3PL, of two depositors


@app.command()
def demo(
    leave: Annotated[bool, typer.Option("--exit", help="End at the end: exit code 0 only if all of it held.")] = False,
    keep: Annotated[Path | None, typer.Option("--keep", help="Keep the demo's files in this new folder.")] = None,
    story: Annotated[Story, typer.Option(help="What is played.")] = Story.ORDERS,
) -> None:
    """Orders come in, are answered, shipped and billed, while things break: a broken document, duplicates, a stranger,
    an ERP that is down, a worker killed in the middle. `--story warehouses`: orders released to three 3PLs, which ship
    in full, in part and short. `--story third-party`: the gateway as a 3PL itself, with two depositors.

    Everything runs on this machine, in a temporary folder, and ends with the command.
    """
    from rich.console import Console

    from gateway.cli.story import plot, telling, third_party, warehouses
    from gateway.cli.story.parties import StoryFailed, ended

    logging.disable(logging.WARNING)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C: no process stays behind
    home = (keep or Path(tempfile.mkdtemp(prefix="gateway-demo-"))).absolute()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    teller = telling.Teller(Console(highlight=False))
    held = False
    stories: dict[Story, tuple[Any, Any, Any]] = {
        Story.ORDERS: (plot.enter, plot.play, telling.whole),
        Story.THIRD_PARTY: (third_party.enter, third_party.play, third_party.report),
        Story.WAREHOUSES: (warehouses.enter, warehouses.play, warehouses.report),
    }
    enter, play, report = stories[story]
    with teller.telling():
        cast = enter(home, teller)
    with ended(*cast.parties):
        try:
            with teller.telling():
                play(cast, teller, time.monotonic() + PATIENCE_S)
        except StoryFailed as failed:
            teller.line(f"\n{failed}", "bold red")
        else:
            held = report(teller, cast)
        said = "All of it held." if held else "Not all of it held."
        teller.line(f"\n{said} {teller.seconds:.0f} s.", "bold" if held else "bold red")
        if leave:
            teller.line("Everything ends now; `gateway demo` without --exit keeps it up, to look at.")
        else:
            teller.line("Everything stays up until Ctrl-C.")
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
    cast.store.close()
    if held and keep is None:
        shutil.rmtree(home, ignore_errors=True)
    raise typer.Exit(0 if held else FAILED)
