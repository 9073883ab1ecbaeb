"""Small X12 documents for tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from gateway.formats.x12.guide import Guides

GUIDES = Guides(Path(__file__).with_name("guides"))

ORDER = (
    "BEG*00*SA*PO1**20260115",
    "N1*BY*ACME RETAIL*92*0001",
    "N4*DALLAS*TX*75201*US",
    "PO1*1*12*EA*9.95**UP*012345678905",
    "PID*F*08***WIDGET",
    "PO1*2*3*CA*1.5",
    "CTT*2",
)


def a_set(segments: Iterable[str] = ORDER, set_id: str = "850", number: str = "0001") -> list[str]:
    inner = list(segments)
    return [f"ST*{set_id}*{number}", *inner, f"SE*{len(inner) + 2}*{number}"]


def a_group(
    sets: Sequence[list[str]], functional_id: str = "PO", number: str = "1", release: str = "004010"
) -> list[str]:
    head = f"GS*{functional_id}*ACME*5551234567*20260115*0930*{number}*X*{release}"
    return [head, *(segment for one in sets for segment in one), f"GE*{len(sets)}*{number}"]


def an_interchange(
    groups: Sequence[list[str]] | None = None,
    number: str = "000000001",
    *,
    version: str = "00401",
    isa11: str = "U",
    end: str = "~",
) -> str:
    inner = [a_group([a_set()])] if groups is None else groups
    head = (
        "ISA*00*          *00*          *ZZ*ACME           *12*5551234567     "
        f"*260115*0930*{isa11}*{version}*{number}*0*P*>"
    )
    segments = [head, *(segment for group in inner for segment in group), f"IEA*{len(inner)}*{number}"]
    return "".join(segment + end for segment in segments)


def rows(segments: Iterable[str]) -> list[list[str]]:
    return [segment.split("*") for segment in segments]
