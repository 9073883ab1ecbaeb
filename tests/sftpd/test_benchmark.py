"""The benchmark runs, ours among its peers, and every file that was sent is there."""

from __future__ import annotations

import argparse
import shutil

import pytest

from benchmarks.sftp import run, table


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("sftp") is None, reason="no OpenSSH client here")
def test_a_small_cut_of_the_benchmark() -> None:
    peers = run(argparse.Namespace(large_mb=10, files=50, sessions=20, rounds=2))
    assert [peer.name for peer in peers][:3] == ["ours", "paramiko", "paramiko + fsync"]
    assert all(
        min(peer.rates[name]) > 0 for peer in peers for name in ("put large", "get large", "put small", "get small")
    )
    assert table(peers).count("|") > 40
