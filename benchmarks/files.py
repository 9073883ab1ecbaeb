"""How fast files without an envelope take the road, and how much memory a large one needs.

    python -m benchmarks.files [--json] [--mb N]

A file of N megabytes (50) of CSV, fixed width, XML and JSON each: `read` is what its map does (cut into documents while
it streams, each made canonical), as a share of splitting the same bytes with csv, lxml's iterparse or json alone in the
same run; `road` is the whole way from stored bytes to canonical documents and facts stored, on SQLite with
synchronous=FULL, one worker, in documents per CPU second; RSS is what the road's process grew by over a small file.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from gateway.canonical import Document
from gateway.mapping import Library, Map
from gateway.mapping.draw import Dice
from gateway.mapping.generate import document

ROOT = Path(__file__).parents[1]
TEXTS = {path.name: path.read_text() for path in sorted((ROOT / "maps").glob("*.yaml"))}
TEXTS["json-warehouse-order.yaml"] = TEXTS["json-warehouse-order.yaml"].replace(
    "\nlines:", "\nsplit: orders\nlines:", 1
)
TEXTS["xml-ubl-order.yaml"] = (
    TEXTS["xml-ubl-order.yaml"]
    .replace("  root: Order\n", "  root: Orders\n")
    .replace("\ngiven:", "\nsplit: Order\ngiven:")
)
MAPS = {"csv": "csv-order", "fixed": "fixed-invoice", "xml": "xml-ubl-order", "json": "json-warehouse-order"}
LIBRARY = Library(TEXTS)


def write_file(chart: Map, path: Path, size: int) -> int:
    """A file of about `size` bytes; returns how many documents it holds."""
    made: list[Document] = []
    for seed in range(400):
        one = document(chart, Dice(seed), rich=6)
        made.append(one)
    sample = len(chart.write_text(made[:50])) / 50
    wanted = max(int(size / sample), 1)
    numbered = []
    field = {"order": "order_number", "invoice": "invoice_number", "warehouse-order": "depositor_order_number"}[
        made[0].kind
    ]
    for n in range(wanted):
        numbered.append(made[n % len(made)].model_copy(update={field: f"N{n:08d}"}))
    path.write_bytes(chart.write_text(numbered))
    return wanted


def chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(1_000_000):
            yield chunk


def seconds(run: Callable[[], object]) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


def peer(format_: str, path: Path) -> float:
    """CPU seconds of splitting alone."""
    data = path.read_bytes()
    if format_ == "csv":
        return seconds(lambda: sum(1 for _ in csv.reader(io.StringIO(data.decode("cp1252")), delimiter=";")))
    if format_ == "fixed":
        return seconds(lambda: [line[:2] for line in data.decode("latin-1").split("\n")])
    if format_ == "json":
        return seconds(lambda: json.loads(data))
    return seconds(lambda: sum(element.clear() is None for _, element in etree.iterparse(io.BytesIO(data))))


def read(chart: Map, path: Path) -> None:
    for part in chart.parts(chunks(path)):
        chart.read_part(part)


def highest() -> int:
    """Kilobytes; ru_maxrss would be inherited from the parent."""
    return int(next(line for line in Path("/proc/self/status").open() if line.startswith("VmHWM")).split()[1])


PROFILE = """name: Bench
ids: {{}}
agreements:
  files: {{our: northwind, lane: production, connection: bench, receive: {format}/x, files: "*", map: {map},
    acknowledge: {{with: none}}, destinations: []}}
"""


def road(format_: str, small: Path, large: Path) -> dict[str, Any]:
    """Both files through unwrap and what follows, in this process."""
    from gateway.partners.book import Book
    from gateway.partners.book import texts as book_texts
    from gateway.pipeline.house import House
    from gateway.pipeline.receive import Arrival, receive
    from gateway.store.crypto import Keys
    from gateway.store.engine import Store
    from gateway.store.migrations import upgrade
    from gateway.worker.batches import Batches
    from gateway.worker.keeper import Keeper
    from gateway.worker.road import stages

    files = book_texts(ROOT / "partners", ROOT / "maps") | {f"maps/{name}": text for name, text in TEXTS.items()}
    files["partners/bench/connections.yaml"] = "bench: {kind: directory, lane: production, inbox: in}\n"
    files["partners/bench/partner.yaml"] = PROFILE.format(format=format_, map=MAPS[format_])
    book = Book.from_files(files)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/road.db"
        keys = Keys.single(bytes(range(32)))
        with Store.open(url, keys) as store:
            upgrade(store)
            house = House(store, lambda: book, dict, lambda name: None)  # type: ignore[arg-type,return-value]
            batches = Batches(store, stages(house), "bench", Keeper(store, every_s=60))

            def run(path: Path) -> float:
                with store.begin() as tx:
                    receive(tx, [Arrival("bench", "production", path.name, chunks(path), path.name)])

                def work() -> None:
                    while batches.step():
                        pass

                return seconds(work)

            run(small)
            before = highest()
            spent = run(large)
            growth = (highest() - before) / 1024
    return {"cpu_s": spent, "growth_mb": growth}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--mb", type=int, default=50)
    parser.add_argument("--only", choices=MAPS, help="One format.")
    parser.add_argument("--road", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.road:
        format_, small, large = arguments.road
        print(json.dumps(road(format_, Path(small), Path(large))))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for format_, name in MAPS.items():
            if arguments.only not in (None, format_):
                continue
            chart, small, large = LIBRARY.map(name), Path(folder, f"s.{format_}"), Path(folder, f"l.{format_}")
            write_file(chart, small, 200_000)
            count = write_file(chart, large, arguments.mb * 1_000_000)
            own, alone = seconds(lambda chart=chart, large=large: read(chart, large)), peer(format_, large)
            command = [sys.executable, "-m", "benchmarks.files", "--road", format_, str(small), str(large)]
            done = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT).stdout)
            rows.append(
                {
                    "format": format_,
                    "mb": round(large.stat().st_size / 1e6, 1),
                    "documents": count,
                    "read_per_cpu_s": round(count / own),
                    "read_to_split": round(own / alone, 1),
                    "road_per_cpu_s": round(count / done["cpu_s"]),
                    "road_to_read": round(done["cpu_s"] / own, 1),
                    "rss_growth_mb": round(done["growth_mb"]),
                }
            )
            large.unlink()
    if arguments.json:
        print(json.dumps(rows))
        return
    print("| format | MB | documents | read/CPU s | read x split | road/CPU s | road x read | RSS growth MB |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(str(value) for value in row.values()) + " |")


if __name__ == "__main__":
    main()
