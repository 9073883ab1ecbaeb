"""Who signs and who can read: our certificates with their keys, their certificates, each with the dates of its use.

Two at once is normal on both sides. Of ours, the newest one in use signs, and every one in use can still decrypt; of
theirs, we encrypt to the newest in use, and any in use may have signed. So a rollover is: load the new one with the
day from which it counts, tell the partner, and take the old one away when its last day has passed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12

from .ber import SEQUENCE, Node, tlv

ALERT_DAYS = (60, 30, 14, 7, 1)
MIN_RSA_BITS = 2048

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
C = TypeVar("C", bound="Certificate")


class UnusableCertificate(ValueError):
    """A certificate or key that cannot be read or cannot be used for AS2; the text says why."""


@dataclass(frozen=True, slots=True)
class Name:
    """A distinguished name compared as text: some products write PrintableString where others write UTF8String."""

    parts: tuple[tuple[bytes, str], ...]

    @classmethod
    def read(cls, node: Node) -> Name:
        parts = []
        for rdn in node.expect(SEQUENCE, "a name").children():
            for attribute in rdn.children():
                kind, value = attribute.parts(2)[:2]
                encoding = "utf-16-be" if value.tag == 0x1E else "utf-8"
                text = value.contents.decode(encoding, "replace")
                parts.append((kind.contents, " ".join(text.split()).casefold()))
        return cls(tuple(parts))


class Certificate:
    """One X.509 certificate and what CMS needs of it, encoded once."""

    def __init__(
        self, certificate: x509.Certificate, use_from: datetime | None = None, use_until: datetime | None = None
    ) -> None:
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
            raise UnusableCertificate("the key is neither RSA nor elliptic curve")
        self.x509 = certificate
        self.key: PublicKey = key
        self.der = certificate.public_bytes(serialization.Encoding.DER)
        tbs = Node(self.der).children()[0].children()
        at = 1 if tbs[0].tag == 0xA0 else 0  # the version stands in front, unless it is 1
        self._serial, self._issuer = tbs[at].contents, tbs[at + 2].raw
        self._issuer_name = Name.read(tbs[at + 2])
        self.issuer_and_serial = tlv(SEQUENCE, tbs[at + 2].raw, tbs[at].raw)
        self.key_id = _key_id(certificate)
        self.use_from = max(use_from or certificate.not_valid_before_utc, certificate.not_valid_before_utc)
        self.use_until = min(use_until or certificate.not_valid_after_utc, certificate.not_valid_after_utc)

    def __repr__(self) -> str:
        return f"<Certificate {self.subject} {self.fingerprint[:11]}>"

    @property
    def subject(self) -> str:
        return self.x509.subject.rfc4514_string()

    @property
    def fingerprint(self) -> str:
        """SHA-256, in pairs with colons: what two people compare by telephone."""
        return hashlib.sha256(self.der).digest().hex(":").upper()

    def is_named_by(self, identifier: Node) -> bool:
        """Whether a SignerIdentifier or RecipientIdentifier means this certificate."""
        if identifier.tag == SEQUENCE:
            if identifier.raw == self.issuer_and_serial:
                return True
            parts = identifier.children()
            if len(parts) != 2 or parts[1].contents != self._serial:
                return False
            return parts[0].raw == self._issuer or Name.read(parts[0]) == self._issuer_name
        return self.key_id is not None and identifier.octets == self.key_id

    def in_use(self, now: datetime) -> bool:
        return self.use_from <= now < self.use_until

    def days_left(self, now: datetime) -> int:
        """Whole days until the certificate ends, negative after."""
        return (self.use_until - now) // timedelta(days=1)

    def faults(self) -> list[str]:
        """What a person should know before trusting it with anything."""
        found = []
        if isinstance(self.key, rsa.RSAPublicKey) and self.key.key_size < MIN_RSA_BITS:
            found.append(f"its RSA key has only {self.key.key_size} bits; {MIN_RSA_BITS} is the least that is safe")
        try:
            usage = self.x509.extensions.get_extension_for_class(x509.KeyUsage).value
        except x509.ExtensionNotFound:
            return found
        if not usage.digital_signature and not usage.content_commitment:
            found.append("its key usage does not allow signatures")
        if isinstance(self.key, rsa.RSAPublicKey) and not usage.key_encipherment:
            found.append("its key usage does not allow encryption to it")
        if isinstance(self.key, ec.EllipticCurvePublicKey) and not usage.key_agreement:
            found.append("its key usage does not allow key agreement, so nobody can encrypt to it")
        return found

    def pem(self) -> bytes:
        return self.x509.public_bytes(serialization.Encoding.PEM)


def _key_id(certificate: x509.Certificate) -> bytes | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (x509.ExtensionNotFound, ValueError):
        return None


class OwnCertificate(Certificate):
    """A certificate whose private key we hold."""

    def __init__(
        self,
        private_key: PrivateKey,
        certificate: x509.Certificate,
        use_from: datetime | None = None,
        use_until: datetime | None = None,
    ) -> None:
        super().__init__(certificate, use_from, use_until)
        if private_key.public_key() != self.key:
            raise UnusableCertificate("the private key does not belong to the certificate")
        self.private_key = private_key
        key_der = private_key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._secret = hashlib.sha256(b"substitute content key" + key_der).digest()

    def substitute_key(self, encrypted: bytes, size: int) -> bytes:
        """The key to go on with when the real one cannot be had: the same for the same message, known to nobody.

        RFC 3218 2.3.2: decrypting goes on as if nothing had happened and fails where every wrong key fails.
        """
        return hashlib.shake_256(self._secret + encrypted).digest(size)

    def p12(self, password: bytes, name: str = "as2") -> bytes:
        """Key and certificate for another program, protected by a password."""
        if not password:
            raise UnusableCertificate("a private key is only exported with a password")
        return pkcs12.serialize_key_and_certificates(
            name.encode(), self.private_key, self.x509, None, serialization.BestAvailableEncryption(password)
        )


@dataclass(frozen=True, slots=True)
class OurIdentity:
    """We, under one AS2 name."""

    as2_name: str
    certificates: tuple[OwnCertificate, ...] = ()

    def signing(self, now: datetime) -> OwnCertificate | None:
        return newest(self.certificates, now)

    def decrypting(self, now: datetime) -> list[OwnCertificate]:
        """Every one whose use has begun and not ended; a message encrypted yesterday to the old one still opens."""
        return [certificate for certificate in self.certificates if certificate.in_use(now)]


@dataclass(frozen=True, slots=True)
class TheirIdentity:
    """A partner, under one AS2 name."""

    as2_name: str
    certificates: tuple[Certificate, ...] = ()

    def encrypting(self, now: datetime) -> Certificate | None:
        return newest(self.certificates, now)


def newest(certificates: Sequence[C], now: datetime) -> C | None:
    """Of those in use, the one whose use began last."""
    return max((one for one in certificates if one.in_use(now)), key=lambda one: one.use_from, default=None)


@dataclass(frozen=True, slots=True)
class Expiry:
    """A certificate that runs out."""

    certificate: Certificate
    days_left: int
    threshold: int  # the alert that is due: 60, 30, 14, 7, 1, or 0 when it has ended
    successor: Certificate | None  # trusted already, so nobody needs to act


def expiring(certificates: Iterable[Certificate], now: datetime) -> list[Expiry]:
    """Those within 60 days of their end and not replaced by a longer one that is loaded, nearest end first.

    With a successor the entry stays, for the page of the partner, and carries it; an alert is only for those without.
    """
    every = sorted(certificates, key=lambda one: one.use_until)
    found = []
    for certificate in every:
        left = certificate.days_left(now)
        if left > ALERT_DAYS[0]:
            continue
        threshold = 0 if left < 0 else min((days for days in ALERT_DAYS if left <= days), default=ALERT_DAYS[0])
        later = [
            other
            for other in every
            if other.use_until > certificate.use_until and other.use_from <= certificate.use_until
        ]
        found.append(Expiry(certificate, left, threshold, later[-1] if later else None))
    return found


# --- import, export -----------------------------------------------------------------------------------------------


def read_certificates(data: bytes) -> list[x509.Certificate]:
    """Every certificate in a PEM, DER or PKCS#7 file as partners mail them."""
    try:
        if b"-----BEGIN CERTIFICATE" in data:
            return x509.load_pem_x509_certificates(data)
        if b"-----BEGIN PKCS7" in data:
            return pkcs7.load_pem_pkcs7_certificates(data)
        try:
            return [x509.load_der_x509_certificate(data)]
        except ValueError:
            return pkcs7.load_der_pkcs7_certificates(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableCertificate(f"not a certificate in PEM, DER or PKCS#7: {error}") from error


def their_certificate(data: bytes, use_from: datetime | None = None, use_until: datetime | None = None) -> Certificate:
    """The partner's own certificate out of a file that may hold its whole chain."""
    found = read_certificates(data)
    if not found:
        raise UnusableCertificate("no certificate in it")
    leaves = [one for one in found if not any(other is not one and other.issuer == one.subject for other in found)]
    return Certificate((leaves or found)[0], use_from, use_until)


def our_certificate(
    data: bytes, password: bytes | None = None, use_from: datetime | None = None, use_until: datetime | None = None
) -> OwnCertificate:
    """Key and certificate out of a PKCS#12 file, or a PEM file that holds both."""
    if b"-----BEGIN" in data:
        key, certificates = _key_of_pem(data, password), read_certificates(data)
    else:
        try:
            loaded, first, others = pkcs12.load_key_and_certificates(data, password)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise UnusableCertificate(f"not a PKCS#12 file, or another password: {error}") from error
        key, certificates = loaded, [one for one in (first, *others) if one is not None]
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise UnusableCertificate("no RSA or elliptic curve key in it")
    for certificate in certificates:
        if certificate.public_key() == key.public_key():
            return OwnCertificate(key, certificate, use_from, use_until)
    raise UnusableCertificate("no certificate in it belongs to the private key")


def _key_of_pem(data: bytes, password: bytes | None) -> object:
    for kind in (b"PRIVATE KEY", b"ENCRYPTED PRIVATE KEY", b"RSA PRIVATE KEY", b"EC PRIVATE KEY"):
        start = data.find(b"-----BEGIN " + kind + b"-----")
        mark = b"-----END " + kind + b"-----"
        end = data.find(mark, start)
        if start >= 0 and end >= 0:
            try:
                return serialization.load_pem_private_key(data[start : end + len(mark)] + b"\n", password)
            except (ValueError, TypeError, UnsupportedAlgorithm) as error:
                raise UnusableCertificate(f"the private key does not open: {error}") from error
    raise UnusableCertificate("no private key in it")


def self_signed(
    private_key: PrivateKey, common_name: str, serial: int, not_before: datetime, not_after: datetime
) -> OwnCertificate:
    """A certificate for a new identity. Most AS2 partners exchange self-signed ones and trust by fingerprint."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name[:64])])
    public = private_key.public_key()
    is_rsa = isinstance(public, rsa.RSAPublicKey)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(not_before.astimezone(UTC))
        .not_valid_after(not_after.astimezone(UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=True,
                key_encipherment=is_rsa,
                data_encipherment=False,
                key_agreement=not is_rsa,
                key_cert_sign=False,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(private_key, hashes.SHA256())
    )
    return OwnCertificate(private_key, certificate)
