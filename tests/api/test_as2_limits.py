"""What strangers, slow senders and vandals meet at /as2: a word, never a 500, never a silent drop, never our memory."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from as2_site import OURS, As2Site, as2_site, certificates
from road_documents import interchange, order
from sqlalchemy.exc import OperationalError

from gateway.api import intake
from gateway.as2.compressed import compress
from gateway.as2.identity import OurIdentity, OwnCertificate, TheirIdentity
from gateway.as2.mdn import Sent, judge
from gateway.as2.partnership import Partnership, Sends
from gateway.pipeline import as2_receive, as2_wire
from gateway.store import payloads, schema
from gateway.store.engine import Store
from gateway.store.spool import IN_MEMORY

EDI = interchange([order()])
Pair = tuple[OwnCertificate, OwnCertificate]


@pytest.fixture(scope="module")
def pair() -> Pair:
    return certificates()


@pytest.fixture
def database_kind() -> str:
    return "sqlite"  # what is refused here never reaches the database


@pytest.fixture
def site(store: Store, pair: Pair, tmp_path: Path) -> Iterator[As2Site]:
    with as2_site(store, tmp_path, *pair, body_limit_mb=8) as served:
        yield served


class Wire:
    """One connection, byte by byte."""

    def __init__(self, site: As2Site) -> None:
        address = httpx.URL(site.address)
        self._socket = socket.create_connection((address.host, address.port or 80), timeout=60)
        self._answer = b""

    def send(self, *lines: str, body: bytes = b"") -> None:
        self._socket.sendall("".join(f"{line}\r\n" for line in lines).encode("latin-1") + body)

    def until(self, mark: bytes) -> bytes:
        """What comes up to a mark, or to the end."""
        while mark not in self._answer:
            piece = self._socket.recv(65536)
            if not piece:
                break
            self._answer += piece
        head, found, self._answer = self._answer.partition(mark)
        return head + found

    def answer(self) -> tuple[int, bytes, bytes]:
        """Status, headers and body."""
        head = self.until(b"\r\n\r\n")
        length = int((re.search(rb"content-length: (\d+)", head, re.I) or [b"", b"0"])[1])
        while len(self._answer) < length and (piece := self._socket.recv(65536)):
            self._answer += piece
        body, self._answer = self._answer[:length], self._answer[length:]
        return int(head.split(b" ", 2)[1]), head, body

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def wire(site: As2Site) -> Iterator[Wire]:
    opened = Wire(site)
    yield opened
    opened.close()


def head_of(headers: list[tuple[str, str]], *more: str) -> list[str]:
    said = [f"{name}: {value}" for name, value in headers if name != "Content-Length"]
    return ["POST /as2 HTTP/1.1", "Host: gateway", *said, *more, ""]


def transmissions(site: As2Site) -> list[Any]:
    return site.road.rows(schema.transmission)


def counted(site: As2Site) -> dict[str, int]:
    metrics = httpx.get(f"{site.address}/metrics", timeout=60, verify=False).text
    return {why: int(n) for why, n in re.findall(r'gateway_as2_not_kept_total\{why="([^"]+)"\} (\d+)', metrics)}


# --- large ones ---------------------------------------------------------------------------------------------------


def test_a_message_too_large_for_memory_is_stored_as_it_came(site: As2Site) -> None:
    data = EDI + b"\n" * (IN_MEMORY + 700_000)
    message = site.message(data, "<large@hp>")
    body = message.body()
    answer = site.post(message.headers, body)
    kept = Sent("<large@hp>", site.their_side.our.as2_name, OURS, message.mics, signed_receipt=True)
    assert judge(site.receipt(answer), kept).acknowledged
    (row,) = transmissions(site)
    assert payloads.read_all(site.road.store, row.payload_id) == data
    with site.road.store.read() as view:
        assert as2_wire.whole(view, row).endswith(b"\r\n\r\n" + body)
    again = site.post(message.headers, body)
    assert again.content == answer.content
    assert len(transmissions(site)) == 1


def test_two_gigabytes_are_refused_before_they_are_read(site: As2Site, wire: Wire) -> None:
    wire.send(*head_of(site.message(EDI).headers, f"Content-Length: {2 << 30}"))
    status, head, body = wire.answer()
    assert status == 200
    assert b"connection: close" in head.lower()
    assert b"unexpected-processing-error" in body
    (row,) = transmissions(site)
    assert row.status == "quarantined"
    assert f"{2 << 30:,} bytes" in row.reason
    assert row.size < 10_000


def test_a_body_without_end_is_cut_off(site: As2Site) -> None:
    headers = [(name, value) for name, value in site.message(EDI).headers if name != "Content-Length"]

    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(1 << 20)

    try:
        httpx.post(f"{site.address}/as2", headers=headers, content=endless(), timeout=120, verify=False)
    except httpx.HTTPError:
        """We closed while it was still sending."""
    (row,) = transmissions(site)
    assert row.status == "quarantined"
    assert row.size <= intake.EVIDENCE + 10_000


def test_without_a_receipt_asked_for_the_status_says_too_large(site: As2Site, wire: Wire) -> None:
    side = replace(site.their_side, sends=replace(Sends(), mdn=None))
    wire.send(*head_of(site.message(EDI, side=side).headers, f"Content-Length: {2 << 30}"))
    assert wire.answer()[0] == 413


def test_a_bomb_is_a_disposition(site: As2Site) -> None:
    """Red when the ratio of decompression is not looked at: 60 MB would be unpacked for 60 KB."""
    bomb = compress([b"Content-Type: application/edi-x12\r\n\r\n", *[bytes(1_000_000)] * 60])
    assert len(bomb) < 100_000
    headers = [(n, v) for n, v in site.message(EDI).headers if n not in ("Content-Length", "Content-Type")]
    answer = site.post([*headers, ("Content-Type", "application/pkcs7-mime; smime-type=compressed-data")], bomb)
    assert b"decompression-failed" in answer.content
    assert transmissions(site)[0].status == "quarantined"


# --- the wire -----------------------------------------------------------------------------------------------------


def test_who_asks_first_is_told_to_go_on(site: As2Site, wire: Wire) -> None:
    message = site.message(EDI)
    body = message.body()
    wire.send(*head_of(message.headers, f"Content-Length: {len(body)}", "Expect: 100-continue"))
    assert wire.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.send(body=body)
    assert wire.answer()[0] == 200
    assert transmissions(site)[0].status == "received"


def test_who_asks_first_with_too_much_is_not_told_to_go_on(site: As2Site, wire: Wire) -> None:
    wire.send(*head_of(site.message(EDI).headers, f"Content-Length: {2 << 30}", "Expect: 100-continue"))
    status, _, body = wire.answer()
    assert (status, b"unexpected-processing-error" in body) == (200, True)


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_chunks_of_any_size(site: As2Site, wire: Wire, piece: int) -> None:
    message = site.message(EDI)
    body = message.body()
    pieces = [body[at : at + piece] for at in range(0, len(body), piece)]
    chunked = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\nTrailer: x\r\n\r\n"
    wire.send(*head_of(message.headers, "Transfer-Encoding: chunked"), body=chunked)
    assert wire.answer()[0] == 200
    assert transmissions(site)[0].status == "received"


def test_a_client_that_goes_away_has_sent_nothing(site: As2Site, wire: Wire) -> None:
    message = site.message(EDI)
    body = message.body()
    wire.send(*head_of(message.headers, f"Content-Length: {len(body)}"), body=body[:-1])
    wire.close()
    assert site.post(message.headers, body).status_code == 200
    assert [row.status for row in transmissions(site)] == ["received"]
    assert counted(site) == {"cut off": 1}


def test_a_silent_sender_is_told_so(site: As2Site, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "SILENCE_S", 0.2)
    wire.send(*head_of(site.message(EDI).headers, "Content-Length: 5000"), body=b"0")
    status, head, _ = wire.answer()
    assert (status, b"connection: close" in head.lower()) == (408, True)
    assert transmissions(site) == []
    assert counted(site) == {"too slow": 1}


def test_a_trickle_is_told_so(site: As2Site, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "GRACE_S", 0.0)
    monkeypatch.setattr(intake, "SLOWEST", 1 << 40)
    wire.send(*head_of(site.message(EDI).headers, "Content-Length: 5000"), body=b"0")
    assert wire.answer()[0] == 408


def test_more_large_ones_than_there_are_places_wait_and_are_asked_to_come_again(
    site: As2Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "SILENCE_S", 3.0)
    monkeypatch.setattr(site.door.large_ones, "_value", 0)
    answer = site.send(EDI + b"\n" * (IN_MEMORY + 700_000))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
    assert transmissions(site) == []
    assert counted(site) == {"no room": 1}


# --- vandals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        ["AS2-From: Harbor & Pine\x0bX-Evil: 1", f"AS2-To: {OURS}", "Message-ID: <1@x>"],
        ["AS2-From: a", "AS2-From: b", f"AS2-To: {OURS}", "Message-ID: <1@x>"],
        ["AS2-From: a", f"AS2-To: {OURS}", "Message-ID: <1@x>", "Message-ID: <2@x>"],
        ['AS2-From: "Harbor \\" & Pine\\', f"AS2-To: {OURS}", "Message-ID: <1 @x>"],
        ["AS2-From: a", f"AS2-To: {OURS}", "Message-ID: <1@x>", " X-Evil: 1"],
        ["AS2-From: a", f"AS2-To: {'x' * 200}", "Message-ID: <1@x>"],
        ["AS2-From: a", f"AS2-To: {OURS}", f"Message-ID: <{'1' * 1200}@x>"],
        ["AS2-From: a", f"AS2-To: {OURS}", "Message-ID: <1@x>", *(f"X-{n}: 1" for n in range(300))],
    ],
    ids=[
        "a control character",
        "two senders",
        "two ids",
        "a blank in the id",
        "a fold",
        "a long name",
        "a long id",
        "many headers",
    ],
)
def test_no_header_of_theirs_becomes_one_of_ours(site: As2Site, wire: Wire, lines: list[str]) -> None:
    wire.send(
        "POST /as2 HTTP/1.1",
        "Host: gateway",
        *lines,
        "Disposition-Notification-To: a",
        "Content-Length: 2",
        "",
        body=b"hi",
    )
    status, head, _ = wire.answer()
    assert status in (200, 400)
    assert b"\nx-evil" not in head.lower()
    assert all(row.status == "quarantined" for row in transmissions(site))


def stranger(site: As2Site, pair: Pair) -> Partnership:
    return Partnership(OurIdentity("Stranger", (pair[1],)), TheirIdentity(OURS, (pair[0],)))


def test_strangers_fill_nothing(site: As2Site, pair: Pair) -> None:
    """Red when the quota is not asked: the third message would be stored."""
    site.door.refusals.messages = 2
    answers = [site.send(EDI, side=stranger(site, pair)) for _ in range(5)]
    assert [one.status_code for one in answers] == [200, 200, 429, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert len(transmissions(site)) == 2
    assert counted(site) == {"too many": 3}
    flood = site.road.rows(schema.work_item, code="as2-flood")
    assert [json.loads(item.data)["an_hour"] for item in flood] == [2]
    assert site.send(EDI).status_code == 200  # whom we know is not held up
    assert transmissions(site)[-1].status == "received"


def test_strangers_fill_nothing_with_large_ones_either(site: As2Site, pair: Pair) -> None:
    site.door.refusals.size = 1_000_000
    answers = [site.send(EDI + b"\n" * 900_000, side=stranger(site, pair)) for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 429, 429]


def test_rubbish_under_a_known_name_fills_nothing(site: As2Site) -> None:
    site.door.refusals.messages = 2
    headers = [(name, value) for name, value in site.message(EDI).headers if name != "Content-Length"]
    assert [site.post(headers, b"garbage").status_code for _ in range(4)] == [200, 200, 429, 429]
    assert site.send(EDI).status_code == 200
    assert [row.status for row in transmissions(site)] == ["quarantined", "quarantined", "received"]
    (flood,) = site.road.rows(schema.work_item, code="as2-flood")
    assert flood.partner == "harbor-pine"


def test_an_hour_later_it_may_be_tried_again(site: As2Site, pair: Pair) -> None:
    refusals, now = site.door.refusals, [0.0]
    refusals.messages, refusals.clock = 1, lambda: now[0]
    refusals._hours.clear()
    assert [site.send(EDI, side=stranger(site, pair)).status_code for _ in range(2)] == [200, 429]
    now[0] = 3600.0
    assert site.send(EDI, side=stranger(site, pair)).status_code == 200


def test_a_defect_of_ours_is_a_disposition_and_no_traceback(site: As2Site, monkeypatch: pytest.MonkeyPatch) -> None:
    real = as2_receive.judge

    def broken(*arguments: Any, **named: Any) -> Any:
        if named["fault"] is None:
            raise ZeroDivisionError("our mistake")
        return real(*arguments, **named)

    monkeypatch.setattr(as2_receive, "judge", broken)
    answer = site.send(EDI)
    assert answer.status_code == 200
    assert b"unexpected-processing-error" in answer.content
    assert b"ZeroDivision" not in answer.content
    (row,) = transmissions(site)
    assert (row.status, "ZeroDivisionError" in row.reason) == ("quarantined", True)
    assert len(site.road.rows(schema.work_item)) == 1


@pytest.mark.parametrize(("fault", "status"), [(OperationalError("", None, OSError("full")), 503), (ValueError(), 500)])
def test_a_database_that_cannot_be_used_acknowledges_nothing(site: As2Site, fault: Exception, status: int) -> None:
    def fails(_: object) -> None:
        raise fault

    whole = site.door.settle
    object.__setattr__(site.door, "settle", fails)
    answer = site.send(EDI, "<1@them>")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert "Send the same request again" in answer.json()["detail"]
    object.__setattr__(site.door, "settle", whole)
    assert site.receipt(site.send(EDI, "<1@them>")).disposition is not None
    assert len(site.road.rows(schema.transmission)) == 1
