"""changes: a partner's change of an order, which no map carries, becomes a work item that names the order."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from gateway.pipeline.alert import Alert
from gateway.store.engine import Tx
from gateway.store.schema import document


def of_order(tx: Tx, row: Any, number: str) -> tuple[Alert, dict[str, Any]]:
    """What a person is told, and the columns that put the document beside its order."""
    d = document.c
    orders = select(d.id, d.correlation_id).where(d.business_key == number, d.kind == "order", d.direction == "in")
    found = tx.first(orders.where(d.partner == row.partner, d.lane == row.lane, d.status == "done").order_by(d.id))
    correlation_id = found.correlation_id if found else row.correlation_id
    data = {
        "set_id": row.set_id,
        "business_key": number,
        "document": row.id,
        "known": f"That order is D-{found.id} here." if found else "No order of that number is here.",
    }
    where = f"Order {number}, {row.set_id}, document D-{row.id}"
    key, subject = f"document:{row.id}:order-changed", ("document", row.id)
    alert = Alert("order-changed", row.lane, key, data, where, subject, row.partner, correlation_id)
    return alert, {"business_key": number, "correlation_id": correlation_id}
