"""The statements of the store: their texts, made once, and the driver's own cursor they go to.

SQLAlchemy's way to the driver costs more than most of these statements do, so what runs for every row of every document
takes this one. Errors are SQLAlchemy's all the same.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from operator import is_not, itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Executable, Select, Table, bindparam, select, update
from sqlalchemy.exc import DBAPIError

from gateway.store.among import among


def driver_of(connection: Connection) -> Any:
    return connection.connection.driver_connection


def run(driver: Any, dialect: Dialect, statement: str, parameters: Sequence[Any] = ()) -> None:
    """One statement that gives no rows."""
    try:
        driver.execute(statement, parameters)
    except dialect.loaded_dbapi.Error as seen:
        raise _said(statement, seen, dialect) from seen


@contextmanager
def cursor_of(driver: Any, dialect: Dialect, statement: str) -> Iterator[Any]:
    """Where `run` is not enough."""
    cursor = driver.cursor()
    try:
        yield cursor
    except dialect.loaded_dbapi.Error as seen:
        raise _said(statement, seen, dialect) from seen
    finally:
        cursor.close()


def _said(statement: str, seen: Exception, dialect: Dialect) -> Exception:
    shortened(seen)
    return DBAPIError.instance(statement, None, seen, dialect.loaded_dbapi.Error, hide_parameters=True)


def quick(driver: Any, dialect: Dialect, statement: Executable, parameters: Mapping[str, Any]) -> list[Any]:
    """The rows of a plain statement, columns by name."""
    sql, places, row = _plain(statement, dialect)
    try:
        found = driver.execute(sql, [parameters[name] for name in places] if places is not None else parameters)
        return list(map(row, found.fetchall()))
    except dialect.loaded_dbapi.Error as seen:
        raise _said(sql, seen, dialect) from seen


@cache
def by_ids(table: Table, column: str) -> Select[Any]:
    """Rows whose column is among the parameter `among`."""
    return select(table).where(among(table.c[column]))


def values_of(rows: Sequence[Mapping[str, Any]], names: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """The values of rows in the order of the names. ValueError where rows differ in their columns."""
    for row in rows:
        if len(row) != len(names):
            raise ValueError(f"rows of one statement differ in their columns: {sorted(set(row) ^ set(names))}")
    if len(names) == 1:
        return [(row[names[0]],) for row in rows]
    return list(map(itemgetter(*names), rows))


def told(
    table: Table, names: tuple[str, ...], values: list[tuple[Any, ...]]
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Without the columns that hold nothing in any row: sqlite3 binds a number ten times faster than a NULL."""
    defaulted = _defaulted(table)
    columns = enumerate(zip(*values, strict=True))
    kept = [n for n, column in columns if any(map(_is_something, column)) or names[n] in defaulted]
    if len(kept) < 2 or len(kept) == len(names):
        return names, values
    return tuple(names[n] for n in kept), list(map(itemgetter(*kept), values))


_is_something = partial(is_not, None)


@cache
def _defaulted(table: Table) -> frozenset[str]:
    """Columns that the database fills where nothing is said of them: there a NULL is not nothing."""
    return frozenset(column.key for column in table.c if column.server_default is not None)


@cache
def insert(table: Table, names: tuple[str, ...], mark: str) -> str:
    """For one row; `mark` is the driver's sign for a parameter."""
    columns = ", ".join(f'"{table.c[name].name}"' for name in names)
    return f'INSERT INTO "{table.name}" ({columns}) VALUES ({", ".join([mark] * len(names))})'  # noqa: S608 - our names


def insert_one(table: Table, row: Mapping[str, Any], mark: str) -> tuple[str, tuple[Any, ...]]:
    """For this row, without the columns that hold nothing, and the values it takes."""
    defaulted = _defaulted(table)
    told = {name: value for name, value in row.items() if value is not None or name in defaulted}
    return insert(table, tuple(told), mark), tuple(told.values())


@cache
def put(table: Table, names: tuple[str, ...], mark: str) -> str:
    """The same, or in the place of the row with this primary key."""
    keys = [column.name for column in table.primary_key]
    changed = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name not in keys)
    return f"{insert(table, names, mark)} ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changed}"


@cache
def _plain(statement: Any, dialect: Dialect) -> tuple[str, list[str] | None, Callable[[Sequence[Any]], Any]]:
    """Its text, the names of its parameters in their places (None: they go by name), and what makes a row of values."""
    compiled = statement.compile(dialect=dialect)
    row = namedtuple("row", statement.exported_columns.keys())  # type: ignore[misc]
    return str(compiled), compiled.positiontup if compiled.positional else None, row._make


@cache
def copy(table: Table, names: tuple[str, ...], dialect: Dialect) -> tuple[str, list[str]]:
    """PostgreSQL's for many rows, and the types of its columns."""
    columns = ", ".join(f'"{table.c[name].name}"' for name in names)
    types = [str(table.c[name].type.compile(dialect)).lower() for name in names]
    return f'COPY "{table.name}" ({columns}) FROM STDIN (FORMAT BINARY)', types


@cache
def update_by(table: Table, names: tuple[str, ...], mark: str) -> str:
    """Sets all the names but the last, which is the key."""
    *changed, key = (table.c[name].name for name in names)
    settings = ", ".join(f'"{name}" = {mark}' for name in changed)
    return f'UPDATE "{table.name}" SET {settings} WHERE "{key}" = {mark}'  # noqa: S608 - our names


@cache
def set_same(table: Table, names: tuple[str, ...]) -> Executable:
    """The same values (`_name`) for every row whose id is among the parameter `among`."""
    changed = {name: bindparam(f"_{name}", type_=table.c[name].type) for name in names}
    return update(table).where(among(table.c.id)).values(changed)


def shortened(error: BaseException) -> bool:
    """PostgreSQL tells the whole row that broke a constraint: what partners sent, which has no place in a log."""
    said = getattr(error, "diag", None)
    if said is None or not said.message_detail:
        return False
    error.args = (said.message_primary,)
    return True
