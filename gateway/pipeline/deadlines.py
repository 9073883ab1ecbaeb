"""When something is lost by a stop: from the moment an agreed answer is late."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from gateway.partners.book import Book
from gateway.pipeline.alert import Alert
from gateway.store.engine import Tx


def dated(tx: Tx, book: Book, alerts: Iterable[Alert]) -> Iterator[Alert]:
    """The alerts with the moment something is lost, where an agreement says one.

    What came and was not used may be an order: its sender must have our answer within the agreed time.
    """
    for alert in alerts:
        waits = [
            agreement.deadlines.order_response
            for agreement in book.agreements.values()
            if (agreement.partner, agreement.lane, agreement.direction) == (alert.partner, alert.lane, "in")
            and agreement.deadlines.order_response is not None
        ]
        if alert.lost_at is None and waits:
            yield replace(alert, lost_at=tx.now + int(min(waits).total_seconds() * 1_000_000))
        else:
            yield alert
