"""Bodies come back as they went in, belong to their row and owner, and are never readable in the database."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from gateway.store import payloads, schema
from gateway.store.crypto import BadKey, KeyMissing, Keys, SealBroken, key_id, make_key_file, read_key
from gateway.store.engine import Store

SIZES = [0, 1, payloads.CHUNK - 1, payloads.CHUNK, payloads.CHUNK + 1, 3 * payloads.CHUNK + 7]


@pytest.mark.parametrize("size", SIZES)
def test_a_body_comes_back_whole_in_pieces_and_in_parts(store: Store, size: int) -> None:
    body = random.Random(size).randbytes(size)
    with store.begin() as tx:
        whole = payloads.store(tx, body, owner="o", lane="test")
        pieces = payloads.store(tx, iter([body[:10], body[10:70_000], body[70_000:]]), owner="o", lane="test")
    assert (whole.sha256, whole.size) == (pieces.sha256, pieces.size)
    parts = [
        (whole.id, 0, size),
        (pieces.id, size // 3, size // 2),
        (whole.id, max(size - 5, 0), 99),
        (whole.id, size, 5),
    ]
    with store.read() as view:
        assert payloads.read_all(view, whole.id) == payloads.read_all(view, pieces.id) == body
        assert payloads.cut(view, parts) == [body[offset : offset + length] for _, offset, length in parts]
    assert payloads.cut(store, parts[:1]) == [body]


def test_a_body_is_not_in_the_database_in_the_clear(store: Store) -> None:
    with store.begin() as tx:
        payloads.store(tx, b"ISA*00* secret order", owner="o", lane="test")
    with store.read() as view:
        sealed = view.scalar(select(schema.payload_chunk.c.sealed))
    assert b"secret" not in bytes(sealed)


@pytest.mark.parametrize("moved", ["to another payload", "to another owner", "changed"])
def test_a_chunk_that_was_tampered_with_does_not_open(store: Store, moved: str) -> None:
    chunk = schema.payload_chunk
    with store.begin() as tx:
        one = payloads.store(tx, b"one", owner="o", lane="test")
        two = payloads.store(tx, b"two", owner="o", lane="test")
        sealed = bytes(tx.scalar(select(chunk.c.sealed).where(chunk.c.payload_id == one.id)))
        if moved == "to another owner":
            tx.execute(update(schema.payload).where(schema.payload.c.id == two.id).values(owner="p"))
        else:
            other = sealed if moved == "to another payload" else sealed[:-1] + bytes([sealed[-1] ^ 1])
            place = two.id if moved == "to another payload" else one.id
            tx.execute(update(chunk).where(chunk.c.payload_id == place).values(sealed=other))
    spoiled = one.id if moved == "changed" else two.id
    with store.read() as view, pytest.raises(SealBroken):
        payloads.read_all(view, spoiled)


def test_a_chunk_opens_in_its_own_place_only(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payloads, "CHUNK", 3)
    chunk = schema.payload_chunk
    with store.begin() as tx:
        body = payloads.store(tx, b"onetwo", owner="o", lane="test")
        assert payloads.read_all(tx, body.id) == b"onetwo"
        first = tx.scalar(select(chunk.c.sealed).where(chunk.c.payload_id == body.id, chunk.c.n == 0))
        tx.execute(update(chunk).where(chunk.c.payload_id == body.id, chunk.c.n == 1).values(sealed=first))
    with store.read() as view, pytest.raises(SealBroken):
        payloads.read_all(view, body.id)


def test_a_missing_payload_is_said_to_be_missing(store: Store) -> None:
    with store.read() as view, pytest.raises(LookupError, match="no payload 77"):
        payloads.read_all(view, 77)


def test_segments_come_back(store: Store) -> None:
    rows = [["BEG", "00", "NE", "4500", "", "20260501"], ["MSG", "café ~*"]]
    with store.begin() as tx:
        stored = payloads.store_segments(tx, rows, owner="o", lane="test")
        assert payloads.segments(tx, [stored.id]) == {stored.id: rows}


def test_an_old_key_still_opens_and_the_current_one_seals(
    database_url: str, new_database: Callable[[str], str]
) -> None:
    old, new = bytes(32), bytes(range(32))
    with Store.open(database_url, Keys.single(old)) as store, store.begin() as tx:
        first = payloads.store(tx, b"first", owner="o", lane="test")
    both = Keys({key_id(old): old, key_id(new): new}, key_id(new))
    with Store.open(database_url, both) as store:
        with store.begin() as tx:
            second = payloads.store(tx, b"second", owner="o", lane="test")
        assert [payloads.read_all(store, one.id) for one in (first, second)] == [b"first", b"second"]
    with Store.open(database_url, Keys.single(new)) as store:
        assert payloads.read_all(store, second.id) == b"second"
        with pytest.raises(KeyMissing, match=key_id(old)):
            payloads.read_all(store, first.id)


@given(plain=st.binary(max_size=200), belongs_to=st.binary(max_size=20))
def test_what_is_sealed_opens_only_where_it_belongs(plain: bytes, belongs_to: bytes) -> None:
    keys = Keys.single(bytes(32))
    sealed = keys.seal(plain, belongs_to)
    assert keys.open(keys.current, sealed, belongs_to) == plain
    assert keys.seal(plain, belongs_to) != sealed
    with pytest.raises(SealBroken):
        keys.open(keys.current, sealed, belongs_to + b"x")


def test_a_made_key_file_is_ours_alone_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "new" / "payload.key"
    make_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(read_key(f"file:{path}", {})) == 32
    with pytest.raises(FileExistsError):
        make_key_file(path)


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("env:NOT_THERE", "no NOT_THERE"),
        ("file:/not/there", "No such file"),
        ("env:SHORT", "must be 32"),
        ("env:GARBAGE", "openssl rand -base64 32"),
        ("plainly-a-key", "env:NAME or file:/path"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_without_showing_it(reference: str, said: str) -> None:
    environment = {"SHORT": "c2hvcnQ=", "GARBAGE": "not*base64"}
    with pytest.raises(BadKey, match=said) as refused:
        Keys.load(reference, environment)
    assert "not*base64" not in str(refused.value)
    assert "c2hvcnQ" not in str(refused.value)
