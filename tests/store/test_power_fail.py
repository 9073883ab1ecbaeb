"""Whatever was acknowledged is there after the power was cut, and nothing is there half."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.store import payloads, schema
from gateway.store.crypto import Keys
from gateway.store.engine import Store
from gateway.store.moving import Mover
from tests.store.rows import documents

pytest.importorskip("apsw", reason="apsw is in the test extra: an older environment lacks it until it is made again")

from tests.store.power import Disk

pytestmark = pytest.mark.faults

AT_ONCE = 3  # documents a transaction
COMMITS = 60


def acknowledge_and_cut(
    sqlite_template: Path, tmp_path: Path, keys: Keys, connect: Callable[[Disk], Callable[..., Any]]
) -> Disk:
    """Commit; at each acknowledgement cut the power in several ways and look what the disk holds."""
    disk, chance = Disk(), random.Random(7)
    shutil.copy(sqlite_template, tmp_path / "live.db")
    with Store.open(f"sqlite:///{tmp_path / 'live.db'}", keys, connect=connect(disk)) as store:
        for n in range(1, COMMITS + 1):
            with store.begin() as tx:
                documents(tx, AT_ONCE)
                payloads.store(tx, chance.randbytes(100_000), owner="o", lane="test")  # checkpoints come along
            for place, how in enumerate([None, chance, chance]):
                check(disk.after_power_cut(tmp_path / f"cut-{n}-{place}", how), n, keys)
                shutil.rmtree(tmp_path / f"cut-{n}-{place}")
    return disk


def check(database: Path, acknowledged: int, keys: Keys) -> None:
    with closing(sqlite3.connect(database)) as connection:
        (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
        assert verdict == "ok"
        (count,) = connection.execute("SELECT count(*) FROM document").fetchone()
        assert count == acknowledged * AT_ONCE, "something acknowledged is gone, or there is half a transaction"
    with Store.open(f"sqlite:///{database}", keys) as store, store.read() as view:
        row = view.by_ids(schema.payload, [acknowledged])[0]
        assert len(payloads.read_all(view, row.id)) == 100_000


def test_what_was_acknowledged_survives_a_power_cut(sqlite_template: Path, tmp_path: Path, keys: Keys) -> None:
    disk = acknowledge_and_cut(sqlite_template, tmp_path, keys, lambda disk: disk.connect)
    assert disk.syncs > COMMITS


@pytest.mark.parametrize("mode", ["OFF", "NORMAL"])
def test_this_test_sees_a_database_that_does_not_sync(
    sqlite_template: Path, tmp_path: Path, keys: Keys, mode: str
) -> None:
    with pytest.raises(AssertionError, match="something acknowledged is gone"):
        acknowledge_and_cut(sqlite_template, tmp_path, keys, lambda disk: disk.careless(mode))


def test_what_may_be_taken_back_goes_as_a_whole_and_lasts_with_what_lasts_after_it(
    sqlite_template: Path, tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk, chance = Disk(), random.Random(11)
    monkeypatch.setattr(Mover, "start", lambda mover: chance.random() < 0.5 and mover._move())  # not beside the cuts
    shutil.copy(sqlite_template, tmp_path / "live.db")
    lasting, taken_back = 0, 0
    with Store.open(f"sqlite:///{tmp_path / 'live.db'}", keys, connect=disk.connect) as store:
        for n in range(1, COMMITS + 1):
            is_lasting = n % 6 == 0
            with store.begin(lasting=is_lasting) as tx:
                documents(tx, AT_ONCE)
                payloads.store(tx, chance.randbytes(400_000), owner="o", lane="test")
            lasting = n if is_lasting else lasting
            for place, how in enumerate([None, chance, chance]):
                database = disk.after_power_cut(tmp_path / f"cut-{n}-{place}", how)
                with closing(sqlite3.connect(database)) as connection:
                    (verdict,) = connection.execute("PRAGMA integrity_check").fetchone()
                    (count,) = connection.execute("SELECT count(*) FROM document").fetchone()
                assert verdict == "ok"
                assert count % AT_ONCE == 0, "there is half a transaction"
                assert lasting <= count // AT_ONCE <= n, "something that lasts is gone"
                taken_back += count // AT_ONCE < n
                shutil.rmtree(tmp_path / f"cut-{n}-{place}")
    assert taken_back, "this test saw nothing but what lasts"
