"""release: one portion of a transmission, stored in one commit; what closed in it is judged and let go."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NamedTuple

from sqlalchemy import bindparam, or_, select, update

from gateway.formats import words
from gateway.formats.finding import Finding, Severity
from gateway.formats.names import names_for
from gateway.formats.x12.answers import ANSWERING
from gateway.lifecycle import DocumentStatus, InterchangeStatus, Outcome, move
from gateway.partners.book import Book
from gateway.pipeline import acknowledge, files, translate
from gateway.pipeline.again import RUN_AGAIN
from gateway.pipeline.alert import Alert, raise_alerts
from gateway.pipeline.deadlines import dated
from gateway.pipeline.house import House
from gateway.pipeline.route import owe
from gateway.pipeline.staging import Interchange, Portion, findings_of
from gateway.store.among import among
from gateway.store.canonical_documents import Form, store_forms
from gateway.store.engine import Tx
from gateway.store.ids import take
from gateway.store.retry import SECOND
from gateway.store.schema import delivery, document, functional_group, interchange


def record(tx: Tx, house: House, portions: Sequence[Portion]) -> list[tuple[Any, dict[str, Any]]]:
    """Store the last portions of transmissions; returns each transmission with the values that finish it."""
    together = Portion.together(portions)
    store(tx, house, together)
    return together.finished


def store(tx: Tx, house: House, portion: Portion) -> dict[str, Any] | None:
    """Store one portion. Returns the resume state of the transmission that is still being read, if there is one."""
    book = house.book()
    _number(tx, portion)
    going_on = portion.turn.open if portion.turn else None
    closed = [one for one in portion.interchanges if one.closed and one is not going_on]
    _judge(tx, book, closed, portion, going_on)
    numbers = take(tx, "document", len(portion.documents))
    answered = [one for one in closed if one.status in ANSWERED]
    acknowledgements = acknowledge.prepare(tx, book, answered)
    _write_interchanges(tx, portion)
    outcomes = {id(one): _outcome(one) for one in closed}
    if going_on is not None:
        outcomes[id(going_on)] = Outcome.RELEASED if going_on.status in ANSWERED and going_on.closed else None
        going_on.waiting = going_on.waiting or outcomes[id(going_on)] is None
    _write_documents(tx, house, portion, numbers, outcomes)
    if going_on is not None and going_on.waiting:
        going_on.line.queued = True
    for one in closed:
        if one.waiting:
            portion.alerts += _move_staged(tx, one, outcomes[id(one)])
    for one in portion.interchanges:
        one.staged = True
    cut_off = [one for one in closed if one.aside is not None and one.aside.code == "interchange-cut-off"]
    acknowledge.answer(tx, book, [*answered, *cut_off], acknowledgements)
    files.acknowledge(tx, book, [one for one in closed if one.agreement])
    acknowledge.read_ta1(tx, house, portion.answers)
    raise_alerts(tx, dated(tx, book, portion.alerts))
    if portion.turn is None:
        return None
    open_one = going_on.id if going_on else None
    return {"reader": portion.turn.reader, "interchange": open_one, "queued": portion.turn.line.queued}


ANSWERED = frozenset({InterchangeStatus.ACCEPTED, InterchangeStatus.PARTIAL, InterchangeStatus.REJECTED})


def _number(tx: Tx, portion: Portion) -> None:
    fresh = [one for one in portion.interchanges if one.id is None]
    for one, number in zip(fresh, take(tx, "interchange", len(fresh)), strict=True):
        one.id = number
    groups = [group for one in portion.interchanges for group in one.groups if group.id is None]
    for group, number in zip(groups, take(tx, "functional_group", len(groups)), strict=True):
        group.id = number


class Earlier(NamedTuple):
    """An interchange that was used under a number."""

    id: int
    content: str
    transmission_id: int


Used = dict[tuple[str, str, str, str], list[Earlier]]  # company, partner, lane, number -> the first of them first


def _judge(
    tx: Tx, book: Book, closed: Sequence[Interchange], portion: Portion, going_on: Interchange | None = None
) -> None:
    """Settle what each closed interchange is: usable, set aside, rejected, or seen before.

    Of one whose trailer was read although a part of it is stored only later, nothing but that it is usable is settled
    at once: its documents need not wait for it then.
    """
    early = [going_on] if going_on is not None and going_on.closed and _is_sound(going_on) else []
    used = _used(tx, book, [*early, *closed])
    for one in [*early, *closed]:
        if one.status in ANSWERED:
            continue  # with an earlier portion of it
        if one.aside is not None:
            one.status = InterchangeStatus.QUARANTINED
            portion.alerts.append(one.aside)
            continue
        if one.agreement:
            files.judge(tx, book, one, portion)
            continue
        if any(f.severity is Severity.REJECTS for f in one.findings):
            one.status = InterchangeStatus.REJECTED
            portion.alerts.append(_rejected(one))
            continue
        before = [earlier for earlier in used[_number_of(one)] if earlier.id != one.id]
        if _settled_by_person(one):
            readings = [earlier.id for earlier in before if _is_this(earlier, one)]
            if readings and not _lacked_agreement(tx, book, readings[-1]):
                if one is not going_on:  # it was well the first time: they wanted another one of its file
                    one.status = InterchangeStatus.DUPLICATE
                continue
        elif before:
            if one is not going_on:
                _repeat(tx, book, one, before[0], portion)
            continue
        one.status = _used_status(one)
        assert one.id is not None
        if one.values["company"] is not None:
            used[_number_of(one)].append(Earlier(one.id, one.values["content_sha256"], one.row.id))


def _used_status(one: Interchange) -> InterchangeStatus:
    refused = any(group.refused or any(result.verdict == "R" for result in group.sets) for group in one.groups)
    return InterchangeStatus.PARTIAL if refused else InterchangeStatus.ACCEPTED


def _is_sound(one: Interchange) -> bool:
    return one.aside is None and not any(f.severity is Severity.REJECTS for f in one.findings)


def _number_of(one: Interchange) -> tuple[str, str, str, str]:
    values = one.values
    return values["company"], values["partner"], values["lane"], values["control_number"]


def _is_this(earlier: Earlier, one: Interchange) -> bool:
    return (earlier.transmission_id, earlier.content) == (one.row.id, one.values["content_sha256"])


def _lacked_agreement(tx: Tx, book: Book, interchange_id: int) -> bool:
    """Whether something in this reading of an interchange was used by nobody, for want of an agreement.

    What was used is known by its number and content when it is read again.
    """
    d = document.c
    waits = d.status.in_([DocumentStatus.HELD, DocumentStatus.STUCK, DocumentStatus.INVALID])
    none = or_(d.agreement.is_(None), d.agreement.not_in(list(book.agreements)))
    query = select(d.id).where(d.interchange_id == interchange_id, waits, none, d.set_id.not_in(ANSWERING))
    return tx.first(query.limit(1)) is not None


def _used(tx: Tx, book: Book, closed: Sequence[Interchange]) -> Used:
    """The numbers of these interchanges that were used before. What is for none of our companies has no number."""
    ours = [one for one in closed if one.aside is None and not one.agreement and one.values["company"] is not None]
    numbers = sorted({_number_of(one) for one in ours})
    # Two workers with the same number at the same moment: the second waits and then sees the first.
    tx.take_turns(["interchange " + "|".join(number) for number in numbers])
    used: Used = defaultdict(list)
    by_parties: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for company, partner, lane, used_number in numbers:
        by_parties[company, partner, lane].append(used_number)
    for (company, partner, lane), theirs in by_parties.items():
        since = tx.now - int(book.duplicates(company, partner, lane).window.total_seconds()) * SECOND
        parties = {"_company": company, "_partner": partner, "_lane": lane, "_since": since}
        for row in tx.all(_same_numbers, {**parties, "_numbers": theirs}):
            number = company, partner, lane, row.control_number
            used[number].append(Earlier(row.id, row.content_sha256, row.transmission_id))
    return used


_i = interchange.c
_same_numbers = (
    select(_i.id, _i.control_number, _i.content_sha256, _i.transmission_id)
    .where(_i.company == bindparam("_company"), _i.partner == bindparam("_partner"), _i.lane == bindparam("_lane"))
    .where(_i.direction == "in", _i.received_at >= bindparam("_since"), among(_i.control_number, "_numbers"))
    .where(_i.status.in_([InterchangeStatus.ACCEPTED, InterchangeStatus.PARTIAL]))
    .order_by(_i.id)
)


def _settled_by_person(one: Interchange) -> bool:
    """`gateway reprocess` says so on the transmission: a person looked at it and wants it used."""
    return bool(one.row.reason == RUN_AGAIN)


def _repeat(tx: Tx, book: Book, one: Interchange, earlier: Earlier, portion: Portion) -> None:
    terms = book.duplicates(one.values["company"], one.values["partner"], one.values["lane"])
    same = earlier.content == one.values["content_sha256"]
    if not same and terms.control_number in ("hold", "warn"):
        number = one.values["control_number"]
        portion.alerts.append(
            Alert(
                "control-number-reused" if terms.control_number == "hold" else "control-number-used-twice",
                one.values["lane"],
                f"interchange:{one.id}:reused",
                {"control_number": number},
                f"Interchange {number}, transmission T-{one.row.id}",
                ("transmission", one.row.id),
                one.values["partner"],
            )
        )
    if same and terms.transport == "answer-again":
        one.status = InterchangeStatus.DUPLICATE
        _answer_again(tx, earlier.id)
    elif not same and terms.control_number == "hold":
        one.status = InterchangeStatus.QUARANTINED
    else:
        one.status = _used_status(one)


def _answer_again(tx: Tx, interchange_id: int) -> None:
    """Send what answered the first one once more, the same bytes: its sender has not seen it."""
    groups = select(functional_group.c.acknowledged_by).where(
        functional_group.c.interchange_id == interchange_id, functional_group.c.acknowledged_by.is_not(None)
    )
    envelopes = select(document.c.interchange_id).where(document.c.id.in_(groups))
    sent = tx.all(
        select(delivery).where(
            delivery.c.kind == "envelope",
            delivery.c.idempotency_key.in_(
                [f"ta1:{interchange_id}", *(f"interchange:{row[0]}" for row in tx.all(envelopes))]
            ),
        )
    )
    again = [
        {
            "kind": "envelope",
            "target": row.target,
            "lane": row.lane,
            "partner": row.partner,
            "payload_id": row.payload_id,
            "body": row.body,
            "idempotency_key": f"{row.idempotency_key}:again:{take(tx, 'delivery', 1)[0]}",
            "correlation_id": row.correlation_id,
        }
        for row in sent
    ]
    owe(tx, again)


def _rejected(one: Interchange) -> Alert:
    reasons = " ".join(words.message_and_remedy(f)[0] for f in one.findings if f.severity is Severity.REJECTS)
    number = one.values["control_number"]
    return Alert(
        "interchange-rejected",
        one.values["lane"],
        f"transmission:{one.row.id}:{one.values['offset']}:rejected",
        {"control_number": number, "reason": reasons.rstrip(".")},
        f"Interchange {number}, transmission T-{one.row.id}",
        ("transmission", one.row.id),
        one.values["partner"],
    )


def _write_interchanges(tx: Tx, portion: Portion) -> None:
    fresh: list[dict[str, Any]] = []
    again: list[dict[str, Any]] = []
    groups: list[dict[str, Any]] = []
    regrouped: list[dict[str, Any]] = []
    for one in portion.interchanges:
        here = portion.turn.kept if portion.turn and portion.turn.open is one else None
        values = {
            **one.values,
            "id": one.id,
            "status": one.status,
            "findings": one.kept() if here is None else here[id(one)],
            "received_at": tx.now,
        }
        (again if one.staged else fresh).append(values)
        for group in one.groups:
            if here is not None and id(group) not in here:
                continue  # it begins in a later portion
            row = {
                **group.values,
                "id": group.id,
                "interchange_id": one.id,
                "status": one.status,
                "findings": group.kept() if here is None else here[id(group)],
            }
            (regrouped if group.staged else groups).append(row)
            group.staged = True
    tx.insert(interchange, fresh)
    tx.update(interchange, again)
    tx.insert(functional_group, groups)
    tx.update(functional_group, regrouped)


def _outcome(one: Interchange) -> Outcome | None:
    """What a closed interchange means for each of its documents that is not rejected for itself."""
    if one.truncated:
        return Outcome.CUT_OFF
    return {
        InterchangeStatus.QUARANTINED: Outcome.SET_ASIDE,
        InterchangeStatus.DUPLICATE: Outcome.SEEN_BEFORE,
        InterchangeStatus.REJECTED: Outcome.REJECTED,
    }.get(one.status, Outcome.RELEASED)


_NOT_TRANSLATED = dict.fromkeys(("kind", "business_key", "gist", "map_revision", "profile_revision", "code_version"))


def _write_documents(
    tx: Tx, house: House, portion: Portion, numbers: Sequence[int], outcomes: dict[int, Outcome | None]
) -> None:
    rows: dict[int, dict[str, Any]] = {}
    mapped: list[translate.Translated] = []
    kept: list[tuple[int, Form]] = []
    for staged, number in zip(portion.documents, numbers, strict=True):
        values = dict(staged.values)
        rejected = values.pop("rejected")
        outcome = outcomes.get(id(staged.interchange))
        rejected = rejected or (outcome is not None and staged.group is not None and staged.group.refused)
        stage: str | None = "rejected" if rejected else _stage(values)  # remembered until the trailer, never due
        status, due_at = DocumentStatus.STAGED, None
        if outcome is not None:
            status = move(status, Outcome.REJECTED if rejected and outcome is Outcome.RELEASED else outcome)
            if status is not DocumentStatus.VALID:
                stage = None
            elif stage is None:
                status = DocumentStatus.HELD
            else:
                due_at = tx.now
        row = rows[number] = {
            **values,
            **_NOT_TRANSLATED,
            "id": number,
            "interchange_id": staged.interchange.id,
            "group_id": staged.group.id if staged.group else None,
            "status": status,
            "released": outcome is not None,
            "correlation_id": f"D-{number}",
            "received_at": tx.now,
            "updated_at": tx.now,
            "stage": stage,
            "due_at": due_at,
        }
        if status is DocumentStatus.INVALID:
            portion.alerts.append(_document_rejected(number, values))
        if stage == "translate" and staged.carried is not None:
            one = staged.interchange
            if outcome is None or one.waiting or one.line.queued:  # in the order of the file: after those staged before
                gist = staged.carried.gist
                kept.append((number, staged.carried.form))
                row |= gist.columns() | {"gist": gist.json(), "stage": "route"}
            else:
                mapped.append(translate.Translated(SimpleNamespace(**row), staged.carried))
        if due_at is not None and row["stage"]:
            tx.wake(row["stage"])
    for fresh, values in translate.record(tx, house, mapped):
        rows[fresh.id] |= {**values, "stage": None, "due_at": None}
    store_forms(tx, kept)
    tx.insert(document, list(rows.values()))


def _stage(values: dict[str, Any]) -> str | None:
    """The work that is owed to a valid document; one without an agreement waits for a person."""
    if values["set_id"] in ANSWERING:
        return "confirm"
    return "translate" if values["agreement"] else None


def _move_staged(tx: Tx, one: Interchange, outcome: Outcome | None) -> list[Alert]:
    """The documents of earlier portions follow their interchange; a person is told of those that were refused."""
    assert outcome is not None
    stage = document.c.stage
    mine = update(document).where(document.c.interchange_id == one.id, document.c.status == DocumentStatus.STAGED)
    seen = {"released": True, "updated_at": tx.now}
    if outcome is not Outcome.RELEASED:
        tx.execute(mine.values(status=move(DocumentStatus.STAGED, outcome), stage=None, gist=None, **seen))
        return []
    refused = move(DocumentStatus.STAGED, Outcome.REJECTED)
    useless = or_(stage == "rejected", document.c.group_id.in_([group.id for group in one.groups if group.refused]))
    told = mine.where(useless).values(status=refused, stage=None, gist=None, **seen).returning(*_told)
    # They can be many thousands, and nobody else can know of them: no other worker has to be waited for.
    alerts = [replace(_document_rejected(row.id, row._asdict()), dedupe_key=None) for row in tx.all(told)]
    tx.execute(mine.where(stage.is_(None)).values(status=DocumentStatus.HELD, **seen))
    tx.execute(mine.values(status=move(DocumentStatus.STAGED, outcome), due_at=tx.now, **seen))
    tx.wake("confirm", "translate", "route")
    return sorted(alerts, key=lambda alert: alert.subject or ())


_SAID = ("id", "lane", "partner", "standard", "set_id", "version", "control_number", "place", "findings")
_told = [document.c[name] for name in _SAID]


def _document_rejected(number: int, values: dict[str, Any]) -> Alert:
    findings = findings_of(json.loads(values["findings"] or "[]"))
    worst = next((f for f in findings if f.severity is Severity.REJECTS), None)
    if values.get("place"):
        return _part_rejected(number, values, worst)
    where = f"{values['set_id']}, document D-{number}"
    if worst is not None and worst.segment:
        element = f"-{worst.element:02d}" if worst.element else ""
        where += f", segment {worst.position}, {worst.segment}{element}"
    data = {
        "kind_word": values["set_id"],
        "control_number": values["control_number"],
        "finding": _said(worst, values) if worst else "its envelope cannot be used.",
    }
    key, subject = f"document:{number}:rejected", ("document", number)
    return Alert("document-rejected", values["lane"], key, data, where, subject, values["partner"], f"D-{number}")


def _part_rejected(number: int, values: dict[str, Any], worst: Finding | None) -> Alert:
    """A document of a file without an envelope."""
    where = f"{values['place']}, document D-{number}"
    if worst is not None:
        where = f"{words.place(worst)}, document D-{number}"
    data = {
        "kind_word": values["set_id"],
        "number": values["control_number"],
        "place": values["place"],
        "finding": _said(worst, values) if worst else "its file was refused.",
    }
    key, subject = f"document:{number}:rejected", ("document", number)
    return Alert("part-rejected", values["lane"], key, data, where, subject, values["partner"], f"D-{number}")


def _said(finding: Finding, values: Mapping[str, Any]) -> str:
    """A finding as one sentence, with the names of the document's own dictionary."""
    return words.message_and_remedy(finding, names_for(values["standard"], values["version"]))[0]
