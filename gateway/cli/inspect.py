"""`gateway inspect`: what is this file, and what is wrong with it, in plain words."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from gateway.formats.file import Inspected
from gateway.formats.report import Verdict

app = typer.Typer(add_completion=False)

CHUNK = 1 << 20
ACCEPTED, FAULTY, UNREADABLE = 0, 1, 2  # exit codes; scripts rely on them


@app.command()
def inspect(
    files: Annotated[
        list[str], typer.Argument(help="Files and folders, any mix of X12, EDIFACT, XML, CSV and JSON; - is stdin.")
    ],
    json: Annotated[bool, typer.Option("--json", help="One JSON object a file, one a line.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Show every segment, not only those around a fault.")] = False,
) -> None:
    """Say what each file is, whether it would be accepted, and what is wrong with it, where, and who mends it.

    Exit code 0: all accepted. 1: something is wrong or rejected. 2: something is no document we can read.
    """
    worst = ACCEPTED
    if json:
        from gateway.cli.inspection_json import write

        for name, file in _opened(files):
            worst = max(worst, _code(file, write(name, file, sys.stdout)) if file else UNREADABLE)
    else:
        from gateway.cli.inspection_text import Shown

        shown = Shown(sys.stdout, full=full)
        for name, file in _opened(files):
            worst = max(worst, _code(file, shown.file(name, file)) if file else UNREADABLE)
        shown.totals()
    raise typer.Exit(worst)


def _code(file: Inspected, verdict: Verdict) -> int:
    if not file.readable:
        return UNREADABLE
    return ACCEPTED if verdict is Verdict.ACCEPT else FAULTY


def _opened(names: Iterable[str]) -> Iterator[tuple[str, Inspected | None]]:
    """Each file with its name; None where it cannot be opened, which is said on stderr."""
    for name in names:
        if name == "-":
            yield name, Inspected(chunks_of(sys.stdin.buffer))
            continue
        for path in _files(Path(name)):
            try:
                with path.open("rb") as stream:
                    yield str(path), Inspected(chunks_of(stream))
            except OSError as error:
                print(f"gateway: {path}: {error.strerror}", file=sys.stderr)
                yield str(path), None


def _files(path: Path) -> list[Path]:
    """The file, or every file of the folder and those in it; hidden ones are not meant."""
    if not path.is_dir():
        return [path]
    inside = (found for found in path.rglob("*") if found.is_file())
    return sorted(found for found in inside if not any(p.startswith(".") for p in found.relative_to(path).parts))


def chunks_of(stream: BinaryIO) -> Iterator[bytes]:
    """A stream in pieces."""
    while chunk := stream.read(CHUNK):
        yield chunk
