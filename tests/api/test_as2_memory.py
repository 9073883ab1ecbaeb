"""The endpoint in a process of its own, as in service: four messages of 50 MB at once, and what memory they take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from as2_pair import new_certificate

from benchmarks.as2 import purchase_order
from benchmarks.as2_endpoint import Sender, served

ONE, FOUR = 64, 96  # MB


@pytest.mark.slow
def test_50_mb_one_and_four_at_once() -> None:
    """Red when a layer between the socket and the database gathers a message: 50 MB each would be seen at once."""
    now, year = datetime.now(UTC), timedelta(days=365)
    us = new_certificate("us", serial=1, start=now - year, end=now + year)
    peer = new_certificate("peer", serial=2, start=now - year, end=now + year)
    with served(us, peer) as server:
        with Sender(server, purchase_order(3 << 20)).many(1) as posted:
            posted(2)
        large = Sender(server, purchase_order(50 << 20))
        for at_once, allowed in ((1, ONE), (4, FOUR)):
            Path(f"/proc/{server.pid}/clear_refs").write_text("5")  # the high-water mark begins anew
            before = server.memory("VmRSS")
            with large.many(at_once) as posted:
                assert len(posted(at_once)) == at_once  # each with a true receipt
            assert server.memory("VmHWM") - before < allowed * 1024
