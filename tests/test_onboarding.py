"""docs/onboarding.md followed word by word."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from followed_page import blocks, follow


@pytest.mark.slow
@pytest.mark.story
@pytest.mark.skipif(shutil.which("curl") is None, reason="the page uses curl")
def test_the_page_works_as_it_is_written(tmp_path: Path) -> None:
    said = follow("onboarding.md", tmp_path)
    assert "no faults." in said
    assert "4 of 4 maps hold." in said
    assert said.count("Published as") == 2
    assert "PS-1001" in said.split("Published as")[1]


def test_every_file_it_writes_is_named() -> None:
    assert [file for _, file, _ in blocks("onboarding.md") if file] == [
        "partners/pine-street/partner.yaml",
        "first-order.edi",
        "partners/pine-street/connections.yaml",
    ]
