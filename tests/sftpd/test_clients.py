"""What partners use: lftp, asyncssh, OpenSSH with resume and renames, and our own client from another gateway."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncssh
import pytest
from sftp_site import SftpSite, sftp_site

from gateway.channels.channel import Parcel, Refused, Sent
from gateway.channels.sftp import SftpChannel
from gateway.channels.sftp_session import SftpSettings
from gateway.partners import secrets
from gateway.pipeline import fetch
from gateway.store import schema
from gateway.store.engine import Store

pytestmark = pytest.mark.interop


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def site(store: Store, tmp_path: Path) -> Iterator[SftpSite]:
    with sftp_site(store, tmp_path) as made:
        yield made


@pytest.mark.skipif(shutil.which("lftp") is None, reason="no lftp here: apt-get install lftp")
def test_lftp_mirrors_both_ways_and_removes_what_it_has(site: SftpSite, tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    sent = {f"o{n}.edi": os.urandom(3000) for n in range(20)}
    for name, content in sent.items():
        (tmp_path / "ours" / name).write_bytes(content)
    owed = [site.owe(f"ISA*940*{n}".encode(), n) for n in range(5)]
    ssh = f"ssh -a -x -i {tmp_path}/key -oStrictHostKeyChecking=no -oUserKnownHostsFile=/dev/null -oLogLevel=ERROR"
    commands = [
        f'set sftp:connect-program "{ssh}"',
        "set sftp:auto-confirm yes; set net:max-retries 2; set xfer:use-temp-file yes",
        f"open -u blue-ridge,none sftp://127.0.0.1:{site.port}",
        f"mirror -R --parallel=3 {tmp_path}/ours /inbox",
        f"mirror --Remove-source-files --parallel=2 /outbox {tmp_path}/theirs",
        "bye",
    ]
    subprocess.run(["lftp", "-c", "; ".join(commands)], check=True, timeout=60, capture_output=True)
    assert site.received() == {name: [content] for name, content in sent.items()}
    assert sorted(path.read_bytes() for path in (tmp_path / "theirs").iterdir()) == [
        f"ISA*940*{n}".encode() for n in range(5)
    ]
    assert {site.delivery(one).status for one in owed} == {"delivered"}
    assert site.client().listdir("/outbox") == []


@pytest.mark.skipif(shutil.which("scp") is None, reason="no scp here: apt-get install openssh-client")
def test_scp_as_it_speaks_sftp(site: SftpSite, tmp_path: Path) -> None:
    """OpenSSH's `scp`: over SFTP where it can (-s asks for it), and its old way, a command on our side, is refused."""
    sent = {f"s{n}.edi": os.urandom(200_000) for n in range(3)}
    for name, content in sent.items():
        (tmp_path / name).write_bytes(content)
    owed = site.owe(b"ISA*940")
    options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "IdentitiesOnly=yes"]
    scp = ["scp", "-q", "-P", str(site.port), "-i", str(tmp_path / "key"), *(f"-o{option}" for option in options)]
    there = "blue-ridge@127.0.0.1:"
    subprocess.run([*scp, "-s", *(str(tmp_path / name) for name in sent), f"{there}/inbox/"], check=True, timeout=60)
    subprocess.run([*scp, "-s", "-p", f"{there}/outbox/940-1.edi", str(tmp_path / "got")], check=True, timeout=60)
    assert site.received() == {name: [content] for name, content in sent.items()}
    assert (tmp_path / "got").read_bytes() == b"ISA*940"
    assert site.delivery(owed).status == "delivered"
    old = [*scp, "-O", str(tmp_path / "s0.edi"), f"{there}/inbox/old.edi"]
    assert subprocess.run(old, check=False, timeout=60, capture_output=True).returncode != 0
    assert "old.edi" not in site.received()


def test_asyncssh_with_many_files_under_way_at_once(site: SftpSite, tmp_path: Path) -> None:
    sent = {f"a{n}": os.urandom(2048) for n in range(150)}
    for n in range(30):
        site.owe(f"ISA*940*{n}".encode(), n)

    async def work() -> list[bytes]:
        options = {"username": "blue-ridge", "client_keys": [str(tmp_path / "key")], "known_hosts": None}
        async with (
            asyncssh.connect("127.0.0.1", site.port, config=None, **options) as connection,
            connection.start_sftp_client() as sftp,
        ):

            async def put(name: str, content: bytes) -> None:
                async with sftp.open(f"/inbox/{name}", "wb") as file:
                    await file.write(content)

            async def get(name: str) -> bytes:
                async with sftp.open(f"/outbox/{name}", "rb") as file:
                    return bytes(await file.read())

            items = list(sent.items())
            for start in range(0, len(items), 50):  # as many handles as a session may have, less a few
                await asyncio.gather(*(put(name, content) for name, content in items[start : start + 50]))
            return await asyncio.gather(*(get(name) for name in await sftp.listdir("/outbox") if name[0] != "."))

    got = asyncio.run(work())
    assert sorted(got) == sorted(f"ISA*940*{n}".encode() for n in range(30))
    assert site.received() == {name: [content] for name, content in sent.items()}
    assert {row.status for row in site.rows(schema.delivery)} == {"delivered"}


def test_an_upload_that_was_cut_is_no_document_and_goes_on(site: SftpSite, tmp_path: Path) -> None:
    content = os.urandom(12_345_678)
    (tmp_path / "large.edi").write_bytes(content)
    client = site.client()
    file = client.open("/inbox/large.edi", "wb")
    file.set_pipelined(True)
    file.write(content[:5_000_000])
    client.stat("/inbox")  # an answer: all of it has arrived
    client.get_channel().get_transport().close()  # type: ignore[union-attr]
    deadline = time.monotonic() + 60
    while not [row for row in site.rows(schema.upload) if row.size == 5_000_000]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert site.received() == {}
    assert "5000000" in site.openssh("ls -l /inbox")
    with suppress(OSError):
        site.client().open("/inbox/large.edi").read()
    site.openssh(f"reput {tmp_path}/large.edi /inbox/large.edi")
    assert site.received() == {"large.edi": [content]}


def test_of_two_who_write_one_file_the_later_one_has_it(site: SftpSite) -> None:
    first, second = site.client(), site.client()
    one = first.open("/inbox/x.edi", "wb")
    one.set_pipelined(True)
    one.write(bytes(10_000_000))
    deadline = time.monotonic() + 60
    while not site.rows(schema.upload):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    other = second.open("/inbox/x.edi", "r+b")
    other.seek(9_000_000)
    other.write(b"1" * 100)
    other.close()
    with suppress(OSError):
        one.write(bytes(10_000_000))
        one.close()
    ((content,),) = site.received().values()
    assert content[9_000_000:9_000_100] == b"1" * 100


def test_a_temporary_name_counts_once_it_is_renamed(site: SftpSite, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"ISA*1")
    site.openssh(f"put {tmp_path}/a /inbox/a.edi.part")
    assert site.received() == {}
    said = site.openssh("ls /inbox", "rename /inbox/a.edi.part /inbox/a.edi", "ls /inbox")
    assert "a.edi.part" in said
    assert site.received() == {"a.edi": [b"ISA*1"]}
    assert "Permission denied" in site.openssh("rename /inbox/a.edi /inbox/b.edi", check=False)


def test_the_same_file_again_is_the_same_and_another_is_another(site: SftpSite, tmp_path: Path) -> None:
    for content in (b"A", b"A", b"B", b"A"):
        (tmp_path / "stock.csv").write_bytes(content)
        site.openssh(f"put {tmp_path}/stock.csv /inbox/stock.csv")
    assert site.received() == {"stock.csv": [b"A", b"B", b"A"]}


def test_a_download_that_stops_half_way_is_still_owed(site: SftpSite) -> None:
    owed = site.owe(os.urandom(3_000_000))
    client = site.client()
    with client.open("/outbox/940-1.edi") as file:
        assert len(file.read(1_000_000)) == 1_000_000
    assert site.delivery(owed).status == "offered"
    with client.open("/outbox/940-1.edi") as file:
        file.seek(2_999_000)
        file.read()
    assert site.delivery(owed).status == "offered", "its end is not all of it"
    with client.open("/outbox/940-1.edi") as file:
        file.prefetch()
        file.read()
    assert site.delivery(owed).status == "delivered"


def test_who_was_cut_off_goes_on_in_another_session_and_then_has_it(site: SftpSite, tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    owed = site.owe(content)
    with site.client().open("/outbox/940-1.edi") as file:
        (tmp_path / "back").write_bytes(file.read(1_234_567))
    assert site.delivery(owed).status == "offered"
    site.openssh(f"reget /outbox/940-1.edi {tmp_path}/back")
    assert (tmp_path / "back").read_bytes() == content
    assert site.delivery(owed).status == "delivered"


def test_where_the_profile_says_removed_reading_is_not_enough(store: Store, tmp_path: Path) -> None:
    with sftp_site(store, tmp_path, fetched="removed") as site:
        owed = site.owe(b"ISA*940")
        site.openssh(f"get /outbox/940-1.edi {tmp_path}/got")
        assert site.delivery(owed).status == "offered"
        site.openssh("rm /outbox/940-1.edi")
        assert site.delivery(owed).status == "delivered"


def test_another_gateway_calls_and_works_both_ways(site: SftpSite, tmp_path: Path) -> None:
    said = {"host": "127.0.0.1", "port": site.port, "user": "blue-ridge", "private_key": f"file:{tmp_path}/key"}
    keys = [key.fingerprint for key in site.server._host_keys]
    said |= {"host_keys": keys, "inbox": "/outbox", "outbox": "/inbox", "stable_for": "0s"}
    wire = SftpChannel(SftpSettings.model_validate(said), secrets.resolve)
    content = os.urandom(5_000_000)
    for _ in range(2):
        assert isinstance(wire.send(Parcel(content, "855_1.edi", "application/edi-x12", "gw-1")), Sent)
    assert isinstance(wire.send(Parcel(b"other", "855_1.edi", "application/edi-x12", "gw-2")), Refused)
    assert site.received() == {"855_1.edi": [content]}
    owed = [site.owe(os.urandom(2048), 1), site.owe(os.urandom(3_000_000), 2)]
    arrivals = list(wire.poll())
    assert [arrival.size for arrival in arrivals] == [2048, 3_000_000]
    for arrival in arrivals:
        with arrival.open() as file:
            assert len(file.read()) == arrival.size
    for arrival in arrivals:
        wire.after_commit(arrival)
    assert {site.delivery(one).status for one in owed} == {"delivered"}
    assert list(wire.poll()) == []
    wire.close()


def test_what_nobody_goes_on_with_is_asked_about(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.sftpd.server.TEND_EVERY_S", 0.0)
    with sftp_site(store, tmp_path, unfinished_for="1s", listed_for="1s") as site:
        with site.client().open("/inbox/orders.edi.part", "wb") as file:
            file.write(b"ISA")
        with site.client().open("/inbox/done.edi", "wb") as file:
            file.write(b"ISA")
        deadline = time.monotonic() + 60
        while site.rows(schema.upload):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        (item,) = site.rows(schema.work_item)
        assert item.title.startswith("orders.edi.part never got its final name in the inbox of blue-ridge")
        assert list(site.received()) == ["done.edi"]


def test_a_file_nobody_fetches_becomes_a_work_item_that_settles(site: SftpSite) -> None:
    owed = site.owe(b"ISA*940")
    with site.store.begin() as tx:
        tx.update(schema.delivery, [{"id": owed, "due_at": tx.now}])
        for row, values in fetch.remind(tx, [tx.get(schema.delivery, owed)]):  # type: ignore[list-item]
            tx.update(schema.delivery, [{"id": row.id, "created_at": row.created_at - 10**12, **values}])
    (item,) = site.rows(schema.work_item)
    assert "has not fetched 940-1.edi from blue-ridge" in item.title
    with site.client().open("/outbox/940-1.edi") as file:
        file.read()
    deadline = time.monotonic() + 60
    while site.rows(schema.work_item)[0].status != "settled":
        assert time.monotonic() < deadline
        time.sleep(0.05)
