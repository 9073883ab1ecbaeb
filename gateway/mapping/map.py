"""A map: one declaration, both directions."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from gateway.canonical import Document, Node, Source
from gateway.formats.x12.guide import Guide, GuideFault
from gateway.mapping.convert import Units
from gateway.mapping.echo import Echo
from gateway.mapping.faults import MISSING, MapError, MapFault, MapFaults, Problem, refusal
from gateway.mapping.fields import OWN, Path
from gateway.mapping.given import Given
from gateway.mapping.grouped import Grouped
from gateway.mapping.jsontree import JsonTree
from gateway.mapping.language import Block, Effective, Language, Line, covered, explain, losing, understand
from gateway.mapping.records import Records
from gateway.mapping.sheet import Sheet
from gateway.mapping.source import MapText
from gateway.mapping.split import Split
from gateway.mapping.steps import Judges
from gateway.mapping.text import Part, TextFormat, read_all
from gateway.mapping.tree import Tree
from gateway.mapping.x12.compiled import Compiled
from gateway.mapping.x12.rows import Row

FORMATS = ("x12", "csv", "fixed", "json", "xml")
SEPARATORS = (":", "^")  # component and repetition, where the interchange does not say


class Found(NamedTuple):
    """Where a canonical value stood, and which line of the map carried it."""

    position: int  # segment, counted from ST = 1
    place: str  # "PO102"
    line: str  # file:line


class Map:
    """Between one document kind of one partner and one canonical document."""

    def __init__(self, text: MapText) -> None:
        self.name = text.name
        self.files, self.own_files = text.files, frozenset(text.own)
        self.revision = text.revision()
        try:
            self.document = text.word("document")
            self.format, *rest = self.document.split("/")
            if self.format not in FORMATS or (self.format == "x12") != (len(rest) == 2):
                origin = text.words["document"].origin
                raise origin.fault(
                    f"there is no document {self.document}", "write x12/RELEASE/SET, csv, fixed, json or xml"
                )
            guide = Guide.load(rest[0], rest[1]) if self.format == "x12" else None
        except MapFault as fault:
            raise MapFaults([fault.fault]) from None
        except GuideFault as error:
            raise MapFaults([text.words["document"].origin.fault(str(error)).fault]) from None
        self.language: Language = understand(text)
        self.canonical: type[Document] = self.language.model
        self.guide = guide
        self.unusual = {key: raw.value or "" for key, raw in text.sections["unusual"].items()}
        self.code_lines = {name: raw.origin for name, raw in text.sections["codes"].items()}
        self.x12: Compiled | None = None
        self.text: TextFormat | None = None
        self.split: Split | None = None
        try:
            unit = self.language.codes.get("unit")
            self.units = Units(text.sections["convert"], set(unit.table) if unit is not None else None)
            self.given = Given(text.sections["given"], self.canonical)
            self.echo = Echo(text.sections["echo"], self.canonical, self.units)
            options = {key: raw.value or "" for key, raw in text.sections["options"].items()}
            if guide is not None:
                self.x12 = Compiled(self.language, guide)
                if "split" in text.words:
                    self.split = Split(text.words["split"], guide)
            else:
                self.text = self._format(options, text)
        except MapFault as fault:
            raise MapFaults([fault.fault]) from None

    def _format(self, options: Mapping[str, str], text: MapText) -> TextFormat:
        origins, split = text.sections["options"], text.words.get("split")
        if self.format == "xml":
            return Tree(self.language, options, origins, text.start, split)
        if self.format == "json":
            return JsonTree(self.language, options, origins, split)
        if split is not None:
            raise split.origin.fault("rows are split by their outermost group or record", "take the line away")
        fixed = self.format == "fixed"
        if any(
            item.key.startswith("record ") and item.path == () and _carries(item) for item in _blocks(self.language)
        ):
            return Records(self.language, options, origins, fixed=fixed)
        return Grouped(self.language, options, origins, fixed=fixed)

    def __repr__(self) -> str:
        return f"Map({self.name!r})"

    def source(self, partner: str | None = None) -> Source:
        """What a document read by this map says it was read from."""
        return Source(document=self.document, map=self.name, revision=self.revision, partner=partner)

    # -- x12 -------------------------------------------------------------
    def read(
        self,
        rows: Sequence[Row],
        positions: Sequence[int],
        *,
        partner: str | None = None,
        separators: tuple[str, str] = SEPARATORS,
    ) -> Document:
        """The canonical document of one set, ST to SE, with the guide's position of each row.

        Raises MapError with every value that could not be carried, and where the set holds several documents.
        """
        positions = self._placed(rows, positions)
        if self.split is not None and (parts := self.split.count(rows, positions)) > 1:
            why = f"holds {parts} documents in one"
            raise MapError([Problem(self.split.key, None, "", None, why, str(self.split.origin))])
        return self._read(rows, positions, partner, separators)

    def read_all(
        self,
        rows: Sequence[Row],
        positions: Sequence[int],
        *,
        partner: str | None = None,
        separators: tuple[str, str] = SEPARATORS,
    ) -> list[Document]:
        """Every canonical document of one set: several where the map says `split:`."""
        return [made for made, _ in self.read_parts(rows, positions, partner=partner, separators=separators)]

    def read_parts(
        self,
        rows: Sequence[Row],
        positions: Sequence[int],
        *,
        partner: str | None = None,
        separators: tuple[str, str] = SEPARATORS,
    ) -> list[tuple[Document, Sequence[Row]]]:
        """The same, each document with the rows it was read from."""
        positions = self._placed(rows, positions)
        if self.split is None:
            return [(self._read(rows, positions, partner, separators), rows)]
        parts = self.split.parts(rows, positions)
        return [(self._read(part, places, partner, separators), part) for part, places in parts]

    def _read(
        self, rows: Sequence[Row], positions: Sequence[int], partner: str | None, separators: tuple[str, str]
    ) -> Document:
        values = self._x12.read(rows, positions, separators)
        return self._document(values, partner)

    def _placed(self, rows: Sequence[Row], positions: Sequence[int]) -> Sequence[int]:
        """Positions are those of our guide; those of another release, whose SE stands elsewhere, would mislead us."""
        guide = self._x12.guide
        if positions and positions[-1] in (-1, guide.uses[-1].index):
            return positions
        return guide.check(list(rows)).positions

    def write(
        self,
        document: Document,
        *,
        partner: str | None = None,
        answers: Sequence[Document] = (),
        separators: tuple[str, str] = SEPARATORS,
    ) -> list[Row]:
        """The rows of one set without ST and SE.

        `answers` are the orders this document answers; what they said is echoed as the map declares.
        Raises MapError with every value that could not be read back.
        """
        document = self._outgoing(document, answers)
        return self._x12.write(document, separators, keep=self.keeps_leftovers(document, partner))

    def write_all(
        self, documents: Sequence[Document], *, partner: str | None = None, separators: tuple[str, str] = SEPARATORS
    ) -> list[Row]:
        """Several canonical documents in one set, the reverse of `read_all`."""
        written = [self.write(document, partner=partner, separators=separators) for document in documents]
        if len(written) == 1 or self.split is None:
            if len(written) != 1:
                raise MapError([Problem(self.name, None, "", None, "carries one document a set", "")])
            return written[0]
        return self.split.join(written)

    @property
    def _x12(self) -> Compiled:
        if self.x12 is None:
            raise TypeError(f"{self.name} maps {self.document}: it has no segments")
        return self.x12

    # -- csv, fixed width, xml, json ----------------------------------------
    def parts(self, chunks: Iterable[bytes]) -> Iterator[Part]:
        """The documents of a file, one after another. Raises MapError for what makes the file itself useless."""
        return self._text.parts(chunks)

    def fits(self, start: bytes) -> str:
        """Why a file that begins so is none of this map's; "" if it may be one."""
        return self._text.fits(start)

    @property
    def several(self) -> bool:
        """Whether one file may hold several documents."""
        return self._text.several

    def read_part(self, part: Part, *, partner: str | None = None) -> Document:
        """The canonical document of one of them. Raises MapError."""
        return self._document(self._text.read(part), partner)

    def read_text(self, data: bytes | str, *, partner: str | None = None) -> list[Document]:
        """Every canonical document of a file. Raises MapError with everything that is wrong with any of them."""
        return read_all(self, data.encode(self._encoding) if isinstance(data, str) else data, partner)

    def write_text(
        self,
        documents: Document | Sequence[Document],
        *,
        partner: str | None = None,
        answers: Sequence[Sequence[Document]] = (),
    ) -> bytes:
        """A file of one or, where the format allows, several documents; `answers`: for each, what it answers."""
        several = [documents] if isinstance(documents, Document) else list(documents)
        several = [
            self._outgoing(document, said)
            for document, said in zip(several, answers or ((),) * len(several), strict=True)
        ]
        keep = all(self.keeps_leftovers(document, partner) for document in several)
        return self._text.write(several, keep=keep)

    def judged_by(self, schema: Judges) -> Map:
        """The same map, for a partner whose own schema says what a document may be, read or written."""
        judged, text = copy.copy(self), copy.copy(self._text)
        if not isinstance(text, Tree | JsonTree):
            raise TypeError(f"{self.name} maps {self.document}, for which there are no schemas")
        text.schema = schema
        judged.text = text
        return judged

    @property
    def begins(self) -> str:
        """The {uri}name of the element a document of this map is; "" where it is no XML."""
        text = self.text
        return "" if not isinstance(text, Tree) else text.path[-1] if text.path else text.root_name

    @property
    def _encoding(self) -> str:
        return self._text.dialect.encoding if isinstance(self._text, Sheet) else "utf-8"

    @property
    def _text(self) -> TextFormat:
        if self.text is None:
            raise TypeError(f"{self.name} maps {self.document}: it has segments, not text")
        return self.text

    # -- both ------------------------------------------------------------
    def _outgoing(self, document: Document, answers: Sequence[Document]) -> Document:
        if not isinstance(document, self.canonical):
            why = f"is of kind {document.kind}, and {self.name} carries {self.canonical.kind}"
            raise MapError([Problem("the document", None, "", None, why, "")])
        self.given.check(document)
        if answers:
            document = self.echo.fill(document, answers)
        return self.units.write(document)

    def keeps_leftovers(self, document: Document, partner: str | None) -> bool:
        """Leftovers go back to whom they came from, in the document and by the map they came in, and nowhere else."""
        return partner is not None and document.source == self.source(partner)

    def _document(self, values: dict[str, Any], partner: str | None) -> Document:
        self.given.fill(values)
        self.units.read(values, self.canonical)
        values["source"] = self.source(partner)
        try:
            return self.canonical.model_validate(values)
        except ValidationError as error:
            raise MapError([self._missing(dict(one)) for one in error.errors()]) from None

    def _missing(self, error: Mapping[str, Any]) -> Problem:
        """What the canonical model refuses, said in the words of the document."""
        path = ".".join(str(part) for part in error["loc"] if not isinstance(part, int))
        item = ",".join(str(part + 1) for part in error["loc"] if isinstance(part, int))
        line = next((each for each in self.language.table if each.full == path), None)
        missing = error["type"] == "missing"
        return Problem(
            line.place or line.key if line is not None else "the document",
            None,
            path + (f" (number {item})" if item else ""),
            None if missing else str(error.get("input")),
            MISSING if missing else refusal(error),
            str(line.origin) if line is not None else "",
        )

    def explain(self) -> list[Effective]:
        """The effective lines, each with the file and line it was written on."""
        return list(explain(self.language.root))

    def lost(self, document: Document, *, partner: str | None = None) -> dict[str, str]:
        """What this document holds and the map does not carry: canonical path -> reason."""
        given = [".".join(path) for path in self.given.values]
        return lost(self.language, document, given, leftovers=not self.keeps_leftovers(document, partner))

    def provenance(
        self, rows: Sequence[Row], positions: Sequence[int], *, separators: tuple[str, str] = SEPARATORS
    ) -> dict[str, Found]:
        """Canonical path, as lines[0].quantity.value, -> segment, element and line of the map."""
        values, trace = self._x12.trace(rows, positions, separators)
        out: dict[str, Found] = {}

        def note(holder: dict[str, Any], path: Path, shown: str) -> bool:
            where = trace.get((id(holder), path))
            if where is not None:
                row, element, n = where
                line = self.language.table[n]
                out[shown] = Found(row + 1, f"{rows[row][0]}{element:02d}", str(line.origin))
            return where is not None

        def walk(value: Any, owner: dict[str, Any], path: Path, shown: str) -> None:
            if isinstance(value, dict):
                for name, inner in value.items():
                    if name in OWN:
                        continue
                    said = f"{shown}.{name}" if shown else name
                    if not note(value, (name,), said) and not note(owner, (*path, name), said):
                        walk(inner, owner, (*path, name), said)
                        if isinstance(inner, dict):
                            walk(inner, inner, (), said)
            elif isinstance(value, list):
                for n, item in enumerate(value):
                    if isinstance(item, dict):
                        walk(item, item, (), f"{shown}[{n}]")

        walk(values, values, (), "")
        return out


def _blocks(language: Language) -> list[Block]:
    return [item for item in language.root.items if isinstance(item, Block)]


def _carries(block: Block) -> bool:
    return any(line.kind == "field" for line in block.lines())


def lost(language: Language, document: Document, given: Collection[str], *, leftovers: bool) -> dict[str, str]:
    """Canonical path -> why the map does not carry it, for what the document holds."""
    out: dict[str, str] = {}

    def node(value: Node, prefix: Path, scope: _Covered, full: str, shown: str) -> None:
        lines, below = scope
        if leftovers and value.leftovers:
            out[f"{shown}leftovers"] = "came from another partner, document or revision of the map"
        for name in type(value).model_fields:
            inner = getattr(value, name)
            if inner is None or inner == [] or inner == {} or name in OWN:
                continue
            path, here = (*prefix, name), f"{full}{name}"
            deeper = [p for p in (*lines, *below) if p[: len(path)] == path]
            if path in lines:
                continue
            if path in below:
                inside = covered(below[path])
                for n, item in enumerate(inner if isinstance(inner, list) else [inner]):
                    index = f"[{n}]" if isinstance(inner, list) else ""
                    node(item, (), inside, f"{here}.", f"{shown}{name}{index}.")
            elif isinstance(inner, Node) and deeper:
                node(inner, path, scope, f"{here}.", f"{shown}{name}.")
            elif here in given:
                continue
            elif isinstance(inner, dict) and deeper:
                for key in inner:
                    if (*path, key) not in lines:
                        out[f"{shown}{name}.{key}"] = "no line names this one"
            else:
                out[f"{shown}{name}"] = next(
                    (language.loses[p] for p in losing(language.loses, here)), "no line carries it"
                )

    node(document, (), covered([language.root]), "", "")
    return out


_Covered = tuple[dict[Path, Line], dict[Path, list[Block]]]
