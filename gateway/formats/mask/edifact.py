"""An EDIFACT stream masked component by component, its separators, line ends and faults kept."""

from __future__ import annotations

from gateway.formats.edifact.framing import InterchangeOpened, Reader, decoded
from gateway.formats.edifact.inspection import tag_of
from gateway.formats.edifact.separators import Separators, released
from gateway.formats.mask.pseudonym import Pseudonyms

# What names somebody or something of theirs: segment, element (counted from 1), component (0: every one of them).
NAMING = frozenset(
    [("UNB", 2, 1), ("UNB", 2, 3), ("UNB", 3, 1), ("UNB", 3, 3), ("UNB", 6, 1), ("UNG", 2, 1), ("UNG", 3, 1)]
    + [("BGM", 2, 1), ("RFF", 1, 2), ("DOC", 2, 1), ("FTX", 4, 0), ("TXT", 1, 0), ("COM", 1, 1), ("SEL", 1, 1)]
    + [("NAD", element, 0) for element in (3, 4, 5, 6, 8)]
    + [("NAD", 2, 1), ("CTA", 2, 0), ("LOC", 2, 1), ("LOC", 2, 4), ("FII", 2, 0), ("FII", 3, 1), ("FII", 3, 7)]
    + [("LIN", 3, 1), ("PIA", 2, 1), ("PIA", 3, 1), ("PIA", 4, 1), ("PIA", 5, 1), ("PIA", 6, 1), ("EQD", 2, 1)]
    + [("IMD", 3, 4), ("IMD", 3, 5), ("TDT", 2, 1), ("TDT", 5, 1), ("TDT", 5, 4), ("TDT", 8, 1), ("TDT", 8, 4)]
    + [(tag, element, component) for tag in ("GIN", "GIR") for element in range(2, 7) for component in (1, 2)]
    + [
        ("PCI", 2, 0),
        ("CNI", 2, 1),
        ("TAX", 6, 1),
        ("RCS", 2, 1),
        ("AGR", 2, 1),
        ("IDE", 2, 1),
        ("UCI", 2, 1),
        ("UCI", 3, 1),
    ]
)
_KNOWN = (
    {tag for tag, _, _ in NAMING}
    | {"UNA", "UNH", "UNT", "UNE", "UNZ", "UNS", "ALC", "ALI", "APR", "CAV", "CCI", "CNT", "COD", "CPS", "CUX", "DGS"}
    | {"DTM", "ERC", "GIS", "HAN", "MEA", "MOA", "PAC", "PAI", "PAT", "PCD", "PRI", "PYT", "QTY", "QVR", "RNG", "RTE"}
    | {"SCC", "SGP", "STS", "TMD", "TOD", "TSR", "UCM", "UCS", "UCD", "UCF"}
)
_BLANK = "\r\n\t \x00\x1a"


def mask(data: bytes, pseudonyms: Pseudonyms) -> bytes:
    """The interchanges in these bytes; what stands between them is left out, for nobody knows what it names."""
    spans = [
        (frame.offset, frame.separators, frame.unb[1][0] if len(frame.unb) > 1 else "")
        for frame in Reader([data])
        if isinstance(frame, InterchangeOpened)
    ]
    ends = [offset for offset, _, _ in spans[1:]] + [len(data)]
    masked = (
        _interchange(decoded(data[start:end].decode("latin-1"), syntax), separators, pseudonyms)
        for (start, separators, syntax), end in zip(spans, ends, strict=True)
    )
    return "".join(masked).encode("utf-8")


def _interchange(text: str, separators: Separators, pseudonyms: Pseudonyms) -> str:
    out = []
    if text.startswith("UNA"):
        out.append(text[:9])
        text = text[9:]
    held = ""
    used = 0
    for piece in text.split(separators.segment):
        held += piece
        used += len(piece) + 1
        if released(piece, separators.release):
            held += separators.segment
            continue
        body = held.lstrip(_BLANK)
        tag = tag_of(body, separators).upper()
        out.append(held[: len(held) - len(body)] + _segment(tag, body, separators, pseudonyms))
        held = ""
        if tag == "UNZ":
            break
    ending = separators.segment if used <= len(text) else ""
    return separators.segment.join(_joined(out, separators)) + ending + "\n"


def _joined(out: list[str], separators: Separators) -> list[str]:
    """UNA ends with its terminator already."""
    if out and out[0].startswith("UNA") and len(out) > 1:
        return [out[0] + out[1], *out[2:]]
    return out


def _segment(tag: str, text: str, separators: Separators, pseudonyms: Pseudonyms) -> str:
    elements = separators.pieces(text, separators.element)
    for at, element in enumerate(elements[1:], 1):
        components = separators.pieces(element, separators.component)
        for inner, component in enumerate(components, 1):
            if (tag, at, inner) in NAMING or (tag, at, 0) in NAMING:
                components[inner - 1] = pseudonyms(component)
            elif tag not in _KNOWN:
                components[inner - 1] = pseudonyms.unless_plain(component)
        elements[at] = separators.component.join(components)
    return separators.element.join(elements)
