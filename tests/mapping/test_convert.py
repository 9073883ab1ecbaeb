"""Units: the partner's into ours, and back without losing what was written."""

from __future__ import annotations

from decimal import Decimal

import pytest
from mapping.charts import FILES, LIBRARY, PARTNER, changed, read, rows_of

from gateway.canonical import Measure, Order, Quantity, WarehouseShippingAdvice
from gateway.mapping import Library, MapError, MapFaults

CHART = LIBRARY.map("harbor-pine-850-order")
ROWS = rows_of("BEG*00*SA*PO1**20260301\nCUR*BY*USD\nPO1*1*10*IP*141\nPO1*2*7*EA*5\nCTT*2")
ADVICE = 'map: packs\nextends: x12-945-shipping-advice\ncodes: {unit: {each: EA, pack: PK, "*": keep}}\n'
PACKS = Library(FILES | {"packs.yaml": ADVICE + "convert: {pack: 6 each}\n"}).map("packs")


def test_a_converted_quantity_remembers_what_was_sent() -> None:
    order = read(CHART, ROWS)
    assert isinstance(order, Order)
    first, second = (line.quantity for line in order.lines)
    assert first == Quantity(value=Decimal(60), unit="each", sent=Measure(value=Decimal(10), unit="inner-pack"))
    assert second == Quantity(value=Decimal(7), unit="each")
    assert first is not None
    assert first.priced == 10  # 141 is the price of an inner pack
    assert CHART.write(order, partner=PARTNER) == ROWS


def test_a_quantity_that_changed_is_written_in_our_unit() -> None:
    order = read(CHART, ROWS)
    assert isinstance(order, Order)
    line = order.lines[0]
    assert line.quantity is not None
    fewer = line.model_copy(update={"quantity": line.quantity.model_copy(update={"value": Decimal(59)})})
    rows = CHART.write(order.model_copy(update={"lines": [fewer]}), partner=PARTNER)
    assert rows[2][:4] == ["PO1", "1", "59", "EA"]


def test_numbers_in_the_unit_of_a_quantity_move_with_it() -> None:
    rows = rows_of("W06*N*SO-1\nN1*ST*STORE\nLX*1\nW12*CP*10*9*1*PK\nW03*9")
    advice = read(PACKS, rows)
    assert isinstance(advice, WarehouseShippingAdvice)
    ((line, package),) = advice.all_lines()
    assert (line.shipped, line.short) == (54, 6)
    assert PACKS.write(advice, partner=PARTNER) == rows
    broken = line.model_copy(update={"shipped": Decimal(50)})
    packages = [package.model_copy(update={"lines": [broken]})]
    with pytest.raises(MapError, match="no exact number of pack"):
        PACKS.write(advice.model_copy(update={"packages": packages}))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("inner-pack: six each", "says no factor and unit"),
        ("inner-pack: 6", "says no factor and unit"),
        ("inner-pack: -6 each", "says no factor and unit"),
        ("inner-pack: 6 inner-pack", "ends in a unit that is converted itself"),
        ("bundle: 6 each", "no unit of the code table is called so"),
    ],
)
def test_a_conversion_that_cannot_be_is_a_fault(line: str, said: str) -> None:
    with pytest.raises(MapFaults, match=said):
        Library(changed("harbor-pine-850-order.yaml", "inner-pack: 6 each ", f"{line} ")).map("harbor-pine-850-order")
