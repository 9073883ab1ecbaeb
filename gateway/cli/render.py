"""`gateway render`: a canonical document as a partner wants it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from gateway.canonical import Document, UnknownDocument, parse
from gateway.cli.charts import (
    MapName,
    MapsFolder,
    PartnerName,
    PartnersFolder,
    agreed,
    book,
    chart,
    content,
    library,
    written,
)
from gateway.cli.stop import Stop

app = typer.Typer(add_completion=False)


@app.command()
def render(
    file: Annotated[
        Path,
        typer.Argument(
            help="Canonical JSON, as `gateway translate` prints it; - is stdin.",
            exists=True,
            dir_okay=False,
            allow_dash=True,
        ),
    ],
    partner: PartnerName = None,
    document: Annotated[
        str | None, typer.Option("--document", help="What the partner is to get: 855, x12/004010/856, invoice.")
    ] = None,
    map_name: MapName = None,
    answers: Annotated[
        list[Path] | None,
        typer.Option(
            "--answers",
            help="The order this answers, as canonical JSON: what it said is echoed.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    maps: MapsFolder = Path("maps"),
    partners: PartnersFolder = Path("partners"),
) -> None:
    """Write a canonical document with a map, and check it against the guide.

    X12 is printed as one set, ST to SE, a segment a line: the envelope belongs to the sending. Exit code 1: something
    could not be carried, or the guide refuses it. 2: there is no such map, partner or document.
    """
    said = _parsed(file)
    orders = tuple(_parsed(path) for path in answers or ())
    if map_name is not None:
        to = chart(library(maps), map_name)
    elif partner is not None:
        to = agreed(book(partners, maps), partner, document or said.kind, "out")
    else:
        raise Stop("say who it is for, --partner P --document D, or which map writes it, --map M")
    sys.stdout.buffer.write(written(to, said, partner=partner or map_name, answers=orders))
    sys.stdout.flush()


def _parsed(file: Path) -> Document:
    try:
        return parse(content(file))
    except (UnknownDocument, UnicodeDecodeError) as error:
        raise Stop(f"{file}: {error}") from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise Stop(f"{file}: {wrong}") from None
    except ValueError as error:
        raise Stop(f"{file} is not JSON: {error}") from None
