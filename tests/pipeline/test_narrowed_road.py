"""What a partner's own guide asks is asked of what they send and of what we send them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pipeline_road import ROOT, Road
from road_documents import interchange, order

from gateway.partners.book import Book, texts
from gateway.store import schema

PARTNER = "partners/harbor-pine/partner.yaml"
TERMS = "  acknowledge: {within: 1h}"
NARROW = f"""{TERMS}
  narrow:
    850 BEG-02: only SA NE
    850 PO1-06: required
    850 PER: required                 # their guide p. 9
    855 BAK-08: required
"""


@pytest.fixture(scope="session")
def book() -> Book:
    files = texts(Path(ROOT) / "partners", Path(ROOT) / "maps")
    assert TERMS in files[PARTNER]
    return Book.from_files(files | {PARTNER: files[PARTNER].replace(TERMS, NARROW, 1)})


def test_an_order_that_the_standard_takes_and_they_said_they_would_not_send_is_refused(road: Road) -> None:
    complete = [*order("HP-1", "0001")[:3], "PER*BD*M Alder", *order("HP-1", "0001")[3:]]
    complete[-1] = f"SE*{len(complete)}*0001"
    road.receive(interchange([complete, order("HP-2", "0002")]))
    road.work()
    assert [row.status for row in road.rows(schema.document, direction="in")] == ["done", "invalid"]
    road.deliver()
    (sent,) = road.files()
    assert b"AK2*850*0002~AK3*PER*4" in sent
    assert b"AK9*P*2*2*1~" in sent


def test_each_rule_knows_the_line_it_came_from(book: Book) -> None:
    said = {
        path: (text, place.layer, place.why)
        for path, text, place in book.lines["agreement", "harbor-pine/orders"].leaves()
    }
    assert said["narrow.850 PER"] == ("required", "partner", "their guide p. 9")
    assert book.agreements["harbor-pine/orders"].narrow["850 BEG-02"] == "only SA NE"
