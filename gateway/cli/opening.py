"""The store as a verb opens it: by the settings, and only where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.cli.stop import Stop
from gateway.settings import Settings, SettingsWrong
from gateway.store.crypto import BadKey
from gateway.store.engine import Store


def settings() -> Settings:
    """The environment, or a sentence about what is wrong with it."""
    try:
        return Settings.load()
    except SettingsWrong as error:
        raise Stop(str(error)) from None


@contextmanager
def opened_store() -> Iterator[Store]:
    """The store of an installation that has run before."""
    chosen = settings()
    if not chosen.database_url and not (chosen.home / "gateway.db").exists():
        home = chosen.home.absolute()
        raise Stop(f"there is no gateway in {home}; `gateway run` makes one there, GATEWAY_HOME names another")
    try:
        opened = chosen.open_store()
    except BadKey as error:
        raise Stop(str(error)) from None
    with opened as store:
        if missing := store.pending_migrations():
            raise Stop(f"the database is {len(missing)} steps behind this version; run `gateway migrate` first")
        yield store
