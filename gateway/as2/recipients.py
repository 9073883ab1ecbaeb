"""Who can open an envelope: RecipientInfos (RFC 5652 6.2), RSA in both paddings and ECDH (RFC 5753).

Security rule 5 begins here: a key that cannot be unwrapped is replaced by one that nobody can know, and decryption
goes on to fail where, and when, every wrong key fails. RSA PKCS#1 v1.5 is implicitly rejected by OpenSSL already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from .algorithms import (
    DIGEST_BY_OID,
    DIGESTS,
    EC_PUBLIC_KEY,
    MGF1,
    NO_PARAMETERS,
    OAEP,
    RSA,
    RSA_OAEP,
    AlgorithmIdentifier,
    Digest,
    identifier,
)
from .ber import BIT_STRING, OCTET_STRING, SEQUENCE, SET, Node, dotted, integer, oid, tlv
from .disposition import AS2Error, DecryptionFailed, Malformed
from .identity import Certificate, OwnCertificate

Entropy = Callable[[int], bytes]

RECIPIENTS = 64  # our key is tried for those that name it only, but the list is read
_KEY_AGREEMENT = 0xA1

_KDFS = {
    "ecdh-sha1": (oid("1.3.133.16.840.63.0.2"), DIGESTS["sha1"]),
    "ecdh-sha256": (oid("1.3.132.1.11.1"), DIGESTS["sha256"]),
    "ecdh-sha384": (oid("1.3.132.1.11.2"), DIGESTS["sha384"]),
    "ecdh-sha512": (oid("1.3.132.1.11.3"), DIGESTS["sha512"]),
}
_WRAPS = {
    16: oid("2.16.840.1.101.3.4.1.5"),
    24: oid("2.16.840.1.101.3.4.1.25"),
    32: oid("2.16.840.1.101.3.4.1.45"),
}


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """The content key, or its substitute: which of the two is not known to anybody."""

    key: bytes
    certificate: OwnCertificate
    key_transport: str


# --- reading ------------------------------------------------------------------------------------------------------


def unwrap(infos: Node, certificates: Sequence[OwnCertificate], key_size: int) -> Unwrapped:
    """The content key for the first of our certificates that the envelope names."""
    nodes = infos.expect(SET, "the recipients").children()
    if len(nodes) > RECIPIENTS:
        raise DecryptionFailed(f"more than {RECIPIENTS} recipients")
    for node in nodes:
        if node.tag == SEQUENCE:
            found = _transported(node, certificates, key_size)
        elif node.tag == _KEY_AGREEMENT:
            found = _agreed(node, certificates, key_size)
        else:
            found = None  # passwords and the like are for somebody else
        if found is not None:
            return found
    raise DecryptionFailed("encrypted to none of our certificates in use")


def _transported(node: Node, certificates: Sequence[OwnCertificate], key_size: int) -> Unwrapped | None:
    parts = node.parts(4)
    for certificate in certificates:
        key = certificate.private_key
        if not certificate.is_named_by(parts[1]) or not isinstance(key, rsa.RSAPrivateKey):
            continue
        name, how = _padding(AlgorithmIdentifier.read(parts[2]))
        encrypted = parts[3].octets
        try:
            content_key = key.decrypt(encrypted, how)
        except ValueError:
            content_key = b""
        if len(content_key) != key_size:
            content_key = certificate.substitute_key(encrypted, key_size)
        return Unwrapped(content_key, certificate, name)
    return None


def _padding(algorithm: AlgorithmIdentifier) -> tuple[str, padding.PKCS1v15 | padding.OAEP]:
    if algorithm.oid == RSA:
        return "rsa-pkcs1v15", padding.PKCS1v15()
    if algorithm.oid != RSA_OAEP:
        raise DecryptionFailed(f"the key is encrypted with {dotted(algorithm.oid)}")
    hash_ = mask = DIGESTS["sha1"]  # RFC 4055 4.1: what absent parameters mean
    for part in algorithm.parameters.children() if algorithm.parameters is not None else ():
        inner = AlgorithmIdentifier.read(part.parts(1)[0])
        if part.tag == 0xA0:
            hash_ = _known(inner.oid)
        elif part.tag == 0xA1:
            if inner.oid != MGF1 or inner.parameters is None:
                raise Malformed("OAEP with a mask that is not MGF1")
            mask = _known(AlgorithmIdentifier.read(inner.parameters).oid)
        elif part.tag == 0xA2 and (inner.parameters is None or inner.parameters.octets):
            raise Malformed("OAEP with a label")
    return f"rsa-oaep-{hash_.name}", padding.OAEP(padding.MGF1(mask.hash), hash_.hash, None)


def _known(oid_: bytes) -> Digest:
    if oid_ not in DIGEST_BY_OID:
        raise Malformed(f"a digest that we do not have: {dotted(oid_)}")
    return DIGEST_BY_OID[oid_]


def _agreed(node: Node, certificates: Sequence[OwnCertificate], key_size: int) -> Unwrapped | None:
    parts = node.parts(4)
    for recipient in parts[-1].children()[:RECIPIENTS]:
        who, encrypted = recipient.parts(2)[:2]
        named = who if who.tag == SEQUENCE else who.parts(1)[0]
        for certificate in certificates:
            key = certificate.private_key
            if certificate.is_named_by(named) and isinstance(key, ec.EllipticCurvePrivateKey):
                name, content_key = _key_of_agreement(parts, key, encrypted.octets)
                if len(content_key) != key_size:
                    content_key = certificate.substitute_key(encrypted.octets, key_size)
                return Unwrapped(content_key, certificate, name)
    return None


def _key_of_agreement(parts: list[Node], key: ec.EllipticCurvePrivateKey, encrypted: bytes) -> tuple[str, bytes]:
    algorithm = AlgorithmIdentifier.read(parts[-2])
    name = next((name for name, (kdf, _) in _KDFS.items() if kdf == algorithm.oid), None)
    if name is None or algorithm.parameters is None:
        raise DecryptionFailed(f"the key is agreed by {dotted(algorithm.oid)}")
    wrap = algorithm.parameters
    size = next((size for size, oid_ in _WRAPS.items() if oid_ == AlgorithmIdentifier.read(wrap).oid), None)
    if size is None:
        raise DecryptionFailed("the key is wrapped with something other than AES")
    ukm = next((part.parts(1)[0].octets for part in parts[2:-2] if part.tag == 0xA1), None)
    originator = parts[1].parts(1)[0]
    if originator.tag != 0xA1:
        raise DecryptionFailed("the key is agreed with a certificate instead of a key for this message")
    public = originator.parts(2)[-1].expect(BIT_STRING, "a public key").contents[1:]
    try:
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(key.curve, public)
        shared = key.exchange(ec.ECDH(), theirs)
        wrapping = _derive(shared, _KDFS[name][1], wrap.der(), ukm, size)
        return name, aes_key_unwrap(wrapping, encrypted)
    except (ValueError, InvalidUnwrap):
        return name, b""


def _derive(shared: bytes, digest: Digest, wrap: bytes, ukm: bytes | None, size: int) -> bytes:
    """RFC 5753 7.2: ECC-CMS-SharedInfo."""
    entity = tlv(0xA0, tlv(OCTET_STRING, ukm)) if ukm is not None else b""
    info = tlv(SEQUENCE, wrap, entity, tlv(0xA2, tlv(OCTET_STRING, (size * 8).to_bytes(4, "big"))))
    return X963KDF(digest.hash, size, info).derive(shared)


# --- making -------------------------------------------------------------------------------------------------------


def wrap(content_key: bytes, certificate: Certificate, key_transport: str, entropy: Entropy) -> bytes:
    """The RecipientInfo for one certificate."""
    key = certificate.key
    if isinstance(key, ec.EllipticCurvePublicKey):
        name = key_transport if key_transport in _KDFS else "ecdh-sha256"
        return _agree(content_key, certificate, key, name, entropy)
    if key_transport in OAEP:
        digest = OAEP[key_transport]
        hash_ = identifier(digest.oid, NO_PARAMETERS)
        parameters = tlv(
            SEQUENCE, *(() if digest.name == "sha1" else (tlv(0xA0, hash_), tlv(0xA1, identifier(MGF1, hash_))))
        )
        algorithm = identifier(RSA_OAEP, parameters)
        how: padding.OAEP | padding.PKCS1v15 = padding.OAEP(padding.MGF1(digest.hash), digest.hash, None)
    elif key_transport == "rsa-pkcs1v15":
        algorithm, how = identifier(RSA, NO_PARAMETERS), padding.PKCS1v15()
    else:
        raise AS2Error(f"{key_transport} does not go with the RSA key of {certificate!r}")
    encrypted = key.encrypt(content_key, how)
    return tlv(SEQUENCE, integer(0), certificate.issuer_and_serial, algorithm, tlv(OCTET_STRING, encrypted))


def _agree(
    content_key: bytes, certificate: Certificate, key: ec.EllipticCurvePublicKey, name: str, entropy: Entropy
) -> bytes:
    kdf, digest = _KDFS[name]
    # 64 bits beyond the order leave no bias worth the name (FIPS 186-5 A.2.1)
    scalar = int.from_bytes(entropy((key.curve.key_size + 7) // 8 + 8), "big")
    ephemeral = ec.derive_private_key(scalar % (key.curve.group_order - 1) + 1, key.curve)
    point = ephemeral.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    wrap_algorithm = identifier(_WRAPS[len(content_key)])
    wrapping = _derive(ephemeral.exchange(ec.ECDH(), key), digest, wrap_algorithm, None, len(content_key))
    originator = tlv(0xA1, identifier(EC_PUBLIC_KEY), tlv(BIT_STRING, b"\0" + point))
    encrypted = tlv(OCTET_STRING, aes_key_wrap(wrapping, content_key))
    return tlv(
        _KEY_AGREEMENT,
        integer(3),
        tlv(0xA0, originator),
        identifier(kdf, wrap_algorithm),
        tlv(SEQUENCE, tlv(SEQUENCE, certificate.issuer_and_serial, encrypted)),
    )
