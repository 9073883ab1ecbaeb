"""Events are appended once, found by every key, and read by cursor without passing any."""

from __future__ import annotations

import json
import threading

import pytest

from gateway.store import events
from gateway.store.engine import Store


def fact(kind: str = "order.received", key: str = "4500012345", lane: str = "production") -> events.Fact:
    return events.Fact(kind, lane, [("order", key), ("order", key)], {"lines": 3}, 5, ids={"erp": "S-1"})


def test_an_event_is_found_by_its_key_in_its_lane(store: Store) -> None:
    with store.begin() as tx:
        (first, _, _) = events.append(tx, [fact(), fact(key="other"), fact(lane="test")])
    with store.read() as view:
        (found,) = events.of_key(view, "order", "4500012345", "production")
    assert (found.id, json.loads(found.data), json.loads(found.ids)) == (first, {"lines": 3}, {"erp": "S-1"})


def test_a_feed_gives_every_event_once_in_order(store: Store) -> None:
    with store.begin() as tx:
        made = list(events.append(tx, [fact(key=str(n), kind=f"k{n % 3}") for n in range(25)]))
    seen, cursor = [], 0
    while True:
        page, cursor = events.feed(store, cursor, 10)
        if not page:
            break
        seen += [row.id for row in page]
    assert seen == made


def test_a_filtered_feed_passes_what_it_leaves_out(store: Store) -> None:
    with store.begin() as tx:
        made = events.append(tx, [fact(kind="rare"), *[fact(kind="common")] * 20])
    page, cursor = events.feed(store, 0, 10, types=["rare"])
    assert [row.id for row in page] == [made[0]]
    assert cursor == made[-1]
    assert events.feed(store, cursor, 10) == ([], cursor)


@pytest.mark.parametrize("database_kind", ["postgresql"])  # SQLite's writers take turns: the quick one cannot begin
def test_a_reader_never_passes_an_event_that_is_still_to_commit(store: Store) -> None:
    """A slow transaction took its ids first; a quick one commits after it took later ones."""
    appended, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with store.begin() as tx:
            events.append(tx, [fact(key="slow")])
            appended.set()
            go_on.wait(60)

    thread = threading.Thread(target=slow)
    thread.start()
    appended.wait(60)
    with store.begin() as tx:
        events.append(tx, [fact(key="quick")])
    page, cursor = events.feed(store, 0, 10)
    go_on.set()
    thread.join()
    assert page == [], "the reader passed an event of an open transaction"
    page, _ = events.feed(store, cursor, 10)
    assert [json.loads(row.keys)[0][1] for row in page] == ["slow", "quick"]


def test_many_writers_and_a_reader_agree_on_what_happened(store: Store) -> None:
    writers, each = 4, 40

    def write(name: str) -> None:
        for n in range(each):
            with store.begin() as tx:
                events.append(tx, [fact(key=f"{name}-{n}")])

    threads = [threading.Thread(target=write, args=(f"w{n}",)) for n in range(writers)]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    cursor, writing = 0, True
    while writing:
        writing = any(thread.is_alive() for thread in threads)
        page, cursor = events.feed(store, cursor, 7 if writing else 1000)
        seen += [row.id for row in page]
    assert len(seen) == writers * each
    assert seen == sorted(set(seen))
