"""One worker process over one store: everything it runs, put together from the settings."""

from __future__ import annotations

from dataclasses import replace

from gateway.pipeline.house import Furniture
from gateway.settings import Settings
from gateway.store.engine import Store
from gateway.store.retry import SECOND
from gateway.worker import road
from gateway.worker.polls import Polls
from gateway.worker.schedules import Schedules
from gateway.worker.worker import Worker


def worker(store: Store, furniture: Furniture, chosen: Settings) -> Worker:
    """The worker these settings ask for."""
    house, lease_us = furniture.house(), chosen.lease_seconds * SECOND
    polls = Polls(Schedules(house))
    polls.lease_us = lease_us
    return Worker(
        store,
        [replace(stage, lease_us=lease_us) for stage in road.stages(house)],
        deliveries=replace(road.deliveries(house, furniture.limits), lease_us=lease_us),
        polls=polls,
        threads=chosen.send_threads,
        poll_threads=chosen.poll_threads,
        drain_s=chosen.drain_seconds,
    )
