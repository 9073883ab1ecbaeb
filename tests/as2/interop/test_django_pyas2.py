"""django-pyas2 in a venv of its own: a web application on pyas2lib, with a database and a duplicate check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from as2_interop import Arrivals, Case, arrivals, cases, name_of
from as2_pair import EDI, NOW, OPEN, Pair
from as2_peers import Django, django_peer, django_python
from test_pyas2lib import CIPHERS, ours, post_receipt

from gateway.as2.mdn import Sent, judge, read_mdn
from gateway.as2.mime import Headers
from gateway.as2.partnership import Accepts, Partnership, Sends

pytestmark = pytest.mark.interop

DATA = EDI * 10
READS, WRITES = cases("django-pyas2", "reads"), cases("django-pyas2", "writes")


@dataclass
class Peer:
    django: Django
    seen: Arrivals


@pytest.fixture(scope="module")
def peer(pair: Pair, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    assert request.config.cache is not None
    folder, python = tmp_path_factory.mktemp("django"), django_python(request.config.cache)
    with (
        arrivals(Partnership(pair.us.ours(), pair.peer.theirs(), accepts=OPEN)) as seen,
        django_peer(python, folder, pair.us.rsa, pair.peer.rsa, DATA, seen.url) as django,
    ):
        yield Peer(django, seen)


def we_send(pair: Pair, peer: Peer, case: Case, identity: str) -> None:
    asynchronous = case["mdn"] == "async"
    sends = ours(case, peer.seen.url.replace("/as2", "/mdn") if asynchronous else None)
    peer.django.say(signature="none", encryption="none")
    message = pair.message(DATA, sends, filename="po.edi")
    headers = [(name, identity if name == "Message-ID" else value) for name, value in message.headers]
    answer = httpx.post(peer.django.url, headers=headers, content=message.body(), timeout=60, verify=False)
    assert answer.status_code == 200
    last = peer.django.say()
    assert (last["status"], last["direction"]) == ("S", "IN")
    assert last["payload"].encode("latin-1") == DATA
    if case["mdn"] == "none":
        return
    headers, body = answer.headers.multi_items(), answer.content
    if asynchronous:
        peer.django.say(settle="yes")
        headers, body = peer.seen.posted[-1]
    receipt = read_mdn(Headers(headers), body, pair.outward(sends), NOW)
    sent = Sent(identity, "us", "The Peer", message.mics, case["mdn_signed"])
    verdict = judge(receipt, sent, asynchronous=asynchronous)
    assert verdict.acknowledged, verdict.reason


def they_send(peer: Peer, case: Case) -> None:
    accepts = Accepts(
        encrypted=case["cipher"] != "none",
        digests=frozenset({case["digest"]}),
        ciphers=frozenset({case["cipher"]} - {"none"}),
    )
    before = peer.seen.partnership
    peer.seen.partnership = Partnership(before.our, before.their, accepts=accepts, async_mdn_urls=(peer.django.url,))
    said = peer.django.say(
        send="po.edi",
        signature=case["digest"],
        encryption=CIPHERS.get(case["cipher"], "none"),
        compress="yes" if case["compress"] != "none" else "no",
        mdn_sign="sha256" if case["mdn_signed"] else "none",
        mdn_mode=case["mdn"].upper(),
    )
    arrived = peer.seen.received[-1]
    assert arrived.failure is None, arrived.failure
    assert peer.seen.contents[-1] == DATA
    if case["mdn"] == "async":
        post_receipt(arrived.mdn, arrived.post_to)
        said = peer.django.say()
    assert (said["status"], said["detail"]) == ("S", "")


@pytest.mark.parametrize("case", READS[::4], ids=name_of)
def test_we_send(pair: Pair, peer: Peer, case: Case) -> None:
    we_send(pair, peer, case, f"<{READS.index(case)}@us>")  # it refuses a Message-ID that it knows


@pytest.mark.parametrize("case", WRITES[::4], ids=name_of)
def test_they_send(peer: Peer, case: Case) -> None:
    they_send(peer, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", READS, ids=name_of)
def test_we_send_all_pairs(pair: Pair, peer: Peer, case: Case) -> None:
    we_send(pair, peer, case, f"<all.{READS.index(case)}@us>")


@pytest.mark.slow
@pytest.mark.parametrize("case", WRITES, ids=name_of)
def test_they_send_all_pairs(peer: Peer, case: Case) -> None:
    they_send(peer, case)


def test_a_repetition_is_a_warning_that_we_read(pair: Pair, peer: Peer) -> None:
    """Its receipt for a repeated Message-ID has no MIC: it acknowledges nothing, and says why."""
    message = pair.message(DATA, Sends())
    body = message.body()
    headers = [(name, "<again@us>" if name == "Message-ID" else value) for name, value in message.headers]
    httpx.post(peer.django.url, headers=headers, content=body, timeout=60, verify=False)
    answer = httpx.post(peer.django.url, headers=headers, content=body, timeout=60, verify=False)
    receipt = read_mdn(Headers(answer.headers.multi_items()), answer.content, pair.outward(), NOW)
    assert receipt.disposition is not None
    assert receipt.disposition.modifier == "duplicate-document"
