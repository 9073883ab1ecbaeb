"""One arrival from its headers and body to the answer that it deserves.

`receive` never raises for anything that a partner can send: every failure is a `Received` with a disposition, a
receipt if one was asked for and can be given, and an HTTP status for those who asked for none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from .disposition import (
    PROCESSED,
    AS2Error,
    Disposition,
    DuplicateDocument,
    MessageTooLarge,
    UnexpectedProcessingError,
    UnknownTradingRelationship,
)
from .identity import OurIdentity
from .mdn import Mdn, check_request, make_mdn
from .message import Collected, Head, Message, Sink
from .mime import Headers
from .partnership import Partnership
from .read import read
from .recipients import Entropy

STRANGER = 1024 * 1024  # how much of a body is read for the sake of a polite answer to somebody unknown


@dataclass(frozen=True, slots=True)
class Received:
    """The outcome of one arrival, complete: nothing is left to decide when it is stored."""

    head: Head | None  # None only if the headers themselves are unusable
    message: Message | None
    failure: AS2Error | None
    disposition: Disposition
    mdn: Mdn | None
    post_to: str | None  # where the receipt goes by a POST of its own; None: it is the answer
    refused_url: str | None  # where they wanted it, but the profile does not list it

    @property
    def status(self) -> int:
        """For the HTTP answer: with a receipt always 200, since the receipt speaks."""
        if self.mdn is not None or self.failure is None:
            return 200
        return _STATUS.get(type(self.failure), 400)

    @property
    def mdn_headers(self) -> list[tuple[str, str]]:
        """Headers of the answer."""
        return self.mdn.headers if self.mdn is not None and self.post_to is None and not self.refused_url else []

    @property
    def mdn_body(self) -> bytes:
        """Body of the answer."""
        return self.mdn.body if self.mdn is not None and self.post_to is None and not self.refused_url else b""


_STATUS: dict[type[AS2Error], int] = {
    MessageTooLarge: 413,
    UnknownTradingRelationship: 403,
    UnexpectedProcessingError: 500,
}


def receive(
    headers: Headers | Iterable[tuple[str, str]],
    body: Iterable[bytes],
    partnership: Partnership | None,
    *,
    our: OurIdentity | None = None,
    now: datetime,
    mdn_id: str,
    entropy: Entropy,
    sink: Sink | None = None,
    duplicate: bool = False,
    fault: AS2Error | None = None,
    head: Head | None = None,
) -> Received:
    """Open a message under what was agreed with its sender, and write the receipt.

    `partnership` is None where the two AS2 names have none; `our` then signs the receipt if the name of the recipient
    is ours. `duplicate` says that this Message-ID was processed before and its stored receipt is not at hand, `fault`
    that the caller knows already why this message is not opened, `head` what it has read of `headers` already.
    What went to `sink` counts only if there is a `message`.
    """
    chunks = iter(body)
    try:
        headers = headers if isinstance(headers, Headers) else Headers(headers)
        head = head or Head.read(headers)
    except AS2Error as error:
        _drain(chunks, STRANGER)
        return Received(None, None, error, error.disposition, None, None, None)
    message, failure = None, None
    try:
        check_request(head.mdn)
        if partnership is None:
            raise UnknownTradingRelationship(f"no relation between {head.as2_from!r} and {head.as2_to!r}")
        if (head.as2_from, head.as2_to) != (partnership.their.as2_name, partnership.our.as2_name):
            raise UnknownTradingRelationship(f"this relation is not the one of {head.as2_from!r} and {head.as2_to!r}")
        if fault is not None:
            raise fault
        if duplicate:
            raise DuplicateDocument("this Message-ID was processed before")
        message = read(headers, chunks, partnership, now, sink if sink is not None else Collected(), head)
    except AS2Error as error:
        failure = error
        if not isinstance(error, MessageTooLarge):
            _drain(chunks, partnership.limits.message if partnership is not None else STRANGER)
    return _answered(head, message, failure, partnership, our, now=now, mdn_id=mdn_id, entropy=entropy)


def _answered(
    head: Head,
    message: Message | None,
    failure: AS2Error | None,
    partnership: Partnership | None,
    our: OurIdentity | None,
    *,
    now: datetime,
    mdn_id: str,
    entropy: Entropy,
) -> Received:
    disposition = PROCESSED if failure is None else failure.disposition
    if head.mdn is None:
        return Received(head, message, failure, disposition, None, None, None)
    signer = partnership.our if partnership is not None else our or OurIdentity(head.as2_to)
    mdn = make_mdn(
        head,
        disposition,
        our=signer,
        mic=message.mic if message is not None else None,
        text=_words(message, failure),
        message_id_=mdn_id,
        now=now,
        entropy=entropy,
    )
    wanted = head.mdn.post_to
    if wanted is None:
        return Received(head, message, failure, disposition, mdn, None, None)
    if partnership is not None and partnership.may_post_to(wanted):
        return Received(head, message, failure, disposition, mdn, wanted, None)
    return Received(head, message, failure, disposition, mdn, None, wanted)


def _words(message: Message | None, failure: AS2Error | None) -> str:
    """For the people on the other side. Of a failure they learn its disposition and nothing more (security rule 5)."""
    if message is not None:
        return f"The message {message.head.message_id} was received, opened and stored."
    if isinstance(failure, DuplicateDocument):
        return "A message with this Message-ID was received before. It was not processed a second time."
    modifier = failure.disposition.modifier if failure is not None else ""
    return f"The message was not accepted: {modifier}. The receiver has recorded the details."


def _drain(body: Iterator[bytes], limit: int) -> None:
    """Let the sender finish, or it sees a broken connection instead of our answer; but not for ever."""
    total = 0
    for chunk in body:
        total += len(chunk)
        if total > limit:
            return
