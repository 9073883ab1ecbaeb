"""What is in a message, layer by layer, and for each that is not true: which bytes, which certificate, which rule.

`read` says yes or no and stops at the first no; this looks on, for a person. The message is in memory. Nothing here
decides anything: what is said to be true was found true by the same readers, under the same partnership.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from .algorithms import CIPHER_BY_OID, DIGEST_BY_OID, DIGESTS, AlgorithmIdentifier, Digest
from .ber import INTEGER, SEQUENCE, SET, Node, dotted, element, open_shell
from .cms import COMPRESSED_DATA, ENVELOPED_DATA, SIGNED_DATA, open_content_info
from .compressed import decompressed
from .disposition import AS2Error, AuthenticationFailed, IntegrityCheckFailed, Malformed
from .enveloped import Envelope
from .identity import Certificate, Name
from .message import Collected, Part
from .mime import ContentType, Headers, Multipart, decoded, printable, read_headers
from .partnership import Limits, Partnership
from .read import read
from .signed import Content, signed_digest, signer_infos, verify
from .stream import Stream

DEEPEST = 8  # layers; three are usual
SEARCHED = 8 * 1024 * 1024  # larger parts are hashed once and not twenty times
_PKCS7 = ("application/pkcs7-mime", "application/x-pkcs7-mime")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as it should be."""

    code: str  # as2-integrity, as2-authentication, as2-decryption, as2-decompression, as2-structure, as2-unchecked
    what: str
    bytes: str  # which
    certificate: str  # which, by fingerprint or by issuer and serial number
    rule: str
    ask: str  # of the partner, or of ourselves
    is_error: bool = True


@dataclass(slots=True)
class Explained:
    """Everything that could be seen."""

    layers: list[dict[str, Any]] = field(default_factory=list)  # from the outside in
    parts: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    mic: dict[str, str] | None = None  # over what a receipt for it must say
    contents: list[bytes] = field(default_factory=list, repr=False)  # of the parts, beside them


def explain(
    headers: Headers, body: bytes, partnership: Partnership | None, now: datetime, limits: Limits = Limits()
) -> Explained:
    """Never raises for any bytes."""
    found = Explained()
    opening = _Opening(found, partnership, now, limits)
    try:
        opening.entity(headers, b"", body, "the body", 0)
        if partnership is not None and "AS2-From" in headers and not any(fault.is_error for fault in found.faults):
            read(headers, [body], partnership, now, Collected())  # it has the last word
    except AS2Error as error:
        opening.broken("the message", error)
    return found


def explain_cms(data: bytes, partnership: Partnership | None, now: datetime) -> Explained:
    """The same for a bare CMS structure: an envelope, a signature or compressed data without MIME around it."""
    return explain(Headers([("Content-Type", "application/pkcs7-mime")]), data, partnership, now)


class _Opening:
    def __init__(self, found: Explained, partnership: Partnership | None, now: datetime, limits: Limits) -> None:
        self._found = found
        self._partnership = partnership
        self._now = now
        self._limits = limits
        self._signed: bytes | None = None
        self._digest: Digest = DIGESTS["sha256"]

    def broken(self, where: str, error: AS2Error) -> None:
        self._fault(
            "as2-structure",
            f"{where} cannot be taken: {error}.",
            rule="What its own headers and lengths say (RFC 2046, RFC 5652), and what was agreed",
            ask=error.remedy,
        )

    def _fault(
        self, code: str, what: str, *, bytes_: str = "", certificate: str = "", rule: str, ask: str, error: bool = True
    ) -> None:
        self._found.faults.append(Fault(code, what, bytes_, certificate, rule, ask, error))

    def entity(self, headers: Headers, raw: bytes, body: bytes, where: str, depth: int) -> None:
        """One MIME entity: a layer, or the contents."""
        if depth > DEEPEST:
            raise Malformed(f"more than {DEEPEST} layers")
        kind = ContentType.parse(headers.get("Content-Type"))
        if kind.type in _PKCS7:
            self._cms(_plain(headers, body), where, depth)
        elif kind.type == "multipart/signed":
            self._multipart_signed(kind, body, where, depth)
        else:
            self._contents(headers, raw, kind, body)

    def _contents(self, headers: Headers, raw: bytes, kind: ContentType, body: bytes) -> None:
        if self._found.mic is None:
            over = self._signed if self._signed is not None else raw + body if self._found.layers else body
            value = base64.b64encode(_hash(self._digest, over)).decode("ascii")
            self._found.mic = {"digest": self._digest.name, "value": value}
        if kind.type in ("multipart/related", "multipart/mixed"):
            for part in _parts(kind, body):
                inner = Stream([part])
                inner_headers, _ = read_headers(inner)
                self._part(inner_headers, b"".join(inner.rest()))
        else:
            self._part(headers, body)

    def _part(self, headers: Headers, body: bytes) -> None:
        data = b"".join(decoded([body], headers.get("Content-Transfer-Encoding")))
        part = Part.read(headers)
        self._found.contents.append(data)
        self._found.parts.append(
            {
                "content_type": part.content_type,
                "filename": part.filename,
                "size": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
                "begins": printable(data[:60].decode("latin-1")),
            }
        )

    # --- the shells -------------------------------------------------------------------------------------------------

    def _cms(self, data: bytes, where: str, depth: int) -> None:
        stream = Stream([data])
        kind = open_content_info(stream)
        if kind == COMPRESSED_DATA:
            self._compressed(stream, where, depth)
        elif kind == SIGNED_DATA:
            self._found.layers.append(self._bare_signature(data))
        else:
            self._enveloped(data, stream, kind, where, depth)

    def _compressed(self, stream: Stream, where: str, depth: int) -> None:
        layer: dict[str, Any] = {"kind": "compression", "algorithm": "zlib"}
        self._found.layers.append(layer)
        try:
            inner = Stream([b"".join(decompressed(stream, self._limits))])
        except AS2Error as error:
            self._fault(
                "as2-decompression",
                f"{where} is compressed and does not unfold: {error}.",
                rule="RFC 3274: one zlib stream, whole; ours: within its limits, one layer",
                ask="Ask them to send it again, or without compression.",
            )
            return
        headers, raw = read_headers(inner)
        body = b"".join(inner.rest())
        layer["size"] = len(raw) + len(body)
        self.entity(headers, raw, body, "what was compressed", depth + 1)

    def _enveloped(self, data: bytes, stream: Stream, kind: bytes, where: str, depth: int) -> None:
        recipients, cipher, size = _envelope(Stream([data]), self._limits)
        mode = "authenticated" if kind != ENVELOPED_DATA else ""
        layer: dict[str, Any] = {"kind": "encryption", "algorithm": cipher, "recipients": recipients, "size": size}
        self._found.layers.append(layer)
        named = "; ".join(one["name"] for one in recipients) or "nobody"
        certificates = self._partnership.our.decrypting(self._now) if self._partnership else []
        if not certificates:
            self._fault(
                "as2-unchecked",
                f"{where} is encrypted ({cipher}) to {named}, and no key of ours is at hand to open it.",
                certificate=named,
                rule="Only the key of a certificate it names opens an envelope (RFC 5652 6.2)",
                ask="Run this where the profiles are, or name the connection.",
                error=self._partnership is not None,
            )
            return
        ours = "; ".join(f"{one.subject} {one.fingerprint}" for one in certificates)
        try:
            envelope = Envelope(stream, kind, certificates, self._limits)
            layer["key_transport"] = envelope.done.key_transport
            layer["certificate"] = envelope.done.certificate.fingerprint
            plain = b"".join(envelope.plaintext())
            envelope.finish()
        except AS2Error as error:
            is_ours = "certificate" in layer
            self._fault(
                "as2-decryption",
                f"{where} does not open with our key: {error}." if is_ours else f"{where} is not encrypted to us.",
                bytes_=f"{size:,} encrypted bytes{', ' + mode if mode else ''}",
                certificate=layer.get("certificate") or f"It is encrypted to {named}; ours in use: {ours}",
                rule="The key of the certificate it names opens it, and the end of the plaintext is whole (RFC 5652 6)",
                ask="Something on the way changed the bytes, or they encrypted with another key under this name: ask "
                "for it again, and which certificate of ours they use."
                if is_ours
                else "Ask which certificate of ours they encrypt to and compare fingerprints; mail ours again.",
            )
            return
        inner = Stream([plain])
        headers, raw = read_headers(inner)
        self.entity(headers, raw, b"".join(inner.rest()), "what was encrypted", depth + 1)

    # --- signatures -------------------------------------------------------------------------------------------------

    def _bare_signature(self, data: bytes) -> dict[str, Any]:
        self._fault(
            "as2-structure",
            "The signature stands alone, or has its contents inside: AS2 wants multipart/signed.",
            rule="RFC 4130 4.3: signed messages are multipart/signed",
            ask="Ask them for multipart/signed (detached signatures). A bare signature says nothing without its part.",
        )
        return {"kind": "signature", **_signers(data, self._now, [])[0]}

    def _multipart_signed(self, kind: ContentType, body: bytes, where: str, depth: int) -> None:
        parts = _parts(kind, body)
        if len(parts) != 2:
            raise Malformed(f"multipart/signed with {len(parts)} parts instead of two")
        part = parts[0]
        at = body.find(part)
        place = f"{len(part):,} bytes of {where}, from byte {at:,} to {at + len(part):,}"
        inner = Stream([parts[1]])
        signature_headers, _ = read_headers(inner)
        signature = _plain(signature_headers, b"".join(inner.rest()))
        trusted = self._partnership.their.certificates if self._partnership else ()
        said, digests = _signers(signature, self._now, trusted)
        micalg = kind.parameters.get("micalg", "")
        self._found.layers.append(
            {"kind": "signature", **said, "micalg": micalg, "offset": at, "size": len(part), "verified": False}
        )
        layer = self._found.layers[-1]
        self._signed = part
        if digests:
            self._digest = digests[0][0]
        is_whole = self._integrity(part, digests, place, said)
        self._trust(part, signature, trusted, said, place, layer, is_whole=is_whole)
        content = Stream([part])
        headers, raw = read_headers(content)
        self.entity(headers, raw, b"".join(content.rest()), "what was signed", depth + 1)

    def _integrity(
        self, part: bytes, digests: Sequence[tuple[Digest, bytes]], place: str, said: dict[str, Any]
    ) -> bool:
        for digest, signed in digests:
            computed = _hash(digest, part)
            if computed == signed:
                continue
            how = next((how for how, other in _changes(part) if _hash(digest, other) == signed), "")
            self._fault(
                "as2-integrity",
                f"The signature is over other bytes. {digest.name} of what came: {computed.hex()}; "
                f"signed was: {signed.hex()}."
                + (f" It is right if {how}." if how else " No change of line ends or blanks that we know explains it."),
                bytes_=place,
                certificate=str(said.get("certificate", "")),
                rule="RFC 5652 5.4: the signed digest is that of the part exactly as it was sent",
                ask=f"Something between us rewrote the part: {how}. Ask them which proxy, scanner or mail gateway the "
                "message passes, and to send it base64-encoded until that is mended."
                if how
                else "Ask them to send it again, and for the digest in their log: the same one as ours means that they "
                "signed other bytes than they sent, another one that something on the way changed them.",
            )
            return False
        return bool(digests)

    def _trust(
        self,
        part: bytes,
        signature: bytes,
        trusted: Sequence[Certificate],
        said: dict[str, Any],
        place: str,
        layer: dict[str, Any],
        *,
        is_whole: bool,
    ) -> None:
        if self._partnership is None:
            self._fault(
                "as2-unchecked",
                f"Signed by {said['name']}; whose that is was not checked, since no connection is known for it.",
                certificate=str(said.get("certificate") or said["name"]),
                rule="The signer is one of the certificates configured for this partner",
                ask="Run this where the profiles are, or name the connection.",
                error=False,
            )
            return
        content = Content(list(DIGESTS.values()))
        content.update(part)
        accepts = self._partnership.accepts
        try:
            verify(signature, content, trusted, self._now, attributes_required=accepts.signed_attributes)
            layer["verified"] = True
        except AuthenticationFailed as error:
            ours = "; ".join(f"{one.subject} {one.fingerprint}" for one in trusted) or "none"
            self._fault(
                "as2-authentication",
                f"We cannot tell who signed it: {error}.",
                bytes_=place,
                certificate=f"It names {said['name']}"
                + (f", and carries {said['certificate']}" if said.get("certificate") else "")
                + f"; trusted for them: {ours}",
                rule="The signer is one of the certificates configured for this partner, in its days, and never one "
                "out of the message (docs/as2.md)",
                ask="If they have a new certificate: ask for it, compare its fingerprint by telephone, then "
                "gateway certificate import FILE CONNECTION.",
            )
        except IntegrityCheckFailed as error:
            if is_whole:
                self._fault(
                    "as2-integrity",
                    f"The signature cannot be true: {error}.",
                    bytes_=place,
                    certificate=str(said.get("certificate", "")),
                    rule="RFC 5652 5.3, 11: signed attributes with one content type and one digest",
                    ask="Ask them for signed attributes; `accept_old: [no-attributes]` reads a signature without.",
                )


def _envelope(stream: Stream, limits: Limits) -> tuple[list[dict[str, str]], str, int]:
    """Whom an envelope is for, its cipher, and how many bytes follow."""
    open_content_info(stream)
    open_shell(stream, SEQUENCE, "an envelope")
    element(stream, 16, "the version")
    infos = element(stream, limits.structure, "the recipients")
    if infos.tag == 0xA0:
        infos = element(stream, limits.structure, "the recipients")
    open_shell(stream, SEQUENCE, "the encrypted content")
    element(stream, 64, "the content type")
    algorithm = AlgorithmIdentifier.read(element(stream, 1024, "the cipher"))
    cipher = CIPHER_BY_OID[algorithm.oid].name if algorithm.oid in CIPHER_BY_OID else dotted(algorithm.oid)
    recipients = [
        {"name": _identifier(who)} for info in infos.expect(SET, "the recipients").children() for who in _named(info)
    ]
    return recipients, cipher, sum(map(len, stream.rest()))


def _named(info: Node) -> Iterator[Node]:
    parts = info.parts(3)
    if info.tag == SEQUENCE:
        yield parts[1]
    elif info.tag == 0xA1:
        for recipient in parts[-1].children():
            who = recipient.parts(2)[0]
            yield who if who.tag == SEQUENCE else who.parts(1)[0]


def _identifier(node: Node) -> str:
    """A certificate as CMS names it."""
    if node.tag == SEQUENCE:
        try:
            issuer, serial = node.parts(2)[:2]
            name = ", ".join(text for _, text in Name.read(issuer).parts)
            number = serial.expect(INTEGER, "a serial number").number
        except AS2Error:  # whether it is one of ours is decided by its bytes, not by what can be said of them
            return "an issuer and a serial number we cannot read"
        return printable(f"issuer {name!r}, serial number {number:x}", 300)
    return f"key identifier {node.octets.hex()}"


def _signers(
    signature: bytes, now: datetime, trusted: Sequence[Certificate]
) -> tuple[dict[str, Any], list[tuple[Digest, bytes]]]:
    """Who says to have signed, with what, and which digests were signed."""
    infos = signer_infos(signature)
    if not infos:
        return {"name": "nobody at all", "algorithm": ""}, []
    first = infos[0]
    digest = DIGEST_BY_OID.get(first.digest.oid)
    said: dict[str, Any] = {"name": _identifier(first.signer), "algorithm": digest.name if digest else "unknown"}
    carried = [one for one in _carried(signature) if one.is_named_by(first.signer)]
    known = [one for one in trusted if one.is_named_by(first.signer)]
    for one in (*known, *carried):
        said.update(certificate=one.fingerprint, subject=one.subject, pem=one.pem().decode("ascii"))
        break
    digests = []
    for info in infos:
        found = DIGEST_BY_OID.get(info.digest.oid)
        if found is not None and info.attributes is not None:
            try:
                digests.append((found, signed_digest(info.attributes)))
            except (IntegrityCheckFailed, Malformed):
                continue
    return said, digests


def _carried(signature: bytes) -> list[Certificate]:
    """Certificates in the message: evidence for a telephone call, never trusted."""
    _, wrapped = Node(signature).parts(2)[:2]
    found = []
    for part in wrapped.parts(1)[0].parts(4)[3:-1]:
        for node in part.children() if part.tag == 0xA0 else ():
            try:
                found.append(Certificate(x509.load_der_x509_certificate(node.der())))
            except (ValueError, UnsupportedAlgorithm, AS2Error):
                continue
    return found


def _changes(part: bytes) -> Iterator[tuple[str, bytes]]:
    """What things in between do to bytes, and the part as it would have been before."""
    if len(part) > SEARCHED:
        return
    lf = part.replace(b"\r\n", b"\n")
    crlf = lf.replace(b"\n", b"\r\n")
    trimmed = b"\r\n".join(line.rstrip(b" \t") for line in lf.split(b"\n"))
    whole = [
        ("", part),
        ("every line end was LF", lf),
        ("every line end was CRLF", crlf),
        ("no line had blanks at its end", trimmed),
        ("the headers in front of it were not there", part[len(read_headers(Stream([part]))[1]) :]),
    ]
    for how, data in whole:
        ends = [
            ("", data),
            ("there was one line end more at its end", data + b"\r\n"),
            ("there was one line end more at its end", data + b"\n"),
            ("there was one line end less at its end", data.removesuffix(b"\n").removesuffix(b"\r")),
        ]
        for end, changed in ends:
            if changed != part:
                yield " and ".join(filter(None, (how, end))), changed


def _hash(digest: Digest, data: bytes) -> bytes:
    return hashlib.new(digest.name, data, usedforsecurity=False).digest()


def _parts(kind: ContentType, body: bytes) -> list[bytes]:
    multipart = Multipart(Stream([body]), kind.parameters.get("boundary", ""))
    found: list[bytes] = []
    while (chunks := multipart.next()) is not None:
        found.append(b"".join(chunks))
        if len(found) > 100:
            raise Malformed("more than 100 parts")
    return found


def _plain(headers: Headers, body: bytes) -> bytes:
    """Without the transfer encoding, announced or not."""
    encoding = headers.get("Content-Transfer-Encoding")
    if body.lstrip()[:2] == b"MI":
        encoding = "base64"
    elif encoding.strip().lower() == "base64" and body[:1] == b"0":
        encoding = "binary"
    return b"".join(decoded([body], encoding))
