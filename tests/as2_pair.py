"""Two sides with certificates, and randomness and time that repeat."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.as2.around import again
from gateway.as2.build import Document, Outgoing, build
from gateway.as2.identity import OurIdentity, OwnCertificate, TheirIdentity, self_signed
from gateway.as2.message import Collected
from gateway.as2.partnership import Accepts, Limits, Partnership, Sends
from gateway.as2.receive import Received, receive

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
YEAR = timedelta(days=365)
EDI = b"ISA*00*          *00*          *ZZ*US             *ZZ*PEER           *261121*1200*U*00401*000000001*0*P*>~\r\n"


class Entropy:
    """Bytes that look random and repeat from test to test."""

    def __init__(self, seed: str = "") -> None:
        self._seed = seed
        self._count = 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return hashlib.shake_256(f"{self._seed}/{self._count}".encode()).digest(size)


def new_certificate(
    name: str, kind: str = "rsa", *, serial: int = 1, start: datetime = NOW - YEAR, end: datetime = NOW + YEAR
) -> OwnCertificate:
    key = ec.generate_private_key(ec.SECP256R1()) if kind == "ec" else rsa.generate_private_key(65537, 2048)
    return self_signed(key, name, serial, start, end)


class Side:
    """One company with an RSA and an elliptic curve certificate."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rsa = new_certificate(name, serial=1)
        self.ec = new_certificate(name, "ec", serial=2)

    def ours(self, kind: str = "rsa") -> OurIdentity:
        return OurIdentity(self.name, (self.ec if kind == "ec" else self.rsa,))

    def theirs(self, kind: str = "rsa") -> TheirIdentity:
        return TheirIdentity(self.name, (self.ec if kind == "ec" else self.rsa,))


class Pair:
    """A sender and a receiver that know each other."""

    def __init__(self, us: Side, peer: Side) -> None:
        self.us, self.peer = us, peer

    def outward(self, sends: Sends = Sends(), kind: str = "rsa") -> Partnership:
        return Partnership(self.us.ours(kind), self.peer.theirs(kind), sends=sends)

    def inward(
        self, accepts: Accepts = Accepts(), kind: str = "rsa", limits: Limits = Limits(), urls: tuple[str, ...] = ()
    ) -> Partnership:
        """The same relation from the other side."""
        return Partnership(
            self.peer.ours(kind), self.us.theirs(kind), accepts=accepts, limits=limits, async_mdn_urls=urls
        )

    def message(
        self, data: bytes = EDI, sends: Sends = Sends(), kind: str = "rsa", filename: str = "", seed: str = ""
    ) -> Outgoing:
        return build(
            [Document(data, filename=filename)],
            self.outward(sends, kind),
            message_id_="<1@us>",
            now=NOW,
            entropy=Entropy(seed),
        )

    def arrival(
        self,
        headers: list[tuple[str, str]],
        body: bytes,
        accepts: Accepts = Accepts(),
        kind: str = "rsa",
        limits: Limits = Limits(),
        urls: tuple[str, ...] = (),
    ) -> tuple[Received, Collected]:
        sink = Collected()
        partnership = self.inward(accepts, kind, limits, urls)
        received = receive(
            headers, [body], partnership, now=NOW, mdn_id="<mdn@peer>", entropy=Entropy("mdn"), sink=sink
        )
        around = received.message.around if received.message is not None else None
        if around is not None:  # whatever a test is about: what can be made again is what came
            made = again(around.packed(b"head", [body]), [data for _, data in sink.parts])
            assert b"".join(made) == b"head" + body
        return received, sink


OPEN = Accepts(signed=False, encrypted=False)
