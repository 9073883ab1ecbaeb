"""XML: the order of the schema, what no line names, and what a hostile sender may not do."""

from __future__ import annotations

import re

import pytest
from mapping.charts import LIBRARY, PARTNER, SAMPLES, changed

from gateway.canonical import Order, OrderLine, Party, Reference
from gateway.mapping import Library, MapError, MapFaults

CHART = LIBRARY.map("xml-ubl-order")
SAMPLE = (SAMPLES / "xml-ubl-order" / "everything" / "document.xml").read_bytes()
ORDER = Order(purpose="original", order_number="1", lines=[OrderLine(line_number="1")])


def test_children_stand_in_the_order_of_the_schema() -> None:
    order = ORDER.model_copy(update={"contract_number": "C", "currency": "EUR", "references": [Reference(value="7")]})
    names = re.findall(rb"\n  <(\w+:\w+)", CHART.write_text(order))
    assert names == [
        b"cbc:ID",
        b"cbc:DocumentCurrencyCode",
        b"cac:AdditionalDocumentReference",
        b"cac:Contract",
        b"cac:OrderLine",
    ]


def test_what_no_line_names_goes_back_to_its_place() -> None:
    data = SAMPLE.replace(
        b"<cbc:Name>Wool throw</cbc:Name>", b'<cbc:Name lang="en">Wool throw</cbc:Name><cbc:X>1</cbc:X>'
    )
    (found,) = CHART.read_text(data, partner=PARTNER)
    assert len(found.leftovers or ()) == 3
    again = CHART.write_text(found, partner=PARTNER)
    assert b'<cbc:Name lang="en">Wool throw</cbc:Name>' in again
    assert b"<cbc:X>1</cbc:X>" in again
    assert CHART.read_text(again, partner=PARTNER) == [found]


def test_a_line_that_differs_by_its_attribute_is_found_by_it() -> None:
    other = SAMPLE.replace(b'schemeID="0088"', b'schemeID="9999"')
    (found,) = CHART.read_text(other, partner=PARTNER)
    assert isinstance(found, Order)
    assert found.buyer is not None
    assert found.buyer.identifiers == {}
    assert any("PartyIdentification" in place for place, _ in found.leftovers or ())


HOSTILE = [
    (b"", "is not XML"),
    (b"<Order", "is not XML"),
    (b"<Other/>", "is not {urn"),
    (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "entities of its own"),
    (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "entities of its own"),
    (b"<a>" * 150 + b"</a>" * 150, "nested deeper than"),
    (b"<a>" * 90_000, "is not XML"),
]


@pytest.mark.parametrize(("data", "said"), HOSTILE)
def test_what_is_not_harmless_xml_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(MapError, match=re.escape(said)):
        CHART.read_text(data)


def test_a_million_laughs_are_not_heard() -> None:
    entities = b'<!ENTITY a0 "ha">' + b"".join(
        b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 10)
    )
    with pytest.raises(MapError):
        CHART.read_text(b"<!DOCTYPE a [" + entities + b"]><a>&a9;</a>")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"references": [Reference(type="DP", value="7")]}, "belongs to a field of its own"),
        ({"purpose": "change"}, "this document can only mean original"),
        ({"order_number": "a\x01b"}, "order_number"),
        ({"buyer": Party(name="\x00")}, "buyer.name"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(changes: dict[str, object], said: str) -> None:
    with pytest.raises(MapError, match=said):
        CHART.write_text(ORDER.model_copy(update=changes))


def test_one_file_holds_one_document() -> None:
    with pytest.raises(MapError, match="holds one document"):
        CHART.write_text([ORDER, ORDER])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  cbc:ID: order_number", "  cbx:ID: order_number", "there is no namespace prefix cbx"),
        ("  cbc:ID: order_number", "  cbc:ID[1]: order_number", "is not a step"),
        ("  cbc:ID: order_number", "  '@a/cbc:ID': order_number", "is not a step"),
        ("  cbc:IssueDate: order_date", "  cbc:ID: order_date", "is written twice"),
        ("cac:Contract/cbc:ID: contract_number", "cac:Contract/cbc:ID: = count X", "has no meaning here"),
        ("  root: Order\n", "", "names its root element"),
        ("  root: Order\n", "  root: Order\n  indent: 2\n", "has no option indent"),
        ("  purpose: original ", "  purpos: original ", "Order has no field purpos"),
        ("  purpose: original ", "  order_date: original ", "needs a text"),
        ("cac:BuyerCustomerParty/cac:Party -> buyer", "cac:BuyerCustomerParty/@x -> buyer", "need an element"),
    ],
)
def test_a_map_of_elements_that_cannot_be_is_a_fault(old: str, new: str, said: str) -> None:
    with pytest.raises(MapFaults, match=said):
        Library(changed("xml-ubl-order.yaml", old, new)).map("xml-ubl-order")
