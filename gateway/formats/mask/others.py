"""Rows, XML and JSON masked by what a value looks like and what its column, tag or field is called."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any, Literal

from lxml import etree

from gateway.formats.csvfile.inspection import is_header, sniffed
from gateway.formats.mask.pseudonym import Mask, Pseudonyms

_NAMES_SOMEBODY = re.compile(
    r"name|street|address|city|town|zip|post|phone|tele|fax|mail|contact|person|customer|buyer|seller|vendor|supplier"
    r"|account|tax|iban|bank",
    re.IGNORECASE,
)
_NAMES_NOBODY = re.compile(
    r"amount|quantity|qty|price|percent|rate|date|time|currency|code$|measure|count(?!ry)|total|version|status|customization"
    r"|profile|uom|credential$|domain|^list|^scheme|^unit",
    re.IGNORECASE,
)


def mask_rows(text: str, pseudonyms: Pseudonyms) -> str:
    """Rows; a header stays, and says which columns name somebody."""
    delimiter = sniffed(text[:65536])
    end = "\r\n" if "\r\n" in text[:65536] else "\n"
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    header = rows[0] if rows and is_header(rows[0]) else []
    ways = [_way(name, pseudonyms) for name in header]
    quoting: Literal[0, 1] = 1 if text[:1] == '"' else 0  # csv.QUOTE_ALL, csv.QUOTE_MINIMAL
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting)
    for number, row in enumerate(rows):
        if number == 0 and header:
            writer.writerow(row)
            continue
        writer.writerow((ways[at] if at < len(ways) else pseudonyms.unless_plain)(cell) for at, cell in enumerate(row))
    return out.getvalue()


def mask_xml(data: bytes, pseudonyms: Pseudonyms) -> bytes:
    """XML; comments and processing instructions are left out."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    root = etree.fromstring(data, parser)
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        name = etree.QName(element).localname
        if element.text and element.text.strip():
            element.text = _way(name, pseudonyms)(element.text)
        for attribute, value in element.attrib.items():
            if not str(attribute).startswith("{") and value:
                element.set(attribute, _way(str(attribute), pseudonyms)(str(value)))
    tree = root.getroottree()
    return etree.tostring(
        tree, encoding=tree.docinfo.encoding or "UTF-8", xml_declaration=data.lstrip()[:5] == b"<?xml"
    )


def mask_json(text: str, pseudonyms: Pseudonyms) -> str:
    """JSON; field names and numbers stay."""
    return json.dumps(_json(json.loads(text), "", pseudonyms), indent=2, ensure_ascii=False) + "\n"


def _json(value: Any, name: str, pseudonyms: Pseudonyms) -> Any:
    if isinstance(value, dict):
        return {key: _json(inner, key, pseudonyms) for key, inner in value.items()}
    if isinstance(value, list):
        return [_json(inner, name, pseudonyms) for inner in value]
    return _way(name, pseudonyms)(value) if isinstance(value, str) else value


def _way(name: str, pseudonyms: Pseudonyms) -> Mask:
    if _NAMES_SOMEBODY.search(name):
        return pseudonyms
    return str if _NAMES_NOBODY.search(name) else pseudonyms.unless_plain
