"""The road as a share of the pure rate: stored bytes to canonical stored and delivery recorded.

The pure rate is that of parsing, validating, mapping and writing out the same documents without a database. The road is
interrupted for a slice of it again and again, for half as long as the road has run since, so that both see the same
machine.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.road import orders
from benchmarks.road.processes import cpu_of_server
from gateway.channels.channel import Sends
from gateway.formats.x12.frames import InterchangeOpened, SetFramed
from gateway.formats.x12.framing import Reader
from gateway.formats.x12.guide import Guide
from gateway.partners.book import Book
from gateway.pipeline.house import House
from gateway.pipeline.receive import Arrival, receive
from gateway.store import schema
from gateway.store.crypto import Keys
from gateway.store.engine import Store
from gateway.systems.connector import Connector
from gateway.worker.batches import Batches
from gateway.worker.keeper import Keeper
from gateway.worker.road import stages
from gateway.worker.supervisor import collect_less

ROOT = Path(__file__).parents[2]
SLICE = 100  # documents of pure work at a time


@dataclass(slots=True)
class Watch:
    """CPU seconds of this process and wall seconds, and documents done in them."""

    cpu: float = 0.0
    wall: float = 0.0
    documents: int = 0
    _began: tuple[float, float] = field(default=(0.0, 0.0))

    def __sub__(self, other: Watch) -> Watch:
        return Watch(self.cpu - other.cpu, self.wall - other.wall)

    def __enter__(self) -> None:
        self._began = (time.process_time(), time.perf_counter())

    def __exit__(self, *_: object) -> None:
        self.cpu += time.process_time() - self._began[0]
        self.wall += time.perf_counter() - self._began[1]


def read_purely(book: Book, frames: Iterator[object], count: int) -> None:
    """Parse, validate, map and write out so many documents; nothing is stored."""
    chart = book.library.map(book.agreements["harbor-pine/orders"].map or "")
    guide, separators = Guide.load("004010", "850"), None
    for frame in frames:
        if isinstance(frame, InterchangeOpened):
            separators = frame.separators
        elif isinstance(frame, SetFramed) and separators is not None:
            checked = guide.check(frame.rows, separators, text=frame.text)
            chart.read(frame.rows, checked.positions, partner="harbor-pine").model_dump_json(exclude_none=True)
            count -= 1
            if not count:
                return


def measure(
    url: str, book: Book, files: Sequence[bytes], documents: int, said: Callable[[str], None]
) -> dict[str, float]:
    """The figures of one case: `files` with `documents` in all."""
    pure, both = Watch(), Watch()
    collect_less()  # as the worker process does
    slice_of_orders = orders.interchange(1, SLICE)
    read_purely(book, iter(Reader([slice_of_orders])), SLICE)

    def one_slice(*_: object) -> None:
        """The next one comes when the road has used twice its time."""
        before = pure.cpu
        with pure:
            read_purely(book, iter(Reader([slice_of_orders])), SLICE)
        pure.documents += SLICE
        signal.setitimer(signal.ITIMER_PROF, 2 * (pure.cpu - before))

    with Store.open(url, Keys.single(bytes(32))) as store:
        store.migrate()
        for start in range(0, len(files), 200):
            with store.begin() as tx:
                some = enumerate(files[start : start + 200], start)
                receive(tx, [Arrival("harbor-pine", "production", f"file {n}", content) for n, content in some])
        before = _done(store)
        batches = Batches(store, stages(house(store, book)), "benchmark", Keeper(store, every_s=60))
        server, going = cpu_of_server(store.url), True
        usual = signal.signal(signal.SIGPROF, one_slice)
        try:
            with both:
                one_slice()
                while going:
                    going = batches.step()
                    said(f"{pure.documents:,} purely while the road does {documents:,}")
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, usual)
        server = cpu_of_server(store.url) - server
        if (done := _done(store) - before) != documents:
            raise SystemExit(f"{done} of {documents} documents came to their end")
    rate, road = pure.documents / pure.cpu, both - pure
    return {
        "pure_per_cpu_second": rate,
        "per_cpu_second": documents / road.cpu,
        "per_second": documents / road.wall,
        "share_of_pure": documents / road.cpu / rate,
        "share_of_pure_wall": documents / road.wall / (pure.documents / pure.wall),
        "share_of_pure_with_server": documents / (road.cpu + server) / rate,
    }


def house(store: Store, book: Book) -> House:
    """A house whose systems are told nothing: deliveries are recorded, not sent."""

    def sender(name: str) -> Sends:
        raise KeyError(name)

    systems: Mapping[str, Connector] = {}
    return House(store, lambda: book, lambda: systems, sender)


def _done(store: Store) -> int:
    """Documents with their fact recorded and what is owed because of it stored."""
    with store.read() as view:
        return int(view.scalar(select(func.count()).where(schema.document.c.status == "done")) or 0)
