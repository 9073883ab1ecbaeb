"""`gateway restore`: an empty database filled from a backup."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.opening import made_store
from gateway.cli.stop import Stop
from gateway.store import backup as backups

app = typer.Typer(add_completion=False)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `gateway backup` wrote.")],
    skip_control_numbers: Annotated[
        int,
        typer.Option(
            min=0,
            help="How many control numbers of each counter to leave out, so that none given out since the backup is "
            "given out again.",
        ),
    ] = backups.SKIP,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")] = False,
) -> None:
    """Fill the empty database named by GATEWAY_DATABASE_URL from FILE: all of it, or nothing.

    The backup may come from SQLite and the database be PostgreSQL, or the other way round.
    """
    if not file.is_file():
        raise Stop(f"{file}: there is no such file")
    if not zipfile.is_zipfile(file):
        raise Stop(f"{file} is no backup of the gateway, or only a part of one", code=1)
    with made_store() as store:
        try:
            read = backups.restore(store, file, skip_control_numbers=skip_control_numbers)
        except (backups.BackupRefused, zipfile.BadZipFile) as error:
            raise Stop(str(error), code=1) from None
        except OSError as error:
            raise Stop(f"{file}: {error.strerror}") from None
    if as_json:
        print(json.dumps({"file": str(file), "rows": read.rows, "taken_at": read.taken_at}))
        return
    print(f"{file}: {sum(read.rows.values())} rows, as of {read.taken_at}")
    print(f"control numbers go on {skip_control_numbers} later")
