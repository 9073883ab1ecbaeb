"""Maps are made once, kept by what their files say, and checked all together."""

from __future__ import annotations

import pytest
from mapping.charts import FILES, NAMES, changed

from gateway.mapping import Library, MapFaults


def test_a_reload_of_unchanged_files_makes_nothing_anew() -> None:
    assert Library(FILES).map("x12-850-order") is Library(dict(FILES)).map("x12-850-order")


def test_a_change_in_a_shared_file_makes_every_map_that_uses_it_anew() -> None:
    other = Library(changed("x12-common.yaml", "each: EA", "each: UN"))
    assert other.map("x12-850-order") is not Library(FILES).map("x12-850-order")
    assert other.map("csv-3pl-shipment") is Library(FILES).map("csv-3pl-shipment")


def test_files_that_only_hold_parts_are_no_maps() -> None:
    assert "x12-common" not in NAMES
    assert "usual" not in NAMES


def test_folders_in_the_names_do_not_matter() -> None:
    library = Library({f"maps/{name}": text for name, text in FILES.items()})
    assert library.map("harbor-pine-850-order").name == "harbor-pine-850-order"


def test_check_names_every_fault_of_every_map_once() -> None:
    assert Library(FILES).check() == []
    faults = Library(changed("x12-850-order.yaml", "  BEG03: order_number", "  BEG03: ordernumber")).check()
    assert len(faults) == 1  # the overlay inherits the fault and it is still one


def test_there_is_no_map_of_that_name() -> None:
    with pytest.raises(MapFaults, match="there is no map nobody"):
        Library(FILES).map("nobody")
