"""Other people's AS2 programs, each in a process of its own on loopback."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from gateway.as2.identity import OwnCertificate
from gateway.cli.story.parties import free_port

PROGRAMS = Path(__file__).parent / "as2" / "interop"


@contextmanager
def pyas2lib_peer(folder: Path, us: OwnCertificate, peer: OwnCertificate) -> Iterator[str]:
    """The address of pyas2lib."""
    with _program([sys.executable, "-W", "ignore", str(PROGRAMS / "pyas2lib_peer.py")], folder, us, peer) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            process.wait(10)
            pytest.skip(f"pyas2lib does not start here: {(folder / 'log').read_text()[-200:]}")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _program(
    command: list[str], folder: Path, us: OwnCertificate, peer: OwnCertificate, *more: str
) -> Iterator[subprocess.Popen[str]]:
    """A peer with its files; what it says for people goes to `log`."""
    (folder / "us.crt").write_bytes(us.pem())
    (folder / "peer.p12").write_bytes(_p12(peer))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([*command, str(folder), *more], stderr=log, text=True, **pipes) as process,  # type: ignore[call-overload]
    ):
        yield process
        process.kill()


def _p12(own: OwnCertificate) -> bytes:
    """In the old encryption: oscrypto reads no newer one."""
    old = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(2000)
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())
        .build(b"x")
    )
    return pkcs12.serialize_key_and_certificates(b"x", own.private_key, own.x509, None, old)  # type: ignore[arg-type]


@dataclass
class Django:
    """django-pyas2, a web application with a database of its own."""

    url: str
    process: subprocess.Popen[str]

    def say(self, **words: str) -> dict[str, str]:
        """Change its record of us, let it send; the last message that it has."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(" ".join(f"{name}={value}" for name, value in words.items()) + "\n")
        self.process.stdin.flush()
        answer: dict[str, str] = json.loads(self.process.stdout.readline())
        return answer


def django_python(cache: pytest.Cache) -> Path:
    """An interpreter that has django-pyas2; made once and kept in pytest's cache."""
    folder = cache.mkdir("django-pyas2")
    venv = folder / "venv"
    python = venv / "bin" / "python"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test processes want it at once; the second finds it made
        if not (venv / "ready").exists():
            install = ["-m", "pip", "--python", str(python), "--disable-pip-version-check", "install", "-q"]
            for command in (["-m", "venv", "--clear", "--without-pip", str(venv)], [*install, "django-pyas2==1.2.3"]):
                done = subprocess.run(
                    [sys.executable, *command], capture_output=True, text=True, check=False, timeout=240
                )
                if done.returncode:
                    pytest.skip(f"django-pyas2 cannot be installed here: {done.stderr[-200:]}")
            (venv / "ready").touch()
    return python


@contextmanager
def django_peer(
    python: Path, folder: Path, us: OwnCertificate, peer: OwnCertificate, document: bytes, our_url: str
) -> Iterator[Django]:
    """django-pyas2, with a document `po.edi` that it can send to our address."""
    (folder / "media").mkdir()
    (folder / "media" / "po.edi").write_bytes(document)
    command = [str(python), "-I", "-W", "ignore", str(PROGRAMS / "django_peer.py")]
    with _program(command, folder, us, peer, our_url) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, (folder / "log").read_text()[-2000:]
        yield Django(f"http://127.0.0.1:{port}/pyas2/as2receive", process)


@contextmanager
def mock_edi_peer() -> Iterator[str]:
    """The address of mock-edi."""
    port = free_port()
    quick = ("--ack-delay", "0", "--response-delay", "0", "--deliver-to", "127.0.0.1")
    command = [sys.executable, "-W", "ignore", "-m", "mockedi", "--port", str(port), "-q", *quick]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        url = f"http://127.0.0.1:{port}"
        for _ in range(100):
            try:
                httpx.get(f"{url}/_mock/state", verify=False)
                break
            except httpx.ConnectError:
                time.sleep(0.1)
        yield url
        process.kill()
