"""SFTP, their side calling: what a connection says about a partner who logs in to us, and how we owe files to it.

Nothing is sent on this wire. A delivery to it lies ready until the partner has fetched it (`gateway/sftpd` shows it in
their outbox); only that makes it delivered.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import ipaddress
import re
import struct
from datetime import date, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.channels.channel import Offered, Parcel, Refused, Resolve, SendOutcome
from gateway.channels.filename import is_partial, is_plain, shown
from gateway.partners.secrets import SecretRef, Setting
from gateway.partners.values import Duration, Written, wrong

KEY_KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
SMALLEST_RSA = 2048  # bits
_KEY_REMEDY = 'write the line of their .pub file: its kind and its base64, e.g. "ssh-ed25519 AAAAC3Nza..."'
_FOLDER = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+")


def key_blob(line: str) -> bytes:
    """The key in a line of an .pub file. Raises ValueError with what is wrong."""
    kind, _, rest = line.strip().partition(" ")
    if kind not in KEY_KINDS:
        raise ValueError(f"`{kind[:40]}` is no kind of key taken here")
    try:
        blob = base64.b64decode(rest.split(" ")[0], validate=True)
        fields = list(_fields(blob))
    except (binascii.Error, struct.error):
        raise ValueError("the key is cut off or mistyped") from None
    if not fields or fields[0] != kind.encode():
        raise ValueError("the key is of another kind than it says")
    if kind == "ssh-rsa" and int.from_bytes(fields[-1], "big").bit_length() < SMALLEST_RSA:
        raise ValueError(f"an RSA key of less than {SMALLEST_RSA} bits is no protection")
    return blob


def _fields(blob: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(blob):
        (size,) = struct.unpack_from(">I", blob, at)
        if at + 4 + size > len(blob):
            raise struct.error
        found.append(blob[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def _key_line(text: str) -> str:
    try:
        key_blob(text)
    except ValueError as error:
        raise wrong(str(error), _KEY_REMEDY) from None
    return text


def _folder(text: str) -> str:
    if not _FOLDER.fullmatch(text):
        raise wrong(f"`{text}` is no folder", "write /name or /name/name of letters, digits, `.`, `_` and `-`")
    return text


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise wrong(
            f"`{text}` is no address or network", "write e.g. 203.0.113.7, 203.0.113.0/24 or 2001:db8::/48"
        ) from None
    return text


Folder = Annotated[str, AfterValidator(_folder)]
Network = Annotated[str, AfterValidator(_network)]


class PublicKey(Written):
    """A key of theirs and the days of its use; two at once while one follows the other."""

    key: Annotated[str, AfterValidator(_key_line)]  # "ssh-ed25519 AAAA...", as in their .pub file
    use_from: date | None = None
    use_until: date | None = None

    def is_used_on(self, day: date) -> bool:
        return (self.use_from or dt.date.min) <= day <= (self.use_until or dt.date.max)


class SftpServerSettings(Written):
    """A partner's login on our SFTP server, and what they see there."""

    user: Setting = Field(description="Their login here. No two connections have the same.")
    keys: tuple[PublicKey, ...] = Field(
        default=(), description="Their public keys, each with `use_from` and `use_until` where one follows another."
    )
    password_hash: SecretRef | None = Field(
        default=None, description="The bcrypt hash of their password, where they have no key."
    )
    addresses: tuple[Network, ...] = Field(
        default=(), description="The addresses and networks they call from; empty takes any."
    )
    inbox: Folder | None = Field(default="/inbox", description="The folder they put files for us into.")
    outbox: Folder | None = Field(default="/outbox", description="The folder they fetch our files from.")
    temporary: tuple[str, ...] = Field(
        default=(),
        description="Further names of uploads that count only once they are renamed, such as `*.upl`.",
    )
    fetched: Literal["read", "removed"] = Field(
        default="read", description="When a file of ours counts as delivered: read to its end, or removed by them."
    )
    fetch_within: Duration = Field(
        default=timedelta(days=1), description="A file they have not fetched by then becomes a work item."
    )
    listed_for: Duration = Field(
        default=timedelta(hours=1),
        description="How long what they gave us stays in view. The same name and bytes again in this time is the same "
        "file, sent again because our answer was lost.",
    )
    unfinished_for: Duration = Field(
        default=timedelta(days=1), description="How long an upload that was cut off may be continued."
    )
    max_size: int = Field(default=2_000_000_000, ge=1, description="Bytes of the largest file we take.")
    max_unfinished: int = Field(
        default=10_000_000_000, ge=1, description="Bytes of all their unfinished uploads together."
    )
    max_handles: int = Field(default=64, ge=1, le=1024, description="Files and folders open at once in a session.")
    max_sessions: int = Field(default=8, ge=1, le=1000, description="Sessions at the same time.")
    bytes_per_second: int | None = Field(
        default=None, ge=1000, description="Bytes a second of all their sessions together; empty sets no limit."
    )
    idle: Duration = Field(
        default=timedelta(minutes=5),
        description="A session that asks nothing for so long is ended, half a request too.",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.keys and self.password_hash is None:
            raise wrong("no way for them to log in", "give it `keys:`, `password_hash:` or both")
        if self.inbox is None and self.outbox is None:
            raise wrong("a login without a folder", "give it `inbox:`, `outbox:` or both")
        if self.inbox is not None and self.inbox == self.outbox:
            raise wrong("inbox and outbox are one folder", "give them two names")
        return self


class SftpServerChannel:
    """What we send on this wire waits for them."""

    def __init__(self, settings: SftpServerSettings, resolve: Resolve) -> None:
        self.settings = settings

    def send(self, parcel: Parcel) -> SendOutcome:
        if self.settings.outbox is None:
            return Refused("this connection has no outbox")
        if not is_plain(parcel.filename) or is_partial(parcel.filename):
            return Refused(f"{shown(parcel.filename)!r} is not a file name we can show")
        return Offered(parcel.filename, self.settings.fetch_within.total_seconds())

    def close(self) -> None:
        """Nothing is open."""
