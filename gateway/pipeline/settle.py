"""settle: a receipt that a partner posted (asynchronous MDN) ends the delivery that it speaks of.

It was stored before its sender was answered. It is matched by Message-ID and partner (security rule 10), judged by the
same rules as a receipt in an answer, and counts once: the same again changes nothing, and one that says otherwise than
the first is for a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.as2.disposition import AS2Error
from gateway.as2.identity import UnusableCertificate
from gateway.as2.mdn import Receipt, judge, read_mdn
from gateway.as2.mime import Headers
from gateway.channels.as2 import As2Channel, split
from gateway.lifecycle import DeliveryStatus, TransmissionStatus
from gateway.partners.secrets import SecretMissing
from gateway.pipeline import as2_send, deliver
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.ends import Arrived, TurnedDown
from gateway.pipeline.house import House
from gateway.store import as2_messages, lease, payloads, work_items
from gateway.store.engine import Tx
from gateway.store.retry import SECOND
from gateway.store.schema import delivery


@dataclass(frozen=True, slots=True)
class Read:
    """A stored receipt as it was read; its signature is checked already."""

    row: Any
    receipt: Receipt | None
    fault: str = ""


def read(house: House, rows: Sequence[Any]) -> list[Read]:
    """Read the receipts in these transmissions."""
    with house.store.read() as view:
        now = datetime.fromtimestamp(view.now / SECOND, UTC)
    return [_read(house, row, now) for row in rows]


def _read(house: House, row: Any, now: datetime) -> Read:
    try:
        channel = house.sender(row.connection)
    except KeyError:
        return Read(row, None, f"there is no connection {row.connection} any more")
    if not isinstance(channel, As2Channel):
        return Read(row, None, f"{row.connection} is not an AS2 connection any more")
    headers, body = split(payloads.read_all(house.store, row.payload_id))
    try:
        return Read(row, read_mdn(Headers(headers), body, channel.partnership(), now))
    except (AS2Error, SecretMissing, UnusableCertificate) as error:
        return Read(row, None, str(error))


def record(tx: Tx, house: House, results: Sequence[Read]) -> list[tuple[Any, dict[str, Any]]]:
    """Settle what each receipt speaks of; returns each transmission row with the values that finish it."""
    finished = []
    for one in results:
        reason, alert = _settle(tx, house, one)
        status = TransmissionStatus.QUARANTINED if alert else TransmissionStatus.DONE
        finished.append((one.row, {"status": status, "reason": reason or None}))
        raise_alerts(tx, [alert] if alert else [])
    return finished


def _settle(tx: Tx, house: House, one: Read) -> tuple[str, Alert | None]:
    """What became of one receipt, in words, and what a person is asked because of it."""
    row, receipt = one.row, one.receipt
    if receipt is None:
        return one.fault, _unread(row, one.fault)
    message = as2_messages.spoken_of(tx, row.connection, receipt.original_message_id)
    if message is None:
        raise LookupError(f"the door found a message that a receipt names, and it is gone: T-{row.id}")
    verdict = judge(receipt, as2_send.sent(message), asynchronous=True)
    end = as2_send.of_verdict(verdict)
    owed = tx.get(delivery, message.delivery_id)
    if owed is None:
        raise LookupError(f"delivery {message.delivery_id} of an AS2 message is gone")
    if verdict.doubted or not isinstance(end, Arrived | TurnedDown):
        reason = end.why if not isinstance(end, Arrived) else end.said
        return reason, _about(as2_send.DOUBTED, row, owed, reason) if verdict.doubted else None
    said = end.said if isinstance(end, Arrived) else end.why
    standing = "acknowledged" if isinstance(end, Arrived) else as2_send.STANDINGS[end.situation]
    if message.standing == standing:
        return f"{said}; it was said before", None
    if message.standing in ("acknowledged", "refused") and standing != "unproven":
        reason = f"they said before: {message.said}; now: {said}"
        return reason, _about("as2-receipt-contradicts", row, owed, reason)
    if message.standing == "acknowledged" or (message.standing, standing) == ("refused", "unproven"):
        return f"{said}; what counts was said before", None
    as2_messages.judged(tx, owed.id, standing=standing, said=said, receipt_payload_id=row.payload_id)
    _finish(tx, house, owed, end)
    return said, None


def _finish(tx: Tx, house: House, owed: Any, end: Arrived | TurnedDown) -> None:
    """End the delivery, unless a try is under way: that one sees the judgement when it ends."""
    finished = deliver.record(tx, house, [deliver.Tried(owed, end)]) if _is_free(tx, owed) else []
    for _, values in finished:
        if owed.stage is not None:
            lease.finish(tx, delivery, [owed.id], **values)
        else:
            tx.update(delivery, [{"id": owed.id, **values}])
    if isinstance(end, Arrived):
        work_items.settle(tx, [item.id for item in work_items.open_about(tx, "delivery", owed.id)], by="their receipt")


def _is_free(tx: Tx, owed: Any) -> bool:
    """Whether nobody is sending it just now, and no person has decided that it is not owed any more."""
    under_way = owed.lease_until is not None and owed.lease_until > tx.now
    return not under_way and owed.status not in (DeliveryStatus.SKIPPED, DeliveryStatus.DELIVERED)


def _unread(row: Any, fault: str) -> Alert:
    data = {"connection": row.connection, "reason": fault}
    key = f"as2:receipt:{row.connection}:unread"
    return Alert("as2-receipt-unread", row.lane, key, data, f"T-{row.id}", ("transmission", row.id))


def _about(code: str, row: Any, owed: Any, reason: str) -> Alert:
    data = {"target": owed.target, "delivery": owed.id, "reason": reason}
    where, key = f"Delivery L-{owed.id}; their receipt T-{row.id}", f"delivery:{owed.id}:{code}"
    return Alert(code, owed.lane, key, data, where, ("delivery", owed.id), owed.partner, owed.correlation_id)
