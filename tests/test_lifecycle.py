"""The table of a document's life."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.lifecycle import DOCUMENT_MOVES, DocumentStatus, MoveNotAllowed, Outcome, diagram, move


def test_every_status_is_entered_or_is_a_beginning() -> None:
    beginnings = {DocumentStatus.STAGED, DocumentStatus.COMPOSED}
    assert set(DOCUMENT_MOVES.values()) | beginnings == set(DocumentStatus)


def test_a_confirmed_document_never_goes_back_to_waiting() -> None:
    assert move(DocumentStatus.CONFIRMED, Outcome.DELIVERED_UNANSWERED) is DocumentStatus.CONFIRMED


def test_a_move_that_is_not_in_the_table_raises() -> None:
    with pytest.raises(MoveNotAllowed, match="staged cannot be confirmed"):
        move(DocumentStatus.STAGED, Outcome.CONFIRMED)


def test_the_page_shows_the_table() -> None:
    page = (Path(__file__).parent.parent / "docs" / "lifecycle.md").read_text()
    assert f"```mermaid\n{diagram()}\n```" in page
