"""X12 written by hand for the tests of the road."""

from __future__ import annotations

from collections.abc import Sequence


def order(number: str = "HP-1001", control: str = "0001", *, lines: int = 2, quantity: str = "24") -> list[str]:
    """One 850, ST to SE."""
    body = [
        f"BEG*00*SA*{number}**20261120",
        "REF*19*12",
        "DTM*037*20261201",
        "N1*BY*Harbor & Pine*92*001",
        "N1*ST*Harbor & Pine Store 14*92*014",
        "N3*14 Quay Street",
        "N4*Portland*ME*04101*US",
        *(f"PO1*{n}*{quantity}*EA*23.95**UP*{n:012d}*VN*THROW-{n}" for n in range(1, lines + 1)),
        f"CTT*{lines}",
    ]
    return [f"ST*850*{control}", *body, f"SE*{len(body) + 2}*{control}"]


def interchange(
    sets: Sequence[Sequence[str]],
    *,
    number: int = 1,
    sender: str = "HARBORPINE",
    receiver: str = "NORTHWIND",
    usage: str = "P",
    functional_id: str = "PO",
    group: int = 1,
) -> bytes:
    """ISA to IEA around sets."""
    isa = f"ISA*00*{'':10}*00*{'':10}*ZZ*{sender:15}*ZZ*{receiver:15}*261120*1305*U*00401*{number:09d}*0*{usage}*>"
    gs = f"GS*{functional_id}*{sender}*{receiver}*20261120*1305*{group}*X*004010"
    segments = [isa, gs, *(s for one in sets for s in one), f"GE*{len(sets)}*{group}", f"IEA*1*{number:09d}"]
    return ("~".join(segments) + "~").encode()


def acknowledgement(functional_id: str, group: str, *, accepted: bool = True, number: int = 900) -> bytes:
    """A 997 from the retailer about one group of ours."""
    verdict = "A" if accepted else "R"
    body = [f"AK1*{functional_id}*{group}", f"AK9*{verdict}*1*1*{1 if accepted else 0}"]
    sets = [["ST*997*0001", *body, f"SE*{len(body) + 2}*0001"]]
    return interchange(sets, number=number, functional_id="FA", group=number)
