"""The road as partners meet it: `gateway run` with its processes, an 850 at a time over the partner API.

CPU time is that of all processes that serve (supervisor, web, worker, database server), not of the load generator, from
the first request until everything owed is recorded. What is owed to our systems and to the partner stays owed: nobody
answers there, and the breakers are open.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Iterator

from sqlalchemy import create_engine, make_url, text

from benchmarks.road import load, orders, processes
from gateway.cli.story.parties import free_port

DOOR = "/partner/v1/documents"
CONNECTIONS = 16
WARM = 200  # requests before the measurement
SETTLING_S = 3  # until first failures to send have been put off
FIRST = itertools.count(1, 1_000_000)  # order numbers, a range a measurement


def bodies(count: int) -> Iterator[bytes]:
    """So many interchanges nobody has seen before."""
    first = next(FIRST)
    return (orders.interchange(number) for number in range(first, first + count))


def throughput(database: Callable[[str], str], count: int, said: Callable[[str], None]) -> dict[str, float]:
    """Documents per CPU second of all processes and p99 of the answer: ours, and the baseline's beside it."""
    said("baseline")
    with processes.baseline(database("baseline")) as peer:
        theirs = _driven(peer, "/orders", count, lambda: True)
    said("baseline with a pool of one")
    with processes.baseline(database("baseline_one"), BASELINE_POOL="1") as peer:
        alone = _driven(peer, "/orders", count // 2, lambda: True)
    said("gateway")
    with processes.gateway(database("gateway")) as ours:
        mine = _driven(ours, DOOR, count, _drained(ours.database))
    return {
        "per_cpu_second": mine["per_cpu_second"],
        "baseline_per_cpu_second": theirs["per_cpu_second"],
        "ratio": mine["per_cpu_second"] / theirs["per_cpu_second"],
        "p50_ms": mine["p50_ms"],
        "p99_ms": mine["p99_ms"],
        "baseline_p99_ms": theirs["p99_ms"],
        "baseline_p99_pool_of_one_ms": alone["p99_ms"],
    }


def _driven(tree: processes.Tree, path: str, count: int, drained: Callable[[], bool]) -> dict[str, float]:
    load.post(tree.address, path, bodies(WARM), connections=CONNECTIONS, key=tree.key)
    _wait(drained)
    before = tree.cpu()
    answers = load.post(tree.address, path, bodies(count), connections=CONNECTIONS, key=tree.key)
    _wait(drained)
    cpu = tree.cpu() - before
    if answers.statuses != {202: count}:
        raise SystemExit(f"{path} answered {answers.statuses}")
    return {"per_cpu_second": count / cpu, "p50_ms": answers.quantile(0.5), "p99_ms": answers.quantile(0.99)}


def _drained(url: str) -> Callable[[], bool]:
    """Whether every document has come to its end: nothing is left to do but to send."""
    engine = create_engine(make_url(url).set(drivername="sqlite" if url.startswith("sqlite") else "postgresql+psycopg"))
    waiting = text(
        "SELECT (SELECT count(*) FROM transmission WHERE stage IS NOT NULL)"
        " + (SELECT count(*) FROM document WHERE stage IS NOT NULL)"
    )

    def nothing_waits() -> bool:
        with engine.connect() as connection:
            return bool(connection.scalar(waiting) == 0)

    return nothing_waits


def _wait(until: Callable[[], bool]) -> None:
    while not until():
        time.sleep(0.1)


def latency(database: Callable[[str], str], count: int, said: Callable[[str], None]) -> dict[str, float]:
    """Milliseconds from the first byte at our door to the first byte of the 997 at the partner's, one at a time."""
    with _Partner() as partner, processes.gateway(database("latency"), HARBOR_PINE_URL=partner.url) as ours:
        load.post(ours.address, DOOR, bodies(5), connections=1, key=ours.key)
        partner.wait_for(5)
        seconds = []
        for n in range(count):
            said(f"{n} of {count}")
            before = len(partner.arrivals)
            began = time.perf_counter()
            load.post(ours.address, DOOR, bodies(1), connections=1, key=ours.key)
            partner.wait_for(before + 1)
            seconds.append(partner.arrivals[before] - began)
            time.sleep(0.05)
    return {"p50_ms": load.quantile(seconds, 0.5) * 1000, "p99_ms": load.quantile(seconds, 0.99) * 1000}


class _Partner:
    """The partner's own endpoint: notes when something arrives."""

    def __init__(self) -> None:
        self.arrivals: list[float] = []
        self._port = free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.url = f"http://127.0.0.1:{self._port}/"

    def __enter__(self) -> _Partner:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + 30
        while len(self.arrivals) < count:
            if time.monotonic() > deadline:
                raise SystemExit("no acknowledgement came in 30 s")
            time.sleep(0.001)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._connected, "127.0.0.1", self._port))
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.arrivals.append(time.perf_counter())
                await reader.readexactly(load.length(head))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except asyncio.IncompleteReadError:
            writer.close()


def idle(database: Callable[[str], str], seconds: int, said: Callable[[str], None]) -> dict[str, float]:
    """CPU of all processes while nothing comes, as a share of one core: what waiting costs."""
    with processes.gateway(database("idle")) as ours:
        load.post(ours.address, DOOR, bodies(5), connections=1, key=ours.key)
        _wait(_drained(ours.database))
        time.sleep(SETTLING_S)
        before, began = ours.cpu(), time.perf_counter()
        said(f"{seconds} s of nothing")
        time.sleep(seconds)
        return {"share_of_a_core": (ours.cpu() - before) / (time.perf_counter() - began)}


def memory(database: Callable[[str], str], megabytes: int, said: Callable[[str], None]) -> dict[str, float]:
    """Megabytes by which each process grows at most while an interchange of this size takes the whole road."""
    one = len(orders.interchange(1, 2)) - len(orders.interchange(1, 1))
    with processes.gateway(database("memory")) as ours:
        load.post(ours.address, DOOR, bodies(WARM), connections=4, key=ours.key)
        drained = _drained(ours.database)
        _wait(drained)
        before = ours.resident()
        names = {member.pid: _part(member.cmdline()) for member in ours.members()}
        most = dict(before)
        sent = threading.Event()
        count = megabytes * 1_000_000 // one
        content = orders.interchange(next(FIRST), count)

        def send() -> None:
            load.post(ours.address, DOOR, iter([content]), connections=1, key=ours.key)
            sent.set()

        threading.Thread(target=send, daemon=True).start()
        while not (sent.is_set() and drained()):
            for pid, size in ours.resident().items():
                most[pid] = max(most.get(pid, 0), size)
            said(", ".join(f"{names.get(pid, '')} {size // 1_000_000} MB" for pid, size in sorted(most.items())))
            time.sleep(0.1)
    grown = {names[pid]: (most[pid] - size) / 1_000_000 for pid, size in before.items()}
    return {"megabytes": megabytes, "documents": count, **grown}


def _part(command: list[str]) -> str:
    return command[-1] if command[-1] in ("web", "worker") else "supervisor"
