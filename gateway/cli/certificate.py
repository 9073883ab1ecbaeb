"""`gateway certificate`: what our AS2 connections hold, a new one, theirs or ours loaded beside the old, out again."""

from __future__ import annotations

import json as jsonlib
import os
import secrets as random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.as2.identity import (
    Certificate,
    OwnCertificate,
    UnusableCertificate,
    newest,
    our_certificate,
    self_signed,
    their_certificate,
)
from gateway.channels.as2_sheet import our_item, their_item
from gateway.cli.deciding import decided
from gateway.cli.opening import settings
from gateway.cli.profiles import folders, shown, written
from gateway.cli.stop import Stop
from gateway.partners import secrets
from gateway.partners.book import Book
from gateway.partners.editing import CannotEdit, add_item
from gateway.partners.faults import ProfileFaults, nearest
from gateway.partners.secrets import SecretMissing
from gateway.pipeline.certificates import Held, held
from gateway.pipeline.proofreading import proofread

app = typer.Typer(add_completion=False, no_args_is_help=True)

LEFT = 1  # exit code: it was shown and not done
_PRIVATE = 0o600
Secret = Annotated[
    str | None, typer.Option("--password", metavar="REF", help="Where its password is: env:NAME or file:/path.")
]


@app.callback()
def certificate() -> None:
    """The certificates of our AS2 connections: show, make, import, export."""


@app.command()
def show(
    what: Annotated[
        str | None, typer.Argument(help="A connection, or a file (PEM, DER, PKCS#7); without it every connection.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a certificate.")] = False,
) -> None:
    """Who is trusted with what, until when, and which of two is used now."""
    now = datetime.now(UTC)
    if what is not None and Path(what).is_file():
        rows = [_plain("file", what, _read(lambda: their_certificate(Path(what).read_bytes())), (), now)]
    else:
        sides, unusable = held(_book(), secrets.resolve)
        if what is not None and not any(side.connection.name == what for side in sides) and what not in unusable:
            raise Stop(f"{what!r} is no file and no AS2 connection: {nearest(what, _names(_book()))}")
        sides = [side for side in sides if what in (None, side.connection.name)]
        rows = [row for side in sides for row in _rows(side, now)]
        if wrong := {name: why for name, why in unusable.items() if what in (None, name)}:
            print("\n".join(f"gateway: {name}: {why}" for name, why in wrong.items()), file=sys.stderr)
    for row in rows:
        print(jsonlib.dumps(row) if json else _told(row))
    if not rows and not json:
        print("No AS2 connection holds a certificate yet.")


@app.command()
def make(
    name: Annotated[str, typer.Argument(help="What it is called: northwind-2027. The files are called so, too.")],
    common_name: Annotated[
        str | None, typer.Option("--for", help="The name inside of it; without it the same.")
    ] = None,
    years: Annotated[int, typer.Option(min=1, max=10, help="How long it is good.")] = 3,
    curve: Annotated[
        bool, typer.Option("--curve", help="An elliptic curve key (P-256); few partners read it.")
    ] = False,
) -> None:
    """A new key and a certificate signed by itself, as nearly all AS2 partners use them."""
    made = new_pair(name, common_name or name, years=years, curve=curve)
    folder = certificates_folder()
    print(_told(_plain("made", name, made, (), datetime.now(UTC))))
    print(f"{folder / name}.pem   for your partners; the sheet of `gateway partner new --as2` has it in it")
    print(f"{folder / name}.key   the key: this user only reads it; it must be on every host, and in no mail")
    print(f"To use it: gateway certificate import {name} CONNECTION... --from DATE")


@app.command("import")
def import_(
    file: Annotated[str, typer.Argument(help="PEM, DER, PKCS#7 or PKCS#12, or the name of one that `make` made.")],
    connections: Annotated[list[str], typer.Argument(metavar="CONNECTION...", help="Where it is used.")],
    use_from: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="The day from which it counts: 2027-01-01.")
    ] = None,
    password: Secret = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
) -> None:
    """Load a certificate beside the one in use. One without a key is theirs, one with its key is ours.

    Until the day it counts the old one is used; both are accepted until the old one ends. Exit code 1: nothing done.
    """
    day = _day(use_from)
    loaded = _loaded(file, password, day)
    book = _book()
    for name in connections:
        if name not in _names(book):
            raise Stop(f"there is no AS2 connection {name!r}: {nearest(name, _names(book))}")
    now = datetime.now(UTC)
    print(_told(_plain("new", file, loaded.certificate, (), now)))
    sides = {side.connection.name: side for side in held(book, secrets.resolve)[0] if side.ours == loaded.ours}
    for name in connections:
        print(f"  {name}: {_overlap(sides.get(name), loaded.certificate, now)}")
    if not decided("load", yes=yes):
        raise typer.Exit(LEFT)
    files = dict(written())
    item = loaded.item(use_from or "")
    for name in connections:
        where = f"partners/{book.connections[name].owner}/connections.yaml"
        try:
            files[where] = add_item(files[where], [name, loaded.key], item)
        except CannotEdit as error:
            by_hand = "\n".join(item)
            raise Stop(f"{shown(where)}: {error}. Write this under `{loaded.key}` of {name}:\n{by_hand}") from None
    try:
        proofread(files)
    except ProfileFaults as faults:
        loaded.undo()
        raise Stop(f"nothing was written, because the result would have faults:\n{faults}") from None
    for where, text in files.items():
        if text != written()[where]:
            (folders()["partners"] / where.partition("/")[2]).write_text(text, encoding="utf-8")
            print(shown(where))
    print("Compare the fingerprint by telephone, then: gateway check, gateway apply.")


@app.command()
def export(
    connection: Annotated[str, typer.Argument(help="An AS2 connection.")],
    theirs: Annotated[bool, typer.Option("--theirs", help="Theirs instead of ours.")] = False,
    p12: Annotated[
        Path | None, typer.Option("--p12", metavar="FILE", help="Certificate and key as PKCS#12, for another program.")
    ] = None,
    password: Secret = None,
) -> None:
    """The certificate used now, as PEM on standard output: what a partner asks for."""
    book = _book()
    if connection not in _names(book):
        raise Stop(f"there is no AS2 connection {connection!r}: {nearest(connection, _names(book))}")
    sides, unusable = held(book, secrets.resolve)
    if connection in unusable:
        raise Stop(f"{connection}: {unusable[connection]}")
    (side,) = [one for one in sides if one.connection.name == connection and one.ours != theirs]
    used = newest(side.certificates, datetime.now(UTC))
    if used is None:
        raise Stop(f"{connection} holds no certificate of {'theirs' if theirs else 'ours'} that is in use today")
    if p12 is None:
        print(used.pem().decode("ascii"), end="")
        return
    if not isinstance(used, OwnCertificate):
        raise Stop("only ours has a key to export")
    if password is None:
        raise Stop("a private key leaves only with a password: --password env:NAME or file:/path")
    _write(p12, used.p12(_secret(password).encode()), _PRIVATE)
    print(f"{p12}: certificate and key of {used.subject}, {used.fingerprint}")


# --- making and loading -------------------------------------------------------------------------------------------


def certificates_folder() -> Path:
    """Where keys of ours are, beside the payload key and out of every version control."""
    return settings().home.absolute() / "certificates"


def new_pair(name: str, common_name: str, *, years: int = 3, curve: bool = False) -> OwnCertificate:
    """A key in a file of mode 0600 and its certificate in another. Never overwrites one."""
    if not name or name != Path(name).name or name.startswith("."):
        raise Stop(f"{name!r} is no name for a file")
    folder = certificates_folder()
    for ending in ("key", "pem"):
        if (folder / f"{name}.{ending}").exists():
            raise Stop(
                f"{folder / name}.{ending} is there already; take another name, e.g. {name}-{datetime.now(UTC):%Y}"
            )
    key: Any = ec.generate_private_key(ec.SECP256R1()) if curve else rsa.generate_private_key(65537, 2048)
    now = datetime.now(UTC).replace(microsecond=0)
    made = self_signed(
        key, common_name, random.randbits(159) | 1, now - timedelta(hours=1), now + timedelta(365 * years)
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(folder / f"{name}.key", _key_pem(made), _PRIVATE)
    _write(folder / f"{name}.pem", made.pem(), 0o644)
    return made


def _key_pem(own: OwnCertificate) -> bytes:
    return own.private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        raise Stop(f"{path}: {error.strerror}") from None
    with os.fdopen(handle, "wb") as file:
        file.write(content)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A certificate out of a file, and how a profile names it."""

    certificate: Certificate
    name: str = ""  # of ours: its files
    made_now: bool = False

    @property
    def ours(self) -> bool:
        return isinstance(self.certificate, OwnCertificate)

    @property
    def key(self) -> str:
        return "our_certificates" if self.ours else "their_certificates"

    def item(self, use_from: str) -> list[str]:
        if not self.ours:
            return their_item(self.certificate, use_from)
        base = certificates_folder() / self.name
        return our_item(f"file:{base}.pem", f"file:{base}.key", use_from)

    def undo(self) -> None:
        if self.made_now:
            for ending in ("key", "pem"):
                (certificates_folder() / f"{self.name}.{ending}").unlink()


def _loaded(file: str, password: str | None, day: datetime | None) -> _Loaded:
    pair = [certificates_folder() / f"{Path(file).name}.{ending}" for ending in ("pem", "key")]
    if not Path(file).is_file() and all(one.is_file() for one in pair):
        data = b"\n".join(one.read_bytes() for one in pair)
        return _Loaded(_read(lambda: our_certificate(data, None, day)), Path(file).name)
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise Stop(f"{file}: {error.strerror}; nor is one of that name in {certificates_folder()}") from None
    if b"PRIVATE KEY-----" not in data:
        try:
            return _Loaded(their_certificate(data, day))
        except UnusableCertificate as error:
            if b"-----BEGIN" in data or data[:1] != b"\x30":
                raise Stop(f"{file}: {error}") from None
    secret = _secret(password).encode() if password is not None else None
    own = _read(lambda: our_certificate(data, secret, day))
    name = f"{Path(file).stem}-{own.fingerprint[:8].replace(':', '').lower()}"
    folder = certificates_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(folder / f"{name}.key", _key_pem(own), _PRIVATE)
    _write(folder / f"{name}.pem", own.pem(), 0o644)
    return _Loaded(own, name, made_now=True)


def _read(reading: Any) -> Any:
    try:
        return reading()
    except UnusableCertificate as error:
        raise Stop(str(error)) from None


def _secret(reference: str) -> str:
    if not secrets.is_reference(reference):
        raise Stop("name the password, do not write it: env:NAME or file:/path")
    try:
        return secrets.resolve(reference)
    except SecretMissing as error:
        raise Stop(str(error)) from None


def _day(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except ValueError:
        raise Stop(f"{text!r} is no day; write it as 2027-01-01") from None


# --- saying -------------------------------------------------------------------------------------------------------


def _book() -> Book:
    try:
        return Book.from_files(written())
    except ProfileFaults as faults:
        raise Stop(f"the profiles have faults:\n{faults}") from None


def _names(book: Book) -> list[str]:
    return [name for name, one in book.connections.items() if one.kind == "as2"]


def _rows(side: Held, now: datetime) -> Iterator[dict[str, Any]]:
    whose = "ours" if side.ours else "theirs"
    for one in sorted(side.certificates, key=lambda found: found.use_from):
        yield _plain(whose, side.connection.name, one, side.certificates, now)


def _plain(whose: str, where: str, one: Certificate, among: Sequence[Certificate], now: datetime) -> dict[str, Any]:
    key = one.key
    return {
        "where": where,
        "whose": whose,
        "subject": one.subject,
        "fingerprint": one.fingerprint,
        "key": f"RSA {key.key_size}" if isinstance(key, rsa.RSAPublicKey) else f"curve {key.curve.name}",
        "use_from": f"{one.use_from:%Y-%m-%dT%H:%M:%SZ}",
        "use_until": f"{one.use_until:%Y-%m-%dT%H:%M:%SZ}",
        "days_left": one.days_left(now),
        "state": _state(one, among, now),
        "remarks": one.faults(),
    }


def _state(one: Certificate, among: Sequence[Certificate], now: datetime) -> str:
    if now >= one.use_until:
        return "ended"
    if now < one.use_from:
        return "not yet"
    return "accepted" if among and newest(among, now) is not one else "used"


def _told(row: dict[str, Any]) -> str:
    left = row["days_left"]
    days = f"{left} days left" if left >= 0 else f"ended {-left} days ago"
    lines = [
        f"{row['where']}, {row['whose']}: {row['subject']}, {row['key']}, {row['state']}",
        f"  from {row['use_from'][:10]} to {row['use_until'][:10]}, {days}",
        f"  SHA-256 {row['fingerprint']}",
        *(f"  ! {remark}" for remark in row["remarks"]),
    ]
    return "\n".join(lines)


def _overlap(side: Held | None, one: Certificate, now: datetime) -> str:
    """What happens on which day, so that the partner can be told."""
    if side is None or not side.certificates:
        return "the first one of this side"
    if any(other.fingerprint == one.fingerprint for other in side.certificates):
        raise Stop(f"{side.connection.name} holds this certificate already")
    before = newest(side.certificates, max(one.use_from, now))
    use = "signs" if side.ours else "is encrypted to"
    if before is None:
        last = max(other.use_until for other in side.certificates)
        return f"! the old one ends on {last:%Y-%m-%d}, before this one counts: nothing goes in between"
    begins = max(one.use_from, now)
    if before.use_from > one.use_from:
        return f"{before.subject} stays the one that {use}, since it counts from a later day; give --from DATE"
    return (
        f"from {begins:%Y-%m-%d} this one {use}; {before.subject} until then. "
        f"Both are accepted until {before.use_until:%Y-%m-%d}"
    )
