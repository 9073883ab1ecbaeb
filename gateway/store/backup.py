"""Backup and restore, in one form for both databases, so a backup also carries a gateway from SQLite to PostgreSQL.

A backup is a zip file: `manifest.json`, and `<table>.jsonl` with one JSON array of column values a line. It is read
from one snapshot while the gateway goes on working. Bodies stay sealed: without the payload keys a backup shows no
document, and the keys are not in it. The manifest carries a check value of every key that is needed, so a restore with
a wrong or missing key is refused before it begins, not at the first document somebody opens.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sqlalchemy import LargeBinary, Table, func, select, text, update

from gateway.store import control_numbers, migrations, schema
from gateway.store.crypto import KeyMissing
from gateway.store.engine import Store, Tx, View

FORMAT = 1
BATCH = 500
SKIP = 1000
"""Control numbers left out after a restore: more than a partner gets between two backups in most houses."""

Progress = Callable[[str, int], None]
_CARRIED = [table for table in schema.metadata.sorted_tables if "dialect" not in table.info]


class BackupRefused(Exception):
    """This backup cannot be made or restored here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup file holds."""

    path: Path
    taken_at: str
    revision: str
    rows: dict[str, int]


def write(store: Store, path: Path, progress: Progress = lambda table, rows: None) -> Backup:
    """Write a backup; the file appears under its name only when it is complete."""
    unfinished = path.with_name(path.name + ".part")
    try:
        with store.read() as view, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            revision = migrations.current(view.connection)
            if revision is None or store.pending_migrations():
                raise BackupRefused("the database is not up to date; run: gateway migrate")
            members = {}
            for table in _CARRIED:
                with archive.open(f"{table.name}.jsonl", "w", force_zip64=True) as file:
                    members[table.name] = _dump(view, table, file)
                progress(table.name, members[table.name]["rows"])
            taken_at = dt.datetime.fromtimestamp(view.now / 1_000_000, dt.UTC).isoformat()
            manifest = {
                "format": FORMAT,
                "taken_at": taken_at,
                "revision": revision,
                "sequences": _sequences(view),
                "keys": {key_id: _check(store, key_id) for key_id in _keys_in_use(view)},
                "tables": members,
            }
            archive.writestr("manifest.json", json.dumps(manifest, indent=1))
        unfinished.replace(path)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()
    return Backup(path, taken_at, revision, {name: member["rows"] for name, member in members.items()})


def restore(
    store: Store, path: Path, *, skip_control_numbers: int = SKIP, progress: Progress = lambda table, rows: None
) -> Backup:
    """Fill an empty database from a backup: all of it in one transaction, or nothing.

    Leases of the old workers are ended. Control numbers go on `skip_control_numbers` later, because those given out
    after the backup was taken must never be given out again. Raises BackupRefused.
    """
    with zipfile.ZipFile(path) as archive:
        manifest = _manifest(archive)
        _check_keys(store, manifest["keys"])
        store.migrate()
        with store.begin() as tx:
            revision = migrations.current(tx.connection)
            if manifest["revision"] != revision:
                raise BackupRefused(
                    f"the backup is of database revision {manifest['revision']}, this version has {revision}; "
                    "restore it with the version that made it, then migrate"
                )
            for table in _CARRIED:
                if tx.scalar(select(func.count()).select_from(table)):
                    raise BackupRefused(f"the database is not empty ({table.name} has rows); restore into a new one")
            rows = {}
            for table in _CARRIED:
                rows[table.name] = _load(tx, table, archive, manifest["tables"][table.name])
                progress(table.name, rows[table.name])
            _set_sequences(tx, manifest["sequences"])
            for table in schema.LEASED.values():
                tx.execute(update(table).values(lease_owner=None, lease_until=None))
            # It may have been tried since: a call looks before it sends where a claim's end is not on record.
            owed = schema.delivery.c
            tx.execute(update(schema.delivery).where(owed.stage.is_not(None)).values(lease_fence=owed.lease_fence + 1))
            control_numbers.skip_ahead(tx, skip_control_numbers)
    return Backup(path, manifest["taken_at"], manifest["revision"], rows)


def _dump(view: View, table: Table, file: IO[bytes]) -> dict[str, Any]:
    digest, count = hashlib.sha256(), 0
    binary = [isinstance(column.type, LargeBinary) for column in table.columns]
    result = view.connection.execution_options(yield_per=BATCH).execute(select(table))
    for row in result:
        values = [
            base64.b64encode(value).decode() if is_binary and value is not None else value
            for value, is_binary in zip(row, binary, strict=True)
        ]
        line = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        file.write(line)
        digest.update(line)
        count += 1
    return {"columns": [column.name for column in table.columns], "rows": count, "sha256": digest.hexdigest()}


def _load(tx: Tx, table: Table, archive: zipfile.ZipFile, member: dict[str, Any]) -> int:
    names = member["columns"]
    binary = [isinstance(table.c[name].type, LargeBinary) for name in names]
    digest, batch, count = hashlib.sha256(), [], 0
    with archive.open(f"{table.name}.jsonl") as file:
        for line in file:
            digest.update(line)
            values = [
                base64.b64decode(value) if is_binary and value is not None else value
                for value, is_binary in zip(json.loads(line), binary, strict=True)
            ]
            batch.append(dict(zip(names, values, strict=True)))
            count += 1
            if len(batch) == BATCH:
                tx.insert(table, batch)
                batch = []
    tx.insert(table, batch)
    if (count, digest.hexdigest()) != (member["rows"], member["sha256"]):
        raise BackupRefused(f"the backup is damaged: {table.name} is not what was written")
    return count


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(archive.read("manifest.json"))
    except KeyError:
        raise BackupRefused("this file is no backup of the gateway: it has no manifest") from None
    if manifest["format"] != FORMAT:
        raise BackupRefused(f"the backup has format {manifest['format']}; this version reads {FORMAT}")
    return manifest


def _keys_in_use(view: View) -> list[str]:
    found: set[str] = set()
    for table in (schema.payload_chunk, schema.canonical):
        found |= set(view.execute(select(table.c.key_id).distinct()).scalars())
    return sorted(found)


def _check(store: Store, key_id: str) -> str:
    try:
        return store.keys.check_value(key_id)
    except KeyMissing:
        raise BackupRefused(
            f"bodies are sealed under payload key {key_id}, which is not configured: a backup could not be read again; "
            "add its reference to GATEWAY_PAYLOAD_KEY"
        ) from None


def _check_keys(store: Store, needed: dict[str, str]) -> None:
    for key_id, expected in needed.items():
        if key_id not in store.keys.ids or store.keys.check_value(key_id) != expected:
            raise BackupRefused(
                f"the backup is sealed under payload key {key_id}, which is not configured here; "
                "set GATEWAY_PAYLOAD_KEY to the key the backup was made with"
            )


def _sequences(view: View) -> dict[str, int]:
    """The highest id given out, even if its row was deleted since: ids are never used twice."""
    if view.is_sqlite:
        return {row.name: row.value for row in view.all(select(schema.id_counter))}
    return {
        name: view.scalar(text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {name}_id_seq"))  # noqa: S608 - our names
        for name in schema.SEQUENCES
    }


def _set_sequences(tx: Tx, values: dict[str, int]) -> None:
    for name in schema.SEQUENCES:
        value = values.get(name, 0)
        if tx.is_sqlite:
            tx.execute(update(schema.id_counter).where(schema.id_counter.c.name == name).values(value=value))
        elif value:
            tx.execute(
                text("SELECT setval(CAST(:name AS regclass), :value)"), {"name": f"{name}_id_seq", "value": value}
            )
