"""Which map a verb runs: by its name, or by what is agreed with a partner."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.canonical import Document
from gateway.cli.stop import Stop
from gateway.formats import words
from gateway.formats.finding import Severity
from gateway.formats.x12.separators import Separators
from gateway.formats.x12.writer import UnwritableValue, enclose, write_set
from gateway.mapping import Library, Map, MapError, MapFaults
from gateway.mapping.judge import enclosed
from gateway.partners.book import Book
from gateway.partners.faults import ProfileFaults

PRINTED = Separators("*", "^", ">", "~", "\n")  # a set on a terminal: a segment a line

MapsFolder = Annotated[Path, typer.Option("--maps", help="The folder of maps.")]
PartnersFolder = Annotated[Path, typer.Option("--partners", help="The folder of companies and partners.")]
MapName = Annotated[str | None, typer.Option("--map", help="The map, whoever it is for.")]
PartnerName = Annotated[str | None, typer.Option("--partner", help="The partner, whose agreements name the map.")]


def content(file: Path) -> bytes:
    """What a file holds; - is stdin."""
    return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()


def library(folder: Path) -> Library:
    """The maps of a folder."""
    if not folder.is_dir():
        raise Stop(f"there is no folder of maps {folder} here; --maps names another")
    return Library({path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.yaml"))})


def book(partners: Path, maps: Path) -> Book:
    """The companies and partners of a folder."""
    if not partners.is_dir():
        raise Stop(f"there is no folder of partners {partners} here; --partners names another")
    try:
        return Book.load(partners, maps)
    except ProfileFaults as error:
        raise Stop(str(error)) from None


def chart(maps: Library, name: str) -> Map:
    """One map; its faults are what a person reads."""
    try:
        return maps.map(name)
    except MapFaults as error:
        raise Stop(str(error)) from None


def agreed(known: Book, partner: str, document: str, direction: str) -> Map:
    """The map an agreement with a partner names for a set (850) or a canonical kind (order)."""
    if partner not in known.partners:
        raise Stop(f"there is no partner {partner}; there are {', '.join(sorted(known.partners))}")
    mine = [a for a in known.agreements.values() if a.partner == partner and a.direction == direction and a.map]
    for agreement in sorted(mine, key=lambda a: a.lane):  # production before test
        if document in (agreement.document.set_id, str(agreement.document), known.kind(agreement)):
            return chart(known.library, agreement.map or "")
    verb = "sends us" if direction == "in" else "takes from us"
    there = ", ".join(sorted({str(a.document) for a in mine})) or "nothing with a map"
    raise Stop(f"{partner} {verb} no {document}; it {verb} {there}")


def written(to: Map, document: Document, *, partner: str | None, answers: tuple[Document, ...] = ()) -> bytes:
    """A canonical document as a map writes it; losses and what the guide says go to stderr."""
    if not isinstance(document, to.canonical):
        raise Stop(f"{to.name} carries {to.canonical.kind}, and this is of kind {document.kind}")
    for path, reason in to.lost(document, partner=partner).items():
        print(f"not carried by {to.name}: {path}: {reason}", file=sys.stderr)
    try:
        if to.guide is None:
            return to.write_text(document, partner=partner)
        inner = (PRINTED.component, PRINTED.repetition or "")
        rows = to.write(document, partner=partner, answers=answers, separators=inner)
        text = write_set(enclose(rows, to.guide.set_id, "0001"), PRINTED)
    except MapError as error:
        raise Stop("\n".join(map(str, error.problems)), code=1) from None
    except UnwritableValue as error:
        raise Stop(str(error), code=1) from None
    findings = to.guide.check(enclosed(to, rows), PRINTED).findings
    for finding in findings:
        print(f"{words.place(finding, to.guide.set_id)}: {words.message_and_remedy(finding)[0]}", file=sys.stderr)
    if any(finding.severity is not Severity.WARNING for finding in findings):
        raise Stop(f"{to.name} wrote a set its own guide refuses", code=1)
    return text.encode()
