"""`gateway partner`: begin with a new partner, and see what holds for one and who said so."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.profiles import folders, shown, written
from gateway.cli.stop import Stop
from gateway.partners.agreement import effective
from gateway.partners.book import Book
from gateway.partners.faults import ProfileFaults, nearest
from gateway.partners.loading import NAME
from gateway.partners.skeleton import WORDS, fill
from gateway.pipeline.proofreading import proofread

app = typer.Typer(add_completion=False, no_args_is_help=True)

Template = StrEnum("Template", {name.upper().replace("-", "_"): name for name in WORDS})  # type: ignore[misc]


@app.callback()
def partner() -> None:
    """Begin with a new partner, or see what holds for one."""


@app.command(epilog="Templates: " + "; ".join(f"{name} ({said})" for name, said in WORDS.items()) + ".")
def new(
    name: Annotated[str, typer.Argument(help="Its folder under partners/: small letters, digits and dashes.")],
    template: Annotated[Template, typer.Option(help="What kind of partner it is.")] = Template.RETAILER,  # type: ignore[attr-defined]
    title: Annotated[str | None, typer.Option(help="The name people know it by.")] = None,
    our: Annotated[str | None, typer.Option(help="Which of our companies; not needed while there is only one.")] = None,
    as2: Annotated[bool, typer.Option("--as2", help="Over AS2: writes our sheet to mail, reads theirs.")] = False,
    sheet: Annotated[Path | None, typer.Option("--sheet", help="Their AS2 sheet, as they mailed it.")] = None,
    our_as2: Annotated[
        str | None, typer.Option("--our-as2", metavar="ID", help="Our AS2 id; without it that of other connections.")
    ] = None,
) -> None:
    """Write the files of a new partner: a working skeleton in the test lane, to be filled in.

    With --as2 and no --sheet only our sheet is written; run it again when theirs has come.
    """
    if not NAME.fullmatch(name):
        raise Stop(f"{name!r} is no name; use small letters, digits and dashes, e.g. blue-ridge")
    before = written()
    title, company = title or name.replace("-", " ").title(), our or _only_company(before)
    files = fill(str(template), name=name, title=title, our=company)
    folder = folders()["partners"] / name
    if folder.exists():
        raise Stop(f"{folder} is there already; nothing was written")
    if as2 or sheet is not None or our_as2 is not None:
        wires = _over_as2(name, title, before, company, sheet, our_as2)
        if wires is None:
            return
        if f"{name}-test" not in files[f"partners/{name}/partner.yaml"] or template == Template.CSV_WAREHOUSE:  # type: ignore[attr-defined]
            raise Stop(f"a {template} does not speak AS2; take another template")
        files[f"partners/{name}/connections.yaml"] = wires
    try:
        proofread(before | files)
    except ProfileFaults as faults:
        raise Stop(f"nothing was written, because the result would have faults:\n{faults}") from None
    folder.mkdir(parents=True)
    for file, text in sorted(files.items()):
        (folder / file.rpartition("/")[2]).write_text(text, encoding="utf-8")
        print(shown(file))
    print(f"Fill in ids, contacts and addresses, then: gateway check, gateway partner explain {name}, gateway apply.")


@app.command()
def explain(
    name: Annotated[str, typer.Argument(metavar="PARTNER", help="The partner's folder, or partner/agreement.")],
    changed: Annotated[bool, typer.Option("--changed", help="Only what differs from the standard.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line in force.")] = False,
) -> None:
    """Every line in force for a partner: who said it, in which file and line, and why."""
    try:
        book = Book.from_files(written())
    except ProfileFaults as faults:
        raise Stop(f"the profiles have faults:\n{faults}") from None
    known, _, only = name.partition("/")
    if known not in book.partners:
        raise Stop(f"there is no partner {known!r}: {nearest(known, book.partners)}")
    agreements = [a for a in book.agreements.values() if a.partner == known and only in ("", a.name.partition("/")[2])]
    if not agreements:
        said = nearest(only, [a.name.partition("/")[2] for a in book.agreements.values() if a.partner == known])
        raise Stop(f"{known} has no agreement {only!r}: {said}" if only else f"{known} has no agreements yet")
    for agreement in agreements:
        rows = [
            (path, text or "none", place)
            for path, text, place in effective(book.lines["agreement", agreement.name], agreement.direction).leaves()
            if not changed or place.layer != "standard"
        ]
        if as_json:
            for path, text, place in rows:
                origin = {"layer": place.layer, "file": place.file, "line": place.line, "why": place.why}
                print(json.dumps({"agreement": agreement.name, "key": path, "value": text, **origin}))
            continue
        way = "we receive" if agreement.direction == "in" else "we send"
        print(f"{agreement.name}: {way} {agreement.document}, {agreement.lane} lane")
        wide_path, wide_text = max(len(row[0]) for row in rows), max(len(row[1]) for row in rows)
        for path, text, place in rows:
            where = f"{shown(place.file)}:{place.line}"
            line = f"  {path:{wide_path}}  {text:{wide_text}}  {place.layer:9}  {where}"
            print(line + (f"  ({place.why})" if place.why else ""))
        print()


def _over_as2(
    name: str, title: str, before: dict[str, str], company: str, sheet: Path | None, our_as2: str | None
) -> str | None:
    """The wires of an AS2 partner; None while their sheet is not here. Our own sheet is written either way."""
    from gateway.cli.as2_partner import connections_file, our_side, read_sheet

    theirs = read_sheet(sheet) if sheet is not None else None
    us = our_side(before, company, our_as2)
    wires = connections_file(name, title, theirs, us) if theirs is not None else None
    mail = Path(f"{name}-as2-sheet.txt")
    mail.write_text(us.sheet(), encoding="utf-8")
    print(f"{mail}   our sheet, to be mailed to them")
    if theirs is None:
        print(f"When theirs has come: gateway partner new {name} --as2 --sheet FILE. Nothing else was written.")
    else:
        print(f"Compare by telephone: their certificate is {theirs.certificate.fingerprint}")
    return wires


def _only_company(files: dict[str, str]) -> str:
    companies = [name.split("/")[1] for name in files if name.endswith("/company.yaml")]
    if len(companies) != 1:
        said = f"one of {', '.join(companies)}" if companies else "and first write partners/<company>/company.yaml"
        raise Stop(f"say which company of ours it trades with: --our NAME, {said}")
    return companies[0]
