"""`gateway inspect`: what is this file, and what is wrong with it, in plain words."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from re import fullmatch
from typing import IO, TYPE_CHECKING, Annotated

import typer

from gateway.cli import packed
from gateway.formats.file import Inspected
from gateway.formats.report import Verdict

if TYPE_CHECKING:
    from gateway.cli.as2_inspection import As2Found

app = typer.Typer(add_completion=False)

CHUNK = 1 << 20
ACCEPTED, FAULTY, UNREADABLE = 0, 1, 2  # exit codes; scripts rely on them


@app.command()
def inspect(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders, .zip and .gz with any mix of X12, EDIFACT, XML, CSV, JSON and AS2; "
            "- is stdin, T-12 what is stored."
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="One JSON object a file, one a line.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Show every segment, not only those around a fault.")] = False,
    connection: Annotated[
        str | None, typer.Option(help="For AS2: whose keys and certificates; without it, by the names in the message.")
    ] = None,
) -> None:
    """Say what each file is, whether it would be accepted, and what is wrong with it, where, and who mends it.

    Exit code 0: all accepted. 1: something is wrong or rejected. 2: something is no document we can read.
    """
    worst = ACCEPTED
    if json:
        from gateway.cli.inspection_json import write

        for name, file in _opened(files, connection):
            if isinstance(file, Inspected):
                worst = max(worst, _code(file, write(name, file, sys.stdout)))
            elif file is not None:
                print(file.json())
            worst = max(worst, _as2_code(file))
    else:
        from gateway.cli.inspection_text import Shown

        shown = Shown(sys.stdout, full=full)
        for name, file in _opened(files, connection):
            if isinstance(file, Inspected):
                worst = max(worst, _code(file, shown.file(name, file)))
            elif file is not None:
                shown.as2(file)
            worst = max(worst, _as2_code(file))
        shown.totals()
    raise typer.Exit(worst)


def _code(file: Inspected, verdict: Verdict) -> int:
    if not file.readable:
        return UNREADABLE
    return ACCEPTED if verdict is Verdict.ACCEPT else FAULTY


def _as2_code(file: Inspected | As2Found | None) -> int:
    if file is None:
        return UNREADABLE
    return ACCEPTED if isinstance(file, Inspected) or file.verdict is Verdict.ACCEPT else FAULTY


def _opened(names: Iterable[str], connection: str | None) -> Iterator[tuple[str, Inspected | As2Found | None]]:
    """Each file with its name; None where it cannot be opened, which is said on stderr."""
    for name in names:
        if name == "-":
            yield name, _inspected(name, chunks_of(sys.stdin.buffer), connection)
            continue
        if fullmatch(r"[Tt]-\d{1,18}", name) and not Path(name).exists():
            yield name, _stored(name, connection)
            continue
        paths = _files(Path(name))
        if not paths:
            print(f"gateway: {name}: there is no file in this folder", file=sys.stderr)
            yield name, None
        for path in paths:
            inside = str(path)
            try:
                for inside, stream in packed.contents(path):
                    broken: list[Exception] = []
                    yield inside, _inspected(inside, _until_broken(stream, broken), connection)
                    if broken:
                        raise broken[0]
            except packed.FAULTS as error:
                from gateway.cli.inspection_text import safe

                print(f"gateway: {safe(inside)}: {packed.said(error)}", file=sys.stderr)
                yield inside, None


def _inspected(name: str, chunks: Iterator[bytes], connection: str | None) -> Inspected | As2Found:
    head = next(chunks, b"")
    return _by_its_head(name, head, chunks, connection, None)


def _by_its_head(
    name: str, head: bytes, rest: Iterator[bytes], connection: str | None, when: datetime | None
) -> Inspected | As2Found:
    if not head.lstrip()[:3].isalpha() or b":" in head[:200] or head[:2] == b"MI":  # no segment of X12 or EDIFACT
        from gateway.cli.as2_inspection import inspected, looks_like_as2

        if looks_like_as2(head):
            return inspected(name, head + b"".join(rest), connection, when or datetime.now(UTC))
    return Inspected(chain([head], rest))


def _stored(name: str, connection: str | None) -> Inspected | As2Found:
    from gateway.cli.as2_inspection import stored

    content, when = stored(name)
    return _by_its_head(name, content, iter(()), connection, when)


def _files(path: Path) -> list[Path]:
    """The file, or every file of the folder and those in it; hidden ones are not meant."""
    if not path.is_dir():
        return [path]
    inside = (found for found in path.rglob("*") if found.is_file())
    return sorted(found for found in inside if not any(p.startswith(".") for p in found.relative_to(path).parts))


def chunks_of(stream: IO[bytes]) -> Iterator[bytes]:
    """A stream in pieces."""
    while chunk := stream.read(CHUNK):
        yield chunk


def _until_broken(stream: IO[bytes], broken: list[Exception]) -> Iterator[bytes]:
    """What can be read of a stream is inspected; the fault that ended it is kept for afterwards."""
    try:
        yield from chunks_of(stream)
    except packed.FAULTS as error:
        broken.append(error)
