"""Break every map a line at a time: the judges together notice nearly every slip."""

from __future__ import annotations

import pytest

from benchmarks.maps import MAPS, mutants, mutation
from gateway.mapping.draw import Dice


def test_every_kind_of_slip_is_tried() -> None:
    kinds = {kind for name in MAPS for _, _, kind in mutants(name, Dice(7))}
    assert kinds == {
        "line deleted",
        "other element",
        "fields exchanged",
        "format dropped",
        "other constant",
        "other qualifier",
        "qualifier dropped",
        "other code",
        "codes exchanged",
        "code twice",
    }


@pytest.mark.slow
def test_the_judges_together_notice_99_of_100_broken_lines() -> None:
    shares, unnoticed = mutation(per_map=12)
    assert shares["broken lines"] > 200
    assert shares["caught"] >= 0.99, "\n".join(unnoticed)
    assert shares["load, round trips, guide, cases"] >= 0.95  # without lint, whose dictionary was drawn from these maps
