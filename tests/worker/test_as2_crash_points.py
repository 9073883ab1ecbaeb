"""AS2 when a process dies (SIGKILL) at any moment of sending and receiving: nothing is lost, nothing is doubled.

The worker and the web process are those of `gateway run`. The partner's server logs what came and deduplicates nothing.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from as2_pair import Entropy
from as2_partner import As2Partner, as2_partner
from as2_site import OURS, THEIRS, as2_book, certificates, owe
from forked import ended, start
from road_documents import interchange, order

from gateway.as2.build import Document, build
from gateway.as2.identity import OurIdentity, OwnCertificate, TheirIdentity
from gateway.as2.partnership import Partnership
from gateway.cli.story.parties import free_port
from gateway.store import lease, payloads, schema
from gateway.store.engine import Store
from gateway.worker.moments import Moment
from gateway.worker.supervisor import owner
from tests.as2_harness import serve, work

pytestmark = pytest.mark.faults

AT_THE_DOOR = [Moment.STORED, Moment.DURABLE]
ON_THE_ROAD = [moment for moment in Moment if moment not in AT_THE_DOOR]
SETTLING = [Moment.CLAIMED, Moment.WORKED, Moment.APPLIED, Moment.COMMITTED]
MESSAGES = 6
Pair = tuple[OwnCertificate, OwnCertificate]


@pytest.fixture(scope="module")
def pair() -> Pair:
    return certificates()


@pytest.fixture
def partner(pair: Pair) -> Iterator[As2Partner]:
    with as2_partner(Partnership(OurIdentity(THEIRS, (pair[1],)), TheirIdentity(OURS, (pair[0],)))) as served:
        yield served


def run_worker(store: Store, folder: Path, *death: object) -> int:
    """How it ended; what it had is taken back, as its supervisor does."""
    process = start(work, store.url.render_as_string(hide_password=False), folder, *death)
    code = ended(process)
    assert process.pid is not None
    with store.begin() as tx:
        lease.expire(tx, owner("test", process.pid))
    return code


def cut(moments: list[Moment], always: Moment | None = None) -> list[Any]:
    """In every run at most one, on SQLite; the slow ones are all of them, and on both where the databases differ."""
    differ = {Moment.APPLIED, Moment.SENT, Moment.RECORDED, Moment.DURABLE}
    return [
        pytest.param(kind, one, marks=() if (kind, one) == ("sqlite", always) else pytest.mark.slow)
        for kind in ("sqlite", "postgresql")
        for one in moments
        if kind == "sqlite" or one in differ
    ]


def check_sent(store: Store, partner: As2Partner, *, expected: int, kills: int) -> None:
    """Every message there, each under one id with one body, and no repetition that no death explains."""
    with store.read() as view:
        kept = {row.message_id: row for row in view.all(schema.as2_message.select())}
        assert {row.status for row in view.all(schema.delivery.select())} == {"delivered"}
    assert len(kept) == expected, "a message was made twice, or never"
    assert {row.standing for row in kept.values()} == {"acknowledged"}
    arrived: dict[str, set[bytes]] = {}
    for headers, body in partner.came:
        arrived.setdefault(dict(headers)["Message-ID"], set()).add(body)
    assert set(arrived) == set(kept), "a message came that was never stored"
    assert all(len(bodies) == 1 for bodies in arrived.values()), "a repetition had other bytes"
    assert len(set(partner.documents)) == expected, "a document was lost"
    assert len(partner.came) - expected <= kills * 4  # calls to one target at once


@pytest.mark.parametrize(("database_kind", "moment"), cut(ON_THE_ROAD, Moment.SENT))
def test_a_worker_that_dies_while_it_packs_and_sends(
    store: Store, partner: As2Partner, pair: Pair, tmp_path: Path, moment: Moment
) -> None:
    as2_book(tmp_path, *pair, {"url": partner.url})
    for n in range(MESSAGES):
        owe(store, interchange([order(f"PO-{n}")], number=n + 1))
    assert run_worker(store, tmp_path, moment, 1) == -signal.SIGKILL, f"never reached: {moment}"
    assert run_worker(store, tmp_path) == 0
    check_sent(store, partner, expected=MESSAGES, kills=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("database_kind", "moment"), [*(("sqlite", one) for one in SETTLING), ("postgresql", Moment.APPLIED)]
)
def test_a_worker_that_dies_while_it_settles_receipts(
    store: Store, database_url: str, partner: As2Partner, pair: Pair, tmp_path: Path, moment: Moment
) -> None:
    receipts_at = f"http://127.0.0.1:{free_port()}/as2"
    as2_book(tmp_path, *pair, {"url": partner.url, "receipt": "async", "receipt_url": receipts_at})
    for n in range(MESSAGES):
        owe(store, interchange([order(f"PO-{n}")], number=n + 1))
    assert run_worker(store, tmp_path) == 0
    port = int(receipts_at.rsplit(":", 1)[1].split("/")[0])
    with serving(database_url, tmp_path, port):
        assert {partner.post(receipts_at, partner.owed(n)) for n in range(MESSAGES)} == {200}
    assert run_worker(store, tmp_path, moment, 1) == -signal.SIGKILL, f"never reached: {moment}"
    assert run_worker(store, tmp_path) == 0
    check_sent(store, partner, expected=MESSAGES, kills=0)


class serving:
    """The web process, up."""

    def __init__(self, url: str, folder: Path, port: int, *death: object) -> None:
        self.process = start(serve, url, folder, port, *death)
        self.address = f"http://127.0.0.1:{port}"

    def __enter__(self) -> serving:
        until = time.monotonic() + 60
        while True:
            try:
                httpx.get(f"{self.address}/healthz", verify=False)
                return self
            except httpx.TransportError:
                assert time.monotonic() < until, "the web process does not answer"
                assert self.process.is_alive(), "the web process ended"
                time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        ended(self.process)


@pytest.mark.parametrize(("database_kind", "moment"), cut(AT_THE_DOOR))
def test_an_endpoint_that_dies_before_or_after_its_commit(
    store: Store, database_url: str, pair: Pair, tmp_path: Path, moment: Moment
) -> None:
    """The sender heard nothing and sends the same again: it is stored once, and answered as the first time."""
    as2_book(tmp_path, *pair, {})
    port = free_port()
    side = Partnership(OurIdentity(THEIRS, (pair[1],)), TheirIdentity(OURS, (pair[0],)))
    content = interchange([order()])
    message = build([Document(content)], side, message_id_="<1@hp>", now=datetime.now(UTC), entropy=Entropy())
    body = message.body()

    def send() -> httpx.Response:
        return httpx.post(
            f"http://127.0.0.1:{port}/as2", headers=message.headers, content=body, timeout=60, verify=False
        )

    with serving(database_url, tmp_path, port, moment, 1) as first:
        with pytest.raises(httpx.TransportError):
            send()
        assert ended(first.process) == -signal.SIGKILL, f"never reached: {moment}"
    with store.read() as view:
        before = view.all(schema.transmission.select())
    assert len(before) == (1 if moment is Moment.DURABLE else 0)
    with serving(database_url, tmp_path, port):
        answers = [send(), send()]
    assert answers[0].content == answers[1].content
    with store.read() as view:
        (row,) = view.all(schema.transmission.select())
    assert payloads.read_all(store, row.payload_id) == content
    assert payloads.read_all(store, row.receipt_payload_id).endswith(answers[0].content)


def test_every_moment_is_died_at() -> None:
    assert {*AT_THE_DOOR, *ON_THE_ROAD} == set(Moment)
