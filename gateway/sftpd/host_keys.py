"""The keys our SFTP server is known by: named in the settings, or made once and kept in GATEWAY_HOME."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from gateway.partners import secrets
from gateway.partners.secrets import SecretMissing

RSA_BITS = 3072  # for partners whose software knows no Ed25519
KINDS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


class BadHostKey(ValueError):
    """A host key cannot be used; the message says which and why."""


def load(references: str) -> list[paramiko.PKey]:
    """Keys from `file:/path` or `env:NAME`, comma separated. Raises BadHostKey."""
    return [_read(one.strip()) for one in references.split(",") if one.strip()]


def make(folder: Path) -> list[paramiko.PKey]:
    """The keys in this folder, made if they are not there: private ones mode 0600, public ones beside them."""
    keys: list[paramiko.PKey] = []
    for name, generate in (
        ("sftp_host_ed25519_key", ed25519.Ed25519PrivateKey.generate),
        ("sftp_host_rsa_key", lambda: rsa.generate_private_key(65537, RSA_BITS)),
    ):
        path = folder / name
        if not path.exists():
            _write(path, generate())
        keys.append(_read(f"file:{path}"))
    return keys


def _read(reference: str) -> paramiko.PKey:
    try:
        text = secrets.resolve(reference)
    except SecretMissing as error:
        raise BadHostKey(f"GATEWAY_SFTP_HOST_KEYS: {error}") from None
    for kind in KINDS:
        with suppress(paramiko.SSHException, ValueError):
            key: paramiko.PKey = kind.from_private_key(io.StringIO(text + "\n"))
            return key
    raise BadHostKey(f"GATEWAY_SFTP_HOST_KEYS: {reference} holds no private key without a passphrase")


def _write(path: Path, key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> None:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(private)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(part, path)  # never replaces the key another process of this first run made
    except FileExistsError:
        return
    finally:
        part.unlink()
    path.with_name(f"{path.name}.pub").write_bytes(public + b"\n")
