"""`gateway backup`: everything the gateway knows, in one file, while it goes on working."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.opening import opened_store
from gateway.cli.stop import Stop
from gateway.store import backup as backups

app = typer.Typer(add_completion=False)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The backup to write, such as gateway-2026-05-01.zip.")],
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite the file if it is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")] = False,
) -> None:
    """Write a consistent backup of the database to FILE. The gateway may run meanwhile.

    Stored bodies stay sealed in it and the payload key is not in it: keep the key in another place.
    """
    if file.exists() and not replace:
        raise Stop(f"{file} is there already; --replace overwrites it")
    with opened_store() as store:
        try:
            made = backups.write(store, file)
        except backups.BackupRefused as error:
            raise Stop(str(error), code=1) from None
        except OSError as error:
            raise Stop(f"{file}: {error.strerror}") from None
    if as_json:
        print(json.dumps({"file": str(file), "rows": made.rows, "taken_at": made.taken_at}))
        return
    print(f"{file}: {sum(made.rows.values())} rows, as of {made.taken_at}")
    print("the payload key is not in it; without the key no document in it opens")
