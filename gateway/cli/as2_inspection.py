"""`gateway inspect` for AS2: a message or a receipt as it came over HTTP, a bare CMS structure, or a stored one (T-12).

Under the profiles of this folder, if there are any: then signatures are verified and envelopes opened. The documents in
a message that can be read are inspected as files of their own would be. `--json` prints the shape of every inspection
with one more key, `as2`.
"""

from __future__ import annotations

import base64
import json as jsonlib
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from gateway.as2.disposition import AS2Error
from gateway.as2.explain import Explained, explain, explain_cms
from gateway.as2.identity import OurIdentity, TheirIdentity, UnusableCertificate
from gateway.as2.mdn import Receipt, original_message_id, read_mdn
from gateway.as2.message import as2_name
from gateway.as2.mime import ContentType, Headers, printable, read_headers
from gateway.as2.partnership import Accepts, Partnership
from gateway.as2.stream import Stream
from gateway.channels.as2_settings import As2Settings
from gateway.channels.table import settings_of
from gateway.cli import inspection_json
from gateway.cli.opening import opened_store, settings
from gateway.cli.profiles import written
from gateway.cli.stop import Stop
from gateway.formats.file import Inspected
from gateway.formats.report import Verdict, file_verdict
from gateway.partners import secrets
from gateway.partners.book import Book
from gateway.partners.faults import ProfileFaults, nearest
from gateway.partners.secrets import SecretMissing
from gateway.pipeline import as2_wire
from gateway.store import payloads
from gateway.store.payloads import PayloadPurged
from gateway.store.schema import transmission

HEAD = 64 * 1024
_CMS = re.compile(
    rb"\x30[\x80-\x84].{0,6}?\x06(?:\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07|\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01)",
    re.S,
)
_TYPES = ("application/pkcs7-mime", "application/x-pkcs7-mime", "multipart/signed", "multipart/report")
_SAID = {
    "decryption-failed": "It did not open there: we encrypt to a certificate they no longer use. Ask for theirs.",
    "authentication-failed": "They do not know the certificate we sign with: mail them ours.",
    "integrity-check-failed": "They got other bytes than we signed: something in between rewrites bodies.",
    "decompression-failed": "They cannot unfold our compression: say `compress: none`.",
    "insufficient-message-security": "They want it signed, encrypted, or with other algorithms: compare their sheet.",
    "unknown-trading-relationship": "They do not know the two AS2 names: compare letter by letter with their sheet.",
    "duplicate-document": "They have it from an earlier try: nothing to do.",
    "unexpected-processing-error": "A fault on their side: ask for the log of this Message-ID.",
}


@dataclass(frozen=True, slots=True)
class As2Found:
    """One inspected thing."""

    name: str
    format: str
    summary: Mapping[str, Any]
    explained: Explained
    refused: bool  # a receipt that says no

    @property
    def verdict(self) -> Verdict:
        """Of the message, and of the worst document in it."""
        if self.refused or any(fault.is_error for fault in self.explained.faults):
            return Verdict.REJECT
        return max(
            (file_verdict(one.events()) for one in self.inside()), key=list(Verdict).index, default=Verdict.ACCEPT
        )

    def inside(self) -> Iterator[Inspected]:
        """The documents in it, each to be read once."""
        return (one for one in (Inspected([content]) for content in self.explained.contents) if one.readable)

    def json(self) -> str:
        faults = [
            {
                "code": one.code,
                "standard_code": None,
                "severity": "rejects" if one.is_error else "warning",
                "segment": "",
                "position": None,
                "element": None,
                "component": None,
                "loop": None,
                "value": None,
                "message": one.what,
                "remedy": one.ask,
                "bytes": one.bytes,
                "certificate": one.certificate,
                "rule": one.rule,
            }
            for one in self.explained.faults
        ]
        inside = [jsonlib.loads(inspection_json.text(self.name, one)) for one in self.inside()]
        found = {
            "file": self.name,
            "format": self.format,
            "interchanges": [interchange for one in inside for interchange in one["interchanges"]],
            "verdict": self.verdict,
            "findings": [*faults, *(finding for one in inside for finding in one["findings"])],
            "as2": {
                **self.summary,
                "layers": self.explained.layers,
                "parts": self.explained.parts,
                **({"mic": self.explained.mic} if self.explained.mic else {}),
            },
        }
        return jsonlib.dumps(found, ensure_ascii=True)

    def lines(self) -> Iterator[tuple[str, str]]:
        """For a person: each line and its style."""
        yield f"{printable(self.name)}  {self.format}", "bold"
        for word, value in self.summary.items():
            if value not in (None, ""):
                yield f"  {word.replace('_', ' ')}: {printable(str(value), 300)}", ""
        depth = 2
        for layer in self.explained.layers:
            yield f"{'  ' * depth}{_layer(layer)}", ""
            depth += 1
        for part in self.explained.parts:
            name = part["filename"] or "without a file name"
            yield f"{'  ' * depth}{name}, {part['content_type']}, {part['size']:,} bytes  {part['begins']!r}", ""
        if self.explained.mic:
            yield f"  MIC {self.explained.mic['digest']}: {self.explained.mic['value']}", ""
        for fault in self.explained.faults:
            yield (
                f"  {'✗' if fault.is_error else '!'} {printable(fault.what, 2000)}",
                "bold red" if fault.is_error else "",
            )
            for word, value in (
                ("which bytes", fault.bytes),
                ("which certificate", fault.certificate),
                ("which rule", fault.rule),
                ("what to do", fault.ask),
            ):
                if value:
                    yield f"      {word}: {printable(value, 2000)}", ""


def _layer(layer: Mapping[str, Any]) -> str:
    match layer["kind"]:
        case "encryption":
            to = "; ".join(one["name"] for one in layer["recipients"])
            opened = f", opened with {layer['certificate'][:23]}…" if layer.get("certificate") else ""
            how = f", {layer['key_transport']}" if layer.get("key_transport") else ""
            return printable(f"encrypted with {layer['algorithm']}{how} to {to}{opened}", 500)
        case "signature":
            true = "verified" if layer.get("verified") else "not verified"
            return printable(
                f"signed with {layer['algorithm']} by {layer.get('subject') or layer['name']}, {true}", 500
            )
        case _:
            return f"compressed with {layer['algorithm']}"


def looks_like_as2(head: bytes) -> bool:
    """By its first bytes: HTTP or MIME headers of AS2, or CMS in DER, BER, base64 or PEM."""
    if _cms(head) is not None:
        return True
    try:
        headers, _ = read_headers(Stream([_without_request_line(head)]))
    except AS2Error:
        return False
    return "AS2-From" in headers or ContentType.parse(headers.get("Content-Type")).type in _TYPES


def _without_request_line(data: bytes) -> bytes:
    first, _, rest = data.partition(b"\n")
    return rest if re.match(rb"(POST|PUT) \S+ HTTP/|HTTP/1\.\d \d{3}", first) else data


def _cms(data: bytes) -> bytes | None:
    """CMS without MIME around it, as bytes."""
    if _CMS.match(data):
        return data
    text = re.sub(rb"-----(BEGIN|END) (PKCS7|CMS)-----", b"", data).strip()
    if text[:2] != b"MI":
        return None
    letters = re.match(rb"[A-Za-z0-9+/\r\n]*", text)
    assert letters is not None
    bare = re.sub(rb"\s", b"", letters.group(0))
    decoded = base64.b64decode(bare[: len(bare) // 4 * 4])
    last = re.sub(rb"\s", b"", text[letters.end() :][:3])
    if len(bare) % 4 > 1 and set(last) == {ord("=")}:
        decoded += base64.b64decode(bare[len(bare) // 4 * 4 :] + b"==")
    return decoded if _CMS.match(decoded) else None


def stored(name: str) -> tuple[bytes, datetime]:
    """What came as transmission T-12, and when: keys and certificates are judged as of then."""
    with opened_store() as store, store.read() as view:
        row = view.get(transmission, int(name[2:]))
        if row is None:
            raise Stop(f"there is no transmission {name}")
        if row.wire_payload_id is None and row.payload_id is None:
            raise Stop(f"{name} has no bytes: {row.reason or row.status}")
        try:
            data = as2_wire.whole(view, row) if row.wire_payload_id else payloads.read_all(view, row.payload_id)
            return data, datetime.fromtimestamp(row.received_at / 1_000_000, UTC)
        except PayloadPurged as error:
            raise Stop(f"{name}: {error}") from None


def inspected(name: str, data: bytes, connection: str | None, now: datetime) -> As2Found:
    """Never raises for any bytes."""
    bare = _cms(data)
    known = _known()
    if bare is not None:
        wire, partnership = _of(known, connection, None)
        explained = explain_cms(bare, partnership, now)
        return As2Found(name, "CMS", {"connection": wire}, explained, refused=False)
    stream = Stream([_without_request_line(data)])
    headers, _ = read_headers(stream)
    body = b"".join(stream.rest())
    wire, partnership = _of(known, connection, headers)
    summary: dict[str, Any] = {
        "from": printable(headers.get("AS2-From")),
        "to": printable(headers.get("AS2-To")),
        "message_id": printable(headers.get("Message-ID")),
        "connection": wire,
    }
    if original_message_id(headers, body) is not None:
        return _receipt(name, headers, body, partnership, now, summary)
    summary["subject"] = printable(headers.get("Subject"))
    summary["receipt_asked"] = printable(headers.get("Disposition-Notification-Options")) or None
    return As2Found(name, "AS2 message", summary, explain(headers, body, partnership, now), refused=False)


def _receipt(
    name: str, headers: Headers, body: bytes, partnership: Partnership | None, now: datetime, summary: dict[str, Any]
) -> As2Found:
    as_it_is = Accepts(signed=False, encrypted=False)  # whether it had to be signed, `judge` knows
    nobody = Partnership(OurIdentity(""), TheirIdentity(""), accepts=as_it_is)
    explained = explain(headers, body, replace(partnership, accepts=as_it_is) if partnership else None, now)
    explained.mic = None
    said: Receipt | None = None
    try:
        said = read_mdn(headers, body, partnership or nobody, now)
    except AS2Error as error:
        summary["unreadable"] = printable(str(error), 300)
    explained.parts, explained.contents = [], []
    if said is not None:
        modifier = said.disposition.modifier if said.disposition else None
        summary |= {
            "original_message_id": said.original_message_id,
            "disposition": printable(str(said.disposition)) if said.disposition else None,
            "mic": str(said.mic) if said.mic else None,
            "signed": any(layer["kind"] == "signature" for layer in explained.layers),
            "text": printable(" ".join(said.text.split()), 300),
            "meaning": _SAID.get(modifier or "", ""),
        }
    refused = said is None or said.disposition is None or not said.disposition.accepted
    return As2Found(name, "AS2 receipt", summary, explained, refused=refused)


# --- under whose agreement ------------------------------------------------------------------------------------------


def _known() -> dict[str, As2Settings]:
    """The AS2 connections of the profiles in this folder; none where there are no profiles."""
    chosen = settings()
    if not chosen.partners.is_dir() or not chosen.maps.is_dir():
        return {}
    try:
        connections = Book.from_files(written()).connections
    except ProfileFaults as faults:
        print(f"gateway: looked at without the profiles, which have {len(faults.faults)} faults", file=sys.stderr)
        return {}
    found = {name: settings_of("as2", one.settings) for name, one in connections.items() if one.kind == "as2"}
    return {name: said for name, said in found.items() if isinstance(said, As2Settings)}


def _of(
    known: Mapping[str, As2Settings], connection: str | None, headers: Headers | None
) -> tuple[str | None, Partnership | None]:
    """The connection asked for, or the one with the two names; a message of ours is judged as they would judge it."""
    if connection is not None:
        if connection not in known:
            raise Stop(f"there is no AS2 connection {connection!r}: {nearest(connection, known)}")
        return connection, _loaded(connection, known[connection])
    if headers is None:
        return None, None
    try:
        sender, receiver = as2_name(headers.get("AS2-From")), as2_name(headers.get("AS2-To"))
    except AS2Error:
        return None, None
    for name, said in known.items():
        if {said.their_as2_name, said.our_as2_name} == {sender, receiver}:
            try:
                agreed = _loaded(name, said)
            except Stop as why:  # looked at without keys and certificates, which is better than not at all
                print(f"gateway: {why}", file=sys.stderr)
                return name, None
            if said.their_as2_name == sender:
                return name, agreed
            theirs, ours = agreed.their, agreed.our
            return name, replace(
                agreed, our=OurIdentity(theirs.as2_name), their=TheirIdentity(ours.as2_name, ours.certificates)
            )
    return None, None


def _loaded(name: str, said: As2Settings) -> Partnership:
    try:
        return said.partnership(secrets.resolve)
    except (SecretMissing, UnusableCertificate) as error:
        raise Stop(f"{name}: {error}") from None
