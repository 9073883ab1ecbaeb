"""One set with several documents in it, taken apart and put together."""

from __future__ import annotations

import pytest
from mapping.charts import FILES, LIBRARY, PARTNER, changed, rows_of

from gateway.canonical import Shipment
from gateway.mapping import Library, MapError, MapFaults
from gateway.mapping.judge import enclosed

CHART = LIBRARY.map("x12-856-shipment")
TWO = rows_of("""
    BSN*00*S-1*20260310*1545
    HL*1**S
    REF*BM*B-1
    HL*2*1*O
    PRF*PO-1
    HL*3*2*I
    LIN**UP*1
    HL*4**S
    REF*BM*B-2
    HL*5*4*O
    PRF*PO-2
    CTT*5
""")


def test_two_shipments_in_one_856_are_two_documents() -> None:
    whole = enclosed(CHART, TWO)
    assert CHART.guide is not None
    positions = CHART.guide.check(whole).positions
    with pytest.raises(MapError, match="holds 2 documents in one"):
        CHART.read(whole, positions)
    found = CHART.read_all(whole, positions, partner=PARTNER)
    assert [(x.bill_of_lading, x.orders[0].order_number) for x in found if isinstance(x, Shipment)] == [
        ("B-1", "PO-1"),
        ("B-2", "PO-2"),
    ]
    assert [x.leftovers for x in found] == [None, None]
    assert CHART.write_all(found, partner=PARTNER) == TWO


def test_documents_with_different_headers_are_not_put_together() -> None:
    with pytest.raises(MapError, match="different headers"):
        CHART.write_all([Shipment(shipment_number="1"), Shipment(shipment_number="2")])


def test_a_map_that_does_not_split_carries_one_document_a_set() -> None:
    whole = Library(changed("x12-856-shipment.yaml", "split: HL[03=S]", "")).map("x12-856-shipment")
    rows = enclosed(whole, TWO)
    assert whole.guide is not None
    (found,) = whole.read_all(rows, whole.guide.check(rows).positions, partner=PARTNER)
    assert [place for place, _ in found.leftovers or ()] == ["+HL|HL", "+HL|REF", "+HL|HL", "+HL|PRF"]
    assert whole.write_all([found], partner=PARTNER) == TWO
    with pytest.raises(MapError, match="one document a set"):
        whole.write_all([found, found])


@pytest.mark.parametrize("key", ["PO1", "BSN", "HL01", "H L"])
def test_only_a_loop_of_the_header_splits(key: str) -> None:
    with pytest.raises(MapFaults):
        Library(changed("x12-856-shipment.yaml", "split: HL[03=S]", f"split: {key}")).map("x12-856-shipment")


def test_a_loop_that_is_no_hl_splits_as_well() -> None:
    text = "map: lots\ndocument: x12/004010/850\ncanonical: order\nuses: x12-common\nsplit: PO1\nlines:\n"
    text += "  BEG01: purpose | purpose\n  BEG03: order_number\n  PO1 -> lines[]:\n    PO101: line_number\n"
    chart = Library(FILES | {"lots.yaml": text + '  CTT01: = count PO1\nloses: {"*": small}\n'}).map("lots")
    rows = enclosed(chart, rows_of("BEG*00**PO1\nPO1*1\nPO1*2\nCTT*2"))
    assert chart.guide is not None
    found = chart.read_all(rows, chart.guide.check(rows).positions, partner=PARTNER)
    assert len(found) == 2
    assert chart.write_all(found, partner=PARTNER) == rows[1:-1]
