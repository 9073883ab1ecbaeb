"""The tables the migrations build are the tables of schema.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import make_url, select, text
from sqlalchemy.exc import OperationalError

from gateway.store import canonical_documents, events, migrations, payloads, schema
from gateway.store.crypto import Keys
from gateway.store.engine import Store
from gateway.store.migrations import newer_than_code


def test_the_migrated_database_is_exactly_the_schema(store: Store) -> None:
    _is_the_schema(store)


def _is_the_schema(store: Store) -> None:
    def is_ours(thing: object, name: str | None, type_: str, reflected: bool, other: object) -> bool:
        table = thing if type_ == "table" else getattr(thing, "table", None)
        only = table.info.get("dialect") if table is not None else None  # type: ignore[attr-defined]
        return only in (None, store.engine.dialect.name)

    with store.readers.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_object": is_ours}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), schema.metadata)
    assert differences == []


def test_every_table_with_an_id_has_its_sequence() -> None:
    with_id = {t.name for t in schema.metadata.sorted_tables if list(t.primary_key.columns.keys()) == ["id"]}
    assert with_id == set(schema.SEQUENCES)


def test_the_due_work_indexes_hold_only_due_work(store: Store) -> None:
    query = (
        "SELECT sql AS it FROM sqlite_master WHERE name LIKE 'ix_%_due'"
        if store.is_sqlite
        else "SELECT indexdef AS it FROM pg_indexes WHERE indexname LIKE 'ix_%_due'"
    )
    with store.read() as view:
        found = [row.it.replace("(", "").replace(")", "") for row in view.all(text(query))]
    assert len(found) == len(schema.LEASED)
    assert all(definition.endswith("WHERE due_at IS NOT NULL") for definition in found)


def test_postgresql_keeps_a_sealed_body_in_its_row(store: Store) -> None:
    if store.is_sqlite:
        pytest.skip("SQLite keeps a row in one piece anyway")
    with store.begin() as tx:
        canonical_documents.store_forms(tx, [(1, canonical_documents.Form("order", 1, bytes(5_000)))])
        payloads.store(tx, bytes(5_000), owner="acme", lane="test")
    apart = (
        "SELECT pg_relation_size(reltoastrelid) AS bytes FROM pg_class WHERE relname IN ('canonical', 'payload_chunk')"
    )
    with store.read() as view:
        assert [row.bytes for row in view.all(text(apart))] == [0, 0]


def test_what_was_stored_before_is_there_afterwards(
    database_kind: str, request: pytest.FixtureRequest, tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    if database_kind == "postgresql":
        server = request.getfixturevalue("postgresql")
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute("DROP DATABASE IF EXISTS of_before WITH (FORCE)")
            connection.execute("CREATE DATABASE of_before")
        url = make_url(server).set(database="of_before").render_as_string(hide_password=False)
    missing = migrations._missing
    with Store.open(url, keys) as store:
        with monkeypatch.context() as then:
            then.setattr(migrations, "_missing", lambda context: [one for one in missing(context) if one < "0007"])
            store.migrate()
        fact = events.Fact("order.received", "test", [("order", "acme/1"), ("return", "acme/2")], {}, 1)
        with store.begin() as tx:
            (number,) = events.append(tx, [fact])
            tx.insert(schema.delivery_document, [{"delivery_id": 5, "document_id": n} for n in (7, 8)])
        assert store.migrate() == ["0007", "0008", "0009"]
        with store.read() as view:
            assert [row.id for row in events.of_key(view, "return", "acme/2", "test")] == [number]
            carried = view.all(select(schema.delivery_document).order_by(schema.delivery_document.c.document_id))
            assert [tuple(row) for row in carried] == [(5, 7), (5, 8)]
            if store.is_sqlite:
                for table in ("event_key", "delivery_document"):
                    with pytest.raises(OperationalError, match="rowid"):
                        view.all(text(f"SELECT rowid FROM {table}"))
        _is_the_schema(store)


def test_migrating_twice_changes_nothing(store: Store) -> None:
    assert store.pending_migrations() == []
    assert store.migrate() == []


def test_a_database_of_a_later_version_is_recognised(store: Store) -> None:
    assert not newer_than_code(store)
    with store.begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert newer_than_code(store)
    assert store.migrate() == []


def test_a_failing_migration_leaves_nothing_behind(
    database_kind: str, new_database: Callable[[str], str], keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_database(database_kind)
    with Store.open(url, keys) as store:
        with store.begin() as tx:
            tx.execute(text("UPDATE alembic_version SET version_num = '0000'"))
        # Every table is there already, so the first one fails; on an empty database the failure comes at the end.
        monkeypatch.setattr("gateway.store.migrations._missing", lambda context: ["0001"])
        with pytest.raises(Exception, match="already exists"):
            store.migrate()
    with Store.open(url, keys) as store, store.read() as view:
        assert view.scalar(text("SELECT version_num FROM alembic_version")) == "0000"


def test_postgresql_is_reached_through_any_spelling_of_its_address(postgresql: str, keys: Keys) -> None:
    for driver in ("postgresql", "postgresql+psycopg"):
        with Store.open(make_url(postgresql).set(drivername=driver), keys) as store:
            store.ping()
    with psycopg.connect(postgresql) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("url", ["mysql://localhost/x", "sqlite://", "sqlite:///:memory:"])
def test_an_address_we_cannot_use_is_refused_in_words(url: str, keys: Keys) -> None:
    with pytest.raises(ValueError, match="GATEWAY_DATABASE_URL"):
        Store.open(url, keys)
