"""pack: the AS2 message around an envelope, made once and stored before its first try.

A large one is never whole in memory: its document is read from the store, and what is made of it waits in a spool.

One commit stores the bytes, the Message-ID and the MIC in every digest a receipt may name; whoever tries later sends
exactly that. The certificates are those in use now: a delivery that a person sends anew is packed anew.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.as2.build import Document, build, mic_of
from gateway.as2.disposition import AS2Error
from gateway.as2.identity import UnusableCertificate
from gateway.channels.as2 import As2Channel, join
from gateway.lifecycle import DeliveryStatus
from gateway.partners.secrets import SecretMissing
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.house import House
from gateway.store import payloads, work_items
from gateway.store.engine import Store, Tx
from gateway.store.retry import SECOND
from gateway.store.schema import as2_message, payload
from gateway.store.spool import Spool

MEDIA_TYPE = "message/as2"

AGAIN_US = 10 * SECOND
"""How soon it is tried again to make a message that could not be made: a person loads a certificate meanwhile."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A message, complete."""

    message_id: str
    content: bytes | Spool
    mics: dict[str, str]
    names: tuple[str, str]  # ours, theirs
    receipt_signed: bool


@dataclass(frozen=True, slots=True)
class CannotPack:
    """Something of ours is missing for it: a certificate in use, a key, a file."""

    why: str
    remedy: str


def envelope(house: House, row: Any) -> tuple[bytes, str, str]:
    """The bytes of an envelope, and the name and media type they travel under."""
    return payloads.read_all(house.store, row.payload_id), *named(row)


def named(row: Any) -> tuple[str, str]:
    """The name and media type an envelope travels under."""
    body = json.loads(row.body)
    if "name" in body:  # a file without an envelope (parcel.py)
        return body["name"], body["media_type"]
    return f"{body['set']}-{body['interchange_id']}.edi", "application/edi-x12"


@dataclass(frozen=True, slots=True)
class _Kept:
    """A large document, read from the store as often as it takes."""

    store: Store
    payload_id: int
    size: int

    def chunks(self) -> Iterator[bytes]:
        return payloads.stream(self.store, self.payload_id)


def _document(house: House, row: Any) -> Document:
    filename, media_type = named(row)
    with house.store.read() as view:
        about = view.get(payload, row.payload_id)
    if about is None or about.size <= payloads.CHUNK:
        return Document(payloads.read_all(house.store, row.payload_id), media_type, filename)
    return Document(_Kept(house.store, row.payload_id, about.size), media_type, filename)


def pack(house: House, rows: Sequence[Any]) -> list[tuple[Any, Packed | CannotPack | None]]:
    """Make the messages of these deliveries; None where the connection is not AS2 any more."""
    with house.store.read() as view:
        now = datetime.fromtimestamp(view.now / SECOND, UTC)
    return [(row, packed(house, row, now)) for row in rows]


def packed(house: House, row: Any, now: datetime) -> Packed | CannotPack | None:
    """The message for one delivery."""
    try:
        try:
            channel = house.sender(row.target)
        except KeyError:
            return None
        if not isinstance(channel, As2Channel):
            return None
        agreed = channel.partnership()
        message_id = f"<{uuid.uuid4()}@b2b-gateway>"
        document = _document(house, row)
        made = build([document], agreed, message_id_=message_id, now=now, entropy=os.urandom)
        wire = Spool(house.store.sqlite_path.parent if house.store.is_sqlite else None)
        for piece in join(made.headers, made.chunks()):
            wire.write(piece)
        mics = dict(made.mics)
        for digest in agreed.sends.mics:  # whichever the receipt will name, whatever the profile says by then
            if digest not in mics and (mic := mic_of([document], agreed.sends, message_id, digest)) is not None:
                mics[digest] = mic
    except AS2Error as error:
        return CannotPack(str(error), error.remedy)
    except (SecretMissing, UnusableCertificate, OSError) as error:
        return CannotPack(str(error), "Mend the settings of the connection and publish them; it goes on by itself.")
    wants = agreed.sends.mdn
    names = (agreed.our.as2_name, agreed.their.as2_name)
    return Packed(message_id, wire.content(), mics, names, wants is not None and wants.signed)


def record(tx: Tx, results: Sequence[tuple[Any, Packed | CannotPack | None]]) -> list[tuple[Any, dict[str, Any]]]:
    """Store what was made; returns each delivery row with the column values that move it on."""
    made = [(row, what) for row, what in results if isinstance(what, Packed)]
    store(tx, made)
    for row, _ in made:
        if row.last_error is not None:  # it could not be made before, and a person was asked
            asked = [item.id for item in work_items.open_about(tx, "delivery", row.id)]
            work_items.settle(tx, asked, by="the message was made")
    finished: list[tuple[Any, dict[str, Any]]] = []
    alerts = []
    for row, what in results:
        if isinstance(what, CannotPack):
            waits = {"stage": "pack", "due_at": tx.now + AGAIN_US, "last_error": what.why[:2000]}
            finished.append((row, {"status": DeliveryStatus.DUE, **waits}))
            alerts.append(cannot(row, what))
        else:
            finished.append((row, {"stage": "deliver"}))
    raise_alerts(tx, alerts)
    return finished


def store(tx: Tx, made: Sequence[tuple[Any, Packed]]) -> None:
    """The messages of these deliveries."""
    rows = [
        {
            "delivery_id": row.id,
            "connection": row.target,
            "message_id": what.message_id,
            "lane": row.lane,
            "our_as2_name": what.names[0],
            "their_as2_name": what.names[1],
            "mics": json.dumps(what.mics),
            "receipt_signed": what.receipt_signed,
            "payload_id": stored.id,
            "made_at": tx.now,
        }
        for (row, what), stored in zip(made, _stored(tx, made), strict=True)
    ]
    tx.insert(as2_message, rows)


def _stored(tx: Tx, made: Sequence[tuple[Any, Packed]]) -> Iterator[payloads.Stored]:
    """The bytes: those in memory with two statements, large ones piece by piece."""
    bodies = [
        payloads.Body(what.content, row.partner or row.target, row.lane, MEDIA_TYPE)
        for row, what in made
        if isinstance(what.content, bytes)
    ]
    whole = iter(payloads.store_many(tx, bodies))
    for row, what in made:
        if isinstance(what.content, bytes):
            yield next(whole)
        else:
            owner = row.partner or row.target
            yield payloads.store(tx, what.content, owner=owner, lane=row.lane, media_type=MEDIA_TYPE)


def cannot(row: Any, what: CannotPack) -> Alert:
    """A person is asked; the delivery waits and tries again by itself."""
    data = {"target": row.target, "delivery": row.id, "reason": what.why, "remedy": what.remedy}
    where, key = f"Delivery L-{row.id}", f"delivery:{row.id}:pack"
    about = ("delivery", row.id)
    return Alert("as2-cannot-pack", row.lane, key, data, where, about, row.partner, row.correlation_id)
