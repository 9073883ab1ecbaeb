"""confirm: what a partner answered (997, 999, TA1) closes what it speaks of, or becomes a work item in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select, update

from gateway.formats.x12.acknowledge import Answer, read_answer
from gateway.formats.x12.framing import rows_of
from gateway.lifecycle import DocumentStatus, Outcome, move
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.house import House
from gateway.pipeline.route import Fact, happen, order_key
from gateway.pipeline.staging import separators_of
from gateway.store import payloads
from gateway.store.engine import Tx
from gateway.store.schema import document, functional_group, interchange


def read(house: House, rows: Sequence[Any]) -> list[tuple[Any, Answer]]:
    """The answers in these acknowledgement documents."""
    texts = payloads.cut(house.store, [(row.payload_id, row.offset, row.size) for row in rows])
    with house.store.read() as view:
        shapes = separators_of(view, {row.interchange_id for row in rows})
    return [
        (row, read_answer(rows_of(text, shapes[row.interchange_id]))) for row, text in zip(rows, texts, strict=True)
    ]


def record(tx: Tx, house: House, results: Sequence[tuple[Any, Answer]]) -> list[tuple[Any, dict[str, Any]]]:
    """Close what each answer speaks of; returns each acknowledgement row with the values that finish it."""
    finished, alerts, facts = [], [], []
    for row, answer in results:
        group = _group(tx, row, answer)
        if group is None:
            alerts.append(_unmatched(row, answer))
        else:
            _close(tx, row, answer, group, alerts, facts)
        values = {"status": DocumentStatus.DONE, "kind": "acknowledgement", "updated_at": tx.now}
        finished.append((row, values))
    happen(tx, house, facts)
    raise_alerts(tx, alerts)
    return finished


def _group(tx: Tx, row: Any, answer: Answer) -> Any:
    """The group this answers: AK101 + AK102, both parties and the lane, the newest that is still open first."""
    number = answer.control_number.lstrip("0") or "0"
    return tx.execute(
        select(functional_group.c.id, functional_group.c.acknowledged_by)
        .join(interchange, interchange.c.id == functional_group.c.interchange_id)
        .where(
            interchange.c.direction == "out",
            interchange.c.company == row.company,
            interchange.c.partner == row.partner,
            interchange.c.lane == row.lane,
            functional_group.c.functional_id == answer.functional_id,
            functional_group.c.control_number == number,
        )
        .order_by(functional_group.c.acknowledged_by.is_not(None), functional_group.c.id.desc())
        .limit(1)
    ).first()


def _close(tx: Tx, row: Any, answer: Answer, group: Any, alerts: list[Alert], facts: list[Fact]) -> None:
    sent = tx.execute(select(document).where(document.c.group_id == group.id).order_by(document.c.id)).all()
    changes = []
    for ours in sent:
        verdict = answer.verdict_on(ours.control_number)
        if verdict is None:
            continue  # named by a later answer: a partner may answer a group piece by piece
        outcome = Outcome.CONFIRMED if verdict.accepted else Outcome.REFUSED
        if (ours.status, outcome) in (("confirmed", Outcome.REFUSED), ("refused", Outcome.CONFIRMED)):
            continue  # the first answer counts; a contradiction changes nothing silently
        changes.append({"at": ours.id, "now": move(ours.status, outcome)})
        data = {"kind": ours.kind, "number": ours.business_key, "document_id": ours.id, "accepted": verdict.accepted}
        keys = _keys(tx, ours)
        kind = "document.confirmed" if verdict.accepted else "document.refused"
        facts.append(Fact(kind, ours.lane, ours.partner, keys, data, ours.id, ours.correlation_id, f"D-{row.id}"))
        if not verdict.accepted:
            said = {"kind": ours.kind, "business_key": ours.business_key, "reason": verdict.reason}
            where = f"our {ours.set_id} D-{ours.id}; their {row.set_id} D-{row.id}"
            key = f"document:{ours.id}:refused"
            subject = ("document", ours.id)
            alerts.append(
                Alert("answer-refused", ours.lane, key, said, where, subject, ours.partner, ours.correlation_id)
            )
    if changes:
        tx.execute(
            update(document)
            .where(document.c.id == bindparam("at"))
            .values(status=bindparam("now"), confirm_due_at=None, updated_at=tx.now),
            changes,
        )
    tx.execute(update(functional_group).where(functional_group.c.id == group.id).values(acknowledged_by=row.id))


def _keys(tx: Tx, ours: Any) -> tuple[tuple[str, str], ...]:
    """The order an outbound document belongs to, by the order document that it answers."""
    if ours.answers_document_id is None:
        return ()
    number = tx.execute(select(document.c.business_key).where(document.c.id == ours.answers_document_id)).scalar()
    return (order_key(ours.partner, number),) if number else ()


def _unmatched(row: Any, answer: Answer) -> Alert:
    data = {"functional_id": answer.functional_id, "control_number": answer.control_number}
    key = f"unmatched:{row.partner}:{answer.functional_id}:{answer.control_number}"
    return Alert("answer-unmatched", row.lane, key, data, f"{row.set_id} D-{row.id}", ("document", row.id), row.partner)
