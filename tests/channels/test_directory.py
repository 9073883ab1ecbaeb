from __future__ import annotations

import os
import stat
import threading
import time
from pathlib import Path

import pytest
from forked import killed
from pydantic import ValidationError

from gateway.channels.channel import Arrival, ChannelError, Parcel, Refused, Retry, Sent, Unsettled
from gateway.channels.directory import WORKING, DirectoryChannel, DirectorySettings

OLD = time.time() - 3600


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def open_channel(**settings: object) -> DirectoryChannel:
    said = {name: str(value) if isinstance(value, Path) else value for name, value in settings.items()}
    return DirectoryChannel(DirectorySettings.model_validate(said), lambda reference: reference)


def channel(inbox: Path, **settings: object) -> DirectoryChannel:
    return open_channel(**{"inbox": inbox, "stable_for": "0s", **settings})


def drop(folder: Path, name: str, content: bytes = b"ISA*00*") -> Path:
    path = folder / name
    path.write_bytes(content)
    os.utime(path, (OLD, OLD))
    return path


def read(arrival: Arrival) -> bytes:
    with arrival.open() as file:
        return file.read()


def test_a_file_comes_in_whole_and_is_gone_only_after_the_commit(inbox: Path) -> None:
    content = os.urandom(3_000_000)
    drop(inbox, "po.edi", content)
    wire = channel(inbox)
    (arrival,) = wire.poll()
    assert (arrival.name, arrival.size, read(arrival)) == ("po.edi", len(content), content)
    assert not (inbox / "po.edi").exists()
    assert len(list((inbox / WORKING).iterdir())) == 1
    wire.after_commit(arrival)
    wire.after_commit(arrival)  # a crash between doing and remembering does it twice
    assert not list((inbox / WORKING).iterdir())
    assert not list(wire.poll())


def test_not_committed_it_comes_again_under_the_same_id_before_anything_new(inbox: Path) -> None:
    drop(inbox, "a.edi", b"first")
    (first,) = channel(inbox).poll()
    drop(inbox, "a.edi", b"second")
    again, new = channel(inbox).poll()
    assert (again.transport_id, read(again)) == (first.transport_id, b"first")
    assert (new.name, read(new)) == ("a.edi", b"second")
    assert new.transport_id != first.transport_id


def test_archived_files_keep_their_claim_and_leave_the_way(inbox: Path, tmp_path: Path) -> None:
    drop(inbox, "a.edi")
    wire = channel(inbox, archive=tmp_path / "archive")
    (arrival,) = wire.poll()
    wire.after_commit(arrival)
    wire.after_commit(arrival)
    (kept,) = (tmp_path / "archive").glob("*/*")
    assert kept.name.endswith("~a.edi")
    assert not list(wire.poll())


@pytest.mark.parametrize(
    "name",
    ["a.edi.tmp", "a.part", "a.PART", ".hidden", "~a", "a~", "a.filepart", "a.crdownload", ".in-work"],
)
def test_unfinished_names_are_left_alone(inbox: Path, name: str) -> None:
    if name != WORKING:
        drop(inbox, name)
    assert not list(channel(inbox).poll())


def test_only_names_like_the_pattern_come_in(inbox: Path) -> None:
    drop(inbox, "a.edi")
    drop(inbox, "readme.txt")
    assert [arrival.name for arrival in channel(inbox, pattern="*.edi").poll()] == ["a.edi"]


def test_a_file_somebody_still_writes_is_left_until_it_is_quiet(inbox: Path) -> None:
    (inbox / "a.edi").write_bytes(b"half")
    wire = channel(inbox, stable_for="1s")
    assert not list(wire.poll())
    os.utime(inbox / "a.edi", (OLD, OLD))  # an uploader that keeps the time of its own disk
    assert not list(wire.poll())
    time.sleep(1.1)
    assert [read(arrival) for arrival in wire.poll()] == [b"half"]


def test_a_write_through_an_old_handle_is_noticed_before_anything_is_used(inbox: Path) -> None:
    path = drop(inbox, "a.edi", b"x" * 100)
    with path.open("ab") as writer:
        (arrival,) = channel(inbox).poll()
        with arrival.open() as file:
            writer.write(b"y")
            writer.flush()
            with pytest.raises(Unsettled):
                file.read()
    assert not list(channel(inbox, stable_for="1s").poll())  # kept, and offered again when it is quiet
    (again,) = channel(inbox).poll()
    assert again.transport_id == arrival.transport_id
    assert read(again) == b"x" * 100 + b"y"


def test_no_link_is_followed(inbox: Path, tmp_path: Path) -> None:
    secret = drop(tmp_path, "secret", b"root:x:0:0")
    (inbox / "soft.edi").symlink_to(secret)
    os.link(secret, inbox / "hard.edi")
    os.mkfifo(inbox / "pipe.edi")
    (inbox / "folder.edi").mkdir()
    assert not list(channel(inbox).poll())
    assert secret.read_bytes() == b"root:x:0:0"


def test_a_link_in_place_of_our_own_folder_is_refused(inbox: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    drop(elsewhere, "1~passwd")
    (inbox / WORKING).symlink_to(elsewhere)
    drop(inbox, "a.edi")
    with pytest.raises(ChannelError):
        list(channel(inbox).poll())
    assert (elsewhere / "1~passwd").exists()


def test_a_claimed_file_that_becomes_a_link_is_not_read(inbox: Path, tmp_path: Path) -> None:
    secret = drop(tmp_path, "secret")
    drop(inbox, "a.edi")
    (arrival,) = channel(inbox).poll()
    claimed = inbox / WORKING / arrival.place
    claimed.unlink()
    claimed.symlink_to(secret)
    with pytest.raises(OSError, match="symbolic"):
        arrival.open()
    assert not list(channel(inbox).poll())


@pytest.mark.parametrize("name", ["a b;rm -rf.edi", "\x1b[31mred\n.edi", "ä" * 120 + ".edi", "..edi...", "-rf"])
def test_strange_names_are_harmless(inbox: Path, name: str) -> None:
    if name.startswith("."):
        name = f"x{name}"
    drop(inbox, name, b"content")
    (arrival,) = channel(inbox).poll()
    assert read(arrival) == b"content"
    assert arrival.name.isprintable()
    assert "/" not in arrival.transport_id


def test_a_name_that_is_no_text_is_harmless(inbox: Path) -> None:
    drop(inbox, os.fsdecode(b"caf\xe9.edi"), b"content")
    (arrival,) = channel(inbox).poll()
    assert arrival.name == "caf\\xe9.edi"
    arrival.name.encode()
    assert read(arrival) == b"content"


def test_one_file_too_large_is_reported_and_stops_no_other(inbox: Path) -> None:
    drop(inbox, "a.edi", b"x" * 2000)
    drop(inbox, "b.edi", b"x" * 10)
    found: list[str] = []
    with pytest.raises(ChannelError, match=r"a\.edi \(2000 bytes\)"):
        found.extend(arrival.name for arrival in channel(inbox, max_size=1000).poll())
    assert (inbox / "a.edi").exists()


def test_two_pollers_never_hold_one_file_under_two_ids(inbox: Path) -> None:
    for n in range(200):
        drop(inbox, f"{n}.edi", str(n).encode())
    seen: list[tuple[str, str]] = []

    def poll() -> None:
        for arrival in channel(inbox).poll():
            seen.append((arrival.name, arrival.transport_id))

    pollers = [threading.Thread(target=poll) for _ in range(4)]
    for poller in pollers:
        poller.start()
    for poller in pollers:
        poller.join()
    assert {name for name, _ in seen} == {f"{n}.edi" for n in range(200)}
    assert len(set(seen)) == 200


def test_a_folder_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(ChannelError, match="No such file"):
        list(channel(tmp_path / "missing").poll())


def parcel(content: bytes = b"ISA*", name: str = "855_1.edi") -> Parcel:
    return Parcel(content, name, "application/edi-x12", "m-1")


def outbox(folder: Path) -> DirectoryChannel:
    return open_channel(outbox=folder)


def test_what_is_sent_is_there_whole_under_its_name(tmp_path: Path) -> None:
    assert isinstance(outbox(tmp_path).send(parcel()), Sent)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("855_1.edi", b"ISA*")]


def test_a_repeated_send_changes_nothing(tmp_path: Path) -> None:
    outbox(tmp_path).send(parcel())
    assert isinstance(outbox(tmp_path).send(parcel()), Sent)
    assert len(list(tmp_path.iterdir())) == 1


def test_another_file_of_that_name_is_never_overwritten(tmp_path: Path) -> None:
    outbox(tmp_path).send(parcel())
    assert isinstance(outbox(tmp_path).send(parcel(b"ISA*other")), Refused)
    (tmp_path / "link.edi").symlink_to("/etc/passwd")
    assert isinstance(outbox(tmp_path).send(parcel(name="link.edi")), Refused)
    assert (tmp_path / "855_1.edi").read_bytes() == b"ISA*"


@pytest.mark.parametrize("name", ["", ".", "..", "../x.edi", "/etc/x", "a/b", "x\0", "x.tmp", ".x"])
def test_only_plain_names_are_written(tmp_path: Path, name: str) -> None:
    assert isinstance(outbox(tmp_path).send(parcel(name=name)), Refused)
    assert not list(tmp_path.iterdir())


def test_a_full_or_missing_folder_is_tried_again(tmp_path: Path) -> None:
    assert isinstance(outbox(tmp_path / "missing").send(parcel()), Retry)


def test_a_folder_may_be_named_by_the_environment_and_may_be_one_way_only(inbox: Path) -> None:
    drop(inbox, "a.edi")
    settings = DirectorySettings.model_validate({"inbox": "env:INBOX", "stable_for": "0s"})
    wire = DirectoryChannel(settings, {"env:INBOX": str(inbox)}.__getitem__)
    assert [arrival.name for arrival in wire.poll()] == ["a.edi"]
    assert isinstance(wire.send(parcel()), Refused)
    assert not list(outbox(inbox).poll())


def test_settings_say_what_is_wrong() -> None:
    with pytest.raises(ValidationError, match="a folder connection without a folder"):
        DirectorySettings.model_validate({})
    with pytest.raises(ValidationError, match="`soon` is no duration"):
        DirectorySettings.model_validate({"inbox": "/x", "stable_for": "soon"})


@pytest.mark.faults
def test_killed_while_sending_no_reader_ever_sees_a_part(tmp_path: Path) -> None:
    script = """
        from pathlib import Path
        from gateway.channels.channel import Parcel
        from gateway.channels.directory import DirectoryChannel, DirectorySettings
        wire = DirectoryChannel(DirectorySettings(outbox=arguments[0]), str)
        for n in range(100_000):
            wire.send(Parcel(b"ISA*" + b"x" * 4_000_000, f"{n}.edi", "", ""))
    """
    for kill in range(3):
        there = tmp_path / f"{kill * 2}.edi"
        assert killed(script, there.exists, str(tmp_path))
        assert {path.stat().st_size for path in tmp_path.glob("*.edi")} == {4_000_004}


@pytest.mark.slow
@pytest.mark.faults
def test_killed_while_receiving_every_file_is_had_once_by_its_id(tmp_path: Path) -> None:
    inbox, store = tmp_path / "inbox", tmp_path / "store"
    inbox.mkdir()
    store.mkdir()
    for n in range(300):
        drop(inbox, f"{n}.edi", str(n).encode())
    script = """
        import os
        from pathlib import Path
        from gateway.channels.directory import DirectoryChannel, DirectorySettings
        folder = Path(arguments[0])
        said = {"inbox": str(folder / "inbox"), "stable_for": "0s"}
        wire = DirectoryChannel(DirectorySettings.model_validate(said), str)
        for arrival in wire.poll():
            stored = folder / "store" / arrival.transport_id
            with arrival.open() as file:
                (folder / "part").write_bytes(file.read())
            if not stored.exists():
                os.rename(folder / "part", stored)
            wire.after_commit(arrival)
    """
    for target in (40, 110, 200):
        assert killed(script, lambda n=target: len(list(store.iterdir())) >= n, str(tmp_path))  # type: ignore[misc]
    assert not killed(script, lambda: False, str(tmp_path))
    assert sorted(int(path.read_bytes()) for path in store.iterdir()) == list(range(300))
    assert not list((inbox / WORKING).iterdir())


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is made durable and what is renamed, in order; both are done as ever."""
    seen: list[str] = []
    fsync, rename = os.fsync, os.rename

    def synced(descriptor: int) -> None:
        seen.append("fsync " + ("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"))
        fsync(descriptor)

    def renamed(*names: str, **folders: int) -> None:
        seen.append("rename")
        rename(*names, **folders)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    return seen


def test_what_is_sent_outlives_a_power_failure(tmp_path: Path, steps: list[str]) -> None:
    assert isinstance(outbox(tmp_path).send(parcel()), Sent)
    assert steps == ["fsync file", "rename", "fsync folder"]
    steps.clear()  # the try before may have died just before the last step
    assert isinstance(outbox(tmp_path).send(parcel()), Sent)
    assert steps == ["fsync folder"]


def test_a_claim_outlives_a_power_failure_before_anything_is_stored_under_it(inbox: Path, steps: list[str]) -> None:
    drop(inbox, "po.edi")
    next(channel(inbox).poll())
    assert steps == ["rename", "fsync folder"]
