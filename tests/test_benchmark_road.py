"""The road's benchmark runs: small sizes, figures in their places."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.road", "--database", "sqlite", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=500).stdout


@pytest.mark.slow
def test_the_share_of_the_pure_rate_is_a_table() -> None:
    lines = run("--only", "share", "--documents", "20", "--files", "5").splitlines()
    assert lines[0].startswith("| measured | database |")
    assert [line.split("|")[1].strip() for line in lines[2:]] == [
        "one file of 20 sets",
        "one file of 20 sets",
        "5 files of one set",
        "5 files of one set",
    ]


@pytest.mark.slow
def test_the_gateway_as_it_is_run_stands_beside_the_baseline() -> None:
    only = ["--only", "door", "--only", "latency", "--only", "idle", "--only", "memory"]
    small = ["--requests", "40", "--tries", "3", "--seconds", "1", "--megabytes", "1"]
    found = json.loads(run(*only, *small, "--json"))
    assert [one["part"] for one in found] == ["door", "latency", "idle", "memory"]
    assert found[0]["ratio"] > 0
    assert 0 < found[1]["p50_ms"] <= found[1]["p99_ms"]
    assert found[2]["share_of_a_core"] >= 0
    assert {"supervisor", "web", "worker"} <= set(found[3])
