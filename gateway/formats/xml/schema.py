"""An XSD of a partner's: may this document be as it is?

The schema and what it includes or imports are texts of one folder; nothing is fetched, from the network or the disk.
libxml2 judges; its messages become sentences about the place they stand at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lxml import etree

from gateway.formats.schema import Broken, SchemaFault, one_of
from gateway.formats.xml.parts import local

XSD = "{http://www.w3.org/2001/XMLSchema}"
MOST = 50  # findings of one document: one with a wrong namespace has one in every element

Element = Any  # lxml's elements; its stubs make every text optional bytes


class XmlSchema:
    """One XSD, ready to judge. Raises SchemaFault."""

    def __init__(self, name: str, files: Mapping[str, str]) -> None:
        self.name, self._files = name, files
        roots: set[str] = set()
        self._look(name, roots, set())
        self.roots = frozenset(roots)  # what a document may begin with
        self._free = [self._compiled()]  # libxml2 keeps the messages of a run with the schema: one run, one schema

    def _parsed(self, name: str) -> Element:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        parser.resolvers.add(_OfFolder(self._files))
        try:
            tree = etree.fromstring(self._files[name].encode(), parser, base_url=name)
        except etree.XMLSyntaxError as error:
            why = str(error.msg).partition(", line")[0]
            raise SchemaFault(name, error.lineno or 1, f"is not XML: {why}", "any XML editor shows where") from None
        for entity in tree.iter(etree.Entity):
            raise SchemaFault(name, entity.sourceline or 1, f"uses an entity, {entity.text}", "write out what it means")
        return tree

    def _look(self, name: str, roots: set[str], seen: set[str]) -> None:
        """Every schema this one takes in is in the folder; the elements they declare for all to use."""
        seen.add(name)
        tree = self._parsed(name)
        if tree.tag != f"{XSD}schema":
            raise SchemaFault(name, 1, f"is no XSD: its root is {local(tree.tag)}", "name the schema itself")
        uri = tree.get("targetNamespace")
        roots |= {f"{{{uri}}}{one.get('name')}" if uri else one.get("name") for one in tree.findall(f"{XSD}element")}
        for taken in tree:
            where = taken.get("schemaLocation") if taken.tag in TAKES else None
            if where is not None and where not in self._files:
                known = ", ".join(sorted(self._files))
                text = f"takes in {where}, which is not in its folder"
                raise SchemaFault(name, taken.sourceline or 1, text, f"put the file there; there are {known}")
            if where is not None and where not in seen:
                self._look(where, roots, seen)

    def _compiled(self) -> etree.XMLSchema:
        try:
            return etree.XMLSchema(self._parsed(self.name))
        except etree.XMLSchemaParseError as error:
            last = error.error_log.last_error
            file = last.filename if last is not None and last.filename in self._files else self.name
            why = _plain(last.message if last is not None else str(error))
            line = last.line if last is not None else 1
            raise SchemaFault(file, max(line, 1), why[:1].lower() + why[1:], "mend the schema") from None

    def check(self, root: Element) -> list[Broken]:
        """Everything the schema finds wrong in an element that is a document."""
        try:
            schema = self._free.pop()
        except IndexError:
            schema = self._compiled()
        try:
            if schema.validate(root):
                return []
            found = [self._broken(root, error) for error in list(schema.error_log)[: 2 * MOST]]
        finally:
            self._free.append(schema)
        # A value that breaks a facet is said to be none of its type as well: the facet says more.
        first = {(one.place, one.line): one for one in reversed(found)}
        return [one for one in found if first[one.place, one.line] is one][:MOST]

    def _broken(self, root: Element, error: Any) -> Broken:
        message = str(error.message)
        element = _at(root, error.path or "")
        attribute = OF_ATTRIBUTE.match(message)
        place = "/".join([*_steps(root, element), *([f"@{local(attribute['name'])}"] if attribute else [])])
        value = element.get(attribute["name"]) if attribute else (element.text or "").strip()
        return Broken(place, error.line or None, value if OF_VALUE.search(message) and value else None, _words(message))


OF_ATTRIBUTE = re.compile(r"Element '[^']*', attribute '(?P<name>[^']*)': (?!The attribute)")
OF_VALUE = re.compile(r"\[facet |is not a valid value of")


TAKES = (f"{XSD}include", f"{XSD}import", f"{XSD}redefine")


class _OfFolder(etree.Resolver):
    """Finds what a schema takes in among the texts of its folder, and nothing else."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    def resolve(self, system_url: str | None, public_id: str | None, context: Any) -> Any:
        name = (system_url or "").rpartition("/")[2]
        return self.resolve_string(self._files.get(name, ""), context, base_url=name)


_PATH = re.compile(r"(?:(?P<prefix>[^:/\[]+):)?(?P<name>[^:/\[]+)(?:\[(?P<n>\d+)\])?")


def _at(root: Element, path: str) -> Element:
    """The element of libxml2's path; its `*` is any element without a prefix."""
    element = root
    for step in path.split("/")[2:]:
        match = _PATH.fullmatch(step)
        if match is None:
            break
        prefix, name = match["prefix"], match["name"]
        same = [c for c in element if name == "*" or (c.prefix == prefix and local(c.tag) == name)]
        n = int(match["n"] or 1)
        if n > len(same):
            break
        element = same[n - 1]
    return element


def _steps(root: Element, element: Element) -> list[str]:
    """The way down to an element, counted where there are several of its name."""
    steps: list[str] = []
    while element is not root:
        parent = element.getparent()
        same = [child for child in parent if child.tag == element.tag]
        name = local(element.tag)
        steps.insert(0, f"{name}[{same.index(element) + 1}]" if len(same) > 1 else name)
        element = parent
    return steps


_SENTENCES: tuple[tuple[str, str], ...] = (  # what libxml2 says, what we say; a group is put in, its braces taken off
    (r"No matching global declaration available", "is not what their schema is for"),
    (r"This element is not expected\. Expected is one of \( (?P<a>.*) \)", "stands where {a} is expected"),
    (r"This element is not expected\. Expected is \( (?P<a>.*) \)", "stands where {a} is expected"),
    (r"This element is not expected", "is not allowed here"),
    (r"Missing child element\(s\)\. Expected is (?:one of )?\( (?P<a>.*) \)", "lacks {a}"),
    (r"The attribute '(?P<a>[^']*)' is required but missing", "lacks the attribute {a}"),
    (r"attribute '(?P<a>[^']*)': The attribute .* is not allowed", "has an attribute {a}, which is not allowed there"),
    (r"Character content .* is not allowed", "holds text where only elements are allowed"),
    (r"is not an element of the set \{(?P<a>.*)\}", "is not one of {a}"),
    (r"exceeds the allowed maximum length of '(?P<a>\d+)'", "is longer than {a} characters"),
    (r"underruns the allowed minimum length of '(?P<a>\d+)'", "is shorter than {a} characters"),
    (r"differs from the allowed length of '(?P<a>\d+)'", "is not {a} characters long"),
    (r"is not accepted by the pattern '(?P<a>.*)'", "is not written as {a}"),
    (r"is (?P<a>(?:less|greater) than the (?:minimum|maximum) value allowed \('[^']*'\))", "is {a}"),
    (r"has more fractional digits than are allowed \('(?P<a>\d+)'\)", "has more than {a} decimals"),
    (r"has more digits than are allowed \('(?P<a>\d+)'\)", "has more than {a} digits"),
    (r"is not a valid value of the .*type 'xs:(?P<a>[^']*)'", "is no {a}"),
    (r"is not a valid value of the .*type '(?P<a>[^']*)'", "is not what their schema calls {a}"),
    (r"is not a valid value of the local", "is not what their schema allows"),
    (r"Duplicate key-sequence (?P<a>\[.*\])", "says {a} a second time"),
    (r"No match found for key-sequence (?P<a>\[.*\])", "refers to {a}, which is nowhere"),
)
TYPES = {"decimal": "decimal number", "integer": "whole number", "positiveInteger": "whole number above zero"}
TYPES |= {
    "date": "date such as 2026-12-24",
    "dateTime": "moment such as 2026-12-24T16:00:00",
    "boolean": "true or false",
}
LIST = ("is not one of", "stands where", "lacks ")


def _words(message: str) -> str:
    """The sentence of one message."""
    for pattern, words in _SENTENCES:
        match = re.search(pattern, message)
        if match is None:
            continue
        inner = _plain(match.groupdict().get("a") or "")
        if words.startswith(LIST):
            inner = one_of([one.strip(" '") for one in inner.split(",")])
        return words.format(a=TYPES.get(inner, inner))
    return _plain(message.partition(": ")[2] or message).rstrip(".")


def _plain(text: str) -> str:
    """Without the namespaces in braces."""
    return re.sub(r"\{[^{}]*[:/][^{}]*\}", "", text)
