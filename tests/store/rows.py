"""Rows for tests."""

from __future__ import annotations

from typing import Any

from gateway.store import ids, schema
from gateway.store.engine import Tx

KEY = bytes(range(32))  # of every store of the tests, and of the processes that they start


def deliveries(tx: Tx, n: int, *, target: str = "erp", key: str | None = None, **values: Any) -> list[int]:
    """Deliveries that are due now, one after the other; returns their ids."""
    made = list(ids.take(tx, "delivery", n))
    rows = [
        {
            "id": number,
            "kind": "call",
            "target": target,
            "lane": "test",
            "ordering_key": key,
            "idempotency_key": f"{target}-{number}",
            "status": "due",
            "created_at": tx.now,
            "stage": "deliver",
            "due_at": tx.now,
            **values,
        }
        for number in made
    ]
    tx.insert(schema.delivery, rows)
    return made


def documents(tx: Tx, n: int, *, stage: str = "translate", **values: Any) -> list[int]:
    """Documents that are due for a stage now; returns their ids."""
    made = list(ids.take(tx, "document", n))
    rows = [
        {
            "id": number,
            "direction": "in",
            "lane": "test",
            "status": "valid",
            "released": True,
            "received_at": tx.now,
            "updated_at": tx.now,
            "stage": stage,
            "due_at": tx.now,
            **values,
        }
        for number in made
    ]
    tx.insert(schema.document, rows)
    return made
