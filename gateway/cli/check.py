"""`gateway check`: is what we wrote about our partners right? Every fault with its line and what to write instead."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gateway.channels.table import SETTINGS
from gateway.cli.profiles import chosen_names, shown, written
from gateway.formats.x12.guide import GuideFault, packaged
from gateway.partners.faults import Fault
from gateway.partners.reference import schema
from gateway.pipeline.proofreading import faults_in

app = typer.Typer(add_completion=False)


class File(StrEnum):
    """The kinds of file that have a schema."""

    COMPANY = "company"
    PARTNER = "partner"
    CONNECTIONS = "connections"
    INDUSTRY = "industry"
    CODES = "codes"


@app.command()
def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", help="Files or folders to report on; all by default.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")] = False,
    schema_of: Annotated[
        File | None, typer.Option("--schema", help="Print the JSON Schema of a file instead, for your editor.")
    ] = None,
) -> None:
    """Read every profile, map and guide and say what is wrong, where, and what to write.

    Everything is read, because files refer to one another; PATHs only choose what is reported.
    Exit code 0: no faults. 1: faults.
    """
    if schema_of is not None:
        print(json.dumps(schema(schema_of, SETTINGS), indent=2))
        return
    files = written()
    faults = faults_in(files)
    if paths:
        wanted = chosen_names(paths, {*files, *(fault.file for fault in faults)})
        faults = [fault for fault in faults if fault.file in wanted]
        count = len(wanted)
    else:
        guides = _guides()
        faults += guides[1]
        count = len(files) + guides[0]
    faults = [Fault(shown(f.file), f.line, f.text, f.remedy) for f in faults]
    if as_json:
        print(json.dumps({"files": count, "faults": [_plain(fault) for fault in faults]}))
    else:
        for fault in faults:
            print(fault)
        print(f"{count} files, {_count(len(faults))}.")
    if faults:
        raise typer.Exit(1)


def _guides() -> tuple[int, list[Fault]]:
    """How many guides there are, and those that cannot be used."""
    faults, count = [], 0
    for release in packaged().releases():
        for set_id in packaged().sets(release):
            count += 1
            try:
                packaged().load(release, set_id)
            except GuideFault as error:
                file = f"gateway/formats/x12/guides/{release}/{set_id}.yaml"
                faults.append(
                    Fault(file, 1, str(error), "correct the guide; the other sets of this release show the form")
                )
    return count, faults


def _plain(fault: Fault) -> dict[str, str | int]:
    return {"file": fault.file, "line": fault.line, "text": fault.text, "remedy": fault.remedy}


def _count(faults: int) -> str:
    return "no faults" if not faults else "1 fault" if faults == 1 else f"{faults} faults"
