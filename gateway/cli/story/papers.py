"""The documents of the story, written out as a retailer's system would write them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

RETAILER, DISTRIBUTOR, STRANGER = "HARBORPINE", "NORTHWIND", "HARBORPINE2"

Line = tuple[str, int, str]  # item, quantity, price


@dataclass(frozen=True, slots=True)
class PurchaseOrder:
    """One 850: its number and its lines."""

    number: str
    lines: tuple[Line, ...]
    broken: bool = False  # its BEG is missing


def interchange(
    number: int, orders: Sequence[PurchaseOrder], *, sender: str = RETAILER, usage: str = "P", now: dt.datetime
) -> str:
    """One interchange with one group of 850s; `number` is its control number."""
    day = now.strftime("%Y%m%d")
    sets = [_set(place, order, day) for place, order in enumerate(orders, 1)]
    return enclose(number, "PO", sets, sender=sender, receiver=DISTRIBUTOR, usage=usage, now=now)


def enclose(
    number: int,
    functional_id: str,
    sets: Sequence[Sequence[str]],
    *,
    sender: str,
    receiver: str,
    usage: str = "P",
    now: dt.datetime,
) -> str:
    """One interchange with one group of sets, written out from ST to SE."""
    day, minute = now.strftime("%Y%m%d"), now.strftime("%H%M")
    parties = f"ZZ*{sender:<15}*ZZ*{receiver:<15}"
    head = [
        f"ISA*00*{' ' * 10}*00*{' ' * 10}*{parties}*{day[2:]}*{minute}*U*00401*{number:09d}*0*{usage}*>",
        f"GS*{functional_id}*{sender}*{receiver}*{day}*{minute}*{number}*X*004010",
    ]
    tail = [f"GE*{len(sets)}*{number}", f"IEA*1*{number:09d}"]
    return "".join(f"{segment}~\n" for segment in [*head, *(one for body in sets for one in body), *tail])


def _set(place: int, order: PurchaseOrder, day: str) -> list[str]:
    inside = [] if order.broken else [f"BEG*00*SA*{order.number}**{day}"]
    inside += [
        "REF*19*31",
        "N1*BY*Harbor Pine Buying*92*0001",
        "N1*ST*Harbor Pine Store 14*92*0014",
        "N3*12 Quay Road",
        "N4*Astoria*OR*97103*US",
    ]
    for count, (item, quantity, price) in enumerate(order.lines, 1):
        inside.append(f"PO1*{count}*{quantity}*EA*{price}**VN*{item}")
    inside.append(f"CTT*{len(order.lines)}")
    return [f"ST*850*{place:04d}", *inside, f"SE*{len(inside) + 2}*{place:04d}"]


MUG, THROW, LAMP, BASKET, TRAY = "NW-1001", "NW-2040", "NW-3107", "NW-4410", "NW-5002"

FIRST = PurchaseOrder(
    "HP-1001", ((MUG, 24, "12.5"), (THROW, 10, "40"), (LAMP, 6, "64.9"), (BASKET, 12, "18"), (TRAY, 30, "7.25"))
)
FIRST_CHANGED = PurchaseOrder("HP-1001", ((MUG, 48, "12.5"),))
THREE = (
    PurchaseOrder("HP-1002", ((MUG, 12, "12.5"), (TRAY, 6, "7.25"))),
    PurchaseOrder("HP-1003", ((LAMP, 2, "64.9"),), broken=True),
    PurchaseOrder("HP-1004", ((BASKET, 8, "18"),)),
)
RUSH = PurchaseOrder("HP-1005", ((THROW, 4, "40"),))
TRIAL = PurchaseOrder("HP-TEST-1", ((MUG, 1, "12.5"),))
STRANGERS = PurchaseOrder("HP-1006", ((MUG, 99, "12.5"),))
AFTER_500 = PurchaseOrder("HP-1007", ((TRAY, 60, "7.25"),))
WHILE_DOWN = PurchaseOrder("HP-1008", ((LAMP, 3, "64.9"),))


def many(count: int) -> tuple[PurchaseOrder, ...]:
    """Orders that are under way when the worker is killed."""
    return tuple(PurchaseOrder(f"HP-{2001 + n}", ((MUG, 6 + n, "12.5"), (TRAY, 3, "7.25"))) for n in range(count))
