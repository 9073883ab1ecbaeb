"""EnvelopedData (RFC 5652 6) and AuthEnvelopedData with AES-GCM (RFC 5083, 5084), streaming both ways.

Reading gives plaintext before anything about it is proven; the caller hands it on to nobody until `finish` has
returned. `finish` comes after the layers inside have had their say, so whether the padding was right can only be
learned from a message that was right in everything else (security rule 5: no padding oracle).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import AEADEncryptionContext, Cipher, CipherContext, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from .algorithms import CIPHER_BY_OID, CIPHERS, AlgorithmIdentifier, ContentCipher, identifier
from .around import Encryption, Pieces
from .ber import (
    END,
    OCTET_STRING,
    OID,
    SEQUENCE,
    SET,
    chunked_octets,
    close_shell,
    dotted,
    element,
    head,
    integer,
    octets,
    open_shell,
    tlv,
)
from .cms import AUTH_ENVELOPED_DATA, DATA, ENVELOPED_DATA, EXPLICIT_0
from .disposition import AS2Error, DecryptionFailed, Malformed, TooLarge
from .identity import Certificate, OwnCertificate
from .partnership import EncryptionDone, Limits
from .recipients import Entropy, Unwrapped, unwrap, wrap
from .stream import Stream

_CONTENT = 0x80
_ORIGINATOR = 0xA0
_TAG_SIZE = 16
_NONCE_SIZE = 12


class Envelope:
    """An envelope whose content key is in hand (its ContentInfo is already open)."""

    def __init__(self, stream: Stream, kind: bytes, certificates: Sequence[OwnCertificate], limits: Limits) -> None:
        self._stream = stream
        self._fault: str | None = None
        self._pieces = Pieces()
        self.authenticated = kind == AUTH_ENVELOPED_DATA
        try:
            open_shell(stream, SEQUENCE, "an envelope")
            element(stream, 16, "the version")
            recipients = element(stream, limits.structure, "the recipients")
            if recipients.tag == _ORIGINATOR:
                recipients = element(stream, limits.structure, "the recipients")
            self._shell = open_shell(stream, SEQUENCE, "the encrypted content")
            element(stream, 64, "the content type")
            algorithm = AlgorithmIdentifier.read(element(stream, 1024, "the cipher"))
            self.cipher = self._known_cipher(algorithm)
            self._parameters(algorithm)
            self._unwrapped: Unwrapped = unwrap(recipients, certificates, self.cipher.key_size)
        except (Malformed, TooLarge) as error:
            raise DecryptionFailed(f"the envelope is not readable: {error}") from error

    def _known_cipher(self, algorithm: AlgorithmIdentifier) -> ContentCipher:
        cipher = CIPHER_BY_OID.get(algorithm.oid)
        if cipher is None or (cipher.mode == "gcm") != self.authenticated:
            raise DecryptionFailed(f"encrypted with {dotted(algorithm.oid)}")
        return cipher

    def _parameters(self, algorithm: AlgorithmIdentifier) -> None:
        node = algorithm.parameters
        self._tag_size = 12
        if node is None:
            raise Malformed("a cipher without parameters")
        if self.cipher.mode == "cbc":
            self._iv = node.octets
            if len(self._iv) != self.cipher.block:
                raise Malformed("an initialisation vector of the wrong size")
            return
        parts = node.expect(SEQUENCE, "the parameters of GCM").children()
        self._iv = parts[0].octets if parts else b""
        if len(parts) > 1:
            self._tag_size = parts[1].number
        if not 8 <= len(self._iv) <= 64 or not 12 <= self._tag_size <= _TAG_SIZE:
            raise Malformed("a nonce or tag of a size that is not safe")

    @property
    def done(self) -> EncryptionDone:
        return EncryptionDone(self.cipher.name, self._unwrapped.key_transport, self._unwrapped.certificate)

    @property
    def encryption(self) -> Encryption:
        return Encryption(self.cipher.name, self._unwrapped.key, self._iv, self._pieces)

    def plaintext(self) -> Iterator[bytes]:
        """The contents; nothing in them may be trusted before `finish`."""
        return self._from_gcm() if self.authenticated else self._from_cbc()

    def finish(self) -> None:
        """Raises unless the contents were whole."""
        if self._fault is not None:
            raise DecryptionFailed(self._fault)

    def _ciphertext(self) -> Iterator[bytes]:
        try:
            yield from octets(self._stream, _CONTENT, self._pieces.add)
        except (Malformed, TooLarge) as error:
            raise DecryptionFailed(f"the encrypted content is damaged: {error}") from error

    def _from_cbc(self) -> Iterator[bytes]:
        key = self._unwrapped.key
        algorithm = TripleDES(key) if self.cipher.block == 8 else AES(key)
        decryptor: CipherContext = Cipher(algorithm, modes.CBC(self._iv)).decryptor()
        held = b""
        for chunk in self._ciphertext():
            out = decryptor.update(chunk)
            if out:
                if held:
                    yield held
                held = out
        try:
            decryptor.finalize()
        except ValueError:
            self._fault = "the ciphertext is not a whole number of blocks"
        size = held[-1] if held else 0
        if not 1 <= size <= self.cipher.block or held[-size:] != bytes((size,)) * size:
            self._fault = self._fault or "the wrong key, or damaged ciphertext"
            size = 0
        yield held[: len(held) - size]

    def _from_gcm(self) -> Iterator[bytes]:
        mode = modes.GCM(self._iv, None, self._tag_size)
        decryptor = Cipher(AES(self._unwrapped.key), mode).decryptor()
        for chunk in self._ciphertext():
            yield decryptor.update(chunk)
        try:
            close_shell(self._stream, self._shell)
            node = element(self._stream, 4096, "the authentication tag")
            if node.tag != OCTET_STRING:
                raise DecryptionFailed("authenticated attributes, which nobody in AS2 sends, are not supported")
            decryptor.finalize_with_tag(node.octets)
        except (InvalidTag, ValueError):
            self._fault = "the wrong key, or damaged ciphertext"
        except (Malformed, TooLarge) as error:
            self._fault = f"the end of the envelope is damaged: {error}"


# --- making -------------------------------------------------------------------------------------------------------


def encrypted(
    chunks: Iterable[bytes],
    size: int | None,
    certificate: Certificate,
    cipher_name: str,
    key_transport: str,
    entropy: Entropy,
) -> tuple[Iterator[bytes], int | None]:
    """The envelope around `chunks`, and how long it will be if `size` (the length of all chunks) is known."""
    cipher = CIPHERS[cipher_name]
    key = entropy(cipher.key_size)
    gcm: AEADEncryptionContext | None = None
    encryptor: CipherContext
    if cipher.mode == "gcm":
        kind, version, nonce = AUTH_ENVELOPED_DATA, 0, entropy(_NONCE_SIZE)
        encryptor = gcm = Cipher(AES(key), modes.GCM(nonce)).encryptor()
        parameters = tlv(SEQUENCE, tlv(OCTET_STRING, nonce), integer(_TAG_SIZE))
        body = size
    elif cipher.name == "3des-cbc":
        raise AS2Error("3DES is read, never made")
    else:
        kind, version, iv = ENVELOPED_DATA, 0, entropy(cipher.block)
        encryptor = Cipher(AES(key), modes.CBC(iv)).encryptor()
        parameters = tlv(OCTET_STRING, iv)
        body = None if size is None else size + cipher.block - size % cipher.block
    recipient = wrap(key, certificate, key_transport, entropy)
    if kind == ENVELOPED_DATA and recipient[0] != SEQUENCE:
        version = 2  # RFC 5652 6.1: as soon as a recipient is not a plain key transport
    front = integer(version) + tlv(SET, recipient)
    info = tlv(OID, DATA) + identifier(cipher.oid, parameters)
    tail = tlv(OCTET_STRING, bytes(_TAG_SIZE)) if cipher.mode == "gcm" else b""

    def ciphertext() -> Iterator[bytes]:
        total = 0
        for chunk in chunks:
            total += len(chunk)
            yield encryptor.update(chunk)
        if cipher.mode == "cbc":
            pad = cipher.block - total % cipher.block
            yield encryptor.update(bytes((pad,)) * pad)
        encryptor.finalize()

    def end() -> bytes:
        return tlv(OCTET_STRING, gcm.tag) if gcm is not None else b""

    if body is None:
        return _open_ended(kind, front, info, ciphertext, end), None
    before = head(_CONTENT, body)
    info_head = head(SEQUENCE, len(info) + len(before) + body)
    content = head(SEQUENCE, len(front) + len(info_head) + len(info) + len(before) + body + len(tail))
    inner = len(content) + len(front) + len(info_head) + len(info) + len(before) + body + len(tail)
    explicit = head(EXPLICIT_0, inner)
    outer = head(SEQUENCE, len(tlv(OID, kind)) + len(explicit) + inner)
    opening = b"".join((outer, tlv(OID, kind), explicit, content, front, info_head, info, before))

    def definite() -> Iterator[bytes]:
        yield opening
        yield from ciphertext()
        if last := end():
            yield last

    return definite(), len(opening) + body + len(tail)


def _open_ended(
    kind: bytes, front: bytes, info: bytes, ciphertext: Callable[[], Iterator[bytes]], end: Callable[[], bytes]
) -> Iterator[bytes]:
    shells = (head(SEQUENCE, None), tlv(OID, kind), head(EXPLICIT_0, None), head(SEQUENCE, None), front)
    yield b"".join((*shells, head(SEQUENCE, None), info))
    yield from chunked_octets(ciphertext(), _CONTENT)
    yield END + end() + END * 3
