"""Several canonical documents in one set: each has its own row and way; the acknowledgement speaks of the set."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pipeline_road import ROOT, Folder, Road
from road_documents import interchange

from gateway.lifecycle import DocumentStatus
from gateway.partners.book import Book, texts
from gateway.pipeline import again, release, unwrap
from gateway.pipeline.house import House
from gateway.pipeline.trace import trace
from gateway.store import canonical_documents, lease, schema
from gateway.store.engine import Store

NOTICES = """  their-notices:
    our: northwind
    lane: production
    connection: harbor-pine
    receive: x12/004010/856
    map: x12-856-shipment
"""


def book_of() -> Book:
    files = texts(ROOT / "partners", ROOT / "maps")
    files["partners/harbor-pine/partner.yaml"] += NOTICES
    return Book.from_files(files)


def road_of(store: Store, folder: Path, book: Book) -> Road:
    return Road(store, House(store, lambda: book, dict, lambda name: Folder(folder / name)), folder)


def notice(number: str = "S-1", orders: Sequence[str] = ("PO-1", "PO-2"), control: str = "0001") -> list[str]:
    body = [f"BSN*00*{number}*20260310*1545"]
    level = 0
    for n, order in enumerate(orders, 1):
        shipment = level + 1
        body += [f"HL*{shipment}**S", f"REF*BM*B-{n}", f"HL*{level + 2}*{shipment}*O", f"PRF*{order}"]
        body += [f"HL*{level + 3}*{level + 2}*I", f"LIN**UP*{n:012d}", "SN1**4*EA"]
        level += 3
    body.append(f"CTT*{level}")
    return [f"ST*856*{control}", *body, f"SE*{len(body) + 2}*{control}"]


def arrive(road: Road, *sets: list[str], number: int = 1) -> None:
    road.receive(interchange(sets, number=number, functional_id="SH", group=number))
    road.work()


def came(road: Road) -> list[object]:
    return [(row.part, row.business_key, row.status) for row in road.rows(schema.document, direction="in")]


def test_two_shipments_in_one_856_are_two_documents_and_one_answer(store: Store, tmp_path: Path) -> None:
    road = road_of(store, tmp_path, book_of())
    arrive(road, notice())
    assert came(road) == [(1, "S-1/1", "done"), (2, "S-1/2", "done")]
    (answer,) = road.rows(schema.document, direction="out")
    assert answer.set_id == "997"
    with road.store.read() as view:
        found = canonical_documents.load(view, [1, 2])
        told = trace(view, "D-2")
    assert [made.orders[0].order_number for made in found.values()] == ["PO-1", "PO-2"]  # type: ignore[attr-defined]
    assert {"D-1", "D-2"} <= set(told.documents)
    assert sum("part 1 of its set" in line.text for line in told.lines) >= 1
    facts = [row for row in road.rows(schema.event) if row.type == "shipment.announced"]
    assert [row.document_id for row in facts] == [1, 2]


def test_a_part_that_came_before_is_a_duplicate_and_its_neighbour_goes_on(store: Store, tmp_path: Path) -> None:
    road = road_of(store, tmp_path, book_of())
    arrive(road, notice())
    arrive(road, notice(orders=("PO-1", "PO-9")), number=2)
    assert came(road)[2:] == [(1, "S-1/1", "duplicate"), (2, "S-1/2", "held")]


def test_a_set_whose_map_was_mended_is_taken_apart_when_it_runs_again(store: Store, tmp_path: Path) -> None:
    road = road_of(store, tmp_path, book_of())
    with pytest.MonkeyPatch.context() as patched:  # unwrap cannot run it, so one row stands for the whole set
        patched.setattr(unwrap, "carry", lambda *_: 1 / 0)
        arrive(road, notice())
    assert came(road) == [(1, "S-1/1", "done"), (2, "S-1/2", "done")]
    with road.store.begin() as tx:
        again.reprocess_document(tx, 1, by="a person")
    road.work()
    assert len(came(road)) == 2
    assert road.rows(schema.document, direction="in")[0].status == DocumentStatus.DONE


def test_a_crash_between_portions_counts_each_set_once(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unwrap, "PORTION", 2)
    road = road_of(store, tmp_path, book_of())
    sets = [notice(f"S-{n}", control=f"{n:04d}") for n in range(1, 4)]
    road.receive(interchange(sets, functional_id="SH"))
    with road.store.read() as view:
        rows = view.all(schema.transmission.select())
    reading = unwrap._Reading(road.house, rows)
    portions = reading.read(rows[0])
    with road.store.begin() as tx:
        state = release.store(tx, road.house, next(portions))
        tx.update(schema.transmission, [{"id": rows[0].id, "resume_state": json.dumps(state)}])
    road.work()
    assert len(came(road)) == 6
    assert len(road.rows(schema.document, direction="out")) == 1
    road.deliver()
    assert b"AK9*A*3*3*3" in road.files()[0]


@pytest.mark.parametrize("letters", ["", "\n", "\xe9"])
def test_what_a_file_says_does_not_depend_on_whether_its_reader_was_killed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, letters: str
) -> None:
    """The bytes of a set of several documents are cut out anew: with line ends, and letters that are no UTF-8."""
    monkeypatch.setattr(unwrap, "PORTION", 3)
    monkeypatch.setattr(unwrap, "HELD", 1)
    road = road_of(store, tmp_path, book_of())
    sets = [notice(f"S-{n}", (f"PO-{n}", f"PO-{n}b"), f"{n:04d}") for n in range(1, 5)]
    content = interchange(sets, functional_id="SH").decode()
    content = content.replace("~", "~\n") if letters == "\n" else content.replace("B-1", f"B-1{letters}")
    road.receive(content.encode("latin-1"), name="read at once")
    road.work()
    monkeypatch.setattr(release, "_used", lambda tx, book, closed: defaultdict(list))
    road.receive(content.encode("latin-1"), name="killed in the middle")
    with road.store.begin() as tx:
        rows = lease.claim(tx, schema.transmission, "unwrap", "dies", 10, 1)
    real = release.store

    def dies_after(*arguments: Any) -> Any:
        monkeypatch.setattr(release, "store", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        return real(*arguments)

    monkeypatch.setattr(release, "store", dies_after)
    with pytest.raises(KeyboardInterrupt):
        unwrap.unwrap(road.house, rows)
    monkeypatch.setattr(release, "store", real)
    road.work()
    at_once, killed = road.rows(schema.interchange, direction="in")
    assert (at_once.status, killed.status) == ("accepted", "accepted")
    assert at_once.content_sha256 == killed.content_sha256
