"""Rows and guides: composites, repetition, levels of HL wherever they stand, and code that stays small."""

from __future__ import annotations

from decimal import Decimal

import pytest
from mapping.charts import FILES, LIBRARY, PARTNER, read, rows_of, small

from gateway.canonical import Note, Order, OrderLine, Reference, Shipment
from gateway.formats.x12.guide import Dictionary, parse_guide
from gateway.mapping import Library, MapError
from gateway.mapping.judge import enclosed
from gateway.mapping.language import understand
from gateway.mapping.source import assemble
from gateway.mapping.x12.compiled import Compiled

SHIPMENT = LIBRARY.map("x12-856-shipment")
MEASURED = """  BEG01: purpose | purpose
  BEG03: order_number
  PO1 -> lines[]:
    PO101: line_number
    MEA01: = PD
    MEA03: quantity.value
    MEA04-1: quantity.unit | unit
    MEA04-2: pack
"""


def test_a_component_is_carried_like_an_element() -> None:
    chart = small(MEASURED)
    rows = rows_of("BEG*00**1\nPO1*1\nMEA*PD**2.5*EA:3:9\nPO1*2\nMEA*PD**4*CA")
    found = read(chart, rows)
    assert isinstance(found, Order)
    assert [(line.quantity and line.quantity.unit, line.pack) for line in found.lines] == [("each", 3), ("case", None)]
    assert found.lines[0].leftovers == [("PO1/MEA04-3", ["9"])]
    assert chart.write(found, partner=PARTNER) == rows


def test_components_are_split_at_the_separator_of_the_interchange() -> None:
    chart = small(MEASURED)
    assert chart.guide is not None
    rows = enclosed(chart, rows_of("BEG*00**1\nPO1*1\nMEA*PD**2.5*EA>3"))
    found = chart.read(rows, chart.guide.check(rows).positions, separators=(">", "^"))
    assert isinstance(found, Order)
    assert found.lines[0].pack == Decimal(3)
    assert chart.write(found, separators=("|", "^"))[-1] == ["MEA", "PD", "", "2.5", "EA|3"]


ELEMENTS = """
"353": ID 2 2 | purpose | 00 01
"324": AN 1 22 | number
"143": ID 3 3 | set
"329": AN 4 9 | control number
"96": N0 1 10 | count
"933": AN 1 264 | text
"350": AN 1 20 | line
"""
SEGMENTS = """
ST: M143 M329 | set
SE: M96 M329 | end
BEG: M353 M324 | start
MSG: M933*3 | text
PO1: O350 | item
"""
GUIDE = """
set: "850"
release: "009999"
functional_id: PO
name: order
structure:
- ST M 1
- BEG M 1
- MSG O 9
- loop PO1 O 9:
  - PO1 M 1
- SE M 1
"""
REPEATING = """
map: repeating
document: x12/009999/850
canonical: order
lines:
  BEG01: = 00
  BEG02: order_number
  MSG -> notes[]:
    MSG01: text[]
  PO1 -> lines[]:
    PO101: line_number
given: {purpose: original}
loses: {"*": a test of one element}
"""


def test_an_element_that_repeats_is_a_list_of_values() -> None:
    guide = parse_guide(GUIDE, Dictionary(ELEMENTS, SEGMENTS, "009999"))
    compiled = Compiled(understand(assemble("repeating", {"repeating.yaml": REPEATING})), guide)
    rows = rows_of("ST*850*0001\nBEG*00*7\nMSG*one^two\nMSG*three\nPO1*1\nSE*6*0001")
    values = compiled.read(rows, guide.check(rows).positions, (":", "^"))
    assert values["notes"] == [{"text": ["one", "two"]}, {"text": ["three"]}]
    order = Order.model_validate({**values, "purpose": "original"})
    assert compiled.write(order, (":", "^"), keep=False) == rows[1:-1]
    many = order.model_copy(update={"notes": [Note(text=["a", "b", "c", "d"])]})
    with pytest.raises(MapError, match="too many for 3"):
        compiled.write(many, (":", "^"), keep=False)


def test_levels_hang_by_their_parents_and_not_by_their_order() -> None:
    rows = rows_of("""
        BSN*00*S-1*20260310*1545
        HL*1**S
        HL*2*1*O
        PRF*PO-1
        HL*3*1*O
        PRF*PO-2
        HL*4*2*I
        LIN**UP*A
        HL*5*3*I
        LIN**UP*B
        HL*6*2*P
        MAN*GM*006123450000000012
        HL*7*6*I
        LIN**UP*C
    """)
    found = read(SHIPMENT, rows)
    assert isinstance(found, Shipment)
    first, second = found.orders
    assert [item.identifiers["upc"] for item in first.items] == ["A"]
    assert [item.identifiers["upc"] for item in second.items] == ["B"]
    assert [item.identifiers["upc"] for item in first.packages[0].items] == ["C"]
    written = SHIPMENT.write(found, partner=PARTNER)
    assert [row[1:4] for row in written if row[0] == "HL"] == [
        ["1", "", "S"],
        ["2", "1", "O"],
        ["3", "2", "P"],
        ["4", "3", "I"],
        ["5", "2", "I"],
        ["6", "1", "O"],
        ["7", "6", "I"],
    ]
    assert read(SHIPMENT, written) == found


def test_levels_without_numbers_hang_by_their_order() -> None:
    rows = rows_of("BSN*00*S-1*20260310*1545\nHL*1**S\nHL*2**O\nPRF*PO-1\nHL*3**I\nLIN**UP*A")
    found = read(SHIPMENT, rows)
    assert isinstance(found, Shipment)
    assert found.orders[0].items[0].identifiers == {"upc": "A"}


def test_a_level_the_map_does_not_know_is_kept_whole_and_numbered_anew() -> None:
    rows = rows_of("""
        BSN*00*S-1*20260310*1545
        HL*1**S
        HL*2*1*T
        MAN*GM*1
        HL*3*2*I
        LIN**UP*Z
        HL*4*1*O
        PRF*PO-1
    """)
    found = read(SHIPMENT, rows)
    assert isinstance(found, Shipment)
    assert len(found.leftovers or ()) == 4
    written = SHIPMENT.write(found, partner=PARTNER)
    assert [row[1:4] for row in written if row[0] == "HL"] == [
        ["1", "", "S"],
        ["2", "1", "O"],
        ["3", "1", "T"],
        ["4", "3", "I"],
    ]
    assert read(SHIPMENT, written) == found


def test_hl04_says_whether_there_are_levels_below_where_the_map_wants_it() -> None:
    text = "map: flagged\nextends: x12-856-shipment\nlines:\n  HL[03=S]:\n    HL04: = children\n"
    text += "    HL[03=O] -> orders[]:\n      HL04: = children\n"
    chart = Library(FILES | {"flagged.yaml": text}).map("flagged")
    rows = rows_of("BSN*00*S-1*20260310*1545\nHL*1**S*1\nHL*2*1*O*0\nPRF*PO-1\nCTT*2")
    found = read(chart, rows)
    assert found.leftovers is None
    assert chart.write(found, partner=PARTNER) == rows


def test_counts_and_sums_are_worked_out_when_written() -> None:
    chart = small(
        "  BEG01: purpose | purpose\n  BEG03: order_number\n  PO1 -> lines[]:\n    PO101: = number\n"
        "    PO102: quantity.value\n  CTT:\n    CTT01: = count PO1\n    CTT02: = sum PO102\n"
    )
    found = read(chart, rows_of("BEG*00**1\nPO1*9*1.5\nPO1*9*2\nCTT*7*7"))
    assert chart.write(found)[1:] == rows_of("PO1*1*1.5\nPO1*2*2\nCTT*2*3.5")


def test_a_constant_goes_with_the_field_it_explains() -> None:
    shipment = Shipment(shipment_number="1", bill_of_lading="B")
    assert not any(row[0] == "TD5" for row in SHIPMENT.write(shipment))
    order = LIBRARY.map("x12-850-order")
    found = read(order, rows_of("BEG*00*SA*1**20260301\nTD5**2*ROAD\nPO1*1"))
    assert isinstance(found, Order)
    assert found.carrier is not None
    assert found.carrier.scac == "ROAD"
    other = read(order, rows_of("BEG*00*SA*1**20260301\nTD5**ZZ*ROAD\nPO1*1"))
    assert isinstance(other, Order)
    assert other.carrier is not None
    assert other.carrier.leftovers == [("TD502", ["ZZ"])]


def test_pairs_beyond_their_room_are_refused() -> None:
    many = {f"{n:02d}": str(n) for n in range(11)}
    order = Order(purpose="original", order_number="1", lines=[OrderLine(identifiers=many)])
    with pytest.raises(MapError, match="room for 10 only"):
        LIBRARY.map("x12-850-order").write(order)


def test_a_pair_that_says_nothing_goes_back_as_it_was() -> None:
    chart = LIBRARY.map("x12-850-order")
    rows = rows_of("BEG*00*SA*1**20260301\nPO1*1*1*EA*1**UP*A*UP*B*VN\nCTT*1")
    found = read(chart, rows)
    assert isinstance(found, Order)
    assert found.lines[0].identifiers == {"upc": "A"}
    assert chart.write(found, partner=PARTNER) == rows


def test_a_further_instance_of_a_loop_is_kept_whole() -> None:
    chart = LIBRARY.map("x12-850-order")
    rows = rows_of("BEG*00*SA*1**20260301\nN1*ST*A\nN3*1 QUAY\nN1*ST*B\nN3*2 QUAY\nN4*DULUTH\nPO1*1\nCTT*1")
    found = read(chart, rows)
    assert [place for place, _ in found.leftovers or ()] == ["+N1/N1|N1/N1", "+N1/N1|N1/N3", "+N1/N1|N1/N4"]
    assert chart.write(found, partner=PARTNER) == rows


def test_bodies_that_are_the_same_are_written_once() -> None:
    compiled = LIBRARY.map("x12-850-order").x12
    assert compiled is not None
    assert compiled.source.count("['postal_code'] = v") == 2  # five named parties share one, the list has another


def test_references_of_a_type_with_a_field_of_its_own_are_found_by_qualifier_in_any_order() -> None:
    chart = LIBRARY.map("x12-850-order")
    found = read(chart, rows_of("BEG*00*SA*1**20260301\nREF*ZZ*a\nREF*DP*b\nREF*CO*c\nPO1*1"))
    assert isinstance(found, Order)
    assert found.department == "b"
    assert found.references == [Reference(type="ZZ", value="a"), Reference(type="CO", value="c")]
