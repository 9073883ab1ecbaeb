"""What holds for every map and every document, found out by drawing many.

* What we write, we read back equal, and the guide accepts it.
* Whatever a partner adds that no line names, nothing of it is lost, and reading what is written changes nothing.
* Whatever rows arrive, a map reads them or raises MapError.

Every run draws some; `make test-slow` draws the rest.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mapping.charts import LIBRARY, NAMES, PARTNER, X12

from gateway.formats.x12.frames import InterchangeOpened, SetFramed
from gateway.formats.x12.framing import Reader
from gateway.formats.x12.separators import NotX12
from gateway.mapping import Map, MapError
from gateway.mapping.draw import Dice
from gateway.mapping.generate import PARTNER as GENERATED
from gateway.mapping.generate import document
from gateway.mapping.judge import enclosed, first_difference, trip
from gateway.mapping.x12.rows import Row

T = TypeVar("T")
FEW, MANY = 10, int(os.environ.get("EXAMPLES", "25"))


def seeds(few: int, many: int) -> pytest.MarkDecorator:
    """The first few in every run, the others in the slow one."""
    others = pytest.param(range(few, many), marks=pytest.mark.slow, id="others")
    return pytest.mark.parametrize("seeds", [pytest.param(range(few), id="first"), others])


class Drawn:
    """The draws of a document, thrown by hypothesis, which shrinks what breaks."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.draw = draw

    def number(self, low: int, high: int) -> int:
        return int(self.draw(st.integers(low, high)))

    def pick(self, choices: Sequence[T]) -> T:
        found: T = self.draw(st.sampled_from(list(choices)))
        return found

    def text(self, alphabet: str, low: int, high: int) -> str:
        return str(self.draw(st.text(alphabet, min_size=low, max_size=high)))


@pytest.mark.parametrize("examples", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", NAMES)
def test_what_we_write_we_read_back_equal(name: str, examples: int) -> None:
    chart = LIBRARY.map(name)

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def law(data: st.DataObject) -> None:
        assert trip(chart, document(chart, Drawn(data.draw))) is None

    law()


def placed(chart: Map, rows: list[Row]) -> tuple[list[Row], list[int]]:
    assert chart.guide is not None
    return rows, chart.guide.check(rows).positions


def dirty(dice: Dice, rows: list[Row]) -> list[Row]:
    """A document with what partners add: further elements, further segments, segments nobody knows."""
    rows = [list(row) for row in rows]
    for _ in range(dice.number(1, 4)):
        k = dice.number(1, len(rows) - 2)
        match dice.number(0, 3):
            case 0 if rows[k][0] != "HL":
                rows[k] += [""] * dice.number(0, 2) + ["X9"]
            case 1 if rows[k][0] != "HL":
                rows.insert(k + 1, list(rows[k]))
            case 2:
                rows.insert(k + 1, ["ZZ9", "strange"])
            case 3:
                rows.insert(k + 1, ["REF", "Q9", f"stray{dice.number(0, 99)}"])
    return rows


def elements(rows: list[Row]) -> Counter[tuple[str, str]]:
    """Every value with its segment; what the writer works out by itself is not compared."""
    computed = {("HL", 1), ("HL", 2), ("CTT", 1), ("LX", 1)}
    return Counter(
        (row[0].strip(), value)
        for row in rows
        if row[0].strip() not in ("ST", "SE")
        for n, value in enumerate(row)
        if n and value and (row[0].strip(), n) not in computed
    )


def numbered(chart: Map) -> set[str]:
    """Segments whose lines this map numbers itself; LX and HL are so in every map."""
    return {"LIN"} if chart.name == "x12-846-inventory" else set()


@seeds(20, 60)
@pytest.mark.parametrize("name", X12)
def test_nothing_a_partner_adds_is_lost(name: str, seeds: range) -> None:
    chart = LIBRARY.map(name)
    refused = 0
    for seed in seeds:
        dice = Dice(seed)
        rows = dirty(dice, enclosed(chart, chart.write(document(chart, dice), partner=GENERATED)))
        try:
            read = chart.read_all(*placed(chart, rows), partner=PARTNER)
        except MapError:
            refused += 1
            continue
        again = enclosed(chart, chart.write_all(read, partner=PARTNER))
        twice = chart.read_all(*placed(chart, again), partner=PARTNER)
        assert twice == read, (seed, first_difference([x.model_dump() for x in read], [x.model_dump() for x in twice]))
        lost = [
            (segment, value) for segment, value in elements(rows) - elements(again) if segment not in numbered(chart)
        ]
        assert not lost, seed
    assert refused < len(seeds) / 2


def damaged(dice: Dice, rows: list[Row]) -> list[Row]:
    rows = [list(row) for row in rows]
    for _ in range(dice.number(1, 5)):
        k = dice.number(1, len(rows) - 1)
        row = rows[k]
        match dice.number(0, 6):
            case 0:
                rows[k] = row[: dice.number(1, len(row))]
            case 1 if len(row) > 1:
                row[dice.number(1, len(row) - 1)] = dice.pick(
                    ["", "X", "DP", "ST", "9", "S", "I", "P", "1e9", "٣", "NaN"]
                )
            case 2:
                rows.insert(k, list(dice.pick(rows[1:])))
            case 3:
                del rows[k]
            case 4:
                j = dice.number(1, len(rows) - 1)
                rows[k], rows[j] = rows[j], rows[k]
            case 5:
                row += ["extra"] * dice.number(1, 40)
            case _:
                row[0] = dice.pick(["", "N1", "ZZZ", "SE", "HL"])
        if len(rows) < 3:
            break
    return rows


@seeds(50, 150)
@pytest.mark.parametrize("name", X12)
def test_damaged_rows_are_read_or_refused_with_a_reason(name: str, seeds: range) -> None:
    chart = LIBRARY.map(name)
    outcomes: Counter[str] = Counter()
    for seed in seeds:
        dice = Dice(seed)
        rows = damaged(dice, enclosed(chart, chart.write(document(chart, dice), partner=GENERATED)))
        try:
            for x in chart.read_all(*placed(chart, rows), partner=PARTNER):
                chart.write(x, partner=PARTNER)
            outcomes["read"] += 1
        except MapError as error:
            outcomes["refused"] += len(error.problems) > 0
    assert outcomes["read"]
    assert outcomes["refused"]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in X12])
def test_damaged_files_are_read_or_refused_with_a_reason(name: str) -> None:
    chart = LIBRARY.map(name)
    for seed in range(150):
        dice = Dice(seed)
        data = bytearray(chart.write_text(document(chart, dice), partner=GENERATED))
        for _ in range(dice.number(1, 6)):
            k = dice.number(0, len(data) - 1)
            match dice.number(0, 3):
                case 0:
                    data[k] = dice.number(0, 255)
                case 1:
                    del data[k : k + dice.number(1, 30)]
                case 2:
                    data[k:k] = data[: dice.number(0, 40)]
                case _:
                    data[k:k] = dice.pick([b'"', b";", b"<", b"&", b"]]>", b"\x00", b"\r", b"<!DOCTYPE a>"])
            if not data:
                break
        try:
            for x in chart.read_text(bytes(data), partner=PARTNER):
                chart.write_text(x, partner=PARTNER)
        except MapError:
            continue  # refused with a reason, never half read


def corpus(set_id: str) -> Iterator[tuple[str, list[Row], list[int], tuple[str, str], Map]]:
    """The real documents of a set, each placed by the guide of our map for it."""
    chart = next(LIBRARY.map(name) for name in X12 if LIBRARY.map(name).document == f"x12/004010/{set_id}")
    assert chart.guide is not None
    for path in sorted(Path(os.environ["GATEWAY_CORPUS"], set_id).iterdir()):
        inner = (":", "^")
        try:
            for frame in Reader([path.read_bytes()]):
                if isinstance(frame, InterchangeOpened):
                    inner = (frame.separators.component or ":", frame.separators.repetition or "^")
                elif isinstance(frame, SetFramed) and frame.set_id == set_id:
                    yield path.name, frame.rows, chart.guide.check(frame.rows).positions, inner, chart
        except NotX12:
            continue


@pytest.mark.corpus
@pytest.mark.skipif("GATEWAY_CORPUS" not in os.environ, reason="no real documents here")
@pytest.mark.parametrize("set_id", ["850", "855", "856", "810", "940", "945"])
def test_nothing_of_a_real_document_is_lost(set_id: str) -> None:
    read = 0
    for name, rows, positions, inner, chart in corpus(set_id):
        try:
            found = chart.read_all(rows, positions, partner=PARTNER, separators=inner)
        except MapError:
            continue  # refused with a reason, never half read
        again = enclosed(chart, chart.write_all(found, partner=PARTNER, separators=inner))
        assert chart.read_all(*placed(chart, again), partner=PARTNER, separators=inner) == found, name
        gone = elements(rows) - elements(again)
        assert not {pair for pair in gone if not respelled(pair, elements(again))}, name
        read += 1
    assert read


SYNONYMS = {("W12", "CL"): "CC"}  # two codes, one word (line_status of the 945): written as the first of them


def respelled(pair: tuple[str, str], there: Counter[tuple[str, str]]) -> bool:
    """A number may come back spelled otherwise (12.00), a code as the synonym we write, spaces around a value go."""
    segment, value = pair
    text = value.strip()
    plain = text.lstrip("0").rstrip("0").rstrip(".") if "." in text else text.lstrip("0")
    same = {
        other.rstrip("0").rstrip(".").lstrip("0") if "." in other else other.lstrip("0")
        for s, other in there
        if s == segment
    }
    if (synonym := SYNONYMS.get(pair)) is not None and (segment, synonym) in there:
        return True
    return not text or (segment, text) in there or plain in same
