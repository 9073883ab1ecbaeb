"""What a partner was promised of a large upload outlives the power; what is on its way may be taken back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sftp_site import book_with, login, new_key

from gateway.partners import secrets
from gateway.pipeline.house import House
from gateway.sftpd.keeping import Keeper
from gateway.sftpd.login import Logins
from gateway.sftpd.uploading import TOGETHER, Memory, Upload
from gateway.store import payloads, uploads
from gateway.store.crypto import Keys
from gateway.store.engine import Record, Store
from gateway.store.moving import Mover
from gateway.store.payloads import CHUNK

pytest.importorskip("apsw", reason="apsw is in the test extra: an older environment lacks it until it is made again")

from tests.store.power import Disk

pytestmark = pytest.mark.faults


def test_a_flush_of_theirs_lasts_even_where_nothing_waits_in_memory(
    sqlite_template: Path, tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Mover, "start", lambda mover: None)  # what it moves lasts, too
    disk, book = Disk(), book_with(login("blue-ridge", new_key(tmp_path / "key")))
    partner = Logins(book.connections, secrets.resolve).by_user["blue-ridge"]
    shutil.copy(sqlite_template, tmp_path / "live.db")

    def after_a_power_cut(place: str) -> tuple[Record | None, list[bytes]]:
        database = disk.after_power_cut(tmp_path / place)
        with Store.open(f"sqlite:///{database}", keys) as found:
            row = uploads.find(found, "blue-ridge", "large.edi")
            if row is None or row.payload_id is None:
                return row, []
            with found.read() as view:
                chunks = [payloads.staged(view, row.payload_id, n, "blue-ridge") for n in range(-(-row.size // CHUNK))]
            return row, chunks

    with Store.open(f"sqlite:///{tmp_path / 'live.db'}", keys, connect=disk.connect) as store:
        keeper = Keeper(House(store, lambda: book, dict, lambda name: pytest.fail("nothing is sent")))
        try:
            upload, sent = (
                Upload(keeper, partner, "large.edi", Memory()),
                [bytes([n]) * CHUNK for n in range(TOGETHER + 1)],
            )
            for n, chunk in enumerate(sent):
                upload.write(n * CHUNK, chunk)
            upload._settle(0)
            assert after_a_power_cut("on its way") == (None, []), "this test sees nothing but what lasts"
            upload.flush()
            _, kept = after_a_power_cut("flushed")
            assert kept == sent
            upload.write(len(sent) * CHUNK, b"the end")
            keeper.keep(upload.finish("blue-ridge@127.0.0.1", is_temporary=False))
        finally:
            keeper.close()
    row, _ = after_a_power_cut("closed")
    assert row is not None
    assert (row.status, row.size) == (uploads.RECEIVED, len(sent) * CHUNK + len(b"the end"))
