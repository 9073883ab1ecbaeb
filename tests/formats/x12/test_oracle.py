"""pyx12 as oracle: on a corpus of planted defects both engines object to the same sets, at the same places."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks import gen_x12
from gateway.formats.finding import Finding
from gateway.formats.report import SetReport
from gateway.formats.x12.guide import packaged
from gateway.formats.x12.oracle import map_files, objections
from gateway.formats.x12.report import judge

Place = tuple[str | None, int | None, str]  # segment, element, standard code
RELEASES = ("004010", "005010")


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {}
    for release in RELEASES:
        folders[release] = tmp_path_factory.mktemp(release)
        for name, text in map_files(packaged().load(release, set_id) for set_id in ("850", "856")).items():
            (folders[release] / name).write_text(text, encoding="utf-8")
    return folders


def as_theirs(finding: Finding) -> Place:
    """Where pyx12 says the same otherwise."""
    code = finding.standard_code or ""
    if finding.segment == "SE":
        return "ST", None, code  # a fault of the trailer is one of the set
    if finding.code == "conditional-element-missing":
        return finding.segment, None, "8"  # a syntax note is one of the segment
    if finding.segment == "N1" and finding.element == 1:
        return "N1", None, "1"  # a loop whose first code is not listed is not recognised
    return finding.segment, finding.element, code


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("set_id", ["850", "856"])
def test_both_engines_object_to_the_same(maps: dict[str, Path], set_id: str, release: str) -> None:
    arguments = gen_x12.parse_args(
        [set_id, "--orders", "60", "--lines", "3", "--defect-rate", "0.6", "--version", release]
    )
    manifest: list[dict[str, object]] = []
    text = gen_x12.interchange(arguments, random.Random(11), 1, 1, manifest)
    theirs: dict[str, set[Place]] = {}
    for objection in objections(text, str(maps[release])):
        if objection.set_control_number is not None:
            place = (objection.segment, objection.element, objection.code)
            theirs.setdefault(objection.set_control_number, set()).add(place)
    ours: dict[str, set[Place]] = {}
    for event in judge([text.encode()]):
        if isinstance(event, SetReport) and event.findings:
            ours[event.control_number] = {as_theirs(finding) for finding in event.findings}
    assert len(ours) == len(manifest)
    assert ours.keys() == theirs.keys()
    for number, found in ours.items():
        assert found <= theirs[number]
        # after an N1 it does not know, pyx12 does not know the rest of its loop either
        assert found == theirs[number] or found == {("N1", None, "1")}


def changed(segments: list[str], chance: random.Random) -> list[str]:
    """A set with one segment dropped, doubled or moved, or one element replaced."""
    made = list(segments)
    at = chance.randrange(1, len(made) - 1)
    kind = chance.randrange(5)
    if kind == 0:
        del made[at]
    elif kind == 1:
        made.insert(at, made[at])
    elif kind == 2:
        moved = made.pop(at)
        made.insert(chance.randrange(1, len(made) - 1), moved)
    else:
        elements = made[at].split("*")
        elements[chance.randrange(1, len(elements))] = chance.choice(["", "1", "X" * 90, "20261345", "12.5", "A", "#"])
        made[at] = "*".join(elements).rstrip("*")
    number = made[-1].split("*")[2]
    return [*made[:-1], f"SE*{len(made)}*{number}"]


def they_look_at(finding: Finding) -> bool:
    """pyx12 counts HL01 but has no rule for which level stands under which, and none for what has no standard code."""
    if finding.code.startswith("hl-"):
        return finding.code.startswith("hl-number")
    return finding.standard_code is not None


@pytest.mark.parametrize("set_id", ["850", "856"])
def test_both_engines_refuse_the_same_changed_sets(maps: dict[str, Path], set_id: str) -> None:
    chance = random.Random(5)
    arguments = gen_x12.parse_args([set_id, "--orders", "120", "--lines", "2"])
    segments = gen_x12.interchange(arguments, chance, 1, 1, []).removesuffix("~").split("~")
    starts = [n for n, segment in enumerate(segments) if segment.startswith("ST*")]
    ends = [n for n, segment in enumerate(segments) if segment.startswith("SE*")]
    made = [changed(segments[a : b + 1], chance) for a, b in zip(starts, ends, strict=True)]
    lines = [*segments[: starts[0]], *(line for one in made for line in one), *segments[ends[-1] + 1 :]]
    text = "~".join(lines) + "~"
    theirs = {o.set_control_number for o in objections(text, str(maps["004010"])) if o.set_control_number is not None}
    ours = {
        event.control_number
        for event in judge([text.encode()])
        if isinstance(event, SetReport) and any(they_look_at(finding) for finding in event.findings)
    }
    assert ours == theirs
    assert 30 < len(ours) < 100
