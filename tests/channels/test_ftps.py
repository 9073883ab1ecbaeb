"""Against real FTPS servers on loopback: pyftpdlib, explicit and implicit, and Debian's vsftpd.

vsftpd has no MLSD, and wants the TLS session of the control connection on every data connection.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import os
import pwd
import shutil
import socket
import subprocess
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from forked import killed

from gateway.channels.channel import (
    Arrival,
    ChannelError,
    HostKeyChanged,
    LoginRefused,
    Parcel,
    Refused,
    Retry,
    Sent,
    Stopped,
    Unsettled,
)
from gateway.channels.ftps import FtpsChannel, FtpsSettings, certificate_fingerprint
from gateway.cli.story.parties import free_port

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it uses asyncore, which Python 3.12 has no more
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import TLS_DTPHandler, TLS_FTPHandler
    from pyftpdlib.servers import ThreadedFTPServer

VSFTPD = shutil.which("vsftpd", path="/usr/sbin:" + os.environ.get("PATH", ""))
NO_VSFTPD = VSFTPD is None or os.getuid() != 0
SLOW_PARAM = pytest.param("explicit", marks=pytest.mark.slow)
VSFTPD_PARAM = pytest.param(
    "vsftpd", marks=pytest.mark.skipif(NO_VSFTPD, reason="no vsftpd here (apt-get install vsftpd), or not root")
)
pytestmark = pytest.mark.interop


@dataclass
class Certificate:
    """What a server shows, signed by itself."""

    pem: Path  # key and certificate
    certificate: str
    fingerprint: str


def self_signed(path: Path) -> Certificate:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=2))
    builder = builder.add_extension(address, critical=False)
    made = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
        key, hashes.SHA256()
    )
    pem = made.public_bytes(serialization.Encoding.PEM).decode()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + pem.encode())
    return Certificate(path, pem, certificate_fingerprint(made.public_bytes(serialization.Encoding.DER)))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return self_signed(tmp_path_factory.mktemp("ftps") / "server.pem")


@dataclass
class There:
    """The partner's folders, and channels to them."""

    root: Path
    port: int
    user: str
    tls: str
    certificate: Certificate
    cut: list[int | None] = field(default_factory=lambda: [None])
    channels: list[FtpsChannel] = field(default_factory=list)

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @property
    def outbox(self) -> Path:
        return self.root / "outbox"

    def channel(self, **changes: Any) -> FtpsChannel:
        said = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": self.user,
            "password": "env:PASSWORD",
            "tls": self.tls,
            "ca": self.certificate.certificate,
            "inbox": "/inbox",
            "outbox": "/outbox",
            "stable_for": "0s",
            "timeout": "60s",
        }
        settings = FtpsSettings.model_validate({**said, **changes})
        self.channels.append(FtpsChannel(settings, lambda text: {"env:PASSWORD": "right"}.get(text, text)))
        return self.channels[-1]


def of_python(root: Path, certificate: Certificate, tls: str) -> Iterator[There]:
    cut: list[int | None] = [None]

    class Cutting(TLS_DTPHandler):  # type: ignore[misc]
        """A wire that breaks once, after so many bytes."""

        def handle_read_event(self) -> None:
            super().handle_read_event()
            self._break()

        def handle_write(self) -> None:
            super().handle_write()
            self._break()

        def _break(self) -> None:
            if cut[0] is not None and self.tot_bytes_received + self.tot_bytes_sent > cut[0]:
                cut[0] = None
                self.cmd_channel.close()

    class Handler(TLS_FTPHandler):  # type: ignore[misc]
        certfile = str(certificate.pem)
        tls_control_required = tls_data_required = True
        dtp_handler = Cutting
        authorizer = DummyAuthorizer()

        def handle(self) -> None:
            if tls == "implicit":
                self.secure_connection(self.ssl_context)
            else:
                super().handle()

        def handle_ssl_established(self) -> None:
            if tls == "implicit":
                super().handle()

    Handler.authorizer.add_user("northwind", "right", str(root), perm="elradfmwMT")
    server = ThreadedFTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"timeout": 0.05, "handle_exit": False})
    thread.start()
    yield There(root, server.address[1], "northwind", tls, certificate, cut)
    server.close_all()
    thread.join()


def of_vsftpd(root: Path, certificate: Certificate) -> Iterator[There]:
    port = free_port()
    owner = pwd.getpwnam("ftp")
    for folder in (root, *root.parents):
        if folder.stat().st_uid == os.getuid() and len(folder.parts) > 2:
            folder.chmod(0o755)
    for name in ("inbox", "outbox", "archive"):
        os.chown(root / name, owner.pw_uid, owner.pw_gid)
    settings = {
        "listen": "YES", "listen_port": port, "listen_address": "127.0.0.1", "background": "NO",
        "anonymous_enable": "YES", "anon_root": root, "write_enable": "YES", "anon_upload_enable": "YES",
        "anon_other_write_enable": "YES", "anon_mkdir_write_enable": "YES", "anon_world_readable_only": "NO",
        "anon_umask": "022", "no_anon_password": "YES", "seccomp_sandbox": "NO", "pasv_address": "127.0.0.1",
        "ssl_enable": "YES", "allow_anon_ssl": "YES", "force_anon_logins_ssl": "YES", "force_anon_data_ssl": "YES",
        "require_ssl_reuse": "YES", "ssl_ciphers": "HIGH", "rsa_cert_file": certificate.pem,
        "rsa_private_key_file": certificate.pem, "secure_chroot_dir": "/var/run/vsftpd/empty", "xferlog_enable": "NO",
    }  # fmt: skip
    config = root.parent / "vsftpd.conf"
    config.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    Path("/var/run/vsftpd/empty").mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen([str(VSFTPD), str(config)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            break
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield There(root, port, "anonymous", "explicit", certificate)
    process.terminate()
    process.wait()


@pytest.fixture(params=["explicit", "implicit", VSFTPD_PARAM])
def there(request: pytest.FixtureRequest, tmp_path: Path, certificate: Certificate) -> Iterator[There]:
    root = tmp_path / "root"
    for name in ("inbox", "outbox", "archive"):
        (root / name).mkdir(parents=True)
    kind = request.param
    for made in of_vsftpd(root, certificate) if kind == "vsftpd" else of_python(root, certificate, kind):
        yield made
        for channel in made.channels:
            channel.close()


def read(arrival: Arrival) -> bytes:
    with arrival.open() as file:
        return file.read()


def parcel(content: bytes = b"ISA*00*", name: str = "855_1.edi") -> Parcel:
    return Parcel(content, name, "application/edi-x12", "gw-1")


def drop(there: There, name: str, content: bytes) -> None:
    (there.inbox / name).write_bytes(content)
    if there.user == "anonymous":
        os.chown(there.inbox / name, pwd.getpwnam("ftp").pw_uid, -1)


def test_a_file_comes_in_whole_and_leaves_only_after_the_commit(there: There) -> None:
    content = os.urandom(1_500_000)
    drop(there, "a b.edi", content)
    drop(there, "b.edi.part", b"ISA")
    wire = there.channel()
    (arrival,) = wire.poll()
    assert (arrival.name, read(arrival)) == ("a b.edi", content)
    (again,) = there.channel().poll()
    assert again.transport_id == arrival.transport_id, "killed before the commit: the same once more"
    wire.after_commit(arrival)
    wire.after_commit(arrival)
    assert [path.name for path in there.inbox.iterdir() if path.is_file()] == ["b.edi.part"]
    assert not list((there.inbox / ".in-work").iterdir())


def test_after_the_commit_a_file_can_be_archived(there: There) -> None:
    drop(there, "a.edi", b"ISA*1")
    wire = there.channel(archive="/archive")
    (arrival,) = wire.poll()
    wire.after_commit(arrival)
    (kept,) = (there.root / "archive").iterdir()
    assert kept.read_bytes() == b"ISA*1"


def test_after_the_commit_a_file_can_stay_under_another_name(there: There) -> None:
    drop(there, "a.edi", b"ISA*1")
    wire = there.channel(renamed=".done")
    (arrival,) = wire.poll()
    wire.after_commit(arrival)
    assert not list(wire.poll())
    assert (there.inbox / "a.edi.done").read_bytes() == b"ISA*1"


def test_what_is_sent_is_there_whole_once_and_never_replaces_anything(there: There) -> None:
    content = os.urandom(2_000_000)
    wire = there.channel()
    assert isinstance(wire.send(parcel(content)), Sent)
    assert isinstance(there.channel().send(parcel(content)), Sent)  # a try whose end nobody remembered
    assert [(path.name, path.read_bytes()) for path in there.outbox.iterdir()] == [("855_1.edi", content)]
    assert isinstance(wire.send(parcel(b"other")), Refused)
    assert isinstance(wire.send(parcel(name="../x.edi")), Refused)
    for n in range(20):
        assert isinstance(wire.send(parcel(b"x" * n, f"f{n}.edi")), Sent)
    assert len(list(there.outbox.iterdir())) == 21


def test_a_file_that_changes_while_it_is_read_is_not_used(there: There) -> None:
    drop(there, "a.edi", b"ISA" * 100_000)
    (arrival,) = there.channel().poll()
    (claimed,) = (there.inbox / ".in-work").iterdir()
    with arrival.open() as file:
        file.read(10)
        with claimed.open("ab") as grown:
            grown.write(b"more")
        os.utime(claimed, (1, 1))
        with pytest.raises(Unsettled):
            file.read()


@pytest.mark.parametrize("there", ["explicit"], indirect=True)
@pytest.mark.parametrize("after", [100_000, 2_500_000])
def test_a_cut_wire_is_gone_on_with_both_ways(there: There, after: int) -> None:
    content = os.urandom(5_000_000)
    drop(there, "large.edi", content)
    wire = there.channel()
    (arrival,) = wire.poll()
    there.cut[0] = after
    assert read(arrival) == content
    assert there.cut[0] is None, "the wire was cut"
    there.cut[0] = after
    assert isinstance(wire.send(parcel(content)), Retry)
    (temporary,) = there.outbox.iterdir()
    assert temporary.name.startswith(".")
    assert isinstance(wire.send(parcel(content)), Sent)
    (whole,) = there.outbox.iterdir()
    assert whole.read_bytes() == content


def test_a_strange_certificate_ends_it_before_we_say_who_we_are(there: There, tmp_path: Path) -> None:
    other = self_signed(tmp_path / "other.pem")
    for changes in ({"ca": other.certificate}, {"ca": None}, {"ca": None, "certificates": [other.fingerprint]}):
        wire = there.channel(**changes)
        with pytest.raises(HostKeyChanged, match="by telephone"):
            list(wire.poll())
        assert isinstance(wire.send(parcel()), Stopped)
    pinned = there.channel(ca=None, certificates=[other.fingerprint, there.certificate.fingerprint])
    assert isinstance(pinned.send(parcel()), Sent)


@pytest.mark.parametrize("there", ["explicit"], indirect=True)
def test_a_refused_login_and_a_server_that_is_not_there(there: There) -> None:
    with pytest.raises(LoginRefused, match="does not take our login"):
        list(there.channel(user="nobody").poll())
    with pytest.raises(ChannelError, match="gives us no FTPS session"):
        list(there.channel(port=free_port()).poll())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert isinstance(there.channel(port=silent.getsockname()[1], timeout="1s").send(parcel()), Retry)
    assert isinstance(there.channel(tls="implicit", timeout="1s").send(parcel()), Retry)


def run_until(work: str, there: There, ready: Callable[[], bool]) -> bool:
    """A process of ours at work, killed as soon as it is `ready`; true if it came to its end instead."""
    said = json.dumps(there.channel().settings.model_dump(mode="json"))
    return not killed(SETUP + work, ready, said, str(there.root))


SETUP = """
    import json, os
    from pathlib import Path
    from gateway.channels.channel import Parcel
    from gateway.channels.ftps import FtpsChannel, FtpsSettings
    root = Path(arguments[1])
    settings = FtpsSettings.model_validate(json.loads(arguments[0]))
    wire = FtpsChannel(settings, lambda text: {"env:PASSWORD": "right"}.get(text, text))
"""


@pytest.mark.faults
@pytest.mark.parametrize("there", [SLOW_PARAM, VSFTPD_PARAM], indirect=True)
def test_killed_while_sending_nothing_is_partial_and_the_next_try_goes_on(there: There) -> None:
    work = """
    for n in range(3):
        outcome = wire.send(Parcel(bytes([n]) * 20_000_000, f"{n}.edi", "", f"m-{n}"))
        assert type(outcome).__name__ == "Sent", outcome
    wire.close()
    """

    def is_in_the_middle(n: int) -> bool:
        """The n-th file is on its way, under the name that nobody reads."""
        sizes = [path.stat().st_size for path in there.outbox.glob(".*.tmp")]
        return len(list(there.outbox.glob("*.edi"))) == n and any(size > 3_000_000 for size in sizes)

    for n in range(3):
        assert not run_until(work, there, lambda n=n: is_in_the_middle(n))  # type: ignore[misc]
        assert [path.stat().st_size for path in there.outbox.glob("[0-9].edi")] == [20_000_000] * n
        (left,) = there.outbox.glob(".*.tmp")
        assert 3_000_000 < left.stat().st_size < 20_000_000, "cut off in the middle, to be gone on with"
    assert run_until(work, there, lambda: False)
    assert {path.name: path.read_bytes() for path in there.outbox.iterdir()} == {
        f"{n}.edi": bytes([n]) * 20_000_000 for n in range(3)
    }


@pytest.mark.faults
@pytest.mark.parametrize("there", [SLOW_PARAM, VSFTPD_PARAM], indirect=True)
def test_killed_while_receiving_every_file_is_had_once_by_its_id(there: There) -> None:
    files = {f"{n}.edi": str(n).encode() * 500 for n in range(60)}
    for name, content in files.items():
        drop(there, name, content)
    (there.root / "store").mkdir()
    work = """
    for arrival in wire.poll():
        stored = root / "store" / arrival.transport_id
        with arrival.open() as file:
            (root / "part").write_bytes(file.read())
        if not stored.exists():
            os.rename(root / "part", stored)
        wire.after_commit(arrival)
    wire.close()
    """
    store = there.root / "store"
    for target in (8, 25, 50):
        run_until(work, there, lambda target=target: len(list(store.iterdir())) >= target)  # type: ignore[misc]
    assert run_until(work, there, lambda: False)
    assert sorted(path.read_bytes() for path in store.iterdir()) == sorted(files.values())
    assert not list((there.inbox / ".in-work").iterdir())
