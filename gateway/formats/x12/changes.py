"""Which order a set changes that is no order itself, where its guide makes it say so."""

from __future__ import annotations

from collections.abc import Sequence

HEADS = {"860": "BCH"}  # a purchase order change; element 03 is its order's number (324), 04 the release (328)


def changed_order(set_id: str, segments: Sequence[Sequence[str]]) -> str | None:
    """`HP-1001`, or `HP-1001/7` for a release of a blanket order; None where the set changes none."""
    for row in segments:
        if row[0] == HEADS.get(set_id) and len(row) > 3:
            return "/".join(part for part in row[3:5] if part)
    return None
