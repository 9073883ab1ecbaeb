"""Documents generated from every guide are written, read back equal, found clean and placed where they were meant."""

from __future__ import annotations

import pytest
from generate import Generator, interchange

from gateway.formats.x12.frames import SetFramed
from gateway.formats.x12.framing import Reader
from gateway.formats.x12.guide import Guide, packaged
from gateway.formats.x12.separators import Separators

GUIDES = packaged()
ALL = [(release, set_id) for release in GUIDES.releases() for set_id in GUIDES.sets(release)]
FULLNESS = (0.05, 0.3, 0.6)


def separators_of(release: str) -> Separators:
    return Separators("*", "^" if release >= "004020" else None, ">", "~")


@pytest.mark.parametrize(("release", "set_id"), ALL)
def test_a_generated_document_is_read_back_equal(release: str, set_id: str) -> None:
    guide = Guide.load(release, set_id)
    separators = separators_of(release)
    for seed in range(9):
        made = Generator(guide, seed, separators, FULLNESS[seed % 3]).document()
        data = interchange([made.rows], guide, separators)
        (framed,) = (frame for frame in Reader([data]) if isinstance(frame, SetFramed))
        assert framed.rows == made.rows
        assert not framed.findings
        checked = guide.check(framed.rows, separators, text=framed.text)
        assert checked.findings == ()
        assert checked.positions == made.positions


def test_generated_documents_reach_every_place_of_a_guide() -> None:
    guide = Guide.load("004010", "945")
    reached: set[int] = set()
    for seed in range(60):
        reached |= set(Generator(guide, seed, separators_of("004010"), 0.7).document().positions)
    assert reached == set(range(len(guide.uses)))


def test_the_same_seed_gives_the_same_document() -> None:
    guide = Guide.load("005010", "856")
    first, second = (Generator(guide, 7, separators_of("005010")).document() for _ in range(2))
    assert first == second
