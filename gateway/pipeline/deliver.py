"""deliver: one try of one Delivery, and what its end means.

`send` runs on the network and outside every transaction; `record` stores what came of it. A retry repeats bytes, ids
and idempotency key, because everything a try needs was stored with the delivery.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from gateway.canonical import Document
from gateway.channels import channel, cloudevents
from gateway.channels.as2 import As2Channel
from gateway.lifecycle import DeliveryStatus, Outcome, move
from gateway.pipeline import as2_send, pack, stops
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.ends import Arrived, End, LiesReady, ReceiptOwed, TryAgain, TurnedDown
from gateway.pipeline.house import House
from gateway.pipeline.route import Fact, happen
from gateway.store import canonical_documents, payloads
from gateway.store.among import among
from gateway.store.engine import Tx, View
from gateway.store.schema import delivery_document, document, event
from gateway.systems import connector

FETCH = "fetch"  # the stage of a delivery that lies ready; fetch.py


def send(house: House, row: Any) -> End:
    """One try. Never raises for what the outside world does."""
    match row.kind:
        case "envelope":
            return _over(house, row, lambda wire: _carry(house, wire, row))
        case "webhook":
            return _over_channel(house, row, *_event(house, row))
        case "call":
            return _call(house, row)
        case "receipt":
            return _over(house, row, lambda wire: as2_send.post_receipt(house, wire, row))
    return TurnedDown(f"nothing knows how to deliver a {row.kind}")


def _event(house: House, row: Any) -> tuple[bytes, str, str]:
    event_id = json.loads(row.body)["event_id"]
    with house.store.read() as view:
        found = view.get(event, event_id)
    if found is None:
        raise LookupError(f"event {event_id} is gone")
    return cloudevents.encode(as_cloudevent(found)), f"event-{event_id}.json", cloudevents.MEDIA_TYPE


def as_cloudevent(row: Any) -> dict[str, Any]:
    """An event row as it goes out to consumers, by webhook or feed."""
    touched = json.loads(row.keys)
    keys: dict[str, list[str]] = {}
    for kind, key in touched:
        keys.setdefault(kind, []).append(key)
    return cloudevents.envelope(
        event_id=f"evt_{row.id}",
        event_type=row.type,
        version=row.version,
        source="urn:b2b-gateway",
        subject=touched[0][1] if touched else f"D-{row.document_id}",
        occurred_at=dt.datetime.fromtimestamp(row.occurred_at / 1_000_000, dt.UTC),
        lane=row.lane,
        correlation_id=row.correlation_id or f"evt_{row.id}",
        causation_id=row.causation_id,
        keys=keys,
        ids=json.loads(row.ids),
        data=json.loads(row.data),
    )


def _over_channel(house: House, row: Any, content: bytes, filename: str, media_type: str) -> End:
    return _over(house, row, lambda wire: wire.send(_parcel(row, content, filename, media_type)))


def _parcel(row: Any, body: bytes | channel.Streamed, filename: str, media_type: str) -> channel.Parcel:
    return channel.Parcel(body, filename, media_type, f"gw-{row.id}-{row.idempotency_key.replace(':', '-')}")


def _carry(house: House, wire: channel.Sends, row: Any) -> End | channel.SendOutcome:
    if isinstance(wire, As2Channel):
        return as2_send.send(house, wire, row)
    with house.store.read() as view:
        about = payloads.about(view, row.payload_id)
        small = payloads.read_all(view, row.payload_id) if about.size <= payloads.CHUNK else None

    def stream(offset: int) -> Iterator[bytes]:
        return payloads.stream(house.store, row.payload_id, offset=offset)

    body = channel.Streamed(about.size, about.sha256, stream) if small is None else small
    return wire.send(_parcel(row, body, *pack.named(row)))


def _over(house: House, row: Any, send_on: Callable[[channel.Sends], End | channel.SendOutcome]) -> End:
    try:
        try:
            wire = house.sender(row.target)
        except KeyError:
            return TurnedDown(f"there is no connection {row.target} any more")
        outcome = send_on(wire)
    except channel.ChannelError as error:
        return TryAgain(str(error), None, uncertain=False)
    match outcome:
        case channel.Sent(receipt):
            return Arrived(receipt)
        case channel.Retry(after, why):
            return TryAgain(why, after, uncertain=False)
        case channel.Unknown(why):
            return TryAgain(why, None, uncertain=True)
        case channel.Refused(why):
            return TurnedDown(why)
        case channel.Stopped(why):
            return TryAgain(why, channel.ConnectionStopped.pause_s, uncertain=False, situation=stops.SITUATION)
        case channel.Offered(name, within):
            return LiesReady(name, within)
        case end:
            return end


def _call(house: House, row: Any) -> End:
    body = json.loads(row.body)
    system = house.systems().get(row.target)
    if system is None:
        return TurnedDown(f"there is no system {row.target} any more")
    before = json.loads(row.result) if row.result else {}
    with house.store.read() as view:
        about, asked = _about(view, body)
    if asked and about is None:
        return TurnedDown(f"what document D-{asked} says was deleted by retention")
    command = connector.Command(
        operation=connector.Operation(body["operation"]),
        key=row.idempotency_key,
        lane=row.lane,
        document=about.model_dump(mode="json", exclude_none=True) if about else {},
        data=body["data"],
        refs=body["ids"],
        progress=before.get("progress", {}),
        uncertain=_is_uncertain(row, before),
    )
    match connector.settle(system, command):
        case connector.Done(ref, data):
            return Arrived(f"{ref.system} {ref.id}", ref.id, dict(data))
        case connector.Retry(why, after, progress):
            return TryAgain(why, after, uncertain=False, progress=dict(progress))
        case connector.Unknown(why, after, progress):
            return TryAgain(why, after, uncertain=True, progress=dict(progress))
        case connector.Rejected(code, message):
            return TurnedDown(message, code)


def _is_uncertain(row: Any, before: dict[str, Any]) -> bool:
    """Whether an earlier try may have arrived, so that the system is looked at before anything is sent.

    Every claim raises the fence by one, and a try that ended left its fence in the result. If the last result is not of
    the claim before this one, a try began in between and never ended.
    """
    if before.get("fence", 0) != row.lease_fence - 1:
        return True
    return bool(before.get("uncertain", False))


def _about(view: View, body: dict[str, Any]) -> tuple[Document | None, int | None]:
    """The document a call speaks of, and its number."""
    number = body["data"].get("document_id") or body.get("document_id")
    return (canonical_documents.load(view, {number}).get(number) if number else None), number


@dataclass(frozen=True, slots=True)
class Tried:
    """A delivery row and how its try ended; `gave_up` when the retry policy allows no further one."""

    row: Any
    end: End
    gave_up: bool = False


def record(tx: Tx, house: House, results: Sequence[Tried]) -> list[tuple[Any, dict[str, Any]]]:
    """Store what the tries came to; returns each delivery row with the column values it gets."""
    finished: list[tuple[Any, dict[str, Any]]] = []
    facts: list[Fact] = []
    alerts: list[Alert] = []
    for tried in results:
        row, end = tried.row, tried.end
        match end:
            case Arrived():
                finished.append(
                    (row, {"status": DeliveryStatus.DELIVERED, "result": _json(said=end.said, ref=end.ref)})
                )
                if row.kind == "call":
                    facts += _taken(row, end)
                elif row.lease_fence > 1:  # counts on where a person began the attempts anew
                    stops.settle(tx, [(row.target, row.lane)])
            case TurnedDown():
                finished.append(
                    (row, {"status": DeliveryStatus.REJECTED, "result": _json(said=end.why, code=end.code)})
                )
                refused = _refused(row, end) if row.kind == "call" else []
                facts += refused
                if not refused:  # otherwise the flow asks, in the words of the order
                    alerts.append(_alert(end.situation, row, end.why))
            case LiesReady():
                again = {"stage": FETCH, "due_at": tx.now + int(end.within * 1_000_000)}
                result = _json(name=end.name, within=end.within)
                finished.append((row, {"status": DeliveryStatus.OFFERED, "result": result, **again}))
            case ReceiptOwed():
                status = DeliveryStatus.DEAD if tried.gave_up else DeliveryStatus.RECEIPT_OWED
                finished.append((row, {"status": status, "result": _json(said="their server took it")}))
                if tried.gave_up:
                    alerts.append(_alert(as2_send.MISSING, row, f"it was taken in {row.attempts} tries"))
            case TryAgain():
                status = DeliveryStatus.DEAD if tried.gave_up else DeliveryStatus.DUE
                result = _json(said=end.why, uncertain=end.uncertain, progress=end.progress, fence=row.lease_fence)
                finished.append((row, {"status": status, "result": result}))
                if end.situation == stops.SITUATION:
                    alerts.append(stops.alert(row.target, row.lane, end.why))
                elif tried.gave_up or end.situation:
                    alerts.append(_alert(end.situation or "delivery-gave-up", row, end.why))
    as2_send.keep(tx, [(tried.row, tried.end) for tried in results])
    _documents(tx, house, results)
    happen(tx, house, facts)
    raise_alerts(tx, alerts)
    return finished


def _json(**values: Any) -> str:
    return json.dumps({name: value for name, value in values.items() if value not in (None, "", {})}, default=str)


def _taken(row: Any, end: Arrived) -> list[Fact]:
    body = json.loads(row.body)
    if body["operation"] != connector.Operation.SUBMIT_ORDER:
        return []
    data = {"system": row.target, "ref": end.ref, **end.data}
    ids = {row.target: end.ref} if end.ref else {}
    flow_key = tuple(body["flow"])
    return [
        Fact("order.submitted", row.lane, row.partner, (flow_key,), data, None, row.correlation_id, f"L-{row.id}", ids)
    ]


def _refused(row: Any, end: TurnedDown) -> list[Fact]:
    body = json.loads(row.body)
    if body["operation"] != connector.Operation.SUBMIT_ORDER:
        return []
    data = {"system": row.target, "message": end.why, "code": end.code, "delivery": row.id}
    keys = (tuple(body["flow"]),)
    return [Fact("order.refused", row.lane, row.partner, keys, data, None, row.correlation_id, f"L-{row.id}")]


def _alert(code: str, row: Any, why: str) -> Alert:
    body = json.loads(row.body)
    what = body.get("operation") or body.get("set") or "an event"
    data = {
        "target": row.target,
        "delivery": row.id,
        "what": what,
        "attempts": row.attempts,
        "reason": why,
        "key_word": "order" if row.ordering_key else "target",
    }
    subject = ("delivery", row.id)
    key = f"delivery:{row.id}:{code}"
    return Alert(code, row.lane, key, data, f"Delivery L-{row.id}", subject, row.partner, row.correlation_id)


_carried = (
    select(delivery_document.c.delivery_id, document)
    .join(document, document.c.id == delivery_document.c.document_id)
    .where(among(delivery_document.c.delivery_id))
)


def _documents(tx: Tx, house: House, results: Sequence[Tried]) -> None:
    """The documents an envelope carried move with it."""
    book = house.book()
    ended = {t.row.id: t for t in results if t.row.kind == "envelope" and _is_over(t)}
    if not ended:
        return
    changes = []
    for row in tx.all(_carried, {"among": list(ended)}):
        if row.interchange_id != json.loads(ended[row.delivery_id].row.body)["interchange_id"]:
            continue  # it was run again since, and goes in another envelope
        agreement = book.agreements.get(row.agreement)
        answered = agreement and agreement.confirm and row.standard == "x12"  # nobody answers a file with a 997
        wait = agreement.confirm.within if agreement and agreement.confirm and answered else None
        if not isinstance(ended[row.delivery_id].end, Arrived):
            outcome, due = Outcome.GAVE_UP, row.confirm_due_at
        elif wait is None or row.set_id in ("997", "999"):
            outcome, due = Outcome.DELIVERED, None
        else:
            outcome, due = Outcome.DELIVERED_UNANSWERED, tx.now + int(wait.total_seconds() * 1_000_000)
        now = move(row.status, outcome)
        due = due if now == "awaiting-confirmation" else None
        changes.append({"id": row.id, "status": now, "confirm_due_at": due, "updated_at": tx.now})
    tx.update(document, changes)


def _is_over(tried: Tried) -> bool:
    match tried.end:
        case LiesReady():
            return False
        case TryAgain() | ReceiptOwed():
            return tried.gave_up
    return True


def overdue_key(document_id: int) -> str:
    """The dedupe key of the question; confirm.py settles it when the answer comes."""
    return f"document:{document_id}:overdue"


def overdue(tx: Tx, limit: int = 500) -> int:
    """Ask a person about every document whose answer is late; returns how many. Each is asked about once."""
    is_late = (document.c.confirm_due_at.is_not(None), document.c.confirm_due_at <= tx.now)
    first = select(document.c.id).where(*is_late).order_by(document.c.confirm_due_at).limit(limit)
    # Asked again by the statement that locks them: an answer may be coming at this moment.
    noted = update(document).where(document.c.id.in_(first), *is_late).values(confirm_due_at=None)
    late = tx.all(noted.returning(*document.c))
    alerts = [
        Alert(
            "answer-overdue",
            row.lane,
            overdue_key(row.id),
            {"kind": row.kind, "business_key": row.business_key},
            f"{row.set_id} D-{row.id}",
            ("document", row.id),
            row.partner,
            row.correlation_id,
        )
        for row in late
    ]
    raise_alerts(tx, alerts)
    return len(late)
