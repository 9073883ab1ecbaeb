"""A published book comes back word for word, and a running house takes a newer one up by itself."""

from __future__ import annotations

import gc
import weakref

import pytest

from gateway.partners.book import Book
from gateway.partners.secrets import SecretMissing
from gateway.pipeline import house, publishing
from gateway.pipeline.house import CannotOpen, Furniture
from gateway.store.engine import Store


@pytest.fixture(autouse=True)
def look_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "LOOK_S", 0.0)


def changed(book: Book) -> Book:
    name = next(name for name in book.files if name.endswith("partner.yaml"))
    return Book.from_files({**book.files, name: book.files[name] + "\n# later\n"})


def test_a_book_comes_back_under_its_hash(store: Store, book: Book) -> None:
    with store.begin() as tx:
        assert publishing.publish(tx, book, by="us")
        assert not publishing.publish(tx, book, by="us")
    with store.read() as view:
        assert publishing.active_hash(view) == book.revision
        assert dict(publishing.files_of(view, book.revision)) == dict(book.files)
        with pytest.raises(publishing.NotPublished):
            publishing.files_of(view, "nothing")


def test_a_house_takes_the_newer_book_up_and_an_old_one_again(store: Store, book: Book) -> None:
    furniture = Furniture(store)
    with pytest.raises(publishing.NotPublished):
        furniture.book()
    later = changed(book)
    for one in (book, later, book):
        with store.begin() as tx:
            publishing.publish(tx, one, by="us")
        assert furniture.book().revision == one.revision
    with store.read() as view:
        assert dict(publishing.files_of(view, later.revision)) == dict(later.files)
    furniture.close()


def test_a_book_that_begins_later_is_not_active_yet(store: Store, book: Book) -> None:
    with store.begin() as tx:
        publishing.publish(tx, book, by="us")
        later = changed(book)
        publishing.publish(tx, later, by="us", active_from=tx.now + 60_000_000)
        assert publishing.active_hash(tx) == book.revision
        assert publishing.active_hash(tx, tx.now + 60_000_000) == later.revision


def test_a_system_whose_settings_are_missing_waits_and_is_opened_once_they_are_there(store: Store, book: Book) -> None:
    secrets: dict[str, str] = {}

    def resolve(reference: str) -> str:
        if reference.startswith("env:") and reference not in secrets:
            raise SecretMissing(reference)
        return secrets.get(reference, reference)

    with store.begin() as tx:
        publishing.publish(tx, book, by="us")
    furniture = Furniture(store, resolve)
    closed = furniture.systems()["erp"]
    assert isinstance(closed, CannotOpen)
    assert "NORTHWIND_ERP_URL" in closed.why
    secrets["env:NORTHWIND_ERP_URL"] = "http://127.0.0.1:9"
    opened = furniture.systems()["erp"]
    assert not isinstance(opened, CannotOpen)
    assert furniture.systems()["erp"] is opened
    assert furniture.limits("erp").per_second == 50
    furniture.close()


def test_an_old_book_is_let_go(store: Store, book: Book) -> None:
    """Every answer at a work item publishes a book: a worker must not keep them all."""
    furniture = Furniture(store)
    for one in (book, changed(book)):
        with store.begin() as tx:
            publishing.publish(tx, one, by="us")
        if one is book:
            old = weakref.ref(furniture.book())
    furniture.book()
    gc.collect()
    assert old() is None
    furniture.close()


def test_what_an_old_book_opened_is_closed_once_no_call_can_be_under_way(
    store: Store, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    furniture = Furniture(store, lambda setting: "http://127.0.0.1:9")
    with store.begin() as tx:
        publishing.publish(tx, book, by="us")
    kept = furniture.systems()["erp"]
    closed: list[str] = []
    monkeypatch.setattr(type(kept), "close", lambda self: closed.append(self.name))
    for _ in range(2):
        with store.begin() as tx:
            publishing.publish(tx, changed(furniture.book()), by="us")
        furniture.book()
    assert closed == []
    monkeypatch.setattr(house, "LONGEST_CALL_S", -1.0)
    with store.begin() as tx:
        publishing.publish(tx, changed(furniture.book()), by="us")
    furniture.book()
    assert sorted(closed) == ["crm", "erp"]
    furniture.close()
