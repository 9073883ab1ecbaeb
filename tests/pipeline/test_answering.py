"""A unit or code nobody knows stops the document; the answer is published, and what waited runs again by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from pipeline_road import Road
from road_documents import interchange, order

from gateway.canonical import Order
from gateway.partners.book import Book
from gateway.pipeline import answering, house, publishing
from gateway.pipeline.answering import AnsweredBefore, CannotAnswer
from gateway.pipeline.house import Furniture
from gateway.store import canonical_documents, schema
from gateway.store.engine import Store

PARTNER = "partners/harbor-pine/partner.yaml"
ASKING = "terms:\n  codes: {units: [each], ask: [id_scheme]}\n"


@pytest.fixture
def asking(store: Store, book: Book, road: Road, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Road]]:
    """The road with a book that asks, taken from the store anew each time as every process does."""
    monkeypatch.setattr(house, "LOOK_S", 0.0)
    monkeypatch.setattr(answering, "SEEN_US", 0)
    text = book.files[PARTNER].replace("terms:", ASKING, 1)
    with store.begin() as tx:
        publishing.publish(tx, Book.from_files({**book.files, PARTNER: text}), by="test")
    furniture = Furniture(store)
    yield lambda: Road(store, furniture.house(), road.sent)
    furniture.close()


def packs(number: str, control: int, *, unit: str = "PK", scheme: str = "92") -> bytes:
    segments = [s.replace("*EA*", f"*{unit}*").replace("*92*014", f"*{scheme}*014") for s in order(number, lines=1)]
    return interchange([segments], number=control, group=control)


def orders(road: Road) -> dict[str, Order]:
    rows = road.rows(schema.document, kind="order")
    with road.store.read() as view:
        found = canonical_documents.load(view, {row.id for row in rows})
    return {one.order_number: one for one in found.values() if isinstance(one, Order)}


def test_an_unknown_unit_is_asked_answered_and_what_waited_runs(asking: Callable[[], Road]) -> None:
    road = asking()
    road.receive(packs("HP-1", 1))
    road.receive(packs("HP-2", 2))
    road.work()
    first, second = road.rows(schema.work_item, status="open")
    assert first.title == 'Line 1 is ordered in "PK", and nothing tells us how many each one is.'
    assert first.where_.endswith("segment 9, PO1-03")
    assert orders(road) == {}
    with road.store.read() as view:
        look = answering.preview(view, second.id, "6 each", "partner")
    assert look.title == f"Answer W-{second.id}: 1 PK is 6 each"
    assert "2 documents wait for it" in look.effects[1]

    done = answering.answer(road.store, second.id, "6 each", "partner", by="Ivo Marsh")
    assert done.settled == (first.id, second.id)
    road.work()
    found = orders(road)
    assert sorted(found) == ["HP-1", "HP-2"]
    (quantity,) = [line.quantity for line in found["HP-1"].lines]
    assert quantity is not None
    assert (str(quantity.value), quantity.unit) == ("144", "each")
    assert quantity.sent is not None
    assert quantity.sent.value == 24
    row = road.house.book().files["partners/harbor-pine/answers.yaml"]
    assert "pack: 6 each  # Ivo Marsh, 20" in row
    assert f"W-{second.id}" in row
    with pytest.raises(AnsweredBefore, match=r"Ivo Marsh answered this at .*: 1 PK is 6 each. Your answer was not"):
        answering.answer(road.store, first.id, "12 each", "partner", by="Lena")
    road.receive(packs("HP-3", 3))
    road.work()
    assert "HP-3" in orders(road)
    assert road.rows(schema.work_item, status="open") == []


def test_an_answer_for_one_document_is_asked_again_next_time(asking: Callable[[], Road]) -> None:
    road = asking()
    road.receive(packs("HP-1", 1))
    road.work()
    (item,) = road.rows(schema.work_item, status="open")
    before = road.house.book().revision
    done = answering.answer(road.store, item.id, "4 each", "document", by="Ivo")
    assert done.revision is None
    road.work()
    assert orders(road)["HP-1"].lines[0].quantity.value == 96  # type: ignore[union-attr]
    assert road.house.book().revision == before
    road.receive(packs("HP-2", 2))
    road.work()
    assert len(road.rows(schema.work_item, status="open")) == 1


def test_an_answer_for_one_article(asking: Callable[[], Road]) -> None:
    road = asking()
    road.receive(packs("HP-1", 1))
    road.work()
    (item,) = road.rows(schema.work_item, status="open")
    answering.answer(road.store, item.id, "12 each", "article", by="Ivo")
    road.work()
    assert orders(road)["HP-1"].lines[0].quantity.value == 288  # type: ignore[union-attr]
    assert "pack of 000000000001: 12 each" in road.house.book().files["partners/harbor-pine/answers.yaml"]


def test_an_unknown_code_gets_one_of_our_words(asking: Callable[[], Road]) -> None:
    road = asking()
    road.receive(packs("HP-1", 1, unit="EA", scheme="54"))
    road.work()
    (item,) = road.rows(schema.work_item, status="open")
    assert item.title.startswith('harbor-pine writes "54", and nothing tells us which id_scheme they mean')
    assert "segment 6, N1-03" in item.where_
    with pytest.raises(CannotAnswer, match="did you mean buyer"):
        answering.answer(road.store, item.id, "byuer", "partner", by="Ivo")
    answering.answer(road.store, item.id, "buyer", "partner", by="Ivo")
    road.work()
    ship_to = orders(road)["HP-1"].ship_to
    assert ship_to is not None
    assert ship_to.identifiers == {"buyer": "014"}
    assert "buyer: 92 54" in road.house.book().files["partners/harbor-pine/answers.yaml"]


def test_two_answers_are_two_rows(asking: Callable[[], Road]) -> None:
    road = asking()
    road.receive(packs("HP-1", 1, scheme="54"))
    road.work()
    (code,) = road.rows(schema.work_item, status="open")
    answering.answer(road.store, code.id, "buyer", "partner", by="Ivo")
    road.work()
    (unit,) = road.rows(schema.work_item, status="open")
    answering.answer(road.store, unit.id, "6 each", "partner", by="Ada")
    road.work()
    assert "HP-1" in orders(road)
    text = road.house.book().files["partners/harbor-pine/answers.yaml"]
    assert text.count("# Ivo,") == text.count("# Ada,") == 1
    assert json.loads(road.rows(schema.work_item, id=unit.id)[0].data)["answer"]["scope"] == "partner"


@pytest.mark.parametrize("means", ["six", "6", "6 crates", "-6 each", "0 each"])
def test_what_is_no_answer_is_a_sentence(asking: Callable[[], Road], means: str) -> None:
    road = asking()
    road.receive(packs("HP-1", 1))
    road.work()
    (item,) = road.rows(schema.work_item, status="open")
    with pytest.raises(CannotAnswer, match="write how many each one is"):
        answering.answer(road.store, item.id, means, "partner", by="Ivo")
