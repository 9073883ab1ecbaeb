"""mock-edi: no S/MIME, so plain messages and their choreography: order out, acknowledgement and answer back."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from as2_interop import arrivals, posting_to
from as2_pair import NOW, OPEN, Entropy
from as2_peers import mock_edi_peer

from gateway.as2.build import Document, Outgoing, build
from gateway.as2.identity import OurIdentity, TheirIdentity
from gateway.as2.mdn import Sent, Verdict, judge, read_mdn
from gateway.as2.mime import Headers
from gateway.as2.partnership import Partnership, Sends, WantsMdn
from gateway.channels.as2 import As2Channel, Exchange

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(importlib.util.find_spec("mockedi") is None, reason="mock-edi is not installed"),
]

# an old peer: where nobody asked for a digest it takes SHA-1, so this profile keeps that MIC too
PLAIN = Sends(digest=None, cipher=None, mics=("sha1", "sha256"), mdn=WantsMdn(signed=False))
US_AND_THEM = Partnership(OurIdentity("ACME"), TheirIdentity("MOCKEDI"), sends=PLAIN, accepts=OPEN)

ORDER = "\n".join(
    (
        "ISA*00*          *00*          *ZZ*ACME           *ZZ*MOCKEDI        *261121*1200*U*00401*00000000{n}*0*T*>~",
        "GS*PO*ACME*MOCKEDI*20261121*1200*{n}*X*004010~",
        "ST*850*0001~",
        "BEG*00*NE*PO-77{n}**20261121~",
        "N1*ST*Store 7*92*7~",
        "PO1*1*10*EA*9.50**VP*WIDGET-1~",
        "CTT*1~",
        "SE*6*0001~",
        "GE*1*{n}~",
        "IEA*1*00000000{n}~",
    )
)


@pytest.fixture(scope="module")
def peer() -> Iterator[str]:
    with mock_edi_peer() as url:
        yield url


def send(peer: str, number: int, partnership: Partnership = US_AND_THEM) -> tuple[Outgoing, bytes, Exchange]:
    order = ORDER.format(n=number).encode()
    message = build([Document(order)], partnership, message_id_=f"<{number}@acme>", now=NOW, entropy=Entropy())
    body = message.body()
    channel = As2Channel(posting_to(f"{peer}/as2"), lambda reference: reference)
    exchange = channel.exchange(message.headers, body)
    channel.close()
    return message, body, exchange


def verdict(number: int, message: Outgoing, headers: list[tuple[str, str]], body: bytes) -> Verdict:
    receipt = read_mdn(Headers(headers), body, US_AND_THEM, NOW)
    return judge(receipt, Sent(f"<{number}@acme>", "ACME", "MOCKEDI", message.mics, False))


def test_an_order_is_acknowledged_and_answered(peer: str) -> None:
    with arrivals(US_AND_THEM) as seen:
        patched = httpx.patch(f"{peer}/_mock/partners/ACME", json={"as2_url": seen.url})
        assert patched.status_code == 200, patched.text
        message, _, exchange = send(peer, 1)
        assert exchange.answer is not None
        assert verdict(1, message, exchange.answer.headers, exchange.answer.body).acknowledged
        until = time.monotonic() + 60
        while len(seen.received) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        assert [arrived.failure for arrived in seen.received[:2]] == [None, None]
        kinds = {content.partition(b"ST*")[2][:3] for content in seen.contents[:2]}
        assert kinds == {b"997", b"855"}


def test_an_asynchronous_receipt(peer: str) -> None:
    with arrivals(US_AND_THEM) as seen:
        url = seen.url.replace("/as2", "/mdn")
        later = replace(US_AND_THEM, sends=replace(PLAIN, mdn=WantsMdn(signed=False, asynchronous_url=url)))
        message, _, _ = send(peer, 2, later)
        assert seen.came.wait(60)
        assert verdict(2, message, *seen.posted[0]).acknowledged


def test_what_it_cannot_read_it_refuses_and_we_understand(peer: str) -> None:
    secured = replace(US_AND_THEM, sends=replace(PLAIN, compress="before-signing"))
    message, _, exchange = send(peer, 3, secured)
    assert exchange.answer is not None
    said = verdict(3, message, exchange.answer.headers, exchange.answer.body)
    assert said.refused
    assert not said.acknowledged
