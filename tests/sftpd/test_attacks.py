"""A hostile client: strange paths, strange packets, floods, slowness. Nobody else notices, and nothing grows."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import paramiko
import psutil
import pytest
from paramiko.common import MSG_KEXINIT
from sftp_site import PASSWORD, SftpSite, book_with, login, new_key, served, sftp_site

from gateway.sftpd import door
from gateway.sftpd import server as server_module
from gateway.sftpd.intake import Intake
from gateway.store import schema
from gateway.store.engine import Store

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen here")

GONE = (OSError, EOFError, paramiko.SSHException)


@pytest.fixture
def database_kind() -> str:
    return "sqlite"  # what is attacked here stands before the database


@pytest.fixture
def site(store: Store, tmp_path: Path) -> Iterator[SftpSite]:
    with small_site(store, tmp_path) as made:
        yield made


@pytest.fixture
def impatient(store: Store, tmp_path: Path) -> Iterator[SftpSite]:
    with small_site(store, tmp_path, idle="2s") as made:
        yield made


def small_site(store: Store, folder: Path, **more: str) -> AbstractContextManager[SftpSite]:
    other = login("other", new_key(folder / "other_key"), lane="test")
    limits = {"max_size": 3_000_000, "max_handles": 10, "max_sessions": 3, "max_unfinished": 5_000_000}
    return sftp_site(store, folder, other, **limits, **more)


def put(client: paramiko.SFTPClient, path: str, content: bytes) -> None:
    with client.open(path, "wb") as file:
        file.set_pipelined(True)
        file.write(content)


def is_well(site: SftpSite) -> None:
    """Somebody else works as if nothing had happened."""
    client = site.client("other", key=site.folder / "other_key")
    put(client, "/inbox/well", b"ISA")
    client.get_channel().get_transport().close()  # type: ignore[union-attr]


PATHS = [
    "/etc/passwd",
    "/inbox/../../etc/passwd",
    "../../../../etc/passwd",
    "/inbox/sub/file",
    "/outbox/../inbox/../../x",
    "//etc//passwd",
    "/inbox/./../etc/passwd",
    "/INBOX/x",
    "/" + "a/" * 2000,
    "/inbox",
    "/",
    "",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out(site: SftpSite, path: str) -> None:
    client = site.client()
    for mode in ("rb", "wb", "r+b"):
        with pytest.raises(OSError, match=r".*"):
            client.open(path, mode)
    assert site.rows(schema.upload) == []


def test_dots_stay_inside(site: SftpSite) -> None:
    client = site.client()
    assert client.normalize("../../..") == "/"
    put(client, "/outbox/../inbox/x.edi", b"ISA")
    assert list(site.received()) == ["x.edi"]


def test_links_folders_and_foreign_renames_are_refused(site: SftpSite) -> None:
    client = site.client()
    put(client, "/inbox/mine.part", b"ISA")
    owed = site.owe(b"ISA*940")
    for attempt in (
        lambda: client.symlink("/etc/passwd", "/inbox/link"),
        lambda: client.readlink("/inbox/mine.part"),
        lambda: client.mkdir("/inbox/folder"),
        lambda: client.rmdir("/inbox"),
        lambda: client.rename("/inbox/mine.part", "/outbox/mine"),
        lambda: client.rename("/outbox/940-1.edi", "/inbox/stolen"),
        lambda: client.rename("/inbox", "/elsewhere"),
        lambda: client.open("/outbox/940-1.edi", "wb"),
        lambda: client.open("/outbox/new", "wb"),
        lambda: client.truncate("/inbox/mine.part", 10**12),
        lambda: client.remove("/inbox"),
    ):
        with pytest.raises(OSError, match=r".*"):
            attempt()
    assert site.delivery(owed).status == "offered"
    assert site.received() == {}


def test_one_partner_sees_nothing_of_another(site: SftpSite) -> None:
    site.owe(b"ISA*940")
    put(site.client(), "/inbox/mine.part", b"ISA")
    other = site.client("other", key=site.folder / "other_key")
    assert other.listdir("/inbox") == other.listdir("/outbox") == []
    for path in ("/inbox/mine.part", "/outbox/940-1.edi"):
        with pytest.raises(FileNotFoundError):
            other.open(path)


@pytest.mark.parametrize("name", ["x" * 256, "a\nb", "a\x1b[2Jb", "a\\b", "\u202eexe.edi"])
def test_names_no_system_takes_are_refused(site: SftpSite, name: str) -> None:
    with pytest.raises(OSError, match="a name"):
        put(site.client(), f"/inbox/{name}", b"ISA")
    assert site.received() == {}


def test_limits_of_a_login_hold(site: SftpSite) -> None:
    client = site.client()
    with client.open("/inbox/huge", "wb") as file, pytest.raises(OSError, match="3000000 bytes"):
        file.write(bytes(3_100_000))
    with client.open("/inbox/sparse", "wb") as file:
        file.seek(2**40)
        with pytest.raises(OSError, match="3000000 bytes"):
            file.write(b"x")
    held = [client.open(f"/inbox/many-{n}", "wb") for n in range(10)]
    with pytest.raises(OSError, match="10 files are open"):
        client.open("/inbox/one-more", "wb")
    for file in held:
        file.close()
    for n in range(3):  # paramiko hears no answer to a close: what stands there afterwards counts
        put(client, f"/inbox/unfinished-{n}.part", bytes(2_900_000))
    assert [name for name in client.listdir("/inbox") if "unfinished" in name] == ["unfinished-0.part"]
    for _ in range(2):
        site.client()
    with pytest.raises(GONE):
        site.client()
    is_well(site)


def test_there_is_nothing_but_sftp(site: SftpSite) -> None:
    transport = site.transport()
    for ask in (
        lambda channel: channel.exec_command("id"),
        lambda channel: channel.invoke_shell(),
        lambda channel: channel.get_pty(),
        lambda channel: channel.invoke_subsystem("shell"),
    ):
        channel = transport.open_session()
        with suppress(paramiko.SSHException):
            ask(channel)
            channel.settimeout(60)
            assert channel.recv(10) == b""
        channel.close()
    transport.open_session().set_environment_variable("LD_PRELOAD", "/inbox/x.so")  # nobody answers this
    for kind in ("direct-tcpip", "forwarded-tcpip", "x11", "auth-agent@openssh.com"):
        with pytest.raises(paramiko.ChannelException):
            transport.open_channel(kind, ("127.0.0.1", 22), ("127.0.0.1", 22))
    with pytest.raises(paramiko.SSHException):
        transport.request_port_forward("127.0.0.1", 0)
    assert "LD_PRELOAD" not in os.environ


GARBAGE = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"SSH-2.0-x\r\n" + os.urandom(5000),
    b"SSH-2.0-x\r\n" + struct.pack(">I", 0xFFFFFFF0) + bytes(2_000_000),
    b"SSH-1.5-old\r\n",
    os.urandom(100_000),
    b"",
]


@pytest.mark.parametrize("content", GARBAGE)
def test_strangers_who_speak_no_ssh_are_nothing(site: SftpSite, content: bytes) -> None:
    before = psutil.Process().memory_info().rss
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", site.port)) as wire, suppress(OSError):
            wire.sendall(content)
    is_well(site)
    assert psutil.Process().memory_info().rss - before < 50_000_000


PACKETS = [
    struct.pack(">I", 0xFFFFFFFF) + b"x",
    struct.pack(">I", 300_000) + bytes(1000),
    struct.pack(">I", 0),
    struct.pack(">IBI", 5, 3, 1),  # OPEN that ends at once
    struct.pack(">IBI", 9, 3, 1) + struct.pack(">I", 0xFFFFFFF),  # a string longer than its packet
    struct.pack(">IBI", 5, 99, 1),  # no request at all
    struct.pack(">IBI", 9, 4, 1) + b"\0\0\0\0",  # a handle nobody gave
]


@pytest.mark.parametrize("packet", PACKETS)
def test_broken_requests_end_or_are_refused(site: SftpSite, packet: bytes) -> None:
    channel = site.transport().open_session()
    channel.invoke_subsystem("sftp")
    channel.settimeout(60)
    channel.sendall(struct.pack(">IBI", 5, 1, 3))
    assert channel.recv(1000)
    channel.sendall(packet)
    said = channel.recv(1000)
    assert said == b"" or said[4] == 101
    is_well(site)


@pytest.mark.parametrize("size", [0, 32, 250_000, 2**32 - 1])
def test_what_no_key_of_theirs_sealed_ends_their_connection(site: SftpSite, size: int) -> None:
    transport = site.transport(cipher="aes128-gcm@openssh.com")
    with suppress(*GONE):
        transport.sock.sendall(struct.pack(">I", size) + bytes(min(size + 16, 300_000)))
    transport.join(60)
    assert not transport.is_alive()
    is_well(site)


def test_a_client_that_takes_no_new_keys_is_cut_off(site: SftpSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Intake, "REKEY_BYTES", 100_000)
    monkeypatch.setattr(Intake, "REKEY_BYTES_OVERFLOW_MAX", 100_000)
    transport = site.transport(cipher="aes128-gcm@openssh.com")
    client = paramiko.SFTPClient.from_transport(transport)
    assert client is not None
    monkeypatch.setitem(transport._handler_table, MSG_KEXINIT, lambda message: None)
    with pytest.raises(GONE):
        put(client, "/inbox/a", bytes(1_000_000))
    monkeypatch.undo()
    is_well(site)


def test_a_client_that_ignores_its_window_is_cut_off(store: Store, tmp_path: Path) -> None:
    other = login("other", new_key(tmp_path / "other_key"), lane="test")
    with sftp_site(store, tmp_path, other, bytes_per_second=1000) as site:
        flood_and_be_gone(site)
        is_well(site)


def flood_and_be_gone(site: SftpSite) -> None:
    channel = site.transport().open_session()
    channel.invoke_subsystem("sftp")
    channel.out_window_size = 2**31  # what we pretend to have been given
    flood = struct.pack(">IBI", 5, 1, 3) + (struct.pack(">I", 262_144) + bytes(262_144)) * 100
    with pytest.raises(GONE):
        channel.sendall(flood)


def test_idle_and_slow_clients_are_sent_away(impatient: SftpSite) -> None:
    idle = impatient.transport()
    channel = idle.open_session()
    channel.invoke_subsystem("sftp")
    channel.sendall(struct.pack(">IBI", 5, 1, 3))
    deadline = time.monotonic() + 60
    while idle.is_active():  # a byte of a request now and then is no request
        with suppress(*GONE):
            channel.sendall(b"\0")
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_a_client_that_reads_none_of_our_answers_is_sent_away(impatient: SftpSite) -> None:
    """It asks for far more than fits into its window, and takes nothing."""
    put(impatient.client(), "/inbox/large.edi", os.urandom(2_500_000))
    deaf = impatient.transport()
    channel = deaf.open_session(window_size=32_768)
    channel.invoke_subsystem("sftp")
    path = b"/inbox/large.edi"
    channel.sendall(struct.pack(">IBI", 5, 1, 3))
    channel.sendall(struct.pack(">IBII", 17 + len(path), 3, 1, len(path)) + path + struct.pack(">II", 1, 0))
    read = struct.pack(">IBIIIQI", 25, 5, 2, 4, 1, 0, 200_000)
    deadline = time.monotonic() + 60
    while deaf.is_active():
        with suppress(*GONE):
            channel.settimeout(0.2)
            channel.send(read)
        assert time.monotonic() < deadline
        time.sleep(0.1)
    is_well(impatient)


def test_a_handshake_that_stops_half_way_is_sent_away(store: Store, tmp_path: Path) -> None:
    book = book_with(login("blue-ridge", new_key(tmp_path / "key")))
    with served(store, book, tmp_path, login_s=1.0) as site:
        wires = [socket.create_connection(("127.0.0.1", site.port), 10) for _ in range(3)]
        for wire, said in zip(wires, (b"SSH-2.0", b"SSH-2.0-half\r\n", KEXINIT), strict=True):
            wire.sendall(said)
        for wire in wires:
            wire.settimeout(60)
            with suppress(ConnectionResetError):
                while wire.recv(4096):
                    pass
            wire.close()
        site.server._login_s = server_module.LOGIN_S
        assert site.client().listdir("/") == ["inbox", "outbox"]


KEXINIT = b"SSH-2.0-half\r\n" + struct.pack(">IBB", 28, 10, 20) + bytes(26)  # a packet that says nothing more


def test_one_connection_opens_a_few_channels_and_no_more(site: SftpSite) -> None:
    transport = site.transport()
    held = [transport.open_session() for _ in range(door.CHANNELS)]
    with pytest.raises(paramiko.ChannelException):
        transport.open_session()
    for channel in held:
        channel.close()
    is_well(site)


def test_nothing_that_was_received_is_replaced_by_a_rename(site: SftpSite) -> None:
    client = site.client()
    put(client, "/inbox/a.edi", b"first")
    put(client, "/inbox/b.edi.part", b"second")
    put(client, "/inbox/c.edi.part", b"third")
    client.rename("/inbox/c.edi.part", "/inbox/b.edi.part")  # of what is not finished, the later one counts
    for rename in (client.rename, client.posix_rename):
        with pytest.raises(PermissionError):
            rename("/inbox/a.edi", "/inbox/b.edi.part")
    client.posix_rename("/inbox/b.edi.part", "/inbox/a.edi")
    assert site.received() == {"a.edi": [b"first", b"third"]}, "both are ours, whatever the name"


def test_guests_who_never_log_in_are_sent_away(store: Store, tmp_path: Path) -> None:
    book = book_with(login("blue-ridge", new_key(tmp_path / "key")))
    with served(store, book, tmp_path, login_s=1.0) as site:
        wires = [socket.create_connection(("127.0.0.1", site.port)) for _ in range(server_module.STRANGERS_OF_ONE + 20)]
        turned_away = 0
        for wire in wires:
            wire.settimeout(60)
            try:
                turned_away += wire.recv(100) == b""  # the others are greeted
            except ConnectionResetError:
                turned_away += 1
        assert turned_away >= 20
        while site.server._guests:
            time.sleep(0.1)
        site.server._bans = type(site.server._bans)()
        site.server._login_s = server_module.LOGIN_S
        assert site.client().listdir("/") == ["inbox", "outbox"]
        for wire in wires:
            wire.close()


def test_who_guesses_is_not_answered_any_more(site: SftpSite) -> None:
    for _ in range(10):
        with pytest.raises(paramiko.AuthenticationException):
            site.client(password="guess")
    with pytest.raises(GONE):
        site.client(password=PASSWORD)
    deadline = time.monotonic() + 60
    while not (items := site.rows(schema.work_item)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with pytest.raises(GONE):
        site.client()
    assert items[0].title.startswith("Somebody at 127.0.0.1 fails again and again to log in as blue-ridge")
    assert [row.action for row in site.rows(schema.audit)].count("sftp-closed") == 1


def test_who_writes_their_login_otherwise_is_named_to_a_person(site: SftpSite) -> None:
    for _ in range(10):
        with pytest.raises(paramiko.AuthenticationException):
            site.client(user="Blue_Ridge", password=PASSWORD)
    deadline = time.monotonic() + 60
    while not (items := site.rows(schema.work_item)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (item,) = items
    assert "fails again and again to log in as Blue_Ridge, which is no SFTP login of ours" in item.title
    assert "Closest login is blue-ridge, of blue-ridge; the name differs." in item.why


@pytest.mark.parametrize("kind", [pytest.param("rsa", marks=pytest.mark.slow), "ecdsa", "ed25519"])
def test_keys_that_are_not_theirs_open_nothing(site: SftpSite, tmp_path: Path, kind: str) -> None:
    new_key(tmp_path / "strange", kind)
    reader = {"rsa": paramiko.RSAKey, "ecdsa": paramiko.ECDSAKey, "ed25519": paramiko.Ed25519Key}[kind]
    for user in ("blue-ridge", "nobody", "root", "' OR 1=1 --", "x" * 5000):
        transport = paramiko.Transport(socket.create_connection(("127.0.0.1", site.port)))
        with pytest.raises(GONE):
            transport.connect(username=user, pkey=reader.from_private_key_file(str(tmp_path / "strange")))
        transport.close()
        transport.sock.close()  # paramiko leaves it open when the other side ended it


def test_a_key_counts_on_its_days(store: Store, tmp_path: Path) -> None:
    old, new = new_key(tmp_path / "key"), new_key(tmp_path / "new")
    keys = [{"key": old, "use_until": "2020-01-31"}, {"key": new, "use_from": "2020-01-01"}]
    with served(store, book_with(login("blue-ridge", old, keys=keys)), tmp_path) as site:
        assert site.client(key=tmp_path / "new").listdir("/")
        with pytest.raises(paramiko.AuthenticationException):
            site.client()


def test_a_login_is_taken_from_the_addresses_it_names(store: Store, tmp_path: Path) -> None:
    public = new_key(tmp_path / "key")
    book = book_with(login("blue-ridge", public, addresses=["203.0.113.0/24"]))
    with served(store, book, tmp_path) as site, pytest.raises(paramiko.AuthenticationException):
        site.client()
