"""File names: theirs made harmless for people, ours made safe for every system that may read them."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Mapping

LONGEST = 180  # bytes: 255 is what file systems take, less the temporary prefix, a claim and a partner's own suffix
PARTIAL = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".writing", ".swp")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)  # names Windows keeps for itself


def shown(name: str) -> str:
    """A partner's file name as it may be printed, stored and logged: one line, valid Unicode."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def is_partial(name: str) -> bool:
    """Names that uploaders give to what is not finished."""
    return name.startswith((".", "~")) or name.endswith("~") or name.lower().endswith(PARTIAL)


def is_plain(name: str) -> bool:
    """One step of a path, and nothing else."""
    return bool(name) and name not in (".", "..") and not any(c in name for c in "/\\\0")


def safe(text: str) -> str:
    """Text as a file name that every system takes: never empty, hidden, a path or too long."""
    name = _UNSAFE.sub("_", text).lstrip("._-")[:LONGEST]
    if not name.strip("._-"):
        return "document"
    return f"_{name}" if _DEVICES.fullmatch(name) else name


def from_template(template: str, values: Mapping[str, str]) -> str:
    """`{set}_{control_number}.edi` filled in, each value made safe first. KeyError names what is unknown."""
    filled: list[str] = []
    for literal, field, spec, conversion in string.Formatter().parse(template):
        filled.append(literal)
        if field is not None:
            if spec or conversion or not field.isidentifier():
                raise KeyError(field)  # no attributes, indexes or formats: values only
            filled.append(_UNSAFE.sub("_", values[field]))
    return safe("".join(filled))
