"""JSON documents: steps from member to member, and [child=value] where items of a list differ.

    orderNumber: order_number
    shipTo/name: ship_to.name
    references[type=DP]/value: department
    lines -> lines[]: {...}
    split: orders                     each item of the list `orders` is a document of its own, and lines start there
    options: {count: total}           how many they are, beside the list; `split: "*"` is a list that is the whole file

Numbers keep their digits: 1.50 stays 1.50. A number of our language is written as a JSON number, or as a string where
the map says `options: {numbers: strings}`; read are both. null and a missing member are the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from gateway.canonical import Document
from gateway.formats.jsonfile.reading import NotJson, Number, Stream, spell
from gateway.formats.jsonfile.reading import read as read_json
from gateway.mapping.faults import MapError, MapFaults, Origin, Problem
from gateway.mapping.language import Block, Language, Line
from gateway.mapping.source import Raw
from gateway.mapping.steps import Judges, Pathed, Step, against, alone, plain, store
from gateway.mapping.text import Part
from gateway.mapping.values import Carrier, Values, get

OPTIONS = {"numbers": "numbers", "count": ""}
At = tuple[str | int, ...]  # a JSON pointer, step by step


class _Reading(Carrier):
    """One document being read: where it stands in its file, and what of it was taken."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self.part, self.seen = part, set[At]()

    def pointer(self, at: At) -> str:
        """A place as people and JSON Pointer write it."""
        steps = [str(step).replace("~", "~0").replace("/", "~1") for step in at]
        return "/".join([self.part.place.rstrip("/"), *steps]) or "/"


class JsonTree(Pathed):
    """A JSON map, ready to run."""

    attributes = False
    lists = True
    example = "shipTo/name or references[type=DP]/value"

    def __init__(
        self, language: Language, options: Mapping[str, str], origins: Mapping[str, Raw], split: Raw | None
    ) -> None:
        super().__init__(language.root)
        for name in options:
            if name not in OPTIONS:
                raise origins[name].origin.fault(
                    f"a JSON document has no option {name}", f"it has {', '.join(OPTIONS)}"
                )
        said = {**OPTIONS, **options}
        if said["numbers"] not in ("numbers", "strings"):
            raise origins["numbers"].origin.fault("numbers: numbers or strings")
        self.strings = said["numbers"] == "strings"
        self.count = said["count"]
        self.path: list[str] | None = None
        if split is not None:
            self.path = [] if split.value == "*" else (split.value or "").split("/")
            if any(not step for step in self.path):
                raise split.origin.fault(f"split: {split.value} is no list", 'write split: orders, data/orders, or "*"')
        if self.count and not self.path:
            raise origins["count"].origin.fault("nothing is counted", "a count stands beside the list `split:` names")
        self.several = self.path is not None
        self.schema: Judges | None = None  # the partner's own, where the agreement names one
        self.check(self.root)
        if self.faults:
            raise MapFaults(self.faults)

    def name(self, name: str, origin: Origin, *, attribute: bool = False) -> str:
        return name

    # -- reading ---------------------------------------------------------
    def parts(self, chunks: Iterable[bytes]) -> Iterator[Part]:
        """The documents of a file: its one object, or each item of the list `split:` names."""
        stream = Stream(chunks)
        outer = "/".join(["", *(self.path or [])])
        number = 0
        try:
            for number, item in enumerate(stream.items(self.path), 1):
                place = f"{outer}/{item.n}" if self.several else "/"
                yield Part(number, item.offset, item.size, place, item.line, item.data)
        except NotJson as error:
            raise MapError([Problem("the file", error.line, "", None, f"is not JSON: {error}", "")]) from None
        if self.count:
            pointer = "/".join(["", *(self.path or [])[:-1], self.count])
            said = stream.members.get(pointer)
            if str(said) != str(number):
                value = None if said is None else str(said)
                why = f"is not {number}" if value else "is missing"
                raise MapError([Problem(pointer, None, "", value, why, "")])

    def fits(self, start: bytes) -> str:
        return "" if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") else "it is no JSON"

    def read(self, part: Part) -> Values:
        """The values of one document."""
        try:
            found = read_json(part.data)
        except NotJson as error:
            raise MapError([Problem(part.place, part.line, "", None, f"is not JSON: {error}", "")]) from None
        if self.schema is not None and (broken := self.schema.check(found)):
            raise MapError([against(self.schema.name, one, part.place, part.line) for one in broken])
        if not isinstance(found, dict):
            why = "is a list where an object is expected" if isinstance(found, list) else "is no object"
            raise MapError([Problem(part.place, part.line, "", None, why, "")])
        reading, values = _Reading(part), Values()
        self._read(self.root, found, (), values, reading)
        if reading.problems:
            raise MapError(reading.problems)
        if kept := list(_leftovers(found, (), reading.seen)):
            values["leftovers"] = kept
        return values

    def _read(self, block: Block, holder: dict[str, Any], at: At, values: Values, reading: _Reading) -> None:
        for item in self.exact_first(block):
            steps = self.places[id(item)].steps
            if isinstance(item, Line):
                self._line(item, holder, at, steps, values, reading)
                continue
            if not steps:
                only: Values = {}
                self._read(item, holder, at, only, reading)
                if only:
                    store(values, item, only)
                continue
            for where, found in list(_find(holder, at, steps)):
                if where in reading.seen or found is None:
                    continue
                reading.seen.add(where)
                each = list(enumerate(found)) if item.many and isinstance(found, list) else [(None, found)]
                if item.many != isinstance(found, list) and not steps[-1].child:
                    why = "is not a list" if item.many else "is a list where an object is expected"
                    self._refuse(item, reading, where, why)
                    continue
                for n, one in each:
                    here = where if n is None else (*where, n)
                    if here in reading.seen and n is not None:
                        continue
                    reading.seen.add(here)
                    self._claim(here, steps, reading)
                    if not isinstance(one, dict):
                        self._refuse(item, reading, here, "is no object")
                        continue
                    inner = values
                    if item.path:
                        inner = {}
                        store(values, item, inner)
                    self._read(item, one, here, inner, reading)
                if not item.many:
                    break

    def _line(
        self, line: Line, holder: dict[str, Any], at: At, steps: Sequence[Step], values: Values, reading: _Reading
    ) -> None:
        where, found = next(_find(holder, at, steps), ((*at, *(step.name for step in steps)), None))
        many = line.target is not None and line.target.kind == "values"
        if found is not None:
            if line.kind == "const" and _text(found) not in ("", line.value):
                return
            reading.seen.add(where)
            self._claim(where, steps, reading)
        if line.kind != "field":
            return
        if many and isinstance(found, list):
            reading.seen.update((*where, n) for n in range(len(found)))
            into: Values = {}
            for n, one in enumerate(found):
                self._value(line, _text(one), into, reading, (*where, n))
                if line.path[-1] in (inner := get(into, line.path[:-1])):
                    holder_ = values
                    for name in line.path[:-1]:
                        holder_ = holder_.setdefault(name, {})
                    holder_.setdefault(line.path[-1], []).append(inner.pop(line.path[-1]))
            return
        if isinstance(found, (dict, list)):
            what = "a list" if isinstance(found, list) else "an object"
            self._refuse(line, reading, where, f"is {what} where a value is expected")
            return
        text = _text(found)
        if text or line.default is not None:
            self._value(line, text or line.default or "", values, reading, where)

    @staticmethod
    def _value(line: Line, text: str, values: Values, reading: _Reading, where: At) -> None:
        reading.read(line, text, values, reading.part.line, place=reading.pointer(where))

    @staticmethod
    def _refuse(item: Line | Block, reading: _Reading, where: At, why: str) -> None:
        reading.problems.append(
            Problem(reading.pointer(where), reading.part.line, item.full, None, why, str(item.origin))
        )

    @staticmethod
    def _claim(where: At, steps: Sequence[Step], reading: _Reading) -> None:
        """An item told by [child=value]: the child is taken, and the item is not the rest list's."""
        depth = len(where)
        for step in reversed(steps):
            if step.child and depth:
                at = where[:depth]
                reading.seen.add(at)
                reading.seen.add((*at, step.child))
                depth -= 1
            depth -= 1

    # -- writing ---------------------------------------------------------
    def write(self, documents: Sequence[Document], *, keep: bool) -> bytes:
        """A file with one document, or with several where the map says `split:`."""
        if len(documents) != 1 and not self.several:
            raise MapError([Problem("the file", None, "", None, "a JSON file of this map holds one document", "")])
        carrier = Carrier()
        made = []
        for document in documents:
            one: dict[str, Any] = {}
            self._write(self.root, document, one, carrier)
            for pointer, (value,) in (document.leftovers or ()) if keep else ():
                _put_back(one, pointer, json.loads(value, parse_float=Number, parse_int=Number))
            made.append(one)
        if carrier.problems:
            raise MapError(carrier.problems)
        if self.schema is not None:
            broken = [against(self.schema.name, each, "/", None) for one in made for each in self.schema.check(one)]
            if broken:
                raise MapError(broken)
        if self.path is None:
            return _file(made[0])
        whole: Any = made
        for n, name in enumerate(reversed(self.path)):
            whole = {name: whole}
            if n == 0 and self.count:
                whole[self.count] = len(made)
        return _file(whole)

    def _write(self, block: Block, holder: Any, into: dict[str, Any], carrier: Carrier, number: int = 1) -> None:
        for item in block.items:
            steps = self.places[id(item)].steps
            if isinstance(item, Line):
                if item.kind == "number":
                    _reach(into, steps[:-1])[steps[-1].name] = Number(number)
                else:
                    self._say(item, holder, into, steps, carrier)
                continue
            inner = get(holder, item.path) if item.path else holder
            if not steps:
                alone(item, inner or (), carrier)
                for each in (inner or ())[:1]:
                    self._write(item, each, into, carrier)
            elif item.many:
                if inner:
                    outer = _reach(into, steps[:-1])
                    there = outer.setdefault(steps[-1].name, [])
                    for n, each in enumerate(inner, 1):
                        one: dict[str, Any] = {}
                        self._write(item, each, one, carrier, n)
                        self._taken(block, item, steps[-1], one, carrier)
                        there.append(one)
            elif inner is not None:
                made: dict[str, Any] = {}
                self._write(item, inner, made, carrier)
                if made or item.path:
                    _reach(into, steps).update(made)

    def _say(self, line: Line, holder: Any, into: dict[str, Any], steps: Sequence[Step], carrier: Carrier) -> None:
        if line.target is not None and line.target.kind == "values":
            texts = []
            for value in get(holder, line.path) or ():
                try:
                    texts.append(line.format.write(value))
                except (ValueError, ArithmeticError) as error:
                    carrier.refuse(line, None, value, error)
            if texts:
                _reach(into, steps[:-1])[steps[-1].name] = [self._spell(line, text) for text in texts]
            return
        text = carrier.write(line, holder, None)
        if text is not None:
            _reach(into, steps[:-1])[steps[-1].name] = self._spell(line, text)

    def _spell(self, line: Line, text: str) -> Any:
        """A number as a number, true and false of constants and code tables as what they are."""
        if line.target is not None and line.target.type is Decimal and not self.strings and line.format.type is Decimal:
            try:
                if str(Number(json.loads(text, parse_float=Number, parse_int=Number))) == text:
                    return Number(text)
            except ValueError:
                return text
        if text in ("true", "false") and (line.kind == "const" or line.format.table):
            return text == "true"
        return text

    def _taken(self, scope: Block, block: Block, step: Step, made: dict[str, Any], carrier: Carrier) -> None:
        """An item of a rest list must not look like a field that has a place of its own."""
        for item in scope.items:
            for other in self.places[id(item)].steps:
                if item is block or not other.child or other.name != step.name or step.child:
                    continue
                line = next(block.lines(), None)
                if line is not None and plain(made.get(other.child)) == other.value:
                    carrier.refuse(line, None, other.value, f"belongs to a field of its own, {item.key}")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return plain(value)


def _find(holder: Any, at: At, steps: Sequence[Step]) -> Iterator[tuple[At, Any]]:
    """What stands at the end of some steps."""
    if not steps:
        yield at, holder
        return
    step = steps[0]
    if not isinstance(holder, dict) or step.name not in holder:
        return
    found, here = holder[step.name], (*at, step.name)
    if not step.child:
        yield from _find(found, here, steps[1:])
        return
    for n, one in enumerate(found if isinstance(found, list) else ()):
        if isinstance(one, dict) and plain(one.get(step.child)) == step.value:
            yield from _find(one, (*here, n), steps[1:])


def _reach(into: dict[str, Any], steps: Sequence[Step]) -> dict[str, Any]:
    """The object at the end of some steps, made where it is not there yet."""
    for step in steps:
        if not step.child:
            into = into.setdefault(step.name, {})
            continue
        items = into.setdefault(step.name, [])
        found = next((one for one in items if plain(one.get(step.child)) == step.value), None)
        if found is None:
            found = {step.child: step.value}
            items.append(found)
        into = found
    return into


def _leftovers(value: Any, at: At, seen: set[At]) -> Iterator[tuple[str, list[str]]]:
    """What no line took, by its pointer."""
    if isinstance(value, dict) and (value or not at):
        for name, inner in value.items():
            if (*at, name) not in seen or isinstance(inner, (dict, list)):
                yield from _leftovers(inner, (*at, name), seen)
    elif isinstance(value, list) and value:
        for n, inner in enumerate(value):
            yield from _leftovers(inner, (*at, n), seen)
    elif at not in seen and value is not None:
        pointer = "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in at)
        yield f"/{pointer}", [spell(value, None)]


def _put_back(into: dict[str, Any], pointer: str, value: Any) -> None:
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/")]
    holder: Any = into
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        fresh: Any = value if following is None else [] if following.isdecimal() else {}
        if isinstance(holder, list):
            while len(holder) <= int(step):
                holder.append(fresh if len(holder) == int(step) else {})
            holder = holder[int(step)]
        else:
            holder = holder.setdefault(step, fresh)


def _file(value: Any) -> bytes:
    return (spell(value) + "\n").encode()
