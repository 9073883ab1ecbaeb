"""How a simulated partner reaches the gateway, and is reached: one class a kind of connection, seen from its side.

http          it posts to the gateway's partner API, and takes POST /edi with its key
as2           it posts AS2 messages to the gateway's /as2, and takes them at POST /as2; both sides sign and encrypt
              as the profile says, and every message gets its receipt
sftp-server   it logs in to the gateway's SFTP server
sftp, ftps    the gateway logs in to its server (sftp_folder.py, ftps_folder.py); for itself these are folders
directory     folders both can see
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import paramiko

from gateway.as2.build import Document, build
from gateway.as2.disposition import AS2Error
from gateway.as2.identity import OurIdentity, TheirIdentity, our_certificate
from gateway.as2.mdn import Mdn, read_mdn
from gateway.as2.message import Collected
from gateway.as2.mime import Headers
from gateway.as2.partnership import Accepts, Partnership, Sends, WantsMdn
from gateway.as2.receive import Received, receive
from gateway.channels.as2_settings import As2Settings
from gateway.partners.secrets import resolve

AGAIN = (429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One file on its way."""

    number: int
    name: str
    body: bytes
    media: str = ""


class Wire(Protocol):
    """One connection. OSError, EOFError and SSHException mean not now: it is done with the next look."""

    def look(self, owed: Sequence[Parcel]) -> Iterator[tuple[Parcel, str]]:
        """Send what is owed; each with what the gateway said. Then `arrived` holds what lay there for us."""
        ...

    arrived: list[Parcel]


@dataclass
class Post:
    """HTTP: what is sent to us comes in by our own server."""

    url: str
    key: str
    arrived: list[Parcel] = field(default_factory=list)

    def look(self, owed: Sequence[Parcel]) -> Iterator[tuple[Parcel, str]]:
        for one in owed:
            headers = {"Authorization": f"Bearer {self.key}", "Content-Type": one.media, "X-Filename": one.name}
            status, _, said = post(self.url, headers.items(), one.body)
            yield one, str(status) if status < 300 else f"{status} {said.decode('utf-8', 'replace')}"


@dataclass
class Folders:
    """Two folders on this disk."""

    inbox: Path | None
    outbox: Path | None
    arrived: list[Parcel] = field(default_factory=list)

    def look(self, owed: Sequence[Parcel]) -> Iterator[tuple[Parcel, str]]:
        for one in owed if self.inbox else ():
            temporary = self.inbox / f".{secrets.token_hex(8)}.tmp"  # type: ignore[operator]
            temporary.write_bytes(one.body)
            os.replace(temporary, self.inbox / one.name)  # type: ignore[operator]  # noqa: PTH105 - the name of the thing is the point
            yield one, "dropped"
        for path in sorted(self.outbox.iterdir()) if self.outbox is not None and self.outbox.is_dir() else ():
            if not path.name.startswith(".") and path.is_file():
                self.arrived.append(Parcel(0, path.name, path.read_bytes()))
                path.unlink()


@dataclass
class Login:
    """A login on the gateway's SFTP server."""

    address: str
    user: str
    password: str
    inbox: str
    outbox: str
    arrived: list[Parcel] = field(default_factory=list)

    def look(self, owed: Sequence[Parcel]) -> Iterator[tuple[Parcel, str]]:
        with self._session() as sftp:
            for one in owed:
                with sftp.open(f"{self.inbox}/{one.name}", "wb") as file:
                    file.write(one.body)
                yield one, "put"
            for name in sorted(sftp.listdir(self.outbox)):
                with sftp.open(f"{self.outbox}/{name}", "rb") as file:
                    self.arrived.append(Parcel(0, name, file.read()))

    @contextlib.contextmanager
    def _session(self) -> Iterator[paramiko.SFTPClient]:
        host, _, port = self.address.rpartition(":")
        with contextlib.closing(paramiko.Transport((host, int(port)))) as transport:
            transport.connect(username=self.user, password=self.password)
            client = paramiko.SFTPClient.from_transport(transport)
            if client is None:
                raise OSError("the server opened no channel")
            yield client


class Letters:
    """AS2 from the other side: their names, certificates and algorithms are ours."""

    def __init__(self, settings: As2Settings, url: str, pem: bytes) -> None:
        self.url, self.arrived = url, list[Parcel]()
        self._receipts: list[tuple[str, Mdn]] = []  # that go by a post of their own
        known = settings.partnership(resolve)
        signs = settings.require_signed or settings.sign != "none"
        hides = settings.require_encrypted or settings.encrypt != "none"
        usual = Sends()
        self.side = Partnership(
            our=OurIdentity(settings.their_as2_name, (our_certificate(pem, None),)),
            their=TheirIdentity(settings.our_as2_name, known.our.certificates),
            sends=Sends(
                digest=known.sends.digest or usual.digest if signs else None,
                signature=known.sends.signature,
                cipher=known.sends.cipher or usual.cipher if hides else None,
                key_transport=known.sends.key_transport,
                compress=known.sends.compress,
                mdn=WantsMdn(True, ("sha256",), None),
            ),
            accepts=Accepts(signed=settings.sign != "none", encrypted=settings.encrypt != "none"),
            async_mdn_urls=(resolve(settings.receipt_url),) if settings.receipt_url is not None else (),
        )

    def look(self, owed: Sequence[Parcel]) -> Iterator[tuple[Parcel, str]]:
        while self._receipts:
            url, mdn = self._receipts[0]
            post(url, mdn.headers, mdn.body)
            del self._receipts[0]
        for one in owed:
            made = build(
                [Document(one.body, filename=one.name, content_type=one.media)],
                self.side,
                message_id_=f"<{secrets.token_hex(12)}@{self.side.our.as2_name.replace(' ', '-')}>",
                now=dt.datetime.now(dt.UTC),
                entropy=secrets.token_bytes,
            )
            status, headers, body = post(self.url, made.headers, made.body())
            yield one, self._receipt(status, headers, body)

    def _receipt(self, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> str:
        """What their receipt says of our message."""
        try:
            receipt = read_mdn(Headers(headers), body, self.side, dt.datetime.now(dt.UTC))
        except AS2Error as error:
            return f"400 no receipt that can be read came ({error}); HTTP {status}"
        if receipt.signature is None:
            return f"400 their receipt is not signed, or not by them: {receipt.signature_fault or 'no signature'}"
        if receipt.disposition is None or not receipt.disposition.accepted:
            return f"400 {receipt.disposition}: {receipt.text.strip()}"
        return f"receipt: {receipt.disposition}"

    def take(self, headers: Iterable[tuple[str, str]], body: bytes) -> tuple[Received, list[Parcel]]:
        """A message of theirs: the answer, and the documents in it."""
        sink = Collected()
        got = receive(
            headers,
            [body],
            self.side,
            now=dt.datetime.now(dt.UTC),
            mdn_id=f"<{secrets.token_hex(12)}@receipt>",
            entropy=secrets.token_bytes,
            sink=sink,
        )
        if got.post_to is not None and got.mdn is not None:
            self._receipts.append((got.post_to, got.mdn))
        documents = [Parcel(0, "as2", data) for _, data in sink.parts] if got.message is not None else []
        return got, documents


def post(url: str, headers: Iterable[tuple[str, str]], body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body of the answer; one that says "later" is an OSError."""
    request: Any = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")  # noqa: S310 - a setting
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback, whatever proxy is set
    try:
        with opener.open(request, timeout=30) as reply:
            return reply.status, reply.headers.items(), reply.read()
    except urllib.error.HTTPError as error:
        with error:
            if error.code in AGAIN:
                raise
            return error.code, error.headers.items(), error.read()
