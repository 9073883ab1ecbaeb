"""The road's speed: documents a second from stored bytes to canonical stored and delivery recorded.

Every figure stands beside what it is measured against in the same run: the pure rate of parsing, validating and mapping
the same documents without a database. CPU time of this process, so that a busy machine changes little.

    python -m benchmarks.road [--documents 10000] [--files 2000] [--database URL] [--json]
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

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

ROOT = Path(__file__).parent.parent
LINES = 10  # a document, as in the peers' measurements


def order(number: int) -> list[str]:
    """One 850 of ten lines, ST to SE."""
    body = [
        f"BEG*00*SA*HP-{number}**20261120",
        "REF*19*12",
        "DTM*037*20261201",
        "N1*BY*Harbor & Pine*92*001",
        "N1*ST*Harbor & Pine Store 14*92*014",
        "N3*14 Quay Street",
        "N4*Portland*ME*04101*US",
        *(f"PO1*{n}*24*EA*23.95**UP*{n:012d}*VN*THROW-{n}~PID*F****Wool throw {n}" for n in range(1, LINES + 1)),
        f"CTT*{LINES}",
    ]
    control = f"{number:09d}"
    segments = "~".join(body).count("~") + 3
    return [f"ST*850*{control}", *body, f"SE*{segments}*{control}"]


def interchange(first: int, count: int) -> bytes:
    """An interchange of this many orders, numbered from `first`."""
    isa = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'HARBORPINE':15}*ZZ*{'NORTHWIND':15}*261120*1305*U*00401*{first:09d}*0*P*>"
    gs = f"GS*PO*HARBORPINE*NORTHWIND*20261120*1305*{first}*X*004010"
    sets = (segment for number in range(first, first + count) for segment in order(number))
    return ("~".join([isa, gs, *sets, f"GE*{count}*{first}", f"IEA*1*{first:09d}"]) + "~").encode()


def timed(act: Callable[[], Any]) -> float:
    """CPU seconds of this process."""
    began = time.process_time()
    act()
    return time.process_time() - began


def pure(book: Book, content: bytes) -> int:
    """Parse, validate and map without a database; returns the number of documents."""
    chart, count = book.library.map(book.agreements["harbor-pine/orders"].map or ""), 0
    guide = Guide.load("004010", "850")
    separators = None
    for frame in Reader([content]):
        if isinstance(frame, InterchangeOpened):
            separators = frame.separators
        elif isinstance(frame, SetFramed) and separators is not None:
            checked = guide.check(frame.rows, separators, text=frame.text)
            chart.read(frame.rows, checked.positions, partner="harbor-pine").model_dump_json(exclude_none=True)
            count += 1
    return count


def house(store: Store, book: Book) -> House:
    """A house whose systems are told nothing: deliveries are recorded, not sent."""

    def sender(name: str) -> Sends:
        raise KeyError(name)

    systems: Mapping[str, Connector] = {}
    return House(store, lambda: book, lambda: systems, sender)


def whole_road(url: str, book: Book, files: list[bytes]) -> tuple[float, float, int]:
    """(CPU seconds, wall seconds, deliveries) from stored bytes to deliveries recorded."""
    with Store.open(url, Keys.single(bytes(32))) as store:
        store.migrate()
        for start in range(0, len(files), 200):
            with store.begin() as tx:
                arrivals = enumerate(files[start : start + 200], start)
                receive(tx, [Arrival("harbor-pine", "production", f"{n}", content) for n, content in arrivals])
        batches = Batches(store, stages(house(store, book)), "benchmark", Keeper(store, every_s=60))

        def work() -> None:
            while batches.step():
                pass

        wall = time.perf_counter()
        cpu = timed(work)
        wall = time.perf_counter() - wall
        with store.read() as view:
            done = view.scalar(select(func.count()).where(schema.document.c.status == "done"))
            return cpu, wall, int(done or 0)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=10_000, help="sets of the one large file")
    parser.add_argument("--files", type=int, default=2_000, help="files of one set each")
    parser.add_argument("--database", default="", help="a database URL; a new SQLite file without it")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    said = parser.parse_args()
    book = Book.load(ROOT / "partners", ROOT / "maps")
    one = interchange(1, said.documents)
    pure(book, interchange(1, 200))
    pure_rate = said.documents / timed(lambda: pure(book, one))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        cases = [
            (f"one file of {said.documents:,} sets", [one], said.documents),
            (f"{said.files:,} files of one set", [interchange(n, 1) for n in range(1, said.files + 1)], said.files),
        ]
        for name, files, count in cases:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            url = said.database or f"sqlite:///{folder}/{len(rows)}.db"
            cpu, wall, done = whole_road(url, book, files)
            if done != count:
                raise SystemExit(f"{name}: {done} of {count} documents came to their end")
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            rows.append(
                {
                    "case": name,
                    "per_cpu_second": round(count / cpu),
                    "per_second": round(count / wall),
                    "share_of_pure": round(count / cpu / pure_rate, 3),
                    "rss_growth_mb": round(grown),
                }
            )
    if said.json:
        print(json.dumps({"pure_per_cpu_second": round(pure_rate), "cases": rows}))
        return
    print(f"Pure parse + validate + map + JSON: {pure_rate:,.0f} documents per CPU second\n")
    print("| case | documents / CPU s | documents / s | share of pure | RSS growth |")
    print("|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['case']} | {row['per_cpu_second']:,} | {row['per_second']:,} |"
            f" {row['share_of_pure']:.0%} | {row['rss_growth_mb']} MB |"
        )


if __name__ == "__main__":
    main()
