"""A preview before anything is done: shown, then done only if a person (or `--yes`) says so in so many words."""

from __future__ import annotations

import getpass
import json
import re
import sys
from collections.abc import Callable
from typing import TypeVar

import typer

from gateway.cli.opening import opened_store
from gateway.cli.stop import Stop
from gateway.pipeline.again import CannotRunAgain
from gateway.pipeline.preview import Preview
from gateway.store.engine import Tx, View

Done = TypeVar("Done")

LEFT = 1  # exit code: it was shown and not done


def number_of(name: str, letters: str) -> tuple[str, int]:
    """`L-5` as ("L", 5); Stop where it is none of these letters."""
    match = re.fullmatch(rf"([{letters}])-(\d{{1,18}})", name.strip().upper())
    if match is None:
        ways = " or ".join(f"{letter}-1" for letter in letters)
        raise Stop(f"{name!r} is not an id for this; write e.g. {ways}. `gateway trace` finds the id of an order")
    return match[1], int(match[2])


def show(preview: Preview) -> None:
    print(preview.title)
    for effect in preview.effects:
        print(f"  - {effect}")


def plain(preview: Preview, *, done: bool) -> dict[str, object]:
    return {"title": preview.title, "effects": list(preview.effects), "done": done}


def shown_then_done(
    verb: str, look: Callable[[View], Preview], do: Callable[[Tx], Done], *, yes: bool, as_json: bool
) -> tuple[Preview, Done]:
    """Show what would follow; do it if that is wanted. A script reads one object, here where nothing is done.

    Raises Stop where it cannot be done, and typer.Exit where it was left.
    """
    with opened_store() as store:
        try:
            with store.read() as view:
                preview = look(view)
            if not as_json:
                show(preview)
            elif not yes:
                print(json.dumps(plain(preview, done=False)))
            if not (yes if as_json else decided(verb, yes=yes)):
                raise typer.Exit(LEFT)
            with store.begin() as tx:
                return preview, do(tx)
        except CannotRunAgain as error:
            raise Stop(str(error)) from None


def decided(verb: str, *, yes: bool) -> bool:
    """Whether to go on. Without a terminal and without --yes nothing is done."""
    if yes:
        return True
    if not sys.stdin.isatty():
        print("Nothing was done. `--yes` does it.")
        return False
    if typer.prompt(f"Type {verb!r} to do it, anything else to leave it", default="leave it") == verb:
        return True
    print("Nothing was done.")
    return False


def who() -> str:
    """Whose decision the audit shows."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):  # a container's user often has no name
        return "command line"
