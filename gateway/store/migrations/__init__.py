"""The tables, step by step: what `gateway migrate` applies.

Each revision says whether it runs before or after the code.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

if TYPE_CHECKING:
    from gateway.store.engine import Store

_LOCK = 0x6761746577617900  # "gateway": two nodes that start together migrate one after the other


def scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent))


def upgrade(store: Store) -> list[str]:
    """Apply what is missing in one transaction: a migration that fails leaves the tables as they were."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with store.begin() as tx:
        if not store.is_sqlite:
            tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        context = _context(tx.connection)
        missing = _missing(context)
        directory = scripts()
        for revision in missing:
            script = directory.get_revision(revision)
            with Operations.context(context):
                script.module.upgrade()
            context.stamp(directory, revision)
    return missing


def pending(store: Store) -> list[str]:
    with store.read() as view:
        return _missing(_context(view.connection))


def newer_than_code(store: Store) -> bool:
    """Whether a later version of the gateway has already changed this database."""
    with store.read() as view:
        known = {script.revision for script in scripts().walk_revisions()}
        return not set(_context(view.connection).get_current_heads()) <= known


def current(connection: Connection) -> str | None:
    heads = _context(connection).get_current_heads()
    return heads[0] if heads else None


def _context(connection: Connection) -> MigrationContext:
    options: dict[str, Any] = {"transactional_ddl": True}
    return MigrationContext.configure(connection, opts=options)


def _missing(context: MigrationContext) -> list[str]:
    done = set(context.get_current_heads()) if inspect(context.connection).has_table("alembic_version") else set()
    chain = [script.revision for script in scripts().walk_revisions()]  # newest first
    newest_applied = next((place for place, revision in enumerate(chain) if revision in done), len(chain))
    if done and newest_applied == len(chain):
        return []  # a later version's database: `newer_than_code` says so
    return list(reversed(chain[:newest_applied]))
