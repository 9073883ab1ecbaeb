"""CSV: groups of rows in both directions, and everything wrong with a file in one pass."""

from __future__ import annotations

import pytest
from mapping.charts import LIBRARY, PARTNER, changed

from gateway.canonical import Package, Shipment, ShippedItem, ShippedOrder
from gateway.mapping import Library, MapError, MapFaults

CHART = LIBRARY.map("csv-3pl-shipment")
HEADER = CHART.write_text(
    Shipment(shipment_number="1", orders=[ShippedOrder(packages=[Package(items=[ShippedItem()])])])
).split(b"\r\n")[0]
WIDTH = HEADER.count(b";") + 1


def file(*rows: str, header: str = HEADER.decode("cp1252")) -> bytes:
    return "\r\n".join([header, *(row + ";" * (WIDTH - 1 - row.count(";")) for row in rows), ""]).encode("cp1252")


def test_rows_with_one_value_are_one_group() -> None:
    found = CHART.read_text(
        file("L1;01.03.2026;;;;;PO1;;;1", "L1;01.03.2026;;;;;PO1;;;2", "L1;01.03.2026;;;;;PO2;;;1", "L2;;;;;;PO1;;;1")
    )
    shape = [[[len(p.items) for p in o.packages] for o in x.orders] for x in found if isinstance(x, Shipment)]
    assert shape == [[[2], [1]], [[1]]]
    assert CHART.read_text(CHART.write_text(found)) == found


def test_a_column_nobody_maps_goes_back_where_it_was() -> None:
    data = file("L1;;;;;;PO1;;;1", header=HEADER.decode("cp1252") + ";Tor").replace(b"1\r\n", b"1;;;;;;;9\r\n")
    data = b"\r\n".join([data.split(b"\r\n")[0], b"L1" + b";" * 6 + b"PO1" + b";" * (WIDTH - 6) + b"9", b""])
    (found,) = CHART.read_text(data, partner=PARTNER)
    assert isinstance(found, Shipment)
    assert found.orders[0].packages[0].items[0].leftovers == [("Tor", ["9"])]
    assert CHART.write_text(found, partner=PARTNER) == data
    assert b"Tor" not in CHART.write_text(found, partner="another")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (b"a;b\r\n1;2\r\n", "Versanddatum at 1 is missing in the header"),
        (b"a,b\r\n1,2\r\n", "row at 1 is separated by ',', not by ';'"),
        (HEADER + b";Pos\r\n", "Pos at 1 is in the header twice"),
        (HEADER + b"\r\nL1;x\r\n", "row at 2 has 2 values where the header has"),
        (HEADER + b'\r\n"L1\r\n', "is not CSV"),
        (HEADER + b"\r\n\x81\r\n", "is not cp1252: byte"),
        (HEADER + b"\r\nL1\x00\r\n", "row at 2 holds a NUL byte"),
        (file("L1;2026-03-01"), "Versanddatum at 2: shipped.date = '2026-03-01'"),
        (
            file("L1;01.03.2026;;;;;PO1", "L1;02.03.2026;;;;;PO1"),
            "differs from the row before, but belongs to Lieferschein",
        ),
        (file("L1;;;;;;PO1;123"), "is not an SSCC of 18 digits"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_row(data: bytes, said: str) -> None:
    with pytest.raises(MapError) as caught:
        CHART.read_text(data)
    assert said in str(caught.value)


def test_every_problem_of_a_file_is_said_in_one_pass() -> None:
    with pytest.raises(MapError) as caught:
        CHART.read_text(file("L1;x;;;;;PO1;9", "L2;y"))
    assert len(caught.value.problems) == 3


ITEM = ShippedItem(line_number="1")
PACKED = [Package(items=[ITEM])]


@pytest.mark.parametrize(
    ("shipment", "said"),
    [
        (Shipment(shipment_number="1"), "is empty, so it has no row to stand on"),
        (
            Shipment(shipment_number="1", orders=[ShippedOrder(order_number="7", packages=PACKED)] * 2),
            "the same in two neighbours",
        ),
        (
            Shipment(shipment_number="1", bill_of_lading="\u65e5", orders=[ShippedOrder(packages=PACKED)]),
            "cp1252 has no",
        ),
    ],
)
def test_what_could_not_be_read_back_is_not_written(shipment: Shipment, said: str) -> None:
    with pytest.raises(MapError, match=said):
        CHART.write_text(shipment)


def test_values_with_delimiters_and_quotes_survive() -> None:
    odd = Shipment(
        shipment_number='1;"2', orders=[ShippedOrder(packages=[Package(items=[ShippedItem(line_number="a\nb")])])]
    )
    (again,) = CHART.read_text(CHART.write_text(odd))
    assert again.model_copy(update={"source": None}) == odd


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("        row -> items[]:", "        rows -> items[]:", "neither a group nor a row"),
        ("  by Lieferschein-Nr.:", "  by:", "neither a group nor a row"),
        ("      Bestell-Nr.: order_number\n", "", "the value of Bestell-Nr. would be lost"),
        (
            "    Frachtbrief: bill_of_lading\n",
            "    Frachtbrief: bill_of_lading\n    Pos: packaging\n",
            "already has a line",
        ),
        ('delimiter: ";"', 'delimiter: ";;"', "a delimiter is one character"),
        ('delimiter: ";"', 'delimitter: ";"', "a CSV file has no option delimitter"),
        ("Frachtbrief: bill_of_lading", "Frachtbrief: = number", "has no meaning here"),
        ("lines:\n", "lines:\n  Lager: packaging\n", "stands outside the rows"),
        ("Charge: lot", "Charge: references", "is an object"),
        ("EAN: identifiers.ean", "EAN: identifiers", "is no single value"),
    ],
)
def test_a_map_of_rows_that_cannot_be_is_a_fault(old: str, new: str, said: str) -> None:
    with pytest.raises(MapFaults, match=said):
        Library(changed("csv-3pl-shipment.yaml", old, new)).map("csv-3pl-shipment")
