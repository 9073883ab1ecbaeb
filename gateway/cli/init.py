"""`gateway init`: a deployment of one's own, outside a checkout of this project."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.stop import Stop

app = typer.Typer(add_completion=False)

# Folder of a deployment -> where it comes from. gateway/starter/ holds links to the folders at the top of the
# project, so that a checkout and an installed wheel give the same files.
PARTS = {"partners": "partners", "maps": "maps", "sample_docs/maps": "sample_docs"}


@app.command()
def init(folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")]) -> None:
    """Write a starter deployment: example partners, maps, and the samples that prove the maps."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Stop(f"{folder} is not empty; name a new folder")
    starter = resources.files("gateway") / "starter"
    try:
        count = sum(_copy(starter / source, folder / part) for part, source in PARTS.items())
        (folder / ".gitignore").write_text("var/\n", encoding="utf-8")
    except OSError as error:
        raise Stop(f"{folder} cannot be written: {error.strerror}") from None
    print(f"{count} files in {folder}. Next:")
    print(f"  cd {folder}")
    print("  gateway check                             is everything written well?")
    print("  gateway partner explain harbor-pine       what holds for the example partner")
    print("  gateway partner new NAME --template 3pl-x12")
    print("  gateway run                               the server; docs/onboarding.md goes on from here")


def _copy(source: Traversable, target: Path) -> int:
    """Every file under a folder; how many there were."""
    count = 0
    if not source.is_dir():
        return count
    target.mkdir(parents=True, exist_ok=True)
    for entry in source.iterdir():
        if entry.is_dir():
            count += _copy(entry, target / entry.name)
        elif entry.name.endswith((".yaml", ".edi", ".json", ".csv", ".xml", ".xsd", ".txt")):
            (target / entry.name).write_bytes(entry.read_bytes())
            count += 1
    return count
