"""The documents of the measurements: 850s of ten lines, some 2 KB each."""

from __future__ import annotations

LINES = 10


def order(number: int) -> list[str]:
    """One 850, ST to SE."""
    body = [
        f"BEG*00*SA*HP-{number}**20261120",
        "REF*19*12",
        "DTM*037*20261201",
        "N1*BY*Harbor & Pine*92*001",
        "N1*ST*Harbor & Pine Store 14*92*014",
        "N3*14 Quay Street",
        "N4*Portland*ME*04101*US",
        *(f"PO1*{n}*24*EA*23.95**UP*{n:012d}*VN*THROW-{n}~PID*F****Wool throw {n}" for n in range(1, LINES + 1)),
        f"CTT*{LINES}",
    ]
    control = f"{number:09d}"
    segments = "~".join(body).count("~") + 3
    return [f"ST*850*{control}", *body, f"SE*{segments}*{control}"]


def interchange(first: int, count: int = 1) -> bytes:
    """An interchange of this many orders, numbered from `first`."""
    isa = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'HARBORPINE':15}*ZZ*{'NORTHWIND':15}*261120*1305*U*00401*{first:09d}*0*P*>"
    gs = f"GS*PO*HARBORPINE*NORTHWIND*20261120*1305*{first}*X*004010"
    sets = (segment for number in range(first, first + count) for segment in order(number))
    return ("~".join([isa, gs, *sets, f"GE*{count}*{first}", f"IEA*1*{first:09d}"]) + "~").encode()
