"""The sheet two AS2 partners mail each other: names, addresses, algorithms, certificate. Plain text, read by both.

Lines are `word: value`; what stands behind `#` is a remark; a certificate is a PEM block anywhere in it. A sheet that a
person wrote, or that came back quoted in a mail (`> `), is read as well as ours: words have many spellings in use. What
is not understood is a remark for the engineer; what is missing or impossible is a fault with its line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import get_args
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.as2.algorithms import CIPHERS, MADE_KEY_TRANSPORTS, MODERN_CIPHERS, MODERN_DIGESTS, digest_named
from gateway.as2.disposition import AS2Error
from gateway.as2.identity import Certificate, UnusableCertificate, their_certificate
from gateway.as2.message import as2_name, as2_name_header
from gateway.channels.as2_settings import MadeCipher, MadeDigest
from gateway.partners.faults import listed, nearest

WORDS = {
    "as2 id": ("as2 name", "as2 identifier", "as2 from", "as2 to", "as2id"),
    "url": ("as2 url", "endpoint", "as2 endpoint", "address", "as2 address", "server url"),
    "signature digest": ("digest", "signature", "sign", "signing", "signing algorithm", "signature algorithm", "hash"),
    "encryption": ("cipher", "encrypt", "encryption algorithm"),
    "key transport": ("key encryption", "key transport algorithm"),
    "compression": ("compress",),
    "receipt": ("mdn", "mdn type", "mdn mode"),
    "receipt digest": ("mdn digest", "micalg", "mic algorithm", "mdn algorithm"),
    "receipt url": ("mdn url", "async mdn url", "asynchronous mdn url"),
    "certificate fingerprint": ("fingerprint", "sha256 fingerprint", "thumbprint", "certificate sha256"),
    "contact": ("edi contact", "as2 contact"),
    "software": ("as2 software", "product"),
    "valid": ("certificate valid", "validity"),
}
_MEANING = {spelling: word for word, spellings in WORDS.items() for spelling in (word, *spellings)}
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.S)
_NAME_IN_QUOTES = re.compile(r'[^#"]*[:=]\s*"(?:[^"\\]|\\.)*"')
_QUOTED = re.compile(r"^[> ]*> ?", re.M)
_LARGEST = 256 * 1024  # a certificate with its chain is 10 KB


class SheetFaults(Exception):
    """A sheet that no connection can be made of; every fault, each with its line."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(faults))


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one side says of itself."""

    as2_name: str
    url: str | None
    certificate: Certificate
    digest: str = "sha256"
    cipher: str = "aes256-cbc"
    key_transport: str = "rsa-pkcs1v15"
    compress: str = "none"
    receipt: str = "sync"
    receipt_signed: bool = True
    receipt_digest: str = "sha256"
    receipt_urls: tuple[str, ...] = ()
    old: tuple[str, ...] = ()  # algorithms they use and we only read
    contact: str = ""
    remarks: tuple[str, ...] = field(default=())


# --- ours -----------------------------------------------------------------------------------------------------------


def write(company: str, name: str, url: str, certificate: Certificate, *, contact: str = "", lane: str = "test") -> str:
    """Our sheet, to be mailed."""
    key = certificate.key
    kind = f"RSA {key.key_size}" if isinstance(key, rsa.RSAPublicKey) else key.curve.name
    transport = "rsa-pkcs1v15" if isinstance(key, rsa.RSAPublicKey) else "ecdh-sha256"
    rows = [
        ("as2 id", as2_name_header(name), "letter by letter, case counts"),
        ("url", url or "(not known yet)", f"{lane} and production have an AS2 id each where both are used"),
        ("contact", contact, ""),
        ("", "", ""),
        ("", "", "What we do to messages for you, unless your sheet wishes otherwise:"),
        ("signature digest", "sha256", f"we read {listed(sorted(MODERN_DIGESTS))}; RSA PKCS#1 v1.5, PSS and ECDSA"),
        ("encryption", "aes256-cbc", f"we read {listed(sorted(MODERN_CIPHERS))}"),
        ("key transport", transport, "we read OAEP too, and ECDH with elliptic curves"),
        ("compression", "none", "we read it before and after signing"),
        ("receipt", "synchronous, signed", "in the same connection; we give them posted later too"),
        ("receipt digest", "sha256", ""),
        ("receipt url", "", "yours, if receipts for your messages are to be posted there later"),
        ("", "", ""),
        ("certificate fingerprint", certificate.fingerprint, "SHA-256: please compare it with us by telephone"),
        ("valid", f"{certificate.use_from:%Y-%m-%d} to {certificate.use_until:%Y-%m-%d}", kind),
    ]
    lines = [
        f"AS2 sheet of {company}",
        "",
        "Each line is a word, a colon and a value; what stands behind # is a remark.",
        "Please send us the same words for your side.",
        "",
    ]
    for word, value, remark in rows:
        said = f"{word + ':':<17} {value}" if word else ""
        lines.append(f"{said:<36}  # {remark}".lstrip() if remark else said.rstrip())
    return "\n".join(lines) + "\n\n" + certificate.pem().decode("ascii")


# --- theirs ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Reader:
    """One pass over a sheet, collecting every fault before raising."""

    said: Mapping[str, tuple[int, str]]
    faults: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    old: list[str] = field(default_factory=list)

    def value(self, word: str) -> str:
        return self.said.get(word, (0, ""))[1]

    def fault(self, word: str, text: str) -> None:
        line = self.said.get(word, (0, ""))[0]
        self.faults.append(f"line {line}: {text}" if line else text)

    def remark(self, word: str, text: str) -> None:
        line = self.said.get(word, (0, ""))[0]
        self.remarks.append(f"line {line}: {text}" if line else text)


def read(text: str, now: datetime) -> Sheet:
    """A partner's sheet. Raises SheetFaults with everything that stands in the way."""
    text = text.replace("\r\n", "\n").lstrip("\ufeff")
    if len(text) > _LARGEST:
        raise SheetFaults([f"this is no sheet: it has {len(text):,} characters"])
    if _QUOTED.search(text) and ">" in text.partition("-----BEGIN")[0]:
        text = _QUOTED.sub("", text)
    blocks = [(found.group(1), found.group(0)) for found in _PEM.finditer(text)]
    reader = _Reader({})
    reader.said = _lines(_PEM.sub(lambda found: "\n" * found.group(0).count("\n"), text), reader)
    sheet = _sheet(reader, blocks, now)
    if sheet is None or reader.faults:
        raise SheetFaults(reader.faults)
    return sheet


def _lines(text: str, reader: _Reader) -> dict[str, tuple[int, str]]:
    said: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        quoted = _NAME_IN_QUOTES.match(line)  # a # in quotes is no remark
        bare = (quoted.group(0) if quoted else re.sub(r"(^|\s)#.*", "", line)).strip().lstrip("-*• ")
        word, mark, value = bare.partition(":")
        if not mark:
            word, mark, value = bare.partition("=")
        key = " ".join(re.sub(r"[^a-z0-9]+", " ", re.sub(r"\(.*?\)", "", word.lower())).split())
        if not mark or not value.strip():
            continue
        meaning = _MEANING.get(key)
        if meaning is None:
            if len(key.split()) <= 4:
                reader.remarks.append(f"line {number}: `{word.strip()}` is not a word we know, and was passed over")
        elif meaning in said and said[meaning][1] != value.strip():
            reader.faults.append(f"line {number}: `{meaning}` stands twice; first in line {said[meaning][0]}")
        else:
            said[meaning] = (number, value.strip())
    return said


def _sheet(reader: _Reader, blocks: Sequence[tuple[str, str]], now: datetime) -> Sheet | None:
    name = _name(reader)
    url = _url(reader, "url")
    digest, cipher = _digest(reader, "signature digest"), _cipher(reader)
    certificate = _certificate(reader, blocks, now)
    receipt, signed = _receipt(reader)
    receipt_url = _url(reader, "receipt url")
    receipt_digest = _digest(reader, "receipt digest")
    if receipt == "async" and receipt_url is None:
        receipt_url = url
        if url is not None:
            reader.remark("receipt", f"no `receipt url`: their receipts may be posted to {url}")
    if certificate is None or name is None:
        return None
    return Sheet(
        as2_name=name,
        url=url,
        certificate=certificate,
        digest=digest,
        cipher=cipher,
        key_transport=_key_transport(reader, certificate),
        compress=_compress(reader),
        receipt=receipt,
        receipt_signed=signed,
        receipt_digest=receipt_digest,
        receipt_urls=(receipt_url,) if receipt_url else (),
        old=tuple(dict.fromkeys(reader.old)),
        contact=reader.value("contact"),
        remarks=tuple(reader.remarks),
    )


def _name(reader: _Reader) -> str | None:
    value = reader.value("as2 id")
    if not value:
        reader.faults.append("the line `as2 id: ...` is missing; without it no message finds its way")
        return None
    try:
        return as2_name(value)
    except AS2Error as error:
        reader.fault("as2 id", f"{error}; an AS2 id has 1 to 128 printable ASCII characters")
        return None


def _url(reader: _Reader, word: str) -> str | None:
    value = reader.value(word).strip("<>")
    if not value:
        if word == "url":
            reader.remark(word, "no `url`: they only send to us, and this connection sends nothing")
        return None
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        reader.fault(word, f"{value!r} is no address; write https://host/path")
        return None
    if "@" in parts.netloc:
        reader.fault(word, "the address holds a user or password; `user` and `password` of the connection name them")
        return None
    if parts.scheme == "http":
        reader.remark(word, f"{value} is not https: contents are encrypted all the same, names and sizes are not")
    return value


def _digest(reader: _Reader, word: str) -> str:
    value = reader.value(word)
    if not value:
        return "sha256"
    names = [found.name for part in re.split(r"[,;/ ]+", value) if (found := digest_named(part))]
    if not names and (joined := digest_named(value)):
        names = [joined.name]
    if not names:
        reader.fault(word, f"{value!r} is no digest we know; {nearest(value, get_args(MadeDigest))}")
        return "sha256"
    made = next((name for name in names if name in MODERN_DIGESTS), None)
    if made is None:
        reader.old.append(names[0])
        reader.remark(word, f"they use {names[0]}, which we read for them but do not make: we sign with sha256")
    return made or "sha256"


def _cipher(reader: _Reader) -> str:
    value = reader.value("encryption")
    if not value:
        return "aes256-cbc"
    bare = re.sub(r"[^a-z0-9]", "", value.lower())
    if re.search(r"3des|tripledes|desede3|des3|tdes", bare):
        reader.old.append("3des-cbc")
        reader.remark("encryption", "they use 3DES, which we read for them but do not make: ask whether they read AES")
        return "aes128-cbc"
    size = next((size for size in ("256", "192", "128") if f"aes{size}" in bare), None)
    name = f"aes{size}-{'gcm' if 'gcm' in bare else 'cbc'}"
    if size is None or name not in CIPHERS:
        reader.fault("encryption", f"{value!r} is no cipher we know; {nearest(value, get_args(MadeCipher))}")
        return "aes256-cbc"
    return name


def _key_transport(reader: _Reader, certificate: Certificate) -> str:
    value = reader.value("key transport").lower()
    is_curve = not isinstance(certificate.key, rsa.RSAPublicKey)
    if value in MADE_KEY_TRANSPORTS and value.startswith("ecdh") == is_curve:
        return value
    if is_curve:
        return "ecdh-sha256"
    if "oaep" in value:
        found = digest_named(re.sub(r"^.*oaep[-_ ]*", "", value) or "sha256")
        return f"rsa-oaep-{found.name}" if found and found.name != "md5" else "rsa-oaep-sha256"
    return "rsa-pkcs1v15"


def _compress(reader: _Reader) -> str:
    value = reader.value("compression").lower()
    if value in ("", "no", "none", "off", "-", "n/a"):
        return "none"
    return "after-signing" if "after" in value else "before-signing"


def _receipt(reader: _Reader) -> tuple[str, bool]:
    value = reader.value("receipt").lower()
    if value in ("no", "none", "off"):
        reader.remark("receipt", "without a receipt nothing proves that they got a message: ask for one")
        return "none", False
    signed = re.search(r"\b(un|not )\s*signed", value) is None
    return ("async" if re.search(r"\basync", value) else "sync"), signed


def _certificate(reader: _Reader, blocks: Sequence[tuple[str, str]], now: datetime) -> Certificate | None:
    if any("PRIVATE KEY" in kind for kind, _ in blocks):
        reader.faults.append(
            "this sheet holds a private key. Tell them at once: whoever read the mail can sign as they do, so they "
            "need a new key and certificate. Nothing was taken from it"
        )
        return None
    found = [block for kind, block in blocks if kind in ("CERTIFICATE", "PKCS7", "X509 CERTIFICATE")]
    if not found:
        reader.faults.append("there is no certificate in it: a block from -----BEGIN CERTIFICATE----- to its END")
        return None
    pem = "\n".join(block.replace("X509 CERTIFICATE", "CERTIFICATE") for block in found)
    pem = "\n".join(line.strip() for line in pem.split("\n"))
    try:
        certificate = their_certificate(pem.encode())
    except (UnusableCertificate, ValueError) as error:
        reader.faults.append(f"the certificate cannot be used: {error}")
        return None
    said = re.sub(r"[^0-9A-F]", "", reader.value("certificate fingerprint").upper())
    real = certificate.fingerprint.replace(":", "")
    if said and len(said) == len(real) and said != real:
        reader.fault(
            "certificate fingerprint",
            f"the fingerprint is not that of the certificate below it, which is {certificate.fingerprint}. "
            "Ask them by telephone which of the two is theirs",
        )
    elif said and len(said) != len(real):
        reader.remark("certificate fingerprint", "this is no SHA-256 fingerprint, so it was not compared")
    if certificate.use_until <= now:
        reader.faults.append(f"the certificate ended on {certificate.use_until:%Y-%m-%d}; ask for the one in use")
    elif certificate.use_from > now:
        reader.remarks.append(f"the certificate counts from {certificate.use_from:%Y-%m-%d} only; nothing goes before")
    reader.remarks += [f"the certificate: {fault}" for fault in certificate.faults()]
    return certificate


# --- a connection ---------------------------------------------------------------------------------------------------


def connection(name: str, lane: str, sheet: Sheet, *, our_name: str, our: Sequence[str], receipt_url: str) -> list[str]:
    """The lines of `connections.yaml` for a partner with this sheet. `our` are the lines of our certificates."""
    lines = [f"{name}:", "  kind: as2", f"  lane: {lane}"]
    if sheet.url is not None:
        lines.append(f"  url: {_text(sheet.url)}")
        if sheet.url.startswith("http:"):
            lines.append("  allow_http: true                  # contents are encrypted; names and sizes are not")
    lines += [f"  our_as2_name: {_text(our_name)}", f"  their_as2_name: {_text(sheet.as2_name)}"]
    lines += ["  our_certificates:", *(f"  {line}" for line in our), "  their_certificates:"]
    lines += [f"  {line}" for line in their_item(sheet.certificate)]
    lines.append(f"  sign: {sheet.digest}")
    lines.append(f"  encrypt: {sheet.cipher}")
    lines.append(f"  key_transport: {sheet.key_transport}")
    if sheet.compress != "none":
        lines.append(f"  compress: {sheet.compress}")
    lines.append(f"  receipt: {sheet.receipt}")
    if sheet.receipt == "async":
        lines.append(f"  receipt_url: {_text(receipt_url)}")
    if sheet.receipt != "none":
        lines.append(f"  receipt_signed: {str(sheet.receipt_signed).lower()}")
        lines.append(f"  receipt_digests: [{sheet.receipt_digest}]")
    if sheet.receipt_urls:
        lines.append(f"  their_receipt_urls: [{', '.join(map(_text, sheet.receipt_urls))}]")
    if sheet.old:
        lines.append(f"  accept_old: [{', '.join(sheet.old)}]")
    return lines


def their_item(certificate: Certificate, use_from: str = "", use_until: str = "") -> list[str]:
    """One entry of `their_certificates`: the certificate itself, so that it is published with the profile."""
    pem = certificate.pem().decode("ascii").strip().split("\n")
    return ["- certificate: |", *(f"    {line}" for line in pem), *_days(use_from, use_until)]


def our_item(certificate: str, key: str, use_from: str = "", use_until: str = "") -> list[str]:
    """One entry of `our_certificates`: where certificate and key are."""
    return [f"- certificate: {_text(certificate)}", f"  key: {_text(key)}", *_days(use_from, use_until)]


def _days(use_from: str, use_until: str) -> list[str]:
    said = (("use_from", use_from), ("use_until", use_until))
    return [f"  {name}: {day}" for name, day in said if day]


def _text(value: str) -> str:
    """A YAML scalar; in quotes where its letters could mean something else."""
    if re.fullmatch(r"[A-Za-z0-9/][A-Za-z0-9_./@?=%+-]*(:[A-Za-z0-9_./@?=%+-]+)*", value) and value.lower() != "null":
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
