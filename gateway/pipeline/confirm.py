"""confirm: what a partner answered (997, 999, 824) closes what it speaks of, or becomes a work item in plain words.

A 997 or 999 says whether a document can be read, and comes once: the first one counts. An 824 says whether it can be
used, so its refusal counts after a 997 that accepted the same document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select, update

from gateway.canonical.warehouse import TAKEN_BACK
from gateway.formats import words
from gateway.formats.names import names_for
from gateway.formats.x12.answers import Answer, answers_of
from gateway.formats.x12.answers import Outcome as Verdict
from gateway.formats.x12.framing import rows_of
from gateway.lifecycle import DocumentStatus, Outcome, move
from gateway.pipeline import deliver
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.house import House
from gateway.pipeline.route import Fact, happen, order_key, warehouse_order_key
from gateway.pipeline.staging import as_json, read_with
from gateway.store import payloads, work_items
from gateway.store.engine import Tx
from gateway.store.schema import document, functional_group, interchange


@dataclass(frozen=True, slots=True)
class Answered:
    """What one acknowledgement document says of one group of ours."""

    functional_id: str
    control_number: str  # GS06 of ours, as they wrote it
    whole: Answer | None  # about the group, or about a document an 824 names
    sets: Mapping[str, Answer]  # ST02 of ours without leading zeros -> about that set

    @property
    def named(self) -> str:
        """The group as a person would name it."""
        return f"group {self.functional_id} {self.control_number}"

    def on(self, control_number: str) -> Answer | None:
        """What it says of one set: by name, or by what it says of the whole group; None if it does not say."""
        named = self.sets.get(_number(control_number))
        if named is not None or self.whole is None:
            return named
        # AK9 A, E or R holds for every set; P leaves open which, unless they are named. An 824 names one document.
        open_which = self.whole.outcome is Verdict.PARTIALLY_ACCEPTED and self.whole.kind != "824"
        return None if open_which else self.whole


MOST_IN_A_GROUP = 1_000  # documents an envelope of ours takes (partners/terms.py)
_SETTLED = {  # by whether it is an 824: the answers that change nothing any more
    False: {(DocumentStatus.CONFIRMED, Outcome.REFUSED), (DocumentStatus.REFUSED, Outcome.CONFIRMED)},
    True: {(DocumentStatus.CONFIRMED, Outcome.CONFIRMED), (DocumentStatus.REFUSED, Outcome.CONFIRMED)},
}
ACCEPTED = frozenset({Verdict.ACCEPTED, Verdict.ACCEPTED_WITH_ERRORS})


def _number(text: str | None) -> str:
    """Partners shorten control numbers; only their value counts."""
    return (text or "").lstrip("0") or "0"


def read(house: House, rows: Sequence[Any]) -> list[tuple[Any, list[Answered]]]:
    """The answers in these acknowledgement documents."""
    texts = payloads.cut(house.store, [(row.payload_id, row.offset, row.size) for row in rows])
    with house.store.read() as view:
        shapes = read_with(view, {row.interchange_id for row in rows})
    return [
        (row, _by_group(answers_of(rows_of(text, shapes[row.interchange_id][0]))))
        for row, text in zip(rows, texts, strict=True)
    ]


def _by_group(answers: Sequence[Answer]) -> list[Answered]:
    groups: dict[tuple[str, str], list[Answer]] = {}
    for one in answers:
        if one.kind != "824":
            groups.setdefault((one.functional_id or "", one.group_control_number or ""), []).append(one)
    return [Answered("", "", one, {}) for one in answers if one.kind == "824"] + [
        Answered(
            functional_id,
            number,
            next((one for one in those if one.set_id is None), None),
            {_number(one.set_control_number): one for one in those if one.set_id is not None},
        )
        for (functional_id, number), those in groups.items()
    ]


def record(tx: Tx, house: House, results: Sequence[tuple[Any, list[Answered]]]) -> list[tuple[Any, dict[str, Any]]]:
    """Close what each answer speaks of; returns each acknowledgement row with the values that finish it."""
    finished: list[tuple[Any, dict[str, Any]]] = []
    alerts: list[Alert] = []
    facts: list[Fact] = []
    for row, answers in results:
        for answer in answers:
            sent = _named(tx, row, answer.whole) if row.set_id == "824" else _sent(tx, row, answer)
            if sent is None:
                alerts.append(_unmatched(row, answer))
            else:
                _close(tx, row, answer, sent, alerts, facts)
        values = {"status": DocumentStatus.DONE, "kind": "acknowledgement", "updated_at": tx.now}
        finished.append((row, values))
    happen(tx, house, facts)
    raise_alerts(tx, alerts)
    return finished


def _sent(tx: Tx, row: Any, answer: Answered) -> Sequence[Any] | None:
    """The documents of the group this answers: AK101 + AK102, parties and lane, the newest still open first."""
    group = tx.first(
        select(functional_group.c.id, functional_group.c.interchange_id)
        .join(interchange, interchange.c.id == functional_group.c.interchange_id)
        .where(
            interchange.c.direction == "out",
            interchange.c.company == row.company,
            interchange.c.partner == row.partner,
            interchange.c.lane == row.lane,
            functional_group.c.functional_id == answer.functional_id,
            functional_group.c.control_number == _number(answer.control_number),
        )
        .order_by(functional_group.c.acknowledged_by.is_not(None), functional_group.c.id.desc())
        .limit(1)
    )
    if group is None:
        return None
    tx.execute(update(functional_group).where(functional_group.c.id == group.id).values(acknowledged_by=row.id))
    inside = (document.c.interchange_id == group.interchange_id, document.c.group_id == group.id)
    return tx.all(select(document).where(*inside).order_by(document.c.id))


def _named(tx: Tx, row: Any, said: Answer | None) -> Sequence[Any] | None:
    """What an OTI speaks of: by the control numbers it gives, else by the number of the business document."""
    assert said is not None
    ours = (
        select(document)
        .join(
            functional_group,
            (functional_group.c.interchange_id == document.c.interchange_id)
            & (functional_group.c.id == document.c.group_id),
        )
        .where(
            document.c.direction == "out",
            document.c.company == row.company,
            document.c.partner == row.partner,
            document.c.lane == row.lane,
            document.c.kind != "acknowledgement",
        )
        .order_by(document.c.id.desc())
    )
    if said.set_id is not None:
        ours = ours.where(document.c.set_id == said.set_id)
    number = said.reference[1] if said.reference is not None else ""
    if said.group_control_number is not None:
        in_group = functional_group.c.control_number == _number(said.group_control_number)
        found = tx.all(ours.where(in_group).limit(MOST_IN_A_GROUP))
        if said.set_control_number is not None:
            found = [one for one in found if _number(one.control_number) == _number(said.set_control_number)]
        found = [one for one in found if one.business_key == number] or found
        if found:
            return [one for one in found if one.group_id == found[0].group_id]
    found = tx.all(ours.where(document.c.business_key == number).limit(1)) if number else []
    return found or None


def _close(tx: Tx, row: Any, answer: Answered, sent: Sequence[Any], alerts: list[Alert], facts: list[Fact]) -> None:
    changes = []
    for ours in sent:
        verdict = answer.on(ours.control_number)
        if verdict is None:
            continue  # named by a later answer: a partner may answer a group piece by piece
        accepted = verdict.outcome in ACCEPTED
        outcome = Outcome.CONFIRMED if accepted else Outcome.REFUSED
        if (ours.status, outcome) in _SETTLED[verdict.kind == "824"]:
            continue  # the first answer counts; a contradiction changes nothing silently
        findings = as_json(verdict.findings) if verdict.findings else ours.findings
        changes.append({"at": ours.id, "now": move(ours.status, outcome), "said": findings})
        data = {"kind": ours.kind, "number": ours.business_key, "document_id": ours.id, "accepted": accepted}
        kind = "document.confirmed" if accepted else "document.refused"
        keys = _keys(tx, ours)
        facts.append(Fact(kind, ours.lane, ours.partner, keys, data, ours.id, ours.correlation_id, f"D-{row.id}"))
        if not accepted:
            alerts.append(_refused(row, ours, verdict))
    if changes:
        tx.execute(
            update(document)
            .where(document.c.id == bindparam("at"))
            .values(status=bindparam("now"), findings=bindparam("said"), confirm_due_at=None, updated_at=tx.now),
            changes,
        )
        asked = [(row.lane, deliver.overdue_key(one["at"])) for one in changes]
        work_items.settle_keys(tx, asked, by="the answer")


def _refused(row: Any, ours: Any, verdict: Answer) -> Alert:
    names = names_for(ours.standard, ours.version)
    sentences = [words.message_and_remedy(one, names)[0] for one in verdict.findings]
    reason = " ".join(sentences).rstrip(".") or "they do not say why"
    said = {"kind": ours.kind, "business_key": ours.business_key, "reason": reason}
    first = words.place(verdict.findings[0]) if verdict.findings else ""
    where = ", ".join(filter(None, (f"our {ours.set_id} D-{ours.id}", first))) + f"; their {row.set_id} D-{row.id}"
    subject = ("document", ours.id)
    key = f"document:{ours.id}:refused"
    return Alert("answer-refused", ours.lane, key, said, where, subject, ours.partner, ours.correlation_id)


def _keys(tx: Tx, ours: Any) -> tuple[tuple[str, str], ...]:
    """The order an outbound document belongs to, by the order document that it answers."""
    if ours.answers_document_id is None:
        return ()
    wanted = select(document.c.partner, document.c.business_key).where(document.c.id == ours.answers_document_id)
    order = tx.first(wanted)
    if order is None or not order.business_key:
        return ()
    about = order_key(order.partner, order.business_key)
    if ours.kind == "warehouse-order":
        return warehouse_order_key(ours.partner, ours.business_key.removesuffix(TAKEN_BACK)), about
    return (about,)


def _unmatched(row: Any, answer: Answered) -> Alert:
    about = answer.whole.about if row.set_id == "824" and answer.whole else answer.named
    data = {"about": about}
    key = f"unmatched:{row.partner}:{about}"
    return Alert("answer-unmatched", row.lane, key, data, f"{row.set_id} D-{row.id}", ("document", row.id), row.partner)
