"""The road under a test's own hand: a house over a real database, stepped without processes or clocks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select, text

from gateway.channels.channel import Parcel
from gateway.channels.directory import DirectoryChannel, DirectorySettings
from gateway.pipeline import release, unwrap
from gateway.pipeline.house import House
from gateway.pipeline.receive import Arrival, Receipt, receive
from gateway.store import lease, schema
from gateway.store.engine import Record, Store
from gateway.worker.batches import Batches
from gateway.worker.keeper import Keeper
from gateway.worker.road import deliveries, stages

ROOT = Path(__file__).parent.parent
PRODUCTION, TEST = "harbor-pine", "harbor-pine-test"
BLOCKED = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")


@dataclass
class Road:
    """A house and a worker that is stepped by hand."""

    store: Store
    house: House
    sent: Path  # a folder a connection, filled by deliveries

    def receive(
        self, content: bytes, *, connection: str = PRODUCTION, lane: str = "production", name: str = ""
    ) -> Receipt:
        with self.store.begin() as tx:
            count = tx.scalar(select(schema.transmission.c.id).order_by(schema.transmission.c.id.desc()).limit(1))
            arrival = Arrival(connection, lane, name or f"arrival-{count}", content)
            (receipt,) = receive(tx, [arrival])
        return receipt

    def work(self) -> None:
        """Run every stage until nothing is due."""
        keeper = Keeper(self.store, every_s=60)
        batches = Batches(self.store, stages(self.house), "test", keeper)
        while batches.step():
            pass

    def store_two_at_once(self) -> None:
        """PostgreSQL: two workers read a transmission each, and the second stores while the first has not committed."""
        with self.store.begin() as tx:
            rows = lease.claim(tx, schema.transmission, "unwrap", "both", 2, 60_000_000)
        first, second = (unwrap.unwrap(self.house, [row]) for row in rows)

        def store_second() -> None:
            with self.store.begin() as tx:
                release.record(tx, self.house, second)

        with ThreadPoolExecutor(1) as other:
            with self.store.begin() as tx:
                release.record(tx, self.house, first)
                storing = other.submit(store_second)
                deadline = time.monotonic() + 60
                while not storing.done() and time.monotonic() < deadline:
                    with self.store.read() as view:
                        if view.scalar(BLOCKED):
                            break
                    time.sleep(0.01)
            storing.result(60)

    def deliver(self, *, kinds: Sequence[str] = ("envelope",)) -> None:
        """Send what is due of these kinds; what is due of others stays under way."""
        errand = deliveries(self.house)
        while True:
            with self.store.begin() as tx:
                claimed = errand.claim(tx, "test", 1000)
            if not claimed:
                return
            ended = [(row, errand.run(row)) for row in claimed if row.kind in kinds]
            with self.store.begin() as tx:
                errand.record(tx, ended)

    def rows(self, table: Any, **where: Any) -> list[Record]:
        query = select(table).order_by(table.c.id)
        for name, value in where.items():
            query = query.where(table.c[name] == value)
        with self.store.read() as view:
            return list(view.all(query))

    def flows(self) -> list[Record]:
        with self.store.read() as view:
            return list(view.all(select(schema.flow).order_by(schema.flow.c.kind, schema.flow.c.key)))

    def files(self, connection: str = PRODUCTION) -> list[bytes]:
        folder = self.sent / connection
        return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.exists() else []


class Folder:
    """A partner's wire that ends in a folder: the directory channel, whatever the connection is in service."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._channel = DirectoryChannel(DirectorySettings.model_validate({"outbox": str(folder)}), str)

    def send(self, parcel: Parcel) -> Any:
        return self._channel.send(parcel)

    def close(self) -> None:
        self._channel.close()
