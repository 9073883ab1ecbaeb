"""The AS2 half of `gateway partner new`: our sheet out, theirs in."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.as2.identity import Certificate, UnusableCertificate, newest
from gateway.channels import as2_sheet
from gateway.channels.as2_settings import OurCertificate
from gateway.channels.as2_sheet import Sheet, SheetFaults, our_item
from gateway.cli.certificate import certificates_folder, new_pair
from gateway.cli.opening import settings
from gateway.cli.stop import Stop
from gateway.partners import secrets
from gateway.partners.book import Book
from gateway.partners.secrets import SecretMissing


@dataclass(frozen=True, slots=True)
class OurSide:
    """Under which name we trade over AS2, with which certificate, and how a profile says that."""

    company: str
    as2_name: str
    certificate: Certificate
    item: tuple[str, ...]  # lines of `our_certificates`

    @property
    def url(self) -> str:
        public = settings().public_url.rstrip("/")
        return f"{public}/as2" if public else ""

    def sheet(self) -> str:
        if not self.url:
            print("gateway: GATEWAY_PUBLIC_URL is not set, so the sheet has no address: write it in", file=sys.stderr)
        return as2_sheet.write(self.company, self.as2_name, self.url, self.certificate)


def our_side(files: Mapping[str, str], company: str, as2_name: str | None) -> OurSide:
    """As another AS2 connection says it; for the first one the name given, or the company's, and a key made now."""
    book = Book.from_files(files)
    if company not in book.companies:
        raise Stop(f"there is no company {company!r}; it would be partners/{company}/company.yaml")
    title = book.companies[company].name
    for connection in book.connections.values():
        said = connection.settings
        if connection.kind == "as2" and said.get("our_certificates") and as2_name in (None, said["our_as2_name"]):
            try:
                return _as_said(title, said)
            except Stop as why:
                print(f"gateway: {connection.name} is passed over: {why}", file=sys.stderr)
    base = certificates_folder() / company
    if not base.with_name(f"{company}.key").exists():
        made = new_pair(company, title)
        print(f"made our AS2 key {base}.key and certificate {base}.pem, {made.fingerprint}")
    entry = {"certificate": f"file:{base}.pem", "key": f"file:{base}.key"}
    name = as2_name or "".join(char for char in company.upper() if char.isalnum())
    return _as_said(title, {"our_as2_name": name, "our_certificates": [entry]})


def _as_said(company: str, said: Mapping[str, Any]) -> OurSide:
    entries = [OurCertificate.model_validate(entry) for entry in said["our_certificates"]]
    try:
        loaded = [(entry, entry.load(secrets.resolve)) for entry in entries]
    except (SecretMissing, UnusableCertificate) as error:
        raise Stop(f"our certificate cannot be used: {error}") from None
    used = newest([certificate for _, certificate in loaded], datetime.now(UTC))
    if used is None:
        raise Stop("none of our AS2 certificates is in use today; `gateway certificate make` makes a new one")
    entry = next(entry for entry, certificate in loaded if certificate is used)
    return OurSide(company, said["our_as2_name"], used, tuple(our_item(entry.certificate, entry.key)))


def read_sheet(path: Path) -> Sheet:
    """Their sheet, with what a person should know of it said."""
    try:
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise Stop(f"{path}: {error.strerror}") from None
    try:
        sheet = as2_sheet.read(text, datetime.now(UTC))
    except SheetFaults as faults:
        raise Stop(f"{path} cannot be used; nothing was written:\n  " + "\n  ".join(faults.faults)) from None
    for remark in sheet.remarks:
        print(f"{path}: {remark}")
    return sheet


def connections_file(name: str, title: str, sheet: Sheet, our: OurSide) -> str:
    """`connections.yaml` of the new partner: the test wire of the skeleton, over AS2."""
    if sheet.as2_name == our.as2_name:
        raise Stop(f"the sheet says AS2 id {sheet.as2_name}, which is ours: this is our own sheet, or theirs is wrong")
    if sheet.certificate.fingerprint == our.certificate.fingerprint:
        raise Stop("the certificate in the sheet is ours: ask them for their own")
    lines = [
        f"# The wires to {title}, made of their sheet. Production gets a wire of its own, with an AS2 id of its own on",
        "# one of the two sides, since the two names are all that tells messages apart.",
        f"# Their fingerprint, to be compared by telephone before the first message: {sheet.certificate.fingerprint}",
        *as2_sheet.connection(
            f"{name}-test", "test", sheet, our_name=our.as2_name, our=our.item, receipt_url=our.url or "env:OUR_AS2_URL"
        ),
    ]
    return "\n".join(lines) + "\n"
