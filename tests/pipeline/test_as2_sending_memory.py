"""50 MB out over AS2: packed, stored, sent to a gateway in another process and acknowledged; what memory it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from as2_pair import new_certificate
from profile_texts import PARTNER, changed

from benchmarks.as2 import purchase_order
from benchmarks.as2_endpoint import served
from gateway.channels.as2 import As2Channel
from gateway.channels.as2_settings import As2Settings
from gateway.lifecycle import DocumentStatus
from gateway.partners import secrets
from gateway.partners.book import Book
from gateway.pipeline import as2_send, pack, wrap
from gateway.pipeline.ends import Arrived
from gateway.pipeline.house import House
from gateway.store import payloads
from gateway.store.engine import Store

ALLOWED = 64 * 1024  # KB


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


def memory(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


@pytest.mark.slow
@pytest.mark.parametrize("compress", ["none", "before-signing"])
def test_50_mb_out(store: Store, tmp_path: Path, compress: str) -> None:
    """Red when the document, the message or what is sealed of it is held whole anywhere between its two rows."""
    now, year = datetime.now(UTC), timedelta(days=365)
    us = new_certificate("us", serial=1, start=now - year, end=now + year)
    peer = new_certificate("peer", serial=2, start=now - year, end=now + year)
    block = purchase_order(1 << 20)

    def pieces(megabytes: int) -> Iterator[bytes]:
        return (block for _ in range(megabytes))

    with served(us, peer) as server:
        channel = As2Channel(_settings(tmp_path, server.port, us.pem(), peer, compress), secrets.resolve)
        house = House(store, _none, dict, lambda name: channel)
        for number, megabytes in enumerate((3, 50), 1):
            with store.begin() as tx:
                body = payloads.store(tx, pieces(megabytes), owner="us", lane="production")
            row = SimpleNamespace(
                id=number, target="us", partner="us", lane="production", payload_id=body.id, attempts=1, last_error=None
            )
            row.body = '{"set": "850", "interchange_id": 1}'
            Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
            before = memory("VmRSS")
            with store.begin() as tx:
                pack.record(tx, pack.pack(house, [row]))
            end = as2_send.send(house, channel, row)
            assert isinstance(end, Arrived), end
            grown = memory("VmHWM") - before
        channel.close()
    assert grown < ALLOWED, f"{grown // 1024} MB"


@pytest.mark.slow
def test_50_mb_in_one_envelope(store: Store) -> None:
    """Red when the segments of an envelope, or the envelope, are held whole."""
    said = "    send: x12/004010/855\n"
    collects = f"{said}    envelope: {{window: 30m, max_documents: 1000}}\n"
    book = Book.from_files(changed(PARTNER, said, collects))
    agreement = next(one for one in book.agreements.values() if one.partner == "harbor-pine" and one.envelope.collects)
    house = House(store, lambda: book, dict, lambda name: _none())
    segments = [["PO1", str(n), "100", "EA", "9.50", "", "VP", f"WIDGET-{n:06d}"] for n in range(1400)]
    for documents in (100, 1000):
        rows = []
        for n in range(documents):
            with store.begin() as tx:
                stored = payloads.store_segments(tx, segments, owner="harbor-pine", lane=agreement.lane)
            row = SimpleNamespace(id=n, payload_id=stored.id, size=stored.size, standard="x12", set_id="855")
            row.agreement, row.version, row.status = agreement.name, "004010", DocumentStatus.READY
            rows.append(row)
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
        before = memory("VmRSS")
        with store.begin() as tx:
            wrapped = wrap.wrap(tx, house, rows)
        grown = memory("VmHWM") - before
    assert len({values["payload_id"] for _, values in wrapped}) == 1
    assert payloads.about(store, wrapped[0][1]["payload_id"]).size > 50_000_000
    assert grown < ALLOWED, f"{grown // 1024} MB"


def _none() -> Any:
    raise AssertionError("nobody asks for the book")


def _settings(folder: Path, port: int, theirs: bytes, own: Any, compress: str) -> As2Settings:
    from cryptography.hazmat.primitives import serialization as to

    key = own.private_key.private_bytes(to.Encoding.PEM, to.PrivateFormat.PKCS8, to.NoEncryption())
    for name, content in (("own.pem", own.pem()), ("own.key", key), ("their.pem", theirs)):
        (folder / name).write_bytes(content)
    return As2Settings.model_validate(
        {
            "url": f"http://127.0.0.1:{port}/as2",
            "our_as2_name": "peer",
            "their_as2_name": "us",
            "our_certificates": [{"certificate": f"file:{folder}/own.pem", "key": f"file:{folder}/own.key"}],
            "their_certificates": [{"certificate": f"file:{folder}/their.pem"}],
            "compress": compress,
        }
    )
