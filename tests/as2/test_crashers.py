"""What once broke a reader, kept for ever: every file in sample_docs/crashers/as2 through every reader there is."""

from __future__ import annotations

import contextlib
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from as2_pair import NOW, OPEN, Entropy, Pair
from hypothesis import given, settings
from hypothesis import strategies as st
from test_any_bytes import HEAD

from gateway.as2.disposition import AS2Error
from gateway.as2.explain import explain, explain_cms
from gateway.as2.identity import UnusableCertificate, our_certificate, their_certificate
from gateway.as2.mdn import original_message_id, read_mdn
from gateway.as2.mime import Headers, read_headers
from gateway.as2.receive import receive
from gateway.as2.stream import Stream
from gateway.channels.as2_sheet import WORDS, SheetFaults
from gateway.channels.as2_sheet import read as read_sheet
from gateway.cli.as2_inspection import inspected, looks_like_as2

CRASHERS = sorted((Path(__file__).parents[2] / "sample_docs" / "crashers" / "as2").iterdir())
KINDS = (
    "application/pkcs7-mime",
    'multipart/signed; boundary="B"; micalg=sha-256',
    "multipart/related; boundary=B",
    "multipart/report; boundary=B",
)


@pytest.mark.parametrize("path", CRASHERS, ids=lambda path: path.name)
def test_it_does_not_crash_again(pair: Pair, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = path.read_bytes()
    monkeypatch.setenv("GATEWAY_PARTNERS", str(tmp_path / "none"))
    for kind in KINDS:
        headers = Headers([*HEAD, ("Content-Type", kind)])
        assert pair.arrival(headers.items, data, OPEN)[0].mdn is not None
        explain(headers, data, pair.inward(), NOW)
        original_message_id(headers, data)
        with contextlib.suppress(AS2Error):
            read_mdn(headers, data, pair.outward(), NOW)
    explain_cms(data, pair.inward(), NOW)
    if looks_like_as2(data):
        inspected(path.name, data, None, datetime.now(UTC))
    for reader in (their_certificate, our_certificate):
        with contextlib.suppress(UnusableCertificate):
            reader(data)
    with contextlib.suppress(AS2Error):
        read_headers(Stream([data]))
    with contextlib.suppress(SheetFaults):
        read_sheet(data.decode("utf-8", "replace"), NOW)


SIGNATURE = b"--B\r\n\r\n\r\n--B\r\nContent-Type: application/pkcs7-signature\r\n\r\n"
RECIPIENTS = b"0\x80\x06\x09*\x86H\x86\xf7\r\x01\x07\x03\xa0\x800\x80\x02\x01\x001\x80"
PATTERNS = {
    "a preamble without end": (KINDS[1], b"", b"x" * 65536),
    "lines that are nearly boundaries": (KINDS[1], b"--B\r\n\r\n", b"\r\n--Bx" * 9000),
    "boundaries with blanks behind": (KINDS[1], b"--B\r\n\r\n", b"\r\n--B  " * 9000),
    "headers without end": (KINDS[1], b"--B\r\n", b"A: b\r\n" * 9000),
    "a part without end": (KINDS[1], b"--B\r\n\r\n", b"\n" * 65536),
    "a signature without end": (KINDS[1], SIGNATURE, b"A" * 65536),
    "shells in shells": (KINDS[0], b"", b"\x30\x80" * 30000),
    "recipients without end": (KINDS[0], RECIPIENTS, b"\x30\x00" * 30000),
    "base64 that is none": (KINDS[0], b"MI", b"A" * 65536),
    "attachments without end": (KINDS[2], b"--B\r\n\r\n", b"x\r\n--B\r\n\r\n" * 6000),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_memory_is_bounded(pair: Pair, name: str) -> None:
    """Red when a reader gathers what it reads: 16 MB of each, and no more than some MB are ever held."""
    kind, front, piece = PATTERNS[name]

    def chunks() -> Iterator[bytes]:
        yield front
        for _ in range(16_000_000 // len(piece)):
            yield piece

    def sink(part: object) -> object:
        return lambda data: None

    tracemalloc.start()
    try:
        received = receive(
            [*HEAD, ("Content-Type", kind)], chunks(), pair.inward(OPEN), now=NOW, mdn_id="<m@p>", entropy=Entropy(),
            sink=sink,  # type: ignore[arg-type]
        )  # fmt: skip
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert received.message is None
    assert peak < 8_000_000


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([*WORDS, ":", "=", "\n", "> ", "#", '"', "sha256", "https://a", "-----BEGIN CERTIFICATE-----\n",
                         "-----END CERTIFICATE-----", "-----BEGIN PRIVATE KEY-----", "MIIB"])
        | st.text(max_size=8),
        max_size=30,
    ).map("".join)
)  # fmt: skip
def test_any_sheet_is_a_sheet_or_faults(text: str) -> None:
    with contextlib.suppress(SheetFaults):
        read_sheet(text, NOW)
