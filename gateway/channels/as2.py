"""Posting AS2 messages and receipts. What to send was made and stored before (`gateway.as2.build`); every try of it
posts the same headers and bytes, so also the same Message-ID.

A parcel is the stored message as it goes over the wire: its header lines, an empty line, its body. The answer to a
message comes back whole: the caller stores it and, in `confirm`, compares the receipt with the MIC it kept.

No redirect is followed (it would carry the message to an address nobody agreed on), nothing is compressed by HTTP, no
proxy or password is taken from the environment, and of an answer no more is read than a receipt may have.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

import httpx

from gateway.as2.disposition import AS2Error
from gateway.as2.mdn import MDN_SIZE
from gateway.as2.message import MdnRequest
from gateway.as2.mime import Headers, read_headers
from gateway.as2.partnership import Partnership
from gateway.as2.stream import Stream, sliced
from gateway.channels.as2_settings import As2Settings
from gateway.channels.channel import Parcel, Refused, Resolve, Retry, SendOutcome, Sent, Unknown
from gateway.channels.http import NOT_SENT, NOT_TAKEN_UP, OUR_KEY, BadUrl, checked, retry_after
from gateway.clients import Clients
from gateway.partners.secrets import SecretMissing

_OURS = frozenset({"content-length", "transfer-encoding", "host", "connection", "accept-encoding", "content-encoding"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What their server said, as it came: with a synchronous receipt, this is the receipt."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """One try: what to do next, and the answer if there was one."""

    outcome: SendOutcome
    answer: Answer | None


class Letter(Protocol):
    """Headers and a body, made and stored before."""

    @property
    def headers(self) -> list[tuple[str, str]]: ...

    @property
    def body(self) -> bytes: ...


class As2Channel:
    """Messages out, one POST each. Safe to use from several threads."""

    def __init__(self, settings: As2Settings, resolve: Resolve) -> None:
        self.settings = settings
        self._resolve = resolve
        self._partnership: Partnership | None = None
        self._timeout = httpx.Timeout(
            settings.timeout.total_seconds(), connect=settings.connect_timeout.total_seconds()
        )
        self._clients = Clients(self._timeout, trust=_tls(settings))

    def close(self) -> None:
        self._clients.close()

    def partnership(self) -> Partnership:
        """What was agreed, its certificates loaded once. Raises UnusableCertificate or SecretMissing."""
        if self._partnership is None:
            self._partnership = self.settings.partnership(self._resolve)
        return self._partnership

    def send(self, parcel: Parcel) -> SendOutcome:
        """A stored message, header lines and body in one."""
        return self.exchange(*split(parcel.content)).outcome

    def exchange(self, headers: Iterable[tuple[str, str]], body: bytes | Iterable[bytes]) -> Exchange:
        """Post one message; a body in pieces is never held whole. `Content-Length` among the headers is believed."""
        try:
            if self.settings.url is None:
                return Exchange(Refused("this connection has no `url`: they only send to us"), None)
            url = checked(self._resolve(self.settings.url), allow_http=self.settings.allow_http)
            sent = Headers([*headers, *self._credentials()])
        except (BadUrl, SecretMissing, AS2Error) as error:
            return Exchange(Refused(str(error)), None)
        expects_receipt = _expects_receipt(sent)
        match self._post(url, sent, body, chunked=self.settings.chunked):
            case Answer() as answer:
                return Exchange(_meaning(answer, expects_receipt=expects_receipt), answer)
            case failure:
                return Exchange(failure, None)

    def post_receipt(self, mdn: Letter, url: str, partnership: Partnership) -> Exchange:
        """An asynchronous receipt to the address that the message named, if the profile of the partner lists it."""
        if not partnership.may_post_to(url):  # looked at again: the profile may have changed since the message came
            return Exchange(Refused(f"{url!r} is not among the addresses for receipts of this partner"), None)
        match self._post(url, Headers(mdn.headers), mdn.body, chunked=False):
            case Answer() as answer:
                return Exchange(_meaning(answer, expects_receipt=False), answer)
            case failure:
                return Exchange(failure, None)

    def _credentials(self) -> Iterator[tuple[str, str]]:
        settings = self.settings
        if settings.user is not None and settings.password is not None:
            pair = f"{self._resolve(settings.user)}:{self._resolve(settings.password)}"
            yield "Authorization", "Basic " + base64.b64encode(pair.encode()).decode("ascii")

    def _post(
        self, url: str, headers: Headers, body: bytes | Iterable[bytes], *, chunked: bool
    ) -> Answer | Retry | Unknown:
        wire: list[tuple[bytes, bytes]] = [
            (name.encode(), value.encode("utf-8", "surrogateescape"))
            for name, value in headers
            if name.lower() not in _OURS
        ]
        wire += [(b"Accept-Encoding", b"identity"), (b"User-Agent", b"b2b-gateway")]
        length = str(len(body)) if isinstance(body, bytes) else headers.get("Content-Length")
        if length and not chunked:
            wire.append((b"Content-Length", length.encode()))
        else:
            wire.append((b"Transfer-Encoding", b"chunked"))
        received = bytearray()
        try:
            request = httpx.Request(
                "POST",
                url,
                headers=[(b"Host", httpx.URL(url).netloc), *wire],
                content=sliced(body) if isinstance(body, bytes) else body,
                extensions={"timeout": self._timeout.as_dict()},
            )
            with self._clients.one() as client, closing(client.send(request, stream=True)) as response:
                for chunk in response.iter_raw():
                    received += chunk
                    if len(received) > MDN_SIZE:
                        break
        except NOT_SENT as error:
            return Retry(None, f"the partner's server cannot be reached ({error or type(error).__name__})")
        except (httpx.HTTPError, httpx.StreamError) as error:
            return Unknown(f"no answer came ({error or type(error).__name__})")
        return Answer(response.status_code, response.headers.multi_items(), bytes(received))


def join(headers: Iterable[tuple[str, str]], chunks: Iterable[bytes]) -> Iterator[bytes]:
    """A message as it is stored and as a parcel carries it."""
    yield bytes(headers if isinstance(headers, Headers) else Headers(headers))
    yield from chunks


def split(content: bytes) -> tuple[list[tuple[str, str]], bytes]:
    """The headers and the body of a stored message."""
    headers, raw = read_headers(Stream([content]))
    return headers.items, content[len(raw) :]


def opened(chunks: Iterable[bytes]) -> tuple[list[tuple[str, str]], Iterator[bytes]]:
    """The same of one that comes in pieces."""
    stream = Stream(chunks)
    headers, _ = read_headers(stream)
    return headers.items, stream.rest()


def _expects_receipt(headers: Headers) -> bool:
    request = MdnRequest.read(headers)
    return request is not None and request.post_to is None


def _meaning(answer: Answer, *, expects_receipt: bool) -> SendOutcome:
    said = f"their server answers {answer.status}"
    if 200 <= answer.status < 300:
        if expects_receipt and not answer.body.strip():
            return Unknown(f"{said}, but without the receipt we asked for")
        return Sent("receipt received" if expects_receipt else said)
    if answer.status in NOT_TAKEN_UP | OUR_KEY:
        return Retry(retry_after(dict(answer.headers)), said)
    if answer.status >= 500:  # the same Message-ID goes again, so at worst it is a repetition there
        return Retry(None, said)
    if 300 <= answer.status < 400:
        return Refused(f"{said}: they moved to another address; ask for it, none is followed by itself")
    return Refused(said)


def _tls(settings: As2Settings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.client_certificate is not None:
        context.load_cert_chain(settings.client_certificate, settings.client_key)
    return context
