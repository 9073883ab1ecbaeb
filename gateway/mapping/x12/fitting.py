"""Whether a field and an element can meet: the format between their types, and the codes the guide knows."""

from __future__ import annotations

import difflib

from gateway.formats.x12.guide import CompositeDef, ElementDef
from gateway.mapping.faults import Origin
from gateway.mapping.formats import DATE8, DECIMAL, IMPLIED, TEXT, TIME, Format
from gateway.mapping.language import Line, check_default


def fit(line: Line, definition: ElementDef | CompositeDef, *, in_pairs: bool) -> None:
    """The format of a line from the element's type and the field's, or a fault where they cannot meet."""
    if isinstance(definition, CompositeDef) or line.target is None:
        return
    wanted, kind = line.target.type, definition.type
    if in_pairs:  # the line's format is the qualifier's; the values have one of their own
        if wanted is not str and _settled(kind, wanted) is None:
            raise line.origin.fault(f"the values of {line.full} do not fit {kind} elements")
        return
    if not line.chosen:
        found = _settled(kind, wanted)
        if found is None:
            text = f"{line.place} is {kind} ({definition.name}), but {line.full} is a {wanted.__name__}"
            raise line.origin.fault(text, "name a format that makes one of the other, or the right element")
        line.format = found
        check_default(line)
        return
    check_default(line)
    produces = {"DT": ("date8",), "TM": ("time",)}.get(kind)
    numeric = line.format.type.__name__ == "Decimal"
    if (produces and line.format.name not in produces) or (numeric and kind[0] not in "NR" and kind != "AN"):
        raise line.origin.fault(f"{line.place} is {kind} ({definition.name}); {line.format.name} does not spell that")
    if not produces and line.format.type.__name__ in ("date", "time"):
        raise line.origin.fault(f"{line.place} is {kind} ({definition.name}), but {line.full} is a {wanted.__name__}")
    if kind[0] == "N" and numeric and line.format.name != kind:
        raise line.origin.fault(f"{line.place} is {kind}: {line.format.name} would move its decimal point")
    if line.format.domain == "codes" and kind not in ("ID", "AN"):
        raise line.origin.fault(f"{line.place} is {kind} ({definition.name}): a code table does not fit a number")


def check_code(definition: ElementDef | CompositeDef, code: str, place: str, origin: Origin) -> None:
    """A code we write must be one the guide knows."""
    if isinstance(definition, CompositeDef) or definition.codes is None or code in definition.codes:
        return
    near = difflib.get_close_matches(code, definition.codes, 3, 0.4)
    known = near or sorted(definition.codes)[:12]
    raise origin.fault(f"{code} is no code of {place} ({definition.name})", f"the guide knows {' '.join(known)}")


def _settled(kind: str, wanted: type) -> Format | None:
    name = wanted.__name__
    if kind == "DT":
        return DATE8 if name == "date" else None
    if kind == "TM":
        return TIME if name == "time" else None
    if kind[0] == "N" and kind[1:].isdigit():
        return IMPLIED[int(kind[1:])] if name == "Decimal" else TEXT if name == "str" and kind == "N0" else None
    if kind == "R":
        return DECIMAL if name == "Decimal" else None
    if name == "Decimal" and kind == "AN":
        return DECIMAL
    return TEXT if name == "str" else None
