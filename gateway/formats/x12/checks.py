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
    "is_number_of": values.is_number_of,
    "is_time": values.is_time,
    "is_whole": values.is_whole,
    "is_whole_of": values.is_whole_of,
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
        _simple_fast(w, element, x)
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


def _simple_fast(w: _Writer, element: ElementDef, x: str) -> None:
    low, high, kind = element.min, element.max, element.type
    length = f"{low} <= len({x}) <= {high}" if low > 1 else f"len({x}) <= {high}"
    if element.codes:
        fitting = all(low <= len(code) <= high for code in element.codes)
        typed = kind == "ID" or kind == "AN"
        if typed:
            # the length matters only for codes of the list that do not keep to it
            w(f"if {x} not in codes_{element.number}{'' if fitting else f' or not {length}'}: return False")
            return
        w(f"if {x} not in codes_{element.number}: return False")
    if kind == "DT":
        bounded = "" if (low, high) == (6, 8) else f" or not {length}"
        w(f"if {x} not in dates and not is_date({x}){bounded}: return False")
    elif kind == "TM":
        w(f"if {x} not in times and not is_time({x}) or not {length}: return False")
    elif kind == "R" or kind[0] == "N":
        known = f"{x} not in small and " if low == 1 and high >= 4 else ""
        test = "is_number_of" if kind == "R" else "is_whole_of"
        w(f"if {known}not {test}({x}, {low}, {high}): return False")
    else:
        w(f"if not {length}: return False")


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
    """Elements in order, left as soon as the segment ends; then the notes, as many as its length can break."""
    w = _Writer(explain=False)
    uses = segment.elements
    need = max((use.position for use in uses if use.requirement == "M"), default=0)
    w("n = len(e)")
    w(f"if not {need} < n < {len(uses) + 2}: return False")
    pairs = {p[0]: p[1] for note in segment.notes if note[0] == "P" and len(p := note_positions(note)) == 2}
    by_position = {use.position: use for use in uses}
    inline = {
        a: b
        for a, b in pairs.items()
        if b == a + 1 and a > need and b in by_position and b not in pairs
        # pairs whose elements are next to each other are checked on the way
    }
    notes = [n for n in segment.notes if not (n[0] == "P" and len(n) == 5 and note_positions(n)[0] in inline)]
    done = "return notes(e, n)" if notes else "return True"
    position = 1
    while position <= len(uses):
        use = by_position[position]
        x = f"e[{position}]"
        if position > need:
            w(f"if n == {position}: {done}")
        w(f"x = {x}")
        if use.requirement == "M":
            w("if not x: return False")
        else:
            w("if x:")
            w.depth += 1
        _value(w, use, "x", f"{position}, None", names, guarded)
        if position in inline:
            partner = by_position[position + 1]
            w(f"if n == {position + 1}: return False")
            w(f"x = e[{position + 1}]")
            w("if not x: return False")
            _value(w, partner, "x", f"{position + 1}, None", names, guarded)
            w.depth -= 1
            w(f"elif n > {position + 1} and e[{position + 1}]: return False")
            position += 2
            continue
        if use.requirement != "M":
            w.depth -= 1
        position += 1
    w(done)
    lines = ["def fast(e):", *w.lines]
    if notes:
        w = _Writer(explain=False)
        for note in sorted(notes, key=lambda n: (n[0] != "R", min(note_positions(n)))):
            sure = need
            if note[0] != "R":  # the others are kept if their first element is absent
                sure = max(need, min(note_positions(note)))
                w(f"if n <= {min(note_positions(note))}: return True")

            def present(i: int, sure: int = sure) -> str:
                return f"e[{i}]" if i <= sure else f"(n > {i} and e[{i}])"

            _note(w, note, present)
        w("return True")
        lines += ["def notes(e, n):", *w.lines]
    return lines


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
            exec(self._compile(), self._scope)  # noqa: S102 - as above
            self._explain = self._scope["explain"]
        self._explain(e, add)


@cache
def _compiled(segment: SegmentDef, guarded: bool) -> tuple[CodeType, Callable[[], CodeType], dict[str, object]]:
    names: dict[str, object] = {}
    source = "\n".join(_fast(segment, names, guarded))
    fast = compile(source, f"<{segment.tag} fast>", "exec")

    @cache
    def explain() -> CodeType:
        return compile("\n".join(_explain(segment, {}, guarded)), f"<{segment.tag} explain>", "exec")

    return fast, explain, names
