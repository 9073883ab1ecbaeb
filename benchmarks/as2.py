"""How near AS2 comes to the speed of its own cryptography, beside pyas2lib in the same run.

    python -m benchmarks.as2 [--json] [--endpoint]

A trip is: build, sign, encrypt; decrypt, verify; sign the receipt; verify the receipt and compare the MIC. The limit is
the cryptography in it and nothing else: two RSA-2048 signatures, one decryption and one encryption of a key, two
verifications, AES-256-CBC both ways, SHA-256 once on each side. All in CPU seconds of one core, best of several rounds
that take turns, so that the ratios hold on a busy machine. "other digest" is the same trip with a receipt in a digest
that was neither signed nor asked for: the stored document is then hashed once more, which the limit does not contain.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from benchmarks import as2_endpoint
from gateway.as2.build import Document, build, mic_of
from gateway.as2.identity import OurIdentity, OwnCertificate, TheirIdentity, self_signed
from gateway.as2.mdn import Sent, judge, read_mdn
from gateway.as2.mime import Headers
from gateway.as2.partnership import Partnership, Sends
from gateway.as2.receive import receive

NOW = datetime.now(UTC)
CHUNK = 256 * 1024  # in one piece, 50 MB are slower than this: the limit is what is possible, not what is simplest
SIZES = {"2 KB": (2048, 60, 6), "1 MB": (1 << 20, 4, 4), "50 MB": (50 << 20, 1, 2)}  # bytes, trips a round, rounds
Trip = Callable[[bytes], None]


def certificate(name: str, serial: int) -> OwnCertificate:
    key = rsa.generate_private_key(65537, 2048)
    return self_signed(key, name, serial, NOW - timedelta(days=1), NOW + timedelta(days=365))


def purchase_order(size: int) -> bytes:
    rng = random.Random(1)
    line = b"PO1*%d*100*EA*%d.50**VP*WIDGET-%06d*UP*0761234%05d~\r\n"
    block = b"".join(line % (n, rng.randrange(999), rng.randrange(10**6), rng.randrange(10**5)) for n in range(25_000))
    return (block * (size // len(block) + 1))[:size]


def limit(own: OwnCertificate) -> Trip:
    key, public = own.private_key, own.key
    assert isinstance(key, rsa.RSAPrivateKey)
    assert isinstance(public, rsa.RSAPublicKey)
    plain, sha = padding.PKCS1v15(), hashes.SHA256()
    attributes, content_key, iv = bytes(150), bytes(32), bytes(16)

    def trip(data: bytes) -> None:
        pieces = [data[at : at + CHUNK] for at in range(0, len(data) // 16 * 16, CHUNK)]
        hasher = hashlib.sha256()
        for piece in pieces:
            hasher.update(piece)
        signature = key.sign(attributes, plain, sha)
        encrypted = public.encrypt(content_key, plain)
        encryptor = Cipher(algorithms.AES(content_key), modes.CBC(iv)).encryptor()
        key.decrypt(encrypted, plain)
        decryptor = Cipher(algorithms.AES(content_key), modes.CBC(iv)).decryptor()
        hasher = hashlib.sha256()
        for piece in pieces:
            hasher.update(decryptor.update(encryptor.update(piece)))
        public.verify(signature, attributes, plain, sha)
        public.verify(key.sign(attributes, plain, sha), attributes, plain, sha)

    return trip


def ours(us: OwnCertificate, peer: OwnCertificate, *, other_digest: bool = False) -> Trip:
    outward = Partnership(OurIdentity("us", (us,)), TheirIdentity("peer", (peer,)))
    inward = Partnership(OurIdentity("peer", (peer,)), TheirIdentity("us", (us,)))

    def sink(part: object) -> Callable[[bytes], None]:
        return lambda data: None

    def trip(data: bytes) -> None:
        documents = [Document(data)]
        message = build(documents, outward, message_id_="<1@us>", now=NOW, entropy=os.urandom)
        pieces = list(message.chunks()) if len(data) < 8 << 20 else message.chunks()
        received = receive(message.headers, pieces, inward, now=NOW, mdn_id="<m@peer>", entropy=os.urandom, sink=sink)
        assert received.mdn is not None
        receipt = read_mdn(Headers(received.mdn.headers), received.mdn.body, outward, NOW)
        mics = {} if other_digest else message.mics  # as if none of them had been expected
        other = partial(mic_of, documents, replace(Sends(), digest="sha512", mdn=None), "<1@us>")
        assert judge(receipt, Sent("<1@us>", "us", "peer", mics, True, other)).acknowledged

    return trip


def pyas2lib(us: OwnCertificate, peer: OwnCertificate) -> Trip | None:
    """None where it is not installed. oscrypto 1.3.0 misreads versions of OpenSSL with two digits in a place."""
    real, narrow = re.search, r"\b(\d\.\d\.\d[a-z]*)\b"
    re.search = lambda pattern, *rest: real(r"\b(\d+\.\d+\.\d+[a-z]*)\b" if pattern == narrow else pattern, *rest)  # type: ignore[assignment]
    try:
        from pyas2lib import as2
    except Exception:
        return None
    finally:
        re.search = real
    old = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(2000)
        .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
        .hmac_hash(hashes.SHA1())
        .build(b"x")
    )

    def side(own: OwnCertificate, other: OwnCertificate, name: str, their_name: str) -> tuple[Any, Any]:
        p12 = pkcs12.serialize_key_and_certificates(b"x", own.private_key, own.x509, None, old)  # type: ignore[arg-type]
        organization = as2.Organization(name, p12, "x", p12, "x")
        partner = as2.Partner(
            their_name,
            other.pem(),
            encrypt_cert=other.pem(),
            validate_certs=False,
            sign=True,
            encrypt=True,
            enc_alg="aes_256_cbc",
            mdn_mode="SYNC",
            mdn_digest_alg="sha256",
        )
        return organization, partner

    our, them = side(us, peer, "us", "peer"), side(peer, us, "peer", "us")

    def trip(data: bytes) -> None:
        message = as2.Message(*our)
        message.build(data, content_type="application/octet-stream")
        arrived = as2.Message()
        status, _, mdn = arrived.parse(
            message.headers_str + b"\r\n" + message.content, lambda name: them[0], lambda name: them[1]
        )
        assert status == "processed"
        status, _ = as2.Mdn().parse(mdn.headers_str + b"\r\n" + mdn.content, lambda *ids: message)
        assert status == "processed"

    return trip


def seconds(trip: Trip, data: bytes, count: int) -> float:
    start = time.process_time()
    for _ in range(count):
        trip(data)
    return (time.process_time() - start) / count


def growth(who: str) -> int:
    """MB that one 50 MB trip adds, in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.as2", "--rss", who]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return int(done.stdout) if done.returncode == 0 and done.stdout.strip() else -1


def print_growth(who: str) -> None:
    us, peer = certificate("us", 1), certificate("peer", 2)
    trip = ours(us, peer) if who == "ours" else pyas2lib(us, peer)
    assert trip is not None
    data = purchase_order(50 << 20)
    trip(data[:2048])
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before = high_water()
    trip(data)
    print((high_water() - before) // 1024)


def high_water() -> int:
    """The most memory this process ever had, in KB."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


def measure() -> list[dict[str, Any]]:
    us, peer = certificate("us", 1), certificate("peer", 2)
    trips: dict[str, Trip | None] = {
        "limit": limit(us),
        "ours": ours(us, peer),
        "other digest": ours(us, peer, other_digest=True),
        "pyas2lib": pyas2lib(us, peer),
    }
    rows = []
    for name, (size, count, rounds) in SIZES.items():
        data = purchase_order(size)
        best: dict[str, float] = {}
        for turn in range(rounds):
            for who, trip in trips.items():
                if trip is None or (who == "pyas2lib" and turn and size > 1 << 20):
                    continue
                few = max(1, count // 6) if who == "pyas2lib" else count
                best[who] = min(best.get(who, 1e9), seconds(trip, data, few))
        row: dict[str, Any] = {"size": name, "limit_per_s": round(1 / best["limit"], 1)}
        for who in ("ours", "other digest", "pyas2lib"):
            if who in best:
                row[f"{who} per_s"] = round(1 / best[who], 2)
                row[f"{who} share"] = round(best["limit"] / best[who], 3)
        if "pyas2lib" in best:
            row["times pyas2lib"] = round(best["pyas2lib"] / best["ours"], 1)
        rows.append(row)
    rows[-1]["ours growth MB"] = growth("ours")
    if trips["pyas2lib"] is not None:
        rows[-1]["pyas2lib growth MB"] = growth("pyas2lib")
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| size | limit, trips/s | ours | share | other digest | share | pyas2lib | ours is |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        peer = f"{row['pyas2lib per_s']} | {row['times pyas2lib']}x" if "pyas2lib per_s" in row else "not installed | "
        lines.append(
            f"| {row['size']} | {row['limit_per_s']} | {row['ours per_s']} | {row['ours share']:.0%} "
            f"| {row['other digest per_s']} | {row['other digest share']:.0%} | {peer} |"
        )
    last = rows[-1]
    grown = (
        f"\nGrowth of memory over one 50 MB trip (sending and receiving in one process): {last['ours growth MB']} MB"
    )
    return (
        "\n".join(lines)
        + grown
        + (f", pyas2lib {last['pyas2lib growth MB']} MB" if "pyas2lib growth MB" in last else "")
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--endpoint", action="store_true", help="only the messages received over HTTP")
    parser.add_argument("--rss", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rss:
        print_growth(arguments.rss)
        return
    rows = [] if arguments.endpoint else measure()
    received = as2_endpoint.measure(certificate("us", 1), certificate("peer", 2), purchase_order)
    if arguments.json:
        print(json.dumps({"trips": rows, "endpoint": received}))
        return
    print("\n\n".join([*([table(rows)] if rows else []), as2_endpoint.table(received)]))


if __name__ == "__main__":
    main()
