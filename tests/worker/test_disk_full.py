"""The disk is full for a while: `gateway run` may write no byte more to any file; judged at the far sides."""

from __future__ import annotations

import datetime as dt
import re
import resource
import time
from pathlib import Path

import pytest

from gateway.cli.story import papers, plot
from gateway.cli.story.parties import ended, wait_until
from gateway.cli.story.verdict import count

UNDER_WAY = 16  # settings.send_threads: calls and messages one worker has under way


def limit(cast: plot.Cast, size: int) -> None:
    """The largest file the web and the worker process may write."""
    said = cast.gateway.log.read_text("utf-8")
    for pid in re.findall(r"process runs, pid (\d+)", said):
        hard = resource.prlimit(int(pid), resource.RLIMIT_FSIZE)[1]
        resource.prlimit(int(pid), resource.RLIMIT_FSIZE, (size, hard))


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.story
def test_a_full_disk_loses_nothing_and_acknowledges_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    cast = plot.enter(home, print, lease_seconds=3)
    deadline = time.monotonic() + 120
    numbered = list(enumerate(papers.many(5), 700_000_001))
    now = dt.datetime.now(dt.UTC)

    def is_taken(number: int, order: papers.PurchaseOrder) -> bool:
        text = papers.interchange(number, (order,), sender=papers.RETAILER, usage="P", now=now)
        answer = cast.retailer.tell(send=text, name=f"{number}.edi")
        assert "202" in str(answer) or "urn:gateway:database" in str(answer)
        return bool(answer.get("status") == 202)

    with ended(cast.retailer, cast.retailer_test, cast.erp, cast.crm, cast.gateway):
        wait_until(cast.gateway.ready, deadline, "the gateway answers")
        assert all(is_taken(*one) for one in numbered[:4])
        limit(cast, 1000)  # while they are under way
        assert not is_taken(*numbered[4])
        time.sleep(3)
        limit(cast, resource.RLIM_INFINITY)
        assert is_taken(*numbered[4])
        cast.sent += [plot.Sent(number, "around a full disk", (order,)) for number, order in numbered]
        wait_until(lambda: plot.all_quiet(cast), deadline, "every order is shipped, billed and acknowledged")
        counts = count(cast)
        assert (counts.lost, counts.doubled) == ([], [])
        assert counts.repeated <= 2 * UNDER_WAY
    cast.store.close()
