"""The lines of a map, understood as far as no document format is needed.

    KEY: FIELD [| FORMAT or TABLE] [| default V]   element <-> field
    KEY: FIELD[]                                   repeated segment or repeated element <-> list of values
    KEY: = V          KEY: = V when FIELD          written; on reading, anything else is a leftover
    KEY: = number | count TAG | sum TAGnn          worked out when written, not stored when read
    KEY+n: FIELD [| TABLE]                         qualifier/value pairs from here on <-> a dict (at most n of them)
    KEY: ignored REASON                            read by nobody, written never, and no leftover
    KEY -> FIELD: {...}     KEY -> FIELD[]: {...}  a segment or loop <-> an object; a repeated one <-> a list of objects
    KEY: {...}                                     grouping only, the same object
    KEY: ~                                         (overlay) this line is gone

One field has one place, and every field of the canonical document has a line or a reason under `loses:`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple

from gateway.canonical import DOCUMENTS, Document, Node
from gateway.mapping.faults import Fault, MapFault, MapFaults, Origin
from gateway.mapping.fields import FieldType, Path, fields_of, walk
from gateway.mapping.formats import MADE, NAMED, TEXT, Format, code_table
from gateway.mapping.source import MapText, Raw

COMPUTED = ("count", "sum")


@dataclass(slots=True, eq=False)
class Line:
    """One element and what it carries."""

    key: str
    origin: Origin
    kind: str  # field, const, number, count, sum, ignored
    path: Path = ()  # inside the block's object
    target: FieldType | None = None  # where the path leads
    format: Format = TEXT
    chosen: bool = False  # the map names the format; otherwise the compiler settles it from the two types
    value: str = ""  # a constant, what is counted, why it is ignored
    when: str = ""  # the field a constant goes with
    default: str | None = None
    n: int = -1  # its number in the map's table; a generated function names its lines so
    full: str = ""  # the canonical path from the root, for messages
    place: str = ""  # "PO102", for messages; the compiler knows

    @property
    def required(self) -> bool:
        """The canonical model cannot be without it."""
        return self.target is not None and self.target.required


@dataclass(slots=True, eq=False)
class Block:
    """A segment, loop, group of rows or element with lines of its own."""

    key: str
    origin: Origin
    path: Path = ()  # (): the lines belong to the object around it
    many: bool = False
    model: type[Node] = Document
    items: list[Line | Block] = field(default_factory=list)
    full: str = ""

    def lines(self) -> Iterator[Line]:
        """Every line here and below, in the map's order."""
        for item in self.items:
            if isinstance(item, Line):
                yield item
            else:
                yield from item.lines()


class Effective(NamedTuple):
    """A line of the map as it works after overlays and parts, and where it was written."""

    text: str
    origin: str


@dataclass(slots=True)
class Language:
    """A map whose words are understood; a compiler makes functions of it."""

    name: str
    model: type[Document]
    root: Block
    table: list[Line]
    codes: dict[str, Format]
    loses: dict[str, str]


class _Builder:
    def __init__(self, codes: dict[str, Format]) -> None:
        self.codes = codes
        self.faults: list[Fault] = []
        self.table: list[Line] = []

    def block(self, kids: Mapping[str, Raw], model: type[Node], full: str) -> list[Line | Block]:
        """The items under one key."""
        out: list[Line | Block] = []
        seen: dict[Path, Origin] = {}
        for key, raw in kids.items():
            try:
                if raw.kids is None:
                    line = self.line(key, raw, model, full)
                    line.n = len(self.table)
                    self.table.append(line)
                    out.append(line)
                    paths = [(line.path, line.origin)] if line.path else []
                else:
                    block = self.group(key, raw, raw.kids, model, full)
                    out.append(block)
                    paths = [(block.path, block.origin)] if block.path else list(_shared(block))
                for path, origin in paths:
                    if path in seen:
                        remedy = f"the other is at {seen[path]}: one field, one place"
                        raise origin.fault(f"{'.'.join(path)} already has a place", remedy)
                    seen[path] = origin
            except MapFault as fault:
                self.faults.append(fault.fault)
        return out

    def group(self, key: str, raw: Raw, kids: Mapping[str, Raw], model: type[Node], full: str) -> Block:
        """A key with keys under it."""
        place, _, words = (part.strip() for part in key.partition("->"))
        many = words.endswith("[]")
        target = words.removesuffix("[]")
        block = Block(place, raw.origin, tuple(target.split(".")) if target else (), many, model, [], full)
        if target:
            found = walk(model, block.path, raw.origin)
            if many != (found.kind == "nodes"):
                right = f"-> {target}[]" if found.kind == "nodes" else f"-> {target}"
                what = "a list" if found.kind == "nodes" else "not a list of objects"
                raise raw.origin.fault(f"{target} is {what}", f"write {place} {right}")
            if found.kind not in ("node", "nodes"):
                raise raw.origin.fault(f"{target} is not an object", f"write {place}NN: {target}")
            block.model, block.full = found.type, f"{full}{target}."
        block.items = self.block(kids, block.model, block.full)
        return block

    def line(self, key: str, raw: Raw, model: type[Node], full: str) -> Line:
        """A key with a value."""
        if raw.value is None:
            raise raw.origin.fault(f"{key} carries nothing", "name a field; ~ removes a line of the map below only")
        if "->" in key:
            raise raw.origin.fault("-> needs lines under it, or the name of a part")
        value = raw.value.strip()
        if value.startswith("="):
            return self.made(key, raw.origin, value[1:].strip())
        if value == "ignored" or value.startswith("ignored "):
            if not value[8:].strip():
                raise raw.origin.fault(f"{key} is ignored without a reason", f"write {key}: ignored REASON")
            return Line(key, raw.origin, "ignored", value=value[8:].strip())
        words, *pipes = (pipe.strip() for pipe in value.split("|"))
        many, name = words.endswith("[]"), words.removesuffix("[]")
        path = tuple(name.split("."))
        target = walk(model, path, raw.origin)
        if target.kind in ("node", "nodes"):
            raise raw.origin.fault(f"{name} is an object", f"name one of its fields, or write {key} -> {words}: ...")
        if many != (target.kind == "values"):
            raise raw.origin.fault(
                f"{name} is {'not ' * many}a list of values", f"write {key}: {name}{'' if many else '[]'}"
            )
        line = Line(key, raw.origin, "field", path, target, full=full + name)
        for pipe in pipes:
            self.pipe(line, pipe)
        if line.chosen and target.kind != "dict" and line.format.type is not target.type:
            made, wanted = line.format.type.__name__, target.type.__name__
            raise raw.origin.fault(f"{line.format.name} makes a {made}, but {name} is a {wanted}")
        return line

    def pipe(self, line: Line, pipe: str) -> None:
        """A format, a code table or a default."""
        word, _, rest = pipe.partition(" ")
        if word == "default":
            line.default = rest.strip()
            return
        if line.chosen:
            raise line.origin.fault("a line has one format", "make one code table, or one named format, of the two")
        if pipe in self.codes:
            line.format = self.codes[pipe]
        elif pipe in NAMED:
            line.format = NAMED[pipe]
        elif word in MADE and rest:
            line.format = MADE[word](rest)
        else:
            known = ", ".join((*self.codes, *NAMED, *MADE))
            raise line.origin.fault(f"there is no format or code table {pipe!r}", f"there are {known}")
        line.chosen = True

    def made(self, key: str, origin: Origin, words: str) -> Line:
        """What stands after "=": a constant, or something worked out."""
        word, _, rest = words.partition(" ")
        if words in ("number", "children"):
            return Line(key, origin, words)
        if word in COMPUTED and rest:
            return Line(key, origin, word, value=rest.strip())
        constant, _, when = (part.strip() for part in words.partition(" when "))
        if not constant:
            raise origin.fault(f"{key} has an empty constant")
        return Line(key, origin, "const", value=constant, when=when)


def _shared(block: Block) -> Iterator[tuple[Path, Origin]]:
    """The fields a grouping gives to the object around it."""
    for item in block.items:
        if item.path:
            yield item.path, item.origin
        elif isinstance(item, Block):
            yield from _shared(item)


def understand(text: MapText) -> Language:
    """The typed lines of a map, or MapFaults with every fault that shows without knowing the document format."""
    faults: list[Fault] = []
    codes: dict[str, Format] = {}
    for name, raw in text.sections["codes"].items():
        try:
            codes[name] = code_table(name, {ours: kid.value or "" for ours, kid in (raw.kids or {}).items()})
        except ValueError as error:
            remedy = "the first code of a word is written, the others are read only"
            faults.append(raw.origin.fault(f"code table {name}: {error}", remedy).fault)
    try:
        kind = text.word("canonical")
        if kind not in DOCUMENTS:
            origin = text.words["canonical"].origin
            raise origin.fault(f"there is no canonical document {kind}", f"there are {', '.join(DOCUMENTS)}")
    except MapFault as fault:
        raise MapFaults([*faults, fault.fault]) from None
    model = DOCUMENTS[kind]
    builder = _Builder(codes)
    root = Block(text.name, text.start, (), False, model)
    root.items = builder.block(text.sections["lines"], model, "")
    faults += builder.faults
    if not faults:
        faults += _undeclared(root, text.sections["loses"], text.sections["given"], text.start)
    if faults:
        raise MapFaults(faults)
    loses = {pattern: raw.value or "" for pattern, raw in text.sections["loses"].items()}
    return Language(text.name, model, root, builder.table, codes, loses)


def covered(blocks: list[Block]) -> tuple[dict[Path, Line], dict[Path, list[Block]]]:
    """What the lines of some blocks carry of one object: its values, and the blocks of its objects."""
    lines: dict[Path, Line] = {}
    below: dict[Path, list[Block]] = {}
    todo = list(blocks)
    while todo:
        for item in todo.pop().items:
            if isinstance(item, Line):
                if item.path:
                    lines[item.path] = item
            elif item.path:
                below.setdefault(item.path, []).append(item)
            else:
                todo.append(item)
    return lines, below


def losing(loses: Mapping[str, str], full: str) -> list[str]:
    """The patterns of `loses` that cover a field."""
    return [pattern for pattern in loses if fnmatchcase(full, pattern) or fnmatchcase(full, f"{pattern}.*")]


def _undeclared(root: Block, loses: Mapping[str, Raw], given: Mapping[str, Raw], start: Origin) -> list[Fault]:
    """Every canonical field is carried or declared lost, so that writing never drops silently."""
    out: list[Fault] = []
    used: set[str] = set()
    patterns = {pattern: raw.value or "" for pattern, raw in loses.items()}

    def gone(full: str) -> bool:
        covering = losing(patterns, full)
        used.update(covering)
        return bool(covering)

    def cover(model: type[Node], blocks: list[Block], full: str) -> None:
        lines, below = covered(blocks)

        def at(model: type[Node], prefix: Path, full: str) -> None:
            for name, found in fields_of(model).items():
                path, here = (*prefix, name), full + name
                deeper = any(p[: len(path)] == path for p in (*lines, *below))
                if path in lines or here in given or (found.kind == "dict" and deeper):
                    continue
                if path in below:
                    cover(found.type, below[path], f"{here}.")
                elif found.kind == "node" and deeper:
                    at(found.type, path, f"{here}.")
                elif not gone(here):
                    remedy = "map it, or name it under loses: with the reason"
                    out.append(start.fault(f"{here} has no line, so writing would drop it", remedy).fault)

        at(model, (), full)

    cover(root.model, [root], "")
    for pattern, raw in loses.items():
        if pattern not in used:
            out.append(raw.origin.fault(f"loses: {pattern} is carried or does not exist", "remove the line").fault)
        elif not raw.value:
            out.append(raw.origin.fault(f"loses: {pattern} has no reason", f"write {pattern}: REASON").fault)
    return out


def check_default(line: Line) -> None:
    """A default is written in the words of the document, so its format must read it."""
    if line.default is not None:
        try:
            line.format.read(line.default)
        except (ValueError, ArithmeticError) as error:
            raise line.origin.fault(f"default {line.default!r} {error}") from None


def explain(block: Block, depth: int = 0) -> Iterator[Effective]:
    """The effective map, a line each."""
    indent = "  " * depth
    for item in block.items:
        if isinstance(item, Line):
            yield Effective(f"{indent}{item.key}: {_said(item)}", str(item.origin))
        else:
            to = f" -> {'.'.join(item.path)}{'[]' if item.many else ''}" if item.path else ""
            yield Effective(f"{indent}{item.key}{to}:", str(item.origin))
            yield from explain(item, depth + 1)


def _said(line: Line) -> str:
    if line.kind == "const":
        return f"= {line.value}" + (f" when {line.when}" if line.when else "")
    if line.kind == "ignored":
        return f"ignored {line.value}"
    if line.kind != "field":
        return f"= {line.kind} {line.value}".rstrip()
    many = "[]" if line.target is not None and line.target.kind == "values" else ""
    chosen = f" | {line.format.name}" if line.chosen else ""
    default = f" | default {line.default}" if line.default is not None else ""
    return f"{'.'.join(line.path)}{many}{chosen}{default}"
