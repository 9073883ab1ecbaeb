"""An X12 stream masked segment by segment, its separators, line ends and faults kept.

Which elements name somebody is read from the dictionary: every text (AN) does, but for those that only number or
structure the document, and so do a few identifiers whose list is open. A segment the dictionary does not know is masked
wherever a value is longer than a code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gateway.formats.mask.pseudonym import Mask, Pseudonyms
from gateway.formats.names import nearest_dictionary
from gateway.formats.x12.frames import GroupOpened, InterchangeOpened
from gateway.formats.x12.framing import Reader
from gateway.formats.x12.guide import Dictionary, GuideFault
from gateway.formats.x12.model import CompositeDef, ElementDef
from gateway.formats.x12.separators import Separators

# Control, line and level numbers, loop names, releases, separators: without them the document is no longer the same.
KEPT = frozenset(
    {"172", "219", "227", "329", "350", "447", "480", "619", "628", "734", "789", "799", "804"}
    | {"1000", "1251", "1274", "1296", "1301", "1430", "I15"}
)
MASKED = frozenset(("116", "140"))  # postal code and carrier: identifiers, but of somebody
_BLANK = "\r\n\t \x00\x1a"


def mask(data: bytes, pseudonyms: Pseudonyms) -> bytes:
    """The interchanges in these bytes (UTF-8); what stands between them is left out, for nobody knows what it names."""
    spans: list[tuple[int, Separators, str]] = []
    for frame in Reader([data]):
        match frame:
            case InterchangeOpened():
                spans.append((frame.offset, frame.separators, ""))
            case GroupOpened() if len(frame.gs) > 8 and not spans[-1][2]:
                offset, separators, _ = spans[-1]
                spans[-1] = offset, separators, frame.gs[8]
    ends = [offset for offset, _, _ in spans[1:]] + [len(data)]
    return b"".join(
        _interchange(data[start:end].decode("utf-8", "replace"), separators, nearest_dictionary(release), pseudonyms)
        for (start, separators, release), end in zip(spans, ends, strict=True)
    )


def _interchange(text: str, separators: Separators, dictionary: Dictionary, pseudonyms: Pseudonyms) -> bytes:
    out = []
    used = 0
    for segment in _segments(text, separators):
        used += len(segment) + len(separators.segment)
        body = segment.lstrip(_BLANK)
        out.append(segment[: len(segment) - len(body)])
        elements = body.split(separators.element)
        tag = elements[0].strip().upper()
        out.append(separators.element.join(_masked(tag, elements, separators, dictionary, pseudonyms)))
        if tag == "IEA":
            break
        out.append(separators.segment)
    behind = text[used - len(separators.segment) :]
    end = separators.segment if behind.startswith(separators.segment) else ""
    rest = behind.removeprefix(end)
    return "".join([*out, end, rest[: len(rest) - len(rest.lstrip(_BLANK))]]).encode("utf-8")


def _segments(text: str, separators: Separators) -> Iterator[str]:
    """ISA holds the component separator and sometimes the terminator as data; it ends behind its sixteenth element."""
    fields = text.split(separators.element, 16)
    head = len(text) - len(fields[-1]) + len(separators.component)
    first, *others = text[head:].split(separators.segment)
    yield text[:head] + first
    yield from others


def _masked(
    tag: str, elements: list[str], separators: Separators, dictionary: Dictionary, pseudonyms: Pseudonyms
) -> list[str]:
    try:
        uses = dictionary.segment(tag).elements if tag else ()
    except GuideFault:
        return [elements[0], *(_pieces(value, separators, [pseudonyms.unless_plain]) for value in elements[1:])]
    out = [elements[0]]
    for position, value in enumerate(elements[1:]):
        element = uses[position].element if position < len(uses) else None
        if isinstance(element, CompositeDef):
            inner = [_mask_of(use.element, pseudonyms) for use in element.elements]
            out.append(_pieces(value, separators, inner))
        elif tag == "ISA":
            out.append(_mask_of(element, pseudonyms)(value))
        else:
            out.append(_pieces(value, separators, [_mask_of(element, pseudonyms)]))
    return out


def _mask_of(element: ElementDef | CompositeDef | None, pseudonyms: Pseudonyms) -> Mask:
    if element is None or isinstance(element, CompositeDef):
        return pseudonyms.unless_plain
    names_somebody = element.number in MASKED or (element.type == "AN" and element.number not in KEPT)
    return pseudonyms if names_somebody else _same


def _same(value: str) -> str:
    return value


def _pieces(value: str, separators: Separators, masks: list[Mask]) -> str:
    """A value's repetitions and components, each masked its own way; the last way is for all that follow."""
    if separators.repetition and separators.repetition in value:
        return separators.repetition.join(
            _pieces(piece, replace(separators, repetition=None), masks) for piece in value.split(separators.repetition)
        )
    if separators.component and separators.component in value:
        pieces = value.split(separators.component)
        return separators.component.join(masks[min(at, len(masks) - 1)](piece) for at, piece in enumerate(pieces))
    return masks[0](value)
