"""`gateway mask`: the same document without names, addresses and ids, for sharing."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.stop import Stop
from gateway.formats.mask.file import Unmaskable
from gateway.formats.mask.file import mask as masked

app = typer.Typer(add_completion=False)


@app.command()
def mask(
    file: Annotated[str, typer.Argument(help="X12, EDIFACT, XML, CSV or JSON; - is stdin.")],
    key: Annotated[
        str, typer.Option(help="The same key gives the same pseudonyms in every file. Default: a new one each time.")
    ] = "",
) -> None:
    """Write the same document to stdout with pseudonyms for names, addresses, ids, item and order numbers.

    Codes, quantities, prices, dates, control numbers and counts stay; so does every fault. Read it before you share it.
    """
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        sys.stdout.buffer.write(masked(data, key.encode() or os.urandom(32)))
        sys.stdout.buffer.flush()
    except Unmaskable as error:
        raise Stop(f"{file}: {error}") from error
    except OSError as error:
        raise Stop(f"{file}: {error.strerror}") from error
