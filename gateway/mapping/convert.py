"""Units: what one of the partner's units is in ours, and back.

    convert:
      pack: 6 each                a partner's pack is six of ours
      pack of THROW-2: 12 each    ... but of this article it is twelve; any identifier of the line names it

A converted quantity remembers what was sent, so that it goes back unchanged and an answer can be given in the partner's
unit. Bare numbers that are "in the unit of" a quantity (Node.in_unit_of) move with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from gateway.canonical import Measure, Node, Quantity
from gateway.mapping.faults import MapError, Origin, Problem
from gateway.mapping.fields import fields_of
from gateway.mapping.formats import read_decimal
from gateway.mapping.source import Raw

N = TypeVar("N", bound=Node)
_FINEST = Decimal("1e-9")


Factor = tuple[Decimal, str]  # how many of which unit of ours
OF = " of "


class Units:
    """The conversions of one map."""

    def __init__(self, lines: Mapping[str, Raw], unit_words: set[str] | None) -> None:
        self.ours: dict[str, Factor] = {}
        self.items: dict[tuple[str, str], Factor] = {}  # (unit, an identifier of the article) -> ...
        self.origins: dict[str, Origin] = {}
        units = {key.partition(OF)[0] for key in lines}
        for key, raw in lines.items():
            unit, _, item = key.partition(OF)
            factor, _, ours = (raw.value or "").strip().partition(" ")
            try:
                number = read_decimal(factor)
            except ValueError:
                number = Decimal(0)
            if number <= 0 or not ours.strip():
                raise raw.origin.fault(
                    f"convert {key}: {(raw.value or '')!r} says no factor and unit", f"write {key}: 6 each"
                )
            if ours.strip() in units:
                raise raw.origin.fault(f"convert {key} ends in a unit that is converted itself")
            if unit_words is not None and unit not in unit_words:
                known = ", ".join(sorted(unit_words))
                raise raw.origin.fault(f"convert {key}: no unit of the code table is called so", f"there are {known}")
            if item:
                self.items[unit, item] = (number, ours.strip())
            else:
                self.ours[unit] = (number, ours.strip())
            self.origins[unit] = raw.origin

    def factor(self, unit: str, article: Mapping[str, str]) -> Factor | None:
        """What a unit is in ours: of this article where somebody said so, else of any."""
        for identifier in article.values() if self.items else ():
            if (unit, identifier) in self.items:
                return self.items[unit, identifier]
        return self.ours.get(unit)

    def read(self, values: dict[str, Any], model: type[Node], article: Mapping[str, str] | None = None) -> None:
        """Turn the quantities of a document just read into our units."""
        if not self.origins:
            return
        article = values.get("identifiers") or article or {}
        for name, inner in _leading(model):
            value = values.get(name)
            if value is None:
                continue
            if isinstance(value, list):
                for item in value:
                    self.read(item, inner, article)
            elif inner is not Quantity:
                self.read(value, inner, article)
            elif "value" in value and (found := self.factor(value.get("unit"), article)):
                self._quantity(values, name, model, found)

    def _quantity(self, values: dict[str, Any], name: str, model: type[Node], found: Factor) -> None:
        quantity = values[name]
        factor, ours = found
        quantity["sent"] = {"value": quantity["value"], "unit": quantity["unit"]}
        quantity["value"], quantity["unit"] = quantity["value"] * factor, ours
        for bare, of in model.in_unit_of.items():
            if of == name and bare in values:
                values[bare] *= factor

    def write(self, node: N) -> N:
        """The document with what was converted as the partner counts it."""
        return self._write(node, "", {}) if self.origins else node

    def _write(self, node: N, path: str, article: Mapping[str, str]) -> N:
        article = getattr(node, "identifiers", None) or article
        changed: dict[str, Any] = {}
        for name in type(node).model_fields:
            value = getattr(node, name)
            if isinstance(value, Quantity):
                if value.sent is not None:
                    found = self.factor(value.sent.unit, article)
                    changed[name] = sent = self._sent(value, found)
                    for bare, of in node.in_unit_of.items():
                        if of == name and found and sent.unit != value.unit and getattr(node, bare) is not None:
                            changed[bare] = self._exactly(getattr(node, bare), sent.unit or "", found, f"{path}{bare}")
            elif isinstance(value, Node):
                changed[name] = self._write(value, f"{path}{name}.", article)
            elif isinstance(value, list) and value and isinstance(value[0], Node):
                changed[name] = [self._write(item, f"{path}{name}.", article) for item in value]
        return node.model_copy(update=changed) if changed else node

    def _sent(self, quantity: Quantity, found: Factor | None) -> Quantity:
        """In the partner's unit, if what was sent still says the same; in ours otherwise."""
        assert quantity.sent is not None
        factor, ours = found or (Decimal(0), None)
        if ours != quantity.unit or quantity.sent.value * factor != quantity.value:
            return quantity.model_copy(update={"sent": None})
        return Quantity(value=quantity.sent.value, unit=quantity.sent.unit, leftovers=quantity.leftovers)

    def _exactly(self, number: Decimal, unit: str, found: Factor, path: str) -> Decimal:
        factor, ours = found
        theirs = _divided(number, factor)
        if theirs is None:
            why = f"{number} {ours} is no exact number of {unit}"
            raise MapError([Problem(path, None, path, str(number), why, str(self.origins[unit]))])
        return theirs

    def as_ordered(self, quantity: Quantity, ordered: Quantity | None) -> Quantity:
        """A quantity of an answer, said in the unit of the order where that comes out even."""
        if quantity.sent is not None or ordered is None or ordered.sent is None or quantity.unit != ordered.unit:
            return quantity
        if not self.origins or not ordered.sent.value:
            return quantity
        theirs = _divided(quantity.value, ordered.value / ordered.sent.value)  # as the order was converted
        if theirs is None or theirs != theirs.to_integral_value():
            return quantity
        return quantity.model_copy(update={"sent": Measure(value=theirs, unit=ordered.sent.unit)})


def _divided(number: Decimal, factor: Decimal) -> Decimal | None:
    """The quotient, if it comes out even to nine decimals."""
    theirs = (number / factor).quantize(_FINEST)
    if theirs * factor != number:
        return None
    return theirs.quantize(Decimal(1)) if theirs == theirs.to_integral_value() else theirs.normalize()


@cache
def _leading(model: type[Node]) -> tuple[tuple[str, type[Node]], ...]:
    """The fields of a model behind which a quantity stands, so that nothing else of a document is looked at."""
    return tuple(
        (name, found.type) for name, found in fields_of(model).items() if _leads(found.type, frozenset({model}))
    )


def _leads(kind: type, seen: frozenset[type]) -> bool:
    if kind is Quantity:
        return True
    if kind in seen or not issubclass(kind, Node):
        return kind in seen  # a package in a package leads where the outer one leads
    return any(_leads(found.type, seen | {kind}) for found in fields_of(kind).values())
