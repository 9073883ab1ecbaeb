"""A partner at work on our server, with OpenSSH's client, paramiko, asyncssh and lftp."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sftp_site import PASSWORD, SftpSite, sftp_site

from gateway.sftpd.intake import Intake
from gateway.store import schema
from gateway.store.engine import Store

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("sftp") is None, reason="no OpenSSH client here: apt-get install openssh-client"),
]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def site(store: Store, tmp_path: Path) -> Iterator[SftpSite]:
    with sftp_site(store, tmp_path) as made:
        yield made


def test_a_file_is_received_when_its_close_is_answered(site: SftpSite, tmp_path: Path) -> None:
    (tmp_path / "order.edi").write_bytes(b"ISA*one")
    said = site.openssh(f"put {tmp_path}/order.edi /inbox/order.edi", "ls -l /inbox", "ls -la /")
    assert site.received() == {"order.edi": [b"ISA*one"]}
    (row,) = site.rows(schema.transmission)
    assert (row.connection, row.lane, row.stage, row.remote) == (
        "blue-ridge",
        "production",
        "unwrap",
        "blue-ridge@127.0.0.1",
    )
    assert "order.edi" in said
    assert "inbox" in said
    assert "outbox" in said


def test_a_large_file_comes_through_in_pieces(site: SftpSite, tmp_path: Path) -> None:
    content = os.urandom(25_300_000)
    (tmp_path / "large").write_bytes(content)
    site.openssh(f"put {tmp_path}/large /inbox/large", f"get /inbox/large {tmp_path}/back")
    assert site.received() == {"large": [content]}
    assert (tmp_path / "back").read_bytes() == content
    assert [row.status for row in site.rows(schema.upload)] == ["received"]


@pytest.mark.parametrize("whose", ["theirs", "ours"])
@pytest.mark.parametrize("cipher", ["aes256-ctr", "aes256-gcm@openssh.com"])
def test_keys_are_exchanged_anew_in_the_middle_of_a_file(
    site: SftpSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cipher: str, whose: str
) -> None:
    """Nothing may be said while they are, and what came meanwhile is answered afterwards."""
    content = os.urandom(6_000_000)
    (tmp_path / "large").write_bytes(content)
    options = [f"Ciphers={cipher}", "LogLevel=DEBUG1"]
    if whose == "theirs":
        options.append("RekeyLimit=1M")
    else:
        monkeypatch.setattr(Intake, "REKEY_BYTES", 1_000_000)
    commands = (f"put {tmp_path}/large /inbox/large", f"get /inbox/large {tmp_path}/back")
    said = site.openssh(*commands, options=options)
    assert said.count("rekeying") >= 5 or said.count("SSH2_MSG_KEXINIT received") >= 5
    assert site.received() == {"large": [content]}
    assert (tmp_path / "back").read_bytes() == content


def test_what_is_owed_is_fetched_and_then_delivered(site: SftpSite, tmp_path: Path) -> None:
    small, large = site.owe(b"ISA*940", 1), site.owe(os.urandom(3_000_000), 2)
    assert site.delivery(small).status == "offered"
    said = site.openssh("ls /outbox", f"get /outbox/940-1.edi {tmp_path}/got", "ls /outbox", "rm /outbox/940-1.edi")
    assert said.count("940-1.edi") >= 2, "it stays in view in the session that fetched it"
    assert (tmp_path / "got").read_bytes() == b"ISA*940"
    assert (site.delivery(small).status, site.delivery(small).stage) == ("delivered", None)
    assert json.loads(site.delivery(small).result)["said"] == "read by blue-ridge@127.0.0.1"
    assert site.delivery(large).status == "offered"
    assert "940-1" not in site.openssh("ls /outbox")


def test_a_password_and_a_key_open_the_same_folders(site: SftpSite) -> None:
    assert site.client(password=PASSWORD).listdir("/") == site.client().listdir("/") == ["inbox", "outbox"]


def test_a_session_leaves_its_line_in_the_log(site: SftpSite, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"ISA")
    site.openssh(f"put {tmp_path}/a /inbox/a")
    site.server.stop()
    site.keeper.close()
    rows = {row.action: row for row in site.rows(schema.audit)}
    assert rows["sftp-login"].actor == "sftp:blue-ridge"
    detail = json.loads(rows["sftp-session"].detail)
    assert (detail["received"], detail["bytes_in"], detail["from"]) == (1, 3, "127.0.0.1")


def test_a_session_that_outlives_the_store_ends_without_a_fault(
    site: SftpSite, caplog: pytest.LogCaptureFixture
) -> None:
    client = site.client()
    file = client.open("/inbox/a", "wb")
    file.write(b"ISA")
    with caplog.at_level(logging.INFO, logger="gateway.sftpd"):
        site.keeper.close()
        file.close()  # paramiko does not wait for this answer, but the next one comes after it
        assert client.listdir("/inbox") == []
        site.server.stop()
    assert "sftp-session at the very end" in caplog.text
    assert "defect" not in caplog.text
    assert site.received() == {}
