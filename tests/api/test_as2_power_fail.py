"""Every message whose receipt went out is there after the power was cut: through the door, over HTTP."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from as2_site import as2_site, certificates
from road_documents import interchange, order

from gateway.as2.mdn import Sent, judge
from gateway.pipeline import as2_wire
from gateway.store import payloads, schema
from gateway.store.crypto import Keys
from gateway.store.engine import Store

pytest.importorskip("apsw", reason="apsw is in the test extra: an older environment lacks it until it is made again")

from tests.store.power import Disk

pytestmark = pytest.mark.faults

MESSAGES = 12
SMALL = interchange([order()])
LARGE = SMALL + b"\r\n" * 150_000  # stored once, in several pages; checkpoints come along


def acknowledge_and_cut(
    sqlite_template: Path, folder: Path, keys: Keys, connect: Callable[..., Any], disk: Disk
) -> None:
    """Send; at each receipt cut the power in several ways and look what the disk holds."""
    chance, acknowledged = random.Random(11), {}
    shutil.copy(sqlite_template, folder / "live.db")
    with (
        Store.open(f"sqlite:///{folder / 'live.db'}", keys, connect=connect) as store,
        as2_site(store, folder, *certificates()) as site,
    ):
        for n in range(MESSAGES):
            message_id, document = f"<{n}@hp>", SMALL if n % 3 else LARGE
            message = site.message(document, message_id)
            body = message.body()
            answer = site.post(message.headers, body)
            sent = Sent(message_id, site.their_side.our.as2_name, site.their_side.their.as2_name, message.mics, True)
            assert judge(site.receipt(answer), sent).acknowledged
            acknowledged[message_id] = document, body, answer.content
            for place, how in enumerate([None, chance]):
                cut = folder / f"cut-{n}-{place}"
                check(disk.after_power_cut(cut, how), acknowledged, keys)
                shutil.rmtree(cut)


def check(database: Path, acknowledged: dict[str, tuple[bytes, bytes, bytes]], keys: Keys) -> None:
    """Each once, with its document, its work, the message as it came and the receipt that a repetition gets."""
    with Store.open(f"sqlite:///{database}", keys) as store, store.read() as view:
        rows = view.all(schema.transmission.select())
        kept = {row.transport_id: row for row in rows}
        assert kept.keys() == acknowledged.keys(), "something acknowledged is gone"
        assert len(rows) == len(kept), "something is there twice"
        for message_id, (document, body, receipt) in list(acknowledged.items())[-3:]:
            row = kept[message_id]
            assert row.stage == "unwrap"
            assert payloads.read_all(view, row.payload_id) == document
            assert payloads.read_all(view, row.receipt_payload_id).endswith(receipt)
            assert as2_wire.whole(view, row).endswith(b"\r\n\r\n" + body)


def test_what_a_receipt_acknowledged_survives_a_power_cut(sqlite_template: Path, tmp_path: Path, keys: Keys) -> None:
    disk = Disk()
    acknowledge_and_cut(sqlite_template, tmp_path, keys, disk.connect, disk)
    assert disk.syncs > MESSAGES


@pytest.mark.parametrize("mode", ["OFF", "NORMAL"])
def test_this_test_sees_a_door_that_does_not_sync(sqlite_template: Path, tmp_path: Path, keys: Keys, mode: str) -> None:
    disk = Disk()
    with pytest.raises(AssertionError, match="something acknowledged is gone"):
        acknowledge_and_cut(sqlite_template, tmp_path, keys, disk.careless(mode), disk)
