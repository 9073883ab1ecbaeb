"""Is this XML well-formed and harmless, and which document is it?

What a partner sends never makes us fetch, expand or fill memory: a DTD is allowed (every cXML names one) but not
loaded, an entity of its own is refused, depth and size are limited, and no tree is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from lxml import etree

from gateway.formats.finding import Finding, Severity

MAX_DEPTH = 200  # cXML and UBL stay below 20; a stack of our readers holds this many
MAX_ELEMENTS = 5_000_000  # an invoice of 100,000 lines has some 4 million

_CXML_ENVELOPE = {"Request", "Message", "Response"}


class Code(StrEnum):
    """What can be wrong with XML before anybody asks what it means."""

    XML_NOT_WELL_FORMED = "xml-not-well-formed"
    XML_ENTITY_REFUSED = "xml-entity-refused"
    XML_TOO_DEEP = "xml-too-deep"
    XML_TOO_LARGE = "xml-too-large"


@dataclass(frozen=True, slots=True)
class XmlReport:
    """What an XML file is."""

    root: str
    namespace: str
    kind: str  # "UBL-Order", "cXML-OrderRequest", or the root's name
    version: str  # UBL's CustomizationID, cXML's version attribute
    identifier: str  # the document's own number
    elements: int
    findings: tuple[Finding, ...]


class _Refused(Exception):
    def __init__(self, code: Code, line: int) -> None:
        super().__init__(code)
        self.code = code
        self.line = line


class _Target:
    """Follows the tags without building a tree."""

    def __init__(self) -> None:
        self.path: list[str] = []
        self.elements = 0
        self.root = ""
        self.namespace = ""
        self.version = ""
        self.identifier = ""
        self.request = ""  # cXML: what stands in Request, Message or Response
        self._text = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition("}")[2]
        self.elements += 1
        if not self.path:
            self.root, self.namespace = name, tag[1:].partition("}")[0] if tag.startswith("{") else ""
            self.version = attributes.get("version", "")
            self.identifier = attributes.get("payloadID", "")
        elif self._names_request(name):
            self.request = name
        self.path.append(name)
        self._text = ""
        if len(self.path) > MAX_DEPTH:
            raise _Refused(Code.XML_TOO_DEEP, 0)
        if self.elements > MAX_ELEMENTS:
            raise _Refused(Code.XML_TOO_LARGE, 0)

    def _names_request(self, name: str) -> bool:
        if len(self.path) == 1:
            return name in _CXML_ENVELOPE and not self.request
        return len(self.path) == 2 and self.path[1] == self.request and name != "Status"

    def data(self, text: str) -> None:
        if len(self.path) == 2 and len(self._text) < 200:
            self._text += text

    def end(self, tag: str) -> None:
        if len(self.path) == 2 and self.path[1] == "CustomizationID":
            self.version = self._text.strip()
        elif len(self.path) == 2 and self.path[1] == "ID" and not self.identifier:
            self.identifier = self._text.strip()
        self.path.pop()
        self._text = ""

    def close(self) -> _Target:
        return self

    def kind(self) -> str:
        if self.root == "cXML":
            return f"cXML-{self.request or 'other'}"
        if self.namespace.startswith("urn:oasis:names:specification:ubl:schema:xsd:"):
            return f"UBL-{self.root}"
        return self.root


def inspect(chunks: Iterable[bytes]) -> XmlReport:
    """What these bytes are, and the first thing that is wrong: behind it nothing can be trusted."""
    target = _Target()
    parser = etree.XMLParser(
        target=cast("Any", target), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    findings: tuple[Finding, ...] = ()
    declared = _Declarations()
    try:
        for chunk in chunks:
            declared.feed(chunk)
            parser.feed(chunk)
        parser.close()
    except _Refused as refused:
        findings = (_finding(refused.code, target, line=refused.line),)
    except etree.XMLSyntaxError as error:
        code = Code.XML_TOO_DEEP if "depth" in str(error.msg) else Code.XML_NOT_WELL_FORMED
        reason = str(error.msg).partition(", line")[0]
        findings = (_finding(code, target, line=error.lineno or 1, column=error.offset, value=reason),)
    return XmlReport(
        target.root, target.namespace, target.kind(), target.version, target.identifier, target.elements, findings
    )


_MISCELLANY = re.compile(rb"(?:\s+|<\?.*?\?>|<!--.*?-->|[\xef\xbb\xbf\xff\xfe])*", re.DOTALL)
_DOCTYPE = re.compile(rb"""<!DOCTYPE[^\[>]*(?:\[(?:[^\]"']|"[^"]*"|'[^']*')*\]\s*)?>""")
LONGEST_PROLOG = 1_000_000


class _Declarations:
    """Finds an entity declaration before the parser sees it: it can only stand in the DOCTYPE, before the root."""

    def __init__(self) -> None:
        self._prolog: bytes | None = b""

    def feed(self, chunk: bytes) -> None:
        if self._prolog is None:
            return
        self._prolog += chunk.replace(b"\x00", b"")  # UTF-16 letters are ASCII beside a NUL
        miscellany = _MISCELLANY.match(self._prolog)
        start = miscellany.end() if miscellany else 0
        rest = self._prolog[start:]
        if rest.startswith(b"<!DOCTYPE"):
            whole = _DOCTYPE.match(rest)
            declared = (whole.group() if whole else rest).find(b"<!ENTITY")
            if declared >= 0:
                raise _Refused(Code.XML_ENTITY_REFUSED, self._prolog[: start + declared].count(b"\n") + 1)
            done = whole is not None
        else:
            done = len(rest) >= len(b"<!DOCTYPE") and not rest.startswith((b"<?", b"<!--"))
        if done or len(self._prolog) > LONGEST_PROLOG:
            self._prolog = None


def _finding(
    code: Code, target: _Target, *, line: int | None = None, column: int | None = None, value: str | None = None
) -> Finding:
    path = "/" + "/".join(target.path if len(target.path) < 20 else [*target.path[:5], "..."])
    return Finding(
        code.value, Severity.REJECTS, segment=path, position=line, element=column, value=value and value[:200]
    )
