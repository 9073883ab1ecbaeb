"""Against a real OpenSSH server on loopback, behind a wire that can be cut in the middle."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko
import pytest
from forked import killed
from paramiko.sftp import CMD_READ
from pydantic import ValidationError

from gateway.channels import sftp_session
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
    Unknown,
    Unsettled,
)
from gateway.channels.remote import WORKING
from gateway.channels.sftp import SftpChannel
from gateway.channels.sftp_session import SftpSettings, fingerprint

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(SSHD is None, reason="no OpenSSH server here: apt-get install openssh-server"),
]
USER = pwd.getpwuid(os.getuid()).pw_name


@dataclass
class Wire:
    """A TCP forwarder that cuts every connection after so many bytes towards the client or the server."""

    target: int
    cut_down: int | None = None  # bytes from the server, over all connections
    cut_up: int | None = None
    cuts: int = 0
    listener: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.target))
            for source, sink, name in ((near, far, "cut_up"), (far, near, "cut_down")):
                threading.Thread(target=self._pump, args=(source, sink, near, far, name), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, *ends_and_name: Any) -> None:
        near, far, name = ends_and_name
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                left = getattr(self, name)
                if left is not None:
                    setattr(self, name, left - len(data))
                    if left < len(data):
                        setattr(self, name, None)
                        self.cuts += 1
                        break
                sink.sendall(data)
        for end in (near, far):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@dataclass
class Server:
    """One sshd with keys of its own."""

    port: int
    restricted_port: int  # the same server, where no folder may be made and nothing renamed
    host_key: str
    key: Path


def make_key(path: Path, kind: str = "ed25519") -> str:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", str(path)], check=True)
    return path.with_name(path.name + ".pub").read_text().strip()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sshd")
    host_key = make_key(folder / "host")
    make_key(folder / "host_rsa", "rsa")
    (folder / "authorized").write_text(make_key(folder / "user") + "\n")
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        port, restricted_port = one.getsockname()[1], other.getsockname()[1]
    config = folder / "sshd_config"
    config.write_text(
        textwrap.dedent(f"""
        Port {port}
        Port {restricted_port}
        ListenAddress 127.0.0.1
        HostKey {folder}/host
        HostKey {folder}/host_rsa
        AuthorizedKeysFile {folder}/authorized
        PidFile none
        StrictModes no
        UsePAM no
        PasswordAuthentication no
        PermitRootLogin yes
        MaxStartups 200
        Subsystem sftp internal-sftp
        Match LocalPort {restricted_port}
            ForceCommand internal-sftp -P mkdir,rename
        """)
    )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where sshd run by root insists on an empty folder
    process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", str(config)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
    yield Server(port, restricted_port, host_key, folder / "user")
    process.terminate()
    process.wait()


def printed(host_key: str) -> str:
    """The fingerprint as ssh-keygen prints it, which people read to each other."""
    keygen = ["ssh-keygen", "-lf", "-"]
    return subprocess.run(keygen, input=host_key, capture_output=True, text=True, check=True).stdout.split()[1]


@dataclass
class There:
    """The partner's folders, and channels to them."""

    server: Server
    inbox: Path
    outbox: Path
    wire: Wire
    channels: list[SftpChannel]

    def channel(self, **changes: Any) -> SftpChannel:
        settings = {
            "host": "127.0.0.1",
            "port": self.server.port,
            "user": USER,
            "private_key": f"file:{self.server.key}",
            "host_keys": [printed(self.server.host_key)],
            "inbox": str(self.inbox),
            "outbox": str(self.outbox),
            "stable_for": "0s",
            "timeout": "60s",
            **changes,
        }
        made = SftpChannel(SftpSettings.model_validate(settings), resolve)
        self.channels.append(made)
        return made


def resolve(reference: str) -> str:
    return Path(reference[5:]).read_text() if reference.startswith("file:") else reference


@pytest.fixture
def there(server: Server, tmp_path: Path) -> Iterator[There]:
    for name in ("inbox", "outbox", "archive"):
        (tmp_path / name).mkdir()
    wire = Wire(server.port)
    made = There(server, tmp_path / "inbox", tmp_path / "outbox", wire, [])
    yield made
    for channel in made.channels:
        channel.close()
    wire.close()


def drop(folder: Path, name: str, content: bytes = b"ISA*00*") -> None:
    (folder / name).write_bytes(content)


def read(arrival: Arrival) -> bytes:
    with arrival.open() as file:
        return file.read()


def parcel(content: bytes = b"ISA*", name: str = "855_1.edi") -> Parcel:
    return Parcel(content, name, "application/edi-x12", "m-1")


def test_a_file_comes_in_whole_and_leaves_only_after_the_commit(there: There) -> None:
    content = os.urandom(3_000_000)
    drop(there.inbox, "po.edi", content)
    wire = there.channel()
    (arrival,) = wire.poll()
    assert (arrival.name, arrival.size, read(arrival)) == ("po.edi", len(content), content)
    (again,) = there.channel().poll()  # a new process, before the commit
    assert again.transport_id == arrival.transport_id
    wire.after_commit(arrival)
    wire.after_commit(arrival)
    assert not list(wire.poll())
    assert not list((there.inbox / WORKING).iterdir())


def test_where_we_may_make_no_folder_name_size_and_time_are_the_id(there: There) -> None:
    drop(there.inbox, "po.edi", b"one")
    wire = there.channel(port=there.server.restricted_port)
    (arrival,) = wire.poll()
    assert [arrival.transport_id] == [again.transport_id for again in wire.poll()]
    assert sorted(path.name for path in there.inbox.iterdir()) == ["po.edi"]
    drop(there.inbox, "po.edi", b"another")  # replaced before we took it away: not ours to delete
    wire.after_commit(arrival)
    (new,) = wire.poll()
    assert (read(new), new.transport_id == arrival.transport_id) == (b"another", False)
    wire.after_commit(new)
    wire.after_commit(new)
    assert not list(there.inbox.iterdir())


def test_after_the_commit_a_file_can_be_archived(there: There, tmp_path: Path) -> None:
    drop(there.inbox, "a.edi")
    wire = there.channel(archive=str(tmp_path / "archive"))
    (arrival,) = wire.poll()
    wire.after_commit(arrival)
    wire.after_commit(arrival)
    assert [path.name for path in (tmp_path / "archive").iterdir()] == [f"{arrival.transport_id}~a.edi"]
    assert not list(wire.poll())


@pytest.mark.parametrize("where", ["port", "restricted_port"])
def test_after_the_commit_a_file_can_stay_under_another_name(there: There, where: str) -> None:
    if where == "restricted_port":  # that server renames nothing: it is said, and nothing is lost
        drop(there.inbox, "a.edi")
        wire = there.channel(renamed=".done", port=there.server.restricted_port)
        (arrival,) = wire.poll()
        with pytest.raises(ChannelError, match="refuses taking away"):
            wire.after_commit(arrival)
        assert [again.transport_id for again in wire.poll()] == [arrival.transport_id]
        return
    wire = there.channel(renamed=".done")
    for content in (b"one", b"two"):
        drop(there.inbox, "a.edi", content)
        (arrival,) = wire.poll()
        wire.after_commit(arrival)
        wire.after_commit(arrival)
        assert not list(wire.poll())
    done = {path.name: path.read_bytes() for path in there.inbox.iterdir() if path.is_file()}
    assert done == {"a.edi.done": b"one", f"a.edi.{arrival.transport_id}.done": b"two"}


def test_many_connections_at_once_and_each_file_is_had_once(there: There, tmp_path: Path) -> None:
    """Eight pollers at one inbox and eight senders to one outbox, all at the same time."""
    for n in range(120):
        drop(there.inbox, f"{n}.edi", str(n).encode() * 700)
    had: list[tuple[str, bytes]] = []
    wrong: list[object] = []

    def collect() -> None:
        wire, deadline = there.channel(), time.monotonic() + 120
        while time.monotonic() < deadline and [path for path in there.inbox.rglob("*.edi") if path.is_file()]:
            with contextlib.suppress(FileNotFoundError, ChannelError):  # another one has it, whole: look again
                for arrival in wire.poll():
                    had.append((arrival.transport_id, read(arrival)))
                    wire.after_commit(arrival)

    def send(sender: int) -> None:
        wire = there.channel()
        for n in range(15):
            outcome = wire.send(parcel(os.urandom(2000), f"{sender}-{n}.edi"))
            if not isinstance(outcome, Sent):
                wrong.append(outcome)

    threads = [threading.Thread(target=collect) for _ in range(8)]
    threads += [threading.Thread(target=send, args=(sender,)) for sender in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(list(there.outbox.iterdir())) == 8 * 15
    one_by_id = dict(had)
    assert all(one_by_id[transport_id] == content for transport_id, content in had), "one id, one content"
    assert sorted(one_by_id.values()) == sorted(str(n).encode() * 700 for n in range(120))
    assert not list((there.inbox / WORKING).iterdir())


def test_only_finished_plain_files_come_in(there: There, tmp_path: Path) -> None:
    for name in ("a.edi", "b.edi.part", ".c.edi", "d.txt"):
        drop(there.inbox, name)
    drop(tmp_path, "secret")
    (there.inbox / "link.edi").symlink_to(tmp_path / "secret")
    (there.inbox / "folder.edi").mkdir()
    assert [arrival.name for arrival in there.channel(pattern="*.edi").poll()] == ["a.edi"]


def test_a_file_still_being_written_is_left_until_it_is_quiet(there: There) -> None:
    drop(there.inbox, "quiet.edi")
    stop = threading.Event()

    def write() -> None:
        with (there.inbox / "busy.edi").open("wb") as file:
            while not stop.wait(0.02):
                file.write(b"x")
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(0.1)
    assert [arrival.name for arrival in there.channel(stable_for="1s").poll()] == ["quiet.edi"]
    stop.set()
    writer.join()


def test_a_file_that_changes_while_it_is_read_is_not_used(there: There) -> None:
    drop(there.inbox, "a.edi", b"x" * 1000)
    (arrival,) = there.channel().poll()
    with (there.inbox / WORKING / f"{arrival.transport_id}~a.edi").open("ab") as file:
        file.write(b"y")  # through a handle opened before the claim
    with pytest.raises(Unsettled):
        read(arrival)


def test_one_file_too_large_is_reported_and_stops_no_other(there: There) -> None:
    drop(there.inbox, "a.edi", b"x" * 2000)
    drop(there.inbox, "b.edi")
    found: list[str] = []
    with pytest.raises(ChannelError, match=r"a\.edi \(2000 bytes\)"):
        found.extend(arrival.name for arrival in there.channel(max_size=1000).poll())
    assert (there.inbox / "a.edi").exists()


@pytest.mark.parametrize("name", ["a b;rm -rf.edi", "\x1b[31mred.edi", "ä" * 100 + ".edi", "-rf"])
def test_strange_names_are_harmless(there: There, name: str) -> None:
    drop(there.inbox, name, b"content")
    wire = there.channel()
    (arrival,) = wire.poll()
    assert read(arrival) == b"content"
    assert arrival.name.isprintable()
    wire.after_commit(arrival)
    assert not list((there.inbox / WORKING).iterdir())


def test_a_name_that_is_not_utf_8_is_said_in_words(there: There) -> None:
    drop(there.inbox, os.fsdecode(b"caf\xe9.edi"))
    with pytest.raises(ChannelError, match="not UTF-8"):
        list(there.channel().poll())


def test_a_strange_host_key_ends_it_before_we_say_who_we_are(there: There, tmp_path: Path) -> None:
    other = printed(make_key(tmp_path / "other"))
    wire = there.channel(host_keys=[other])
    with pytest.raises(HostKeyChanged, match="SHA256:"):
        list(wire.poll())
    outcome = wire.send(parcel())
    assert isinstance(outcome, Stopped)
    assert "by telephone" in outcome.why
    assert not list(there.outbox.iterdir())


def test_a_host_key_may_be_pinned_with_its_successor(there: There, tmp_path: Path) -> None:
    both = [printed(make_key(tmp_path / "next")), printed(there.server.host_key)]
    assert isinstance(there.channel(host_keys=both).send(parcel()), Sent)


def test_a_pinned_rsa_key_is_asked_for_though_the_server_prefers_another(there: There) -> None:
    rsa = (there.server.key.parent / "host_rsa.pub").read_text().strip()
    assert isinstance(there.channel(host_keys=[printed(rsa)]).send(parcel()), Sent)


def test_a_refused_login_waits_and_says_so(there: There, tmp_path: Path) -> None:
    make_key(tmp_path / "stranger")
    wire = there.channel(private_key=f"file:{tmp_path / 'stranger'}")
    with pytest.raises(LoginRefused):
        list(wire.poll())
    assert LoginRefused.pause_s == 300
    assert isinstance(wire.send(parcel()), Stopped)
    (tmp_path / "nonsense").write_text("no key")
    with pytest.raises(LoginRefused, match="no private key"):
        list(there.channel(private_key=f"file:{tmp_path / 'nonsense'}").poll())


class PasswordOnly(paramiko.ServerInterface):
    """A server of the kind that wants a password and nothing else."""

    def get_allowed_auths(self, username: str) -> str:
        return "password"

    def check_auth_password(self, username: str, password: str) -> int:
        good = (username, password) == ("northwind", "right")
        return paramiko.common.AUTH_SUCCESSFUL if good else paramiko.common.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.common.OPEN_SUCCEEDED


class EmptyFolder(paramiko.SFTPServerInterface):
    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes]:
        return []


def test_a_password_logs_in_where_they_want_one_and_a_wrong_one_waits() -> None:
    key = paramiko.RSAKey.generate(2048)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transports: list[paramiko.Transport] = []

        def serve() -> None:
            for _ in range(2):
                transports.append(paramiko.Transport(listener.accept()[0]))
                transports[-1].add_server_key(key)
                transports[-1].set_subsystem_handler("sftp", paramiko.SFTPServer, EmptyFolder)
                transports[-1].start_server(server=PasswordOnly())

        server = threading.Thread(target=serve)
        server.start()
        said = {"host": "127.0.0.1", "port": listener.getsockname()[1], "user": "northwind", "inbox": "/"}
        said |= {"host_keys": [fingerprint(key)], "password": "env:PASSWORD", "timeout": "60s", "stable_for": "0s"}
        settings = SftpSettings.model_validate(said)
        wire = SftpChannel(settings, lambda reference: {"env:PASSWORD": "wrong"}.get(reference, reference))
        with pytest.raises(LoginRefused):
            wire.session()
        wire = SftpChannel(settings, lambda reference: {"env:PASSWORD": "right"}.get(reference, reference))
        assert wire.session().client.listdir("/") == []
        wire.close()
        server.join()
        for transport in transports:
            transport.close()


def test_a_server_that_is_not_there_or_no_server_at_all(there: There) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert isinstance(there.channel(port=port, timeout="1s").send(parcel()), Retry)
    outcome = there.channel(port=port).send(parcel())
    assert isinstance(outcome, Retry)
    assert "cannot be reached" in outcome.why


def test_what_is_sent_is_there_whole_once_and_never_replaces_anything(there: There) -> None:
    content = os.urandom(2_000_000)
    wire = there.channel()
    assert isinstance(wire.send(parcel(content)), Sent)
    assert isinstance(there.channel().send(parcel(content)), Sent)  # a try whose end nobody remembered
    assert [(path.name, path.read_bytes()) for path in there.outbox.iterdir()] == [("855_1.edi", content)]
    assert isinstance(wire.send(parcel(b"other")), Refused)
    (there.outbox / "link.edi").symlink_to("/etc/hostname")
    assert isinstance(wire.send(parcel(name="link.edi")), Refused)
    assert isinstance(wire.send(parcel(name="../x.edi")), Refused)
    assert isinstance(there.channel(outbox="/nowhere").send(parcel()), Retry)


def test_a_session_that_died_quietly_is_opened_again(there: There) -> None:
    wire = there.channel(port=there.wire.port)
    assert isinstance(wire.send(parcel()), Sent)
    there.wire.cut_up = 0
    outcome = wire.send(parcel(name="b.edi"))
    assert isinstance(outcome, Retry | Unknown)
    assert isinstance(wire.send(parcel(name="b.edi")), Sent)
    assert there.wire.cuts == 1


@pytest.mark.faults
@pytest.mark.parametrize("after", [0, 100_000, 3_000_000, 7_900_000])
def test_reading_goes_on_where_the_wire_was_cut(there: There, after: int) -> None:
    content = os.urandom(8_000_000)
    drop(there.inbox, "big.edi", content)
    wire = there.channel(port=there.wire.port)
    (arrival,) = wire.poll()
    there.wire.cut_down = after
    assert read(arrival) == content
    assert there.wire.cuts == 1


def test_an_end_before_the_end_is_looked_at_again(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    """As paramiko reports a connection that is torn at the wrong moment."""
    content = os.urandom(300_000)
    drop(there.inbox, "big.edi", content)
    (arrival,) = there.channel().poll()
    real, ends = sftp_session._Ahead.read, [False, True, True]
    monkeypatch.setattr(
        sftp_session._Ahead, "read", lambda file, size: b"" if ends and ends.pop(0) else real(file, size)
    )
    assert read(arrival) == content
    assert ends == []


@pytest.mark.faults
@pytest.mark.parametrize("after", [1000, 2_500_000, 7_990_000])
def test_an_upload_goes_on_where_the_wire_was_cut_and_no_reader_sees_a_part(there: There, after: int) -> None:
    content = os.urandom(8_000_000)
    wire = there.channel(port=there.wire.port)
    wire.session()
    there.wire.cut_up = after
    outcome = wire.send(parcel(content))
    assert isinstance(outcome, Retry | Unknown), outcome
    assert not list(there.outbox.glob("*.edi"))
    there.wire.cut_up = None
    assert isinstance(wire.send(parcel(content)), Sent)
    assert [path.read_bytes() == content for path in there.outbox.iterdir()] == [True]


def test_a_server_that_gives_less_than_was_asked_and_a_file_that_is_shorter_than_it_was(there: There) -> None:
    content = os.urandom(5_000_000)
    drop(there.inbox, "big.edi", content)
    session = there.channel().session()
    reading = session.read(str(there.inbox / "big.edi"), 0, len(content))
    real, held = session.client._async_request, []  # type: ignore[attr-defined]

    def less(file: Any, kind: int, *about: Any) -> int:
        if kind != CMD_READ:
            return int(real(file, kind, *about))
        held.append(sum(map(len, reading._come.values())))  # type: ignore[attr-defined]
        handle, offset, length = about
        return int(real(file, kind, handle, offset, max(1, length // 3)))

    session.client._async_request = less  # type: ignore[attr-defined]
    assert b"".join(iter(lambda: reading.read(50_000), b"")) == content
    assert max(held) < sftp_session.AHEAD * sftp_session.REQUEST, "no more than that is ever held"
    reading.close()
    reading = session.read(str(there.inbox / "big.edi"), 0, len(content) + 500_000)
    assert b"".join(iter(lambda: reading.read(50_000), b"")) == content
    reading.close()


def run_until(script: str, there: There, ready: Callable[[], bool]) -> None:
    server = there.server
    said = (str(server.port), USER, str(server.key), printed(server.host_key), str(there.inbox.parent))
    killed(textwrap.dedent(SETUP) + textwrap.dedent(script), ready, *said)


SETUP = """
    import os
    from pathlib import Path
    from gateway.channels.channel import Parcel
    from gateway.channels.sftp import SftpChannel, SftpSettings
    port, user, key, host_key, folder = arguments
    said = {"host": "127.0.0.1", "port": port, "user": user,
            "private_key": "file:" + key, "host_keys": [host_key],
            "inbox": folder + "/inbox", "outbox": folder + "/outbox", "stable_for": "0s"}
    wire = SftpChannel(SftpSettings.model_validate(said),
                       lambda r: Path(r[5:]).read_text() if r.startswith("file:") else r)
"""


@pytest.mark.faults
def test_killed_while_receiving_every_file_is_had_once_by_its_id(there: There, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    for n in range(120):
        drop(there.inbox, f"{n}.edi", str(n).encode() * 500)
    script = """
    for arrival in wire.poll():
        stored = Path(folder) / "store" / arrival.transport_id
        with arrival.open() as file:
            (Path(folder) / "part").write_bytes(file.read())
        if not stored.exists():
            os.rename(Path(folder) / "part", stored)
        wire.after_commit(arrival)
    wire.close()
    """
    for target in (15, 50, 90, 1000):
        run_until(script, there, lambda target=target: len(list(store.iterdir())) >= target)  # type: ignore[misc]
    assert sorted(path.read_bytes() for path in store.iterdir()) == sorted(str(n).encode() * 500 for n in range(120))
    assert not list((there.inbox / WORKING).iterdir())


@pytest.mark.faults
def test_killed_while_sending_nothing_is_partial_and_the_next_try_finishes(there: There) -> None:
    script = """
    for n in range(6):
        outcome = wire.send(Parcel(bytes([n]) * 6_000_000, f"{n}.edi", "", f"m-{n}"))
        assert type(outcome).__name__ == "Sent", outcome
    wire.close()
    """
    for name in ("0.edi", "2.edi", "4.edi", "never"):
        run_until(script, there, lambda name=name: (there.outbox / name).exists())  # type: ignore[misc]
        assert all(path.stat().st_size == 6_000_000 for path in there.outbox.glob("*.edi"))
    assert sorted(path.name for path in there.outbox.iterdir()) == [f"{n}.edi" for n in range(6)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"private_key": None}, "no way to log in"),
        ({"private_key": "-----BEGIN OPENSSH PRIVATE KEY-----"}, "a secret is written out"),
        ({"host_keys": []}, "at least 1 item"),
        ({"host_keys": ["AA:BB"]}, "should match pattern"),
        ({"inbox": None, "outbox": None}, "without a folder"),
        ({"archive": "/archive", "renamed": ".done"}, "two ends for one file"),
    ],
)
def test_settings_say_what_is_wrong(there: There, change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        there.channel(**change)
