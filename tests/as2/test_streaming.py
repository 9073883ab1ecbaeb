"""50 MB in and out, each in a process of its own so that its memory can be measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXTRA = 64 * 1024  # KB
PROGRAM = """
import resource, sys, json, random
from pathlib import Path
sys.path.insert(0, {tests!r})
from as2_pair import NOW, Entropy, Pair, Side
from gateway.as2.build import Document, build
from gateway.as2.partnership import Sends
from gateway.as2.receive import receive
import pickle, os

folder, what, sends = Path(sys.argv[1]), sys.argv[2], Sends(**json.loads(sys.argv[3]))
SIZE = 50 * 1024 * 1024
LINE = b"PO1*1*100*EA*9.50**VP*WIDGET-%06d*UP*0761234%05d~\\r\\n"

class Lines:
    size = SIZE
    def chunks(self):
        made = 0
        rng = random.Random(1)
        while made < SIZE:
            block = b"".join(LINE % (rng.randrange(10**6), rng.randrange(10**5)) for _ in range(2000))[: SIZE - made]
            made += len(block)
            yield block

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

from cryptography.hazmat.primitives.serialization import pkcs12
from gateway.as2.identity import our_certificate
pair = Pair(Side("us"), Side("The Peer"))
if what == "out":
    for side in ("us", "peer"):
        (folder / side).write_bytes(getattr(pair, side).rsa.p12(b"x"))
    build([Document(b"warm")], pair.outward(sends), message_id_="<1@us>", now=NOW, entropy=Entropy()).body()
    before = peak()
    message = build([Document(Lines())], pair.outward(sends), message_id_="<1@us>", now=NOW, entropy=Entropy())
    total = 0
    with (folder / "message").open("wb") as file:
        for chunk in message.chunks():
            total += len(chunk)
            file.write(chunk)
    assert message.size in (None, total)
    (folder / "headers").write_text(json.dumps(message.headers))
    print(json.dumps({{"extra": peak() - before, "mic": message.mics["sha256"], "sized": message.size is not None}}))
else:
    for side in ("us", "peer"):
        getattr(pair, side).rsa = our_certificate((folder / side).read_bytes(), b"x")
    warm = pair.message(sends=sends)
    pair.arrival(warm.headers, warm.body())
    before = peak()
    seen = [0]
    def sink(part):
        def write(data):
            seen[0] += len(data)
        return write
    def chunks():
        with (folder / "message").open("rb") as file:
            while data := file.read(65536):
                yield data
    received = receive(json.loads((folder / "headers").read_text()), chunks(), pair.inward(), now=NOW,
                       mdn_id="<m@peer>", entropy=Entropy(), sink=sink)
    assert received.failure is None, received.failure
    assert seen[0] == SIZE
    print(json.dumps({{"extra": peak() - before, "mic": received.message.mic.value}}))
"""


def run(folder: Path, what: str, sends: dict[str, str]) -> dict[str, object]:
    program = PROGRAM.format(tests=str(Path(__file__).parents[1]))
    command = [sys.executable, "-c", program, str(folder), what, json.dumps(sends)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


@pytest.mark.parametrize(
    "sends",
    [
        {},
        pytest.param({"cipher": "aes256-gcm"}, marks=pytest.mark.slow),
        pytest.param({"compress": "before-signing"}, marks=pytest.mark.slow),
        pytest.param({"compress": "after-signing", "transfer_encoding": "base64"}, marks=pytest.mark.slow),
    ],
    ids=["signed and encrypted", "gcm", "compressed", "compressed after, base64"],
)
def test_50_mb(tmp_path: Path, sends: dict[str, str]) -> None:
    """Red when any layer gathers what it reads or writes."""
    out = run(tmp_path, "out", sends)
    assert int(str(out["extra"])) < EXTRA
    if "compress" not in sends:
        assert out["sized"], "a length that can be known is sent"
    back = run(tmp_path, "in", sends)
    assert int(str(back["extra"])) < EXTRA
    assert back["mic"] == out["mic"]
