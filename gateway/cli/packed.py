"""What a file holds: itself, the members of a .zip, what a .gz packs; as streams, never unpacked to disk or memory."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

FAULTS = (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)
"""What opening or reading may raise: not there, cut off, with a password, packed in a way Python has no code for."""


def contents(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Names and streams, each open until the next is asked for. Raises FAULTS, also while a stream is read."""
    with path.open("rb") as file:
        head = file.read(4)
        file.seek(0)
        if head == b"PK\x03\x04" and not _is_office(file):
            yield from _members(str(path), file)
        elif head[:2] == b"\x1f\x8b":
            with gzip.open(file) as unpacked:
                yield str(path), cast(IO[bytes], unpacked)
        else:
            yield str(path), file


def said(fault: Exception) -> str:
    """A fault for people."""
    match fault:
        case OSError(strerror=str() as why):
            return why
        case RuntimeError() if "password" in str(fault):
            return "it is packed with a password; unpack it and inspect what was in it"
    return f"it cannot be unpacked ({fault}); ask for it again or unpack it with another tool"


def _is_office(file: IO[bytes]) -> bool:
    """Whether the archive is a workbook or a text document; its parts are nobody's documents."""
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
    file.seek(0)
    return "[Content_Types].xml" in names or "mimetype" in names


def _members(name: str, file: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if not member.is_dir() and not member.filename.startswith("__MACOSX/"):
                with archive.open(member) as unpacked:
                    yield f"{name}/{member.filename}", unpacked
