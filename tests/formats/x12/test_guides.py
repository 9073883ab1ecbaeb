"""The guides that come with the gateway are complete and consistent."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from importlib import resources

import pytest
import yaml

from gateway.formats.x12.checks import note_positions
from gateway.formats.x12.guide import Guide, packaged
from gateway.formats.x12.model import CompositeDef, ElementDef, ElementUse, LoopUse, SegmentUse

FOLDER = resources.files("gateway.formats.x12") / "guides"
SETS = {"850", "855", "856", "860", "865", "810", "820"}  # orders to payment
SETS |= {"940", "943", "944", "945", "947", "846"}  # the warehouse
SETS |= {"204", "214", "990", "210"}  # the carrier
SETS |= {"180", "824", "864", "997"}
SETS |= {"812", "830", "832", "852", "862", "867", "875", "880"}  # forecasts, lists, sales, groceries
EXPECTED = {"004010": SETS, "005010": SETS | {"999"}}  # 999 came after 004010
ENVELOPE = {"ISA", "GS", "ST", "SE", "GE", "IEA", "TA1", "BIN"}
TYPES = {"AN", "ID", "DT", "TM", "R", "B", *(f"N{n}" for n in range(10))}
ALL = [(release, name) for release in EXPECTED for name in sorted(EXPECTED[release])]


def dictionary_text(release: str, name: str) -> dict[str, str]:
    found = yaml.safe_load((FOLDER / release / f"{name}.yaml").read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def loops(loop: LoopUse) -> Iterator[LoopUse]:
    yield loop
    for child in loop.children:
        if isinstance(child, LoopUse):
            yield from loops(child)


def dictionary_uses(release: str) -> Iterator[tuple[str, tuple[ElementUse, ...], tuple[str, ...]]]:
    dictionary = packaged().dictionary(release)
    composites: dict[str, CompositeDef] = {}
    for tag in dictionary.segment_lines:
        segment = dictionary.segment(tag)
        yield tag, segment.elements, segment.notes
        composites |= {u.element.id: u.element for u in segment.elements if isinstance(u.element, CompositeDef)}


@pytest.mark.parametrize("release", EXPECTED)
def test_every_set_has_a_guide(release: str) -> None:
    assert set(packaged().sets(release)) == EXPECTED[release]


@pytest.mark.parametrize(("release", "name"), ALL)
def test_a_guide_begins_with_st_ends_with_se_and_its_loops_start_once(release: str, name: str) -> None:
    guide = Guide.load(release, name)
    assert (guide.release, guide.set_id) == (release, name)
    assert [use.segment.tag for use in (guide.uses[0], guide.uses[-1])] == ["ST", "SE"]
    for loop in loops(guide.root):
        assert isinstance(loop.children[0], SegmentUse)
        assert (loop.first.requirement, loop.first.max) == ("M", 1)
        assert loop.max >= 1


@pytest.mark.parametrize(("release", "name"), ALL)
def test_a_guide_is_yaml_and_says_the_same_when_read_as_yaml(release: str, name: str) -> None:
    read = dictionary_text(release, name)
    guide = Guide.load(release, name)
    assert (read["set"], read["release"], read["functional_id"]) == (name, release, guide.functional_id)

    def tags(entries: list[str | dict[str, list[str]]]) -> Iterator[str]:
        for entry in entries:
            if isinstance(entry, str):
                yield entry.split()[0]
            else:
                ((_, children),) = entry.items()
                yield from tags(children)

    assert list(tags(read["structure"])) == [use.segment.tag for use in guide.uses]


@pytest.mark.parametrize("release", EXPECTED)
def test_dictionaries_hold_what_the_sets_use_and_nothing_else(release: str) -> None:
    used = {use.segment.tag for name in EXPECTED[release] for use in Guide.load(release, name).uses} | ENVELOPE
    composites: set[str] = set()
    elements: set[str] = set()

    def collect(uses: tuple[ElementUse, ...]) -> None:
        for use in uses:
            if isinstance(use.element, CompositeDef):
                composites.add(use.element.id)
                collect(use.element.elements)
            else:
                elements.add(use.element.number)

    dictionary = packaged().dictionary(release)
    for tag in used:
        collect(dictionary.segment(tag).elements)
    assert set(dictionary_text(release, "segments")) == used | composites
    assert set(dictionary_text(release, "elements")) == elements


@pytest.mark.parametrize("release", EXPECTED)
def test_syntax_notes_name_elements_that_are_there_and_conditional_ones_say_so(release: str) -> None:
    for tag, uses, notes in dictionary_uses(release):
        conditional: set[int] = set()
        for note in notes:
            positions = note_positions(note)
            assert note[0] in "PRECL", (tag, note)
            assert len(positions) > 1, (tag, note)
            assert max(positions) <= len(uses), (tag, note)
            conditional |= set(positions if note[0] in "PRE" else positions[1:])
        marked = {use.position for use in uses if use.requirement == "X"}
        mandatory = {use.position for use in uses if use.requirement == "M"}
        assert marked == conditional - mandatory, tag


@pytest.mark.parametrize("release", EXPECTED)
def test_elements_have_a_type_a_range_and_codes_that_fit_it(release: str) -> None:
    dictionary = packaged().dictionary(release)
    for number in dictionary.element_lines:
        element = dictionary.element(number)
        assert isinstance(element, ElementDef)
        assert element.type in TYPES, number
        assert 1 <= element.min <= element.max, number
        assert element.name, number
        if element.codes:
            assert element.type == "ID", number
            unfit = [code for code in element.codes if not element.min <= len(code) <= element.max]
            assert not unfit, (number, unfit)


@pytest.mark.parametrize("release", EXPECTED)
def test_differences_between_the_sources_are_settled(release: str) -> None:
    dictionary = packaged().dictionary(release)
    known = EXPECTED[release] | set(dictionary.segment_lines) | {"element"}
    with (FOLDER / release / "differences.tsv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, delimiter="\t")
    assert header == ["place", "source a", "says", "source b", "says", "settled", "why"]
    for row in rows:
        assert len(row) == len(header)
        assert all(row), row
        subject = row[0].split()[0]
        assert subject in known or subject[:-2] in known, row


def test_an_order_can_be_told_from_the_standard() -> None:
    """A few facts by hand, so that a slip of the whole production shows."""
    guide = Guide.load("004010", "850")
    assert guide.functional_id == "PO"
    line = next(use for use in guide.uses if use.loop.path == "PO1")
    assert (line.segment.tag, line.loop.requirement, line.loop.max) == ("PO1", "M", 100000)
    beg = next(use.segment for use in guide.uses if use.segment.tag == "BEG")
    assert [use.requirement for use in beg.elements[:5]] == ["M", "M", "M", "O", "M"]
    reference, later = (packaged().dictionary(release).element("127") for release in ("004010", "005010"))
    assert (reference.max, later.max) == (30, 50)
    measure = packaged().dictionary("004010").segment("MEA")
    assert measure.notes == ("R03050608", "C0504", "C0604", "L07030506", "E0803")
