"""The command `gateway`: a table of verbs, each in a file of its own that is imported only when it is called.

To add a verb: one line in VERBS, and `gateway/cli/<verb>.py` with `app = typer.Typer(add_completion=False)` that
holds one command (`gateway inspect`) or several (`gateway partner new`). A verb raises `Stop` with a sentence for a
person when it cannot go on; nobody ever sees a traceback unless GATEWAY_DEBUG is set.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from gateway.cli.stop import Stop

VERBS: dict[str, str] = {
    "demo": "The whole story on loopback, with simulated partners and systems",
    "init": "A starter deployment in a new folder: partners, maps, samples",
    "run": "The server: one web and one worker process",
    "partner": "Begin with a new partner; see what holds for one and who said so",
    "certificate": "The certificates of AS2 connections: show, make, import, export",
    "check": "Every fault in profiles, maps and guides, with its line and remedy",
    "test": "Do our maps mean what we think? A rehearsal with a partner, and what is missing",
    "apply": "Publish profiles and maps as a new revision, after showing what changes",
    "diff": "What changed profiles and maps would make of everything that has passed through",
    "key": "API keys: make, list, revoke",
    "inspect": "What is this file? Verdict and findings in plain words",
    "acknowledge": "The acknowledgement a file deserves: 997, 999, TA1 or CONTRL",
    "mask": "The same document without names, addresses and ids, for sharing",
    "translate": "A partner's document into our language, or on into another format",
    "render": "A canonical document as a partner wants it",
    "trace": "Everything about one order, document, delivery or control number",
    "items": "What waits for a person, by the moment something is lost; settle what is dealt with",
    "resend": "The same bytes again; shows who sees what before it sends",
    "skip": "A delivery is not owed any more; what waits behind it goes on",
    "answer": "What a unit or code means, or that a held document may go; lists what is asked",
    "match": "Which warehouse order a shipping advice answers; takes it from another one",
    "reprocess": "The same input through today's maps; shows what follows first",
    "retention": "How long bodies are kept, what is over its time, legal holds",
    "migrate": "Bring the database to the shape this version needs",
    "backup": "Everything the gateway knows in one file, while it goes on working",
    "restore": "Fill an empty database from a backup",
}
"""Every verb and its one line in `gateway --help`, in the order people meet them."""


class Verbs(TyperGroup):
    """Lists verbs from the table and imports a verb's file only to run it, so that start-up stays fast."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return TyperCommand(cmd_name, help=VERBS[cmd_name]) if cmd_name in VERBS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if name in VERBS:
            command = typer.main.get_command(import_module(f"gateway.cli.{name}").app)
        return name, command, rest


app = typer.Typer(cls=Verbs, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print("gateway", version("b2b-gateway"))
        raise typer.Exit


@app.callback()
def gateway(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Self-hosted B2B gateway: X12, EDIFACT, CSV and XML outside, one language inside."""


def _surroundings(error: Exception) -> str:
    """What this machine or its database refused: not there, locked, full, read-only. Empty: it is not that."""
    from sqlalchemy.exc import DatabaseError, OperationalError

    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, DatabaseError) and type(error) in (DatabaseError, OperationalError):  # others are our mistakes
        return f"the database cannot be used: {str(error.orig).partition(chr(10))[0]}"
    return ""


def main() -> NoReturn:
    """Run one verb; every way it can end is an exit code and, where it failed, one sentence on stderr."""
    try:
        app()
    except Stop as stop:
        print(f"gateway: {stop}", file=sys.stderr)
        sys.exit(stop.code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; the rest has nowhere to go
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if os.environ.get("GATEWAY_DEBUG"):
            raise
        if reason := _surroundings(error):
            print(f"gateway: {reason}", file=sys.stderr)
            sys.exit(2)
        print(f"gateway: {type(error).__name__}: {error}", file=sys.stderr)
        print("gateway: this is our fault; GATEWAY_DEBUG=1 shows where it happened.", file=sys.stderr)
        sys.exit(70)  # sysexits.h EX_SOFTWARE
    sys.exit(0)
