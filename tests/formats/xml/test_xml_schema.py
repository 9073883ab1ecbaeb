"""A partner's XSD: every broken rule at its place and in plain words; nothing outside its folder is ever read."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from gateway.formats.schema import SchemaFault
from gateway.formats.xml.schema import XmlSchema

XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:d" targetNamespace="urn:d" elementFormDefault="qualified"'
MAIN = f"""<xs:schema {XS}>
<xs:include schemaLocation="types.xsd"/>
<xs:element name="Order"><xs:complexType><xs:sequence>
  <xs:element name="Number" type="Number"/>
  <xs:element name="Day" type="xs:date"/>
  <xs:element name="Line" maxOccurs="unbounded"><xs:complexType><xs:sequence>
    <xs:element name="Quantity"><xs:complexType><xs:simpleContent><xs:extension base="Pieces">
      <xs:attribute name="unit" type="Unit" use="required"/>
    </xs:extension></xs:simpleContent></xs:complexType></xs:element>
  </xs:sequence></xs:complexType></xs:element>
</xs:sequence></xs:complexType></xs:element>
</xs:schema>"""
TYPES = f"""<xs:schema {XS}>
<xs:simpleType name="Number"><xs:restriction base="xs:string"><xs:maxLength value="5"/></xs:restriction></xs:simpleType>
<xs:simpleType name="Unit"><xs:restriction base="xs:string">
  <xs:enumeration value="EA"/><xs:enumeration value="CA"/><xs:enumeration value="PK"/>
</xs:restriction></xs:simpleType>
<xs:simpleType name="Pieces"><xs:restriction base="xs:decimal">
  <xs:minInclusive value="1"/><xs:fractionDigits value="2"/>
</xs:restriction></xs:simpleType>
</xs:schema>"""
FILES = {"order.xsd": MAIN, "types.xsd": TYPES}
GOOD = """<Order xmlns="urn:d">
<Number>A-1</Number>
<Day>2026-11-20</Day>
<Line><Quantity unit="EA">1</Quantity></Line>
<Line><Quantity unit="CA">2.50</Quantity></Line>
</Order>"""


@pytest.fixture(scope="module")
def order() -> XmlSchema:
    return XmlSchema("order.xsd", FILES)


def test_a_good_document_breaks_nothing(order: XmlSchema) -> None:
    assert order.check(etree.fromstring(GOOD)) == []
    assert order.roots == {"{urn:d}Order"}


@pytest.mark.parametrize(
    ("old", "new", "place", "line", "value", "why"),
    [
        ("A-1", "A-1234", "Number", 2, "A-1234", "is longer than 5 characters"),
        ("2026-11-20", "20.11.26", "Day", 3, "20.11.26", "is no date such as 2026-12-24"),
        ('"CA"', '"XX"', "Line[2]/Quantity/@unit", 5, "XX", "is not one of EA, CA or PK"),
        (' unit="CA"', "", "Line[2]/Quantity", 5, None, "lacks the attribute unit"),
        (">1<", ">0<", "Line[1]/Quantity", 4, "0", "is less than the minimum value allowed ('1')"),
        (">1<", ">1.255<", "Line[1]/Quantity", 4, "1.255", "has more than 2 decimals"),
        (">1<", ">one<", "Line[1]/Quantity", 4, "one", "is not what their schema calls Pieces"),
        ("<Number>A-1</Number>\n", "\n", "Day", 3, None, "stands where Number is expected"),
        ("</Order>", "<Note/></Order>", "Note", 6, None, "stands where Line is expected"),
        ("<Line>", "more<Line>", "", 1, None, "holds text where only elements are allowed"),
    ],
)
def test_a_broken_rule_is_said_where_it_is(
    order: XmlSchema, old: str, new: str, place: str, line: int, value: str | None, why: str
) -> None:
    (broken,) = order.check(etree.fromstring(GOOD.replace(old, new, 1)))
    assert (broken.place, broken.line, broken.value) == (place, line, value)
    assert broken.why.startswith(why)


def test_a_prefix_makes_no_difference_and_every_rule_is_told_in_one_pass(order: XmlSchema) -> None:
    text = GOOD.replace("A-1", "A-1234").replace('"CA"', '"XX"')
    prefixed = text.replace("<", "<o:").replace("<o:/", "</o:").replace("xmlns=", "xmlns:o=")
    told = [(one.place, one.why) for one in order.check(etree.fromstring(text))]
    assert told == [(one.place, one.why) for one in order.check(etree.fromstring(prefixed))]
    assert [place for place, _ in told] == ["Number", "Line[2]/Quantity/@unit"]


def test_another_document_is_not_judged_element_by_element(order: XmlSchema) -> None:
    (broken,) = order.check(etree.fromstring("<Invoice/>"))
    assert broken.why == "is not what their schema is for"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"order.xsd": MAIN}, "order.xsd:2: takes in types.xsd, which is not in its folder"),
        ({**FILES, "order.xsd": "<a>"}, "order.xsd:1: is not XML"),
        ({**FILES, "order.xsd": "<a/>"}, "order.xsd:1: is no XSD: its root is a"),
        ({**FILES, "order.xsd": MAIN.replace('type="Number"', 'type="Nummer"')}, "order.xsd:4: "),
        ({**FILES, "types.xsd": TYPES.replace("maxLength", "maxLen")}, "types.xsd:2: "),
        ({**FILES, "types.xsd": TYPES.replace("xs:schema", "xs:schemata")}, "types.xsd:1: is no XSD"),
    ],
)
def test_a_schema_that_cannot_be_used_says_where(files: dict[str, str], said: str) -> None:
    with pytest.raises(SchemaFault) as caught:
        XmlSchema("order.xsd", files)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("taken", ["include", "import", "redefine"])
@pytest.mark.parametrize("where", ["file://{}", "{}", "http://127.0.0.1:9/types.xsd", "../types.xsd"])
def test_a_schema_fetches_nothing(tmp_path: Path, taken: str, where: str) -> None:
    (tmp_path / "types.xsd").write_text(TYPES)
    line = f'<xs:{taken} schemaLocation="{where.format(tmp_path / "types.xsd")}"/>'
    with pytest.raises(SchemaFault, match="not in its folder"):
        XmlSchema("order.xsd", {"order.xsd": MAIN.replace('<xs:include schemaLocation="types.xsd"/>', line)})


def test_an_entity_in_a_schema_is_not_expanded(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("EA")
    entity = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{tmp_path}/secret">]>'
    with pytest.raises(SchemaFault, match="uses an entity, &e;"):
        XmlSchema("order.xsd", {**FILES, "order.xsd": entity + MAIN.replace("<xs:include", "&e;<xs:include")})
