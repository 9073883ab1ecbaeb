"""pyas2lib in a process of its own, both directions, all pairs of what it can."""

from __future__ import annotations

import base64
import importlib.util
import json
from collections.abc import Iterator

import httpx
import pytest
from as2_interop import Arrivals, Case, arrivals, cases, name_of, posting_to, with_profile
from as2_pair import EDI, NOW, Pair
from as2_peers import pyas2lib_peer

from gateway.as2.mdn import Mdn, Sent, judge, read_mdn
from gateway.as2.mime import Headers
from gateway.as2.partnership import Accepts, Partnership, Sends, WantsMdn
from gateway.channels.as2 import As2Channel

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(importlib.util.find_spec("pyas2lib") is None, reason="pyas2lib is not installed"),
]

READS, WRITES = cases("pyas2lib", "reads"), cases("pyas2lib", "writes")
CIPHERS = {
    "aes128-cbc": "aes_128_cbc",
    "aes192-cbc": "aes_192_cbc",
    "aes256-cbc": "aes_256_cbc",
    "3des-cbc": "tripledes_192_cbc",
}
SIGNATURES = {"rsa-pkcs1v15": "rsassa_pkcs1v15", "rsa-pss": "rsassa_pss"}
DATA = EDI * 40


@pytest.fixture(scope="module")
def peer(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pyas2lib_peer(tmp_path_factory.mktemp("pyas2lib"), pair.us.rsa, pair.peer.rsa) as address:
        yield address


def ours(case: Case, url: str | None) -> Sends:
    """What we do for this case."""
    wants = None if case["mdn"] == "none" else WantsMdn(case["mdn_signed"], asynchronous_url=url)
    return Sends(
        digest=None if case["digest"] == "none" else case["digest"],
        signature=case["signature"],
        cipher=None if case["cipher"] == "none" else case["cipher"],
        key_transport=case["key_transport"],
        compress=None if case["compress"] == "none" else case["compress"],
        mdn=wants,
    )


def we_send(pair: Pair, peer: str, case: Case) -> None:
    with arrivals(pair.outward()) as seen:
        asynchronous = case["mdn"] == "async"
        sends = ours(case, seen.url.replace("/as2", "/mdn") if asynchronous else None)
        message = pair.message(DATA, sends, filename="po.edi")
        partnership = pair.outward(sends)
        profile = {"sign": sends.digest is not None, "encrypt": sends.cipher is not None}
        channel = As2Channel(posting_to(with_profile(f"{peer}/as2", profile)), lambda reference: reference)
        exchange = channel.exchange(message.headers, message.body())
        channel.close()
        if asynchronous:
            assert seen.came.wait(60)
        last = httpx.get(f"{peer}/last", timeout=60, verify=False).json()
        assert last["error"] == ""
        assert base64.b64decode(last["content"]) == DATA
        assert last["compressed"] == (sends.compress is not None)
        assert exchange.answer is not None
        if case["mdn"] == "none":
            return
        headers, body = seen.posted[0] if asynchronous else (exchange.answer.headers, exchange.answer.body)
        receipt = read_mdn(Headers(headers), body, partnership, NOW)
        sent = Sent("<1@us>", "us", "The Peer", message.mics, case["mdn_signed"])
        verdict = judge(receipt, sent, asynchronous=asynchronous)
        if sends.digest is None:  # its receipt then has no MIC, and without one nothing is acknowledged
            assert not verdict.acknowledged
            assert "no MIC" in verdict.reason
        else:
            assert verdict.acknowledged, verdict.reason


def they_send(pair: Pair, peer: str, case: Case) -> None:
    digests = frozenset({case["digest"]} - {"none"})
    accepts = Accepts(
        signed=case["digest"] != "none",
        encrypted=case["cipher"] != "none",
        digests=digests,
        ciphers=frozenset({case["cipher"]} - {"none"}),
    )
    urls = (f"{peer}/mdn",)
    partnership = Partnership(pair.us.ours(), pair.peer.theirs(), accepts=accepts, async_mdn_urls=urls)
    with arrivals(partnership) as seen:
        profile = {
            "url": seen.url,
            "from": "The Peer",
            "to": "us",
            "sign": accepts.signed,
            "encrypt": accepts.encrypted,
            "compress": case["compress"] != "none",
            "sign_alg": SIGNATURES[case["signature"]],
        }
        if accepts.signed:
            profile["digest_alg"] = case["digest"]
        if accepts.encrypted:
            profile["enc_alg"] = CIPHERS[case["cipher"]]
        if case["mdn"] != "none":
            profile["mdn_mode"] = case["mdn"].upper()
            if case["mdn_signed"]:
                profile["mdn_digest_alg"] = "sha256"
        said = httpx.post(with_profile(f"{peer}/send", profile), content=DATA, timeout=60, verify=False).json()
        check_arrival(seen, case, said)
        if case["mdn"] == "sync":
            assert (said["status"], said["detail"]) == ("processed", None)
        elif case["mdn"] == "async":
            post_receipt(seen.received[0].mdn, seen.received[0].post_to)
            last = httpx.get(f"{peer}/last", timeout=60, verify=False).json()
            assert (last["mdn_status"], last["mdn_detail"]) == ("processed", None)


def check_arrival(seen: Arrivals, case: Case, said: dict[str, object]) -> None:
    arrived = seen.received[0]
    assert arrived.failure is None, arrived.failure
    assert arrived.message is not None
    assert seen.contents == [DATA]
    assert arrived.message.head.message_id == said["message_id"]
    assert arrived.message.parts[0].filename == "po.edi"
    assert arrived.message.compressed == (case["compress"] != "none")
    if arrived.message.signature is not None:
        assert arrived.message.signature.scheme == case["signature"]


def post_receipt(mdn: Mdn | None, url: str | None) -> None:
    assert mdn is not None
    assert url is not None
    assert httpx.post(url, headers=[*mdn.headers], content=mdn.body, timeout=60, verify=False).status_code == 200


@pytest.mark.parametrize("case", READS[::4], ids=name_of)
def test_we_send(pair: Pair, peer: str, case: Case) -> None:
    we_send(pair, peer, case)


@pytest.mark.parametrize("case", WRITES[::4], ids=name_of)
def test_they_send(pair: Pair, peer: str, case: Case) -> None:
    they_send(pair, peer, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", READS, ids=name_of)
def test_we_send_all_pairs(pair: Pair, peer: str, case: Case) -> None:
    we_send(pair, peer, case)


@pytest.mark.slow
@pytest.mark.parametrize("case", WRITES, ids=name_of)
def test_they_send_all_pairs(pair: Pair, peer: str, case: Case) -> None:
    they_send(pair, peer, case)


def test_a_refusal_of_ours_is_understood(pair: Pair, peer: str) -> None:
    """pyas2lib reads our disposition for a message that is not signed."""
    with arrivals(Partnership(pair.us.ours(), pair.peer.theirs())) as seen:
        profile = {"url": seen.url, "from": "The Peer", "to": "us", "mdn_mode": "SYNC", "mdn_digest_alg": "sha256"}
        said = httpx.post(with_profile(f"{peer}/send", profile), content=DATA, timeout=60, verify=False).json()
        assert json.dumps(said["detail"]) == '"insufficient-message-security"'
        assert said["status"].lower() == "processed/error"
