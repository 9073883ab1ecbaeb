"""The story as a newcomer runs it: one command, counterparties in processes of their own, checked at their side."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli.story import papers
from gateway.cli.story.verdict import documents_in

ROOT = Path(__file__).parents[2]


@pytest.mark.story
@pytest.mark.parametrize(
    "story", ["orders", *(pytest.param(name, marks=pytest.mark.slow) for name in ("warehouses", "third-party"))]
)
def test_the_whole_story_holds(story: str) -> None:
    """SQLite, loopback, no preparation; it ends with 0 only if every check of its verdict holds."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    ran = subprocess.run(
        [sys.executable, "-m", "gateway", "demo", "--exit", "--story", story],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "All of it held." in ran.stdout
    assert "Lost: 0." in ran.stdout
    assert "Doubled: 0." in ran.stdout
    assert ("Waits for a person: 3\n" in ran.stdout) is (story == "orders"), "nothing but what the story broke"


def test_the_judge_reads_envelopes_and_orders_by_itself() -> None:
    answer = (
        "ISA*00*          *00*          *ZZ*NORTHWIND      *ZZ*HARBORPINE     *260101*0101*U*00401*000000007*0*P*>~"
        "GS*PR*NORTHWIND*HARBORPINE*20260101*0101*7*X*004010~ST*855*0001~BAK*00*AD*HP-1*20260101~SE*3*0001~"
        "GE*1*7~IEA*1*000000007~"
    )
    (paper,) = documents_in(answer)
    assert (paper.envelope, paper.set_id, paper.order) == ("000000007", "855", "HP-1")


def test_the_broken_order_is_the_only_one_without_its_first_segment() -> None:
    text = papers.interchange(1, papers.THREE, now=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    assert text.count("ST*850") == 3
    assert text.count("BEG*") == 2
