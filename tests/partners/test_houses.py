"""The profiles of other houses than ours are complete and right."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.partners.book import Book

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("house", sorted((ROOT / "sample_docs" / "houses").iterdir()), ids=lambda path: str(path.name))
def test_a_house_has_no_faults(house: Path) -> None:
    book = Book.load(house, ROOT / "maps")
    assert book.companies
    assert book.agreements
