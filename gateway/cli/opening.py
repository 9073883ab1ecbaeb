"""The store as a verb opens it: by the settings, and only where there is one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def first_run(chosen: Settings) -> Path | None:
    """Make what a new installation needs; the key file, if it was made now."""
    try:
        return chosen.first_run()
    except OSError as error:
        raise Stop(f"GATEWAY_HOME {chosen.home.absolute()} cannot be made or written: {error.strerror}") from None


@contextmanager
def opened_store() -> Iterator[Store]:
    """The store of an installation that has run before."""
    chosen = settings()
    file = Path(chosen.database.removeprefix("sqlite:///"))
    if chosen.database.startswith("sqlite:///") and not file.exists():
        place, named = (file, "GATEWAY_DATABASE_URL") if chosen.database_url else (file.parent, "GATEWAY_HOME")
        raise Stop(f"there is no gateway in {place}; `gateway run` makes one there, {named} names another")
    try:
        opened = chosen.open_store()
    except BadKey as error:
        raise Stop(str(error)) from None
    with opened as store:
        if missing := store.pending_migrations():
            behind = f"{len(missing)} step{'s' * (len(missing) > 1)}"
            raise Stop(f"the database is {behind} behind this version; run `gateway migrate` first")
        yield store


@contextmanager
def made_store() -> Iterator[Store]:
    """The store of an installation that may be new: its home and its key are made if they are not there."""
    chosen = settings()
    made = first_run(chosen)
    if made is not None:
        print(f"A key that seals stored bodies was made: {made}. Keep a copy elsewhere.", file=sys.stderr)
    try:
        opened = chosen.open_store()
    except (BadKey, ValueError) as error:
        raise Stop(str(error)) from None
    with opened as store:
        yield store
