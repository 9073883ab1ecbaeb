"""The maps of the repository, their approved cases, and small maps written for one test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gateway.canonical import Document
from gateway.mapping import Library, Map
from gateway.mapping.judge import Case, enclosed
from gateway.mapping.x12.rows import Row

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sample_docs" / "maps"
FILES = {path.name: path.read_text() for path in sorted((ROOT / "maps").glob("*.yaml"))}
LIBRARY = Library(FILES)
NAMES = LIBRARY.names()
X12 = [name for name in NAMES if LIBRARY.map(name).format == "x12"]
PARTNER = "harbor-pine"


def changed(file: str, old: str, new: str) -> dict[str, str]:
    """The maps with one passage written otherwise."""
    assert old in FILES[file], f"{file} no longer says {old!r}"
    return FILES | {file: FILES[file].replace(old, new, 1)}


def small(lines: str, *, document: str = "x12/004010/850", canonical: str = "order", head: str = "") -> Map:
    """A map of a few lines that declares everything else lost."""
    text = f"map: small\ndocument: {document}\ncanonical: {canonical}\nuses: x12-common\n{head}\nlines:\n{lines}\n"
    return Library(FILES | {"small.yaml": text + 'loses: {"*": not asked for}\n'}).map("small")


def rows_of(text: str) -> list[Row]:
    """Segments written one a line."""
    return [line.strip().split("*") for line in text.strip().splitlines()]


def read(chart: Map, rows: list[Row], partner: str | None = PARTNER) -> Document:
    """Rows without ST and SE, placed by the guide and read."""
    whole = enclosed(chart, rows)
    assert chart.guide is not None
    return chart.read(whole, chart.guide.check(whole).positions, partner=partner)


def cases(name: str) -> Iterator[Case]:
    """The approved cases of a map."""
    for folder in sorted((SAMPLES / name).iterdir()):
        yield Case(folder.name, next(folder.glob("document.*")).read_bytes(), (folder / "canonical.json").read_text())
