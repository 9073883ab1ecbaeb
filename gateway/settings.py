"""The environment, read once, typed. docs/settings.md holds the sentences from here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from gateway.store.crypto import Keys, make_key_file
from gateway.store.engine import Store

PREFIX = "GATEWAY_"
KEY_FILE = "payload.key"


class SettingsWrong(ValueError):
    """The environment cannot be used; the message says which variable, why, and what to write."""


class Settings(BaseModel):
    """Every setting is an environment variable: GATEWAY_ and the field's name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(
        default=Path("var"),
        description="Folder for everything the gateway keeps itself: the SQLite database, the key file it makes.",
    )
    database_url: str = Field(
        default="",
        description="Where the database is: sqlite:////absolute/path.db or postgresql://user:password@host/name; "
        "empty means gateway.db in GATEWAY_HOME.",
    )
    payload_key: str = Field(
        default="",
        description="The keys that seal stored bodies, as env:NAME or file:/path, comma separated; the first seals, "
        "the others only open. Empty means payload.key in GATEWAY_HOME, made at the first run.",
    )
    partners: Path = Field(
        default=Path("partners"), description="Folder with companies, connections, partners and agreements."
    )
    maps: Path = Field(default=Path("maps"), description="Folder with the maps.")
    http_bind: str = Field(
        default="127.0.0.1:8800", description="Address and port of the web process, host:port; 0.0.0.0:8800 opens it."
    )
    public_url: str = Field(
        default="",
        description="How others reach the web process, https://edi.example.com; empty means its own address.",
    )
    sftp_bind: str = Field(
        default="",
        description="Address and port of the SFTP server, host:port; 0.0.0.0:2222 opens it. Empty: there is none.",
    )
    sftp_host_keys: str = Field(
        default="",
        description="The keys partners know our SFTP server by, as file:/path or env:NAME, comma separated. Empty "
        "means two in GATEWAY_HOME, made at the first run.",
    )
    sftp_sessions: int = Field(
        default=200, ge=1, le=10_000, description="Partners that one SFTP process serves at once."
    )
    body_limit_mb: int = Field(
        default=100,
        ge=1,
        le=2000,
        description="Largest document in megabytes that a door takes; a larger one gets 413.",
    )
    waiting_limit_mb: int = Field(
        default=64,
        ge=1,
        description="Megabytes of arrivals that may wait to be stored; beyond that doors answer 503 with Retry-After.",
    )
    send_threads: int = Field(
        default=16, ge=1, le=256, description="Calls and messages that one worker process has under way at once."
    )
    poll_threads: int = Field(
        default=4, ge=1, le=64, description="Folders, servers and systems that one worker process asks at once."
    )
    lease_seconds: int = Field(
        default=60,
        ge=3,
        le=3600,
        description="How long work that a killed worker had begun waits before another takes it. A living worker "
        "renews its claims three times in this time.",
    )
    drain_seconds: int = Field(
        default=20, ge=1, le=600, description="How long calls under way may take to end when the gateway is stopped."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least serious messages that are logged."
    )

    @field_validator("http_bind", "sftp_bind")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if not value:
            return value  # of a server that is not wanted; an empty variable is read as no variable
        host, colon, port = value.rpartition(":")
        if not colon or not host or not port.isdigit() or int(port) > 65535:
            raise ValueError("write host:port, such as 127.0.0.1:8800")
        return value

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
            raise ValueError("write sqlite:////absolute/path.db or postgresql://user:password@host/name")
        return value

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the environment. Raises SettingsWrong, which names every variable that is wrong."""
        found = os.environ if environment is None else environment
        values = {name: found[variable(name)] for name in cls.model_fields if found.get(variable(name), "") != ""}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            lines = [
                f"{variable(str(fault['loc'][0]))}: {fault['msg'].removeprefix('Value error, ')}"
                for fault in error.errors()
            ]
            raise SettingsWrong("\n".join(lines)) from None

    @property
    def database(self) -> str:
        """The address of the database, with the default filled in."""
        return self.database_url or f"sqlite:///{self.home.absolute() / 'gateway.db'}"

    @property
    def key_file(self) -> Path:
        """The key file a first run makes when no key is named."""
        return self.home.absolute() / KEY_FILE

    @property
    def http_host(self) -> str:
        return self.http_bind.rpartition(":")[0].strip("[]")

    @property
    def http_port(self) -> int:
        return int(self.http_bind.rpartition(":")[2])

    @property
    def sftp_host(self) -> str:
        return self.sftp_bind.rpartition(":")[0].strip("[]")

    @property
    def sftp_port(self) -> int:
        return int(self.sftp_bind.rpartition(":")[2])

    def keys(self, environment: Mapping[str, str] | None = None) -> Keys:
        """The payload keys. Raises BadKey."""
        found = os.environ if environment is None else environment
        return Keys.load(self.payload_key or f"file:{self.key_file}", found)

    def first_run(self) -> Path | None:
        """Make the home folder, and the key file if no key is named and none is there; returns it if it was made."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.payload_key or self.key_file.exists():
            return None
        try:
            make_key_file(self.key_file)
        except FileExistsError:  # another process of this first run was faster
            return None
        return self.key_file

    def open_store(self) -> Store:
        """The store these settings name. It is not migrated here."""
        return Store.open(self.database, self.keys())


def variable(field: str) -> str:
    """The environment variable of a field."""
    return PREFIX + field.upper()
