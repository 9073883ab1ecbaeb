"""A preview before anything is done: shown, then done only if a person (or `--yes`) says so in so many words."""

from __future__ import annotations

import getpass
import json
import re
import sys

import typer

from gateway.cli.stop import Stop
from gateway.pipeline.preview import Preview


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


def shown_and_decided(verb: str, preview: Preview, *, yes: bool, as_json: bool) -> bool:
    """The preview, then whether to go on; a script reads one object, here where nothing is done."""
    if as_json:
        if not yes:
            print(json.dumps(plain(preview, done=False)))
        return yes
    show(preview)
    return decided(verb, yes=yes)


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
