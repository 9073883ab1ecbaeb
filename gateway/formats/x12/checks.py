"""The check of one segment, generated as Python from its definition.

Two functions come from one source: `fast(e)` answers True or False about the elements of a split segment,
`explain(e, add)` walks all of it and adds a finding for every fault. Both are written by the same lines below, which
ask a `_Writer` either to leave at the first fault or to go on; so they cannot disagree about what a fault is.

Trailing separators, trailing spaces and control characters are looked for in the whole text of a set by automaton.py,
which is cheaper than asking every element; only explain says where they stand.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import CodeType
from typing import Any

from gateway.formats.x12 import values
from gateway.formats.x12.codes import Code
from gateway.formats.x12.model import UNBOUNDED, CompositeDef, ElementDef, ElementUse, SegmentDef

Row = list[str]
FastCheck = Callable[[Row], bool]
Add = Callable[[Code, int, int | None, str, str | None], None]  # code, element, component, value, what is expected
ExplainCheck = Callable[[Row, Add], None]

_NAMES: dict[str, object] = {
    "Code": Code,
    "UNBOUNDED": UNBOUNDED,
    "dates": values.GOOD_DATES,
    "digits": values.digits,
    "has_control": values.has_control,
    "is_date": values.is_date,
    "is_decimal": values.is_decimal,
    "is_time": values.is_time,
    "is_whole": values.is_whole,
    "small": values.SMALL_NUMBERS,
    "times": values.GOOD_TIMES,
}


class _Writer:
    """Lines of one function, and what it does at a fault."""

    def __init__(self, explain: bool) -> None:
        self.explain = explain
        self.lines: list[str] = []
        self.depth = 1

    def __call__(self, line: str) -> None:
        self.lines.append("  " * self.depth + line)

    def fault(self, condition: str, code: Code, place: str, value: str, expected: str | None = None) -> None:
        """If the condition holds, the segment is wrong."""
        if self.explain:
            self(f"if {condition}: add(Code.{code.name}, {place}, {value}, {expected!r})")
        else:
            self(f"if {condition}: return False")


def _simple(w: _Writer, element: ElementDef, x: str, place: str, names: dict[str, object]) -> None:
    """Tests of a value that is present."""
    low, high, kind = element.min, element.max, element.type
    if element.codes:
        listed = f"codes_{element.number}"
        names[listed] = element.codes
    if not w.explain:
        _simple_fast(w, element, x, names)
        return
    number = kind == "R" or kind[0] == "N"
    size = f"digits({x})" if number else f"len({x})"
    if number:
        if kind == "R":
            w(f"if not is_decimal({x}): add(Code.INVALID_NUMBER, {place}, {x}, 'R')")
        else:
            w(f"if is_decimal({x}) and not is_whole({x}):")
            w(f"  add(Code.DECIMAL_POINT_IN_WHOLE_NUMBER, {place}, {x}, {kind!r})")
            w(f"elif not is_whole({x}): add(Code.INVALID_NUMBER, {place}, {x}, {kind!r})")
        w(f"elif {size} < {low}: add(Code.ELEMENT_TOO_SHORT, {place}, {x}, '{low} {high}')")
    else:
        w(f"if {size} < {low}: add(Code.ELEMENT_TOO_SHORT, {place}, {x}, '{low} {high}')")
    w(f"elif {size} > {high}: add(Code.ELEMENT_TOO_LONG, {place}, {x}, '{low} {high}')")
    if element.codes:
        w(f"elif {x} not in codes_{element.number}: add(Code.INVALID_CODE_VALUE, {place}, {x}, {element.number!r})")
    elif kind == "DT":
        w(f"elif not is_date({x}): add(Code.INVALID_DATE, {place}, {x}, '{low} {high}')")
    elif kind == "TM":
        w(f"elif not is_time({x}): add(Code.INVALID_TIME, {place}, {x}, '{low} {high}')")


def _simple_fast(w: _Writer, element: ElementDef, x: str, names: dict[str, object]) -> None:
    low, high, kind = element.min, element.max, element.type
    number = kind == "R" or kind[0] == "N"
    if element.codes:
        # the length matters only for codes of the list that do not keep to it
        fitting = all(low <= len(code) <= high for code in element.codes)
        typed = not number and kind not in ("DT", "TM")
        length = "" if fitting or not typed else f" or not {low} <= len({x}) <= {high}"
        w(f"if {x} not in codes_{element.number}{length}: return False")
        if typed:
            return
    if kind == "DT":
        bounded = f" or len({x}) != {low}" if low == high else f" or not {low} <= len({x}) <= {high}"
        w(f"if {x} not in dates and not is_date({x}){bounded}: return False")
    elif kind == "TM":
        w(f"if {x} not in times and not is_time({x}) or not {low} <= len({x}) <= {high}: return False")
    elif number:
        known = f"{x} not in small and " if low == 1 and high >= 4 else ""
        test = f"{'decimal' if kind == 'R' else 'whole'}_{low}_{high}"
        names[test] = (values.decimals if kind == "R" else values.wholes)(low, high)
        w(f"if {known}not {test}({x}): return False")
    elif low > 1:
        w(f"if not {low} <= len({x}) <= {high}: return False")
    else:
        w(f"if len({x}) > {high}: return False")


def _brief(use: ElementUse, x: str, names: dict[str, object]) -> str | None:
    """One test for a value that may be absent and one that is present, where there is one."""
    element = use.element
    if isinstance(element, CompositeDef):
        return None
    optional = use.requirement != "M"
    if (
        element.codes
        and element.type in ("ID", "AN")
        and all(element.min <= len(c) <= element.max for c in element.codes)
    ):
        name = f"{'maybe' if optional else 'codes'}_{element.number}"
        names[name] = element.codes | {""} if optional else element.codes
        return f"{x} not in {name}"
    if element.codes or element.type not in ("ID", "AN", "B"):
        return None
    if optional:
        return f"len({x}) > {element.max}" if element.min <= 1 else None
    return f"not {element.min} <= len({x}) <= {element.max}"


def _value(w: _Writer, use: ElementUse, x: str, place: str, names: dict[str, object], guarded: bool) -> None:
    """Tests of a use's value that is present: simple, composite, repeated."""
    element = use.element
    at = place.split(",")[0]
    if isinstance(element, CompositeDef):
        _composite(w, use, element, x, at, names)
        return
    if guarded:
        if use.repeat > 1:
            w(f"if RS and RS in {x}:")
            w.depth += 1
            w(f"parts = {x}.split(RS)")
            if use.repeat < UNBOUNDED:
                w.fault(f"len(parts) > {use.repeat}", Code.TOO_MANY_REPETITIONS, f"{at}, None", x, str(use.repeat))
            w("for y in parts:")
            w.depth += 1
            _guard(w, "y", place, alone=False)
            _simple(w, element, "y", place, names)
            w.depth -= 2
            w("else:")
            w.depth += 1
            _guard(w, x, place, alone=False)
            _simple(w, element, x, place, names)
            w.depth -= 1
            return
        _guard(w, x, place, alone=True)
        if w.explain:
            w("else:")
            w.depth += 1
            _simple(w, element, x, place, names)
            w.depth -= 1
            return
    _simple(w, element, x, place, names)


def _guard(w: _Writer, x: str, place: str, *, alone: bool) -> None:
    """A separator inside a simple element: only where the set's text holds one at all."""
    if alone:
        w.fault(f"CS and CS in {x}", Code.UNEXPECTED_COMPONENTS, place, x)
        if w.explain:
            w(f"elif RS and RS in {x}: add(Code.TOO_MANY_REPETITIONS, {place}, {x}, '1')")
        else:
            w(f"if RS and RS in {x}: return False")
    else:
        w.fault(f"CS and CS in {x}", Code.UNEXPECTED_COMPONENTS, place, x)


def _composite(w: _Writer, use: ElementUse, element: CompositeDef, x: str, at: str, names: dict[str, object]) -> None:
    w(f"parts = {x}.split(RS) if RS else [{x}]")
    limit = use.repeat if use.repeat < UNBOUNDED else UNBOUNDED
    w.fault(f"len(parts) > {limit}", Code.TOO_MANY_REPETITIONS, f"{at}, None", x, str(use.repeat))
    w("for part in parts:")
    w.depth += 1
    count = len(element.elements)
    w("c = part.split(CS) if CS else [part]")
    w.fault(f"len(c) > {count}", Code.TOO_MANY_COMPONENTS, f"{at}, {count + 1}", "part", str(count))
    w(f"c += [''] * {count}")
    for inner in element.elements:
        place = f"{at}, {inner.position}"
        x = f"c[{inner.position - 1}]"
        simple = inner.element
        if isinstance(simple, CompositeDef):
            raise TypeError(f"{element.id}{inner.position:02d}: a composite cannot hold a composite")
        if inner.requirement == "M":
            w.fault(f"not {x}", Code.MANDATORY_ELEMENT_MISSING, place, "''")
        w(f"if {x}:")
        w.depth += 1
        _simple(w, simple, x, place, names)
        w.depth -= 1
    for note in element.notes:
        _note(w, note, lambda i: f"c[{i - 1}]", component_of=at)
    w.depth -= 1


def note_positions(note: str) -> list[int]:
    """The elements a syntax note speaks of: "P0304" of 3 and 4."""
    return [int(note[i : i + 2]) for i in range(1, len(note), 2)]


def _note(w: _Writer, note: str, present: Callable[[int], str], component_of: str | None = None) -> None:
    """A syntax note: P all or none, R at least one, E at most one, C if the first then all, L if the first then one."""
    kind, positions = note[0], note_positions(note)

    def place(i: int) -> str:
        return f"{component_of}, {i}" if component_of else f"{i}, None"

    first, rest = positions[0], positions[1:]
    if kind == "R":
        missing = " or ".join(present(i) for i in positions)
        w.fault(f"not ({missing})", Code.CONDITIONAL_ELEMENT_MISSING, place(first), "''", note)
    elif kind == "C":
        for i in rest:
            condition = f"{present(first)} and not {present(i)}"
            w.fault(condition, Code.CONDITIONAL_ELEMENT_MISSING, place(i), "''", note)
    elif kind == "L":
        others = " or ".join(present(i) for i in rest)
        condition = f"{present(first)} and not ({others})"
        w.fault(condition, Code.CONDITIONAL_ELEMENT_MISSING, place(rest[0]), "''", note)
    elif kind == "P":
        if not w.explain and len(positions) == 2:
            w(f"if (not {present(first)}) != (not {present(rest[0])}): return False")
            return
        anyone = " or ".join(present(i) for i in positions)
        for i in positions:
            w.fault(f"({anyone}) and not {present(i)}", Code.CONDITIONAL_ELEMENT_MISSING, place(i), "''", note)
    elif kind == "E":
        for k, i in enumerate(positions[1:], 1):
            before = " or ".join(present(j) for j in positions[:k])
            w.fault(f"({before}) and {present(i)}", Code.EXCLUSION_VIOLATED, place(i), present(i), note)
    else:
        raise ValueError(f"syntax note {note!r} is not one of P R E C L")


def _fast(segment: SegmentDef, names: dict[str, object], guarded: bool) -> list[str]:
    """Elements in order, as many as there are; then the notes, as many as the segment's length can break."""
    w = _Writer(explain=False)
    uses = segment.elements
    need = max((use.position for use in uses if use.requirement == "M"), default=0)
    w("n = len(e)")
    w(f"if not {need} < n < {len(uses) + 2}: return False")
    notes = [(note[0], note_positions(note), note) for note in segment.notes]
    # pairs whose elements are next to each other are checked on the way
    inline = {
        p[0]
        for kind, p, _ in notes
        if kind == "P" and len(p) == 2 and p[1] == p[0] + 1 and p[0] > need and p[1] <= len(uses)
    }
    inline = {first for first in inline if first - 1 not in inline}
    position = 1
    while position <= len(uses):
        use = uses[position - 1]
        if position > need:
            w(f"if n > {position}:")
            w.depth += 1
        if position in inline:
            w(f"x = e[{position}]")
            w("if x:")
            w.depth += 1
            _value(w, use, "x", f"{position}, None", names, guarded)
            w(f"if n == {position + 1}: return False")
            _present(w, uses[position], names, guarded)
            w.depth -= 1
            w(f"elif n > {position + 1} and e[{position + 1}]: return False")
            position += 2
            continue
        if use.requirement == "M":
            _present(w, use, names, guarded)
        else:
            brief = None if guarded else _brief(use, f"e[{position}]", names)
            if brief:
                w(f"if {brief}: return False")
            else:
                w(f"x = e[{position}]")
                w("if x:")
                w.depth += 1
                _value(w, use, "x", f"{position}, None", names, guarded)
                w.depth -= 1
        position += 1
    w.depth = 1
    others = [(kind, p, note) for kind, p, note in notes if not (kind == "P" and len(p) == 2 and p[0] in inline)]
    for kind, positions, note in sorted(others, key=lambda found: (found[0] != "R", min(found[1]))):
        sure = need
        if kind != "R":  # the others are kept if their first element is absent
            sure = max(need, min(positions))
            w(f"if n <= {min(positions)}: return True")

        def present(i: int, sure: int = sure) -> str:
            return f"e[{i}]" if i <= sure else f"(n > {i} and e[{i}])"

        _note(w, note, present)
    w("return True")
    return ["def fast(e):", *w.lines]


def _present(w: _Writer, use: ElementUse, names: dict[str, object], guarded: bool) -> None:
    """Tests of a value that has to be there."""
    must = ElementUse(use.position, "M", use.element, use.repeat)
    brief = None if guarded else _brief(must, f"e[{use.position}]", names)
    if brief:
        w(f"if {brief}: return False")
        return
    w(f"x = e[{use.position}]")
    w("if not x: return False")
    _value(w, use, "x", f"{use.position}, None", names, guarded)


def _explain(segment: SegmentDef, names: dict[str, object], guarded: bool) -> list[str]:
    w = _Writer(explain=True)
    count = len(segment.elements)
    w(f"extra = [i for i in range({count + 1}, len(e)) if e[i]]")
    w(f"if extra: add(Code.TOO_MANY_ELEMENTS, {count + 1}, None, e[extra[0]], '{count}')")
    w("elif len(e) > 1 and not e[-1].strip(' '): add(Code.TRAILING_EMPTY_ELEMENTS, len(e) - 1, None, '', None)")
    w(f"e = e + [''] * {count}")
    for use in segment.elements:
        place = f"{use.position}, None"
        w(f"x = e[{use.position}]")
        if use.requirement == "M":
            w("if not x: add(Code.MANDATORY_ELEMENT_MISSING, " + place + ", '', None)")
        w("if x:")
        w.depth += 1
        w("y = x.rstrip(' ')")
        w(f"if y != x: add(Code.TRAILING_SPACES, {place}, x, None)")
        w("x = y or x")
        w(f"if has_control(x, CS, RS): add(Code.INVALID_CHARACTER, {place}, x, None)")
        _value(w, use, "x", place, names, guarded)
        w.depth -= 1
    for note in segment.notes:
        _note(w, note, lambda i: f"e[{i}]")
    return ["def explain(e, add):", *w.lines]


class SegmentChecks:
    """Both functions of one segment, for one pair of inner separators."""

    __slots__ = ("_compile", "_explain", "_scope", "fast")

    def __init__(self, segment: SegmentDef, component: str | None, repetition: str | None, *, guarded: bool) -> None:
        fast, self._compile, names = _compiled(segment, guarded)
        self._scope: dict[str, Any] = {**_NAMES, **names, "CS": component, "RS": repetition}
        exec(fast, self._scope)  # noqa: S102 - source written above from a guide, never from a document
        self.fast: FastCheck = self._scope["fast"]
        self._explain: ExplainCheck | None = None

    def explain(self, e: Row, add: Add) -> None:
        """Add a finding for every fault of the segment's elements."""
        if self._explain is None:
            code, names = self._compile()
            self._scope.update(names)
            exec(code, self._scope)  # noqa: S102 - as above
            self._explain = self._scope["explain"]
        self._explain(e, add)


Compiled = tuple[CodeType, dict[str, object]]  # and the names it uses


@cache
def _compiled(segment: SegmentDef, guarded: bool) -> tuple[CodeType, Callable[[], Compiled], dict[str, object]]:
    names: dict[str, object] = {}
    source = "\n".join(_fast(segment, names, guarded))
    fast = compile(source, f"<{segment.tag} fast>", "exec")

    @cache
    def explain() -> Compiled:
        used: dict[str, object] = {}
        source = "\n".join(_explain(segment, used, guarded))
        return compile(source, f"<{segment.tag} explain>", "exec"), used

    return fast, explain, names
