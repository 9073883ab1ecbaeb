"""What a document must keep to before it goes out: rules over our own language, so they hold for every format.

A rule looks at the document, at the order it answers and at what was sent for that order before. It finds breaches; how
much each weighs (off, warn, hold) is said by the profile (`before_sending:`), not here.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from gateway.canonical import Document, Invoice, Moment, Node, Order, Quantity, Reference, Shipment
from gateway.canonical.gs1 import check_digit


@dataclass(frozen=True, slots=True)
class Sending:
    """One document on its way out, and what it is judged against."""

    document: Document
    order: Document | None  # the one it answers
    before: Sequence[Document]  # of its kind, sent for this order earlier
    now: dt.datetime  # on our company's wall
    units: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Breach:
    """One rule a document breaks: the rule, a sentence, what would mend it."""

    rule: str
    text: str
    remedy: str


Found = Iterator[tuple[str, str]]  # sentence, remedy


def _arrival(sending: Sending) -> Found:
    if isinstance(sending.document, Shipment) and (arrives := sending.document.delivery) is not None:
        at = dt.datetime.combine(arrives.date, arrives.time or dt.time.max, sending.now.tzinfo)
        if at <= sending.now:
            yield (
                f"the goods arrive {_moment(arrives)}, before this ship notice",
                "correct the arrival, or tell their dock before you send it",
            )


def _sscc(sending: Sending) -> Found:
    for code in _values(sending.document, "sscc"):
        if len(code) != 18 or not code.isdigit():
            yield f"SSCC {code} has not 18 digits", "ask the warehouse for the number on the label"
        elif check_digit(code[:17]) != code[17]:
            yield (
                f"the check digit of SSCC {code} is {code[17]}, and must be {check_digit(code[:17])}",
                "a digit was mistyped: compare it with the label",
            )


def _on_order(sending: Sending) -> Found:
    if not isinstance(sending.order, Order):
        return
    for line in _lines(sending.document):
        if _ordered(sending.order, line) is None:
            yield f"{_named(line)} is not on the order", "take the line away, or ask their buyer for a change"


def _quantities(sending: Sending) -> Found:
    if not isinstance(sending.order, Order):
        return
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for document in (*sending.before, sending.document):
        for line in _lines(document):
            ordered = _ordered(sending.order, line)
            quantity = getattr(line, "quantity", None)
            if ordered is not None and quantity is not None:
                sums[ordered.line_number or str(id(ordered))] += _in_unit_of(quantity, ordered.quantity)
    for ordered in sending.order.lines:
        told = sums[ordered.line_number or str(id(ordered))]
        if ordered.quantity is not None and told > ordered.quantity.value:
            word, most = "billed" if isinstance(sending.document, Invoice) else "sent", ordered.quantity.value
            earlier = " with what was told before" if sending.before else ""
            yield (
                f"of {_named(ordered)} {_plain(told)} are {word}{earlier}, {_plain(most)} were ordered",
                "correct the quantity, or ask their buyer for a change",
            )


def _prices(sending: Sending) -> Found:
    if not isinstance(sending.order, Order) or not isinstance(sending.document, Invoice):
        return
    for line in sending.document.lines:
        ordered = _ordered(sending.order, line)
        agreed = ordered.unit_price if ordered is not None else None
        if None not in (agreed, line.unit_price) and agreed != line.unit_price:
            yield (
                f"{_named(line)} is billed at {line.unit_price}, and was ordered at {agreed}",
                "bill the ordered price, or have the new one agreed first",
            )


def _units(sending: Sending) -> Found:
    for line in _lines(sending.document):
        for name in type(line).model_fields:
            quantity = getattr(line, name)
            if isinstance(quantity, Quantity) and sending.units and quantity.unit not in (None, *sending.units):
                yield (
                    f"{_named(line)} is in {quantity.unit}, and they take {', '.join(sending.units)}",
                    "convert it: `convert:` in codes.yaml says how many one is",
                )


def _required(sending: Sending) -> Found:
    for name in sending.required:
        if name.startswith("reference "):
            types = {reference.type for reference in _references(sending.document)}
            missing = name.removeprefix("reference ") not in types
        else:
            missing = not any(True for _ in _values(sending.document, name.rpartition(".")[2], name.split(".")[:-1]))
        if missing:
            yield f"it names no {name.replace('_', ' ')}", "add it where the shipment or invoice is told"


RULES: dict[str, tuple[str, Callable[[Sending], Found]]] = {
    "asn_before_arrival": ("A ship notice leaves before the goods arrive.", _arrival),
    "sscc_check_digit": ("Every SSCC has 18 digits, the last its check digit.", _sscc),
    "lines_on_order": ("Every line answers a line of the order.", _on_order),
    "quantities_within_order": (
        "No more is shipped or billed of a line than was ordered, with everything told before.",
        _quantities,
    ),
    "prices_as_ordered": ("Every line is billed at the price it was ordered at.", _prices),
    "allowed_units": ("Every quantity is in one of `units`.", _units),
    "required_values": ("Everything in `required` is there.", _required),
}
"""Rule -> what it wants, and how it is found out."""

NEED_BEFORE = frozenset({"quantities_within_order"})
"""Rules that look at what was sent earlier."""


def breaches(rules: Sequence[str], sending: Sending) -> list[Breach]:
    """Everything these rules find."""
    return [Breach(rule, text, remedy) for rule in rules for text, remedy in dict.fromkeys(RULES[rule][1](sending))]


# -- looking into documents -----------------------------------------------------------------------
def _lines(document: Document) -> Iterator[Any]:
    if isinstance(document, Shipment):
        for order in document.orders:
            yield from (item for item, _ in order.all_items())
    else:
        yield from getattr(document, "lines", ())


def _ordered(order: Order, line: Any) -> Any:
    """The line of the order a line is about: by number, else by an identifier they share."""
    number = getattr(line, "line_number", None)
    if number is not None:
        return next((one for one in order.lines if one.line_number == number), None)
    mine: Mapping[str, str] = line.identifiers
    return next((one for one in order.lines if mine.items() & one.identifiers.items()), None)


def _in_unit_of(quantity: Quantity, ordered: Quantity | None) -> Decimal:
    """In the unit that was ordered, where the order's own conversion says how many one is."""
    sent = ordered.sent if ordered is not None else None
    if ordered is None or sent is None or not sent.value or quantity.unit == ordered.unit:
        return quantity.value
    return quantity.value * ordered.value / sent.value if quantity.unit == sent.unit else quantity.value


def _values(node: Node, name: str, under: Sequence[str] = ()) -> Iterator[str]:
    """Every value of a field of this name, below these fields, however deep."""
    for field in type(node).model_fields:
        value = getattr(node, field)
        if field == name and not under and value not in (None, [], {}):
            yield str(value)
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, Node):
                yield from _values(inner, name, under[1:] if under and field == under[0] else under)


def _references(node: Node) -> Iterator[Reference]:
    for field in type(node).model_fields:
        value = getattr(node, field)
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, Reference):
                yield inner
            elif isinstance(inner, Node):
                yield from _references(inner)


def _named(line: Any) -> str:
    number = line.line_number
    article = next(iter(line.identifiers.values()), "")
    return f"line {number}" + (f" ({article})" if article else "") if number else f"article {article or '(not named)'}"


def _moment(moment: Moment) -> str:
    return f"{moment.date:%Y-%m-%d}" + (f" {moment.time:%H:%M}" if moment.time else "")


def _plain(number: Decimal) -> str:
    return format(number.normalize(), "f")
