"""XML documents: steps from element to element, @attributes, and [child=value] where elements of one name differ.

    cbc:ID: order_number
    cac:LineItem/cbc:Quantity/@unitCode: quantity.unit | unit
    cac:AdditionalDocumentReference[cbc:DocumentTypeCode=DP]/cbc:ID: department
    cac:OrderLine -> lines[]: {...}

Lines of one scope form a tree of steps, so that siblings share their parents; an element is written when anything in it
has a value. Elements are written in the order of the map's lines, or in that of `options: sequence NAME: child ...`.
Nothing a sender writes makes us fetch, expand or fill memory: DTDs, entities and deep or huge documents are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from lxml import etree

from gateway.canonical import Document
from gateway.mapping.faults import Fault, MapError, MapFault, MapFaults, Origin, Problem
from gateway.mapping.language import Block, Language, Line
from gateway.mapping.source import Raw
from gateway.mapping.values import Carrier, Values, get, put, settle

_STEP = re.compile(r"(?P<name>[\w.:-]+)(?:\[(?P<child>@?[\w.:-]+)=(?P<value>[^\]]*)\])?$")
_SPLIT = re.compile(r"[^/\[]+(?:\[[^\]]*\])?")
_KEPT = re.compile(r"/((?:\{[^}]*\})?[^/\[]+)\[(\d+)\]")
_DEEPEST = 100  # UBL and cXML stay below 20

Element = Any  # lxml's elements; its stubs make every text optional bytes


@dataclass(frozen=True, slots=True)
class Step:
    """One element on the way."""

    name: str
    child: str = ""  # the child element whose text, or @attribute whose value, tells it from others of its name
    value: str = ""

    def matches(self, element: Element) -> bool:
        if element.tag != self.name or not self.child:
            return bool(element.tag == self.name)
        if self.child[0] == "@":
            return bool(element.get(self.child[1:]) == self.value)
        return _text(element.find(self.child)) == self.value

    def mark(self, element: Element) -> object:
        """What of the element the test has used up."""
        return (id(element), self.child[1:]) if self.child[0] == "@" else id(element.find(self.child))

    def name_it(self, element: Element) -> None:
        """Make the element pass the test."""
        if self.child[:1] == "@":
            element.set(self.child[1:], self.value)
        elif self.child:
            made: Element = etree.SubElement(element, self.child)
            made.text = self.value


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line or block stands under the element of its scope."""

    steps: tuple[Step, ...]
    attribute: str = ""


class Tree:
    """An XML map, ready to run."""

    def __init__(
        self, language: Language, options: Mapping[str, str], origins: Mapping[str, Raw], start: Origin
    ) -> None:
        self.faults: list[Fault] = []
        self.namespaces: dict[str, str] = {"": options.get("xmlns", "")}
        self.sequences: dict[str, dict[str, int]] = {}
        if not options.get("root"):
            raise start.fault("an XML map names its root element", "write options: {root: Order}")
        for name, value in options.items():
            if name.startswith("xmlns:"):
                self.namespaces[name[6:]] = value
            elif name not in ("root", "xmlns") and not name.startswith("sequence "):
                raise origins[name].origin.fault(
                    f"an XML document has no option {name}", "it has root, xmlns, sequence NAME"
                )
        for name, value in options.items():
            if name.startswith("sequence "):
                origin = origins[name].origin
                order = {self._clark(child, origin): n for n, child in enumerate(value.split())}
                self.sequences[self._clark(name[9:].strip(), origin)] = order
        self.root_name = self._clark(options["root"], origins["root"].origin)
        self.root = language.root
        self.places: dict[int, Place] = {}
        self._check(self.root)
        if self.faults:
            raise MapFaults(self.faults)

    # -- loading ---------------------------------------------------------
    def _clark(self, name: str, origin: Origin, *, attribute: bool = False) -> str:
        prefix, _, local = name.rpartition(":")
        if prefix not in self.namespaces:
            raise origin.fault(
                f"there is no namespace prefix {prefix}", f"declare it: options: {{xmlns:{prefix}: ...}}"
            )
        uri = "" if attribute and not prefix else self.namespaces[prefix]
        return f"{{{uri}}}{local}" if uri else local

    def _place(self, key: str, origin: Origin) -> Place:
        steps, attribute = [], ""
        for part in _SPLIT.findall(key):
            if part.startswith("@"):
                attribute = self._clark(part[1:], origin, attribute=True)
                continue
            match = _STEP.match(part)
            if not match or attribute:
                raise origin.fault(
                    f"{part!r} is not a step", "write cac:Party/cbc:Name, @attr or cac:X[cbc:Name=value]"
                )
            child = match["child"] or ""
            if child:
                is_attribute = child[0] == "@"
                child = "@" * is_attribute + self._clark(child.removeprefix("@"), origin, attribute=is_attribute)
            steps.append(Step(self._clark(match["name"], origin), child, match["value"] or ""))
        return Place(tuple(steps), attribute)

    def _check(self, block: Block) -> None:
        seen: dict[Place, Origin] = {}
        for item in block.items:
            try:
                place = self.places[id(item)] = self._place(item.key, item.origin)
                if isinstance(item, Line):
                    item.place = item.key
                    settle(item)
                    if place in seen:
                        raise item.origin.fault(f"{item.key} already has a line", f"at {seen[place]}")
                    seen[place] = item.origin
                elif place.attribute or not place.steps:
                    raise item.origin.fault(f"{item.key}: lines under it need an element")
            except MapFault as fault:
                self.faults.append(fault.fault)
            if isinstance(item, Block):
                self._check(item)

    # -- reading ---------------------------------------------------------
    def read(self, data: bytes | str) -> list[Values]:
        """The values of the document in a file."""
        root = parse(data)
        if root.tag != self.root_name:
            raise MapError([Problem("the file", None, "", str(root.tag), f"is not {self.root_name}", "")])
        everything = list(root.iter())  # holds the elements, so that id() names them
        carrier = Carrier()
        seen: set[object] = set()
        values: Values = {}
        self._read(self.root, root, values, seen, carrier)
        if carrier.problems:
            raise MapError(carrier.problems)
        if kept := list(_leftovers(root, "", seen)):
            values["leftovers"] = sorted(kept)
        del everything
        return [values]

    def _read(self, block: Block, element: Element, values: Values, seen: set[object], carrier: Carrier) -> None:
        exact_first = sorted(
            block.items, key=lambda item: -sum(bool(step.child) for step in self.places[id(item)].steps)
        )
        for item in exact_first:
            place = self.places[id(item)]
            if isinstance(item, Block):
                for found in _find(element, place.steps):
                    if id(found) in seen:
                        continue
                    seen.add(id(found))
                    self._claim(element, found, place.steps, seen)
                    inner = values
                    if item.path:
                        inner = {}
                        self._store(values, item, inner)
                    self._read(item, found, inner, seen, carrier)
                    if not item.many:
                        break
                continue
            found = next(_find(element, place.steps), None)
            text = None if found is None else (found.get(place.attribute) if place.attribute else found.text)
            text = (text or "").strip()
            if found is not None:
                self._claim(element, found, place.steps, seen)
                if item.kind == "const" and text not in ("", item.value):
                    continue
                seen.add((id(found), place.attribute) if place.attribute else id(found))
            if item.kind == "field" and (text or item.default is not None):
                line = found.sourceline if found is not None else None
                carrier.read(item, text or item.default or "", values, line)

    @staticmethod
    def _claim(scope: Element, found: Element, steps: Sequence[Step], seen: set[object]) -> None:
        """What a [child=value] matched is taken: no leftover, and not the rest list's."""
        for step in reversed(steps):
            if step.child:
                if step.child[0] != "@":
                    seen.add(id(found))
                seen.add(step.mark(found))
            found = found.getparent()
            if found is scope:
                return

    @staticmethod
    def _store(values: Values, block: Block, inner: Values) -> None:
        if not block.many:
            put(values, block.path, inner)
            return
        for name in block.path[:-1]:
            values = values.setdefault(name, {})
        values.setdefault(block.path[-1], []).append(inner)

    # -- writing ---------------------------------------------------------
    def write(self, documents: Sequence[Document], *, keep: bool) -> bytes:
        """A file with one document."""
        if len(documents) != 1:
            raise MapError([Problem("the file", None, "", None, "an XML file holds one document", "")])
        carrier = Carrier()
        prefixes = {prefix or None: uri for prefix, uri in self.namespaces.items() if uri}
        root = etree.Element(self.root_name, nsmap=cast(Any, prefixes))
        self._write(self.root, documents[0], root, carrier)
        if keep and documents[0].leftovers:
            _put_back(root, documents[0].leftovers)
        if carrier.problems:
            raise MapError(carrier.problems)
        self._arrange(root)
        return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True))

    def _write(self, block: Block, holder: Any, element: Element, carrier: Carrier) -> None:
        for item in block.items:
            place = self.places[id(item)]
            if isinstance(item, Line):
                text = carrier.write(item, holder, None)
                if text is not None:
                    self._set(self._reach(element, place.steps), place.attribute, text, item, carrier)
                continue
            inner = get(holder, item.path) if item.path else holder
            for each in inner if item.many else ([] if inner is None else [inner]):
                *above, last = place.steps
                made = etree.SubElement(self._reach(element, above), last.name)
                last.name_it(made)
                self._write(item, each, made, carrier)
                self._taken(block, item, last, made, carrier)
                if not item.path and not len(made) and not made.attrib and not made.text:
                    self._drop(made)

    @staticmethod
    def _set(element: Element, attribute: str, text: str, line: Line, carrier: Carrier) -> None:
        try:
            if attribute:
                element.set(attribute, text)
            else:
                element.text = text
        except ValueError as error:  # a character XML cannot hold
            carrier.refuse(line, None, text, error)

    @staticmethod
    def _drop(element: Element) -> None:
        element.getparent().remove(element)

    def _reach(self, element: Element, steps: Sequence[Step]) -> Element:
        """The element at the end of some steps, made where it is not there yet."""
        for step in steps:
            found = next((child for child in element if step.matches(child)), None)
            if found is None:
                found = etree.SubElement(element, step.name)
                step.name_it(found)
            element = found
        return element

    def _taken(self, scope: Block, block: Block, step: Step, made: Element, carrier: Carrier) -> None:
        """An item of a rest list must not look like a field that has a place of its own."""
        for item in scope.items:
            for other in self.places[id(item)].steps:
                if item is not block and other.child and not step.child and other.matches(made):
                    line = next(block.lines(), None)
                    if line is not None:
                        carrier.refuse(line, None, other.value, f"belongs to a field of its own, {item.key}")

    def _arrange(self, element: Element) -> None:
        """Children in the order the schema wants, where the map says it."""
        order = self.sequences.get(element.tag)
        if order is not None:
            element[:] = sorted(element, key=lambda child: order.get(child.tag, len(order)))
        for child in element:
            self._arrange(child)


def parse(data: bytes | str) -> Element:
    """The root of a document; MapError for what is not XML or not harmless."""
    raw = data.encode() if isinstance(data, str) else data
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root: Element = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        position = error.lineno or None
        raise MapError([Problem("the file", position, "", None, f"is not XML: {error.msg}", "")]) from None
    if any(node.tag is etree.Entity for node in root.iter()):
        raise MapError([Problem("the file", None, "", None, "uses entities of its own, which we do not expand", "")])
    if any(_too_deep(root)):
        raise MapError([Problem("the file", None, "", None, f"is nested deeper than {_DEEPEST} elements", "")])
    return root


def _too_deep(root: Element) -> Iterator[bool]:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        yield depth > _DEEPEST


def _text(element: Element) -> str:
    return "" if element is None else (element.text or "").strip()


def _find(element: Element, steps: Sequence[Step]) -> Iterator[Element]:
    """The elements at the end of some steps."""
    if not steps:
        yield element
        return
    for child in element:
        if steps[0].matches(child):
            yield from _find(child, steps[1:])


def _leftovers(element: Element, path: str, seen: set[object]) -> Iterator[tuple[str, list[str]]]:
    """Texts and attributes no line took, by their path: /tag[n]/tag[n]@attribute."""
    for name, value in element.attrib.items():
        if (id(element), name) not in seen:
            yield f"{path}@{name}", [value]
    count: dict[str, int] = {}
    for child in element:
        count[child.tag] = count.get(child.tag, 0) + 1
        yield from _leftovers(child, f"{path}/{child.tag}[{count[child.tag]}]", seen)
    if not len(element) and id(element) not in seen:
        yield path, [_text(element)]


def _put_back(root: Element, kept: Sequence[tuple[str, list[str]]]) -> None:
    for at, (value,) in kept:
        path, _, attribute = at.rpartition("@") if re.search(r"(^|\])@", at) else (at, "", "")
        element = root
        for tag, n in _KEPT.findall(path):
            have = element.findall(tag)
            while len(have) < int(n):
                have.append(etree.SubElement(element, tag))
            element = have[int(n) - 1]
        if attribute:
            element.set(attribute, value)
        elif value:
            element.text = value
