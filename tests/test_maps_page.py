"""docs/maps.md followed word by word."""

from __future__ import annotations

from pathlib import Path

import pytest
from followed_page import DOCS, follow

from gateway.mapping.formats import MADE, NAMED
from gateway.mapping.jsontree import OPTIONS as JSON
from gateway.mapping.layout import FIXED
from gateway.mapping.layout import OPTIONS as CSV
from gateway.mapping.map import FORMATS


@pytest.mark.slow
def test_the_page_works_as_it_is_written(tmp_path: Path) -> None:
    said = follow("maps.md", tmp_path)
    assert said.count("no faults.") == 2
    assert "END;2;;;;25,5;;" in said
    assert "<cbc:ID>B-2210</cbc:ID>" in said
    assert "shop-order: holds; 50 round trips, 1 approved cases, 0 values declared lost\n1 of 1 maps hold." in said
    assert "IL   100000024000000000239500\nIT00000005748000001\nFT000001\n" in said


def test_it_names_every_document_option_and_format() -> None:
    text = (DOCS / "maps.md").read_text("utf-8")
    wanted = {*FORMATS, *CSV, *FIXED, *JSON, *MADE, *(name for name in NAMED if name[0] != "N")}
    assert not [name for name in sorted(wanted) if f"`{name}" not in text]
