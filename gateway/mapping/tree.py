"""XML documents: steps from element to element, @attributes, and [child=value] where elements of one name differ.

    cbc:ID: order_number
    cac:LineItem/cbc:Quantity/@unitCode: quantity.unit | unit
    cac:AdditionalDocumentReference[cbc:DocumentTypeCode=DP]/cbc:ID: department
    cac:OrderLine -> lines[]: {...}

    split: Order                      each Order under the root is a document of its own, and lines start there

Lines of one scope form a tree of steps, so that siblings share their parents; an element is written when anything in it
has a value. Elements are written in the order of the map's lines, or in that of `options: sequence NAME: child ...`.
Nothing a sender writes makes us fetch, expand or fill memory: DTDs, entities and deep or huge documents are refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast
from xml.sax.saxutils import quoteattr

from lxml import etree

from gateway.canonical import Document
from gateway.formats.xml.parts import DEEPEST, NotXml, local
from gateway.formats.xml.parts import read as elements
from gateway.mapping.faults import MapError, MapFaults, Origin, Problem
from gateway.mapping.language import Block, Language, Line
from gateway.mapping.source import Raw
from gateway.mapping.steps import Judges, Pathed, Step, against, alone, placed, store
from gateway.mapping.text import Part, whole
from gateway.mapping.values import Carrier, Values, get

_KEPT = re.compile(r"/((?:\{[^}]*\})?[^/\[]+)\[(\d+)\]")

Element = Any  # lxml's elements; its stubs make every text optional bytes


def matches(step: Step, element: Element) -> bool:
    """Whether this is the element a step asks for."""
    if element.tag != step.name or not step.child:
        return bool(element.tag == step.name)
    if step.child[0] == "@":
        return bool(element.get(step.child[1:]) == step.value)
    return _text(element.find(step.child)) == step.value


def mark(step: Step, element: Element) -> object:
    """What of the element the test has used up."""
    return (id(element), step.child[1:]) if step.child[0] == "@" else id(element.find(step.child))


def name_it(step: Step, element: Element) -> None:
    """Make the element pass the test."""
    if step.child[:1] == "@":
        element.set(step.child[1:], step.value)
    elif step.child:
        made: Element = etree.SubElement(element, step.child)
        made.text = step.value


class _Reading(Carrier):
    """One document being read, and where it stands in its file."""

    def __init__(self, part: Part, around: Element) -> None:
        super().__init__()
        self.part, self.around = part, around

    def line(self, element: Element) -> int:
        """The line of the file an element begins in."""
        return int(element.sourceline or 1) + self.part.line - 1

    def where(self, element: Element, attribute: str = "") -> str:
        """The XPath of an element, by local names, counted where there are several."""
        steps: list[str] = []
        while True:
            parent = element.getparent()
            if parent is None or parent is self.around:
                break
            same = [child for child in parent if child.tag == element.tag]
            name = local(element.tag)
            steps.append(f"{name}[{same.index(element) + 1}]" if len(same) > 1 else name)
            element = parent
        path = "/".join([self.part.place, *reversed(steps)])
        return f"{path}/@{local(attribute)}" if attribute else path


class Tree(Pathed):
    """An XML map, ready to run."""

    def __init__(
        self,
        language: Language,
        options: Mapping[str, str],
        origins: Mapping[str, Raw],
        start: Origin,
        split: Raw | None = None,
    ) -> None:
        super().__init__(language.root)
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
                order = {self.name(child, origin): n for n, child in enumerate(value.split())}
                self.sequences[self.name(name[9:].strip(), origin)] = order
        self.root_name = self.name(options["root"], origins["root"].origin)
        self.path: list[str] = []  # from the root to the element that is one document, where a file holds several
        if split is not None:
            steps = self.place(split.value or "", split.origin)
            if not steps.steps or steps.attribute or any(step.child for step in steps.steps):
                raise split.origin.fault(f"split: {split.value} is no element", "write split: Order, or Body/Order")
            self.path = [self.root_name, *(step.name for step in steps.steps)]
        self.several = bool(self.path)
        self.schema: Judges | None = None  # the partner's own, where the agreement names one
        self.check(self.root)
        if self.faults:
            raise MapFaults(self.faults)

    # -- loading ---------------------------------------------------------
    def name(self, name: str, origin: Origin, *, attribute: bool = False) -> str:
        prefix, _, local = name.rpartition(":")
        if prefix not in self.namespaces:
            raise origin.fault(
                f"there is no namespace prefix {prefix}", f"declare it: options: {{xmlns:{prefix}: ...}}"
            )
        uri = "" if attribute and not prefix else self.namespaces[prefix]
        return f"{{{uri}}}{local}" if uri else local

    # -- reading ---------------------------------------------------------
    def parts(self, chunks: Iterable[bytes]) -> Iterator[Part]:
        """The documents of a file: its one document, or each of the elements `split:` names."""
        if not self.path:
            data = whole(chunks)
            yield Part(1, 0, len(data), f"/{local(self.root_name)}", 1, data)
            return
        steps = [local(name) for name in self.path]
        number = 0
        try:
            for found in elements(chunks, self.path):
                number = found.number
                place = "/" + "/".join([*steps[:-1], f"{steps[-1]}[{number}]"])
                head = json.dumps([found.encoding, found.namespaces])
                yield Part(number, found.offset, found.size, place, found.line, found.data, head)
        except NotXml as error:
            raise MapError([Problem("the file", error.line, "", None, str(error), "")]) from None

    def fits(self, start: bytes) -> str:
        found = root_of(start)
        return "" if found in ("", self.root_name) else f"its root is {found}, not {self.root_name}"

    def read(self, part: Part) -> Values:
        """The values of one document."""
        element, around = self._element(part)
        if self.schema is not None and (broken := self.schema.check(element)):
            raise MapError([against(self.schema.name, one, part.place, part.line) for one in broken])
        everything = list(element.iter())  # holds the elements, so that id() names them
        carrier = _Reading(part, around)
        seen: set[object] = set()
        values: Values = {}
        self._read(self.root, element, values, seen, carrier)
        if carrier.problems:
            raise MapError(carrier.problems)
        if kept := list(_leftovers(element, "", seen)):
            values["leftovers"] = sorted(kept)
        del everything
        return values

    def _element(self, part: Part) -> tuple[Element, Element]:
        """The document's element, and the element around it that is none of ours."""
        if not self.path:
            root = parse(part.data)
            if root.tag != self.root_name:
                raise MapError([Problem("the file", None, "", str(root.tag), f"is not {self.root_name}", "")])
            return root, None
        encoding, namespaces = json.loads(part.head)
        said = " ".join(f"xmlns{':' if prefix else ''}{prefix}={quoteattr(uri)}" for prefix, uri in namespaces.items())
        around = parse(f"<around {said}>{part.data.decode(encoding)}</around>")
        return around[0], around

    def _read(self, block: Block, element: Element, values: Values, seen: set[object], carrier: _Reading) -> None:
        for item in self.exact_first(block):
            place = self.places[id(item)]
            if isinstance(item, Block):
                if not place.steps:
                    only: Values = {}
                    self._read(item, element, only, seen, carrier)
                    if only:
                        store(values, item, only)
                    continue
                for found in _find(element, place.steps):
                    if id(found) in seen:
                        continue
                    seen.add(id(found))
                    self._claim(element, found, place.steps, seen)
                    inner = values
                    if item.path:
                        inner = {}
                        store(values, item, inner)
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
                since = len(carrier.problems)
                carrier.read(item, text or item.default or "", values, None)
                if len(carrier.problems) > since:
                    at = element if found is None else found
                    attribute = place.attribute if found is not None else ""
                    placed(carrier, since, carrier.where(at, attribute), carrier.line(at))

    @staticmethod
    def _claim(scope: Element, found: Element, steps: Sequence[Step], seen: set[object]) -> None:
        """What a [child=value] matched is taken: no leftover, and not the rest list's."""
        for step in reversed(steps):
            if step.child:
                if step.child[0] != "@":
                    seen.add(id(found))
                seen.add(mark(step, found))
            found = found.getparent()
            if found is scope:
                return

    # -- writing ---------------------------------------------------------
    def write(self, documents: Sequence[Document], *, keep: bool) -> bytes:
        """A file with one document, or with several where the map says `split:`."""
        if len(documents) != 1 and not self.path:
            raise MapError([Problem("the file", None, "", None, "an XML file of this map holds one document", "")])
        carrier = Carrier()
        prefixes = {prefix or None: uri for prefix, uri in self.namespaces.items() if uri}
        root = etree.Element(self.root_name, nsmap=cast(Any, prefixes))
        inner = self._reach(root, [Step(name) for name in self.path[1:-1]])
        for document in documents:
            element = etree.SubElement(inner, self.path[-1]) if self.path else root
            self._write(self.root, document, element, carrier)
            if keep and document.leftovers:
                _put_back(element, document.leftovers)
        if carrier.problems:
            raise MapError(carrier.problems)
        self._arrange(root)
        if self.schema is not None:
            made = [*inner.iterchildren(self.path[-1])] if self.path else [root]
            broken = [
                against(self.schema.name, one, f"/{local(str(each.tag))}", None)
                for each in made
                for one in self.schema.check(each)
            ]
            if broken:
                raise MapError(broken)
        return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True))

    def _write(self, block: Block, holder: Any, element: Element, carrier: Carrier, number: int = 1) -> None:
        for item in block.items:
            place = self.places[id(item)]
            if isinstance(item, Line):
                text = str(number) if item.kind == "number" else carrier.write(item, holder, None)
                if text is not None:
                    self._set(self._reach(element, place.steps), place.attribute, text, item, carrier)
                continue
            inner = get(holder, item.path) if item.path else holder
            if not place.steps:
                alone(item, inner or (), carrier)
                for each in (inner or ())[:1]:
                    self._write(item, each, element, carrier)
                continue
            for n, each in enumerate(inner if item.many else ([] if inner is None else [inner]), 1):
                *above, last = place.steps
                made = etree.SubElement(self._reach(element, above), last.name)
                name_it(last, made)
                self._write(item, each, made, carrier, n)
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
            found = next((child for child in element if matches(step, child)), None)
            if found is None:
                found = etree.SubElement(element, step.name)
                name_it(step, found)
            element = found
        return element

    def _taken(self, scope: Block, block: Block, step: Step, made: Element, carrier: Carrier) -> None:
        """An item of a rest list must not look like a field that has a place of its own."""
        for item in scope.items:
            for other in self.places[id(item)].steps:
                if item is not block and other.child and not step.child and matches(other, made):
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


def root_of(start: bytes) -> str:
    """The {uri}name of the root of what begins so; "" where the beginning does not say."""
    parser = etree.XMLPullParser(("start",), resolve_entities=False, no_network=True, load_dtd=False)
    try:
        parser.feed(start)
        return next((str(element.tag) for _, element in parser.read_events()), "")
    except etree.XMLSyntaxError:
        return next((str(element.tag) for _, element in parser.read_events()), "")


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
        raise MapError([Problem("the file", None, "", None, f"is nested deeper than {DEEPEST} elements", "")])
    return root


def _too_deep(root: Element) -> Iterator[bool]:
    depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        yield depth > DEEPEST


def _text(element: Element) -> str:
    return "" if element is None else (element.text or "").strip()


def _find(element: Element, steps: Sequence[Step]) -> Iterator[Element]:
    """The elements at the end of some steps."""
    if not steps:
        yield element
        return
    for child in element:
        if matches(steps[0], child):
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
