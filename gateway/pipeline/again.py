"""Doing something again because a person wants it: the same bytes, or the same input through today's maps."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select, update

from gateway.formats.x12.answers import ANSWERING
from gateway.lifecycle import DeliveryStatus, DocumentStatus, MoveNotAllowed, Outcome, TransmissionStatus, move
from gateway.pipeline.receive import RECEIPT
from gateway.pipeline.route import owe
from gateway.store import as2_messages, lease, work_items
from gateway.store.engine import Tx, View
from gateway.store.ids import take
from gateway.store.schema import audit, delivery, delivery_document, document, interchange, payload, transmission

USED_ALL_THE_SAME = frozenset({DocumentStatus.HELD, DocumentStatus.DUPLICATE})


class CannotRunAgain(Exception):
    """It is under way, gone or finished for good; the message says which."""


def reprocess_document(tx: Tx, document_id: int, *, by: str, after_us: int = 0) -> None:
    """The same document through today's maps, at once or after a while; a held one is used from now on. One that a
    defect of ours stopped goes on with the stage it stopped in."""
    row = tx.get(document, document_id)
    if row is None:
        raise CannotRunAgain(f"there is no document D-{document_id}")
    if lease.is_stopped(row):
        lease.restart(tx, document, [document_id], due_at=tx.now + after_us)
    else:
        now, stage = way_back(tx, row)
        _still_there(tx, row.payload_id, f"D-{document_id}")
        values = {"status": now, "stage": stage, "due_at": tx.now + after_us, "attempts": 0, "updated_at": tx.now}
        if stage == "write":  # what its envelope says of it counts no more: it gets another one
            values |= {"interchange_id": None, "group_id": None, "control_number": None}
        tx.execute(update(document).where(document.c.id == document_id).values(**values))
        tx.wake(stage)
    settle_about(tx, "document", document_id, by)
    note(tx, by, "reprocess", f"D-{document_id}")


def way_back(view: View, row: Any) -> tuple[DocumentStatus, str]:
    """The status and the stage a document goes on with when it is run again. Raises CannotRunAgain."""
    name = f"D-{row.id}"
    if row.stage is not None:
        raise CannotRunAgain(f"{name} is under way: {row.stage}")
    try:
        now = move(row.status, Outcome.CLEARED if row.status in USED_ALL_THE_SAME else Outcome.RUN_AGAIN)
    except MoveNotAllowed:
        raise CannotRunAgain(f"{name} is {row.status}; that is final") from None
    if row.direction == "out":
        if row.kind == "acknowledgement" and row.status == DocumentStatus.READY:
            return DocumentStatus.READY, "wrap"  # no map writes it anew; it lacks its envelope only
        if row.kind == "acknowledgement":
            raise CannotRunAgain(f"{name} says what we made of theirs; `gateway resend {name}` sends the same bytes")
        return now, "write"
    came = view.get(interchange, row.interchange_id)
    assert came is not None
    if came.usage == "T" and row.lane != "test":
        raise CannotRunAgain(f"{name} is a test of theirs and came in the {row.lane} lane, where no test is ever used")
    if row.set_id in ANSWERING:
        return now, "confirm"
    if row.agreement is None:
        raise CannotRunAgain(
            f"no agreement said what to do with {name} when it came; once one does, "
            f"`gateway reprocess T-{came.transmission_id}` reads its whole file again"
        )
    return now, "translate"


def release(tx: Tx, document_id: int, *, by: str) -> None:
    """An outbound document that a rule holds goes out all the same."""
    row = tx.get(document, document_id)
    if row is None or row.status != DocumentStatus.WITHHELD:
        raise CannotRunAgain(f"D-{document_id} is not held by a rule")
    now = {"status": move(row.status, Outcome.CLEARED), "stage": "write", "due_at": tx.now, "attempts": 0}
    tx.execute(update(document).where(document.c.id == document_id).values(**now, updated_at=tx.now))
    settle_about(tx, "document", document_id, by)
    note(tx, by, "release", f"D-{document_id}")
    tx.wake("write")


def reprocess_transmission(tx: Tx, transmission_id: int, *, by: str) -> None:
    """The same bytes from the beginning, by today's profiles. One that a defect of ours stopped is read on from where
    reading stopped: what was stored of it is in use."""
    row = tx.get(transmission, transmission_id)
    if row is None:
        raise CannotRunAgain(f"there is no transmission T-{transmission_id}")
    if lease.is_stopped(row):
        lease.restart(tx, transmission, [transmission_id])
    else:
        _read_anew(tx, row)
    settle_about(tx, "transmission", transmission_id, by)
    note(tx, by, "reprocess", f"T-{transmission_id}")


def _read_anew(tx: Tx, row: Any) -> None:
    if row.stage is not None:
        raise CannotRunAgain(f"T-{row.id} is being read")
    if row.payload_id is None:
        raise CannotRunAgain(f"nothing could be had from T-{row.id}; ask for it again")
    _still_there(tx, row.payload_id, f"T-{row.id}")
    stage = "settle" if row.media_type == RECEIPT else "unwrap"
    tx.execute(
        update(transmission)
        .where(transmission.c.id == row.id)
        .values(
            status=TransmissionStatus.RECEIVED,
            stage=stage,
            due_at=tx.now,
            attempts=0,
            resume_state=None,
            reason=RUN_AGAIN,
        )
    )
    tx.wake(stage)


RUN_AGAIN = "run again by a person"


def resend(tx: Tx, delivery_id: int, *, by: str) -> int:
    """The same bytes once more; returns the delivery that sends them.

    A dead or rejected one is tried again itself. One that was delivered gets a new delivery of the same payload: the
    other side sees the same numbers and ids, and whether that is a repetition is for them to say.
    """
    row = tx.get(delivery, delivery_id)
    if row is None:
        raise CannotRunAgain(f"there is no delivery L-{delivery_id}")
    if row.status == DeliveryStatus.OFFERED:
        raise CannotRunAgain(f"L-{delivery_id} still lies ready for {row.target} to fetch; there is nothing to repeat")
    _still_there(tx, row.payload_id, f"L-{delivery_id}")
    note(tx, by, "resend", f"L-{delivery_id}")
    settle_about(tx, "delivery", delivery_id, by)
    if row.stage is not None:
        lease.restart(tx, delivery, [delivery_id], status=DeliveryStatus.DUE)
        return delivery_id
    carried = tx.all(select(delivery_document.c.document_id).where(delivery_document.c.delivery_id == delivery_id))
    (number,) = owe(
        tx,
        [
            {
                "kind": row.kind,
                # A message of its own, by today's certificates: under the old Message-ID they would not look at it.
                "stage": "pack" if as2_messages.of_delivery(tx, delivery_id) else "deliver",
                "target": row.target,
                "lane": row.lane,
                "partner": row.partner,
                "payload_id": row.payload_id,
                "body": row.body,
                # A call keeps its key, so that the system finds what it has; bytes to a partner are a new sending.
                "idempotency_key": f"{row.idempotency_key}:again:{take(tx, 'delivery')[0]}",
                "correlation_id": row.correlation_id,
                "causation_id": f"L-{delivery_id}",
                "documents": [one.document_id for one in carried],
            }
        ],
    )
    return number


def skip(tx: Tx, delivery_id: int, *, by: str) -> None:
    """A person decides that it is not owed any more; what waits behind it goes on."""
    row = tx.get(delivery, delivery_id)
    if row is None:
        raise CannotRunAgain(f"there is no delivery L-{delivery_id}")
    if row.status == DeliveryStatus.REJECTED:
        tx.update(delivery, [{"id": delivery_id, "status": DeliveryStatus.SKIPPED}])
    elif not lease.finish(tx, delivery, [delivery_id], status=DeliveryStatus.SKIPPED):
        raise CannotRunAgain(f"L-{delivery_id} is finished, or an attempt is under way")
    carried = select(delivery_document.c.document_id).where(delivery_document.c.delivery_id == delivery_id)
    left = update(document).where(document.c.id.in_(carried), document.c.status == DocumentStatus.WRAPPED)
    tx.execute(left.values(status=move(DocumentStatus.WRAPPED, Outcome.GAVE_UP), updated_at=tx.now))
    settle_about(tx, "delivery", delivery_id, by)
    note(tx, by, "skip", f"L-{delivery_id}")


def note(tx: Tx, actor: str, action: str, subject: str, **detail: object) -> None:
    """Who did what, for ever."""
    row = {"id": take(tx, "audit")[0], "at": tx.now, "actor": actor, "action": action, "subject": subject}
    tx.insert(audit, [{**row, "detail": json.dumps(detail) if detail else None}])


def _still_there(tx: Tx, payload_id: int | None, what: str) -> None:
    stored = tx.get(payload, payload_id) if payload_id is not None else None
    if stored is not None and stored.purged_at is not None:
        day = f"{datetime.fromtimestamp(stored.purged_at / 1_000_000, UTC):%Y-%m-%d}"
        raise CannotRunAgain(
            f"the bytes of {what} were deleted on {day}, as the retention of {stored.owner} says, and nothing else "
            "here has them: let whoever wrote them send them anew"
        )


def settle_about(tx: Tx, table: str, row_id: int, by: str) -> None:
    """What a person was asked about this row is dealt with."""
    work_items.settle(tx, [item.id for item in work_items.open_about(tx, table, row_id)], by=by)
