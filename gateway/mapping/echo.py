"""Echo: an answer repeats what the order said, where the answer itself says nothing.

    echo:
      vendor_number: vendor_number                 ours: the order's
      buyer: buyer
      references: references                       a list of references is completed by type
      lines by line_number: lines                  items are matched by this field, else by an identifier they share
      orders.packages.items by line_number: lines  whatever depth

Under a `by` line each field both sides have is filled: identifiers are completed, quantities are answered in the unit
they were ordered in. So 855, 856, 810 and 945 return the partner's own REF, N1 and line ids although no internal system
knows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from gateway.canonical import DOCUMENTS, Document, Node, Quantity, Reference
from gateway.mapping.convert import Units
from gateway.mapping.faults import Origin
from gateway.mapping.fields import Path, fields_of, walk
from gateway.mapping.source import Raw

ORDERED = ("line_number", "identifiers", "description", "unit_price", "price_basis", "references", "ordered")
D = TypeVar("D", bound=Document)
N = TypeVar("N", bound=Node)


@dataclass(frozen=True, slots=True)
class Repeat:
    """One field of the answer and where the order has it."""

    path: Path
    source: Path
    by: str  # the field items are matched by; "" for a plain field
    origin: Origin


class Echo:
    """The repeats of one map."""

    def __init__(self, lines: Mapping[str, Raw], model: type[Document], units: Units) -> None:
        self.units = units
        self.of: type[Document] = (
            DOCUMENTS["order"] if model.kind != "warehouse-shipping-advice" else DOCUMENTS["warehouse-order"]
        )
        self.repeats = [self._repeat(key, raw, model) for key, raw in lines.items()]

    def _repeat(self, key: str, raw: Raw, model: type[Document]) -> Repeat:
        field, _, by = key.partition(" by ")
        if not raw.value:
            raise raw.origin.fault(f"echo {key} names no field of the order", f"write {key}: FIELD")
        repeat = Repeat(tuple(field.split(".")), tuple(raw.value.split(".")), by.strip(), raw.origin)
        at: type[Node] = model
        for name in repeat.path[:-1]:
            at = _inner(at, name, raw.origin)
        mine, theirs = walk(at, repeat.path[-1:], raw.origin), walk(self.of, repeat.source, raw.origin)
        if repeat.by:
            if mine.kind != "nodes" or theirs.kind != "nodes":
                raise raw.origin.fault(f"echo {key}: only lists have items to match")
            for side in (mine.type, theirs.type):
                walk(side, (repeat.by,), raw.origin)
        elif mine.kind != theirs.kind or mine.type is not theirs.type:
            raise raw.origin.fault(
                f"echo {key}: {raw.value} of the order is something else", "name a field of the same type"
            )
        return repeat

    def fill(self, answer: D, orders: Sequence[Document]) -> D:
        """The answer with what the orders said. Documents of another kind are passed over."""
        for order in orders:
            if isinstance(order, self.of):
                for repeat in self.repeats:
                    answer = self._fill(answer, repeat.path, repeat, order, order)
        return answer

    def _fill(self, node: N, path: Path, repeat: Repeat, source: Node, order: Document) -> N:
        name, *rest = path
        value = getattr(node, name)
        if rest:
            if isinstance(value, list):
                items = [
                    self._fill(item, tuple(rest), repeat, source, order) if _about(item, order) else item
                    for item in value
                ]
                return node.model_copy(update={name: items})
            if isinstance(value, Node):
                return node.model_copy(update={name: self._fill(value, tuple(rest), repeat, source, order)})
            return node
        said: Any = source
        for step in repeat.source:
            said = getattr(said, step) if said is not None else None
        if repeat.by:
            items = [self._item(item, _match(item, said, repeat.by)) for item in value]
            return node.model_copy(update={name: items})
        filled = _complete(value, said)
        return node if filled is value else node.model_copy(update={name: filled})

    def _item(self, item: Node, ordered: Node | None) -> Node:
        """One line of an answer, from the line it answers."""
        if ordered is None:
            return item
        changed: dict[str, Any] = {}
        for name in fields_of(type(item)):
            value = getattr(item, name)
            if isinstance(value, Quantity):
                changed[name] = self.units.as_ordered(value, getattr(ordered, "quantity", None))
            elif (
                isinstance(value, list)
                and value
                and isinstance(value[0], Node)
                and name not in ("references", "packages")
            ):
                quantity = getattr(ordered, "quantity", None)
                changed[name] = [
                    part.model_copy(update={"quantity": self.units.as_ordered(part.quantity, quantity)})
                    if isinstance(getattr(part, "quantity", None), Quantity)
                    else part
                    for part in value
                ]
            elif name in ORDERED:
                said = getattr(ordered, "quantity" if name == "ordered" else name, None)
                changed[name] = _complete(value, said)
        return item.model_copy(update=changed)


def _inner(model: type[Node], name: str, origin: Origin) -> type[Node]:
    found = walk(model, (name,), origin)
    if found.kind not in ("node", "nodes"):
        raise origin.fault(f"{name} of {model.__name__} holds no fields")
    return found.type


def _about(item: Any, order: Document) -> bool:
    """Whether a part of an answer belongs to this order: parts that name no order belong to any."""
    number = getattr(item, "order_number", None)
    return number is None or number == getattr(order, "order_number", number)


def _match(item: Node, lines: Sequence[Node], by: str) -> Node | None:
    """The ordered line an item answers."""
    key = getattr(item, by)
    if key is not None:
        found = next((line for line in lines if getattr(line, by) == key), None)
        if found is not None:
            return found
    mine = getattr(item, "identifiers", {}).items()
    shares = [line for line in lines if mine & getattr(line, "identifiers", {}).items()]
    return shares[0] if len(shares) == 1 else None


def _complete(value: Any, said: Any) -> Any:
    """What is there stays; what is missing is taken from what was said."""
    if said is None or said == []:
        return value
    if value is None:
        return said
    if isinstance(value, dict):
        return {**said, **value} if said.keys() - value.keys() else value
    if isinstance(value, list) and all(isinstance(item, Reference) for item in [*value, *said]):
        types = {item.type for item in value}
        return [*value, *(item for item in said if item.type not in types)]
    if isinstance(value, list):
        return value or said
    return value
