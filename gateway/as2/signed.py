"""SignedData (RFC 5652 5), detached, as multipart/signed carries it.

The rules for reading: a SignerInfo at least, and a signer whom we configured (certificates in the message are never
looked at); signed attributes with exactly one content type and one digest; nothing inside that could be taken for the
content. The fixed DER of a signer is encoded once, since that was half the cost of a signature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from .algorithms import (
    DIGEST_BY_OID,
    DIGESTS,
    EC_PUBLIC_KEY,
    MGF1,
    NO_PARAMETERS,
    RSA,
    RSA_PSS,
    AlgorithmIdentifier,
    Digest,
    identifier,
)
from .ber import (
    GENERALIZED_TIME,
    INTEGER,
    OCTET_STRING,
    OID,
    SEQUENCE,
    SET,
    UTC_TIME,
    Node,
    dotted,
    header,
    integer,
    oid,
    tlv,
)
from .cms import DATA, EXPLICIT_0, SIGNED_DATA
from .disposition import AuthenticationFailed, IntegrityCheckFailed, Malformed, TooLarge
from .identity import Certificate, OwnCertificate
from .partnership import SignatureDone

CONTENT_TYPE = oid("1.2.840.113549.1.9.3")
MESSAGE_DIGEST = oid("1.2.840.113549.1.9.4")
SIGNING_TIME = oid("1.2.840.113549.1.9.5")

SIGNERS = 8  # more in one message is an attack on our CPU
KEPT = 1024 * 1024  # larger contents are hashed once, while they pass, with what micalg announced
_ATTRIBUTES = 0xA0


# --- making -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Signer:
    """Everything in a SignedData that stays the same from message to message."""

    before: bytes  # version, digest algorithms, content type, certificates
    names: bytes  # version, signer, digest algorithm
    content_type: bytes
    algorithm: bytes
    sign: Callable[[bytes], bytes]
    signature_size: int


@lru_cache(maxsize=256)
def _signer(certificate: OwnCertificate, digest: Digest, scheme: str) -> _Signer:
    key = certificate.private_key
    digest_algorithm = identifier(digest.oid, NO_PARAMETERS)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        algorithm, ecdsa = identifier(digest.ecdsa), ec.ECDSA(digest.hash)
        curve_key = key

        def sign(data: bytes) -> bytes:
            return curve_key.sign(data, ecdsa)

        size = 0  # differs from signature to signature
    else:
        rsa_key, size = key, key.key_size // 8
        if scheme == "rsa-pss":
            algorithm = identifier(RSA_PSS, _pss_parameters(digest))
            how: padding.PSS | padding.PKCS1v15 = padding.PSS(padding.MGF1(digest.hash), digest.size)
        else:
            algorithm, how = identifier(RSA, NO_PARAMETERS), padding.PKCS1v15()

        def sign(data: bytes) -> bytes:
            return rsa_key.sign(data, how, digest.hash)

    return _Signer(
        before=b"".join(
            (integer(1), tlv(SET, digest_algorithm), tlv(SEQUENCE, tlv(OID, DATA)), tlv(0xA0, certificate.der))
        ),
        names=integer(1) + certificate.issuer_and_serial + digest_algorithm,
        content_type=_attribute(CONTENT_TYPE, tlv(OID, DATA)),
        algorithm=algorithm,
        sign=sign,
        signature_size=size,
    )


def _attribute(kind: bytes, value: bytes) -> bytes:
    return tlv(SEQUENCE, tlv(OID, kind), tlv(SET, value))


def _pss_parameters(digest: Digest) -> bytes:
    hash_ = identifier(digest.oid, NO_PARAMETERS)
    return tlv(SEQUENCE, tlv(0xA0, hash_), tlv(0xA1, identifier(MGF1, hash_)), tlv(0xA2, integer(digest.size)))


def _time(now: datetime) -> bytes:
    moment = now.astimezone(UTC)
    if 1950 <= moment.year < 2050:  # RFC 5652 11.3
        return tlv(UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())
    return tlv(GENERALIZED_TIME, moment.strftime("%Y%m%d%H%M%SZ").encode())


def sign(content_digest: bytes, certificate: OwnCertificate, digest: Digest, scheme: str, now: datetime) -> bytes:
    """A detached SignedData over content with this digest."""
    signer = _signer(certificate, digest, scheme)
    attributes = b"".join(  # in the order DER wants them: they differ in length
        (
            signer.content_type,
            _attribute(SIGNING_TIME, _time(now)),
            _attribute(MESSAGE_DIGEST, tlv(OCTET_STRING, content_digest)),
        )
    )
    return _assemble(signer, attributes, signer.sign(tlv(SET, attributes)))


def signature_size(certificate: OwnCertificate, digest: Digest, scheme: str, now: datetime) -> int | None:
    """How long `sign` will make it, None where that is not known before."""
    signer = _signer(certificate, digest, scheme)
    if not signer.signature_size:
        return None
    attributes = len(signer.content_type) + len(_attribute(SIGNING_TIME, _time(now)))
    attributes += len(_attribute(MESSAGE_DIGEST, tlv(OCTET_STRING, bytes(digest.size))))
    return len(_assemble(signer, bytes(attributes), bytes(signer.signature_size)))


def _assemble(signer: _Signer, attributes: bytes, signature: bytes) -> bytes:
    info = tlv(SEQUENCE, signer.names, tlv(_ATTRIBUTES, attributes), signer.algorithm, tlv(OCTET_STRING, signature))
    return tlv(SEQUENCE, tlv(OID, SIGNED_DATA), tlv(EXPLICIT_0, tlv(SEQUENCE, signer.before, tlv(SET, info))))


# --- reading ------------------------------------------------------------------------------------------------------


class Content:
    """The signed bytes as far as a signature needs them: their digests, their size and how they begin."""

    def __init__(self, digests: Sequence[Digest]) -> None:
        self._hashers = {digest.name: digest.new() for digest in digests}
        self._updates = [hasher.update for hasher in self._hashers.values()]
        self._kept: list[bytes] = []
        self.head = b""
        self.size = 0

    def update(self, data: bytes) -> None:
        if len(self.head) < 16:
            self.head += data[:16]
        self.size += len(data)
        for update in self._updates:
            update(data)
        if self.size <= KEPT:
            self._kept.append(data)
        elif self._kept:
            self._kept = []

    def digest(self, digest: Digest) -> bytes:
        """Also a digest that the message did not announce, if it is small enough to have been kept."""
        hasher = self._hashers.get(digest.name)
        if hasher is None:
            if self.size > KEPT:
                raise IntegrityCheckFailed(f"signed with {digest.name}, but micalg announced another digest")
            hasher = self._hashers[digest.name] = digest.new()
            hasher.update(b"".join(self._kept))
        return hasher.digest()

    @property
    def looks_like_attributes(self) -> bool:
        """A SET with the size of the whole and a SEQUENCE in it: so look signed attributes when taken for contents."""
        try:
            tag, length, body = header(self.head, 0)
            return tag == SET and length is not None and body + length == self.size and self.head[body] == SEQUENCE
        except (Malformed, IndexError):
            return False


def verify(
    signature: bytes, content: Content, certificates: Sequence[Certificate], now: datetime, *, attributes_required: bool
) -> SignatureDone:
    """Who signed the content: one of `certificates`, or an exception with the disposition for it."""
    try:
        infos = signer_infos(signature)
        known = [(info, who) for info in infos for who in certificates if who.is_named_by(info.signer)]
    except (Malformed, TooLarge) as error:
        raise IntegrityCheckFailed(f"the signature is not readable: {error}") from error
    if not infos:  # security rule 1
        raise AuthenticationFailed("the signature names no signer at all")
    if not known:
        raise AuthenticationFailed("signed with a certificate that is none of those configured for this partner")
    done = [_verify_one(info, who, content, now, attributes_required) for info, who in known]
    return done[0]


@dataclass(frozen=True, slots=True)
class SignerInfo:
    signer: Node
    digest: AlgorithmIdentifier
    attributes: Node | None
    algorithm: AlgorithmIdentifier
    signature: bytes


def signer_infos(signature: bytes) -> list[SignerInfo]:
    kind, wrapped = Node(signature).expect(SEQUENCE, "CMS content").parts(2)[:2]
    if kind.contents != SIGNED_DATA:
        raise Malformed("no SignedData in it")
    parts = wrapped.parts(1)[0].expect(SEQUENCE, "SignedData").parts(4)
    if len(parts[2].children()) > 1:  # security rule 3: the part beside it is the content, never something in here
        raise Malformed("the signature carries contents of its own")
    infos = parts[-1].expect(SET, "the signers").children()
    if len(infos) > SIGNERS:
        raise TooLarge(f"more than {SIGNERS} signers")
    return [_signer_info(info) for info in infos]


def _signer_info(node: Node) -> SignerInfo:
    parts = node.expect(SEQUENCE, "a signer").parts(5)
    attributes = parts[3] if parts[3].tag == _ATTRIBUTES else None
    at = 4 if attributes is not None else 3
    if len(parts) < at + 2:
        raise Malformed("a signer without a signature")
    return SignerInfo(
        signer=parts[1],
        digest=AlgorithmIdentifier.read(parts[2]),
        attributes=attributes,
        algorithm=AlgorithmIdentifier.read(parts[at]),
        signature=parts[at + 1].octets,
    )


def _verify_one(
    info: SignerInfo, who: Certificate, content: Content, now: datetime, attributes_required: bool
) -> SignatureDone:
    if not who.in_use(now):
        raise AuthenticationFailed(
            f"signed with {who!r}, which is in use from {who.use_from:%Y-%m-%d} until {who.use_until:%Y-%m-%d} only"
        )
    digest = DIGEST_BY_OID.get(info.digest.oid)
    if digest is None:
        raise IntegrityCheckFailed(f"signed with a digest that we do not have: {dotted(info.digest.oid)}")
    try:
        scheme, verify_ = _verifier(info, who, digest)
        if info.attributes is None:
            if attributes_required:  # security rule 2
                raise IntegrityCheckFailed("the signature has no signed attributes")
            if content.looks_like_attributes:
                raise IntegrityCheckFailed("the content is itself a set of attributes: a forged signature")
            verify_(content, None)
            return SignatureDone(digest.name, scheme, who, with_attributes=False)
        claimed = signed_digest(info.attributes)
        computed = content.digest(digest)
        if claimed != computed:
            raise IntegrityCheckFailed(
                f"the {digest.name} of the {content.size} bytes received is {computed.hex()}, "
                f"signed was {claimed.hex()}"
            )
        verify_(content, info.attributes)
    except (Malformed, TooLarge) as error:
        raise IntegrityCheckFailed(f"the signature is not readable: {error}") from error
    return SignatureDone(digest.name, scheme, who)


def signed_digest(attributes: Node) -> bytes:
    """The one digest in the signed attributes, after the one content type was seen to be plain data."""
    values: dict[bytes, list[Node]] = {CONTENT_TYPE: [], MESSAGE_DIGEST: []}
    for attribute in attributes.children():
        kind, found = attribute.expect(SEQUENCE, "an attribute").parts(2)[:2]
        if kind.contents in values:
            children = found.expect(SET, "the values of an attribute").children()
            if values[kind.contents] or len(children) != 1:
                raise IntegrityCheckFailed("a signed attribute is there twice")
            values[kind.contents] = children
    if not values[CONTENT_TYPE] or not values[MESSAGE_DIGEST]:
        raise IntegrityCheckFailed("the signed attributes lack the content type or the digest")
    if values[CONTENT_TYPE][0].contents != DATA:
        raise IntegrityCheckFailed("the signed attributes are for another type of content")
    return values[MESSAGE_DIGEST][0].octets


def _verifier(info: SignerInfo, who: Certificate, digest: Digest) -> tuple[str, Callable[[Content, Node | None], None]]:
    """The scheme, and a function that raises unless the signature is by this certificate over these attributes."""
    key, used = who.key, info.algorithm.oid
    check: Callable[[bytes, bool], None]
    if isinstance(key, rsa.RSAPublicKey) and used in (RSA, digest.rsa, RSA_PSS):
        rsa_key = key
        scheme = "rsa-pss" if used == RSA_PSS else "rsa-pkcs1v15"
        how = _pss(info.algorithm.parameters, digest) if used == RSA_PSS else padding.PKCS1v15()

        def check(data: bytes, ready: bool) -> None:
            rsa_key.verify(info.signature, data, how, _prehashed(digest) if ready else digest.hash)

    elif isinstance(key, ec.EllipticCurvePublicKey) and used in (digest.ecdsa, EC_PUBLIC_KEY):
        curve_key, scheme = key, "ecdsa"

        def check(data: bytes, ready: bool) -> None:
            curve_key.verify(info.signature, data, ec.ECDSA(_prehashed(digest) if ready else digest.hash))

    else:
        raise AuthenticationFailed(
            f"the signature algorithm {dotted(used)} does not belong to {who!r} or {digest.name}"
        )

    def verify_(content: Content, attributes: Node | None) -> None:
        forms = iter([(content.digest(digest), True)]) if attributes is None else _forms(attributes)
        for data, ready in forms:
            try:
                return check(data, ready)
            except InvalidSignature:
                continue
            except ValueError as error:
                raise AuthenticationFailed(f"the signature is impossible for {who!r}: {error}") from error
        raise AuthenticationFailed(f"the signature is not by {who!r}, though it names it")

    return scheme, verify_


def _prehashed(digest: Digest) -> utils.Prehashed:
    return utils.Prehashed(digest.hash)


def _forms(attributes: Node) -> Iterator[tuple[bytes, bool]]:
    """What may have been signed: the attributes as a SET, as they came, in DER, or sorted as DER really wants it."""
    as_sent = bytes((SET,)) + attributes.raw[1:]
    yield as_sent, False
    if (plain := attributes.der(SET)) != as_sent:
        yield plain, False
    yield tlv(SET, *sorted(child.der() for child in attributes.children())), False


def _pss(parameters: Node | None, digest: Digest) -> padding.PSS:
    if parameters is None:  # RFC 4056 wants them; pyas2lib leaves them out and means the signer's digest
        return padding.PSS(padding.MGF1(digest.hash), padding.PSS.AUTO)
    hash_, mask, salt = DIGESTS["sha1"], DIGESTS["sha1"], 20  # RFC 4055 3.1: what each means if it is absent
    for part in parameters.children():
        inner = part.parts(1)[0]
        if part.tag == 0xA0:
            hash_ = _known(AlgorithmIdentifier.read(inner).oid)
        elif part.tag == 0xA1:
            function = AlgorithmIdentifier.read(inner)
            if function.oid != MGF1 or function.parameters is None:
                raise Malformed("PSS with a mask that is not MGF1")
            mask = _known(AlgorithmIdentifier.read(function.parameters).oid)
        elif part.tag == 0xA2:
            salt = inner.expect(INTEGER, "a salt length").number
    if hash_ is not digest:
        raise Malformed("PSS with another digest than the signer's")
    if not 0 <= salt <= 512:
        raise Malformed("PSS with an impossible salt")
    return padding.PSS(padding.MGF1(mask.hash), salt)


def _known(oid_: bytes) -> Digest:
    if oid_ not in DIGEST_BY_OID:
        raise Malformed(f"a digest that we do not have: {dotted(oid_)}")
    return DIGEST_BY_OID[oid_]
