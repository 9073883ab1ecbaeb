"""A worker process for the fault tests: a small road with every kind of work, and a place where it is to die.

`work` runs until nothing is owed, or dies; `stand_at_the_door` stores arrivals and tells of each stored one, or dies.

The road: document -> stage "read" -> stage "tell" (an event and a delivery with its bytes, in one commit) -> sent to
the receiver. Everything the worker does in service happens here too; only the pipeline is smaller.
"""

from __future__ import annotations

import http.client
import itertools
import os
import random
import signal
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from multiprocessing.connection import Connection
from typing import Any

from sqlalchemy import func, select

from gateway.store import events, ids, payloads, schema
from gateway.store.crypto import Keys
from gateway.store.engine import Record, Store, Tx
from gateway.store.retry import RetryPolicy
from gateway.worker.committer import Committer
from gateway.worker.deliveries import Again, Deliveries, Tried
from gateway.worker.moments import Moment, Reached, nothing
from gateway.worker.stage import Stage
from gateway.worker.worker import Worker
from tests.store.rows import KEY

LEASE_US = 1_000_000
THREADS = 8


def dies_at(moment: Moment | None, nth: int) -> Reached:
    """A `Reached` that kills this process when a moment is reached for the nth time."""
    if moment is None:
        return nothing
    passed = itertools.count(1)

    def reached(now: Moment) -> None:
        if now is moment and next(passed) == nth:
            os.kill(os.getpid(), signal.SIGKILL)
            threading.Event().wait()

    return reached


def give_up(tx: Tx, row: Record, error: str) -> Mapping[str, Any]:
    return {"status": "stuck"}


def tell(tx: Tx, rows: Sequence[Record]) -> list[tuple[Record, dict[str, Any]]]:
    facts = [
        events.Fact("order.received", "test", [("order", str(row.id))], {}, tx.now, document_id=row.id) for row in rows
    ]
    events.append(tx, facts)
    deliveries = []
    for row, number in zip(rows, ids.take(tx, "delivery", len(rows)), strict=True):
        # A chance part: a retry that made its bytes anew would not repeat them.
        stored = payloads.store(tx, f"{row.id} {random.random()}".encode(), owner="test", lane="test")
        deliveries.append(
            {
                "id": number,
                "kind": "webhook",
                "target": "receiver",
                "lane": "test",
                "ordering_key": f"k{row.id % 7}" if row.id % 2 else None,
                "payload_id": stored.id,
                "idempotency_key": f"document:{row.id}",
                "status": "due",
                "created_at": tx.now,
                "stage": "deliver",
                "due_at": tx.now,
            }
        )
    tx.insert(schema.delivery, deliveries)
    tx.wake("deliver")
    return [(row, {"status": "done"}) for row in rows]


def send(store: Store, port: int, row: Record) -> str:
    body = payloads.read_all(store, row.payload_id)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/", body, {"Idempotency-Key": row.idempotency_key})
        return "" if connection.getresponse().status == 200 else "refused"
    except OSError as error:
        return str(error) or "failed"
    finally:
        connection.close()


def record(tx: Tx, tried: Sequence[Tried]) -> list[tuple[Record, dict[str, Any]]]:
    return [(one.row, {"status": "due" if one.decision else "delivered"}) for one in tried]


def road(store: Store, port: int, reached: Reached) -> None:
    stages = [
        Stage(
            "read",
            schema.document,
            list,
            lambda tx, rows: [(row, {"stage": "tell"}) for row in rows],
            give_up,
            batch=20,
            lease_us=LEASE_US,
        ),
        Stage("tell", schema.document, list, tell, give_up, batch=20, lease_us=LEASE_US),
    ]
    deliveries = Deliveries(
        lambda row: send(store, port, row),
        lambda end: Again(end) if end else None,
        str,
        record,
        retry=lambda row: RetryPolicy(first_us=100_000),
        lease_us=LEASE_US,
    )
    worker = Worker(store, stages, deliveries=deliveries, threads=THREADS, reached=reached)

    def until_done() -> None:
        while owed(store):
            threading.Event().wait(0.05)
        worker.stop()

    threading.Thread(target=until_done, daemon=True).start()
    worker.run()


def owed(store: Store) -> int:
    """Rows that are not finished."""
    with store.read() as view:
        tables = (schema.document, schema.delivery)
        return sum(
            view.scalar(select(func.count()).select_from(table).where(table.c.stage.is_not(None))) for table in tables
        )


def door(store: Store, names: Sequence[str], told: Connection, reached: Reached) -> None:
    def receive(tx: Tx, arrivals: Sequence[str]) -> list[int]:
        known = {row.transport_id: row.id for row in tx.by_ids(schema.transmission, arrivals, column="transport_id")}
        fresh = [name for name in arrivals if name not in known]
        known |= dict(zip(fresh, ids.take(tx, "transmission", len(fresh)), strict=True))
        blank = {"direction": "in", "connection": "door", "lane": "test", "status": "received", "received_at": tx.now}
        tx.insert(schema.transmission, [{"id": known[name], "transport_id": name, **blank} for name in fresh])
        return [known[name] for name in arrivals]

    committer: Committer[str, int] = Committer(store, receive, batch=5, reached=reached)

    def acknowledge(name: str, future: Future[int]) -> None:
        told.send((name, future.result()))

    for name in names:
        committer.submit(name).add_done_callback(lambda future, name=name: acknowledge(name, future))  # type: ignore[misc]
    committer.close()


def work(url: str, port: int, moment: Moment | None = None, nth: int = 1) -> None:
    with Store.open(url, Keys.single(KEY)) as store:
        road(store, port, dies_at(moment, nth))


def stand_at_the_door(url: str, count: int, told: Connection, moment: Moment | None = None, nth: int = 1) -> None:
    with Store.open(url, Keys.single(KEY)) as store:
        door(store, [f"arrival {n}" for n in range(count)], told, dies_at(moment, nth))
