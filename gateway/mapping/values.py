"""Values on their way between a document and nested dicts or objects, for formats that are not compiled."""

from __future__ import annotations

from typing import Any

from gateway.mapping.faults import Problem
from gateway.mapping.fields import Path
from gateway.mapping.formats import by_type
from gateway.mapping.language import Line, check_default

Values = dict[str, Any]


class Carrier:
    """One read or write of one document: values go through their formats, and what they refuse is gathered."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def refuse(
        self,
        line: Line,
        position: int | None,
        value: object,
        why: object,
        *,
        place: str = "",
        column: int | None = None,
    ) -> None:
        said = None if value is None else str(value)
        self.problems.append(
            Problem(place or line.place or line.key, position, line.full, said, str(why), str(line.origin), column)
        )

    def read(
        self, line: Line, text: str, into: Values, position: int | None, *, place: str = "", column: int | None = None
    ) -> None:
        """Text into its field."""
        try:
            value = line.format.read(text)
        except (ValueError, ArithmeticError) as error:
            self.refuse(line, position, text, error, place=place, column=column)
            return
        put(into, line.path, value)

    def write(self, line: Line, holder: Any, position: int | None) -> str | None:
        """A field's text; None where there is nothing to say."""
        if line.kind == "const":
            if line.when and get(holder, tuple(line.when.split("."))) is None:
                return None
            return line.value
        if line.kind == "ignored":
            return None
        value = get(holder, line.path)
        if value is None:
            return line.default
        try:
            return line.format.write(value)
        except (ValueError, ArithmeticError) as error:
            self.refuse(line, position, value, error)
            return None


def put(into: Values, path: Path, value: Any) -> None:
    """Set a value, making the objects on the way."""
    for name in path[:-1]:
        into = into.setdefault(name, {})
    into[path[-1]] = value


def get(holder: Any, path: Path) -> Any:
    """The value at a path of fields and dict entries; None where something on the way is absent."""
    for name in path:
        if holder is None:
            return None
        holder = holder.get(name) if isinstance(holder, dict) else getattr(holder, name)
    return holder


def settle(line: Line, *, lists: bool = False, numbers: bool = False) -> None:
    """The format of a line in a document without types of its own, or a fault."""
    if numbers and line.kind == "number":
        return
    if line.kind not in ("field", "const", "ignored"):
        raise line.origin.fault(f"{line.key}: = {line.kind} has no meaning here")
    if line.target is None:
        return
    if line.target.kind != "value" and not (lists and line.target.kind == "values"):
        raise line.origin.fault(f"{line.full} is no single value", "name one entry, as identifiers.gtin")
    if not line.chosen:
        found = by_type(line.target.type)
        if found is None:
            raise line.origin.fault(f"no format spells {line.full}", "name one after |")
        line.format = found
    check_default(line)
