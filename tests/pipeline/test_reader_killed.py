"""The reader of a large file is killed with -9 again and again: each order happens once, and one 997 says so."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pipeline_road import ROOT, Road
from road_documents import interchange, order
from sqlalchemy import func, select

from gateway.partners.book import Book
from gateway.pipeline import unwrap
from gateway.pipeline.house import House
from gateway.store import lease, schema
from gateway.store.crypto import Keys
from gateway.store.engine import Store
from tests.store.rows import KEY

SETS, PORTION = 400, 40  # ten portions, more than the tries of a row that gets nowhere


@pytest.mark.faults
@pytest.mark.slow
def test_each_order_of_a_large_file_happens_once_however_often_its_reader_is_killed(
    road: Road, database_url: str
) -> None:
    road.receive(interchange([order(f"HP-{n}", f"{n:04d}") for n in range(SETS)]))
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed_at = []
    while True:
        reader = subprocess.Popen([sys.executable, __file__, database_url], env=environ)
        before = stored = documents(road)
        while reader.poll() is None and stored == before:
            time.sleep(0.01)
            stored = documents(road)
        if reader.poll() is not None:
            break
        reader.kill()
        reader.wait()
        killed_at.append(documents(road))
        with road.store.begin() as tx:
            lease.expire(tx, "test")  # what the supervisor does for a child that died
    assert reader.returncode == 0
    assert len(killed_at) >= 6, killed_at
    done = road.rows(schema.document, direction="in")
    assert [row.business_key for row in done] == [f"HP-{n}" for n in range(SETS)]
    assert {row.status for row in done} == {"done"}
    assert len(road.rows(schema.event, type="order.received")) == SETS
    road.deliver()
    (sent,) = road.files()
    assert f"AK9*A*{SETS}*{SETS}*{SETS}~".encode() in sent


def documents(road: Road) -> int:
    with road.store.read() as view:
        return int(view.scalar(select(func.count()).select_from(schema.document)) or 0)


def main(url: str) -> None:
    """The reader: works until nothing is due."""
    unwrap.PORTION = PORTION
    with Store.open(url, Keys.single(KEY)) as store:
        book = Book.load(ROOT / "partners", ROOT / "maps")
        Road(store, House(store, lambda: book, dict, lambda name: None), Path()).work()  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1])
