"""Every mistake in a map is named with its file, its line and what to do."""

from __future__ import annotations

import pytest
from mapping.charts import FILES, changed

from gateway.mapping import Library, MapFaults

ORDER = "x12-850-order.yaml"
FAULTS = [
    ("  BEG03: order_number", "  BEG03: order_nubmer", "Order has no field order_nubmer", "did you mean order_number"),
    ("  BEG03: order_number", "  BEG33: order_number", "BEG has 12 elements", ""),
    ("  BEG03: order_number", "  BGE03: order_number", "BGE does not occur in the header of 850", "no such segment"),
    ("  BEG03: order_number", "  BEG03 order", "this line is no `key: value`", "colon"),
    ("  BEG03: order_number", "  BEG3: order_number", "'BEG3' is not a segment, element or loop", "write REF02"),
    ("  BEG03: order_number", "  BEG03-1: order_number", "BEG03 is no composite", "write BEG03"),
    ("  BEG03: order_number", "  BEG03: order_number | nix", "there is no format or code table 'nix'", "there are"),
    ("  BEG03: order_number", "  BEG03: order_number | purpose | payment", "a line has one format", ""),
    ("  BEG03: order_number", "  BEG03:", "BEG03 carries nothing", "~ removes"),
    ("  BEG03: order_number", "  BEG03: lines", "lines is an object", "name one of its fields"),
    ("  BEG03: order_number", "  BEG03: order_number[]", "order_number is not a list of values", "order_number"),
    ("  BEG03: order_number", "  BEG03: [a, b]", "a list has no meaning here", "one key a line"),
    ("  BEG03: order_number", "  BEG03: = ", "BEG03 has an empty constant", ""),
    ("  BEG03: order_number", "  BEG03: ignored", "BEG03 is ignored without a reason", "ignored REASON"),
    ("  BEG03: order_number", "  BEG03: order_number\n  BEG03: department", "BEG03 is written twice", "first in line"),
    ("  BEG04: release_number", "  BEG04: order_number", "order_number already has a place", "one field, one place"),
    ("  BEG05: order_date", "  BEG04: order_date", "BEG04 is written twice", ""),
    ("  BEG05: order_date", "  BEG06: order_date", "BEG06 is written twice", ""),
    (
        "  BEG05: order_date",
        "  BEG07: order_date",
        "BEG07 is ID (answer kind), but order_date is a date",
        "right element",
    ),
    ("  BEG05: order_date", "  BEG05: order_date | iso", "BEG05 is DT (date); iso does not spell that", ""),
    ("  BEG01: purpose | purpose", "  BEG01: purpose | purposes", "no format or code table 'purposes'", ""),
    ("  REF[01=DP]02: department", "  REF02: department", "REF repeats and means something else", "say which"),
    ("  REF[01=DP]02: department", "  REF[DP]02: department", "'DP' is not a qualifier", "write [01=DP]"),
    ("  REF[01=DP]02: department", "  REF[01=D#]02: department", "D# is no code of REF01", "the guide knows"),
    ("  REF[01=DP]02: department", "  REF[01=DP]01: department", "REF01 is the qualifier", "fixed by the key"),
    ("  REF[01=DP]02: department", "  REF[01=DP,07=X]02: department", "REF has 4 elements, so there is no REF07", ""),
    (
        "DTM[01=002] -> requested_delivery: moment",
        "DTM[01=010] -> requested_delivery: moment",
        "the same segment",
        "other",
    ),
    ("  N1[01=VN] -> supplier: party", "  N1[01=VN] -> supplier: partie", "there is no part partie", "parts:"),
    ("  N1[01=VN] -> supplier: party", "  N1[01=VN] -> suplier: party", "Order has no field suplier", "supplier"),
    ("  N1[01=VN] -> supplier: party", "  N1[01=VN] -> lines: party", "lines is a list", "-> lines[]"),
    ("  N1[01=VN] -> supplier: party", "  N1[01=VN] -> supplier[]: party", "supplier is not a list", "-> supplier"),
    ("  N1[01=VN] -> supplier: party", "  N102 -> supplier: party", "lines under it need a segment", ""),
    ("  FOB01: freight_payment | payment\n", "", "freight_payment has no line", "loses:"),
    (
        "  FOB01: freight_payment | payment",
        "  FOB02: freight_payment | payment",
        "is no code of FOB02",
        "the guide knows",
    ),
    ("    PO104: unit_price", "    SCH02: unit_price", "", ""),
    ("    PO106+: identifiers", "    PO106: identifiers", "holds names and values", "write PO106+"),
    ("    PO106+: identifiers", "    PO106+11: identifiers", "PO1 has room for 10 pairs", ""),
    ("    TD502: = 2 when scac", "    TD502: = 2 when mode_", "no line of TD5 carries mode_", "its lines carry"),
    ("    TD502: = 2 when scac", "    TD502: = !! when scac", "!! is no code of TD502", "the guide knows"),
    (
        "  order_type: {stand-alone: SA, new: NE",
        "  order_type: {stand-alone: SA, new: SA",
        "SA is both",
        "the first code",
    ),
    (
        "  carrier.payment: FOB01 says who pays",
        "  carrier.payments: no",
        "carrier.payments is carried or does not",
        "remove",
    ),
    ("  carrier.payment: FOB01 says who pays", "  carrier.payment:", "carrier.payment has no reason", "REASON"),
    ("document: x12/004010/850", "document: x12/004010/999", "there is no guide 004010/999", ""),
    ("document: x12/004010/850", "document: idoc", "there is no document idoc", "x12/RELEASE/SET"),
    ("canonical: order", "canonical: letter", "there is no canonical document letter", "order-response"),
    ("canonical: order\n", "", "the map does not say its canonical", "write canonical"),
    ("uses: x12-common", "uses: x12-commons", "there is no file x12-commons.yaml", "there are"),
    ("lines:\n", "line:\n", "line is not a part of a map", "its parts are"),
]


@pytest.mark.parametrize(("old", "new", "text", "remedy"), FAULTS, ids=range(len(FAULTS)))
def test_a_mistake_is_named_with_its_line_and_its_remedy(old: str, new: str, text: str, remedy: str) -> None:
    file = next(file for file in (ORDER, "x12-common.yaml") if old in FILES[file])
    with pytest.raises(MapFaults) as caught:
        Library(changed(file, old, new)).map("x12-850-order")
    said = [fault for fault in caught.value.faults if text in fault.text and remedy in fault.remedy]
    assert said, "\n".join(map(str, caught.value.faults))
    fault = said[0]
    assert fault.file in FILES
    assert 1 <= fault.line <= FILES[fault.file].count("\n") + 2
    assert str(fault).startswith(f"{fault.file}:{fault.line}: ")


def test_a_fault_points_at_the_line_it_is_on() -> None:
    with pytest.raises(MapFaults) as caught:
        Library(changed(ORDER, "  BEG03: order_number", "  BEG03: order_nubmer")).map("x12-850-order")
    (fault, *_) = caught.value.faults
    lines = FILES[ORDER].splitlines()
    assert lines[fault.line - 1] == "  BEG03: order_number"


def test_every_fault_is_said_in_one_pass() -> None:
    files = changed(
        ORDER, "  BEG03: order_number\n  BEG04: release_number", "  BEG03: ordernumber\n  BEG04: releasenumber"
    )
    with pytest.raises(MapFaults) as caught:
        Library(files).map("x12-850-order")
    assert {"ordernumber" in f.text or "releasenumber" in f.text for f in caught.value.faults} == {True}
    assert len(caught.value.faults) == 2


def test_the_effective_map_knows_where_each_line_was_written() -> None:
    said = {line.text.strip(): line.origin for line in Library(FILES).map("harbor-pine-850-order").explain()}
    assert said["CUR02: currency | default USD"].startswith("harbor-pine-850-order.yaml:")
    assert said["BEG03: order_number"].startswith("x12-850-order.yaml:")
    assert said["N102: name"].startswith("x12-common.yaml:")
    assert said["TD508: ignored their dock door; the appointment names it"].startswith("harbor-pine")
