"""SFTP under fire, a small cut: both callers, both ways, killed in the middle (all of it: `benchmarks.sftp_fire`)."""

from __future__ import annotations

import argparse
import shutil

import pytest

from benchmarks.sftp import SSHD
from benchmarks.sftp_fire import run, table


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.skipif(SSHD is None or shutil.which("sftp") is None, reason="no OpenSSH here")
def test_nothing_is_lost_doubled_or_partial_whoever_calls() -> None:
    legs = run(argparse.Namespace(large_mb=40, files=40, kills=1))
    assert [leg.name for leg in legs] == ["they put", "they get", "we get", "we put"]
    assert [(leg.lost, leg.doubled, leg.partial) for leg in legs] == [(0, 0, 0)] * 4, table(legs)
    assert sum(leg.kills for leg in legs) >= 3, table(legs)
