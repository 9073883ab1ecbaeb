"""The store as a verb opens it: by the settings, and only where there is one."""

from __future__ import annotations

import sys
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


@contextmanager
def made_store() -> Iterator[Store]:
    """The store of an installation that may be new: its home and its key are made if they are not there."""
    chosen = settings()
    try:
        made = chosen.first_run()
        if made is not None:
            print(
                f"made a payload key: {made}; keep a copy elsewhere, no stored document opens without", file=sys.stderr
            )
        opened = chosen.open_store()
    except (BadKey, ValueError) as error:
        raise Stop(str(error)) from None
    except OSError as error:
        raise Stop(f"GATEWAY_HOME {chosen.home}: {error.strerror}") from None
    with opened as store:
        yield store
