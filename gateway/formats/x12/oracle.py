"""pyx12, behind this one file: maps for it made from our guides, and its verdict on a document.

It is an oracle for tests and an optional second opinion for people who own pyx12 maps; it is neither on the road of a
document nor the writer of acknowledgements (one unknown GS08 sinks a file there, several interchanges give one answer).
"""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from xml.sax.saxutils import escape

import pyx12.params
import pyx12.x12n_document

from gateway.formats.x12.guide import Guide
from gateway.formats.x12.model import UNBOUNDED, CompositeDef, ElementDef, ElementUse, LoopUse, SegmentUse

_USAGE = {"M": "R", "O": "S", "X": "S"}
# 835 has a sound envelope in pyx12's own maps; some of the others let the walker miss a GS after every SE
_ENVELOPE = "835.4010.X091.A1.xml"


@dataclass(frozen=True, slots=True)
class Objection:
    """One error pyx12 reports."""

    set_control_number: str | None
    segment: str | None
    position: int | None  # counted from ST = 1
    element: int | None
    code: str  # as AK304, AK403, AK502, AK905


def objections(document: str, map_folder: str | None = None) -> list[Objection]:
    """What pyx12 finds wrong in one document, by the maps of a folder or its own."""
    report = io.StringIO()
    parameters = pyx12.params.params()
    logger = logging.getLogger("pyx12")
    was = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        pyx12.x12n_document.x12n_document(
            parameters, io.StringIO(document), None, None, fd_json=report, map_path=map_folder
        )
    finally:
        logger.setLevel(was)
    found: list[Objection] = []
    for interchange in json.loads(report.getvalue() or '{"interchanges": []}')["interchanges"]:
        found += [Objection(None, "ISA", None, None, error["err_cde"]) for error in interchange["errors"]]
        for group in interchange["groups"]:
            found += [Objection(None, "GS", None, None, error["err_cde"]) for error in group["errors"]]
            for one in group["transactions"]:
                number = one["trn_set_control_num"]
                found += [Objection(number, "ST", None, None, error["err_cde"]) for error in one["errors"]]
                for segment in one["segments"]:
                    tag, position = segment["seg_id"], segment["seg_count"]
                    found += [Objection(number, tag, position, None, error["err_cde"]) for error in segment["errors"]]
                    for element in segment["elements"]:
                        place = element["ele_pos"]
                        found += [
                            Objection(number, tag, position, int(place) if place else None, error["err_cde"])
                            for error in element["errors"]
                        ]
    return found


def map_files(guides: Iterable[Guide]) -> dict[str, str]:
    """A pyx12 map folder, file name to text, for guides of one release."""
    guides = list(guides)
    ours = resources.files("pyx12") / "map"
    elements: dict[str, ElementDef] = {}
    for guide in guides:
        for use in guide.uses:
            _collect(use.segment.elements, elements)
    files = {
        "codes.xml": (ours / "codes.xml").read_text("utf-8"),
        "dataele.xml": _dictionary((ours / "dataele.xml").read_text("utf-8"), elements),
    }
    for control in ("x12.control.00401.xml", "x12.control.00501.xml"):
        files[control] = _without_codes((ours / control).read_text("utf-8"))
    envelope = (ours / _ENVELOPE).read_text("utf-8")
    head = _without_codes(envelope[: envelope.index('<segment xid="ST">')])
    tail = envelope[envelope.index('<segment xid="GE">') :]
    entries = ""
    for guide in guides:
        name = f"{guide.set_id}.{guide.release}.xml"
        opening = head.replace('xid="835"', f'xid="{guide.set_id}"')
        body = _children(guide.root, guide.set_id)
        files[name] = f"{opening}{body}</loop>{tail}"
        entries += f'<map vriic="{guide.release}" fic="{guide.functional_id}" abbr="{guide.set_id}">{name}</map>'
    versions = "".join(
        f'<version icvn="{version}">{entries}<map vriic="" fic="" abbr="X12">x12.control.{version}.xml</map></version>'
        for version in ("00401", "00501")
    )
    files["maps.xml"] = f"<maps>{versions}</maps>"
    return files


def _collect(uses: Iterable[ElementUse], found: dict[str, ElementDef]) -> None:
    for use in uses:
        if isinstance(use.element, CompositeDef):
            _collect(use.element.elements, found)
        else:
            found[use.element.number] = use.element


def _without_codes(xml: str) -> str:
    """pyx12's own envelope lists only what health care uses."""
    return re.sub(r"<valid_codes>.*?</valid_codes>", "", xml, flags=re.DOTALL)


def _dictionary(xml: str, elements: dict[str, ElementDef]) -> str:
    """pyx12's elements with ours in their place."""
    kept = re.sub(
        r'<data_ele ele_num="(\w+)"[^>]*/>',
        lambda found: "" if found.group(1) in elements else found.group(),
        xml,
    )
    added = "".join(
        f'<data_ele ele_num="{e.number}" data_type="{e.type}" min_len="{e.min}" max_len="{e.max}" name="{e.number}"/>'
        for e in elements.values()
    )
    return kept.replace("</data_elements>", f"{added}</data_elements>")


def _children(loop: LoopUse, set_id: str) -> str:
    written = []
    for n, child in enumerate(loop.children, 1):
        position = f"<pos>{10 * n:04d}</pos>"
        usage = f"<usage>{_USAGE[child.requirement]}</usage>"
        if isinstance(child, SegmentUse):
            written.append(_segment(child, usage + position, set_id))
        else:
            repeat = f"<repeat>{_limit(child.max)}</repeat>"
            inner = _children(child, set_id)
            name = f"{child.id}_{child.first.index}"  # pyx12 counts loops by their id
            written.append(f'<loop xid="{name}"><name>{child.id}</name>{usage}{position}{repeat}{inner}</loop>')
    return "".join(written)


def _limit(limit: int) -> str:
    return "&gt;1" if limit >= UNBOUNDED else str(limit)


def _segment(use: SegmentUse, placing: str, set_id: str) -> str:
    tag = use.segment.tag
    notes = "".join(f"<syntax>{note}</syntax>" for note in use.segment.notes)
    elements = "".join(_element(tag, element, set_id) for element in use.segment.elements)
    limit = f"<max_use>{_limit(use.max)}</max_use>"
    return f'<segment xid="{tag}"><name>{tag}</name>{placing}{limit}{notes}{elements}</segment>'


def _element(owner: str, use: ElementUse, set_id: str) -> str:
    name = f"{owner}{use.position:02d}"
    repeat = f"<repeat>{_limit(use.repeat)}</repeat>" if use.repeat > 1 else ""
    common = f"<usage>{_USAGE[use.requirement]}</usage><seq>{use.position:02d}</seq>{repeat}"
    element = use.element
    if isinstance(element, CompositeDef):
        notes = "".join(f"<syntax>{note}</syntax>" for note in element.notes)
        inner = "".join(_element(f"{name}-", part, set_id) for part in element.elements)
        return (
            f"<composite><data_ele>{element.id}</data_ele><name>{name}</name>{common}<refdes>{name}</refdes>"
            f"{notes}{inner}</composite>"
        )
    codes: Iterable[str] = element.codes or ()
    if owner == "ST" and use.position == 1:
        codes = (set_id,)
    listed = "".join(f"<code>{escape(code)}</code>" for code in sorted(codes))
    valid = f"<valid_codes>{listed}</valid_codes>" if listed else ""
    return f'<element xid="{name}"><data_ele>{element.number}</data_ele><name>{name}</name>{common}{valid}</element>'
