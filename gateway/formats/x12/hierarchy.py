"""The tree that HL segments describe: HL01 numbers a level, HL02 names its parent, HL03 says what it is.

The tree is built by HL02. Where HL02 is blank it is built by level order: a level hangs under the nearest level before
it that the guide allows as its parent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gateway.formats.x12.codes import Code

Row = list[str]
Levels = Mapping[str, tuple[str, ...]]  # the guide's: level code to the levels it may stand under; "ROOT" is none
Add = Callable[[int, Code, int, str, str | None], None]  # row index, code, element, value, what is expected


def _element(row: Row, n: int) -> str:
    return row[n].rstrip() if len(row) > n else ""


def tree_is_plain(rows: Sequence[Row], levels: Levels) -> bool:
    """No fault and nothing to tolerate: numbered from 1, parents known and allowed."""
    kinds: list[str] = ["ROOT"]
    for row in rows:
        if row[0] == "HL":
            if len(row) < 4 or row[1] != str(len(kinds)):
                return False
            allowed = levels.get(row[3])
            parent = row[2]
            if parent:
                if not parent.isdecimal() or not 0 < (at := int(parent)) < len(kinds) or str(at) != parent:
                    return False
                if allowed is not None and kinds[at] not in allowed:
                    return False
            elif "ROOT" not in (("ROOT",) if allowed is None and len(kinds) == 1 else allowed or ()):
                return False
            kinds.append(row[3])
    return True


def hl_parents(rows: Sequence[Row], levels: Levels | None = None) -> list[int]:
    """For each row the index of the HL row it is under: an HL row's parent, any other row's own HL; -1 for none."""
    return _build(rows, levels or {}, None)


def explain_tree(rows: Sequence[Row], levels: Levels, add: Add) -> None:
    """Every fault of the tree."""
    _build(rows, levels, add)


def _build(rows: Sequence[Row], levels: Levels, add: Add | None) -> list[int]:
    parents: list[int] = []
    by_number: dict[str, int] = {}
    every_number = {_element(row, 1) for row in rows if row[0] == "HL"}
    kinds: list[tuple[int, str]] = []
    current = -1
    count = 0
    for i, row in enumerate(rows):
        if row[0] != "HL":
            parents.append(current)
            continue
        count += 1
        number, parent, kind = _element(row, 1), _element(row, 2), _element(row, 3)
        allowed = levels.get(kind)
        at, above = -1, "ROOT"
        if parent in by_number:
            at = by_number[parent]
            above = _element(rows[at], 3)
        elif not parent and count > 1 and (allowed is None or "ROOT" not in allowed):
            # blank where a parent is due: by level order
            before = [j for j, other in kinds if allowed is None or other in allowed]
            at = before[-1] if before else -1
            above = _element(rows[at], 3) if at >= 0 else "ROOT"
            if add:
                add(i, Code.HL_PARENT_MISSING, 2, "", None)
        elif parent and add:
            # a parent that is itself or comes later makes no tree; one that never comes leaves the level alone
            code = Code.HL_PARENT_CYCLE if parent in every_number else Code.HL_PARENT_UNKNOWN
            add(i, code, 2, parent, None)
        if add:
            if number in by_number:
                add(i, Code.HL_NUMBER_REPEATED, 1, number, None)
            elif number != str(count):
                add(i, Code.HL_NUMBER_OUT_OF_ORDER, 1, number, str(count))
            known_place = at >= 0 or not parent
            if allowed is not None and known_place and above not in allowed and (at >= 0 or count == 1):
                add(i, Code.HL_LEVEL_NOT_ALLOWED, 3, kind, " ".join(allowed))
        parents.append(at)
        by_number[number] = i  # the newest of a restarted numbering
        kinds.append((i, kind))
        current = i
    return parents
