"""Sheets that partners mail each other: ours is read back, theirs in many hands, and what is wrong is said by line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import yaml
from as2_pair import NOW, Pair, Side, new_certificate
from cryptography.hazmat.primitives import serialization

from gateway.channels.as2_settings import As2Settings
from gateway.channels.as2_sheet import Sheet, SheetFaults, connection, our_item, read, write

DAY = timedelta(days=1)
THEIRS = new_certificate("Pine Street", serial=7)
OTHER = new_certificate("Somebody", serial=8)
PEM = THEIRS.pem().decode()


def sheet(*lines: str, pem: str = PEM) -> str:
    return "\n".join(["as2 id: PINESTREET", "url: https://as2.pine.example/in", *lines, pem])


def settings(found: Sheet) -> As2Settings:
    """The connection a sheet becomes, as the profiles are judged."""
    lines = connection(
        "pine",
        "test",
        found,
        our_name="US",
        our=our_item("file:/us.pem", "file:/us.key"),
        receipt_url="https://us.example/as2",
    )
    said = yaml.load("\n".join(lines), Loader=yaml.BaseLoader)["pine"]
    assert (said.pop("kind"), said.pop("lane")) == ("as2", "test")
    return As2Settings.model_validate(said)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
@pytest.mark.parametrize("name", ["US", 'a "B" \\ #c', "us & partners"])
def test_our_own_sheet_is_read_back(kind: str, name: str) -> None:
    own = new_certificate("us", kind)
    text = write("Us", name, "https://us.example/as2", own, contact="Ada, edi@us.example")
    for received in (text, text.replace("\n", "\r\n"), "".join(f"> {line}\n" for line in text.splitlines())):
        found = read(received, NOW)
        assert (found.as2_name, found.url, found.contact) == (name, "https://us.example/as2", "Ada, edi@us.example")
        assert found.certificate.fingerprint == own.fingerprint
        assert found.remarks == ()
        made = settings(found)
        assert (made.sign, made.encrypt, made.receipt, made.receipt_signed) == ("sha256", "aes256-cbc", "sync", True)
        assert made.key_transport == ("ecdh-sha256" if kind == "ec" else "rsa-pkcs1v15")


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("Signature Algorithm: SHA-512", "sign", "sha512"),
        ("signing = rsa-sha384", "sign", "sha384"),
        ("* Encryption: AES-256 GCM", "encrypt", "aes256-gcm"),
        ("encryption algorithm: aes_128_cbc", "encrypt", "aes128-cbc"),
        ("Encryption: AES192", "encrypt", "aes192-cbc"),
        ("Key Encryption: RSAES-OAEP SHA-512", "key_transport", "rsa-oaep-sha512"),
        ("key transport: OAEP", "key_transport", "rsa-oaep-sha256"),
        ("Compression: yes", "compress", "before-signing"),
        ("compress: after signing", "compress", "after-signing"),
        ("MDN: Synchronous / signed", "receipt", "sync"),
        ("MDN Type: Asynchronous", "receipt", "async"),
        ("MDN: sync, unsigned", "receipt_signed", False),
        ("MDN: none", "receipt", "none"),
        ("MDN URL: https://as2.pine.example/mdn", "their_receipt_urls", ("https://as2.pine.example/mdn",)),
        ("signature digest: SHA1", "accept_old", ("sha1",)),
        ("Encryption: Triple-DES", "accept_old", ("3des-cbc",)),
    ],
)
def test_the_many_ways_to_say_a_thing(line: str, key: str, value: object) -> None:
    assert getattr(settings(read(sheet(line), NOW)), key) == value


def test_the_sheet_of_a_stranger() -> None:
    text = f"""
    Pine Street Trading -- EDI connectivity
    AS2 Identifier : "Pine Street"
    AS2 URL : <http://as2.pine.example:4080/in>
    Favourite colour: green
    Fingerprint: {THEIRS.fingerprint.lower().replace(":", " ")}
    {PEM.replace(chr(10), chr(10) + "    ")}
    """
    found = read(text, NOW)
    assert (found.as2_name, found.url) == ("Pine Street", "http://as2.pine.example:4080/in")
    assert settings(found).allow_http
    assert [remark.partition(": ")[2][:20] for remark in found.remarks] == [
        "`Favourite colour` i",
        "http://as2.pine.exam",
    ]


def private() -> str:
    key = OTHER.private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key.decode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("as2 id: PINESTREET\n", ""), "the line `as2 id: ...` is missing"),
        (lambda text: text.replace("PINESTREET", "P" * 129), "line 1: not an AS2 name"),
        (lambda text: text.replace("https://", "ftp://"), "line 2: 'ftp://as2.pine.example/in' is no address"),
        (lambda text: text.replace("https://", "https://me:secret@"), "line 2: the address holds a user"),
        (lambda text: text.replace("as2 id", f"fingerprint: {OTHER.fingerprint}\nas2 id"), "Ask them by telephone"),
        (lambda text: f"as2 id: OTHER\n{text}", "line 2: `as2 id` stands twice; first in line 1"),
        (lambda text: text.partition("-----")[0], "there is no certificate in it"),
        (lambda text: text.replace(PEM[40:90], "x" * 50), "the certificate cannot be used"),
        (lambda text: text + private(), "this sheet holds a private key"),
        (lambda text: f"sign: CRC32\n{text}", "line 1: 'CRC32' is no digest we know"),
        (lambda text: f"encryption: Enigma\n{text}", "line 1: 'Enigma' is no cipher we know"),
        (lambda text: "x" * 300_000, "this is no sheet"),
    ],
)
def test_what_no_connection_can_be_made_of(change: Callable[[str], str], said: str) -> None:
    with pytest.raises(SheetFaults) as caught:
        read(change(sheet()), NOW)
    assert said in str(caught.value)


def test_every_fault_is_said_at_once() -> None:
    with pytest.raises(SheetFaults) as caught:
        read("url: nowhere\nsign: CRC32\n", NOW)
    assert len(caught.value.faults) == 4


def test_a_certificate_that_has_ended_or_not_begun() -> None:
    ended = new_certificate("x", serial=9, start=NOW - 9 * DAY, end=NOW - DAY)
    with pytest.raises(SheetFaults, match="ended on 2026-11-20"):
        read(sheet(pem=ended.pem().decode()), NOW)
    later = new_certificate("x", serial=9, start=NOW + DAY, end=NOW + 9 * DAY)
    assert "counts from 2026-11-22 only" in read(sheet(pem=later.pem().decode()), NOW).remarks[-1]


def test_two_sides_that_exchanged_sheets_understand_each_other() -> None:
    """Each reads the other's sheet; a message made by one profile is opened by the other."""
    us, peer = Side("us"), Side("The Peer")
    sheets = {
        side.name: read(write(side.name, side.name, f"https://{side.name[0]}.example/as2", side.rsa), NOW)
        for side in (us, peer)
    }
    files = {}
    for side in (us, peer):
        files[f"file:/{side.name}.pem"] = side.rsa.pem().decode()
        files[f"file:/{side.name}.key"] = side.rsa.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
    made = []
    for side, other in ((us, peer), (peer, us)):
        lines = connection(
            "w",
            "test",
            sheets[other.name],
            our_name=side.name,
            receipt_url="",
            our=our_item(f"file:/{side.name}.pem", f"file:/{side.name}.key"),
        )
        said = yaml.load("\n".join(lines), Loader=yaml.BaseLoader)["w"]
        del said["kind"], said["lane"]
        made.append(As2Settings.model_validate(said).partnership(lambda name: files.get(name, name)))
    pair = Pair(us, peer)
    message = pair.message(sends=made[0].sends)
    received, _ = pair.arrival(message.headers, message.body(), made[1].accepts)
    assert received.failure is None
    assert made[1].their.certificates[0].fingerprint == us.rsa.fingerprint
