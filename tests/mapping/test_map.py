"""What a map promises beside its laws: leftovers stay at home, losses are named, every problem is said at once."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from mapping.charts import LIBRARY, PARTNER, read, rows_of, small

from gateway.canonical import Order, OrderLine, Package, Quantity, Reference, Shipment, ShippedItem, ShippedOrder
from gateway.formats.x12.guide import Guide
from gateway.mapping import Found, MapError
from gateway.mapping.judge import enclosed

ORDER = LIBRARY.map("x12-850-order")
PLAIN = rows_of("""
    BEG*00*SA*PO1**20260301
    REF*DP*0388
    N1*ST*STORE 12*92*0012
    PO1*1*5*EA*2.50**UP*061234500001
    CTT*1
""")


def order(**values: object) -> Order:
    known = {
        "purpose": "original",
        "order_number": "PO1",
        "order_type": "stand-alone",
        "order_date": dt.date(2026, 3, 1),
    }
    return Order.model_validate({"lines": [OrderLine(line_number="1")], **known, **values})


def test_an_order_is_read_and_written_again() -> None:
    found = read(ORDER, PLAIN)
    assert isinstance(found, Order)
    assert found.department == "0388"
    assert found.lines[0].quantity == Quantity(value=Decimal(5), unit="each")
    assert ORDER.write(found, partner=PARTNER) == PLAIN


def test_the_document_knows_what_it_was_read_from() -> None:
    source = read(ORDER, PLAIN).source
    assert source == ORDER.source(PARTNER)
    assert (source.document, source.map, source.revision) == ("x12/004010/850", "x12-850-order", ORDER.revision)


STRANGE = [*PLAIN[:2], ["CSH", "Y"], *PLAIN[2:]]


def test_what_no_line_names_goes_back_to_whom_it_came_from() -> None:
    found = read(ORDER, STRANGE)
    assert found.leftovers == [("CSH", ["CSH", "Y"])]
    assert ORDER.write(found, partner=PARTNER) == STRANGE


@pytest.mark.parametrize("partner", [None, "somebody-else"])
def test_leftovers_go_to_nobody_else(partner: str | None) -> None:
    found = read(ORDER, STRANGE)
    assert ORDER.write(found, partner=partner) == PLAIN
    assert "leftovers" in ORDER.lost(found, partner=partner)


def test_leftovers_of_another_map_or_of_no_known_partner_stay_behind() -> None:
    found = read(ORDER, STRANGE)
    other = LIBRARY.map("harbor-pine-850-order")
    assert ["CSH", "Y"] not in other.write(found, partner=PARTNER)
    unknown = read(ORDER, STRANGE, None)
    assert ORDER.write(unknown, partner=None) == PLAIN


def test_every_problem_is_said_in_one_pass() -> None:
    rows = rows_of("BEG*00*SA*PO1**20261331\nPO1*1*five*EA*2,50\nPO1*2*1*EA*x")
    with pytest.raises(MapError) as caught:
        read(ORDER, rows)
    said = [(p.place, p.position, p.field, p.value) for p in caught.value.problems]
    assert said == [
        ("BEG05", 2, "order_date", "20261331"),
        ("PO102", 3, "lines.quantity.value", "five"),
        ("PO104", 3, "lines.unit_price", "2,50"),
        ("PO104", 4, "lines.unit_price", "x"),
    ]
    assert all(p.line.startswith("x12-850-order.yaml:") for p in caught.value.problems)


def test_what_the_canonical_document_misses_is_said_in_the_partners_words() -> None:
    with pytest.raises(MapError) as caught:
        read(ORDER, rows_of("BEG*00*SA***20260301\nPO1*1*5*EA*2.50"))
    assert [(p.place, p.why) for p in caught.value.problems] == [("BEG03", "is missing")]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"references": [Reference(type="DP", value="7")]}, "belongs to a field of its own"),
        ({"purpose": "00"}, "is their code for original"),
        ({"charges": [{"kind": "charge", "amount": Decimal("1.005")}]}, "more than 2 decimals"),
        ({"buyer": {"identifiers": {"gln": "1", "duns": "2"}}}, "room for 1 only"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(changes: dict[str, object], why: str) -> None:
    with pytest.raises(MapError, match=why):
        ORDER.write(order(**changes))


def test_another_kind_of_document_is_refused() -> None:
    with pytest.raises(MapError, match="is of kind shipment, and x12-850-order carries order"):
        ORDER.write(Shipment(shipment_number="1"))


def test_a_default_stands_where_the_document_says_nothing() -> None:
    chart = LIBRARY.map("harbor-pine-850-order")
    found = read(chart, rows_of("BEG*00*SA*PO1**20260301\nPO1*1*5*EA*2.50"))
    assert isinstance(found, Order)
    assert found.currency == "USD"
    assert ["CUR", "BY", "USD"] in chart.write(found)


def test_losses_are_declared_and_named_for_one_document() -> None:
    shipment = LIBRARY.map("csv-3pl-shipment")
    loaded = Shipment(shipment_number="1", packaging="CTN25", orders=[ShippedOrder(order_number="7", department="4")])
    assert shipment.lost(loaded) == {
        "packaging": "a file of 15 columns carries nothing else",
        "orders[0].department": "a file of 15 columns carries nothing else",
    }
    assert ORDER.lost(order()) == {}


def test_each_value_knows_its_segment_and_the_line_that_read_it() -> None:
    assert ORDER.guide is not None
    whole = enclosed(ORDER, PLAIN)
    found = ORDER.provenance(whole, ORDER.guide.check(whole).positions)
    at = {path: (where.position, where.place) for path, where in found.items()}
    assert at["order_number"] == (2, "BEG03")
    assert at["ship_to.name"] == (4, "N102")
    assert at["lines[0].quantity.value"] == (5, "PO102")
    assert at["lines[0].identifiers"] == (5, "PO106")
    assert found["department"] == Found(3, "REF02", str(next(o for t, o in ORDER.explain() if "[01=DP]" in t)))


def test_ignored_elements_are_neither_read_nor_kept_nor_written() -> None:
    lines = "  BEG01: purpose | purpose\n  BEG02: ignored always SA\n  BEG03: order_number\n  CSH: ignored not ours"
    chart = small(f"{lines}\n  PO1 -> lines[]:\n    PO101: line_number")
    found = read(chart, rows_of("BEG*00*SA*PO1\nCSH*Y\nPO1*1"))
    assert found.leftovers is None
    assert chart.write(found, partner=PARTNER) == rows_of("BEG*00**PO1\nPO1*1")


def test_rows_without_a_place_come_back_after_the_row_they_stood_after() -> None:
    rows = [*PLAIN[:1], ["ZZ9", "a"], ["ZZ9", "b"], *PLAIN[1:]]
    found = read(ORDER, rows)
    assert found.leftovers == [("@BEG#1", ["ZZ9", "a"]), ("@BEG#1", ["ZZ9", "b"])]
    assert ORDER.write(found, partner=PARTNER) == rows


def test_a_map_of_segments_reads_no_text_and_the_other_way_round() -> None:
    with pytest.raises(TypeError, match="segments, not text"):
        ORDER.read_text(b"")
    with pytest.raises(TypeError, match="no segments"):
        LIBRARY.map("xml-ubl-order").read([], [])


def test_rows_that_hold_nothing_are_refused() -> None:
    with pytest.raises(MapError, match="no segment the guide knows"):
        ORDER.read([["ZZ"]], [-1])


def test_positions_of_another_release_do_not_mislead() -> None:
    whole = enclosed(ORDER, PLAIN)
    other = Guide.load("005010", "850").check(whole).positions
    assert ORDER.guide is not None
    assert other != ORDER.guide.check(whole).positions
    assert ORDER.read(whole, other, partner=PARTNER) == read(ORDER, PLAIN)


def test_a_column_that_names_its_unit_gives_it_to_every_item() -> None:
    chart = LIBRARY.map("csv-3pl-shipment")
    items = [ShippedItem(line_number="1")]
    pounds = Package(sscc=None, weight=Quantity(value=Decimal(1), unit="pound"), items=items)
    with pytest.raises(MapError, match="this document can only mean kilogram"):
        chart.write_text(Shipment(shipment_number="1", orders=[ShippedOrder(packages=[pounds])]))
    none = Package(items=items)
    chart.write_text(Shipment(shipment_number="1", orders=[ShippedOrder(packages=[none])]))
