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
