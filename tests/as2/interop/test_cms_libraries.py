"""openssl and BouncyCastle open what we make and make what we open, all pairs of what they can."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from as2_interop import Case, cases, name_of
from as2_pair import EDI, Pair
from cryptography.hazmat.primitives import serialization

from gateway.as2.mime import ContentType, Headers, read_headers
from gateway.as2.partnership import Accepts, Sends
from gateway.as2.stream import Stream

pytestmark = pytest.mark.interop

JARS = [Path("/usr/share/java") / f"{name}.jar" for name in ("bcprov", "bcpkix", "bcutil")]
DATA = EDI * 200
PART = b"Content-Type: application/edi-x12\r\nContent-Transfer-Encoding: binary\r\n\r\n" + DATA


class Library(Protocol):
    """The five things a CMS library can do; `who` is one of us-rsa, us-ec, peer-rsa, peer-ec."""

    def sign(self, data: bytes, who: str, digest: str, scheme: str) -> bytes: ...
    def verify(self, signature: bytes, data: bytes, who: str) -> None: ...
    def encrypt(self, data: bytes, who: str, cipher: str, transport: str) -> bytes: ...
    def decrypt(self, data: bytes, who: str, cipher: str) -> bytes: ...
    def compress(self, data: bytes) -> bytes: ...
    def decompress(self, data: bytes) -> bytes: ...


@dataclass
class OpenSSL:
    folder: Path

    def run(self, *arguments: str, data: bytes) -> bytes:
        done = subprocess.run(
            ["openssl", "cms", *arguments], cwd=self.folder, input=data, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def sign(self, data: bytes, who: str, digest: str, scheme: str) -> bytes:
        options = ["-keyopt", "rsa_padding_mode:pss"] if scheme == "rsa-pss" else []
        by = ["-signer", f"{who}.crt", "-inkey", f"{who}.key", *options]
        return self.run("-sign", "-binary", "-outform", "DER", "-md", digest, *by, data=data)

    def verify(self, signature: bytes, data: bytes, who: str) -> None:
        (self.folder / "content").write_bytes(data)
        by = ["-certfile", f"{who}.crt", "-nointern", "-noverify"]
        self.run("-verify", "-binary", "-inform", "DER", "-content", "content", *by, data=signature)

    def encrypt(self, data: bytes, who: str, cipher: str, transport: str) -> bytes:
        name = f"-{cipher.replace('-cbc', '')}" if cipher.endswith("cbc") else f"-{cipher[:3]}-{cipher[3:]}"
        options: list[str] = []
        if transport.startswith("rsa-oaep"):
            options = ["-keyopt", "rsa_padding_mode:oaep", "-keyopt", f"rsa_oaep_md:{transport[9:]}"]
        elif transport.startswith("ecdh"):
            options = ["-keyopt", f"ecdh_kdf_md:{transport[5:]}"]
        return self.run("-encrypt", "-binary", "-outform", "DER", name, "-recip", f"{who}.crt", *options, data=data)

    def decrypt(self, data: bytes, who: str, cipher: str) -> bytes:
        return self.run(
            "-decrypt", "-binary", "-inform", "DER", "-recip", f"{who}.crt", "-inkey", f"{who}.key", data=data
        )

    def compress(self, data: bytes) -> bytes:
        raise NotImplementedError

    def decompress(self, data: bytes) -> bytes:
        raise NotImplementedError


@dataclass
class BouncyCastle:
    folder: Path
    process: subprocess.Popen[str]

    def run(self, verb: str, data: bytes, **options: str) -> bytes:
        (self.folder / "in").write_bytes(data)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(" ".join([verb, "in", "out", *(f"{k}={v}" for k, v in options.items())]) + "\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline().strip()
        assert said == "ok", said
        return (self.folder / "out").read_bytes()

    def sign(self, data: bytes, who: str, digest: str, scheme: str) -> bytes:
        how = {"rsa-pkcs1v15": "RSA", "rsa-pss": "RSAandMGF1", "ecdsa": "ECDSA"}[scheme]
        return self.run("sign", data, by=who, digest=digest, how=how)

    def verify(self, signature: bytes, data: bytes, who: str) -> None:
        (self.folder / "content").write_bytes(data)
        self.run("verify", signature, by=who, content="content")

    def encrypt(self, data: bytes, who: str, cipher: str, transport: str) -> bytes:
        return self.run("encrypt", data, to=who, cipher=cipher, transport=transport)

    def decrypt(self, data: bytes, who: str, cipher: str) -> bytes:
        return self.run("decrypt", data, by=who, cipher=cipher)

    def compress(self, data: bytes) -> bytes:
        return self.run("compress", data)

    def decompress(self, data: bytes) -> bytes:
        return self.run("decompress", data)


@pytest.fixture(scope="module")
def folder(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("cms")
    for side in ("us", "peer"):
        for kind in ("rsa", "ec"):
            own = getattr(getattr(pair, side), kind)
            key, der = own.private_key, serialization.Encoding.DER
            plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            (made / f"{side}-{kind}.crt").write_bytes(own.pem())
            (made / f"{side}-{kind}.p8").write_bytes(key.private_bytes(der, *plain))
            (made / f"{side}-{kind}.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    return made


@pytest.fixture(scope="module")
def openssl(folder: Path) -> OpenSSL:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    return OpenSSL(folder)


@pytest.fixture(scope="module")
def bouncycastle(folder: Path) -> Iterator[BouncyCastle]:
    if shutil.which("java") is None or not all(jar.exists() for jar in JARS):
        pytest.skip("needs java and the packages libbcprov-java libbcpkix-java libbcutil-java")
    program = Path(__file__).with_name("Peer.java")
    command = ["java", "-Xshare:auto", "-cp", ":".join(map(str, JARS)), str(program), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready", "Peer.java does not compile here"
        yield BouncyCastle(folder, process)
        process.kill()


def kind_of(case: Case) -> str:
    return "ec" if str(case["key_transport"]).startswith("ecdh") else "rsa"


def they_open(pair: Pair, library: Library, case: Case) -> None:
    """Take off with the library what we put on."""
    kind = kind_of(case)
    sends = Sends(
        digest=None if case["digest"] == "none" else case["digest"],
        signature=case["signature"],
        cipher=None if case["cipher"] == "none" else case["cipher"],
        key_transport=case["key_transport"],
        compress=None if case.get("compress", "none") == "none" else case["compress"],
        mdn=None,
    )
    message = pair.message(DATA, sends, kind)
    headers, body = Headers(message.headers), message.body()
    if sends.cipher is not None:
        headers, body = entity(library.decrypt(body, f"peer-{kind}", sends.cipher))
    if sends.compress == "after-signing" or (sends.compress and sends.digest is None):
        headers, body = entity(library.decompress(body))
    if sends.digest is not None:
        part, signature = parts(headers, body)
        library.verify(signature, part, f"us-{kind}")
        headers, body = entity(part)
    if sends.compress == "before-signing" and sends.digest is not None:
        headers, body = entity(library.decompress(body))
    assert headers.get("Content-Type") == "application/edi-x12"
    assert body == DATA


def entity(data: bytes) -> tuple[Headers, bytes]:
    headers, raw = read_headers(Stream([data]))
    return headers, data[len(raw) :]


def parts(headers: Headers, body: bytes) -> tuple[bytes, bytes]:
    """Cut by hand, so that our own reader is not the judge of our writer."""
    boundary = re.escape(ContentType.parse(headers.get("Content-Type")).parameters["boundary"].encode())
    first, second = re.fullmatch(
        rb"--%b\r\n(.*)\r\n--%b\r\n(.*)\r\n--%b--\r\n" % (boundary, boundary, boundary), body, re.S
    ).groups()  # type: ignore[union-attr]
    return first, base64.b64decode(second.partition(b"\r\n\r\n")[2])


def they_make(pair: Pair, library: Library, case: Case) -> None:
    """Put on with the library what we take off."""
    kind, compress = kind_of(case), case.get("compress", "none")
    compressed = b"Content-Type: application/pkcs7-mime; smime-type=compressed-data\r\n\r\n"
    entity_ = PART
    if compress == "before-signing" or (compress != "none" and case["digest"] == "none"):
        entity_ = compressed + library.compress(entity_)
    if case["digest"] != "none":
        signature = base64.encodebytes(library.sign(entity_, f"us-{kind}", case["digest"], case["signature"]))
        entity_ = (
            f'Content-Type: multipart/signed; micalg={case["digest"]}; boundary="B"\r\n\r\n--B\r\n'.encode()
            + entity_
            + b"\r\n--B\r\nContent-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + signature
            + b"\r\n--B--\r\n"
        )
    if compress == "after-signing":
        entity_ = compressed + library.compress(entity_)
    if case["cipher"] != "none":
        made = library.encrypt(entity_, f"peer-{kind}", case["cipher"], case["key_transport"])
        entity_ = b"Content-Type: application/pkcs7-mime\r\n\r\n" + made
    headers, body = entity(entity_)
    names = [("AS2-From", "us"), ("AS2-To", '"The Peer"'), ("Message-ID", "<1@us>")]
    accepts = Accepts(signed=case["digest"] != "none", encrypted=case["cipher"] != "none")
    received, sink = pair.arrival([*names, *headers], body, accepts, kind)
    assert received.failure is None, received.failure
    assert received.message is not None
    assert sink.parts[0][1] == DATA
    assert received.message.compressed == (compress != "none")
    if received.message.signature is not None:
        assert (received.message.signature.digest, received.message.signature.scheme) == (
            case["digest"],
            case["signature"],
        )
    if received.message.encryption is not None:
        assert (received.message.encryption.cipher, received.message.encryption.key_transport) == (
            case["cipher"],
            case["key_transport"],
        )


CASES = [
    pytest.param(peer, direction, case, id=f"{peer} {direction} {name_of(case)}")
    for peer in ("openssl", "bouncycastle")
    for direction in ("reads", "writes")
    for case in cases(peer, direction)
]


def check(request: pytest.FixtureRequest, pair: Pair, peer: str, direction: str, case: Case) -> None:
    library = request.getfixturevalue(peer)
    (they_open if direction == "reads" else they_make)(pair, library, case)


@pytest.mark.parametrize(("peer", "direction", "case"), CASES[::3])
def test_a_cut(request: pytest.FixtureRequest, pair: Pair, peer: str, direction: str, case: Case) -> None:
    check(request, pair, peer, direction, case)


@pytest.mark.slow
@pytest.mark.parametrize(("peer", "direction", "case"), CASES)
def test_all_pairs(request: pytest.FixtureRequest, pair: Pair, peer: str, direction: str, case: Case) -> None:
    check(request, pair, peer, direction, case)
