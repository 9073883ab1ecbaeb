"""Secrets are named in profiles and never written there: `env:NAME` or `file:/path`, looked up at the moment of use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

SCHEMES = ("env:", "file:")
REMEDY = "keep it outside and name it: env:NAME_OF_VARIABLE or file:/run/secrets/name"


class SecretMissing(Exception):
    """A reference names a secret that is not there. The message names the reference, never a value."""


def is_reference(text: str) -> bool:
    return text.startswith(SCHEMES)


def resolve(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """The value behind a reference; text that is no reference is its own value."""
    if text.startswith("env:"):
        name = text.removeprefix("env:")
        if name not in environ:
            raise SecretMissing(f"{text}: the environment has no variable {name}")
        return environ[name]
    if text.startswith("file:"):
        path = Path(text.removeprefix("file:"))
        try:
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise SecretMissing(f"{text}: the file cannot be read ({error.strerror})") from None
    return text


def _reference(text: str) -> str:
    if not is_reference(text):
        # The value itself is not repeated: faults are printed, logged and pasted into tickets.
        raise PydanticCustomError("literal_secret", "a secret is written out in a profile", {"remedy": REMEDY})
    if not text.partition(":")[2].strip():
        raise PydanticCustomError("literal_secret", "the reference names nothing", {"remedy": REMEDY})
    return text


def _without_password(text: str) -> str:
    """`https://user:password@host` is a secret written out."""
    authority = text.partition("://")[2].partition("/")[0]
    if "@" in authority and ":" in authority.partition("@")[0]:
        raise PydanticCustomError("literal_secret", "the address holds a password", {"remedy": REMEDY})
    return text


def _http_address(text: str) -> str:
    if not is_reference(text) and not text.lower().startswith(("https://", "http://")):
        remedy = f"write https://{text.partition('://')[2] or text}, or env:NAME_OF_VARIABLE"
        raise PydanticCustomError("no_url", "this is no address of HTTP", {"remedy": remedy})
    return text


SecretRef = Annotated[str, AfterValidator(_reference), Field(examples=["env:PARTNER_TOKEN", "file:/run/secrets/token"])]
"""The name of a secret."""

Setting = Annotated[str, AfterValidator(_without_password), Field(min_length=1)]
"""A value that differs by installation (an address, a path): written out, or named like a secret."""

Url = Annotated[Setting, AfterValidator(_http_address)]
"""An address of HTTP, written out or named."""
