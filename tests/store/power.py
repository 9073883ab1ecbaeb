"""A disk that can lose its power: a recording VFS for SQLite, through apsw, in the shape of Python's sqlite3 driver.

Every write goes to the real file and into a record. What `xSync` has confirmed is durable; the rest may or may not
survive, in any order. `Disk.after_power_cut` writes such a disk into another folder: nothing but what is durable, and
a chance part of the rest, whole pages or torn.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import apsw
import apsw.ext

Write = tuple[int, bytes]
SECTOR = 512


class Disk:
    """The durable contents of files, and the writes that are not durable yet."""

    def __init__(self) -> None:
        self.durable: dict[str, bytearray] = {}
        self.pending: dict[str, list[Write | int]] = {}  # a number is a truncation to that size
        self.syncs = 0
        self.name = f"recording-{id(self)}"
        self._vfs = _Vfs(self)

    def opened(self, path: str) -> None:
        if path not in self.pending:
            file = Path(path)
            self.durable[path] = bytearray(file.read_bytes() if file.exists() else b"")
            self.pending[path] = []

    def written(self, path: str, change: Write | int) -> None:
        self.pending[path].append(change)

    def synced(self, path: str) -> None:
        self.syncs += 1
        for change in self.pending[path]:
            _apply(self.durable[path], change)
        self.pending[path].clear()

    def deleted(self, path: str) -> None:
        self.durable.pop(path, None)
        self.pending.pop(path, None)

    def after_power_cut(self, folder: Path, chance: random.Random | None = None) -> Path:
        """Write what the disk would hold and return the database; without `chance` only what was synced survives."""
        folder.mkdir()
        for path, durable in self.durable.items():
            content = bytearray(durable)
            for change in self.pending[path]:
                if chance is not None and chance.random() < 0.5:
                    _apply(content, change if isinstance(change, int) else _torn(change, chance))
            if not path.endswith("-shm"):  # memory, not disk
                (folder / Path(path).name).write_bytes(content)
        return folder / Path(min(self.durable, key=len)).name

    def connect(self, path: str, *, timeout: float, isolation_level: None, check_same_thread: bool) -> Connection:
        """What Store.open calls in the place of sqlite3.connect."""
        return Connection(apsw.Connection(path, vfs=self.name), timeout)

    def careless(self, mode: str) -> Callable[..., Connection]:
        """The same for a store that says synchronous=`mode` where it means FULL."""

        def connect(path: str, **how: Any) -> Connection:
            connection = self.connect(path, **how)
            execute = connection.execute

            def weakened(statement: str, *rest: Any) -> Any:
                return execute(statement.replace("synchronous=FULL", f"synchronous={mode}"), *rest)

            connection.execute = weakened  # type: ignore[method-assign]
            return connection

        return connect


def _apply(content: bytearray, change: Write | int) -> None:
    if isinstance(change, int):
        del content[change:]
        return
    offset, data = change
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _torn(change: Write, chance: random.Random) -> Write:
    """A disk writes sectors whole, but not all of a page at once."""
    offset, data = change
    sectors = max(len(data) // SECTOR, 1)
    return offset, data[: SECTOR * chance.randint(1, sectors)] if chance.random() < 0.3 else data


class _Vfs(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__(disk.name, "unix")

    def xOpen(self, name: Any, flags: list[int]) -> _File:
        return _File(self._disk, name, flags)

    def xDelete(self, name: str, sync_directory: bool) -> None:
        super().xDelete(name, sync_directory)
        self._disk.deleted(name)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        disk.opened(self._path)
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)
        self._disk.written(self._path, (offset, bytes(data)))

    def xTruncate(self, size: int) -> None:
        super().xTruncate(size)
        self._disk.written(self._path, size)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self._disk.synced(self._path)


class Connection:
    """As much of sqlite3.Connection as SQLAlchemy uses."""

    isolation_level = None

    def __init__(self, inner: apsw.Connection, timeout: float) -> None:
        self.inner = inner
        inner.set_busy_timeout(int(timeout * 1000))

    def cursor(self) -> Cursor:
        return Cursor(self.inner)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        return self.cursor().execute(statement, parameters)

    def commit(self) -> None:
        if self.inner.in_transaction:
            self.inner.execute("COMMIT")

    def rollback(self) -> None:
        if self.inner.in_transaction:
            self.inner.execute("ROLLBACK")

    def close(self) -> None:
        self.inner.close()

    def create_function(self, name: str, arguments: int, function: Any, **_: Any) -> None:
        self.inner.create_scalar_function(name, function, arguments)


class Cursor:
    """As much of sqlite3.Cursor as SQLAlchemy uses; reads all rows at once."""

    arraysize = 1
    lastrowid = None

    def __init__(self, inner: apsw.Connection) -> None:
        self._inner = inner
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        before = self._inner.total_changes()
        try:
            self._rows = list(self._inner.execute(statement, tuple(parameters)))
        except apsw.ConstraintError as error:
            raise sqlite3.IntegrityError(str(error)) from error
        except apsw.Error as error:
            raise sqlite3.OperationalError(str(error)) from error
        self.rowcount = self._inner.total_changes() - before
        columns = apsw.ext.query_info(self._inner, statement).description
        self.description = [(name, None, None, None, None, None, None) for name, _ in columns] or None
        return self

    def executemany(self, statement: str, many: Iterable[Sequence[Any]]) -> Cursor:
        before = self._inner.total_changes()
        self._inner.executemany(statement, [tuple(one) for one in many])
        self.rowcount = self._inner.total_changes() - before
        self.description = None
        return self

    def fetchone(self) -> Any:
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        n = size or self.arraysize
        found, self._rows = self._rows[:n], self._rows[n:]
        return found

    def fetchall(self) -> list[Any]:
        found, self._rows = self._rows, []
        return found

    def close(self) -> None:
        self._rows = []
