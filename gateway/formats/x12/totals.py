"""CTT: how many lines a set says it has, and the sum of their quantities.

What is counted and summed is a semantic rule of each set, not of the segment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation

from gateway.formats.x12.codes import Code

Row = list[str]

# set: segments that are a line, and the element of each whose values CTT02 sums
LINES: dict[str, tuple[tuple[str, ...], tuple[str, int] | None]] = {
    "810": (("IT1",), ("IT1", 2)),
    "846": (("LIN",), None),
    "850": (("PO1",), ("PO1", 2)),
    "855": (("PO1",), ("PO1", 2)),
    "856": (("HL",), ("SN1", 2)),
    "860": (("POC",), ("POC", 3)),
    "865": (("POC",), ("POC", 3)),
}
HASH_DIGITS = 10  # CTT02 holds as many; a longer sum loses its leading digits

Add = Callable[[int, Code, int, str, str | None], None]


def totals_agree(set_id: str, rows: Sequence[Row], add: Add | None = None, lines: int | None = None) -> bool:
    """Whether CTT says what the set holds; faults go to `add`, and a caller that has counted the lines says so."""
    rule = LINES.get(set_id)
    if rule is None:
        return True
    at = next((i for i in range(len(rows) - 1, -1, -1) if rows[i][0] == "CTT"), -1)
    if at < 0 or len(rows[at]) < 2:
        return True
    tags, summed = rule
    ctt = rows[at]
    agree = True
    count = sum(row[0] in tags for row in rows) if lines is None else lines
    if ctt[1] and ctt[1] != str(count) and _number(ctt[1]) != count:
        agree = False
        if add:
            add(at, Code.LINE_COUNT_WRONG, 1, ctt[1], str(count))
    if summed and len(ctt) > 2 and ctt[2]:
        tag, element = summed
        quantities = [row[element] for row in rows if row[0] == tag and len(row) > element and row[element]]
        # a quantity that is no number has its own finding, and no sum
        if None not in map(_number, quantities) and _number(ctt[2]) not in _sums(quantities):
            agree = False
            if add:
                add(at, Code.HASH_TOTAL_WRONG, 2, ctt[2], None)
    return agree


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        return None


def _sums(quantities: list[str]) -> set[Decimal | None]:
    """The plain sum, which most senders mean, and the hash total, as if there were no points and no signs."""
    digits = [int(text) for q in quantities if (text := q.replace(".", "").replace("-", "")) and text.isdecimal()]
    plain = [number for q in quantities if (number := _number(q)) is not None and number.is_finite()]
    return {sum(plain, Decimal(0)), Decimal(sum(digits) % 10**HASH_DIGITS)}
