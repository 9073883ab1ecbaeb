"""A change of an order says which order it changes."""

from __future__ import annotations

import pytest

from gateway.formats.x12.changes import changed_order


@pytest.mark.parametrize(
    ("set_id", "row", "number"),
    [
        ("860", ["BCH", "04", "SA", "HP-1", "", "", "20261120"], "HP-1"),
        ("860", ["BCH", "04", "RL", "HP-1", "7", "", "20261120"], "HP-1/7"),
        ("860", ["BCH", "04", "SA"], None),
        ("850", ["BEG", "00", "SA", "HP-1"], None),
    ],
)
def test_the_order_of_a_change_is_read_from_its_head(set_id: str, row: list[str], number: str | None) -> None:
    assert changed_order(set_id, [["ST", set_id, "0001"], row, ["SE", "3", "0001"]]) == number
