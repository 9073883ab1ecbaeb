"""The whole server killed with SIGKILL again and again under load: `gateway run` itself, judged at the far sides."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import pytest

from gateway.cli.story import papers, plot
from gateway.cli.story.parties import ended, wait_until
from gateway.cli.story.verdict import count

ORDERS = 24
KILLED_AFTER = (3, 11, 22)  # orders sent; each kill meets others of them at other places of the road
UNDER_WAY = 16  # settings.send_threads: calls and messages one worker has under way


def send(cast: plot.Cast, number: int, order: papers.PurchaseOrder, deadline: float) -> None:
    """As a partner does: the same bytes again and again until they are taken."""
    text = papers.interchange(number, (order,), sender=papers.RETAILER, usage="P", now=dt.datetime.now(dt.UTC))
    cast.sent.append(plot.Sent(number, "an order while the server dies", (order,)))
    while (answer := cast.retailer.tell(send=text, name=f"{number}.edi")).get("status") != 202:
        assert time.monotonic() < deadline, answer
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.story
def test_nothing_is_lost_or_doubled_when_the_server_dies(tmp_path: Path, database_url: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    cast = plot.enter(home, print, database_url=database_url, lease_seconds=3)
    deadline = time.monotonic() + 180
    with ended(cast.retailer, cast.retailer_test, cast.erp, cast.crm, cast.gateway):
        wait_until(cast.gateway.ready, deadline, "the gateway answers")
        for n, order in enumerate(papers.many(ORDERS), 1):
            send(cast, 700_000_000 + n, order, deadline)
            if n in KILLED_AFTER:
                cast.gateway.kill()
                cast.gateway.start()
        wait_until(lambda: plot.all_quiet(cast), deadline, "every order is shipped, billed and acknowledged")
        counts = count(cast)
        assert (counts.lost, counts.doubled) == ([], [])
        assert counts.repeated <= len(KILLED_AFTER) * UNDER_WAY
    cast.store.close()
