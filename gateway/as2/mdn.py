"""Receipts (RFC 8098 as RFC 4130 7 uses it): written, read, and compared with what was sent.

A receipt counts only if it says all of this truly (security rules 4 and 10): it is from this partner and for this
Message-ID; it is signed by one of the partner's certificates if we asked for that; it says the message was processed;
and its MIC, in the algorithm that it names itself, is the one we kept. Anything less is no acknowledgement.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime

from .algorithms import DIGESTS, MODERN_DIGESTS, Digest, digest_named
from .build import signed_frame
from .disposition import AS2Error, Disposition, Malformed, UnsupportedMicAlgorithms
from .identity import OurIdentity
from .message import PKCS7, Head, MdnRequest, Mic, as2_name_header, message_id, written_name
from .mime import ContentType, Headers, Multipart, base64_lines, decoded, printable, quoted, read_headers
from .partnership import Partnership, SignatureDone
from .recipients import Entropy
from .signed import Content, sign, verify
from .stream import Stream, gathered, sliced

MDN_SIZE = 1024 * 1024  # an MDN is 2 KB; some products put the whole message behind it
REPORTING_UA = "b2b-gateway"
ENCRYPTED = (
    "it is encrypted or compressed; receipts travel in the clear, signed (RFC 4130 7), so ask them to switch it off"
)


@dataclass(frozen=True, slots=True)
class Mdn:
    """A receipt to give, in the answer or by a POST of its own."""

    headers: list[tuple[str, str]]
    body: bytes
    disposition: Disposition
    signed: bool


def make_mdn(
    head: Head,
    disposition: Disposition,
    *,
    our: OurIdentity,
    mic: Mic | None,
    text: str,
    message_id_: str,
    now: datetime,
    entropy: Entropy,
) -> Mdn:
    """The receipt for the message with this head, signed if it asked for that and we have something to sign with."""
    boundary = f"=_{entropy(16).hex()}"
    certificate = our.signing(now)
    headers = [
        ("AS2-Version", "1.2"),
        ("AS2-From", as2_name_header(head.as2_to)),
        ("AS2-To", as2_name_header(head.as2_from)),
        ("Message-ID", message_id(message_id_)),
        ("Date", format_datetime(now.astimezone(UTC), usegmt=True)),
        ("MIME-Version", "1.0"),
    ]
    report_type = f"multipart/report; report-type=disposition-notification; boundary={quoted(boundary)}"
    body = _report(head, disposition, mic, text, boundary)
    wants_signature = head.mdn is not None and head.mdn.signed
    if not wants_signature or certificate is None:
        return _mdn([*headers, ("Content-Type", report_type)], body, disposition, signed=False)
    digest = _signing_digest(head.mdn)
    part = b"".join((b"Content-Type: ", report_type.encode(), b"\r\n\r\n", body))
    outer = f"=_{entropy(16).hex()}"
    frame, front, tail = signed_frame(outer, digest.micalg, report_type="disposition-notification")
    hasher = digest.new()
    hasher.update(part)
    signature = base64_lines(sign(hasher.digest(), certificate, digest, "rsa-pkcs1v15", now))
    signed_body = b"".join((b"--", outer.encode(), b"\r\n", part, front, signature, tail))
    return _mdn([*headers, *frame], signed_body, disposition, signed=True)


def _mdn(headers: list[tuple[str, str]], body: bytes, disposition: Disposition, *, signed: bool) -> Mdn:
    return Mdn(Headers([*headers, ("Content-Length", str(len(body)))]).items, body, disposition, signed)


def _signing_digest(request: MdnRequest | None) -> Digest:
    """The one they prefer among those that we make; SHA-1 and MD5 are not."""
    wanted = [found for name in (request.digests if request else ()) if (found := digest_named(name)) is not None]
    return next((one for one in wanted if one.name in MODERN_DIGESTS), DIGESTS["sha256"])


def check_request(request: MdnRequest | None) -> None:
    """RFC 4130 7.3: a required digest that we do not have is refused before anything is done."""
    if request is not None and request.digests_required and request.digests and request.digest() is None:
        raise UnsupportedMicAlgorithms(f"the receipt must use {printable(', '.join(request.digests))}")


def _report(head: Head, disposition: Disposition, mic: Mic | None, text: str, boundary: str) -> bytes:
    fields = [
        ("Reporting-UA", REPORTING_UA),
        ("Original-Recipient", f"rfc822; {as2_name_header(head.as2_to)}"),
        ("Final-Recipient", f"rfc822; {as2_name_header(head.as2_to)}"),
        ("Original-Message-ID", head.message_id),
        ("Disposition", str(disposition)),
    ]
    if mic is not None:
        fields.append(("Received-Content-MIC", str(mic)))
    words = text.replace("\r\n", "\n").replace("\n", "\r\n")
    return b"".join(
        (
            f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n".encode(),
            b"Content-Transfer-Encoding: 8bit\r\n\r\n",
            words.encode("utf-8", "replace"),
            f"\r\n--{boundary}\r\nContent-Type: message/disposition-notification\r\n".encode(),
            b"Content-Transfer-Encoding: 7bit\r\n\r\n",
            bytes(Headers(fields)),
            f"\r\n--{boundary}--\r\n".encode(),
        )
    )


# --- reading ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a partner's MDN says, and whether its signature is true."""

    original_message_id: str
    disposition: Disposition | None
    mic: Mic | None
    text: str
    as2_from: str  # empty in some synchronous answers
    as2_to: str
    signature: SignatureDone | None
    signature_fault: AS2Error | None


def read_mdn(headers: Headers, body: bytes, partnership: Partnership, now: datetime) -> Receipt:
    """The receipt in an HTTP answer or an asynchronous POST. Raises Malformed if there is none in it."""
    if len(body) > MDN_SIZE:
        raise Malformed(f"a receipt of {len(body)} bytes")
    content_type = ContentType.parse(headers.get("Content-Type"))
    signature, fault = None, None
    stream = Stream(decoded(sliced(body), headers.get("Content-Transfer-Encoding")))
    if content_type.type == "multipart/signed":
        part, signature_der = _two_parts(content_type, stream)
        signature, fault = _verified(part, signature_der, partnership, now)
        stream = Stream([part])
        inner, _ = read_headers(stream)
        content_type = ContentType.parse(inner.get("Content-Type"))
    if content_type.type in PKCS7:
        raise Malformed(ENCRYPTED)
    if content_type.type != "multipart/report":
        raise Malformed(f"no receipt but {printable(content_type.type, 60)}")
    text, fields = _fields(content_type, stream)
    return Receipt(
        original_message_id=_unsafe_id(fields.get("Original-Message-ID")),
        disposition=Disposition.parse(fields.get("Disposition")),
        mic=_mic(fields.get("Received-Content-MIC")),
        text=text,
        as2_from=written_name(headers.get("AS2-From")) if headers.get("AS2-From") else "",
        as2_to=written_name(headers.get("AS2-To")) if headers.get("AS2-To") else "",
        signature=signature,
        signature_fault=fault,
    )


def original_message_id(headers: Headers, body: bytes) -> str | None:
    """Which message a receipt speaks of, before anybody believes it: empty if it names none, None if it is no receipt.

    Many products say only inside of the signature that it is one.
    """
    try:
        content_type = ContentType.parse(headers.get("Content-Type"))
        stream = Stream(decoded(sliced(body[:MDN_SIZE]), headers.get("Content-Transfer-Encoding")))
        if content_type.type == "multipart/signed":
            part = Multipart(stream, content_type.parameters.get("boundary", "")).next()
            stream = Stream(part if part is not None else [])
            content_type = ContentType.parse(read_headers(stream)[0].get("Content-Type"))
    except AS2Error:
        return None
    if content_type.type != "multipart/report":
        return None
    try:
        return _unsafe_id(_fields(content_type, stream)[1].get("Original-Message-ID"))
    except AS2Error:
        return ""


def _two_parts(content_type: ContentType, stream: Stream) -> tuple[bytes, bytes]:
    multipart = Multipart(stream, content_type.parameters.get("boundary", ""))
    parts = []
    while (chunks := multipart.next()) is not None:
        parts.append(gathered(chunks, MDN_SIZE, "receipt"))
        if len(parts) > 2:
            break
    if len(parts) != 2:
        raise Malformed("multipart/signed without exactly two parts")
    inner = Stream([parts[1]])
    headers, _ = read_headers(inner)
    encoding = headers.get("Content-Transfer-Encoding")
    encoding = "base64" if inner.peek(2) == b"MI" else encoding
    return parts[0], gathered(decoded(inner.rest(), encoding), MDN_SIZE, "signature")


def _verified(
    part: bytes, signature: bytes, partnership: Partnership, now: datetime
) -> tuple[SignatureDone | None, AS2Error | None]:
    content = Content([])
    content.update(part)
    accepts = partnership.accepts
    try:
        done = verify(
            signature, content, partnership.their.certificates, now, attributes_required=accepts.signed_attributes
        )
    except AS2Error as error:
        return None, error
    return done, None


def _fields(content_type: ContentType, stream: Stream) -> tuple[str, Headers]:
    """The words for people, and the fields of the notification."""
    multipart = Multipart(stream, content_type.parameters.get("boundary", ""))
    text, fields = "", None
    count = 0
    while fields is None and (chunks := multipart.next()) is not None:
        count += 1
        if count > 8:
            break
        part = Stream(chunks)
        headers, _ = read_headers(part)
        kind = ContentType.parse(headers.get("Content-Type")).type
        body = gathered(decoded(part.rest(), headers.get("Content-Transfer-Encoding")), MDN_SIZE, "receipt")
        if kind == "message/disposition-notification":
            fields = Headers.parse(body)
        elif kind.startswith("text/") and not text:
            text = body.decode("utf-8", "replace")[:4000]
    if fields is None:
        raise Malformed("a report without a disposition notification")
    return text, fields


def _unsafe_id(value: str) -> str:
    try:
        return message_id(value)
    except Malformed:
        return ""


def _mic(value: str) -> Mic | None:
    """`base64, algorithm`; both are needed."""
    encoded, comma, name = value.rpartition(",")
    digest = digest_named(name)
    if not comma or digest is None:
        return None
    return Mic(digest.name, "".join(encoded.split()))


# --- comparing ----------------------------------------------------------------------------------------------------


def _no_other(digest: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Sent:
    """What we keep of a message until its receipt has come."""

    message_id: str
    our_as2_name: str
    their_as2_name: str
    mics: Mapping[str, str]  # by digest, base64
    signed_receipt: bool
    other_mic: Callable[[str], str | None] = _no_other  # in a digest that nobody expected, from what is stored


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a receipt acknowledges a message."""

    acknowledged: bool
    refused: bool  # the partner says in a believable receipt that it did not take the message
    reason: str  # for our people; empty if all is well
    disposition: Disposition | None = None
    doubted: bool = False  # nothing shows that it is this partner's word on this message: as if it had not come


def judge(receipt: Receipt, sent: Sent, *, asynchronous: bool = False) -> Verdict:
    """Every condition for an acknowledgement, the first that fails named."""
    said = receipt.disposition
    if _bare(receipt.original_message_id) != _bare(sent.message_id):
        return _doubt(said, f"the receipt is for another message: {receipt.original_message_id or 'it names none'}")
    from_wrong = receipt.as2_from != sent.their_as2_name and (asynchronous or receipt.as2_from)
    to_wrong = receipt.as2_to != sent.our_as2_name and (asynchronous or receipt.as2_to)
    if from_wrong or to_wrong:  # security rule 10
        return _doubt(said, f"the receipt is from {receipt.as2_from!r} to {receipt.as2_to!r}")
    if receipt.signature_fault is not None:
        return _doubt(said, f"the signature of the receipt is not true: {receipt.signature_fault}")
    if sent.signed_receipt and receipt.signature is None:
        return _doubt(said, "the receipt is not signed though we asked for that")
    if said is None:
        return _doubt(said, "the receipt has no disposition")
    if not said.accepted:
        return Verdict(False, True, f"{said.type}/{said.kind}: {said.modifier}", said)
    if receipt.mic is None:
        return _not(said, "the receipt has no MIC, or one in an algorithm that nobody knows")
    kept = sent.mics.get(receipt.mic.digest) or sent.other_mic(receipt.mic.digest)
    if kept is None:
        return _not(said, f"the MIC of the receipt is in {receipt.mic.digest}, which this connection does not accept")
    if not _same(kept, receipt.mic.value):
        return _not(said, f"the partner got other bytes: its {receipt.mic.digest} is {receipt.mic.value}, ours {kept}")
    return Verdict(True, False, "", said)


def _not(said: Disposition | None, reason: str) -> Verdict:
    return Verdict(False, False, printable(reason, 500), said)


def _doubt(said: Disposition | None, reason: str) -> Verdict:
    return replace(_not(said, reason), doubted=True)


def _same(kept: str, given: str) -> bool:
    try:
        return hmac.compare_digest(base64.b64decode(kept), base64.b64decode(given + "=" * (-len(given) % 4)))
    except ValueError:
        return False


def _bare(message_id_: str) -> str:
    """Some products drop the angle brackets, or add them."""
    return message_id_.removeprefix("<").removesuffix(">")
