"""How fast maps are, against validating the same text, and who notices a broken line of a map.

    python -m benchmarks.maps [--json] [--mutants N]

Speed: CPU time of one core, best of several rounds that take turns (garbage collection off, as timeit does), as a
ratio to splitting and validating the same text with its guide. Reading starts from rows and positions, so it comes on
top of validating; writing ends with text. The documents are those of benchmarks/gen_x12.py. Peers in the same run:
json.dumps and model_dump_json of the same model.

Mutation: lines of every map in maps/ and of what they share are broken one at a time (another element or place,
qualifier, constant or code, two fields exchanged, a line deleted, a format dropped), and each judge of
gateway/mapping/judge.py is asked, as `gateway test` asks them.
"""

from __future__ import annotations

import argparse
import gc
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gateway.formats.x12.guide import packaged
from gateway.mapping import Library, Map, MapError, MapFaults
from gateway.mapping.draw import Dice
from gateway.mapping.generate import document
from gateway.mapping.judge import Case, approved, lint, read_usual, trip

ROOT = Path(__file__).parents[1]
FILES = {path.name: path.read_text() for path in sorted((ROOT / "maps").glob("*.yaml"))}
MAPS = Library(FILES).names()
ROUNDS = 9
LEAF = re.compile(r"^(\s+)([A-Z][A-Z0-9]{1,2}(?:\[[^\]]*\])?)(\d\d)(\+?\d*: )(.*)$")  # X12
PLACE = re.compile(r"^(\s+)([^\s#][^#]*?)(: )(?!\{)(.+)$")  # a column, a path of elements


# -- speed -------------------------------------------------------------------
def best(work: dict[str, Callable[[], None]], per: int) -> dict[str, float]:
    """Microseconds a document of each piece of work, best of rounds that take turns."""
    found: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, run in work.items():
            gc.collect()
            gc.disable()
            start = time.process_time()
            run()
            spent = (time.process_time() - start) / per * 1e6
            gc.enable()
            found[name] = min(found.get(name, spent), spent)
    return found


def generated(set_id: str, lines: int, sets: int) -> list[list[list[str]]]:
    """The sets of a generated file, as rows."""
    command = [sys.executable, "-m", "benchmarks.gen_x12", set_id, "--orders", str(sets), "--lines", str(lines)]
    data = subprocess.run(command, capture_output=True, check=True, cwd=ROOT).stdout.decode()
    rows = [segment.strip().split("*") for segment in data.split("~")]
    out: list[list[list[str]]] = []
    for row in rows:
        if row[0] == "ST":
            out.append([])
        if out and (row[0] not in ("GE", "IEA")):
            out[-1].append(row)
    return [[row for row in rows if row != [""]] for rows in out]


def speed(set_id: str, name: str, lines: int, sets: int) -> dict[str, float]:
    """What reading and writing cost, in units of validating."""
    chart = Library(FILES).map(name)
    assert chart.guide is not None
    guide = chart.guide
    rows = generated(set_id, lines, sets)
    texts = ["~".join("*".join(row) for row in each) for each in rows]
    placed = [(each, guide.check(each).positions) for each in rows]
    documents = [chart.read(*each) for each in placed]

    def validate() -> None:
        for text in texts:
            guide.check([segment.split("*") for segment in text.split("~")], text=text)

    def read() -> None:
        for each in placed:
            chart.read(*each)

    def write() -> None:
        for each in documents:
            "~".join(["*".join(row) for row in chart.write(each)])

    def dump_rust() -> None:
        for each in documents:
            each.model_dump_json()

    def dump_python() -> None:
        for each in documents:
            json.dumps(each.model_dump(mode="json"))

    work = {"validate": validate, "read": read, "write": write, "rust": dump_rust, "python": dump_python}
    took = best(work, len(rows))
    floor = took.pop("validate")
    return {
        "segments a document": len(rows[0]),
        "split and validate, us": floor,
        "read / validate": took["read"] / floor,
        "write / validate": took["write"] / floor,
        "json.dumps(model_dump) / validate": took["python"] / floor,
        "model_dump_json / validate": took["rust"] / floor,
        "map ready, ms": ready(name),
    }


def ready(name: str) -> float:
    """Milliseconds from texts to a map, with a new guide and nothing kept from before."""
    times = []
    for n in range(3):
        packaged.cache_clear()
        files = {file: f"# {n}\n{text}" for file, text in FILES.items()}
        start = time.process_time()
        Library(files).map(name)
        times.append((time.process_time() - start) * 1e3)
    return min(times)


# -- mutation ----------------------------------------------------------------
Mutant = tuple[str, dict[int, str | None], str]  # file, line number -> new text or None, what was done


def mutants(name: str, dice: Dice) -> Iterator[Mutant]:
    """Every way we break one map and what it uses."""
    x12 = Library(FILES).map(name).format == "x12"
    shared = [file for file in Library(FILES).map(name).files if file != f"{name}.yaml"]
    for file in (f"{name}.yaml", *shared):
        text = FILES[file].splitlines()
        sections = list(_sections(text))
        form = LEAF if x12 else PLACE
        leaves = [n for n, line in enumerate(text) if sections[n] in ("lines", "parts") and form.match(line)]
        for n, line in enumerate(text):
            if line.startswith(" ") and sections[n] in ("lines", "parts", "codes") and not line.strip().startswith("#"):
                yield from (_broken if x12 else _misplaced)(file, text, n, leaves, sections[n], dice)


def _sections(text: Sequence[str]) -> Iterator[str]:
    section = ""
    for line in text:
        if line and not line.startswith((" ", "#")):
            section = line.split(":")[0]
        yield section


def _misplaced(file: str, text: list[str], n: int, leaves: Sequence[int], section: str, dice: Dice) -> Iterator[Mutant]:
    """A line of a map of columns or elements."""
    line = text[n]
    if section == "codes":
        yield from _codes(file, line, n, dice)
    leaf = PLACE.match(line) if section != "codes" else None
    if leaf is None or leaf[2] in ("use", "->"):
        return
    head, key, colon, value = leaf.groups()
    yield file, {n: None}, "line deleted"
    yield file, {n: f"{head}{key}X{colon}{value}"}, "other element"
    other = PLACE.match(text[dice.pick([k for k in leaves if k != n])])
    assert other is not None
    where = next(k for k in leaves if text[k] == other[0])
    if other[4].split(" |")[0] != value.split(" |")[0]:
        swap = {n: f"{head}{key}{colon}{other[4]}", where: f"{other[1]}{other[2]}{other[3]}{value}"}
        yield file, swap, "fields exchanged"
    if " | " in value:
        yield file, {n: line.split(" | ")[0]}, "format dropped"
    if value.startswith("= "):
        yield file, {n: f"{head}{key}{colon}= {dice.pick(['Q9', 'Q8'])}"}, "other constant"


def _broken(file: str, text: list[str], n: int, leaves: Sequence[int], section: str, dice: Dice) -> Iterator[Mutant]:
    line = text[n]
    if leaf := LEAF.match(line):
        head, key, element, colon, value = leaf.groups()
        yield file, {n: None}, "line deleted"
        moved = int(element) + dice.pick([1, 1, 2, 3])
        yield file, {n: f"{head}{key}{moved:02d}{colon}{value}"}, "other element"
        other = dice.pick([k for k in leaves if k != n])
        match = LEAF.match(text[other])
        assert match is not None
        if match[5].split(" |")[0] != value.split(" |")[0]:
            swap = {n: f"{head}{key}{element}{colon}{match[5]}", other: "".join(match.groups()[:4]) + value}
            yield file, swap, "fields exchanged"
        if " | " in value:
            yield file, {n: line.split(" | ")[0]}, "format dropped"
        if value.startswith("= "):
            yield file, {n: f"{head}{key}{element}{colon}= {dice.pick(['Q9', 'count N1', 'number'])}"}, "other constant"
    if qualifier := re.search(r"\[(0[13])=(\w+)\]", line):
        for other_code in (
            dice.pick(["ZX", "BY", "ST", "002", "I", "P"]),
            dice.pick(["VN", "SE", "011", "067", "P", "CO"]),
        ):
            if other_code != qualifier[2]:
                yield file, {n: line.replace(qualifier[0], f"[{qualifier[1]}={other_code}]")}, "other qualifier"
        yield file, {n: line.replace(qualifier[0], "", 1)}, "qualifier dropped"
    if section == "codes":
        yield from _codes(file, line, n, dice)


def _codes(file: str, line: str, n: int, dice: Dice) -> Iterator[Mutant]:
    """The rows of a code table that stand in a line."""
    pairs = re.findall(r"([\w\"/-]+): (\"?\w+\"?)(?=[,} ]|$)", line)
    for word, code in pairs[:3]:
        yield file, {n: line.replace(f"{word}: {code}", f"{word}: Q{dice.pick('XYZ')}", 1)}, "other code"
    if len(pairs) > 1:
        (a, x), (b, y) = pairs[0], pairs[1]
        exchanged = line.replace(f"{a}: {x}", f"{a}: {y}", 1).replace(f"{b}: {y}", f"{b}: {x}", 1)
        yield file, {n: exchanged}, "codes exchanged"
        yield file, {n: line.replace(f"{b}: {y}", f"{b}: {x}", 1)}, "code twice"


def judges(
    base: Map, files: dict[str, str], usual: dict[str, frozenset[str]], cases: Sequence[Case]
) -> set[str] | None:
    """Which judges notice; None if the map says the same as before."""
    try:
        chart = Library(files).map(base.name)
    except MapFaults:
        return {"load checks"}
    if chart.revision == base.revision:
        return None
    seen = set()
    if lint(chart, usual):
        seen.add("lint")
    if any(list(approved(chart, case, set())) for case in cases):
        seen.add("approved cases")
    for seed in range(25):
        try:
            said = trip(chart, document(chart, Dice(seed), rich=10 if seed == 0 else 5))
        except (ValueError, MapError) as error:
            said = str(error)
        if said is not None:
            seen.add("the guide on what is written" if "the guide refuses" in said else "round trips")
    return seen


def cases_of(name: str) -> list[Case]:
    folders = sorted((ROOT / "sample_docs" / "maps" / name).iterdir())
    return [Case(f.name, next(f.glob("document.*")).read_bytes(), (f / "canonical.json").read_text()) for f in folders]


def mutation(per_map: int) -> tuple[dict[str, float], list[str]]:
    """The share of broken lines each judge notices, and the lines nobody noticed."""
    usual = read_usual(FILES["usual.yaml"])
    count: Counter[str] = Counter()
    unnoticed: list[str] = []
    for name in MAPS:
        base, cases, dice = Library(FILES).map(name), cases_of(name), Dice(7)
        every = list(mutants(name, dice))
        while len(every) > per_map:
            every.pop(dice.number(0, len(every) - 1))
        for file, edits, kind in every:
            lines = [edits.get(n, line) for n, line in enumerate(FILES[file].splitlines())]
            text = "\n".join(line for line in lines if line is not None) + "\n"
            seen = judges(base, FILES | {file: text}, usual, cases)
            if seen is None:
                continue
            count["all"] += 1
            count.update(seen)
            count["caught"] += bool(seen)
            proof = {"load checks", "round trips", "the guide on what is written"}
            count["load, round trips, guide"] += bool(seen & proof)
            count["load, round trips, guide, cases"] += bool(seen & {*proof, "approved cases"})
            if not seen:
                unnoticed.append(f"{name}: {kind} in {file}: {list(edits.values())}")
    shares = {what: count[what] / count["all"] for what in _SHOWN}
    return {"broken lines": float(count["all"]), **shares}, unnoticed


_SHOWN = (
    "load checks",
    "lint",
    "approved cases",
    "round trips",
    "the guide on what is written",
    "load, round trips, guide",
    "load, round trips, guide, cases",
    "caught",
)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--mutants", type=int, default=100, help="broken lines a map; 0: speed only")
    options = parser.parse_args()
    speeds = {
        "850, 10 lines": speed("850", "x12-850-order", 10, 60),
        "856, 50 items": speed("856", "x12-856-shipment", 50, 20),
    }
    shares, unnoticed = mutation(options.mutants) if options.mutants else ({}, [])
    if options.json:
        figures: dict[str, Any] = {"speed": speeds, "mutation": shares, "unnoticed": unnoticed}
        print(json.dumps(figures, indent=2))
        return
    first, second = speeds.values()
    print("| | " + " | ".join(speeds) + " |\n|---|---|---|")
    for label, figure in first.items():
        print(f"| {label} | {figure:.2f} | {second[label]:.2f} |")
    if shares:
        print(f"\n| judge | of {shares['broken lines']:.0f} broken lines |\n|---|---|")
        for what in _SHOWN:
            print(f"| {what} | {shares[what]:.1%} |")
        for line in unnoticed:
            print(f"\nnot noticed: {line}")


if __name__ == "__main__":
    main()
