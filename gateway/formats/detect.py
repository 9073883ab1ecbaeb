"""What is this? The format of a file, decided from its first bytes.

Rules, in the order they are asked:
1. A byte order mark, or a NUL beside every letter, names the encoding. Then the rest is read as text.
2. EDI may stand behind noise (MIME and AS2 headers, a mailbag's cards, blank lines): the first place that *shapes up*
   as an ISA, UNA or UNB segment decides, not the mere letters: "ISA" also stands in ordinary words and in data.
3. A `<` opens XML; its root, namespace and, for cXML, the request say which document. `{` and `[` open JSON.
4. Rows that split into the same number of columns are CSV.
5. Lines that are mostly columns, values padded with blanks or zeros, are of a fixed width.
6. Everything else is not a document we can read, and says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

SNIFF = 65536  # MIME headers and mailbag cards end long before; a cXML header with digital identity fits too

BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
EBCDIC = "cp037"
EBCDIC_OPENINGS = (b"\xc9\xe2\xc1", b"\xe4\xd5\xc1", b"\xe4\xd5\xc2")  # ISA, UNA, UNB in EBCDIC


class Format(StrEnum):
    """What kind of document a file holds."""

    X12 = "x12"
    EDIFACT = "edifact"
    CXML = "cxml"
    UBL = "ubl"
    XML = "xml"
    CSV = "csv"
    JSON = "json"
    FIXED = "fixed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Detected:
    """A format, the encoding its bytes are in, and where its first segment, tag or row starts."""

    format: Format
    encoding: str = "utf-8"
    start: int = 0  # offset in bytes, behind mark and noise
    mark: int = 0  # length of the byte order mark in bytes

    @property
    def is_xml(self) -> bool:
        """XML of any kind."""
        return self.format in {Format.XML, Format.CXML, Format.UBL}


# ISA, a separator, then ISA01 (two characters, or not padded at all) and the separator again.
_ISA = re.compile(r"ISA([^A-Za-z0-9 \r\n])[\w ]{0,10}?\1", re.IGNORECASE)
# A fragment without its envelope, or one that lost its ISA: any of these at the very start is still X12.
_X12_FRAGMENT = re.compile(r"\s*(?:ST([^\w\s])\d{3}\1|GS([^\w\s])[A-Z]{2}\2|IEA([^\w\s])\d+\3|TA1([^\w\s])\d+\4)")
# A broken ISA, even one whose first separator is a blank: nothing else starts like it.
_BARE_ISA = re.compile(r"\s*ISA(?:[^A-Za-z0-9\s]|\s*\d\d[^A-Za-z0-9])")
# UNA and its six characters, then UNB, a group or a message; or UNB, a separator and the syntax identifier (UNOA).
_UNA = re.compile(r"UNA[^\r\n]{5}[^A-Za-z0-9]\s*UN[BGH]")
_UNB = re.compile(r"UNB([^A-Za-z0-9 \t\r\n])(?:[A-Z]{4}[^A-Za-z0-9 \t\r\n]|\1)")
_EDIFACT_FRAGMENT = re.compile(r"\s*UNH([^A-Za-z0-9\s])[^\s]{1,14}?\1[A-Z]{6}[^A-Za-z0-9\s]")
_ROOT = re.compile(r"<(?![?!])\s*(?:[\w.-]+:)?([\w.-]+)")
# A value padded with blanks before the next one, or so many digits in a row as only a date, an id or zeros have.
_COLUMNS = re.compile(r"\S {2,}\S|\d{8}")
_XML_OPENING = re.compile(r"\s*<(?:\?xml|!DOCTYPE|!--|[A-Za-z_])")
_JSON_OPENING = re.compile(r"\s*(?:\{\s*[\"}]|\[\s*[\[{\"\]\d])")
_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"


def detect(head: bytes) -> Detected:
    """The format of the file that starts with these bytes; SNIFF of them are enough."""
    head = head[:SNIFF]
    encoding, mark = _encoding(head)
    text = head[mark:].decode(encoding, errors="replace")
    found, start = _format(text)
    if found is Format.UNKNOWN and encoding != EBCDIC and any(opening in head[:256] for opening in EBCDIC_OPENINGS):
        translated = head.decode(EBCDIC)
        behind, offset = _format(translated)
        if behind in {Format.X12, Format.EDIFACT}:
            return Detected(behind, EBCDIC, offset)
    return Detected(
        found, encoding, mark + len(text[:start].encode(encoding, errors="replace")) if start else mark, mark
    )


def _encoding(head: bytes) -> tuple[str, int]:
    for mark, encoding in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    if head.startswith(EBCDIC_OPENINGS):
        return EBCDIC, 0
    if len(head) >= 4 and head[1] == 0 and head[3] == 0 and head[0] and head[2]:
        return "utf-16-le", 0
    if len(head) >= 4 and head[0] == 0 and head[2] == 0 and head[1] and head[3]:
        return "utf-16-be", 0
    try:
        head[: len(head) - 3 if len(head) == SNIFF else None].decode("utf-8")  # the cut may halve a character
    except UnicodeDecodeError:
        return "latin-1", 0
    return "utf-8", 0


def _format(text: str) -> tuple[Format, int]:
    edi = _edi(text)
    opening = text.lstrip("\x00\x1a\ufeff \t\r\n")
    blank = len(text) - len(opening)
    if edi is not None and not (_XML_OPENING.match(opening) or _JSON_OPENING.match(opening)):
        return edi
    if _XML_OPENING.match(opening):
        return _kind_of_xml(opening), blank
    if _JSON_OPENING.match(opening):
        return Format.JSON, blank
    if not opening or sum(not (c.isprintable() or c in "\r\n\t") for c in opening[:4096]) > len(opening[:4096]) // 100:
        return Format.UNKNOWN, 0
    lines = [line for line in opening.splitlines()[:50] if line.strip()]
    if len(opening) >= SNIFF and len(lines) > 1:
        lines.pop()  # cut by the window
    if _looks_like_rows(opening, lines):
        return Format.CSV, blank
    if len(lines) > 1 and sum(_COLUMNS.search(line) is not None for line in lines) * 2 > len(lines):
        return Format.FIXED, 0
    return Format.UNKNOWN, 0


def _edi(text: str) -> tuple[Format, int] | None:
    """The first opening that shapes up, X12 or EDIFACT, whichever comes first."""
    openings = [
        (match.start(), format_)
        for pattern, format_ in ((_ISA, Format.X12), (_UNA, Format.EDIFACT), (_UNB, Format.EDIFACT))
        for match in pattern.finditer(text)
        if match.start() == 0 or not text[match.start() - 1].isalnum()
    ]
    if openings:
        start, format_ = min(openings)
        return format_, start
    for pattern, format_ in (
        (_X12_FRAGMENT, Format.X12),
        (_BARE_ISA, Format.X12),
        (_EDIFACT_FRAGMENT, Format.EDIFACT),
    ):
        if match := pattern.match(text.lstrip("\x00\x1a\ufeff")):
            return format_, text.find(match.group().lstrip())
    return None


def _kind_of_xml(text: str) -> Format:
    root = _ROOT.search(re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL))
    if root and root.group(1) == "cXML":
        return Format.CXML
    if root and _UBL in text[root.start() : root.start() + 4096]:
        return Format.UBL
    return Format.XML


def _looks_like_rows(text: str, lines: list[str]) -> bool:
    """Lines that nearly all have the same number of one delimiter."""
    for delimiter in ",;\t|":
        counts = [line.count(delimiter) for line in lines]
        usual = max(set(counts), key=counts.count) if counts else 0
        if usual and counts.count(usual) * 2 > len(counts):
            return len(lines) > 1 or f"{delimiter} " not in lines[0]  # one line of prose has commas too
        if usual and lines and '"' in text and min(counts) > 0:
            return True  # quoted cells hold delimiters and line ends of their own
    return False
