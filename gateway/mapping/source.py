"""The text of a map: YAML in, effective lines out, every line with the file and line it was written on.

Every scalar is text (country NO stays NO, code 01 stays 01). `uses` brings tables and parts of other files, `extends`
lays a map over another: the same key replaces, the same FIELD at another key replaces too, `~` removes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml

from gateway.mapping.faults import Fault, MapFault, MapFaults, Origin
from gateway.mapping.yaml_syntax import in_words

SECTIONS = ("options", "codes", "convert", "parts", "echo", "given", "lines", "loses", "unusual")
WORDS = ("map", "document", "canonical", "extends", "uses", "split")


@dataclass(frozen=True, slots=True)
class Raw:
    """One key of the text: a value, or the keys under it, or (value and kids None) `~`."""

    key: str
    origin: Origin
    value: str | None = None
    kids: dict[str, Raw] | None = None

    def plain(self) -> Any:
        """What it says, without where."""
        return self.value if self.kids is None else {key: kid.plain() for key, kid in self.kids.items()}


@dataclass(slots=True)
class MapText:
    """A map after its overlays, before its lines are understood."""

    name: str
    words: dict[str, Raw]
    sections: dict[str, dict[str, Raw]]
    files: tuple[str, ...] = ()  # every file that has a part in it, its own first
    own: tuple[str, ...] = ()  # without those of the map below
    start: Origin = field(default_factory=lambda: Origin("", 1))

    def word(self, name: str) -> str:
        """A word every map must say."""
        raw = self.words.get(name)
        if raw is None or not raw.value:
            raise self.start.fault(f"the map does not say its {name}", f"write {name}: ... at the top")
        return raw.value

    def revision(self) -> str:
        """The hash of what the map says: comments, places of lines, parts and tables it does not use do not count."""
        said = {key: raw.plain() for key, raw in self.words.items() if key not in ("map", "extends", "uses")}
        sections = {name: {key: raw.plain() for key, raw in kids.items()} for name, kids in self.sections.items()}
        del sections["parts"]  # they stand in the lines
        used = set(_pipes(self.sections["lines"].values()))
        sections["codes"] = {name: rows for name, rows in sections["codes"].items() if name in used}
        return hashlib.sha256(json.dumps([said, sections]).encode()).hexdigest()


def _pipes(lines: Iterable[Raw]) -> Iterator[str]:
    """The formats and tables some lines name."""
    for raw in lines:
        if raw.kids is not None:
            yield from _pipes(raw.kids.values())
        else:
            yield from (pipe.strip() for pipe in (raw.value or "").split("|")[1:])


@lru_cache(maxsize=1024)  # a book is read anew at every change of one of its files
def read_yaml(text: str, file: str) -> Mapping[str, Raw]:
    """The keys of a file; MapFaults where it is not YAML we use."""
    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))
    except yaml.YAMLError as error:
        line, said, remedy = in_words(text, _slowly(text) or error)
        raise MapFaults([Fault(file, line, said, remedy)]) from None
    if not isinstance(node, yaml.MappingNode):
        raise MapFaults([Fault(file, 1, "a map is made of keys with values", "begin with map: NAME")])
    try:
        return _raw(node, file, 0)
    except MapFault as fault:
        raise MapFaults([fault.fault]) from None


def _slowly(text: str) -> yaml.YAMLError | None:
    """What PyYAML's own reader says of it."""
    try:
        yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        return error
    return None


def _raw(node: yaml.MappingNode, file: str, depth: int) -> dict[str, Raw]:
    found: dict[str, Raw] = {}
    if depth > 40:
        raise Origin(file, node.start_mark.line + 1).fault("is nested too deeply")
    for key_node, value in node.value:
        origin = Origin(file, key_node.start_mark.line + 1)
        if not isinstance(key_node, yaml.ScalarNode):
            raise origin.fault("a key must be a word")
        key = " ".join(key_node.value.split())
        if key in found:
            raise origin.fault(f"{key} is written twice", f"first in line {found[key].origin.line}; keep one of them")
        if isinstance(value, yaml.MappingNode):
            found[key] = Raw(key, origin, None, _raw(value, file, depth + 1))
        elif isinstance(value, yaml.ScalarNode):
            removes = value.value in ("~", "") and not value.style
            found[key] = Raw(key, origin, None if removes else value.value)
        else:
            raise origin.fault(f"{key}: a list has no meaning here", "write one key a line")
    return found


def assemble(name: str, files: Mapping[str, str], seen: tuple[str, ...] = ()) -> MapText:
    """The effective text of a map: its own file, those it uses, those it extends."""
    file = f"{name}.yaml"
    if file not in files:
        raise MapFaults([Fault(file, 1, f"there is no map {name}", _names(files))])
    top = read_yaml(files[file], file)
    start = Origin(file, 1)
    for key, raw in top.items():
        if key not in WORDS and key not in SECTIONS:
            raise MapFaults(
                [_at(raw, f"{key} is not a part of a map", "its parts are " + ", ".join((*WORDS, *SECTIONS)))]
            )
        if (raw.kids is None) == (key in SECTIONS) and raw.value is not None:
            raise MapFaults([_at(raw, f"{key}: expected {'keys under it' if key in SECTIONS else 'a word'}")])
    words = {key: raw for key, raw in top.items() if key in WORDS}
    sections = {key: top[key].kids or {} if key in top else {} for key in SECTIONS}
    try:
        if "extends" not in words:
            return _base(name, words, sections, files, start)
        below = words["extends"].value or ""
        if below in seen or below == name:
            raise words["extends"].origin.fault(f"{below} extends itself")
        if f"{below}.yaml" not in files:
            raise words["extends"].origin.fault(f"there is no map {below}", _names(files))
        return _over(assemble(below, files, (*seen, name)), name, words, sections, start)
    except MapFault as fault:
        raise MapFaults([fault.fault]) from None


def _base(
    name: str, words: dict[str, Raw], sections: dict[str, dict[str, Raw]], files: Mapping[str, str], start: Origin
) -> MapText:
    used: list[str] = []
    parts: dict[str, Raw] = {}
    codes: dict[str, Raw] = {}
    if "uses" in words:
        for other in (words["uses"].value or "").split():
            file = f"{other}.yaml"
            if file not in files:
                raise words["uses"].origin.fault(f"there is no file {file}", _names(files))
            common = read_yaml(files[file], file)
            for section, into in (("codes", codes), ("parts", parts)):
                if section in common:
                    into.update(common[section].kids or {})
            used.append(file)
    sections["codes"] = codes | sections["codes"]
    sections["parts"] = parts | sections["parts"]
    sections["lines"] = expand(sections["lines"], sections["parts"])
    return MapText(name, words, sections, (f"{name}.yaml", *used), (f"{name}.yaml", *used), start)


def _over(
    base: MapText, name: str, words: dict[str, Raw], sections: dict[str, dict[str, Raw]], start: Origin
) -> MapText:
    parts = base.sections["parts"] | sections["parts"]
    lines = expand(sections["lines"], parts)
    merged = {
        "parts": parts,
        "codes": {**base.sections["codes"], **sections["codes"]},  # a table is replaced whole
        "lines": overlay(base.sections["lines"], lines),
    }
    for section in ("options", "convert", "echo", "given", "loses", "unusual"):
        merged[section] = overlay(base.sections[section], sections[section])
    return MapText(name, base.words | words, merged, (f"{name}.yaml", *base.files), (f"{name}.yaml",), start)


def overlay(base: Mapping[str, Raw], top: Mapping[str, Raw]) -> dict[str, Raw]:
    """The lines of `top` over those of `base`."""
    out = dict(base)
    for key, raw in top.items():
        if raw.kids is None and raw.value is None:
            if key not in out:
                raise raw.origin.fault(f"{key}: ~ removes nothing", "there is no such line in the map below")
            del out[key]
            continue
        there = out.get(key)
        if raw.kids is not None and there is not None and there.kids is not None:
            out[key] = Raw(key, there.origin, None, overlay(there.kids, raw.kids))
            continue
        target = field_of(raw)
        if target and key not in out:
            for other in [k for k, below in out.items() if field_of(below) == target]:
                del out[other]
        out[key] = raw
    return out


def field_of(raw: Raw) -> str | None:
    """The canonical field a line or block carries."""
    if "->" in raw.key:
        return raw.key.partition("->")[2].strip()
    if raw.kids is not None or raw.value is None or raw.value.startswith(("=", "ignored ")):
        return None
    return raw.value.partition("|")[0].strip()


def expand(kids: Mapping[str, Raw], parts: Mapping[str, Raw], depth: int = 0) -> dict[str, Raw]:
    """Parts put in place: KEY -> FIELD: part, and use: part inside a block."""
    out: dict[str, Raw] = {}
    for key, raw in kids.items():
        if key == "use":
            for part in (raw.value or "").split():
                for name, line in expand(_part(part, raw.origin, parts, depth), parts, depth + 1).items():
                    out.setdefault(name, line)
        elif raw.kids is not None:
            out[key] = Raw(key, raw.origin, None, expand(raw.kids, parts, depth))
        elif "->" in key and raw.value is not None:
            out[key] = Raw(key, raw.origin, None, expand(_part(raw.value, raw.origin, parts, depth), parts, depth + 1))
        else:
            out[key] = raw
    return out


def with_rows(text: MapText, rows: Mapping[str, Raw], asked: Iterable[str] = ()) -> MapText:
    """The map with a partner's own rows (`codes:`, `convert:`) laid over its tables, row by row.

    A code the partner gives another meaning loses the map's. The tables in `asked` pass nothing on that they do not
    name. Tables and conversions of units this map does not have are for other maps.
    """
    tables = dict(text.sections["codes"])
    for name, table in (rows["codes"].kids or {} if "codes" in rows else {}).items():
        if name in tables:
            tables[name] = _table_over(tables[name], table)
    for name in asked:
        if name in tables:
            below = tables[name]
            kids = {word: row for word, row in (below.kids or {}).items() if word != "*"}
            tables[name] = Raw(below.key, below.origin, None, kids)
    convert = dict(text.sections["convert"])
    units = tables.get("unit")
    words = set(units.kids or {}) if units is not None else set()
    for key, raw in (rows["convert"].kids or {} if "convert" in rows else {}).items():
        if units is None or key.partition(" of ")[0] in words:
            convert[key] = raw
    return MapText(
        text.name, text.words, {**text.sections, "codes": tables, "convert": convert}, text.files, text.own, text.start
    )


def _table_over(below: Raw, over: Raw) -> Raw:
    claimed = {code for row in (over.kids or {}).values() for code in (row.value or "").split()}
    kids: dict[str, Raw] = {}
    for word, row in (below.kids or {}).items():
        left = [code for code in (row.value or "").split() if word == "*" or code not in claimed]
        if left and word not in (over.kids or {}):
            kids[word] = Raw(word, row.origin, " ".join(left))
    return Raw(below.key, over.origin, None, {**(over.kids or {}), **kids})


def _part(name: str, origin: Origin, parts: Mapping[str, Raw], depth: int) -> dict[str, Raw]:
    if name not in parts or depth > 20:
        raise origin.fault(
            f"there is no part {name}" if depth <= 20 else f"part {name} holds itself", _list("parts", parts)
        )
    return parts[name].kids or {}


def _at(raw: Raw, text: str, remedy: str = "") -> Fault:
    return raw.origin.fault(text, remedy).fault


def _list(what: str, names: Iterable[str]) -> str:
    return f"{what}: {', '.join(names)}"


def _names(files: Mapping[str, str]) -> str:
    return _list("there are", sorted(file.removesuffix(".yaml") for file in files))
