"""A backup restores to the same gateway, on either database, and refuses what it cannot do well."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.store import backup, control_numbers, ids, lease, payloads, schema
from gateway.store.crypto import Keys
from gateway.store.engine import Store
from gateway.store.migrations import current
from tests.store.rows import deliveries

COUNTER = ("northwind", "harbor-pine", "production", "ISA")


def fill(store: Store) -> payloads.Stored:
    with store.begin() as tx:
        stored = payloads.store(tx, b"x" * 2_500_000, owner="harbor-pine", lane="production")
        payloads.store(tx, b"small \xff", owner="harbor-pine", lane="production")
        deliveries(tx, 3, target="erp")
        control_numbers.draw(tx, [COUNTER] * 7)
        lease.claim(tx, schema.delivery, "deliver", "a dead worker", 1, 10**12)
        ids.take(tx, "document", 40)
    return stored


@pytest.mark.parametrize("other", ["sqlite", "postgresql"])
def test_what_is_backed_up_is_restored_on_either_database(
    store: Store, other: str, new_database: Callable[[str], str], keys: Keys, tmp_path: Path
) -> None:
    stored = fill(store)
    made = backup.write(store, tmp_path / "b.zip")
    with Store.open(new_database(other), keys) as target:
        read = backup.restore(target, tmp_path / "b.zip", skip_control_numbers=100)
        assert read.rows == made.rows
        with target.read() as view, store.read() as before:
            assert payloads.read_all(view, stored.id) == b"x" * 2_500_000
            for table in (schema.payload, schema.payload_chunk, schema.event):
                ordered = select(table).order_by(*table.primary_key)
                assert [tuple(row) for row in view.all(ordered)] == [tuple(row) for row in before.all(ordered)]
            assert current(view.connection) == made.revision
        with target.begin() as tx:
            assert list(ids.take(tx, "document", 1)) == [41]
            assert control_numbers.draw(tx, [COUNTER])[COUNTER] == [108]
            assert len(lease.claim(tx, schema.delivery, "deliver", "me", 10, 10**6)) == 3


def test_a_restore_with_another_key_is_refused_before_it_begins(
    store: Store, database_kind: str, new_database: Callable[[str], str], tmp_path: Path
) -> None:
    fill(store)
    backup.write(store, tmp_path / "b.zip")
    with Store.open(new_database(database_kind), Keys.single(b"o" * 32)) as target:
        with pytest.raises(backup.BackupRefused, match="GATEWAY_PAYLOAD_KEY"):
            backup.restore(target, tmp_path / "b.zip")
        with target.read() as view:
            assert view.all(select(schema.delivery)) == []


def test_a_backup_that_could_not_be_opened_again_is_refused(store: Store, database_url: str, tmp_path: Path) -> None:
    fill(store)
    with (
        Store.open(database_url, Keys.single(b"o" * 32)) as elsewhere,
        pytest.raises(backup.BackupRefused, match="not configured"),
    ):
        backup.write(elsewhere, tmp_path / "b.zip")
    assert list(tmp_path.glob("b.zip*")) == []


def test_a_database_with_rows_is_never_restored_over(store: Store, tmp_path: Path) -> None:
    fill(store)
    backup.write(store, tmp_path / "b.zip")
    with pytest.raises(backup.BackupRefused, match="not empty"):
        backup.restore(store, tmp_path / "b.zip")


def test_a_damaged_backup_restores_nothing(
    store: Store, database_kind: str, new_database: Callable[[str], str], keys: Keys, tmp_path: Path
) -> None:
    fill(store)
    backup.write(store, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as whole, zipfile.ZipFile(tmp_path / "cut.zip", "w") as cut:
        for name in whole.namelist():
            data = whole.read(name)
            cut.writestr(name, data.splitlines(keepends=True)[0] if name == "payload_chunk.jsonl" else data)
    with Store.open(new_database(database_kind), keys) as target:
        with pytest.raises(backup.BackupRefused, match="damaged"):
            backup.restore(target, tmp_path / "cut.zip")
        with target.read() as view:
            assert view.all(select(schema.payload)) == []


def test_a_backup_of_another_revision_names_both(store: Store, tmp_path: Path) -> None:
    backup.write(store, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as whole:
        manifest = json.loads(whole.read("manifest.json"))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as changed:
        changed.writestr("manifest.json", json.dumps(manifest | {"revision": "0000"}))
    with pytest.raises(backup.BackupRefused, match="0000"):
        backup.restore(store, tmp_path / "b.zip")
