"""django-pyas2 in a venv of its own: a web application on pyas2lib, with a database and a duplicate check."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from as2_interop import Arrivals, Case, arrivals, cases, name_of
from as2_pair import EDI, NOW, OPEN, Pair
from test_pyas2lib import CIPHERS, ours, p12

from gateway.as2.mdn import Sent, judge, read_mdn
from gateway.as2.mime import Headers
from gateway.as2.partnership import Accepts, Partnership, Sends

pytestmark = [pytest.mark.interop, pytest.mark.slow]

DATA = EDI * 10
READS = [case for case in cases("django-pyas2", "reads") if case["mdn"] != "async" and case["digest"] != "none"]
WRITES = [
    case
    for case in cases("django-pyas2", "writes")
    if case["mdn"] == "sync" and case["digest"] not in ("none", "md5") and case["signature"] == "rsa-pkcs1v15"
]


@pytest.fixture(scope="module")
def python(request: pytest.FixtureRequest) -> Path:
    """An interpreter that has django-pyas2; made once and kept in pytest's cache."""
    assert request.config.cache is not None
    folder = request.config.cache.mkdir("django-pyas2")
    venv = folder / "venv"
    python = venv / "bin" / "python"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test processes want it at once; the second finds it made
        if not (venv / "ready").exists():
            install = ["-m", "pip", "--python", str(python), "--disable-pip-version-check", "install", "-q"]
            for command in (["-m", "venv", "--clear", "--without-pip", str(venv)], [*install, "django-pyas2==1.2.3"]):
                done = subprocess.run(
                    [sys.executable, *command], capture_output=True, text=True, check=False, timeout=240
                )
                if done.returncode:
                    pytest.skip(f"django-pyas2 cannot be installed here: {done.stderr[-200:]}")
            (venv / "ready").touch()
    return python


@dataclass
class Peer:
    url: str
    process: subprocess.Popen[str]
    seen: Arrivals

    def say(self, **words: str) -> dict[str, str]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(" ".join(f"{name}={value}" for name, value in words.items()) + "\n")
        self.process.stdin.flush()
        answer: dict[str, str] = json.loads(self.process.stdout.readline())
        return answer


@pytest.fixture(scope="module")
def peer(python: Path, pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    folder = tmp_path_factory.mktemp("django")
    (folder / "us.crt").write_bytes(pair.us.rsa.pem())
    (folder / "peer.p12").write_bytes(p12(pair))
    (folder / "media").mkdir()
    (folder / "media" / "po.edi").write_bytes(DATA)
    program = Path(__file__).with_name("django_peer.py")
    partnership = Partnership(pair.us.ours(), pair.peer.theirs(), accepts=OPEN)
    with (
        arrivals(partnership) as seen,
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [str(python), "-I", "-W", "ignore", str(program), str(folder), seen.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, (folder / "log").read_text()[-2000:]
        yield Peer(f"http://127.0.0.1:{port}/pyas2/as2receive", process, seen)
        process.kill()


@pytest.mark.parametrize("case", READS, ids=name_of)
def test_we_send(pair: Pair, peer: Peer, case: Case) -> None:
    sends = ours(case, None)
    peer.say(signature="none", encryption="none")
    message = pair.message(DATA, sends, filename="po.edi")
    identity = f"<{READS.index(case)}@us>"  # it refuses a Message-ID that it knows
    headers = [(name, identity if name == "Message-ID" else value) for name, value in message.headers]
    answer = httpx.post(peer.url, headers=headers, content=message.body())
    assert answer.status_code == 200
    last = peer.say()
    assert (last["status"], last["direction"]) == ("S", "IN")
    assert last["payload"].encode("latin-1") == DATA
    if case["mdn"] == "sync":
        receipt = read_mdn(Headers(answer.headers.multi_items()), answer.content, pair.outward(sends), NOW)
        verdict = judge(receipt, Sent(identity, "us", "The Peer", message.mics, case["mdn_signed"]))
        assert verdict.acknowledged, verdict.reason


@pytest.mark.parametrize("case", WRITES, ids=name_of)
def test_they_send(peer: Peer, case: Case) -> None:
    accepts = Accepts(
        encrypted=case["cipher"] != "none",
        digests=frozenset({case["digest"]}),
        ciphers=frozenset({case["cipher"]} - {"none"}),
    )
    peer.seen.partnership = Partnership(peer.seen.partnership.our, peer.seen.partnership.their, accepts=accepts)
    said = peer.say(
        send="po.edi",
        signature=case["digest"],
        encryption=CIPHERS.get(case["cipher"], "none"),
        compress="yes" if case["compress"] != "none" else "no",
        mdn_sign="sha256" if case["mdn_signed"] else "none",
    )
    arrived = peer.seen.received[-1]
    assert arrived.failure is None, arrived.failure
    assert peer.seen.contents[-1] == DATA
    assert (said["status"], said["detail"]) == ("S", "")


def test_a_repetition_is_a_warning_that_we_read(pair: Pair, peer: Peer) -> None:
    """Its receipt for a repeated Message-ID has no MIC: it acknowledges nothing, and says why."""
    message = pair.message(DATA, Sends())
    body = message.body()
    headers = [(name, "<again@us>" if name == "Message-ID" else value) for name, value in message.headers]
    httpx.post(peer.url, headers=headers, content=body)
    answer = httpx.post(peer.url, headers=headers, content=body)
    receipt = read_mdn(Headers(answer.headers.multi_items()), answer.content, pair.outward(), NOW)
    assert receipt.disposition is not None
    assert receipt.disposition.modifier == "duplicate-document"
