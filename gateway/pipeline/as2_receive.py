"""An AS2 message on its way in: whose it is, whether it is what was agreed, and the answer it gets.

Nothing is stored here. `open_message` makes one `Arrival` of what came and of the receipt for it, so that the message,
the receipt and the first work are stored in one commit, before anybody is answered. A message that was refused does
not take its Message-ID: sent again, it is judged again, and nobody can spoil an id by sending rubbish under it.
"""

from __future__ import annotations

import difflib
import hashlib
import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from gateway.as2.algorithms import MODERN_DIGESTS
from gateway.as2.disposition import AS2Error, MessageTooLarge, UnexpectedProcessingError
from gateway.as2.identity import OurIdentity, UnusableCertificate
from gateway.as2.mdn import ENCRYPTED, Mdn, make_mdn, original_message_id
from gateway.as2.message import Head, Part, Write
from gateway.as2.mime import Headers, printable
from gateway.as2.partnership import Partnership
from gateway.as2.receive import STRANGER, Received
from gateway.as2.receive import receive as judge
from gateway.as2.recipients import Entropy
from gateway.channels.as2 import As2Channel, join, split
from gateway.partners.connection import Connection
from gateway.partners.secrets import SecretMissing
from gateway.pipeline import as2_wire
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.house import House
from gateway.pipeline.receive import RECEIPT, Arrival, Receipt, Refused
from gateway.store import as2_messages, payloads
from gateway.store.engine import Record, Store
from gateway.store.schema import payload, transmission
from gateway.store.spool import Spool

log = logging.getLogger(__name__)

NOBODY = "/as2"
"""What stands for the connection where no connection has the two names; no connection can be called so."""


class MessageIdReused(AS2Error):
    """A Message-ID that came before came again with other documents."""

    remedy = "Compare the two messages; ask the partner to send the second one under an id of its own."


@dataclass(frozen=True, slots=True)
class Relation:
    """What is known from the headers alone: the connection of the two AS2 names, if there is one."""

    headers: Headers | None  # None where they cannot be read
    head: Head | None  # None where they do not say who writes to whom
    connection: Connection | None = None
    partnership: Partnership | None = None
    our: OurIdentity | None = None  # who signs a refusal, where the name of the recipient is ours
    fault: str = ""  # of our own settings
    closest: str = ""  # the connection a stranger probably meant
    door: int = STRANGER  # bytes that the door takes of anybody

    @property
    def name(self) -> str:
        """What refusals are counted under."""
        return self.connection.name if self.connection else NOBODY

    @property
    def largest(self) -> int:
        """How much of a body is worth reading."""
        return min(self.partnership.limits.message, self.door) if self.partnership else STRANGER


@dataclass(frozen=True, slots=True)
class Opened:
    """One message, judged: what to store, and what to answer once it is stored."""

    arrival: Arrival
    received: Received

    @property
    def answer(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, headers and body."""
        return self.received.status, self.received.mdn_headers, self.received.mdn_body


def relation(house: House, given: Iterable[tuple[str, str]], largest: int) -> Relation:
    """Whose message this is, by the names in its headers; never raises for what they say."""
    headers = None
    try:
        headers = Headers(given)
        head = Head.read(headers)
    except AS2Error:
        return Relation(headers, None)
    ours = house.book().as2_wires.get(head.as2_to, ())
    known = [one for one in ours if one.settings.get("their_as2_name") == head.as2_from]
    try:
        if len(known) == 1:
            agreed = _partnership(house, known[0])
            return Relation(headers, head, known[0], agreed, agreed.our, door=largest)
        signer = _partnership(house, ours[0]).our if ours else None
    except (SecretMissing, UnusableCertificate) as error:
        return Relation(headers, head, known[0] if len(known) == 1 else None, fault=str(error))
    fault = f"{' and '.join(one.name for one in known)} have the same two names" if known else ""
    closest = "" if known else _closest(house.book().as2_wires, head)
    return Relation(headers, head, our=signer, fault=fault, closest=closest)


def _closest(wires: Mapping[str, Sequence[Connection]], head: Head) -> str:
    """The connection a stranger probably meant: it is told to us, never to them."""
    agreed = {
        f"{one.settings.get('their_as2_name')} to {one.settings.get('our_as2_name')}": one.name
        for several in wires.values()
        for one in several
    }
    spelled = {names.lower(): names for names in agreed}
    came = f"{head.as2_from} to {head.as2_to}"
    close = difflib.get_close_matches(came.lower(), spelled, n=1, cutoff=0.6)
    if not close:
        return ""
    names = spelled[close[0]]
    return f"Closest connection is {agreed[names]}, agreed for {names}."


def _partnership(house: House, connection: Connection) -> Partnership:
    channel = house.sender(connection.name)
    if not isinstance(channel, As2Channel):
        raise TypeError(f"{connection.name} is not an AS2 connection")
    return channel.partnership()


def open_message(
    whose: Relation,
    headers: Sequence[tuple[str, str]],
    body: Spool,
    *,
    size: int,
    remote: str | None,
    now: datetime,
    entropy: Entropy,
) -> Opened:
    """Judge one message and write what is to be stored of it. CPU only; runs in a thread of the door.

    `size` is how large the message really is: of one that is larger than we take, `body` has the beginning.
    """
    parts: list[tuple[Part, Spool]] = []

    def sink(part: Part) -> Write:
        parts.append((part, Spool(body.folder)))
        return parts[-1][1].write

    def judged(fault: AS2Error | None) -> Received:
        return judge(
            whose.headers or headers,
            body if fault is None else (),
            whose.partnership,
            our=whose.our,
            now=now,
            mdn_id=_new_id(),
            entropy=entropy,
            sink=sink,
            fault=fault,
            head=whose.head,
        )

    try:
        received = judged(_too_large(whose, size))
    except Exception as defect:  # ours: the sender is told so in AS2's words, and a person is asked
        log.exception("an AS2 message could not be judged")
        received = judged(UnexpectedProcessingError(f"a defect of ours: {type(defect).__name__}"))
    opened = [(part, data.content()) for part, data in parts] if received.message is not None else []
    connection, head = whose.connection, received.head
    # One that the profile does not list is owed too, once a person has added it; a stranger is never called.
    owed_to = received.post_to or (received.refused_url if connection else None)

    name = head.message_id if head else f"<{uuid.uuid4()}>"

    def arrived(n: int, **more: Any) -> Arrival:
        """One document of the message."""
        part, content = opened[n] if opened else (None, b"")
        return Arrival(
            connection=connection.name if connection else NOBODY,
            lane=connection.lane if connection else "production",
            transport_id=name if n == 0 else f"{name} part {n + 1}",
            content=content,
            filename=part.filename or None if part else None,
            media_type=part.content_type if part else None,
            remote=remote,
            partner=connection.owner if connection else None,
            **more,
        )

    if opened and head is not None and head.mdn is None and opened[0][0].content_type == "multipart/report":
        return Opened(_wrapped_receipt(arrived(0), _wire(whose.headers, body)), received)
    # The message under its first document; the others are beside it.
    beside = tuple(map(arrived, range(1, len(opened))))
    answer = _stored(received.mdn)
    first = arrived(0, answer=answer, answer_to=owed_to, beside=beside, **_kept(whose, received, body))
    return Opened(first if opened else _refused(first, whose, received), received)


def _too_large(whose: Relation, size: int) -> MessageTooLarge | None:
    if size <= whose.largest:
        return None
    return MessageTooLarge(f"the message has {size:,} bytes or more, and this connection takes {whose.largest:,}")


def receipt_arrival(store: Store, whose: Relation, body: Spool, remote: str | None) -> Arrival | None:
    """A receipt for what we sent, posted by its partner; None if this is a message, or from nobody we know.

    Whoever names a message that we never sent this partner is refused like a message that is none: names are easily
    borrowed, and what we keep of those is limited.
    """
    connection = whose.connection
    if connection is None or whose.headers is None or whose.head is None:
        return None
    if not whose.head.content_type.type.startswith("multipart/") or not isinstance(content := body.content(), bytes):
        return None
    named = original_message_id(whose.headers, content)
    if named is None:
        return None
    wire = b"".join(join(whose.headers, [content]))
    arrival = Arrival(
        connection.name,
        connection.lane,
        f"receipt {_sha256(content)}",  # the same again is known by its bytes: its own Message-ID is seldom of use
        wire,
        media_type=RECEIPT,
        remote=remote,
        partner=connection.owner,
        stage="settle",
    )
    with store.read() as view:
        if as2_messages.spoken_of(view, connection.name, named) is not None:
            return arrival
    fault = f"it names the message {named or '(none)'}, which we never sent there"
    where = f"A receipt over {connection.name}"
    key = f"as2:receipt:{connection.name}"
    alert = Alert("as2-receipt-unmatched", connection.lane, key, {"reason": fault}, where, partner=connection.owner)
    name = f"refused {uuid.uuid4()} receipt"
    return replace(arrival, transport_id=name, content=b"", wire=wire, refused=Refused(fault, alert))


def _wrapped_receipt(arrival: Arrival, wire: bytes | _Wire) -> Arrival:
    """A receipt inside of an encrypted message: kept, and somebody is told, since it looks like none to all others."""
    key = f"as2:receipt:{arrival.connection}:unread"
    data = {"connection": arrival.connection, "reason": ENCRYPTED}
    where = f"A receipt over {arrival.connection}"
    alert = Alert("as2-receipt-unread", arrival.lane, key, data, where, partner=arrival.partner)
    name = f"refused {uuid.uuid4()} {arrival.transport_id}"
    return replace(arrival, transport_id=name, content=b"", beside=(), wire=wire, refused=Refused(ENCRYPTED, alert))


def _new_id() -> str:
    return f"<{uuid.uuid4()}@b2b-gateway>"


def _stored(mdn: Mdn | None) -> bytes | None:
    return None if mdn is None else b"".join(join(mdn.headers, [mdn.body]))


@dataclass(frozen=True, slots=True)
class _Wire:
    """A message as it came, too large for memory."""

    head: bytes
    body: Spool

    def __iter__(self) -> Iterator[bytes]:
        yield self.head
        yield from self.body


def _wire(headers: Headers | None, body: Spool) -> bytes | _Wire:
    """As it came; of headers that are none, nothing could be written that could be read again."""
    head = bytes(headers) if headers is not None else b""
    whole = body.content(head)
    return whole if isinstance(whole, bytes) else _Wire(head, body)


def _kept(whose: Relation, received: Received, body: Spool) -> dict[str, Any]:
    """Its wire. A large one is stored once: its document, and what stood around that, to make the message again.

    Nor is the document hashed beside the part that was signed: the MIC, which both sides have in the receipt, names it.
    """
    message, headers = received.message, whose.headers
    digest = None
    if message is not None and headers is not None and len(message.parts) == 1 and message.size >= as2_wire.LARGE:
        digest = f"{as2_wire.MIC}{message.mic}" if message.mic.digest in MODERN_DIGESTS else None
        if message.around is not None:
            around = message.around.packed(bytes(headers), body)
            return {"digest": digest, "wire": around, "wire_type": as2_wire.AROUND}
    return {"digest": digest, "wire": _wire(headers, body)}


def _refused(common: Arrival, whose: Relation, received: Received) -> Arrival:
    failure, head = received.failure, received.head
    reason = whose.fault or str(failure)
    names = (head.as2_from, head.as2_to) if head else ("", "")
    data = {
        "reason": printable(reason, 500),
        "disposition": str(received.disposition),
        "remedy": failure.remedy if failure else "",
        "closest": whose.closest,
        "as2_from": names[0],
        "as2_to": names[1],
        "message_id": common.transport_id,
    }
    known = whose.connection is not None
    about = common.transport_id if known else " to ".join(names)
    alert = Alert(
        "as2-refused" if known else "as2-stranger",
        common.lane,
        f"as2:{common.connection}:{about}:{received.disposition.modifier}",
        data,
        f"AS2 message {common.transport_id}" if head else "An AS2 message",
        partner=common.partner,
    )
    name = f"refused {uuid.uuid4()} {common.transport_id}"
    return replace(common, transport_id=name, refused=Refused(data["reason"], alert))


def tell_of_flood(store: Store, whose: Relation, an_hour: int) -> None:
    """More is refused on one connection than is kept: one work item, for whatever follows in it."""
    connection = whose.connection
    alert = Alert(
        "as2-flood",
        connection.lane if connection else "production",
        f"as2-flood:{whose.name}",
        {"an_hour": an_hour, "whose": f"of {connection.owner}" if connection else "of senders nobody knows"},
        f"Connection {connection.name}" if connection else "/as2",
        partner=connection.owner if connection else None,
    )
    with store.begin() as tx:
        raise_alerts(tx, [alert])


def as_it_came_before(store: Store, opened: Opened, body: Spool) -> Opened:
    """A message that cannot be opened now, and was opened before, byte for byte: its certificate has ended meanwhile.

    It is the same message, and gets the same answer as any repetition.
    """
    head, arrival = opened.received.head, opened.arrival
    if head is None or arrival.refused is None or arrival.connection == NOBODY:
        return opened
    with store.read() as view:
        row = view.first(
            select(transmission).where(
                transmission.c.connection == arrival.connection,
                transmission.c.direction == "in",
                transmission.c.transport_id == head.message_id,
            )
        )
        stored = {one.id: one for one in view.by_ids(payload, [row.payload_id, row.wire_payload_id])} if row else {}
    if row is None or len(stored) < 2 or any(one.purged_at is not None for one in stored.values()):
        return opened
    came = as2_wire.body(store, row, stored[row.wire_payload_id], body.size)
    if came is None or _sha256(came) != body.sha256:
        return opened
    first = stored[row.payload_id]
    content = payloads.Stored(first.id, first.sha256, first.size)
    same = replace(arrival, transport_id=head.message_id, content=content, refused=None)
    return replace(opened, arrival=same)


def first_answer(store: Store, receipt: Receipt, opened: Opened) -> tuple[int, list[tuple[str, str]], bytes] | None:
    """The stored answer to a repeated Message-ID; None if what came under it this time is something else."""
    with store.read() as view:
        row = view.get(transmission, receipt.transmission_id)
        first = view.get(payload, row.payload_id) if row is not None and row.payload_id is not None else None
    if row is None or first is None or not _is_of(store, first, opened.arrival):
        return None
    if row.receipt_payload_id is None or opened.arrival.answer_to is not None:
        return 200, [], b""  # no receipt was asked for, or it is posted
    return 200, *split(payloads.read_all(store, row.receipt_payload_id))


def _is_of(store: Store, first: Record, arrival: Arrival) -> bool:
    """Whether this came with the first document, however it was packed this time."""
    if first.sha256 == arrival.digest:
        return True
    came = _sha256(arrival.content)
    if first.sha256.startswith(as2_wire.MIC) and not isinstance(arrival.content, payloads.Stored):
        return first.purged_at is None and _sha256(payloads.stream(store, first.id)) == came
    return bool(first.sha256 == came)


def _sha256(content: bytes | Iterable[bytes] | payloads.Stored) -> str:
    if isinstance(content, payloads.Stored | Spool):
        return content.sha256
    hasher = hashlib.sha256()
    for piece in [content] if isinstance(content, bytes) else content:
        hasher.update(piece)
    return hasher.hexdigest()


def other_content(whose: Relation, opened: Opened, body: Spool, *, now: datetime, entropy: Entropy) -> Opened:
    """A Message-ID that came before with other documents: kept, refused, and a person compares the two."""
    failure = MessageIdReused(f"{opened.arrival.transport_id} came before with other content")
    received = opened.received
    mdn = None
    if received.head is not None and received.head.mdn is not None and whose.our is not None:
        mdn = make_mdn(
            received.head,
            failure.disposition,
            our=whose.our,
            mic=None,
            text="This Message-ID was used before for other content. The receiver has recorded the details.",
            message_id_=_new_id(),
            now=now,
            entropy=entropy,
        )
    judged = replace(received, message=None, failure=failure, disposition=failure.disposition, mdn=mdn)
    wire = _wire(whose.headers, body)  # whole: no document of it is stored
    common = replace(opened.arrival, content=b"", beside=(), answer=_stored(mdn), wire=wire, wire_type=None)
    return Opened(_refused(common, whose, judged), judged)
