"""X12: how far from splitting the text? One table, all figures of one run, CPU time.

    python -m benchmarks.x12 [--json] [--megabytes 5] [--long 50]

The floor (a) is `[segment.split("*") for segment in text.split("~")]` over the whole file. Ours reads bytes, frames,
splits, validates with the packaged guides and yields rows with loop positions. pyx12 runs on a cut of the same files,
with maps made from the same guides, and is compared byte for byte. The garbage collector is off while the clock runs: a
list of all rows would make it work for (a) alone.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyx12.params
import pyx12.x12file
import pyx12.x12n_document

from benchmarks import gen_x12
from gateway.formats.x12.frames import GroupOpened, InterchangeOpened, SetFramed
from gateway.formats.x12.framing import Reader
from gateway.formats.x12.guide import Guide, packaged
from gateway.formats.x12.oracle import map_files
from gateway.formats.x12.separators import DEFAULT
from gateway.formats.x12.tolerance import STANDARD

WINDOW = 1 << 20
PYX12_BYTES = 250_000  # it takes about a second for 100 KB
ROUNDS = 3

Figures = dict[str, dict[str, float]]


def make(path: Path, set_id: str, size: int) -> None:
    """A file of interchanges of 200 sets."""
    arguments = gen_x12.parse_args([set_id, "--orders", "200", "--lines", "12", "--target-bytes", str(size)])
    with path.open("w", encoding="ascii", newline="") as file:
        file.writelines(gen_x12.interchanges(arguments, []))


def cut(text: str, size: int) -> str:
    """One interchange of about that many bytes."""
    head, _, rest = text.partition("~ST*")
    body = "~ST*" + rest[: rest.index("~SE*", size)]
    sets = body.count("~ST*")
    trailer = rest[rest.index("~SE*", size) :].split("~", 2)[1]
    number = head.split("*")[13]
    return f"{head}{body}~{trailer}~GE*{sets}*{int(number)}~IEA*1*{number}~"


def seconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The best of some rounds, in CPU time."""
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        gc.disable()
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
        gc.enable()
    return best


def windows(path: Path) -> Iterator[bytes]:
    """A file, a window at a time."""
    with path.open("rb") as file:
        while data := file.read(WINDOW):
            yield data


def split_streamed(path: Path) -> int:
    """The same split, one set at a time."""
    count = 0
    rest = ""
    for data in windows(path):
        text = rest + data.decode("latin-1")
        at = 0
        while (start := text.find("~ST*", at)) >= 0:
            trailer = text.find("~SE*", start)
            end = text.find("~", trailer + 1) if trailer >= 0 else -1
            if end < 0:
                break
            count += len([segment.split("*") for segment in text[start + 1 : end].split("~")])
            at = end
        rest = text[at:]
    return count


def frame(path: Path) -> int:
    """Our reader alone."""
    return sum(isinstance(found, SetFramed) for found in Reader(windows(path)))


def validate(path: Path) -> tuple[int, int]:
    """Our reader and the guides: rows, positions, findings."""
    guide: Guide | None = None
    separators = DEFAULT
    version = ""
    sets = faulty = 0
    for found in Reader(windows(path)):
        if isinstance(found, SetFramed):
            if guide is None or guide.set_id != found.set_id:
                guide, _ = packaged().nearest(version, found.set_id)
                if guide is None:
                    raise SystemExit(f"there is no guide for {found.set_id}")
            checked = guide.check(found.rows, separators, STANDARD, found.text)
            sets += 1
            faulty += bool(checked.findings or found.findings)
        elif isinstance(found, InterchangeOpened):
            separators = found.separators
        elif isinstance(found, GroupOpened):
            version = found.gs[8]
    return sets, faulty


def explain(path: Path, set_id: str, *, fast: bool) -> int:
    """The same sets on the explaining path, or on the fast one, without the reading."""
    guide = packaged().load("004010", set_id)
    checker = guide.checker(">", None, guarded=False)
    count = 0
    for found in Reader(windows(path)):
        if isinstance(found, SetFramed):
            if fast:
                guide.check(found.rows, DEFAULT, STANDARD, found.text)
            else:
                checker.explain(found.rows, STANDARD)
            count += 1
    return count


def pyx12_read(text: str) -> int:
    """pyx12's reader, without validation."""
    return sum(1 for _ in pyx12.x12file.X12Reader(io.StringIO(text)))


def pyx12_validate(text: str, folder: Path) -> bool:
    """pyx12's validation with maps of our guides."""
    valid: bool = pyx12.x12n_document.x12n_document(
        pyx12.params.params(), io.StringIO(text), None, None, map_path=str(folder)
    )
    return valid


GROWTH = """
import sys
from pathlib import Path
from benchmarks.x12 import validate

def highest():  # ru_maxrss would be inherited from the parent
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])

validate(Path(sys.argv[1]))
before = highest()
sets, faulty = validate(Path(sys.argv[2]))
print((highest() - before) / 1024, faulty)
"""

READY = """
import time
from gateway.formats.x12.guide import Guide
started = time.process_time()
Guide.load("004010", "{set_id}").checker(">", None, guarded=False)
print((time.process_time() - started) * 1000)
"""


def run(code: str, *arguments: str) -> list[float]:
    """Figures of a fresh process."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def inspected(path: Path) -> float:
    """CPU seconds of `gateway inspect --json`, the whole process."""

    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent()
    subprocess.run(
        [sys.executable, "-m", "gateway", "inspect", "--json", str(path)], stdout=subprocess.DEVNULL, check=True
    )
    return spent() - before


def measure(folder: Path, set_id: str, megabytes: int, long: int) -> dict[str, float]:
    """All figures of one set: ratios to (a), and what is not a ratio under its own name."""
    path, small, big = (folder / f"{set_id}-{name}.x12" for name in ("file", "small", "big"))
    make(path, set_id, megabytes * 1_000_000)
    make(small, set_id, 300_000)
    make(big, set_id, long * 1_000_000)
    text = path.read_text("ascii")
    size = len(text)
    floor = seconds(lambda: [segment.split("*") for segment in text.split("~")]) / size
    figures = {"split, whole file (a)": 1.0, "MB/s of (a)": 1 / floor / 1e6}
    figures["split, streamed a set at a time"] = seconds(lambda: split_streamed(path)) / size / floor
    figures["ours: frames and rows"] = seconds(lambda: frame(path)) / size / floor
    ours = seconds(lambda: validate(path)) / size
    figures["ours: validate, rows, positions"] = ours / floor
    reading = seconds(lambda: frame(path))
    slow, fast = (seconds(lambda way=way: explain(path, set_id, fast=way)) - reading for way in (False, True))  # type: ignore[misc]
    figures["explain / fast"] = slow / fast
    twenty = folder / f"{set_id}-twenty.x12"
    make(twenty, set_id, 20_000_000)
    figures["gateway inspect --json of 20 MB, the whole process"] = inspected(twenty) / twenty.stat().st_size / floor
    maps = folder / f"maps-{set_id}"
    maps.mkdir()
    for name, xml in map_files([packaged().load("004010", set_id)]).items():
        (maps / name).write_text(xml, encoding="utf-8")
    little = cut(text, PYX12_BYTES)
    if not pyx12_validate(little, maps):
        raise SystemExit("pyx12 refuses a valid document")
    figures["pyx12: X12Reader, no validation"] = seconds(lambda: pyx12_read(little), 1) / len(little) / floor
    theirs = seconds(lambda: pyx12_validate(little, maps), 1) / len(little)
    figures["pyx12: validate, our guides as maps"] = theirs / floor
    figures["times faster than pyx12 validate"] = theirs / ours
    growth, faulty = run(GROWTH, str(small), str(big))
    if faulty:
        raise SystemExit("we find faults in a valid document")
    figures[f"MB more memory for a {long} MB file"] = growth
    (ready,) = run(READY.format(set_id=set_id))
    figures["ms until the guide is ready"] = ready
    kilobyte = folder / f"{set_id}-tiny.x12"
    kilobyte.write_text(cut(text, 1), encoding="ascii")
    repeats = 300
    tiny = seconds(lambda: [validate(kilobyte) for _ in range(repeats)]) / kilobyte.stat().st_size / repeats
    figures[f"cost a byte of a {kilobyte.stat().st_size / 1000:.0f} KB file / of this file"] = tiny / ours
    figures[f"cost a byte of a {long} MB file / of this file"] = (
        seconds(lambda: validate(big), 1) / big.stat().st_size / ours
    )
    return figures


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--megabytes", type=int, default=5, help="size of the compared files")
    parser.add_argument("--long", type=int, default=50, help="size of the file for memory and linearity")
    options = parser.parse_args()
    logging.getLogger("pyx12").setLevel(logging.CRITICAL)
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as name:
        for set_id in ("850", "856"):
            figures[set_id] = measure(Path(name), set_id, options.megabytes, options.long)
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    print("| CPU time / (a) unless named otherwise | 850 | 856 |")
    print("|---|---|---|")
    columns = [list(found.items()) for found in figures.values()]
    for (label, first), (_, second) in zip(*columns, strict=True):
        print(f"| {label} | {first:.2f} | {second:.2f} |")


if __name__ == "__main__":
    main()
