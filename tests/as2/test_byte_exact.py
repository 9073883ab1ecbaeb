"""Well-formed messages as other products make them, built with openssl: each verified over exactly the bytes sent.

The MIC must be the digest that openssl computes over the file it signed. What breaks other implementations is any
step that parses a part and writes it again: line ends, folds, double blanks, transfer encodings.
"""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from as2_pair import EDI, Pair, new_certificate
from cryptography.hazmat.primitives import serialization

from gateway.as2.identity import OwnCertificate
from gateway.as2.partnership import Accepts

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]

TEXT = b"Content-Type: application/edi-x12\r\n\r\n"
LINES = EDI.replace(b"~", b"~\r\n")


@dataclass(frozen=True)
class Variant:
    """One way to write a message; `part` is signed as it stands."""

    name: str
    part: bytes
    delivered: bytes
    sign: tuple[str, ...] = ()
    encrypt: tuple[str, ...] | None = None
    signature_encoding: str = "base64"
    body_encoding: str = ""
    line: bytes = b"\r\n"
    recipients: int = 1
    micalg: str = "sha-256"
    names: tuple[str, ...] = field(default=("",))


def related() -> bytes:
    return (
        b'Content-Type: multipart/related; boundary="in ner"; type="application/edi-x12"\r\n\r\n'
        b'--in ner\r\nContent-Type: application/edi-x12\r\nContent-Disposition: attachment; filename="a.edi"\r\n\r\n'
        + LINES
        + b'\r\n--in ner\r\nContent-Type: application/pdf; name="b.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        + base64.encodebytes(b"\x00\xff" * 60)
        + b"\r\n--in ner--\r\n"
    )


PLAIN = ("-stream", "-aes128", "-aes256", "-des3")
BINARY = bytes(range(256)) * 8
VARIANTS = [
    Variant("CRLF text", TEXT + LINES, LINES),
    Variant("LF text", TEXT + LINES.replace(b"\r\n", b"\n"), LINES.replace(b"\r\n", b"\n")),
    Variant("a lone CR", TEXT + b"a\rb\r\rc\r", b"a\rb\r\rc\r"),
    Variant("no line end at all", TEXT + b"ISA~GS~SE", b"ISA~GS~SE"),
    Variant("blank lines at the end", TEXT + LINES + b"\r\n\r\n", LINES + b"\r\n\r\n"),
    Variant("binary without a transfer encoding", b"Content-Type: application/octet-stream\r\n\r\n" + BINARY, BINARY),
    Variant(
        "binary with its transfer encoding",
        b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n" + BINARY,
        BINARY,
    ),
    Variant(
        "a base64 part",
        b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(BINARY).replace(b"\n", b"\r\n"),
        BINARY,
    ),
    Variant(
        "a quoted-printable part",
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nISA=2A=\r\nGS=7E\r\n",
        b"ISA*GS~\r\n",
    ),
    Variant("a base64 body", TEXT + LINES, LINES, encrypt=("-aes256",), body_encoding="base64"),
    Variant(
        "double blanks and folds in the headers",
        b'Content-Type:   application/edi-x12;\r\n\tname="x.edi";\r\n   charset=utf-8\r\nX-Empty:\r\n\r\n' + LINES,
        LINES,
        names=("x.edi",),
    ),
    Variant("headers in other letters", b"CONTENT-type:application/EDI-X12\r\n\r\n" + LINES, LINES),
    Variant("multipart/related", related(), LINES + b"\x00\xff" * 60, names=("a.edi", "b.pdf")),
    Variant("two recipients", TEXT + LINES, LINES, encrypt=("-aes128",), recipients=2),
    Variant("PSS", TEXT + LINES, LINES, sign=("-keyopt", "rsa_padding_mode:pss")),
    Variant("no certificates in the signature", TEXT + LINES, LINES, sign=("-nocerts",)),
    Variant("BER stream", TEXT + LINES * 300, LINES * 300, encrypt=("-aes256", "-stream")),
    Variant("a binary signature", TEXT + LINES, LINES, signature_encoding="binary"),
    Variant("lines of the envelope end in LF", TEXT + LINES, LINES, line=b"\n"),
    Variant(
        "a file name in UTF-8",
        b"Content-Type: application/edi-x12\r\n"
        b'Content-Disposition: attachment; filename="Bestellung \xc3\xbc.edi"\r\n\r\n' + LINES,
        LINES,
        names=("Bestellung ü.edi",),
    ),
    Variant("signer by key identifier", TEXT + LINES, LINES, sign=("-keyid",)),
    Variant("OAEP", TEXT + LINES, LINES, encrypt=("-aes256", "-keyopt", "rsa_padding_mode:oaep")),
    Variant("a wrong micalg", TEXT + LINES, LINES, micalg="sha-512"),
    Variant("no micalg", TEXT + LINES, LINES, micalg=""),
]


class OpenSSL:
    """openssl cms with the files it wants."""

    def __init__(self, folder: Path, pair: Pair) -> None:
        self.folder = folder
        self.other = new_certificate("other", serial=9)
        for name, certificate in (("us", pair.us.rsa), ("peer", pair.peer.rsa), ("other", self.other)):
            self.write(name, certificate)

    def write(self, name: str, certificate: OwnCertificate) -> None:
        key = certificate.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self.folder / f"{name}.key").write_bytes(key)
        (self.folder / f"{name}.crt").write_bytes(certificate.pem())

    def run(self, *arguments: str, data: bytes) -> bytes:
        return subprocess.run(
            ["openssl", *arguments], cwd=self.folder, input=data, capture_output=True, check=True
        ).stdout

    def sign(self, part: bytes, *options: str) -> bytes:
        # openssl wants -keyopt behind the key it is for
        fixed = ("cms", "-sign", "-binary", "-outform", "DER", "-md", "sha256", "-signer", "us.crt", "-inkey", "us.key")
        return self.run(*fixed, *options, data=part)

    def encrypt(self, data: bytes, options: tuple[str, ...], recipients: int) -> bytes:
        keys = [word for word in options if word not in PLAIN]
        plain = [word for word in options if word in PLAIN]
        who = ["-recip", "other.crt"] * (recipients - 1) + ["-recip", "peer.crt", *keys]
        return self.run("cms", "-encrypt", "-binary", "-outform", "DER", *plain, *who, data=data)

    def digest(self, data: bytes) -> bytes:
        return self.run("dgst", "-sha256", "-binary", data=data)


@pytest.fixture(scope="module")
def openssl(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> OpenSSL:
    return OpenSSL(tmp_path_factory.mktemp("openssl"), pair)


def written(variant: Variant, openssl: OpenSSL) -> tuple[list[tuple[str, str]], bytes]:
    """Headers for HTTP, and the body."""
    signature = openssl.sign(variant.part, *variant.sign)
    if variant.signature_encoding == "base64":
        signature = base64.encodebytes(signature).replace(b"\n", variant.line)
    line = variant.line
    head = line.join(
        (
            b"Content-Type: application/pkcs7-signature",
            b"Content-Transfer-Encoding: " + variant.signature_encoding.encode(),
        )
    )
    body = line.join((b"--b 1", variant.part, b"--b 1", head, b"", signature, b"--b 1--", b""))
    micalg = f" micalg={variant.micalg};" if variant.micalg else ""
    kind = f'multipart/signed; protocol="application/pkcs7-signature";{micalg} boundary="b 1"'
    encoding = variant.body_encoding
    if variant.encrypt is not None:
        body = openssl.encrypt(f"Content-Type: {kind}\r\n\r\n".encode() + body, variant.encrypt, variant.recipients)
        kind = "application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m"
        if encoding == "base64":
            body = base64.encodebytes(body)
    headers = [
        ("AS2-From", "us"),
        ("AS2-To", '"The Peer"'),
        ("Message-ID", "<v@us>"),
        ("Content-Type", kind),
        ("Disposition-Notification-To", "us"),
    ]
    return headers + ([("Content-Transfer-Encoding", encoding)] if encoding else []), body


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_verified_over_the_bytes_as_they_came(pair: Pair, openssl: OpenSSL, variant: Variant) -> None:
    """Red when any part is parsed and written again, or a line end is repaired."""
    headers, body = written(variant, openssl)
    received, sink = pair.arrival(headers, body, Accepts(encrypted=variant.encrypt is not None))
    assert received.failure is None
    assert b"".join(data for _, data in sink.parts) == variant.delivered
    assert tuple(part.filename for part, _ in sink.parts) == variant.names
    assert received.message is not None
    assert base64.b64decode(received.message.mic.value) == openssl.digest(variant.part)


@pytest.mark.parametrize("variant", VARIANTS[:14], ids=lambda variant: variant.name)
def test_one_byte_less_is_not_verified(pair: Pair, openssl: OpenSSL, variant: Variant) -> None:
    """The other half of being exact: the part without its last byte is another part."""
    headers, body = written(variant, openssl)
    if variant.encrypt is None:
        at = body.index(variant.part) + len(variant.part)
        received, _ = pair.arrival(headers, body[: at - 1] + body[at:], Accepts(encrypted=False))
        assert received.message is None


def test_without_signed_attributes_only_by_profile(pair: Pair, openssl: OpenSSL) -> None:
    """Some old senders cannot make them; the profile may allow it, the default does not."""
    headers, body = written(Variant("", TEXT + LINES, LINES, sign=("-noattr",)), openssl)
    received, _ = pair.arrival(headers, body, Accepts(encrypted=False))
    assert received.disposition.modifier == "integrity-check-failed"
    received, _ = pair.arrival(headers, body, Accepts(encrypted=False, signed_attributes=False))
    assert received.failure is None


def old(openssl: OpenSSL, **changed: object) -> Callable[[], tuple[list[tuple[str, str]], bytes]]:
    return lambda: written(Variant("", TEXT + LINES, LINES, **changed), openssl)  # type: ignore[arg-type]


def test_sha1_and_3des_are_read_by_profile_only(pair: Pair, openssl: OpenSSL) -> None:
    """Never made; read where a partner's profile names them, and nowhere else."""
    headers, body = old(openssl, encrypt=("-des3",), sign=("-md", "sha1"), micalg="sha1")()
    for accepts, modifier in (
        (Accepts(), "insufficient-message-security"),
        (Accepts(digests=frozenset({"sha1"})), "insufficient-message-security"),
        (Accepts(ciphers=frozenset({"3des-cbc"})), "insufficient-message-security"),
        (Accepts(digests=frozenset({"sha1"}), ciphers=frozenset({"3des-cbc"})), None),
    ):
        received, _ = pair.arrival(headers, body, accepts)
        assert received.disposition.modifier == modifier
