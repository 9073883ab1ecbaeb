"""A reader that dies at any commit of a file of everything leaves what one that lives would have left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pipeline_road import Road
from road_documents import acknowledgement, interchange, order
from test_parts import book_of, notice, road_of

from gateway.pipeline import release, unwrap
from gateway.store import lease, schema
from gateway.store.crypto import Keys
from gateway.store.engine import Store


def orders(prefix: str, n: int) -> list[list[str]]:
    return [order(f"{prefix}-{i}", f"{i:04d}", lines=1) for i in range(1, n)]


def together(number: int, *alone: bytes) -> bytes:
    """The groups of several interchanges in one."""
    groups = b"".join(one.split(b"~", 1)[1].split(b"IEA")[0] for one in alone)
    return alone[0].split(b"~", 1)[0] + b"~" + groups + b"IEA*%d*%09d~" % (len(alone), number)


def everything() -> bytes:
    broken = [segment for segment in order("HP-9", "0009") if not segment.startswith("BEG")]
    broken[-1] = f"SE*{len(broken)}*0009"
    notices = [notice(f"S-{n}", (f"PO-{n}", f"PO-{n}b"), f"{n:04d}") for n in range(1, 4)]
    mixed = together(
        1, interchange([*orders("HP", 5), broken]), interchange(notices, functional_id="SH", group=2, number=1)
    )
    answered = together(2, interchange(orders("HQ", 4), number=2, group=3), acknowledgement("PR", "77120", number=2))
    ta1 = interchange([], number=7).split(b"~")[0] + b"~TA1*000000099*261120*1305*R*006~IEA*0*000000007~"
    stray = interchange(orders("HR", 4), number=3, receiver="ELSEWHERE")
    reused, cut = interchange(orders("HT", 6), number=1), interchange(orders("HU", 6), number=6)[:-30]
    return mixed + answered + ta1 + stray + mixed + reused + cut


def left_by(road: Road) -> list[Any]:
    """What there is to see, whatever numbers it got. Of sets that were not used nobody looked for several documents."""
    road.deliver()
    came = [row for row in road.rows(schema.document, direction="in") if row.set_id != "856" or row.status == "done"]
    envelopes, sent = road.rows(schema.interchange, direction="in"), b"".join(road.files())
    return [
        sorted((row.set_id, str(row.status), row.control_number, row.part or 0, row.content_sha256) for row in came),
        [(row.control_number, row.status, row.content_sha256) for row in envelopes],
        sorted((row.functional_id, row.agreement or "", row.status) for row in road.rows(schema.functional_group)),
        sorted((row.type, row.keys) for row in road.rows(schema.event)),
        sorted(row.code for row in road.rows(schema.work_item)),
        [sent.count(what) for what in (b"ST*997", b"AK5*A", b"AK5*R", b"AK9*")],
    ]


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.parametrize(("held", "portion"), [(1, 2), (2, 4), (40, 3)])
def test_it_does_not_matter_where_a_reader_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: Keys, held: int, portion: int
) -> None:
    monkeypatch.setattr(unwrap, "HELD", held)
    monkeypatch.setattr(unwrap, "PORTION", portion)
    book, store_portion = book_of(), release.store
    seen = []
    commits, dies_at = 1, -1  # first it lives
    while dies_at < commits:
        with Store.open(f"sqlite:///{tmp_path / f'{dies_at}.db'}", keys) as store:
            store.migrate()
            road = road_of(store, tmp_path / str(dies_at), book)
            road.receive(everything())
            begun = 0

            def dying(*arguments: Any, at: int = dies_at) -> Any:
                nonlocal begun
                begun += 1
                if begun == at + 1:
                    raise KeyboardInterrupt
                return store_portion(*arguments)

            monkeypatch.setattr(release, "store", dying)
            try:
                road.work()
                commits = begun
            except KeyboardInterrupt:
                with store.begin() as tx:
                    lease.expire(tx, "test")
                road.work()
            seen.append(left_by(road))
        assert seen[-1] == seen[0], f"it died before commit {dies_at}"
        dies_at += 1
    assert len(seen) > 3
    assert seen[0][-2].count("document-rejected") == 1
