"""Bodies whose time is over go, owner by owner; what is held, needed or another's stays."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, update

from gateway.store import payloads, retention, schema, work_items
from gateway.store.engine import Store
from tests.store.rows import documents
from tests.store.test_aggregates import item

FOREVER = 2**60


def bodies(store: Store, owner: str, n: int = 1, **document: object) -> list[int]:
    found = []
    with store.begin() as tx:
        for _ in range(n):
            stored = payloads.store(tx, b"x" * 100, owner=owner, lane="test")
            documents(tx, 1, payload_id=stored.id, **{"stage": None, **document})  # type: ignore[arg-type]
            found.append(stored.id)
    return found


def test_only_the_owners_old_bodies_go_and_their_evidence_stays(store: Store) -> None:
    (mine,), (theirs,) = bodies(store, "acme"), bodies(store, "other")
    with store.read() as view:
        assert retention.owners(view) == ["acme", "other"]
        assert retention.preview(view, "acme", FOREVER) == retention.Purged(1, 100)
    assert retention.purge(store, "acme", 0) == retention.Purged(0, 0)
    assert retention.purge(store, "acme", FOREVER, lane="production") == retention.Purged(0, 0)
    assert retention.purge(store, "acme", FOREVER) == retention.Purged(1, 100)
    with store.read() as view:
        assert payloads.read_all(view, theirs) == b"x" * 100
        with pytest.raises(payloads.PayloadPurged):
            payloads.read_all(view, mine)
        row = view.get(schema.payload, mine)
        assert row is not None
        assert row.size == 100
        left = view.scalar(select(func.count()).where(schema.payload_chunk.c.payload_id == mine))
        assert left == 0


def test_a_legal_hold_forbids_it_until_it_is_released(store: Store) -> None:
    bodies(store, "acme")
    with store.begin() as tx:
        hold = retention.hold(tx, "acme", "case 7", "alex")
    assert retention.purge(store, "acme", FOREVER) == retention.Purged(0, 0, held=True)
    with store.begin() as tx:
        assert retention.release(tx, hold, "alex")
        assert not retention.release(tx, hold, "alex")
    assert retention.purge(store, "acme", FOREVER).bodies == 1


def test_what_unfinished_work_or_an_open_item_needs_stays(store: Store) -> None:
    (needed,) = bodies(store, "acme", stage="translate")
    (asked_about,) = bodies(store, "acme")
    with store.begin() as tx:
        number = tx.scalar(select(schema.document.c.id).where(schema.document.c.payload_id == asked_about))
        (opened,) = work_items.open_items(tx, [item() | {"subject": "document", "subject_id": number}])
    assert retention.purge(store, "acme", FOREVER).bodies == 0
    with store.begin() as tx:
        work_items.settle(tx, [opened], "alex")
        tx.execute(update(schema.document).where(schema.document.c.payload_id == needed).values(stage=None))
    assert retention.purge(store, "acme", FOREVER).bodies == 2


def test_a_large_purge_is_many_small_commits(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    bodies(store, "acme", 8)
    assert retention.purge(store, "acme", FOREVER) == retention.Purged(8, 800)
