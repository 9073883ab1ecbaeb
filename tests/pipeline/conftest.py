"""A house over a real database, the profiles of this repository, and folders instead of partners' servers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from pipeline_road import ROOT, Folder, Road

from gateway.channels.channel import Sends
from gateway.partners.book import Book
from gateway.pipeline.house import House
from gateway.store.engine import Store
from gateway.systems.connector import Connector


@pytest.fixture(scope="session")
def book(request: pytest.FixtureRequest) -> Book:
    """The example's, or those of another house."""
    return Book.load(getattr(request, "param", ROOT / "partners"), ROOT / "maps")


@pytest.fixture
def road(store: Store, book: Book, tmp_path: Path) -> Road:
    sent = tmp_path / "sent"

    def sender(name: str) -> Sends:
        if name not in book.connections:
            raise KeyError(name)
        return Folder(sent / name)

    systems: Callable[[], Mapping[str, Connector]] = dict
    return Road(store, House(store, lambda: book, systems, sender), sent)
