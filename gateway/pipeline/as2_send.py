"""What leaves over AS2, and what the answer to it means: messages that were packed, and receipts we owe.

A receipt counts as the rules of `gateway.as2.mdn` say. Four things follow from one:

- acknowledged: it is delivered;
- refused, by a receipt that is believed: a person decides. `unexpected-processing-error` is tried again instead: it
  is how a product says that it failed itself;
- unproven: believed, but without the MIC of our bytes. It is not tried again, since the same id gets the same answer;
- doubted: nothing shows that it is their word on this message. It is tried on, and a person is asked at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.as2.disposition import AS2Error, UnexpectedProcessingError
from gateway.as2.identity import UnusableCertificate
from gateway.as2.mdn import Sent, Verdict, judge, original_message_id, read_mdn
from gateway.as2.message import MdnRequest
from gateway.as2.mime import Headers
from gateway.as2.partnership import Partnership
from gateway.channels.as2 import Answer, As2Channel, join, opened, split
from gateway.channels.channel import Refused, SendOutcome, Sends
from gateway.channels.channel import Sent as Taken
from gateway.partners.secrets import SecretMissing
from gateway.pipeline import pack
from gateway.pipeline.ends import Arrived, End, LiesReady, ReceiptOwed, TryAgain, TurnedDown
from gateway.pipeline.house import House
from gateway.store import as2_messages, payloads, work_items
from gateway.store.engine import Tx
from gateway.store.retry import SECOND

REFUSED, UNPROVEN, DOUBTED, MISSING = (
    "as2-not-taken",
    "as2-receipt-unproven",
    "as2-receipt-doubted",
    "as2-receipt-missing",
)
STANDINGS = {REFUSED: "refused", UNPROVEN: "unproven"}


def send(house: House, channel: As2Channel, row: Any) -> End | SendOutcome:
    """One try of a packed message. What says no more than any channel could is left to the caller."""
    with house.store.read() as view:
        now = datetime.fromtimestamp(view.now / SECOND, UTC)
        message = as2_messages.of_delivery(view, row.id)
    if message is None:  # owed before the connection became AS2
        made = pack.packed(house, row, now)
        if not isinstance(made, pack.Packed):
            why = made.why if made else f"{row.target} is not an AS2 connection any more"
            return TryAgain(why, None, uncertain=False)
        with house.store.begin() as tx:
            pack.store(tx, [(row, made)])
            message = as2_messages.of_delivery(tx, row.id)
        assert message is not None
    if message.standing is not None:  # its receipt came after the last try ended, or was cut off
        return of_standing(message)
    if message.sendings >= channel.settings.receipt_tries and row.attempts > 1:
        why = f"their server took it {message.sendings} times, and no receipt came"
        return TryAgain(why, None, uncertain=True, situation=MISSING, enough=True)
    headers, body = opened(payloads.stream(house.store, message.payload_id))
    exchange = channel.exchange(headers, body)
    asked = MdnRequest.read(Headers(headers))
    if not isinstance(exchange.outcome, Taken) or exchange.answer is None or asked is None:
        return exchange.outcome
    answer = exchange.answer
    if asked.post_to is not None and original_message_id(Headers(answer.headers), answer.body) is None:
        return ReceiptOwed(channel.settings.receipt_within.total_seconds() * 2**message.sendings)
    return _answered(channel, message, answer, now)


def _answered(channel: As2Channel, message: Any, answer: Answer, now: datetime) -> End:
    try:
        verdict = judged(channel.partnership(), message, answer.headers, answer.body, now, asynchronous=False)
    except (SecretMissing, UnusableCertificate) as error:
        return TryAgain(f"their receipt cannot be checked: {error}", None, uncertain=True)
    return of_verdict(verdict, b"".join(join(answer.headers, [answer.body])))


def judged(
    agreed: Partnership,
    message: Any,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    now: datetime,
    *,
    asynchronous: bool,
) -> Verdict:
    """What a receipt is worth for a message of ours."""
    try:
        receipt = read_mdn(Headers(headers), body, agreed, now)
    except AS2Error as error:
        return Verdict(False, False, str(error), doubted=True)
    return judge(receipt, sent(message), asynchronous=asynchronous)


def sent(message: Any) -> Sent:
    """What was kept of a message."""
    names = (message.our_as2_name, message.their_as2_name)
    return Sent(message.message_id, *names, json.loads(message.mics), message.receipt_signed)


def of_verdict(verdict: Verdict, receipt: bytes | None = None) -> Arrived | TryAgain | TurnedDown:
    """What follows from a receipt."""
    if verdict.acknowledged:
        return Arrived(words(verdict), receipt=receipt)
    if verdict.doubted:
        why = f"their receipt is not believed: {verdict.reason}"
        return TryAgain(why, None, uncertain=True, situation=DOUBTED, receipt=receipt)
    if not verdict.refused:
        return TurnedDown(words(verdict), situation=UNPROVEN, receipt=receipt)
    if (
        verdict.disposition is not None
        and verdict.disposition.modifier == UnexpectedProcessingError.disposition.modifier
    ):
        return TryAgain(f"they answer {verdict.reason}", None, uncertain=True, receipt=receipt)
    return TurnedDown(words(verdict), situation=REFUSED, receipt=receipt)


def words(verdict: Verdict) -> str:
    """A verdict as the trace and a work item say it."""
    if verdict.acknowledged:
        warning = verdict.disposition.modifier if verdict.disposition else None
        return "their receipt: processed" + (f", with a warning: {warning}" if warning else "")
    if verdict.refused:
        return f"their receipt: {verdict.reason}"
    return f"their receipt proves nothing: {verdict.reason}"


def of_standing(message: Any) -> Arrived | TurnedDown:
    """What the stored judgement of a message means for its delivery."""
    if message.standing == "acknowledged":
        return Arrived(message.said)
    situation = next(name for name, standing in STANDINGS.items() if standing == message.standing)
    return TurnedDown(message.said, situation=situation)


def overtaken(tx: Tx, ended: Sequence[tuple[Any, Any]]) -> Sequence[tuple[Any, Any]]:
    """A receipt may have come by a call of theirs while a try was under way: then it decides, not the try."""
    late = [row.id for row, end in ended if row.kind == "envelope" and not isinstance(end, Arrived)]
    known = as2_messages.locked(tx, late) if late else {}
    return [
        (row, of_standing(known[row.id]) if row.id in known and known[row.id].standing is not None else end)
        for row, end in ended
    ]


def keep(tx: Tx, ended: Sequence[tuple[Any, End]]) -> None:
    """Store the receipts that came in answers, and count what was taken without one."""
    owed = [row.id for row, end in ended if isinstance(end, ReceiptOwed)]
    if owed:
        as2_messages.taken(tx, owed)
    for row, end in ended:
        if isinstance(end, ReceiptOwed | LiesReady) or end.receipt is None:
            continue
        stored = payloads.store(tx, end.receipt, owner=row.partner or row.target, lane=row.lane)
        match end:
            case Arrived(said):
                if row.attempts > 1:  # while it was tried a person may have been asked
                    asked = [item.id for item in work_items.open_about(tx, "delivery", row.id)]
                    work_items.settle(tx, asked, by="their receipt")
                as2_messages.judged(tx, row.id, standing="acknowledged", said=said, receipt_payload_id=stored.id)
            case TurnedDown(why):
                standing = STANDINGS[end.situation]
                as2_messages.judged(tx, row.id, standing=standing, said=why, receipt_payload_id=stored.id)
            case TryAgain(why):
                as2_messages.judged(tx, row.id, said=why, receipt_payload_id=stored.id)


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """A receipt as it was written when its message came."""

    headers: list[tuple[str, str]]
    body: bytes


def post_receipt(house: House, channel: Sends, row: Any) -> SendOutcome:
    """Post a stored receipt to the address its message named, if the profile of the partner lists that now."""
    if not isinstance(channel, As2Channel):
        return Refused(f"{row.target} is not an AS2 connection any more")
    try:
        agreed = channel.partnership()
    except (SecretMissing, UnusableCertificate) as error:
        return Refused(str(error))
    receipt = StoredReceipt(*split(payloads.read_all(house.store, row.payload_id)))
    return channel.post_receipt(receipt, json.loads(row.body)["url"], agreed).outcome
