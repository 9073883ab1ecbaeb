"""What a shipping advice (945) says of a warehouse order, whichever format and words it came in.

`said` reads the advice alone. `placed` puts it beside the warehouse order it answers: every piece on a line of that
order. What comes out is the same fact from every warehouse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from gateway.canonical import WarehouseLine, WarehouseShippingAdvice


class LineUnknown(ValueError):
    """The advice ships something that is on no line of the warehouse order."""


def said(advice: WarehouseShippingAdvice) -> dict[str, Any]:
    """The advice as data, its pieces still under the names the warehouse gave them."""
    weight, carrier = advice.weight, advice.carrier
    known = {
        "number": _number(advice),
        "release": advice.depositor_order_number,
        "order_number": advice.order_number,
        "scac": carrier.scac if carrier else None,
        "bill_of_lading": advice.bill_of_lading,
        "tracking_number": advice.tracking_number,
        "date": (advice.shipped.date if advice.shipped else advice.shipped_on),
        "weight": weight.value if weight else None,
        "weight_unit": weight.unit if weight else None,
    }
    packages = [
        {"sscc": package.sscc, "mark": package.mark, "lines": [_line(line) for line in package.lines]}
        for package in advice.packages
    ]
    return {**{name: str(value) for name, value in known.items() if value is not None}, "packages": packages}


def _number(advice: WarehouseShippingAdvice) -> str:
    """Many warehouses give a shipment no number of its own; its bill of lading or tracking number names it as well."""
    numbers = (advice.shipment_number, advice.bill_of_lading, advice.tracking_number, advice.depositor_order_number)
    return next((number for number in numbers if number), "")


def _line(line: WarehouseLine) -> dict[str, Any]:
    known = {
        "line": line.line_number,
        "status": line.status,
        "reason": line.reason,
        "shipped": str(line.shipped) if line.shipped is not None else None,
    }
    return {**{name: value for name, value in known.items() if value is not None}, "identifiers": line.identifiers}


def placed(told: Mapping[str, Any], released: Mapping[str, Any], warehouse: str) -> dict[str, Any]:
    """The fact `shipment.confirmed`: what left, by line of the order.

    Raises LineUnknown for a piece that is on no line.
    """
    lines: dict[str, Decimal] = {}
    statuses: dict[str, str] = {}
    reasons: dict[str, str] = {}
    packages: list[dict[str, Any]] = []
    for package in told["packages"]:
        inside: dict[str, Decimal] = {}
        for one in package["lines"]:
            line = _place(one, released)
            shipped = Decimal(one.get("shipped", "0"))
            if shipped:
                inside[line] = inside.get(line, Decimal(0)) + shipped
            lines[line] = lines.get(line, Decimal(0)) + shipped
            if "status" in one:
                statuses[line] = one["status"]
            if "reason" in one:
                reasons[line] = one["reason"]
        numbers = {name: package[name] for name in ("sscc", "mark") if package.get(name)}
        if inside:
            packages.append({**numbers, "lines": _texts(inside)})
    plain = {name: value for name, value in told.items() if name not in ("packages", "order_number")}
    # Of a line whose status nobody says, no more is announced: the advice is taken at its word.
    statuses |= {line: "complete" for line in lines if line not in statuses}
    return {
        **plain,
        "warehouse": warehouse,
        "release": released["number"],
        "lines": _texts({line: n for line, n in lines.items() if n}),
        "statuses": dict(sorted(statuses.items())),
        **({"reasons": dict(sorted(reasons.items()))} if reasons else {}),
        "packages": packages,
        "package_count": str(len(packages)),
    }


def _texts(quantities: Mapping[str, Decimal]) -> dict[str, str]:
    return {line: format(n.normalize(), "f") for line, n in sorted(quantities.items())}


def _place(one: Mapping[str, Any], released: Mapping[str, Any]) -> str:
    """The line by its number, or by an article number that is on one line only."""
    if one.get("line") in released["lines"]:
        return str(one["line"])
    theirs = set(one["identifiers"].items())
    found = [line for line, ours in released["identifiers"].items() if theirs & set(ours.items())]
    if len(found) == 1:
        return str(found[0])
    names = ", ".join(f"{scheme} {value}" for scheme, value in sorted(theirs)) or f"line {one.get('line', '?')}"
    raise LineUnknown(f"{names} is on {'several lines' if found else 'no line'} of {released['number']}")


def name_of(shipment: Mapping[str, Any]) -> str:
    """What the facts of a flow call a shipment: its number; with `match` behind it where it comes back to a flow that
    it was withdrawn from."""
    return f"{shipment['number']}#{shipment['match']}" if "match" in shipment else str(shipment["number"])


def lines_of(lines: Iterable[Any]) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Line number -> article numbers, and line number -> words, of the lines of an order."""
    numbered = [line for line in lines if line.line_number is not None]
    identifiers = {line.line_number: dict(line.identifiers) for line in numbered}
    words = {
        line.line_number: line.description or next(iter(line.identifiers.values()), f"line {line.line_number}")
        for line in numbered
    }
    return identifiers, words
