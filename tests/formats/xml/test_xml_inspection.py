from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.formats.xml.inspection import MAX_DEPTH, XmlReport, inspect


def read(data: bytes) -> XmlReport:
    return inspect([data])


def test_a_ubl_document_is_named_with_its_number() -> None:
    report = read(
        b'<?xml version="1.0"?><Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2" xmlns:c="urn:c">'
        b"<c:CustomizationID>urn:x</c:CustomizationID><c:ID>34</c:ID><Line><c:ID>1</c:ID></Line></Order>"
    )
    assert (report.kind, report.identifier, report.version, report.elements) == ("UBL-Order", "34", "urn:x", 5)
    assert report.findings == ()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<Header/><Request><OrderRequest/></Request>", "cXML-OrderRequest"),
        (b"<Header/><Message><Status code='200'/><PunchOutOrderMessage/></Message>", "cXML-PunchOutOrderMessage"),
        (b"<Response><Status code='200'/></Response>", "cXML-Response"),
    ],
)
def test_cxml_is_named_by_its_request(body: bytes, kind: str) -> None:
    doctype = b'<!DOCTYPE cXML SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.0/cXML.dtd">'
    report = read(doctype + b'<cXML payloadID="1@x">' + body + b"</cXML>")
    assert (report.kind, report.identifier, report.findings) == (kind, "1@x", ())


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (b"<a>\n<b></a>", "xml-not-well-formed", 2),
        (b"<a/>\nmore", "xml-not-well-formed", 2),
        (b"", "xml-not-well-formed", 1),
        (b'<!DOCTYPE a [\n<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "xml-entity-refused", 2),
        (b'<!DOCTYPE a [<!ENTITY % x "y">]><a/>', "xml-entity-refused", 1),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'.encode("utf-16"), "xml-entity-refused", 1),
        (b"<a>" * (MAX_DEPTH + 1), "xml-too-deep", None),
    ],
)
def test_each_fault_is_named_with_its_line(data: bytes, code: str, line: int | None) -> None:
    findings = read(data).findings
    assert [finding.code for finding in findings] == [code]
    assert line is None or findings[0].position == line


def test_an_entity_in_a_comment_or_in_text_is_only_text() -> None:
    assert read(b"<a>&lt;!ENTITY&gt;<![CDATA[<!ENTITY]]></a>").findings == ()


@given(st.binary(max_size=200))
def test_any_bytes_get_an_answer(data: bytes) -> None:
    read(b"<a>" + data)
    read(data)


def test_chunks_do_not_change_the_answer() -> None:
    data = b'<?xml version="1.0"?>\n<!DOCTYPE a [<!ENTITY x "y">]>\n<a>&x;</a>'
    assert inspect(data[i : i + 1] for i in range(len(data))).findings == read(data).findings
