"""`gateway translate`: a partner's document into our language, or on into another format."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from gateway.canonical import Document, dump
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
from gateway.formats.detect import SNIFF, Format, detect
from gateway.formats.x12.frames import InterchangeOpened, SetFramed
from gateway.formats.x12.framing import Reader
from gateway.formats.x12.separators import NotX12, Separators
from gateway.mapping import Library, Map, MapError
from gateway.mapping.own import Own
from gateway.partners.book import Book

app = typer.Typer(add_completion=False)


@app.command()
def translate(
    file: Annotated[
        Path,
        typer.Argument(
            help="The document as the partner sent it; - is stdin.", exists=True, dir_okay=False, allow_dash=True
        ),
    ],
    partner: PartnerName = None,
    map_name: MapName = None,
    to: Annotated[
        str,
        typer.Option("--to", help="json (our language), or where it goes on to: a map's name, x12, csv, fixed or xml."),
    ] = "json",
    maps: MapsFolder = Path("maps"),
    partners: PartnersFolder = Path("partners"),
) -> None:
    """Read a document with its map and print it in our language as JSON, or write it on in another format.

    Exit code 1: something in the document could not be carried. 2: there is no such map, partner or document.
    """
    known = None if partner is None else book(partners, maps)
    charts = library(maps) if known is None else known.library
    if map_name is None and known is None:
        raise Stop("say whose document this is, --partner P, or which map reads it, --map M")

    def find(document: str) -> Map:
        if map_name is not None:
            return chart(charts, map_name)
        assert known is not None
        return agreed(known, partner or "", document, "in")

    def find_file(start: bytes) -> Map | Own:
        if map_name is not None:
            return chart(charts, map_name)
        assert known is not None
        return _of_partner(known, partner or "", file, start)

    try:
        found = list(_read(content(file), find, find_file, partner or map_name))
    except MapError as error:
        raise Stop("\n".join(map(str, error.problems)), code=1) from None
    if not found:
        raise Stop(f"{file} holds no document")
    for document in found:
        if to == "json":
            print(dump(document, indent=1))
        else:
            sys.stdout.buffer.write(written(_onward(charts, to, document), document, partner=None))
    sys.stdout.flush()


def _of_partner(known: Book, partner: str, file: Path, start: bytes) -> Map | Own:
    """What reads a file without an envelope: its name counts, or if it was given another, how it begins."""
    if partner not in known.partners:
        raise Stop(f"there is no partner {partner}; there are {', '.join(sorted(known.partners))}")
    found = known.file_of(partner, file.name, start)
    found = found if found.agreement else known.file_of(partner, "", start)
    if found.agreement is None:
        raise Stop(f"{partner} sends us no such file. {found.closest}".strip())
    return known.file_chart(found.agreement)


def _read(
    data: bytes, find: Callable[[str], Map], find_file: Callable[[bytes], Map | Own], partner: str | None
) -> Iterator[Document]:
    """Every document of a file: the sets of its interchanges, or the documents of a file without an envelope."""
    if detect(data[:SNIFF]).format is not Format.X12:
        by = find_file(data[:SNIFF])
        if isinstance(by, Map) and by.guide is not None:
            raise Stop(f"{by.name} reads {by.document}, and this file has no ISA segment")
        yield from by.read_text(data, partner=partner)
        return
    separators: Separators | None = None
    try:
        for frame in Reader([data]):
            if isinstance(frame, InterchangeOpened):
                separators = frame.separators
            elif isinstance(frame, SetFramed) and separators is not None:
                yield from _set(find(frame.set_id), frame, separators, partner)
    except NotX12 as error:
        raise Stop(str(error)) from None


def _set(by: Map, frame: SetFramed, separators: Separators, partner: str | None) -> list[Document]:
    if by.guide is None or by.guide.set_id != frame.set_id:
        raise Stop(f"{by.name} reads {by.document}, and this is a {frame.set_id}")
    positions = by.guide.check(frame.rows, separators, text=frame.text).positions
    inner = (separators.component or ":", separators.repetition or "^")
    return by.read_all(frame.rows, positions, partner=partner, separators=inner)


def _onward(charts: Library, to: str, document: Document) -> Map:
    """The map that writes the other side: named, or the only one of a format for this kind of document."""
    names = charts.names()
    if to in names:
        return chart(charts, to)
    fitting = [name for name in names if _writes(charts, name, to, document)]
    if len(fitting) != 1:
        there = ", ".join(fitting) or ", ".join(name for name in names if _writes(charts, name, "", document))
        text = f"{len(fitting) or 'no'} maps write {document.kind} as {to}"
        raise Stop(f"{text}; name one with --to: {there}")
    return chart(charts, fitting[0])


def _writes(charts: Library, name: str, to: str, document: Document) -> bool:
    found = chart(charts, name)
    return isinstance(document, found.canonical) and to in ("", found.format, found.document)
