"""`gateway partner`: begin with a new partner, and see what holds for one and who said so."""

from __future__ import annotations

import contextlib
import json
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.opening import opened_store
from gateway.cli.profiles import folders, shown, write_schemas, written
from gateway.cli.stop import Stop
from gateway.mapping import MapFaults
from gateway.mapping.rows import Rows
from gateway.mapping.source import Raw
from gateway.partners.book import Book
from gateway.partners.faults import ProfileFaults, nearest
from gateway.partners.loading import NAME, code_files
from gateway.partners.skeleton import WORDS, fill
from gateway.pipeline import publishing
from gateway.pipeline.proofreading import proofread
from gateway.pipeline.revisions import changes, files_of, lines_in_force

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
    title, company = title or name.replace("-", " ").title(), _company(before, our)
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
    write_schemas(folder.parent.parent / "schema")
    for file, text in sorted(files.items()):
        (folder / file.rpartition("/")[2]).write_text(text, encoding="utf-8")
        print(shown(file))
    print(f"Fill in ids, contacts and addresses, then: gateway check, gateway test {name}, gateway apply.")


@app.command()
def explain(
    name: Annotated[str, typer.Argument(metavar="PARTNER", help="The partner's folder, or partner/agreement.")],
    changed: Annotated[bool, typer.Option("--changed", help="Only what differs from the standard.")] = False,
    maps: Annotated[bool, typer.Option("--maps", help="Each line of their maps too, base and overlay.")] = False,
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
            line
            for line in lines_in_force(book, known, agreement.name.partition("/")[2])
            if not changed or line.layer != "standard"
        ]
        carried = book.chart(agreement).explain() if maps and agreement.map is not None else []
        if as_json:
            for line in rows:
                print(json.dumps(asdict(line)))
            for one in carried:
                print(json.dumps({"map": agreement.map, "key": one.text.strip(), "file": shown(f"maps/{one.origin}")}))
            continue
        way = "we receive" if agreement.direction == "in" else "we send"
        print(f"{agreement.name}: {way} {agreement.document}, {agreement.lane} lane")
        wide_key, wide_value = max(len(row.key) for row in rows), max(len(row.value) for row in rows)
        for row in rows:
            said = f"  {row.key:{wide_key}}  {row.value:{wide_value}}  {row.layer:9}  {shown(row.file)}:{row.line}"
            print(said + (f"  ({row.why})" if row.why else ""))
        if carried:
            print(f"  map {agreement.map}, both ways:")
        wide = max((len(one.text) for one in carried), default=0)
        for one in carried:
            print(f"    {one.text:{wide}}  {shown(f'maps/{one.origin}')}")
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


@app.command()
def simulate(
    name: Annotated[str, typer.Argument(metavar="PARTNER", help="The partner's folder.")],
    stop: Annotated[bool, typer.Option("--exit", help="End when it is played; exit code 1 if a step failed.")] = False,
) -> None:
    """Run a simulated partner, made from its profile, against a gateway of its own on loopback.

    Order to cash is played once, in the partner's test lane; then both stay up, to be sent documents by hand. Nothing
    of your own gateway is touched.
    """
    from gateway.cli.story.parties import StoryFailed
    from gateway.cli.story.rehearsal import play, staged

    try:
        book = proofread(written())
    except ProfileFaults as faults:
        raise Stop(f"the profiles have faults:\n{faults}") from None
    if name not in book.partners:
        raise Stop(f"there is no partner {name!r}: {nearest(name, book.partners)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C: no process stays behind
    with tempfile.TemporaryDirectory(prefix="gateway-simulate-") as folder:
        try:
            with staged(book.files, name, Path(folder)) as stage:
                play(stage)
                print(f"{name}, order to cash in the {stage.lane} lane{stage.found.over}:")
                for line in stage.found.lines():
                    print(line)
                if not stop:
                    print(f"The gateway answers on {stage.gateway.url}/docs with the key {stage.key}")
                    print(f"The partner: curl {stage.simulator.url}/control   shows what reached it")
                    print(f'  curl -d \'{{"send": "KIND"}}\' {stage.simulator.url}/control   makes it send')
                    print("Both stay up until Ctrl-C.")
                    with contextlib.suppress(KeyboardInterrupt):
                        signal.pause()
        except StoryFailed as failed:
            raise Stop(str(failed)) from None
    if not stage.found.held:
        raise typer.Exit(1)


@app.command()
def codes(
    name: Annotated[str, typer.Argument(metavar="PARTNER", help="The partner's folder.")],
    table: Annotated[str | None, typer.Option("--table", help="Only this code table, e.g. unit.")] = None,
    file: Annotated[
        Path | None,
        typer.Option("--import", help="A CSV file, word,code: becomes the table.", exists=True),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a row.")] = False,
) -> None:
    """A partner's own rows of code tables and conversions, each with its origin; or a CSV file that becomes a table."""
    before = written()
    if f"partners/{name}/partner.yaml" not in before:
        known = [file.split("/")[1] for file in before if file.endswith("/partner.yaml")]
        raise Stop(f"there is no partner {name!r}: {nearest(name, known)}")
    if file is not None:
        if table is None or not NAME.fullmatch(table.replace("_", "-")):
            raise Stop("say which table the file is: --table unit")
        target = f"partners/{name}/codes/{table}.csv"
        text = file.read_bytes().decode("utf-8-sig", "surrogateescape")  # what is no UTF-8 is a fault with its line
        try:
            proofread(before | {target: text})
        except ProfileFaults as faults:
            raise Stop(f"nothing was written, because the result would have faults:\n{faults}") from None
        path = folders()["partners"] / name / "codes" / f"{table}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        count = text.strip().count("\n")
        print(f"{shown(target)}: {count} row{'s' * (count > 1)}. `gateway apply` publishes it.")
        return
    try:
        rows = Rows.of(code_files(name, before))
    except MapFaults as faults:
        raise Stop(str(faults)) from None
    for key, value, raw in _code_rows(rows, table):
        where = f"{shown(raw.origin.file)}:{raw.origin.line}"
        if as_json:
            print(json.dumps({"table": key, "word": raw.key, "code": value, "file": where}))
        else:
            print(f"  {key:12} {raw.key:24} {value:16} {where}")


def _code_rows(rows: Rows, table: str | None) -> Iterator[tuple[str, str, Raw]]:
    for name, inner in (rows.sections["codes"].kids or {} if "codes" in rows.sections else {}).items():
        for raw in (inner.kids or {}).values() if table in (None, name) else ():
            yield name, raw.value or "", raw
    for raw in (rows.sections["convert"].kids or {} if "convert" in rows.sections else {}).values():
        if table in (None, "convert"):
            yield "convert", raw.value or "", raw


@app.command()
def export(
    name: Annotated[str, typer.Argument(metavar="PARTNER", help="The partner's folder.")],
    to: Annotated[
        Path | None, typer.Option("--to", help="Write into this folder; by default among your files.")
    ] = None,
) -> None:
    """Write a partner's files as they are published: what was changed over the API or answered at a work item.

    `gateway apply` is the way back.
    """
    with opened_store() as store, store.read() as view:
        held = publishing.active_hash(view)
        published = files_of(publishing.files_of(view, held), name) if held else {}
    if not published:
        raise Stop(f"no partner {name!r} is published; `gateway apply` publishes what is written")
    folder = to or folders()["partners"] / name
    here = {file: (folder / file).read_text("utf-8") for file in published if (folder / file).is_file()}
    for change in changes(here, published):
        path = folder / change.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(published[change.file], encoding="utf-8")
        print(f"{change.how}: {path}")
    if here == published:
        print(f"{folder} says already what is published.")


def _company(files: dict[str, str], said: str | None) -> str:
    companies = [name.split("/")[1] for name in files if name.endswith("/company.yaml")]
    if said is not None and said not in companies:
        raise Stop(f"there is no company {said!r} of ours: {nearest(said, companies)}")
    if said is not None:
        return said
    if len(companies) != 1:
        said = f"one of {', '.join(companies)}" if companies else "and first write partners/<company>/company.yaml"
        raise Stop(f"say which company of ours it trades with: --our NAME, {said}")
    return companies[0]
