"""Other people's AS2 on both ends of the real road: what they send is stored and answered by the endpoint, what we owe
them is packed, sent and ended by their receipt.
"""

from __future__ import annotations

import base64
import importlib.util
import itertools
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from as2_interop import Case, cases, name_of, with_profile
from as2_peers import Django, django_peer, django_python, mock_edi_peer, pyas2lib_peer
from as2_site import As2Site, as2_site, certificates
from road_documents import interchange, order
from test_pyas2lib import CIPHERS, SIGNATURES

from gateway.as2.identity import OwnCertificate
from gateway.store import payloads, schema
from gateway.store.crypto import Keys
from gateway.store.engine import Record, Store

pytestmark = pytest.mark.interop
NAMES = ("us", "The Peer")
numbers = itertools.count(1)
OLD = ("sha1", "md5", "3des-cbc")


@pytest.fixture(scope="module")
def pair() -> tuple[OwnCertificate, OwnCertificate]:
    return certificates()


@pytest.fixture(scope="module")
def served(
    pair: tuple[OwnCertificate, OwnCertificate],
    sqlite_template: Path,
    keys: Keys,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Any]:
    """Serves a house; one for all tests of a peer."""

    def serve(names: tuple[str, str] = NAMES) -> Any:
        folder = tmp_path_factory.mktemp("house")
        shutil.copy(sqlite_template, folder / "gateway.db")
        return as2_site(Store.open(f"sqlite:///{folder / 'gateway.db'}", keys), folder, *pair, names=names)

    return serve


@pytest.fixture(scope="module")
def pyas2lib(
    served: Callable[..., Any], pair: tuple[OwnCertificate, OwnCertificate], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[As2Site, str]]:
    if importlib.util.find_spec("pyas2lib") is None:
        pytest.skip("pyas2lib is not installed")
    with served() as site, pyas2lib_peer(tmp_path_factory.mktemp("pyas2lib"), *pair) as peer:
        yield site, peer


def document() -> bytes:
    """An interchange like no other, of a sender whom nobody owes an answer."""
    n = next(numbers)
    return interchange([order(f"PO-{n}")], number=n, sender="NOBODY")


def arrived(site: As2Site, content: bytes) -> Record:
    """The last transmission that carried it."""
    rows = site.road.rows(schema.transmission)
    same = [one for one in rows if one.payload_id and payloads.read_all(site.road.store, one.payload_id) == content]
    return same[-1]


def ended(site: As2Site, number: int) -> tuple[str, str | None]:
    """Status of a delivery, and what its receipt says."""
    (row,) = site.road.rows(schema.delivery, id=number)
    with site.road.store.read() as view:
        message = view.first(schema.as2_message.select().where(schema.as2_message.c.delivery_id == number))
    assert message is not None
    return row.status, message.standing


def agreed(case: Case) -> dict[str, Any]:
    """What we do for this case, as a profile says it."""
    return {
        "sign": case["digest"],
        "signature": case["signature"],
        "encrypt": case["cipher"],
        "key_transport": case["key_transport"],
        "compress": case["compress"],
        "receipt": case["mdn"],
        "receipt_signed": case["mdn_signed"],
    }


def we_send(site: As2Site, peer: str, case: Case) -> None:
    profile = {"sign": case["digest"] != "none", "encrypt": case["cipher"] != "none"}
    site.agree(url=with_profile(f"{peer}/as2", profile), receipt_url=f"{site.address}/as2", **agreed(case))
    content = document()
    number = site.owe(content)
    site.road.work()
    site.road.deliver()
    assert base64.b64decode(httpx.get(f"{peer}/last", timeout=60, verify=False).json()["content"]) == content
    if case["mdn"] == "async":
        settle(site)
    if case["mdn"] == "none":
        assert ended(site, number) == ("delivered", None)
    elif case["digest"] == "none":  # its receipt then has no MIC, and without one nothing is acknowledged
        assert ended(site, number) == ("rejected", "unproven")
    else:
        assert ended(site, number) == ("delivered", "acknowledged")


def settle(site: As2Site) -> None:
    """Its receipt comes by a call of its own."""
    until = time.monotonic() + 60
    while not site.road.rows(schema.transmission, stage="settle"):
        assert time.monotonic() < until, "no receipt was posted"
        time.sleep(0.02)
    site.road.work()


def they_send(site: As2Site, peer: str, case: Case) -> None:
    signed, encrypted = case["digest"] != "none", case["cipher"] != "none"
    site.agree(
        require_signed=signed, require_encrypted=encrypted, accept_old=list(OLD), their_receipt_urls=[f"{peer}/mdn"]
    )
    profile = {
        "url": f"{site.address}/as2",
        "from": NAMES[1],
        "to": NAMES[0],
        "sign": signed,
        "encrypt": encrypted,
        "compress": case["compress"] != "none",
        "sign_alg": SIGNATURES[case["signature"]],
        "type": "application/edi-x12",
    }
    profile |= {"digest_alg": case["digest"]} if signed else {}
    profile |= {"enc_alg": CIPHERS[case["cipher"]]} if encrypted else {}
    if case["mdn"] != "none":
        profile["mdn_mode"] = case["mdn"].upper()
        profile |= {"mdn_digest_alg": "sha256"} if case["mdn_signed"] else {}
    content = document()
    said = httpx.post(with_profile(f"{peer}/send", profile), content=content, timeout=60, verify=False).json()
    row = arrived(site, content)
    assert (row.transport_id, row.connection, row.filename) == (said["message_id"], "harbor-pine", "po.edi")
    if case["mdn"] == "sync":
        assert (said["status"], said["detail"]) == ("processed", None)
    elif case["mdn"] == "async":
        site.road.deliver(kinds=["receipt"])
        last = httpx.get(f"{peer}/last", timeout=60, verify=False).json()
        assert (last["mdn_status"], last["mdn_detail"]) == ("processed", None)


READS, WRITES = cases("pyas2lib", "reads"), cases("pyas2lib", "writes")
SAMPLE = {"sync", "async"}


def cut(every: list[Case]) -> list[Any]:
    """In every run one signed case of each kind of receipt; all of them are slow."""
    chosen = [next(one for one in every if one["mdn"] == kind and one["digest"] != "none") for kind in sorted(SAMPLE)]
    rest = [pytest.param(one, marks=pytest.mark.slow) for one in every if one not in chosen]
    return [*chosen, *rest]


@pytest.mark.parametrize("case", cut(READS), ids=name_of)
def test_we_send_to_pyas2lib(pyas2lib: tuple[As2Site, str], case: Case) -> None:
    we_send(*pyas2lib, case)


@pytest.mark.parametrize("case", cut(WRITES), ids=name_of)
def test_pyas2lib_sends(pyas2lib: tuple[As2Site, str], case: Case) -> None:
    they_send(*pyas2lib, case)


def test_pyas2lib_learns_why_it_was_refused(pyas2lib: tuple[As2Site, str]) -> None:
    site, peer = pyas2lib
    site.agree(require_signed=True, require_encrypted=True)
    profile = {"url": f"{site.address}/as2", "from": NAMES[1], "to": NAMES[0], "mdn_mode": "SYNC"}
    profile["mdn_digest_alg"] = "sha256"
    said = httpx.post(with_profile(f"{peer}/send", profile), content=document(), timeout=60, verify=False).json()
    assert said["detail"] == "insufficient-message-security"


@pytest.fixture(scope="module")
def django(
    served: Callable[..., Any],
    pair: tuple[OwnCertificate, OwnCertificate],
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[As2Site, Django]]:
    assert request.config.cache is not None
    python, folder = django_python(request.config.cache), tmp_path_factory.mktemp("django")
    with served() as site, django_peer(python, folder, *pair, DJANGO_ORDER, f"{site.address}/as2") as peer:
        yield site, peer


DJANGO_ORDER = interchange([order("PO-DJANGO")], number=500, sender="NOBODY")


@pytest.mark.slow
def test_django_pyas2_takes_a_message_and_its_repetition(django: tuple[As2Site, Django]) -> None:
    """Its receipt was lost: the same message goes again, and it says that it is a repetition, without a MIC."""
    site, peer = django
    peer.say(signature="none", encryption="none")
    site.agree(url=peer.url, receipt="sync")
    content = document()
    number = site.owe(content)
    site.road.work()
    site.road.deliver()
    assert peer.say()["payload"].encode("latin-1") == content
    assert ended(site, number) == ("delivered", "acknowledged")
    with site.road.store.begin() as tx:  # as if the answer had been lost
        again = {"stage": "deliver", "due_at": tx.now, "status": "due"}
        tx.execute(schema.delivery.update().where(schema.delivery.c.id == number).values(again))
        tx.execute(schema.as2_message.update().values(standing=None))
    site.road.deliver()
    assert ended(site, number) == ("rejected", "unproven")
    assert "as2-receipt-unproven" in {one.code for one in site.road.rows(schema.work_item)}


@pytest.mark.slow
def test_django_pyas2_sends(django: tuple[As2Site, Django]) -> None:
    site, peer = django
    site.agree(require_encrypted=True, require_signed=True)
    said = peer.say(send="po.edi", signature="sha256", encryption="aes_256_cbc", compress="no", mdn_sign="sha256")
    assert (said["status"], said["detail"]) == ("S", "")
    assert arrived(site, DJANGO_ORDER).status == "received"


@pytest.mark.slow
def test_django_pyas2_gets_our_receipt_by_a_post(django: tuple[As2Site, Django]) -> None:
    site, peer = django
    site.agree(require_encrypted=True, require_signed=True, their_receipt_urls=[peer.url])
    said = peer.say(
        send="po.edi", signature="sha256", encryption="aes_256_cbc", compress="yes", mdn_sign="sha256", mdn_mode="ASYNC"
    )
    assert said["status"] == "P", "it waits for the receipt"
    site.road.deliver(kinds=["receipt"])
    said = peer.say(mdn_mode="SYNC")
    assert (said["status"], said["detail"], said["direction"]) == ("S", "", "OUT")


@pytest.mark.slow
def test_django_pyas2_posts_its_receipt_when_its_timer_comes(django: tuple[As2Site, Django]) -> None:
    site, peer = django
    peer.say(signature="none", encryption="none")
    site.agree(url=peer.url, receipt="async", receipt_url=f"{site.address}/as2")
    content = document()
    number = site.owe(content)
    site.road.work()
    site.road.deliver()
    assert ended(site, number) == ("receipt-owed", None)
    assert peer.say(settle="yes")["payload"].encode("latin-1") == content
    settle(site)
    assert ended(site, number) == ("delivered", "acknowledged")


def test_mock_edi_posts_its_receipt(served: Callable[..., Any]) -> None:
    if importlib.util.find_spec("mockedi") is None:
        pytest.skip("mock-edi is not installed")
    with served(("ACME", "MOCKEDI")) as site, mock_edi_peer() as peer:
        plain = {"sign": "none", "encrypt": "none", "require_signed": False, "require_encrypted": False}
        receipt = {"receipt": "async", "receipt_url": f"{site.address}/as2", "receipt_signed": False}
        site.agree(url=f"{peer}/as2", accept_old=["sha1"], **plain, **receipt)
        number = site.owe(interchange([order("PO-2")], sender="ACME", receiver="MOCKEDI", usage="T"))
        site.road.work()
        site.road.deliver()
        settle(site)
        assert ended(site, number) == ("delivered", "acknowledged")


def test_an_order_to_mock_edi_is_acknowledged_and_answered(served: Callable[..., Any]) -> None:
    """No S/MIME there: a plain message with a plain receipt in SHA-1, then its 997 and 855 as messages of its own."""
    if importlib.util.find_spec("mockedi") is None:
        pytest.skip("mock-edi is not installed")
    with served(("ACME", "MOCKEDI")) as site, mock_edi_peer() as peer:
        plain = {"sign": "none", "encrypt": "none", "require_signed": False, "require_encrypted": False}
        site.agree(url=f"{peer}/as2", receipt_signed=False, accept_old=["sha1"], **plain)
        assert httpx.patch(f"{peer}/_mock/partners/ACME", json={"as2_url": f"{site.address}/as2"}).status_code == 200
        number = site.owe(interchange([order("PO-1")], sender="ACME", receiver="MOCKEDI", usage="T"))
        site.road.work()
        site.road.deliver()
        assert ended(site, number) == ("delivered", "acknowledged")
        until = time.monotonic() + 60
        while len(site.road.rows(schema.transmission)) < 2:
            assert time.monotonic() < until, "it has not answered"
            time.sleep(0.05)
        store = site.road.store
        answers = [payloads.read_all(store, one.payload_id) for one in site.road.rows(schema.transmission)]
        assert {one.partition(b"ST*")[2][:3] for one in answers} == {b"997", b"855"}
