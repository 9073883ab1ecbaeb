"""Opening the database, and the two ways to use it: `begin()` writes, `read()` looks at one snapshot.

Theory of operation:

- `Store` hides which database it is. SQLite: WAL, synchronous=FULL, every writing transaction is BEGIN IMMEDIATE, so it
  never fails half-way for want of the lock. Writers of one process queue on a thread lock, writers of several
  processes queue on a file lock beside the database (writer.py): the kernel wakes the next one at once, where SQLite
  alone sleeps and asks again. Beside a worker that commits batch after batch a door got 130 commits a second instead of
  4 at most, and waited 20 ms at p99 instead of seconds. Losing that file costs speed only; SQLite's own lock stays the
  judge.
- PostgreSQL: psycopg 3, READ COMMITTED for writers, REPEATABLE READ READ ONLY for readers.
- `tx.now` is the database's clock, one value for the whole transaction. On SQLite the database is in this machine, so
  its clock is this machine's.
- `tx.wake("stage")` tells waiting workers, after the commit, that there is something to claim (wake.py).
- Nobody outside this file and writer.py commits or rolls back, and nobody calls the network between `begin()` and its
  end.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeAlias

from sqlalchemy import (
    URL,
    Connection,
    CursorResult,
    Engine,
    Executable,
    Row,
    Table,
    bindparam,
    create_engine,
    event,
    make_url,
    select,
    text,
)
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from gateway.store import statements, wake
from gateway.store.crypto import Keys
from gateway.store.writer import FIRM, Writer

Record: TypeAlias = "Row[*tuple[Any, ...]]"
"""A row as it was read: columns by name, `row.id`, `row.stage`."""

Clock = Callable[[], int]
"""Microseconds since 1970, UTC. Tests pass one; everybody else leaves it to the database."""

BUSY_TIMEOUT_S = 60
"""How long a writer waits for SQLite's lock before it gives up: longer than any transaction of ours may take."""

READERS = 16
"""Connections one process keeps for reading. More would only queue on two cores."""

WRITERS_PAGES, READERS_PAGES = 32_768, 4096
"""KB of SQLite's pages that a connection keeps. Readers are many, and what they read is mostly read once."""

TOGETHER = 3
"""From so many rows on that get the same values, one statement sets them."""

READ_ONLY = "25006"  # PostgreSQL's sqlstate

COPIED = 5
"""From so many rows on PostgreSQL gets them by COPY; fewer are as cheap by statement."""


class View:
    """One consistent look at the database. Also everything a writing transaction can read."""

    def __init__(self, store: Store, connection: Connection) -> None:
        self.store = store
        self.connection = connection
        self.keys = store.keys
        self.is_sqlite = store.is_sqlite
        self._now: int | None = None

    @cached_property
    def driver(self) -> Any:
        return statements.driver_of(self.connection)

    @property
    def now(self) -> int:
        """The database's clock in microseconds UTC; the same value all through this transaction."""
        if self._now is None:
            self._now = self.store.clock() if self.store.clock else self._database_clock()
        return self._now

    def _database_clock(self) -> int:
        if self.is_sqlite:
            return time.time_ns() // 1000
        clock = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
        return int(self.connection.exec_driver_sql(clock).scalar_one())

    def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        return self.connection.execute(statement, parameters)

    def all(self, statement: Executable, parameters: Any = None) -> Sequence[Record]:
        return self.connection.execute(statement, parameters).all()

    def first(self, statement: Executable, parameters: Any = None) -> Record | None:
        return self.connection.execute(statement, parameters).first()

    def scalar(self, statement: Executable, parameters: Any = None) -> Any:
        return self.connection.execute(statement, parameters).scalar()

    def get(self, table: Table, row_id: int) -> Record | None:
        """The row of a table with this id."""
        return self.first(select(table).where(table.c.id == bindparam("_id")), {"_id": row_id})

    def quick(self, statement: Executable, parameters: Mapping[str, Any]) -> list[Any]:
        """The rows of a plain statement that runs for every file or message: it goes straight to the driver."""
        return statements.quick(self.driver, self.connection.dialect, statement, parameters)

    def by_ids(self, table: Table, ids: Sequence[Any], *, column: str = "id") -> list[Record]:
        """The rows whose id (or other column) is among these, in no order; any number of them."""
        return list(self.all(statements.by_ids(table, column), {"among": ids})) if ids else []


class Tx(View):
    """A writing transaction: all of it happens, or nothing."""

    def __init__(self, store: Store, connection: Connection) -> None:
        super().__init__(store, connection)
        self.wakes: set[str] = set()
        self.ids_ahead = store.ids_ahead  # of a table, on SQLite (ids.py)
        self.locked: set[tuple[str, int, int]] = set()  # (table, id, fence) of leases seen and locked (lease.py)
        self._after_commit: list[Callable[[], None]] = []

    def insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert many rows with one statement. All rows must name the same columns."""
        if len(rows) == 1 and self.is_sqlite:
            statement, told = statements.insert_one(table, rows[0], self._mark)
            statements.run(self.driver, self.connection.dialect, statement, told)
            return
        names = tuple(rows[0]) if rows else ()
        if len(rows) >= COPIED and not self.is_sqlite:
            self._copy(table, names, statements.values_of(rows, names))
        elif rows:
            values = statements.values_of(rows, names)
            if self.is_sqlite:
                names, values = statements.told(table, names, values)
            self._many(statements.insert(table, names, self._mark), values)

    def update(self, table: Table, rows: Sequence[Mapping[str, Any]], *, key: str = "id") -> None:
        """Set columns of many rows by key. Every row names the key and the same other columns."""
        if rows:
            names = (*(name for name in rows[0] if name != key), key)
            self._many(statements.update_by(table, names, self._mark), statements.values_of(rows, names))

    def put(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, or replace those with the same primary key. All rows must name the same columns."""
        if rows:
            names = tuple(rows[0])
            self._many(statements.put(table, names, self._mark), statements.values_of(rows, names))

    def set(self, table: Table, changes: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
        """Set columns of rows by id: whatever each row names, and one statement for all rows that get the same."""
        same: dict[tuple[tuple[str, Any], ...], list[int]] = {}
        for row_id, values in changes:
            same.setdefault(tuple(sorted(values.items())), []).append(row_id)
        alone: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for items, ids in same.items():
            names = tuple(name for name, _ in items)
            if len(ids) < TOGETHER:
                alone.setdefault(names, []).extend({"id": row_id, **dict(items)} for row_id in ids)
            else:
                values = {f"_{name}": value for name, value in items}
                self.execute(statements.set_same(table, names), {"among": ids, **values})
        for rows in alone.values():
            self.update(table, rows)

    @property
    def _mark(self) -> str:
        return "?" if self.is_sqlite else "%s"

    def _many(self, statement: str, parameters: list[tuple[Any, ...]]) -> None:
        """Straight to the driver: building each row's parameters in SQLAlchemy costs more than storing the row."""
        if len(parameters) == 1:
            statements.run(self.driver, self.connection.dialect, statement, parameters[0])
            return
        with statements.cursor_of(self.driver, self.connection.dialect, statement) as cursor:
            cursor.executemany(statement, parameters)

    def _copy(self, table: Table, names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
        """Many rows into PostgreSQL: COPY costs us a fifth of what a statement a row does."""
        statement, types = statements.copy(table, names, self.connection.dialect)
        with (
            statements.cursor_of(self.driver, self.connection.dialect, statement) as cursor,
            cursor.copy(statement) as copying,
        ):
            copying.set_types(types)
            for row in rows:
                copying.write_row(row)

    def take_turns(self, names: Sequence[str]) -> None:
        """Whoever else names one of these waits here for our commit. Name them in one order everywhere."""
        if names and not self.is_sqlite:  # SQLite has one writer at a time anyway
            self.connection.exec_driver_sql(_TAKE_TURNS, (list(names),))

    def wake(self, *stages: str) -> None:
        """Tell whoever waits for work of these stages, once this is committed."""
        self.wakes.update(stages)

    def after_commit(self, call: Callable[[], None]) -> None:
        """Run this when, and only when, everything here is durable. It must not fail and not block."""
        self._after_commit.append(call)

    def _committed(self) -> None:
        for call in self._after_commit:
            call()


_TAKE_TURNS = "SELECT count(pg_advisory_xact_lock(hashtextextended(name, 0))) FROM unnest(%s::text[]) AS name"


def _begin(connection: Connection) -> None:
    statements.run(statements.driver_of(connection), connection.dialect, "BEGIN")


def _said_otherwise(context: ExceptionContext) -> Exception | None:
    """To us a database that was made read-only is one that cannot be used now, as on SQLite."""
    error = context.original_exception
    if getattr(error, "sqlstate", None) == READ_ONLY:
        return OperationalError(context.statement, None, error, hide_parameters=True)
    if isinstance(context.sqlalchemy_exception, DBAPIError) and statements.shortened(error):
        return type(context.sqlalchemy_exception)(context.statement, None, error, hide_parameters=True)
    return None


def _as_the_server_says(connection: Any, *_: object) -> None:
    """After reading, a connection would insist on writing, even where an administrator made the database read-only."""
    connection.read_only = None


class Store:
    """The database of one gateway, open."""

    def __init__(
        self, url: URL, engine: Engine, readers: Engine, keys: Keys, clock: Clock | None, writer: Writer | None
    ) -> None:
        self.url = url
        self.engine = engine
        self.readers = readers
        self.keys = keys
        self.clock = clock
        self.is_sqlite = writer is not None
        self._writer = writer
        self.ids_ahead = writer.ids_ahead if writer else {}
        self._resting: list[PoolProxiedConnection] = []  # for `quick` on SQLite: the pool's way costs more than a look

    @classmethod
    def open(
        cls,
        url: str | URL,
        keys: Keys,
        *,
        clock: Clock | None = None,
        pool: int = 16,
        connect: Callable[..., Any] = sqlite3.connect,
    ) -> Store:
        """Open the database at a SQLAlchemy URL: `sqlite:////path/file.db` or `postgresql://user@host/name`.

        It does not build or change tables: see `migrate`. `connect` opens a SQLite file; the power-fail test passes a
        driver that records every write.
        """
        address = make_url(url)
        if address.get_backend_name() == "sqlite":
            return cls._open_sqlite(address, keys, clock, connect)
        if address.get_backend_name() != "postgresql":
            raise ValueError(
                f"GATEWAY_DATABASE_URL: {address.get_backend_name()} is not supported; use sqlite or postgresql"
            )
        address = address.set(drivername="postgresql+psycopg")
        # prepare_threshold: a server-side plan on first use, because the same few statements run for ever.
        engine = create_engine(
            address,
            pool_size=pool,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args={"prepare_threshold": 1},
            hide_parameters=True,  # an error ends in logs and in last_error: what partners sent has no place there
        )
        event.listen(engine, "handle_error", _said_otherwise)
        event.listen(engine, "checkout", _as_the_server_says)
        readers = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        return cls(address, engine, readers, keys, clock, None)

    @classmethod
    def _open_sqlite(cls, address: URL, keys: Keys, clock: Clock | None, connect: Callable[..., Any]) -> Store:
        if not address.database or address.database == ":memory:":
            raise ValueError("GATEWAY_DATABASE_URL: a SQLite database needs a file")
        path = Path(address.database).absolute()

        def open_file(*, writer: bool) -> Any:
            connection = connect(str(path), timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            pages = WRITERS_PAGES if writer else READERS_PAGES
            for pragma in ("journal_mode=WAL", *FIRM, "temp_store=MEMORY", f"cache_size=-{pages}"):
                connection.execute(f"PRAGMA {pragma}")
            if not writer:
                connection.execute("PRAGMA query_only=ON")
            return connection

        def engine(connections: int, *, writer: bool) -> Engine:
            return create_engine(
                "sqlite://",
                creator=lambda: open_file(writer=writer),
                poolclass=QueuePool,
                pool_size=connections,
                max_overflow=0,
                hide_parameters=True,
            )

        writers, readers = engine(1, writer=True), engine(READERS, writer=False)
        event.listen(readers, "begin", _begin)
        return cls(address.set(database=str(path)), writers, readers, keys, clock, Writer(path, writers, readers))

    @contextmanager
    def begin(self, *, lasting: bool = True) -> Iterator[Tx]:
        """A writing transaction, committed at the end of the block and rolled back by an exception.

        One that is not `lasting` may be taken back by a loss of power as long as no lasting one was committed after it:
        for what nobody was promised yet.
        """
        with self._writer.transaction(lasting=lasting) if self._writer else self.engine.begin() as connection:
            if not (lasting or self.is_sqlite):
                connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")
            tx = Tx(self, connection)
            yield tx
            if tx.wakes and not self.is_sqlite:
                wake.notify(connection, tx.wakes)
        if tx.wakes and self.is_sqlite:
            wake.ring(self.sqlite_path, tx.wakes)
        tx._committed()

    def quick(self, statement: Executable, parameters: Mapping[str, Any]) -> list[Any]:
        """The rows of one plain statement that runs for every request, in no transaction: it sees what is committed."""
        try:
            connection = self._resting.pop()
        except IndexError:
            connection = self.readers.raw_connection()
        try:
            return statements.quick(connection.driver_connection, self.readers.dialect, statement, parameters)
        finally:
            if self.is_sqlite and not self._resting:
                self._resting.append(connection)
            else:
                connection.close()

    @contextmanager
    def read(self) -> Iterator[View]:
        """One snapshot; writing through it fails."""
        with self.readers.begin() as connection:
            yield View(self, connection)

    def listen(self) -> wake.Listener:
        """Waits for `tx.wake(...)` of any process; close it when done."""
        if self.is_sqlite:
            return wake.FifoListener(self.sqlite_path)
        from gateway.store.notify_listener import NotifyListener  # with psycopg, which SQLite does without

        return NotifyListener(self.url)

    @cached_property
    def sqlite_path(self) -> Path:
        assert self.is_sqlite
        assert self.url.database
        return Path(self.url.database)

    def migrate(self) -> list[str]:
        """Bring the tables to this version's shape; returns the revisions that were applied."""
        from gateway.store.migrations import upgrade  # alembic costs 100 ms; only `gateway migrate` and first runs pay

        return upgrade(self)

    def pending_migrations(self) -> list[str]:
        """Revisions this version needs and the database does not have."""
        from gateway.store.migrations import pending

        return pending(self)

    def ping(self) -> None:
        """Raises if the database cannot be reached: /readyz."""
        with self.read() as view:
            view.execute(text("SELECT 1"))

    def close(self) -> None:
        if self._writer:
            self._writer.close()
        while self._resting:
            self._resting.pop().close()
        self.readers.dispose()
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_trouble(error: Exception) -> bool:
    """The database was away, full or busy: trying again may help, whatever was to be stored."""
    return isinstance(error, (OperationalError, InterfaceError)) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )
