"""What a connection of kind `as2` says, and the partnership that follows from it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from gateway.as2.disposition import AS2Error
from gateway.as2.identity import (
    Certificate,
    OurIdentity,
    OwnCertificate,
    TheirIdentity,
    UnusableCertificate,
    our_certificate,
    their_certificate,
)
from gateway.as2.message import as2_name_header
from gateway.as2.partnership import Accepts, Limits, Partnership, Sends, WantsMdn
from gateway.channels.channel import Resolve
from gateway.partners.secrets import SecretRef, Setting, Url, is_reference
from gateway.partners.values import Duration, Written, wrong

MadeDigest = Literal["sha256", "sha384", "sha512"]
MadeCipher = Literal["aes128-cbc", "aes192-cbc", "aes256-cbc", "aes128-gcm", "aes192-gcm", "aes256-gcm"]
OldCipher = Literal["3des-cbc"]
KeyTransport = Literal[
    "rsa-pkcs1v15",
    "rsa-oaep-sha256",
    "rsa-oaep-sha384",
    "rsa-oaep-sha512",
    "rsa-oaep-sha1",
    "ecdh-sha256",
    "ecdh-sha384",
    "ecdh-sha512",
]


class TheirCertificate(Written):
    """A certificate of theirs and the days of its use; without days, its own."""

    certificate: Setting  # PEM, e.g. file:/etc/gateway/certs/harbor-pine.pem
    use_from: date | None = None
    use_until: date | None = None

    @field_validator("certificate")
    @classmethod
    def _readable(cls, certificate: str) -> str:
        if not is_reference(certificate):  # written out in the profile, as `gateway certificate import` does
            try:
                their_certificate(certificate.encode())
            except UnusableCertificate as error:
                raise wrong(str(error), "load it with `gateway certificate import FILE CONNECTION`") from error
        return certificate

    def load(self, resolve: Resolve) -> Certificate:
        return their_certificate(resolve(self.certificate).encode(), _day(self.use_from), _day(self.use_until))


class OurCertificate(TheirCertificate):
    """A certificate of ours with its private key."""

    key: SecretRef  # PEM
    password: SecretRef | None = None  # if the key is encrypted

    def load(self, resolve: Resolve) -> OwnCertificate:
        pem = f"{resolve(self.certificate)}\n{resolve(self.key)}\n".encode()
        password = resolve(self.password).encode() if self.password is not None else None
        return our_certificate(pem, password, _day(self.use_from), _day(self.use_until))


def _day(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), UTC)


class As2Settings(Written):
    """One relation between one of our AS2 names and one of theirs."""

    url: Url | None = Field(default=None, description="Where we post what we send. Without it they only send.")
    our_as2_name: str = Field(description="Our AS2 name, letter by letter.")
    their_as2_name: str = Field(description="Their AS2 name, letter by letter.")
    our_certificates: tuple[OurCertificate, ...] = Field(
        default=(), description="Ours with their keys; two at once while one follows the other."
    )
    their_certificates: tuple[TheirCertificate, ...] = Field(
        default=(), description="Theirs; two at once while one follows the other."
    )
    sign: MadeDigest | Literal["none"] = Field(default="sha256", description="The digest we sign with, or `none`.")
    signature: Literal["rsa-pkcs1v15", "rsa-pss"] = Field(
        default="rsa-pkcs1v15", description="How an RSA key signs; an elliptic curve key always makes ECDSA."
    )
    encrypt: MadeCipher | Literal["none"] = Field(
        default="aes256-cbc", description="The cipher we encrypt with, or `none`."
    )
    key_transport: KeyTransport = Field(default="rsa-pkcs1v15", description="How the key of the cipher is encrypted.")
    compress: Literal["none", "before-signing", "after-signing"] = Field(
        default="none", description="Whether and where we compress."
    )
    transfer_encoding: Literal["binary", "base64"] = Field(
        default="binary", description="How a document stands in its part."
    )
    receipt: Literal["sync", "async", "none"] = Field(default="sync", description="The receipt we ask for.")
    receipt_signed: bool = Field(default=True, description="A receipt counts only if it is signed.")
    receipt_digests: tuple[MadeDigest, ...] = Field(
        default=("sha256",), min_length=1, description="The digests we ask for in it, the best first."
    )
    receipt_url: Url | None = Field(default=None, description="Where they post it, if it is `async`.")
    receipt_within: Duration = Field(
        default=timedelta(minutes=30), description="How long we wait for it before the same message goes again."
    )
    receipt_tries: int = Field(
        default=4,
        ge=1,
        le=20,
        description="How often the message goes in all, each wait twice the one before, until a person is asked.",
    )
    require_signed: bool = Field(default=True, description="Refuse what they have not signed.")
    require_encrypted: bool = Field(default=True, description="Refuse what they have not encrypted.")
    accept_old: tuple[Literal["sha1", "md5", "3des-cbc", "no-attributes"], ...] = Field(
        default=(), description="Old algorithms of theirs that we read all the same."
    )
    their_receipt_urls: tuple[str, ...] = Field(
        default=(), description="Where their receipts may be posted; to no other address."
    )
    max_size: int = Field(default=256 * 1024 * 1024, ge=1, description="Bytes of the largest message we take.")
    allow_http: bool = Field(default=False, description="Plain http to another machine, inside a network you trust.")
    user: Setting | None = Field(default=None, description="Our user there, where they want user and password.")
    password: SecretRef | None = Field(default=None, description="The password of that user.")
    ca: Path | None = Field(default=None, description="What their server's certificate must come from.")
    client_certificate: Path | None = Field(default=None, description="Our certificate for TLS, PEM.")
    client_key: Path | None = Field(default=None, description="Its key, if that is in a file of its own.")
    chunked: bool = Field(default=False, description="Send in chunks instead of with a length.")
    connect_timeout: Duration = Field(default=timedelta(seconds=30), description="How long a connection may take.")
    timeout: Duration = Field(
        default=timedelta(minutes=5), description="How long we wait without a byte: they open it before they answer."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for name in (self.our_as2_name, self.their_as2_name):
            try:
                as2_name_header(name)
            except AS2Error as error:
                raise wrong(str(error), "write 1 to 128 printable ASCII characters") from error
        if (self.user is None) != (self.password is None):
            raise wrong("one of `user` and `password` is missing", "give both, or neither")
        if self.client_key is not None and self.client_certificate is None:
            raise wrong("`client_key` without `client_certificate`", "give the certificate that the key belongs to")
        if self.receipt == "async" and self.receipt_url is None:
            raise wrong(
                "an asynchronous receipt without `receipt_url`", "give the address of our /as2 as they reach it"
            )
        if self.url is not None and self.sign != "none" and not self.our_certificates:
            raise wrong("nothing to sign with", "give `our_certificates`, or say `sign: none`")
        if self.url is not None and self.encrypt != "none" and not self.their_certificates:
            raise wrong("nothing to encrypt to", "give `their_certificates`, or say `encrypt: none`")
        if self.require_signed and not self.their_certificates:
            raise wrong("nothing to check their signatures with", "give `their_certificates`")
        if self.require_encrypted and not self.our_certificates:
            raise wrong("nothing to open their messages with", "give `our_certificates`")
        if self.compress == "after-signing" and self.sign == "none":
            raise wrong("compressed after a signature that there is not", "say `compress: before-signing`")
        return self

    def partnership(self, resolve: Resolve) -> Partnership:
        """With the certificates loaded. Raises UnusableCertificate, with what is wrong with which."""
        old = frozenset(self.accept_old)
        accepts = Accepts()
        return Partnership(
            our=OurIdentity(self.our_as2_name, tuple(one.load(resolve) for one in self.our_certificates)),
            their=TheirIdentity(self.their_as2_name, tuple(one.load(resolve) for one in self.their_certificates)),
            sends=self._sends(resolve),
            accepts=Accepts(
                signed=self.require_signed,
                encrypted=self.require_encrypted,
                digests=accepts.digests | (old & {"sha1", "md5"}),
                ciphers=accepts.ciphers | (old & set(get_args(OldCipher))),
                signed_attributes="no-attributes" not in old,
            ),
            limits=Limits(message=self.max_size),
            async_mdn_urls=self.their_receipt_urls,
        )

    def _sends(self, resolve: Resolve) -> Sends:
        wants = None
        if self.receipt != "none":
            url = resolve(self.receipt_url) if self.receipt == "async" and self.receipt_url is not None else None
            wants = WantsMdn(self.receipt_signed, self.receipt_digests, url)
        old = tuple(digest for digest in ("sha1", "md5") if digest in self.accept_old)
        return Sends(
            digest=None if self.sign == "none" else self.sign,
            signature=self.signature,
            cipher=None if self.encrypt == "none" else self.encrypt,
            key_transport=self.key_transport,
            compress=None if self.compress == "none" else self.compress,
            transfer_encoding=self.transfer_encoding,
            mics=(*Sends().mics, *old),
            mdn=wants,
        )
