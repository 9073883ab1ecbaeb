"""Profiles led to loopback: the wires of one partner as they are written, with other addresses, keys and certificates.

What of a wire is kept is what a partner would notice: names, algorithms, receipts, folders, patterns. The server of an
FTPS partner is pyftpdlib; where that is not installed a folder stands in for the wire, and the rehearsal says so.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import paramiko
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from gateway.as2.identity import OwnCertificate, self_signed
from gateway.channels.ftps import certificate_fingerprint
from gateway.channels.sftp_session import fingerprint
from gateway.cli.story.parties import free_port
from gateway.partners.book import Book

ELSEWHERE = {"url", "our_certificates", "their_certificates", "user", "password", "ca", "client_certificate"}
ELSEWHERE |= {"client_key", "receipt_url", "their_receipt_urls", "allow_http", "every", "schedule"}
"""Of an AS2 connection: where it leads, and what opens it."""
FILES = ("inbox", "outbox", "pattern", "archive", "renamed")  # what is kept of a server of theirs
FTPS_SERVER = ("pyftpdlib", "OpenSSL")
NO_FTPS = "the wire itself was not tried; with `pip install pyftpdlib pyopenssl` it is, against a real FTPS server"


@dataclass
class Loopback:
    """The rehearsal's own surroundings."""

    home: Path
    gateway: str  # http://127.0.0.1:PORT
    sftp_port: int  # of the partner's own SFTP server
    notes: list[str] = field(default_factory=list)  # what was stood in for

    @property
    def wires(self) -> Path:
        """Keys and folders of the partner's side, one folder a connection."""
        return self.home / "wires"

    def set_up(self, files: Mapping[str, str], book: Book, partner: str, lane: str) -> None:
        """The files in the rehearsal's folder, with every wire of the partner led here and no other one in use."""
        mine = {a.connection for a in book.agreements.values() if a.partner == partner and a.lane == lane}
        for name, text in files.items():
            path = self.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.name == "connections.yaml":
                wires = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - every scalar is text, nothing is made of it
                said = {
                    wire: self._led_here(wire, was) if wire in mine else {"kind": "http", "lane": was["lane"]}
                    for wire, was in wires.items()
                }
                text = yaml.safe_dump(said, sort_keys=False)
            path.write_text(text, encoding="utf-8")

    def _led_here(self, name: str, was: Mapping[str, Any]) -> dict[str, Any]:
        common = {"kind": was["kind"], "lane": was["lane"]}
        match was["kind"]:
            case "http":
                return {**common, "url": "env:REHEARSAL_URL", "bearer": "env:REHEARSAL_TOKEN"}
            case "sftp-server":
                kept = {key: was[key] for key in ("user", "inbox", "outbox") if key in was}
                return {**common, **kept, "password_hash": "env:REHEARSAL_HASH"}
            case "as2":
                return {**common, **self._as2(name, was)}
            case "sftp":
                login = self._login(name, was) | {"port": str(self.sftp_port), "host_keys": [self._host_key()]}
                return {**common, **login}
            case "ftps" if all(find_spec(package) for package in FTPS_SERVER):
                (self.wires / name).mkdir(parents=True, exist_ok=True)
                made, pem = _certified("127.0.0.1")
                (self.wires / f"{name}.pem").write_bytes(pem)
                login = self._login(name, was) | {"port": str(free_port()), "tls": was.get("tls", "explicit")}
                return {**common, **login, "certificates": [certificate_fingerprint(made.der)]}
            case "ftps":
                self.notes.append(f"a folder stood in for {name} (FTPS): {NO_FTPS}")
        folders = {"inbox": str(self.wires / name / "in"), "outbox": str(self.wires / name / "out")}
        for folder in folders.values():
            Path(folder).mkdir(parents=True, exist_ok=True)
        return {"kind": "directory", "lane": was["lane"], **folders, "stable_for": "0s", "every": "1s"}

    def _login(self, name: str, was: Mapping[str, Any]) -> dict[str, Any]:
        """A server of theirs on this machine, with the folders and habits of the written one."""
        kept = {key: was[key] for key in FILES if key in was}
        login = {"host": "127.0.0.1", "user": name, "password": "env:REHEARSAL_TOKEN"}
        return {**kept, **login, "every": "1s", "stable_for": "1s"}

    def _as2(self, name: str, was: Mapping[str, Any]) -> dict[str, Any]:
        """The same names and algorithms; a certificate for each side, made for this one rehearsal."""
        folder = self.wires / name
        folder.mkdir(parents=True, exist_ok=True)
        for side, common_name in (("ours", was["our_as2_name"]), ("theirs", was["their_as2_name"])):
            (folder / f"{side}.pem").write_bytes(_certified(common_name)[1])
        said = {key: value for key, value in was.items() if key not in (*ELSEWHERE, "kind", "lane")}
        said["our_certificates"] = [{"certificate": f"file:{folder}/ours.pem", "key": f"file:{folder}/ours.pem"}]
        said["their_certificates"] = [{"certificate": f"file:{folder}/theirs.pem"}]
        if was.get("url"):
            said["url"] = "env:REHEARSAL_AS2_URL"
        if was.get("receipt") == "async":
            said["receipt_url"] = f"{self.gateway}/as2"
        return said

    def _host_key(self) -> str:
        """The fingerprint of the key that their SFTP server shows."""
        path = self.wires / "host_key"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_pem(ed25519.Ed25519PrivateKey.generate(), serialization.PrivateFormat.OpenSSH))
        return fingerprint(paramiko.Ed25519Key.from_private_key_file(str(path)))


def _certified(common_name: str) -> tuple[OwnCertificate, bytes]:
    """A certificate for this one rehearsal, and the file with it and its key."""
    key = rsa.generate_private_key(65537, 2048)
    now = datetime.now(UTC).replace(microsecond=0)
    made = self_signed(key, common_name, secrets.randbits(159) | 1, now - timedelta(days=1), now + timedelta(days=365))
    return made, made.pem() + _pem(key, serialization.PrivateFormat.PKCS8)


def _pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, form: serialization.PrivateFormat) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
